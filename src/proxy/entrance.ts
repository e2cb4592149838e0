/** What a listener says of the connections and requests that come in by it, compiled; part of the snapshot. */
import type { Listener } from '#config/listener-schema.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { CidrMap } from '#core/cidr-map.ts';
import { parseCidr } from '#core/ip.ts';
import { type AddressRule, compileAddressRule } from './client-address.ts';
import type { HeadLimits } from './http1/parse-request.ts';
import { aliasDrop } from './http1/write-head.ts';
import type { UpstreamGroup } from './upstream/upstream-group.ts';

export type Entrance = {
  /** How a trusted proxy tells the client's address; null: X-Forwarded-For, past trusted addresses. */
  readonly addressRule: AddressRule | null;
  /** Who must begin with a PROXY header; null: nobody may. */
  readonly proxyProtocolFrom: CidrMap<true> | null;
  readonly tcp: CompiledTcp | null;
  /** Without TLS: a client may begin with the preface of HTTP/2. */
  readonly sniffsHttp2: boolean;
  /** How HTTP/1.1 heads are read. */
  readonly head: HeadLimits;
  /** CONNECT goes on to the upstream of its route. */
  readonly tunnelsConnect: boolean;
  /** Kinds of fields that never travel on, beside the usual ones. */
  readonly drops: number;
  /** Every name with `_` or `.` counts as an alias. */
  readonly marksAliases: boolean;
};

export type CompiledTcp = {
  readonly upstream: UpstreamGroup;
  readonly idleMs: number;
  readonly sendProxyProtocol: boolean;
};

export function compileEntrance(
  listener: Listener,
  limits: Config['edge']['limits'],
  upstreams: ReadonlyMap<string, UpstreamGroup>,
): Entrance {
  const { clientAddress, proxyProtocol, tcp, headerAliases, lengthWithChunked } = listener;
  const { connect, withoutVersion } = listener;
  return {
    addressRule:
      clientAddress === undefined
        ? null
        : compileAddressRule(clientAddress.header, clientAddress.hops),
    proxyProtocolFrom: proxyProtocol === undefined ? null : compileRanges(proxyProtocol.from),
    tcp: tcp === undefined ? null : compileTcp(tcp, upstreams),
    sniffsHttp2: listener.plaintext === true && listener.http2 === true,
    head: {
      ...limits,
      dropsLengthBesideChunked: lengthWithChunked === 'drop',
      readsWithoutVersion: withoutVersion === 'close',
    },
    tunnelsConnect: connect === 'tunnel',
    drops: headerAliases === 'keep' ? 0 : aliasDrop,
    marksAliases: headerAliases === 'drop',
  };
}

function compileTcp(
  tcp: NonNullable<Listener['tcp']>,
  upstreams: ReadonlyMap<string, UpstreamGroup>,
): CompiledTcp {
  const upstream = upstreams.get(tcp.upstream);
  if (upstream === undefined) throw new Error(`upstream ${tcp.upstream} does not exist`);
  return { upstream, idleMs: tcp.idleMs, sendProxyProtocol: tcp.sendProxyProtocol !== undefined };
}

/** The configuration check has refused what is no address or range. */
export function compileRanges(texts: readonly string[]): CidrMap<true> {
  const map = new CidrMap<true>(Math.max(1, texts.length));
  for (const text of texts) {
    const cidr = parseCidr(text);
    assert(cidr !== null, `${text} is an address or range`);
    map.set(cidr, true);
  }
  return map;
}
