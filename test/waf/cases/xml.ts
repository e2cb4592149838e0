/** XML bodies: text and attribute values, or a failure. */
export type XmlCase = {
  readonly name: string;
  readonly body: string;
  readonly text?: string;
  readonly attributes?: readonly string[];
  readonly isRead?: false;
};

const open = (depth: number): string => '<a>'.repeat(depth);
const close = (depth: number): string => '</a>'.repeat(depth);

export const xmlCases: readonly XmlCase[] = [
  {
    name: 'text and attributes',
    body: '<a b="1" c=\'2\'>x<d/>y</a>',
    text: 'xy',
    attributes: ['1', '2'],
  },
  {
    name: 'CDATA that cuts a word',
    body: '<r>UN<![CDATA[ION SEL]]>ECT <![CDATA[<]]></r>',
    text: 'UNION SELECT <',
  },
  {
    name: 'references',
    body: '<r a="&quot;&#65;">&lt;&#x41;&amp;&gt;&apos;&#233;</r>',
    text: "<A&>'\xc3\xa9",
    attributes: ['"A'],
  },
  {
    name: 'comments and instructions',
    body: '<?xml version="1.0"?><!-- a --><r>x<!-- y --><?z ?></r><!-- b -->',
    text: 'x',
  },
  { name: 'a byte-order mark', body: '\xef\xbb\xbf<r>x</r>', text: 'x' },
  {
    name: 'Latin-1 by name',
    body: '<?xml version="1.0" encoding="ISO-8859-1"?><r>\xe9</r>',
    text: '\xe9',
  },
  {
    name: 'a document type with a public identifier',
    body: '<!DOCTYPE plist PUBLIC "-//A" "http://x/"><r/>',
    attributes: ['-//A', 'http://x/'],
  },
  { name: 'a document type alone', body: '<!DOCTYPE r><r/>' },
  { name: 'nothing', body: '' },
  { name: 'depth at the bound', body: `${open(256)}x${close(256)}`, text: 'x' },
  { name: 'depth beyond the bound', body: `${open(257)}x${close(257)}`, isRead: false },
  {
    name: 'attributes at the bound',
    body: `<a ${Array.from({ length: 10_000 }, (_, i) => `b${i}=""`).join(' ')}/>`,
    attributes: Array.from({ length: 10_000 }, () => ''),
  },
  {
    name: 'attributes beyond the bound',
    body: `<a ${Array.from({ length: 10_001 }, (_, i) => `b${i}=""`).join(' ')}/>`,
    attributes: Array.from({ length: 10_000 }, () => ''),
    isRead: false,
  },
  {
    name: 'an entity',
    body: '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
    isRead: false,
  },
  {
    name: 'an external subset',
    body: '<!DOCTYPE r SYSTEM "http://192.0.2.7/x.dtd"><r/>',
    isRead: false,
  },
  { name: 'an entity that nobody declared', body: '<r>a&x;</r>', text: 'a', isRead: false },
  { name: 'UTF-16', body: '\xff\xfe<\0r\0/\0>\0', isRead: false },
  { name: 'UTF-16 by name', body: '<?xml version="1.0" encoding="UTF-16"?><r/>', isRead: false },
  { name: 'UTF-7 by name', body: '<?xml version="1.0" encoding="UTF-7"?><r/>', isRead: false },
  { name: 'bad UTF-8', body: '<r>\xc3(</r>', isRead: false },
  { name: 'a NUL', body: '<r>\0</r>', isRead: false },
  { name: 'a reference to a NUL', body: '<r>&#0;</r>', isRead: false },
  { name: 'a reference beyond Unicode', body: '<r>&#x110000;</r>', isRead: false },
  { name: 'a reference without its semicolon', body: '<r>&lt</r>', isRead: false },
  { name: 'tags that cross', body: '<a><b></a></b>', isRead: false },
  { name: 'an open element', body: '<a>x', text: 'x', isRead: false },
  { name: 'two roots', body: '<a/><b/>', isRead: false },
  { name: 'text beside the root', body: '<a/>x', isRead: false },
  { name: 'no root', body: '<!-- -->', isRead: false },
  { name: 'an attribute without quotes', body: '<a b=c/>', isRead: false },
  { name: 'an attribute without a value', body: '<a b/>', isRead: false },
  { name: 'a tag in an attribute', body: '<a b="<"/>', isRead: false },
  { name: 'attributes without a space', body: '<a b="1"c="2"/>', attributes: ['1'], isRead: false },
  { name: 'JSON', body: '{"a":1}', isRead: false },
];
