/** A reporter of the test runner: the files of which a test failed, a line each. */

/** @param {AsyncIterable<{ type: string, data: { file?: string, name: string } }>} source */
export default async function* failedFiles(source) {
  const files = new Set();
  for await (const { type, data } of source)
    if (type === 'test:fail') files.add(data.file ?? data.name);
  for (const file of files) yield `${file}\n`;
}
