/** What is known of a connection before its first request, fixed for its life; every exchange on it shares one. */
import type { ForwardedFields } from './forwarded-fields.ts';
import type { ClientCertificate } from './tls/client-certificate.ts';

export type ConnectionFacts = {
  /** Index of the listener it came in by. */
  readonly listener: number;
  /** The peer as the socket or the PROXY protocol shows it, IPv4-mapped addresses as IPv4. */
  readonly peer: string;
  readonly isTls: boolean;
  /** JA4 fingerprint of the client hello; empty without TLS. */
  readonly ja4: string;
  /** What the client showed of itself in the handshake; null when nothing. */
  readonly certificate: ClientCertificate | null;
  /** What upstreams hear of the peer. */
  readonly forwarded: ForwardedFields;
};
