/*
 * SYN cookies: the kernel makes the cookie, the SYN-ACK is written here and sent back at once, and the
 * final ACK goes to the kernel, which knows its cookie and makes the socket. No state until then.
 *
 *     SYN ─► a listener? ─► kernel's cookie ─► SYN-ACK over the SYN ─► XDP_TX
 *              no: pass       none: pass
 *
 * Window scale, SACK and timestamps of the client are kept in the low six bits of our timestamp, as the
 * kernel's own syncookies do; the kernel reads them only where its timestamps have no random offset
 * (tcp_timestamps=2). A timestamp it cannot read kills the connection, so without the flag only the MSS
 * is offered. What may be offered the user side finds out (src/synproxy/cookie-terms.ts).
 *
 * Not done: ECN, TCP Fast Open, MPTCP. Data in the SYN is dropped, as a server may.
 */
#ifndef WEIR_COOKIE_H
#define WEIR_COOKIE_H

#include "csum.h"
#include "maps.h"
#include "parse.h"

#define NO_WINDOW_SCALE 15 /* as the kernel reads it in a timestamp */
#define NO_OPTION 256      /* what no byte of an option is */
#define WINDOW_SCALE_MAX 14 /* RFC 7323, 2.3 */
#define TIMESTAMP_BITS 63u
#define OPTIONS_MAX 14 /* those that count come first in every SYN seen */

struct syn_options {
	__u32 timestamp_at; /* offset of TSval among the options; 0: none, as it cannot stand there */
	__u32 sack;
	__u32 window_scale; /* NO_OPTION: none */
};

/* 1 for 0, else 0, without a branch. */
INLINE __u32 is_zero(__u32 value)
{
	barrier_var(value);
	return (value - 1) >> 31;
}

/*
 * Without branches: each sum of option lengths would be a state of its own to the verifier, and each way out
 * of the loop one more; a million instructions are gone after a few options. `options` has OPTIONS_ROOM
 * bytes, zero behind the last option, so an offset masked to 63 is always inside.
 */
INLINE void read_options(const __u8 *options, __u32 bytes, struct syn_options *found)
{
	__u32 at = 0, scale = NO_OPTION, sack = 0, timestamp_at = 0;
#pragma nounroll
	for (int i = 0; i < OPTIONS_MAX; i++) {
		__u32 inside = (at - bytes) >> 31;
		__u32 here = at & 63;
		barrier_var(here);
		here &= 63;
		__u32 kind = options[here], length = options[here + 1], value = options[here + 2];
		__u32 padding = is_zero(kind ^ 1), is;
		is = inside & is_zero(kind ^ 3) & is_zero(length ^ 3);
		scale = scale * (1 - is) + value * is;
		sack |= inside & is_zero(kind ^ 4) & is_zero(length ^ 2);
		is = inside & is_zero(kind ^ 8) & is_zero(length ^ 10) & is_zero(timestamp_at);
		timestamp_at += (at + 2) * is;
		/* End of options, and a length that would not advance, end the walk. */
		at += inside * (padding + (1 - padding) * length + 64 * is_zero(kind) +
				64 * (1 - padding) * is_zero(length >> 1));
	}
	found->window_scale = scale;
	found->sack = sack;
	/* An option that runs over the end of the header is none. */
	found->timestamp_at = timestamp_at + 8 <= bytes ? timestamp_at : 0;
}

/* Who the packet would come to; to be released. */
INLINE struct bpf_sock *find_socket(struct xdp_md *frame, const struct view *v)
{
	struct bpf_sock_tuple tuple = {};
	__u32 bytes = fill_tuple(v, &tuple);
	return socket_lookup_tcp(frame, &tuple, bytes, BPF_F_CURRENT_NETNS, 0);
}

/* -1: no listener or no cookie, the packet passes; else what to return. `verdict` says which in any case. */
INLINE int answer_syn(struct xdp_md *frame, const struct shield_config *config, struct scratch *scratch, __u32 *verdict)
{
	struct view *v = &scratch->view;
	__u32 ip_bytes = v->family == 4 ? 20 : 40;
	struct bpf_sock *socket = find_socket(frame, v);
	if (!socket) {
		*verdict = VERDICT_NO_LISTENER;
		return -1;
	}
	/* Of a connection that is, or was just now, the kernel knows what to do with a SYN. */
	if (socket->state != BPF_TCP_LISTEN) {
		socket_release(socket);
		*verdict = VERDICT_PASS;
		return -1;
	}
	/* The verifier ties no variable length to a packet pointer: the helper gets copies of the headers. */
	__u8 *header = scratch->header;
	__builtin_memset(header, 0, sizeof(scratch->header));
	void *data = (void *)(long)frame->data, *end = (void *)(long)frame->data_end;
	__u32 network = v->network_offset, transport = v->transport_offset, header_bytes = 0;
	if (network <= 22 && transport <= TRANSPORT_OFFSET_MAX) {
		struct tcphdr *tcp = data + transport;
		if ((void *)(tcp + 1) <= end)
			header_bytes = tcp->doff * 4;
	}
	/* 20 to 83 by arithmetic: kernel 6.1 forgets what a branch said of a value that was put on the stack. */
	__u32 option_bytes = (header_bytes - 20) & 63;
	barrier_var(option_bytes);
	header_bytes = 20 + (option_bytes & 63);
	if (header_bytes > TCP_HEADER_MAX ||
	    frame_load(frame, transport, header, header_bytes) < 0) {
		socket_release(socket);
		*verdict = VERDICT_DROP_MALFORMED;
		return XDP_DROP;
	}
	/* All it reads of the IP header is the version and the addresses. */
	__u8 *ip = scratch->ip;
	__builtin_memset(ip, 0, sizeof(scratch->ip));
	if (v->family == 4) {
		ip[0] = 0x45;
		copy_bytes(ip + 12, &v->source4, 4);
		copy_bytes(ip + 16, &v->destination4, 4);
	} else {
		ip[0] = 0x60;
		copy_bytes(ip + 8, v->source6, 16);
		copy_bytes(ip + 24, v->destination6, 16);
	}
	__s64 cookie = generate_syn_cookie(socket, ip, ip_bytes, header, header_bytes);
	socket_release(socket);
	if (cookie < 0) {
		*verdict = VERDICT_COOKIE_UNAVAILABLE;
		return -1;
	}
	if (v->has_options || v->fragment) {
		*verdict = VERDICT_DROP_SYN_OPTIONS;
		return XDP_DROP;
	}
	struct syn_options options;
	read_options(header + 20, header_bytes - 20, &options);

	__u32 ports, sequence, tsval = 0;
	copy_bytes(&ports, header, 4);
	copy_bytes(&sequence, header + 4, 4);
	__u32 answer[10] = {};
	__u32 bytes = 24;
	answer[5] = to_be32(0x02040000 | (v->family == 4 ? config->mss4 : config->mss6));
	if (options.timestamp_at && options.timestamp_at <= 32 && (config->flags & SHIELD_FLAG_TIMESTAMPS)) {
		__u32 scale = options.window_scale;
		if (scale == NO_OPTION || !(config->flags & SHIELD_FLAG_WINDOW_SCALE))
			scale = NO_WINDOW_SCALE;
		else if (scale > WINDOW_SCALE_MAX)
			scale = WINDOW_SCALE_MAX;
		__u32 sack = config->flags & SHIELD_FLAG_SACK ? options.sack : 0;
		/* The low six bits are the options', so a finer clock would not show. */
		__u32 now = (__u32)(tick_time_ns(scratch) / 1000000);
		__u32 stamp = (now & ~TIMESTAMP_BITS) | scale | sack << 4;
		if (stamp > now)
			stamp -= TIMESTAMP_BITS + 1;
		__u32 at = options.timestamp_at;
		/* Else the mask is left out, and kernel 6.1 has forgotten the comparison above by now. */
		barrier_var(at);
		copy_bytes(&tsval, header + 20 + (at & 63), 4);
		answer[6] = sack ? to_be32(0x0402080a) : to_be32(0x0101080a);
		answer[7] = to_be32(stamp);
		answer[8] = tsval;
		answer[9] = scale != NO_WINDOW_SCALE ? to_be32(0x01030300 | config->window_scale) : to_be32(0x01010101);
		bytes = 40;
	}
	answer[0] = ports << 16 | ports >> 16;
	answer[1] = to_be32((__u32)cookie);
	answer[2] = to_be32(from_be32(sequence) + 1);
	answer[3] = to_be32(bytes / 4 << 28 | (TCP_SYN | TCP_ACK) << 16 | config->window);
	/* From scratch, never from the one that came: a sender on this host leaves it half done. */
	__u64 sum = to_be16(IPPROTO_TCP) + to_be16(bytes);
	if (v->family == 4) {
		sum += (__u64)v->source4 + v->destination4;
	} else {
		__u32 words[8];
		copy_bytes(words, v->source6, 16);
		copy_bytes(words + 4, v->destination6, 16);
#pragma unroll
		for (int i = 0; i < 8; i++)
			sum += words[i];
	}
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += answer[i];
	answer[4] = fold_checksum(sum);

	int delta = (int)(network + ip_bytes + bytes) - (int)frame_length(frame);
	*verdict = VERDICT_DROP_MALFORMED;
	if (delta && frame_adjust_tail(frame, delta))
		return XDP_DROP;
	data = (void *)(long)frame->data;
	end = (void *)(long)frame->data_end;
	struct ethhdr *ethernet = data;
	if ((void *)(ethernet + 1) > end)
		return XDP_DROP;
	__u8 mac[6];
	copy_bytes(mac, ethernet->h_source, 6);
	copy_bytes(ethernet->h_source, ethernet->h_dest, 6);
	copy_bytes(ethernet->h_dest, mac, 6);
	void *tcp;
	/* At most 22 as was seen above, which kernel 6.1 has forgotten. */
	barrier_var(network);
	network &= 31;
	if (v->family == 4) {
		struct iphdr *ip4 = data + network;
		if ((void *)(ip4 + 1) > end)
			return XDP_DROP;
		__u32 words[5] = { to_be32(0x45000000 | (20 + bytes)), to_be32(0x4000),
				   to_be32((__u32)config->ttl << 24 | IPPROTO_TCP << 16), v->destination4, v->source4 };
		__u64 ip_sum = 0;
#pragma unroll
		for (int i = 0; i < 5; i++)
			ip_sum += words[i];
		copy_bytes(ip4, words, 20);
		ip4->check = fold_checksum(ip_sum);
		tcp = ip4 + 1;
	} else {
		struct ipv6hdr *ip6 = data + network;
		if ((void *)(ip6 + 1) > end)
			return XDP_DROP;
		__u32 words[2] = { to_be32(0x60000000), to_be32(bytes << 16 | IPPROTO_TCP << 8 | config->ttl) };
		copy_bytes(ip6, words, 8);
		copy_bytes(&ip6->saddr, v->destination6, 16);
		copy_bytes(&ip6->daddr, v->source6, 16);
		tcp = ip6 + 1;
	}
	if (bytes == 40) {
		if (tcp + 40 > end)
			return XDP_DROP;
		copy_bytes(tcp, answer, 40);
	} else {
		if (tcp + 24 > end)
			return XDP_DROP;
		copy_bytes(tcp, answer, 24);
	}
	*verdict = VERDICT_SYN_ACK;
	return XDP_TX;
}

#endif
