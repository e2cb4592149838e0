/** What `nft -j` lists, as counts: of the verdicts, and of the elements that were asked for. */
import { type NftCounterName, type NftCounts, nftCounterNames } from './nft-message.ts';

type Listed = {
  readonly counter?: {
    readonly name: NftCounterName;
    readonly packets: number;
    readonly bytes: number;
  };
  readonly set?: { readonly elem?: readonly unknown[] };
};

type Element = {
  readonly elem?: {
    readonly val: string | { readonly prefix: { readonly addr: string; readonly len: number } };
    readonly counter?: { readonly packets: number };
  };
};

export function readCounts(documents: readonly string[], targets: ReadonlySet<string>): NftCounts {
  const verdicts: Partial<Record<NftCounterName, { packets: number; bytes: number }>> = {};
  const hits: Record<string, number> = {};
  for (const text of documents) {
    if (text.trim() === '') continue;
    const { nftables = [] } = JSON.parse(text) as { readonly nftables?: readonly Listed[] };
    for (const { counter, set } of nftables) {
      if (counter !== undefined && nftCounterNames.includes(counter.name))
        verdicts[counter.name] = { packets: counter.packets, bytes: counter.bytes };
      for (const one of set?.elem ?? []) {
        const { elem } = one as Element;
        if (elem?.counter === undefined || elem.counter.packets === 0) continue;
        const { val } = elem;
        const target = typeof val === 'string' ? val : `${val.prefix.addr}/${val.prefix.len}`;
        if (targets.has(target)) hits[target] = elem.counter.packets;
      }
    }
  }
  return { verdicts, hits };
}
