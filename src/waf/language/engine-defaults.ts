/**
 * What `modsecurity.conf` does for a rule set: XML and JSON bodies are told apart, and a body that cannot
 * be read is refused. A release of the Core Rule Set comes without that file and presumes it; without
 * these rules it would not see into a JSON body at all. Used where a folder has no such file of its own.
 */
import type { RuleSource } from './load.ts';

/** Ids that no rule set and no operator uses: CRS has 900,000 to 999,999, ModSecurity's file 200,000 on. */
const text = `SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml

SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application|text)/(?:[a-z0-9.-]+\\+)?xml" \\
  "id:1990000,phase:1,pass,nolog,t:none,t:lowercase,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/(?:[a-z0-9.-]+\\+)?json" \\
  "id:1990001,phase:1,pass,nolog,t:none,t:lowercase,ctl:requestBodyProcessor=JSON"

SecRule REQBODY_ERROR "!@eq 0" \\
  "id:1990002,phase:2,deny,status:400,log,t:none,severity:2,\\
  msg:'The request body cannot be read',logdata:'%{REQBODY_ERROR_MSG}'"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" \\
  "id:1990003,phase:2,deny,status:400,log,t:none,severity:2,\\
  msg:'The multipart body can be read in more than one way'"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" \\
  "id:1990004,phase:2,deny,status:400,log,t:none,severity:2,\\
  msg:'The multipart body has a line like a boundary that is none'"
`;

export const engineDefaults: RuleSource = {
  kind: 'text',
  name: 'defaults of the engine',
  text,
  folder: '/',
};
