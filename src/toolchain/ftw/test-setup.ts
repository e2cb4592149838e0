/**
 * What the tests of the Core Rule Set presume of the rules beyond their setup file: detection alone, every
 * paranoia level, bounds on arguments, response bodies, and markers in the log. Used where a rule folder
 * has no `engine/ftw-setup.conf` of its own.
 */
export const testSetup = `SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json

SecAction "id:900005,phase:1,nolog,pass,ctl:ruleEngine=DetectionOnly,\\
  setvar:tx.paranoia_level=4,setvar:tx.executing_paranoia_level=4,\\
  setvar:tx.blocking_paranoia_level=4,setvar:tx.crs_validate_utf8_encoding=1,\\
  setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,setvar:tx.total_arg_length=64000,\\
  setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"

SecRule REQUEST_HEADERS:X-CRS-Test "@rx ^" \\
  "id:999999,phase:1,pass,log,msg:'X-CRS-Test %{MATCHED_VAR}',ctl:ruleRemoveById=1-999999"
`;
