/*
 * Datagrams from services that are abused as mirrors: small question with our address as the sender, large
 * answer to us.
 *
 * What the host asked for itself must come in: a datagram passes when a socket of ours is connected to who
 * sent it (the resolvers of glibc, c-ares, systemd-resolved and unbound's outgoing ones with `connect`), or
 * waits unconnected on a port that is not protected, as ntpd and other resolvers do. Where a service of ours
 * listens, nobody's answer is awaited. QUIC clients avoid such source ports (RFC 9308, 8.1).
 */
#ifndef WEIR_AMPLIFICATION_H
#define WEIR_AMPLIFICATION_H

#include "bpf.h"
#include "parse.h"

#define ANY_SIZE 0
#define NEVER 0xffff

/* The payload from which on a datagram of that source port is an amplified one. */
INLINE __u32 amplified_from(__u16 source_port)
{
	switch (source_port) {
	case 17: return ANY_SIZE;    /* quote of the day */
	case 19: return ANY_SIZE;    /* chargen */
	case 53: return 513;         /* DNS; 512 is what one without EDNS may have */
	case 69: return ANY_SIZE;    /* TFTP */
	case 111: return ANY_SIZE;   /* portmap */
	case 123: return 129;        /* NTP; an answer about the time has 48 to 68 bytes, monlist 440 and more */
	case 137: return ANY_SIZE;   /* NetBIOS names */
	case 138: return ANY_SIZE;   /* NetBIOS datagrams */
	case 161: return ANY_SIZE;   /* SNMP */
	case 389: return ANY_SIZE;   /* CLDAP */
	case 427: return ANY_SIZE;   /* SLP */
	case 520: return ANY_SIZE;   /* RIPv1 */
	case 1434: return ANY_SIZE;  /* SQL Server browser */
	case 1900: return ANY_SIZE;  /* SSDP */
	case 3283: return ANY_SIZE;  /* Apple Remote Desktop */
	case 3702: return ANY_SIZE;  /* WS-Discovery */
	case 5353: return ANY_SIZE;  /* mDNS, which has no business beyond its link */
	case 5683: return ANY_SIZE;  /* CoAP */
	case 10001: return ANY_SIZE; /* Ubiquiti discovery */
	case 11211: return ANY_SIZE; /* memcached */
	case 37810: return ANY_SIZE; /* DVR discovery */
	default: return NEVER;
	}
}

INLINE int was_asked_for(struct xdp_md *frame, const struct view *v, int protects)
{
	struct bpf_sock_tuple tuple = {};
	__u32 bytes = fill_tuple(v, &tuple);
	struct bpf_sock *socket = socket_lookup_udp(frame, &tuple, bytes, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return 0;
	int connected = socket->dst_port == to_be16(v->source_port);
	socket_release(socket);
	return connected || !protects;
}

INLINE int is_amplified(struct xdp_md *frame, const struct view *v, int protects)
{
	return v->class == PROTOCOL_CLASS_UDP && v->has_ports && v->udp_bytes >= amplified_from(v->source_port) &&
	       !was_asked_for(frame, v, protects);
}

#endif
