/** Multipart bodies by what is odd about them. Line feeds stand for CRLF unless `lf` is set. */
export type MultipartCase = {
  readonly name: string;
  readonly type?: string;
  readonly body: string;
  readonly lf?: true;
  /** All but part headers. */
  readonly values?: readonly string[];
  readonly flags?: readonly string[];
  readonly failure?: string;
};

const field = '--B\nContent-Disposition: form-data; name="a"\n\nx\n';
const said = (words: string): string => `Multipart parsing error: Multipart: ${words}`;
const boundary = (words: string): string => said(`Invalid boundary in C-T (${words}).`);
const disposition = (value: string): string =>
  `--B\nContent-Disposition: form-data${value}\n\nx\n--B--\n`;
const badDisposition = (number: string, value: string): string =>
  said(`Invalid Content-Disposition header${number}: form-data${value}.`);

export const multipartCases: readonly MultipartCase[] = [
  { name: 'a field', body: `${field}--B--\n`, values: ['ARGS_POST a=x'] },
  {
    name: 'no line end behind the last boundary',
    body: `${field}--B--`,
    values: ['ARGS_POST a=x'],
  },
  {
    name: 'an empty value',
    body: '--B\nContent-Disposition: form-data; name="a"\n\n\n--B--\n',
    values: ['ARGS_POST a='],
  },
  {
    name: 'a value of lines',
    body: `${field.replace('x', 'x\n\ny\n')}--B--\n`,
    values: ['ARGS_POST a=x\r\n\r\ny\r\n'],
  },
  { name: 'no body', body: '', values: [] },
  {
    name: 'a file, its name with a quote',
    body: '--B\nContent-Disposition: form-data; name="f"; filename="a\\"b.txt"\nContent-Type: text/plain\n\nabc\n--B--\n',
    values: ['FILES f=a"b.txt', 'FILE_SIZES f=3'],
  },
  {
    name: 'a file name with backslashes, as old browsers send them',
    body: disposition('; name="f"; filename="C:\\dir\\a.txt"'),
    values: ['FILES f=C:\\dir\\a.txt', 'FILE_SIZES f=1'],
  },
  {
    name: 'filename* beside filename: both are seen',
    body: disposition(`; name="f"; filename="a.txt"; filename*=UTF-8''shell%2Ephp`),
    values: ['FILES f=a.txt', 'FILES f=shell.php', 'FILE_SIZES f=1'],
  },
  {
    name: 'filename* alone is a file too',
    body: disposition(`; name="f"; filename*=UTF-8'en'%e2%82%ac.txt`),
    values: ['FILES f=\xe2\x82\xac.txt', 'FILE_SIZES f=1'],
  },
  {
    name: 'bare words',
    body: disposition('; name=a; filename=b.txt'),
    values: ['FILES a=b.txt', 'FILE_SIZES a=1'],
  },
  {
    name: 'single quotes',
    body: disposition("; name='a'"),
    values: ['ARGS_POST a=x'],
    flags: ['invalidQuoting'],
  },
  {
    name: 'a single quote within double quotes',
    body: disposition('; name="O\'B"'),
    values: ["ARGS_POST O'B=x"],
  },
  {
    name: 'two names',
    body: disposition('; name="a"; name="b"'),
    failure: badDisposition(' (-14)', '; name="a"; name="b"'),
  },
  {
    name: 'two file names',
    body: disposition('; name="f"; filename="a.txt"; filename="b.php"'),
    failure: badDisposition(' (-15)', '; name="f"; filename="a.txt"; filename="b.php"'),
  },
  {
    name: 'an unknown parameter',
    body: disposition('; name="a"; size=1'),
    failure: badDisposition(' (-11)', '; name="a"; size=1'),
  },
  {
    name: 'a continued parameter (RFC 2231)',
    body: disposition('; name="a"; filename*0="a"'),
    failure: badDisposition(' (-11)', '; name="a"; filename*0="a"'),
  },
  {
    name: 'a name in other case',
    body: disposition('; Name="a"'),
    failure: badDisposition(' (-11)', '; Name="a"'),
  },
  {
    name: 'a parameter behind a value without a semicolon',
    body: disposition('; name="a" filename="b"'),
    failure: badDisposition(' (-12)', '; name="a" filename="b"'),
  },
  {
    name: 'an unfinished quote',
    body: disposition('; name="a'),
    failure: badDisposition('', '; name="a'),
  },
  { name: 'a semicolon at the end', body: disposition('; name="a";'), values: ['ARGS_POST a=x'] },
  {
    name: 'no name',
    body: disposition(''),
    failure: said('Content-Disposition header missing name field.'),
  },
  {
    name: 'another disposition',
    body: '--B\nContent-Disposition: attachment\n\nx\n--B--\n',
    failure: said('Invalid Content-Disposition header (-1): attachment.'),
  },
  {
    name: 'no disposition',
    body: '--B\nContent-Type: text/plain\n\nx\n--B--\n',
    failure: said('Part missing Content-Disposition header.'),
  },
  {
    name: 'a byte beyond ASCII in a header name',
    body: '--B\nContent-\xe4: x\n\nx\n--B--\n',
    failure: said('Invalid part header (contains invalid character).'),
  },
  {
    name: 'a space in a header name',
    body: '--B\nContent Type: x\n\nx\n--B--\n',
    failure: said('Invalid part header (contains invalid character).'),
  },
  {
    name: 'a header without a colon',
    body: '--B\nabc\n\nx\n--B--\n',
    failure: said('Invalid part header (colon missing): abc.'),
  },
  {
    name: 'a header without a name',
    body: '--B\n: x\n\nx\n--B--\n',
    failure: said('Invalid part header (header name missing).'),
  },
  {
    name: 'a header twice, in any case',
    body: '--B\nX-A: 1\nx-a: 2\n\nx\n--B--\n',
    failure: said('Duplicate part header: x-a.'),
  },
  {
    name: 'a NUL in a header',
    body: '--B\nX-A: \0\n\nx\n--B--\n',
    failure: said('Nul byte in part headers.'),
  },
  {
    name: 'a folded header',
    body: '--B\nContent-Disposition: form-data;\n name="a"\n\nx\n--B--\n',
    values: ['ARGS_POST a=x'],
    flags: ['headerFolding'],
  },
  {
    name: 'a header folded with a form feed',
    body: '--B\nContent-Disposition: form-data;\n\x0cname="a"\n\nx\n--B--\n',
    values: ['ARGS_POST a=x'],
    flags: ['headerFolding', 'invalidHeaderFolding'],
  },
  {
    name: 'a fold before any header',
    body: '--B\n x\n\nx\n--B--\n',
    flags: ['headerFolding'],
    failure: said('Invalid part header (folding error).'),
  },
  {
    name: 'data before',
    body: `hi\n${field}--B--\n`,
    values: ['ARGS_POST a=x'],
    flags: ['dataBefore'],
  },
  {
    name: 'data after',
    body: `${field}--B--\nhi\n`,
    values: ['ARGS_POST a=x'],
    flags: ['dataAfter'],
  },
  {
    name: 'a part after the last boundary',
    body: `${field}--B--\n${field}--B--\n`,
    values: ['ARGS_POST a=x'],
    flags: ['dataAfter'],
  },
  {
    name: 'LF alone',
    lf: true,
    body: `${field}--B--\n`,
    values: ['ARGS_POST a=x'],
    flags: ['lfLine'],
  },
  {
    name: 'LF behind one boundary',
    body: `--B\r${field.slice(3)}--B--\n`.replace('--B\r\n', '--B\u2028'),
    values: ['ARGS_POST a=x'],
    flags: ['crlfLfLines', 'lfLine'],
  },
  {
    name: 'LF before the boundary',
    body: `${field.slice(0, -1)}\u2028--B--\n`,
    values: ['ARGS_POST a=x'],
    flags: ['crlfLfLines', 'lfLine'],
  },
  {
    name: 'another boundary',
    body: `${field}--C\n--B--\n`,
    values: ['ARGS_POST a=x\r\n--C'],
    flags: ['unmatchedBoundary'],
  },
  {
    name: 'the boundary within a line',
    body: `${field}y--B\n--B--\n`,
    values: ['ARGS_POST a=x\r\ny--B'],
    flags: ['unmatchedBoundary'],
  },
  {
    name: 'a boundary that goes on',
    body: `${field}--Bx\n--B--\n`,
    failure: said('Invalid boundary: --Bx??'),
  },
  {
    name: 'a boundary in quotes',
    type: 'multipart/form-data; boundary="B"',
    body: `${field}--"B"\n--B--\n`,
    failure: said('Invalid boundary (quotes).'),
    flags: ['boundaryQuoted'],
  },
  {
    name: 'a boundary behind a space',
    body: `${field}-- B\n--B--\n`,
    failure: said('Invalid boundary (whitespace).'),
  },
  {
    name: 'a boundary where data begin',
    body: '--B\nContent-Disposition: form-data; name="a"\n\n--B--\n--B--\n',
    values: ['ARGS_POST a=--B--'],
    flags: ['invalidPart'],
  },
  { name: 'no last boundary', body: field, failure: said('Final boundary missing.') },
  {
    name: 'no boundary',
    body: 'abc\n',
    failure: said('No boundaries found in payload.'),
    flags: ['dataBefore'],
  },
  {
    name: 'a header line beyond the bound',
    body: `--B\nX: ${'a'.repeat(4096)}\n\nx\n--B--\n`,
    failure: said('Part header line over 4096 bytes long'),
  },
  {
    name: 'a folded header beyond the bound',
    body: `--B\nX: ${'a'.repeat(4000)}\n ${'b'.repeat(100)}\n\nx\n--B--\n`,
    failure: said('Part header too long.'),
    flags: ['headerFolding'],
  },
  {
    name: 'more headers than a part may have',
    body: `--B\n${Array.from({ length: 65 }, (_, i) => `X-${i}: 1\n`).join('')}\nx\n--B--\n`,
    failure: said('Too many part headers.'),
  },
  {
    name: 'more files than a body may have',
    body: `${Array.from({ length: 101 }, () => '--B\nContent-Disposition: form-data; name="f"; filename="f"\n\nx\n').join('')}--B--\n`,
    flags: ['fileLimit'],
  },
  {
    name: 'a quoted boundary',
    type: 'multipart/form-data; boundary="B"',
    body: `${field}--B--\n`,
    values: ['ARGS_POST a=x'],
    flags: ['boundaryQuoted'],
  },
  {
    name: 'white space before the equals sign',
    type: 'multipart/form-data; boundary =B',
    body: `${field}--B--\n`,
    values: ['ARGS_POST a=x'],
    flags: ['boundaryWhitespace'],
  },
  {
    name: 'no semicolon',
    type: 'multipart/form-data boundary=B',
    body: `${field}--B--\n`,
    values: ['ARGS_POST a=x'],
    flags: ['missingSemicolon'],
  },
  {
    name: 'a charset before the boundary',
    type: 'multipart/form-data; charset=utf-8; boundary=B',
    body: `${field}--B--\n`,
    values: ['ARGS_POST a=x'],
  },
  {
    name: 'a charset behind it',
    type: 'multipart/form-data; boundary=B; charset=UTF-8',
    body: `${field}--B--\n`,
    values: ['ARGS_POST a=x'],
  },
  {
    name: 'two boundaries',
    type: 'multipart/form-data; boundary=B; boundary=C',
    body: field,
    failure: said('Multiple boundary parameters in C-T.'),
  },
  {
    name: 'BOUNDARY',
    type: 'multipart/form-data; BOUNDARY=B',
    body: field,
    failure: boundary('case sensitivity'),
  },
  {
    name: 'no boundary in the type',
    type: 'multipart/form-data',
    body: field,
    failure: said('Boundary not found in C-T.'),
  },
  {
    name: 'another type',
    type: 'multipart/mixed; boundary=B',
    body: field,
    failure: said('Invalid MIME type.'),
  },
  { name: 'no type', type: '', body: field, failure: said('Content-Type header not available.') },
  {
    name: 'half a quote',
    type: 'multipart/form-data; boundary="B',
    body: field,
    failure: boundary('quote'),
  },
  {
    name: 'an empty boundary',
    type: 'multipart/form-data; boundary=',
    body: field,
    failure: boundary('empty'),
  },
  {
    name: 'a comma in front of it',
    type: 'multipart/form-data, boundary=B',
    body: field,
    failure: boundary('malformed'),
  },
  {
    name: 'an odd byte in it',
    type: 'multipart/form-data; boundary=B<',
    body: field,
    failure: boundary('characters'),
  },
  {
    name: 'a parameter behind it',
    type: 'multipart/form-data; boundary=B; x=y',
    body: field,
    failure: boundary('characters'),
  },
  {
    name: 'a boundary of 70 bytes',
    type: `multipart/form-data; boundary=${'B'.repeat(70)}`,
    body: `--${'B'.repeat(70)}\nContent-Disposition: form-data; name="a"\n\n${'-'.repeat(71)}${'B'.repeat(69)}\n--${'B'.repeat(70)}--`,
    values: [`ARGS_POST a=${'-'.repeat(71)}${'B'.repeat(69)}`],
    flags: ['unmatchedBoundary'],
  },
  {
    name: 'a boundary of 71 bytes',
    type: `multipart/form-data; boundary=${'B'.repeat(71)}`,
    body: field,
    failure: boundary('length'),
  },
  {
    name: 'a type beyond its bound',
    type: `multipart/form-data; boundary=B${' '.repeat(1024)}`,
    body: field,
    failure: boundary('length'),
  },
];
