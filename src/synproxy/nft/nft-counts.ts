/** What `nft -j` lists, as counts: of the verdicts, of the rules, and of the elements that were asked for. */
import {
  type NftCounter,
  type NftCounterName,
  type NftCounts,
  nftCounterNames,
} from './nft-message.ts';
import { ruleCounterPattern } from './nft-program.ts';

type Listed = {
  readonly counter?: {
    readonly name: string;
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
  const verdicts: Partial<Record<NftCounterName, NftCounter>> = {};
  const rules: Record<string, NftCounter> = {};
  const hits: Record<string, number> = {};
  for (const text of documents) {
    if (text.trim() === '') continue;
    const { nftables = [] } = JSON.parse(text) as { readonly nftables?: readonly Listed[] };
    for (const { counter, set } of nftables) {
      if (counter !== undefined) {
        const { name, packets, bytes } = counter;
        const verdict = nftCounterNames.find((one) => one === name);
        if (verdict !== undefined) verdicts[verdict] = { packets, bytes };
        const id = ruleCounterPattern.exec(name)?.[1];
        if (id !== undefined) rules[id] = { packets, bytes };
      }
      for (const one of set?.elem ?? []) {
        const { elem } = one as Element;
        if (elem?.counter === undefined || elem.counter.packets === 0) continue;
        const { val } = elem;
        const target = typeof val === 'string' ? val : `${val.prefix.addr}/${val.prefix.len}`;
        if (targets.has(target)) hits[target] = elem.counter.packets;
      }
    }
  }
  return { verdicts, hits, rules };
}
