/** What ModSecurity's tests name as `test-cases/data` are the files of the folder `data`. */
import { join } from 'node:path';
import { diskReader, type RuleReader } from '#waf/language/rule-reader.ts';
import { sharedFolder } from './shared-file.ts';

const data = join(sharedFolder, 'seclang/data');
const placed = (path: string): string => path.replace(/^.*test-cases\/data/, data);

export const dataReader: RuleReader = {
  read: (path, bytesMax) => diskReader.read(placed(path), bytesMax),
  list: (folder) => diskReader.list(placed(folder)),
};
