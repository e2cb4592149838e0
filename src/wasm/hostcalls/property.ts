/** `property`: what the host knows of the request beside its head. −1 for a name it does not know, or not now. */
import type { Transaction } from '#waf/transaction.ts';
import { type CallSite, type HostCall, none } from './call-site.ts';

export const propertyCalls: readonly HostCall[] = [
  {
    name: 'property',
    signature: '(i32,i32,i32,i32)->i32',
    grants: ['property'],
    bind: (call) => (name: number, nameLength: number, into: number, max: number) => {
      call.enter();
      call.checkRoom(into, max >>> 0);
      const value = propertyOf(call, call.text(name, nameLength, 'the name'));
      return value === null ? none : call.giveText(value, into, max);
    },
  },
];

function propertyOf({ context }: CallSite, name: string): string | null {
  if (name === 'module.version') return context.module.version;
  const transaction = context.transaction();
  if (transaction === null) return null;
  switch (name) {
    case 'request.id':
      return transaction.requestId;
    case 'route':
      return transaction.route;
    case 'upstream':
      return transaction.upstream;
    case 'score':
      return String(transaction.score);
    case 'tags':
      return [...transaction.tags].join(' ');
    default:
      return trailer(transaction, name);
  }
}

/** `request.trailers.NAME`, `response.trailers.NAME`: of the body whose end is shown; several values as a list. */
function trailer({ trailers }: Transaction, name: string): string | null {
  const prefix = `${trailers?.of}.trailers.`;
  if (trailers === null || !name.startsWith(prefix)) return null;
  const wanted = name.slice(prefix.length).toLowerCase();
  const values = trailers.fields.filter(
    (_, index) => index % 2 === 1 && trailers.fields[index - 1]?.toLowerCase() === wanted,
  );
  return values.length === 0 ? null : values.join(', ');
}
