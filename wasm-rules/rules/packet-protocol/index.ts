/**
 * What the first bytes of a TCP connection are, against what its port is for: a probe of another protocol
 * is told before any server has seen it.
 *
 * ```
 * SYN ─► where the client's bytes begin ─► its first bytes, in order, however they are cut ─► hello of the port: pass
 *                                                                                  └─ of another protocol: act
 * ```
 *
 * TCP delivers a byte stream, so one that comes byte by byte is judged as the one that comes at once: what
 * came so far is kept with the flow. A connection that was there before the rule passes: where its bytes begin
 * is not known. One whose SYN was answered with a cookie begins at its ACK.
 */
import { Config } from '../../sdk/config';
import { answerAt, answerLength, getValue, scopeRequest, setValue } from '../../sdk/host';
import { protocolTcp, tcpSyn } from '../../sdk/layout';
import { Packet } from '../../sdk/packet';
import { alertFlow, dropFlow, passFlow } from '../../sdk/verdict';
import { httpState, openingOf, Opening, proxyEnd, tlsState } from './openings';

export { weir_abi, weir_reserve } from '../../sdk/module';

const portsMax: i32 = 64;
/** Enough to tell every opening there is; a PROXY header in front may take more than its half. */
const keptBytesMax: i32 = 256;

const actDrop: i32 = 0;
const actAlert: i32 = 1;

let tlsPorts: i32[] = [443];
let httpPorts: i32[] = [80];
let proxyPorts: i32[] = [];
let action: i32 = actDrop;
let mismatch: i32 = actDrop;
let bytes: usize = 0;

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  if (config.has('tls')) tlsPorts = ports(config, 'tls');
  if (config.has('http')) httpPorts = ports(config, 'http');
  proxyPorts = ports(config, 'proxy');
  const actions = ['drop', 'alert'];
  action = actions.indexOf(config.choice('probes', 'drop', actions));
  mismatch = actions.indexOf(config.choice('others', 'drop', actions));
  for (let i = 0; i < httpPorts.length; i++)
    if (tlsPorts.includes(httpPorts[i])) config.refuse('http', 'names a port that tls names too');
  if (tlsPorts.length + httpPorts.length == 0) config.refuse('tls', 'and http name no port: nothing is left to do');
  bytes = heap.alloc(keptBytesMax + 8);
  return config.done();
}

function ports(config: Config, key: string): i32[] {
  return config.integers(key, portsMax, 1, 65_535);
}

export function weir_packet(view: usize): usize {
  const packet = changetype<Packet>(view);
  const isTls = tlsPorts.includes(packet.destinationPort);
  if (packet.protocol != protocolTcp || !packet.isIncoming) return passFlow();
  if (!isTls && !httpPorts.includes(packet.destinationPort)) return passFlow();
  const isSyn = (packet.tcpFlags & tcpSyn) != 0;
  if (isSyn || packet.begins) {
    store<u32>(bytes, packet.tcpSequence + (isSyn ? 1 : 0));
    setValue(scopeRequest, 'begin', bytes, 4, 0);
    // Data in a SYN (TCP Fast Open) is sent once more where it counts.
    if (isSyn) return 0;
  }
  if (packet.payloadLength == 0) return 0;
  if (!getValue(scopeRequest, 'begin', 4)) return passFlow();
  const begin = load<u32>(answerAt);
  const kept = gather(packet, begin);
  if (kept < 0) return 0;
  return judge(packet, kept, isTls);
}

/** The bytes of the stream from its first one on, at `bytes`; -1 where these are not the next ones. */
function gather(packet: Packet, begin: u32): i32 {
  let before = 0;
  if (getValue(scopeRequest, 'bytes', keptBytesMax)) {
    before = answerLength;
    memory.copy(bytes, answerAt, before);
  }
  // Wraps around as sequence numbers do.
  const offset = <i32>(packet.tcpSequence - begin);
  const skip = before - offset;
  if (offset > before || skip >= packet.payloadLength) return -1;
  const added = min(packet.payloadLength - skip, keptBytesMax - before);
  memory.copy(bytes + before, packet.payloadAt + skip, added);
  return before + added;
}

function judge(packet: Packet, length: i32, isTls: bool): usize {
  let at = bytes;
  const end = bytes + length;
  if (proxyPorts.includes(packet.destinationPort)) {
    const behind = proxyEnd(at, end);
    if (behind < 0) return keep(length);
    at += behind;
    // A header longer than what is kept: what follows it is not seen.
    if (at > end || (at == end && length == keptBytesMax)) return passFlow();
  }
  const state = isTls ? tlsState(at, end) : httpState(at, end);
  if (state == Opening.Yes) return passFlow();
  if (state == Opening.Maybe) return length == keptBytesMax ? passFlow() : keep(length);
  const found = openingOf(at, end, isTls);
  if (found.length > 0)
    return act(action, 'packet-protocol/' + found, 'a probe of another protocol than the port is for', at, end);
  const rule = isTls ? 'packet-protocol/not-tls' : 'packet-protocol/not-http';
  return act(mismatch, rule, 'the connection does not begin as the port asks for', at, end);
}

function keep(length: i32): usize {
  setValue(scopeRequest, 'bytes', bytes, length, 0);
  return 0;
}

function act(what: i32, rule: string, reason: string, at: usize, end: usize): usize {
  const length = min(<i32>(end - at), 32);
  return what == actDrop
    ? dropFlow(rule, reason, 'payload', at, length)
    : alertFlow(rule, reason, 'payload', at, length);
}
