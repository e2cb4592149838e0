/**
 * Words of SQL and what they are, over the dialects of MySQL, MariaDB, PostgreSQL, SQLite, SQL Server and Oracle.
 *
 * Only words that change how a value reads are here; every other word is a name. Functions count as such only with
 * an opening bracket behind them. English is full of these words: it is the grammar (`sql-grammar.ts`), not the
 * words, that tells an injection.
 */
import { Sql } from './sql-token';
import { addWords, kindOfHash } from './word-table';

const logic: string = 'and or xor';
const compare: string = 'like rlike regexp ilike glob in is between similar sounds match soundex overlaps';
const arithmetic: string = 'div mod collate';
const prefix: string = 'not binary distinct distinctrow exists any some interval row array case sql_no_cache straight_join top';
const union: string = 'union intersect except minus';
const statement: string =
  'insert update delete drop create alter exec execute declare shutdown truncate merge replace grant revoke begin handler call rename backup restore load attach vacuum pragma copy do prepare deallocate analyze goto';
const clause: string = 'having limit offset procedure outfile dumpfile';
const literal: string =
  'null true false unknown current_user session_user system_user current_date current_time current_timestamp localtime localtimestamp sysdate rownum sqlcode default';
const glue: string = 'when then else end as all escape using over partition by asc desc nulls first next rows only at within';
const object: string =
  'table database schema view index user function trigger login role sequence tablespace column into';
const join: string = 'join inner outer left right full cross natural on';

/** Functions of databases with everyday names and uses. */
const calls: string =
  'abs ascii avg bin bit_length cast ceil ceiling char char_length character_length chr coalesce convert cos count cot crc32 date date_add date_format date_sub datediff day decode elt encode exp field floor format from_base64 from_days from_unixtime getdate greatest hex if ifnull iif instr isnull json_array json_depth json_extract json_keys json_length json_object json_type json_valid json_value last_insert_id lcase least left len length ln locate log log10 log2 lower lpad ltrim make_set max md5 mid min mod month now nullif nvl nvl2 oct octet_length ord patindex pi position pow power quote rand randomblob random regexp_instr regexp_like regexp_replace regexp_substr replace reverse right round row_count rpad rtrim sha sha1 sha2 sign sin space sqrt stddev str strcmp string_agg stuff substr substring substring_index sum sysdate tan time timestamp to_base64 to_char to_date to_number to_timestamp trim truncate typeof ucase unhex unicode unistr unix_timestamp unnest upper uuid value values variance week year zeroblob stragg wm_concat xmlelement xmlagg json_search json_contains isjson rawtohex hextoraw bitand translate initcap';
/** Functions that nobody types into a form but to find out about a database, to wait, or to reach its files. */
const probes: string =
  'aes_decrypt aes_encrypt benchmark bit_and bit_or bit_xor concat concat_ws current_setting dblink dblink_connect db_id db_name extractvalue generate_series geometrycollection get_lock group_concat has_dbaccess has_perms_by_name is_free_lock is_member is_srvrolemember linestring listagg lo_export lo_import load_extension load_file master_pos_wait multilinestring multipoint multipolygon name_const object_id object_name openquery openrowset opendatasource pg_ls_dir pg_read_binary_file pg_read_file pg_sleep pg_sleep_for polygon procedure_analyse query_to_xml quote_ident release_lock row_to_json sleep sys_context sys_eval sys_exec updatexml user_id userenv utl_http xmltype xp_cmdshell xp_dirtree xp_regread sp_executesql sp_password sqlite_source_id sqlite_compileoption_get database_to_xml table_to_xml json_group_array ctxsys httpuritype dbms_pipe dbms_lock dbms_xmlgen utl_inaddr to_dsinterval analyse gtid_subset gtid_subtract uuid_to_bin json_populate_record';
/** Of these the same holds only where nothing stands in the brackets. */
const emptyProbes: string =
  'connection_id current_database current_query current_schema current_user database found_rows host_name schema_name session_user sqlite_version suser_name suser_sname system_user user user_name version inet_server_addr schema';

const bits: i32 = 11;
const table: usize = memory.data(8 << bits, 16);
let isReady: bool = false;
/** Keeps words and functions of one name apart. */
const wordSalt: u32 = 0x9e37_79b9;
const functionSalt: u32 = 0x85eb_ca6b;
const emptyProbe: i32 = 64;

/** What a word is; `hash` is that over its lower case letters. `Sql.name` for all that are not here. */
export function kindOfWord(hash: u32): i32 {
  if (!isReady) fill();
  const kind = kindOfHash(table, bits, hash ^ wordSalt);
  return kind == 0 ? Sql.name : kind;
}

/** What a word with an opening bracket behind it is: `Sql.call`, `Sql.probe`, or `Sql.name`. */
export function kindOfFunction(hash: u32, isEmpty: bool): i32 {
  if (!isReady) fill();
  const kind = kindOfHash(table, bits, hash ^ functionSalt);
  if (kind == emptyProbe) return isEmpty ? Sql.probe : Sql.name;
  return kind == 0 ? Sql.name : kind;
}

function fill(): void {
  isReady = true;
  addWords(table, bits, logic, Sql.logic, wordSalt);
  addWords(table, bits, compare, Sql.compare, wordSalt);
  addWords(table, bits, arithmetic, Sql.arithmetic, wordSalt);
  addWords(table, bits, prefix, Sql.prefix, wordSalt);
  addWords(table, bits, union, Sql.union, wordSalt);
  addWords(table, bits, 'select', Sql.select, wordSalt);
  addWords(table, bits, statement, Sql.statement, wordSalt);
  addWords(table, bits, clause, Sql.clause, wordSalt);
  addWords(table, bits, 'from', Sql.from, wordSalt);
  addWords(table, bits, 'where', Sql.where, wordSalt);
  addWords(table, bits, literal, Sql.literal, wordSalt);
  addWords(table, bits, glue, Sql.glue, wordSalt);
  addWords(table, bits, object, Sql.object, wordSalt);
  addWords(table, bits, join, Sql.join, wordSalt);
  addWords(table, bits, 'waitfor delay', Sql.wait, wordSalt);
  addWords(table, bits, calls, Sql.call, functionSalt);
  addWords(table, bits, probes, Sql.probe, functionSalt);
  addWords(table, bits, emptyProbes, emptyProbe, functionSalt);
}
