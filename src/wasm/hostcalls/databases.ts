/**
 * `lookup`: what a database of addresses says of one, for example its country. An empty address is the
 * client's. The answer is text: a number is decimal, a boolean true or false; −1 for nothing or a map.
 */
import { type HostCall, none } from './call-site.ts';

const nameBytesMax = 32;
const addressBytesMax = 64;
export const pathBytesMax = 256;

export const databaseCalls: readonly HostCall[] = [
  {
    name: 'lookup',
    signature: '(i32,i32,i32,i32,i32,i32,i32,i32)->i32',
    grants: ['databases'],
    bind:
      (call) =>
      (
        database: number,
        databaseLength: number,
        address: number,
        addressLength: number,
        path: number,
        pathLength: number,
        into: number,
        max: number,
      ) => {
        call.enter();
        call.checkRoom(into, max >>> 0);
        const { services, module } = call.context;
        const name = call.text(
          database,
          databaseLength,
          'the name of the database',
          nameBytesMax + 1,
        );
        const file = Object.hasOwn(module.databases, name) ? module.databases[name] : undefined;
        if (file === undefined) {
          const names = Object.keys(module.databases).join(', ') || 'none';
          throw call.failure(
            `there is no database ${JSON.stringify(name)}: the configuration of ${module.name} has ${names}`,
          );
        }
        const found = services.database(file);
        if (found === null) return none;
        if (addressLength >>> 0 > addressBytesMax || pathLength >>> 0 > pathBytesMax) return none;
        const asked =
          addressLength === 0
            ? call.context.subject()?.clientAddress
            : call.text(address, addressLength, 'the address');
        if (asked === undefined) return none;
        const text = found.lookup(asked, call.utf8(path, pathLength, 'the path'));
        return text === null ? none : call.give(Buffer.from(text, 'utf8'), into, max);
      },
  },
];
