/**
 * `{{ "A" | repeat 64200 }}`: the one function of go-ftw's templates that tests use. Anything else in
 * double braces that looks like a template is an error: go-ftw would send an empty body instead, and a
 * test that expects nothing would pass.
 */
import { WeirError } from '#core/errors.ts';

const bytesMax = 16 * 1024 * 1024;
const repeatPattern = /\{\{-?\s*"((?:[^"\\]|\\.)*)"\s*\|\s*repeat\s+([0-9]{1,8})\s*-?\}\}/g;

export function expandTemplate(text: string): string {
  if (!text.includes('{{')) return text;
  const expanded = text.replace(repeatPattern, (_, piece: string, times: string) => {
    const plain = JSON.parse(`"${piece}"`) as string;
    if (plain.length * Number(times) > bytesMax) throw bad(text, `more than ${bytesMax} bytes`);
    return plain.repeat(Number(times));
  });
  if (expanded.includes('{{') && expanded.includes('}}')) {
    throw bad(text, 'only {{ "text" | repeat N }} is known');
  }
  return expanded;
}

function bad(text: string, why: string): WeirError {
  const shown = text.slice(Math.max(0, text.indexOf('{{')), text.indexOf('{{') + 60);
  return new WeirError('TESTS_UNREADABLE', `the template ${JSON.stringify(shown)}: ${why}`);
}
