/** A body cut anywhere is brought to an end that its parser takes, and nothing before the cut changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeJson, closeMultipart, closeXml } from '#wasm/seclang/close-body.ts';
import { SeclangRules } from '../../support/seclang.ts';

const rules = new SeclangRules(`
SecRequestBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "@rx xml" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx json" "id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR|MULTIPART_STRICT_ERROR "!@eq 0" "id:3,phase:2,deny,msg:'%{REQBODY_ERROR_MSG}'"
`);

const json = Buffer.from(
  '{"a": "x\\"y\\\\", "b": [1, 2.5, {"c": null, "grüße": "東京 \\u6771"}, [], {}], "d": true, "e": ""}',
);
const xml = Buffer.from(
  '<?xml version="1.0"?>\n<!-- a -->\n<r a="1 > 0"><b>grüße &amp; more</b><c/><![CDATA[ <x> ]]><d e=\'f\'>東京</d></r>\n',
);
const multipart = Buffer.from(
  '--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\nfirst\r\n--edge\r\nContent-Disposition: form-data; name="b"; filename="c.txt"\r\nContent-Type: text/plain\r\n\r\nsecond\r\nline\r\n--edge--\r\n',
);

test('JSON cut anywhere behind its first byte reads', () => {
  for (let at = 1; at <= json.length; at++) {
    const closed = closeJson(json.subarray(0, at));
    assert.doesNotThrow(() => JSON.parse(closed.toString()), `${at}: ${closed}`);
    assert.equal(stop('application/json', closed), null, `${at}: ${closed}`);
  }
});

test('XML cut anywhere in its root reads', () => {
  for (let at = xml.indexOf('<b>'); at <= xml.length; at++) {
    const closed = closeXml(xml.subarray(0, at));
    assert.equal(stop('application/xml', closed), null, `${at}: ${closed}`);
  }
});

test('parts cut anywhere behind the first head read', () => {
  for (let at = multipart.indexOf('first'); at <= multipart.length; at++) {
    const closed = closeMultipart(multipart.subarray(0, at), Buffer.from('--edge'));
    assert.equal(stop('multipart/form-data; boundary=edge', closed), null, `${at}: ${closed}`);
  }
});

test('what does not read before the cut still does not', () => {
  assert.notEqual(stop('application/json', closeJson(Buffer.from("{'a': 'b', 'c"))), null);
  assert.notEqual(stop('application/xml', closeXml(Buffer.from('<a><b></c><d>'))), null);
});

function stop(type: string, body: Buffer): unknown {
  const fields = [['Content-Type', type]] as const;
  return rules.run({ method: 'POST', fields, body: body.toString('latin1') }).stop;
}
