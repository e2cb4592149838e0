/** ModSecurity's tests that end otherwise here, by file and place in it, each with the reason. */

const endlessChain = 'its last rule says chain and no rule follows, which is an error here';
const dtd = 'document types and schemas are not loaded, and rules that ask for them are refused';
const fragment =
  'a request target has no fragment: HTTP parsing refuses it, and nothing is cut from one';
const openText = 'a text in it is not closed where its line ends, which is an error here';
const onDisk = 'FILES_TMPNAMES: files are not written to disk';
const xpath = 'its XPath is not supported, and the rule is refused by name';
const macro = 'picks by pattern in a macro, which stands for one value: refused';

const multipartOfChains = [13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28];

export const differing: Readonly<Record<string, string>> = {
  'action-ctl_rule_engine 1': 'a mode that only watches is not made to block by a rule',
  'actions 3': 'a redirection with status 306, which HTTP does not use, is answered with 302',
  'collection-tx 1': 'the second rule of its chain has an id, which is an error here',
  'config-body_limits 1':
    'SecResponseBodyLimitAction is noted as without effect: a long response is sent on',
  'config-update-target-by-id 4':
    'leaving out ARGS by a pattern leaves ARGS_NAMES in, as version 2 does',
  'config-update-target-by-tag 3': 'its pattern has a lookahead, which is refused by name',
  'config-xml_external_entity 1': xpath,
  'issue-1831 2': openText,
  'issue-1960 1': openText,
  'issue-2296 3': 'a field of RULE is picked by name and not by pattern',
  'issue-2296 4': macro,
  'issue-2296 6': macro,
  'issue-2427 1': onDisk,
  'issue-2427 2': onDisk,
  ...Object.fromEntries(
    multipartOfChains.map((place) => [`request-body-parser-multipart ${place}`, endlessChain]),
  ),
  'request-body-parser-multipart 29': onDisk,
  'request-body-parser-multipart 35':
    'MULTIPART_UNMATCHED_BOUNDARY is 1 for whatever looks like a boundary, as in version 2',
  'request-body-parser-xml-validade-dtd 1': dtd,
  'request-body-parser-xml-validade-dtd 2': dtd,
  'request-body-parser-xml 1': dtd,
  'request-body-parser-xml 2': dtd,
  'request-body-parser-xml 3': dtd,
  'request-body-parser-xml 4': dtd,
  'variable-ARGS_GET 3': fragment,
  'variable-MULTIPART_PART_HEADERS 3':
    'its pattern has possessive quantifiers, which are refused by name',
  'variable-REQUEST_URI 2': fragment,
  'variable-REQUEST_URI 3': fragment,
  'variable-XML 1': xpath,
};
