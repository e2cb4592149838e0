/*
 * Dissect: a frame becomes a struct view, or is refused.
 *
 * Strict where a lie would let something pass unseen: lengths that contradict the frame, a first TCP
 * fragment so small that its flags come in the next (RFC 3128), more than six extension headers, a
 * transport header that is cut. What is not IP is none of our business.
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include "bpf.h"
#include "shield.h"

#define VLAN_TAGS_MAX 2
#define EXTENSIONS_MAX 6
#define TRANSPORT_OFFSET_MAX 512

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20

struct view {
	__u32 length;
	__u32 network_offset;
	__u32 transport_offset;
	__u32 source4, destination4;
	__u8 source6[16], destination6[16];
	__u16 source_port, destination_port; /* host order */
	__u16 udp_bytes;                     /* payload a datagram says it has */
	__u8 family;
	__u8 protocol;
	__u8 class;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 has_ports;   /* TCP or UDP, and the header is in this frame */
	__u8 fragment;    /* any part of a fragmented packet */
	__u8 has_options; /* IP options or extension headers */
	__u8 hop_limit;
	__u16 rule;
	/* Marks, counted besides the verdict. */
	__u8 monitored;
	__u8 inspected;
	__u8 syn_passed; /* the verdict that says why a SYN got no cookie */
};

#define TCP_HEADER_MAX 60
#define OPTIONS_ROOM 68

/*
 * In a map, not on the stack: 512 bytes would not hold it, and the verifier follows no constant into a map,
 * so a flag set on one of many paths does not double what it has to look at behind.
 */
struct scratch {
	__u64 slot; /* where an address was found */
	__u64 tick; /* of the kernel when `tick_ns` was read */
	__u64 tick_ns;
	struct view view;
	__u8 header[20 + OPTIONS_ROOM];
	__u8 ip[40];
};

/* CLOCK_MONOTONIC to the tick (1 to 10 ms), read once in each: the clock would cost a fifth of a drop, the tick is a load. */
INLINE __u64 tick_time_ns(struct scratch *room)
{
	__u64 tick = ticks();
	if (room->tick != tick) {
		room->tick = tick;
		room->tick_ns = time_coarse_ns();
	}
	return room->tick_ns;
}

enum parsed { PARSED_OK, PARSED_NOT_IP, PARSED_MALFORMED };

INLINE __u8 class_of(__u8 protocol)
{
	if (protocol == IPPROTO_TCP)
		return PROTOCOL_CLASS_TCP;
	if (protocol == IPPROTO_UDP)
		return PROTOCOL_CLASS_UDP;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return PROTOCOL_CLASS_ICMP;
	return PROTOCOL_CLASS_OTHER;
}

INLINE int parse_transport(void *data, void *end, struct view *v)
{
	if (v->transport_offset > TRANSPORT_OFFSET_MAX)
		return PARSED_MALFORMED;
	__u8 *at = data + v->transport_offset;
	if (v->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)at;
		if ((void *)(tcp + 1) > end || tcp->doff < 5)
			return PARSED_MALFORMED;
		v->source_port = from_be16(tcp->source);
		v->destination_port = from_be16(tcp->dest);
		v->tcp_flags = at[13];
		v->has_ports = 1;
	} else if (v->protocol == IPPROTO_UDP) {
		if ((void *)(at + 8) > end)
			return PARSED_MALFORMED;
		__u16 bytes = from_be16(*(__u16 *)(at + 4));
		if (bytes < 8)
			return PARSED_MALFORMED;
		v->source_port = from_be16(*(__u16 *)at);
		v->destination_port = from_be16(*(__u16 *)(at + 2));
		v->udp_bytes = bytes - 8;
		v->has_ports = 1;
	} else if (v->class == PROTOCOL_CLASS_ICMP) {
		if ((void *)(at + 4) > end)
			return PARSED_MALFORMED;
		v->icmp_type = at[0];
	}
	return PARSED_OK;
}

/* Of its first buffer. In 64 bits: the verifier takes no 32-bit difference of its pointers. */
INLINE __u32 linear_length(struct xdp_md *frame)
{
	__u64 start = frame->data, end = frame->data_end;
	return (__u32)(end - start);
}

/* A large frame lies in several buffers. The helper that adds them up is asked only where the first is too short. */
INLINE int holds(struct xdp_md *frame, struct view *v, __u32 bytes)
{
	if (bytes <= v->length)
		return 1;
	v->length = (__u32)frame_length(frame);
	return bytes <= v->length;
}

INLINE int parse_ip4(struct xdp_md *frame, void *data, void *end, __u32 offset, struct view *v)
{
	struct iphdr *ip = data + offset;
	if ((void *)(ip + 1) > end)
		return PARSED_MALFORMED;
	__u32 header_bytes = ip->ihl * 4, total = from_be16(ip->tot_len);
	if (ip->version != 4 || header_bytes < 20 || total < header_bytes || !holds(frame, v, offset + total))
		return PARSED_MALFORMED;
	v->family = 4;
	v->protocol = ip->protocol;
	v->class = class_of(ip->protocol);
	v->source4 = ip->saddr;
	v->destination4 = ip->daddr;
	v->hop_limit = ip->ttl;
	v->has_options = header_bytes > 20;
	__u16 fragment = from_be16(ip->frag_off);
	v->fragment = (fragment & 0x3fff) != 0;
	if (fragment & 0x1fff) {
		/* RFC 3128: it would overwrite the flags of a TCP header that has been looked at. */
		return v->protocol == IPPROTO_TCP && (fragment & 0x1fff) == 1 ? PARSED_MALFORMED : PARSED_OK;
	}
	v->transport_offset = offset + header_bytes;
	return parse_transport(data, end, v);
}

INLINE int parse_ip6(struct xdp_md *frame, void *data, void *end, __u32 offset, struct view *v)
{
	struct ipv6hdr *ip = data + offset;
	if ((void *)(ip + 1) > end || ip->version != 6)
		return PARSED_MALFORMED;
	__u32 payload = from_be16(ip->payload_len);
	if (!holds(frame, v, offset + 40 + payload))
		return PARSED_MALFORMED;
	v->family = 6;
	copy_bytes(v->source6, &ip->saddr, 16);
	copy_bytes(v->destination6, &ip->daddr, 16);
	v->hop_limit = ip->hop_limit;
	__u8 next = ip->nexthdr;
	offset += 40;
	int ended = 0;
	for (int i = 0; i <= EXTENSIONS_MAX; i++) {
		__u8 *header = data + offset;
		if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == 135) {
			if (i == EXTENSIONS_MAX || (void *)(header + 8) > end)
				return PARSED_MALFORMED;
			next = header[0];
			offset += (header[1] + 1) * 8;
		} else if (next == IPPROTO_AH) {
			if (i == EXTENSIONS_MAX || (void *)(header + 8) > end)
				return PARSED_MALFORMED;
			next = header[0];
			offset += (header[1] + 2) * 4;
		} else if (next == IPPROTO_FRAGMENT) {
			if (i == EXTENSIONS_MAX || (void *)(header + 8) > end)
				return PARSED_MALFORMED;
			v->fragment = 1;
			next = header[0];
			if (from_be16(*(__u16 *)(header + 2)) & 0xfff8) {
				v->protocol = next;
				v->class = class_of(next);
				v->has_options = 1;
				return PARSED_OK;
			}
			offset += 8;
		} else {
			ended = 1;
			break;
		}
		v->has_options = 1;
		if (offset > TRANSPORT_OFFSET_MAX)
			return PARSED_MALFORMED;
	}
	if (!ended)
		return PARSED_MALFORMED;
	v->protocol = next;
	v->class = class_of(next);
	v->transport_offset = offset;
	return parse_transport(data, end, v);
}

INLINE int parse_frame(struct xdp_md *frame, struct view *v)
{
	void *data = (void *)(long)frame->data, *end = (void *)(long)frame->data_end;
	struct ethhdr *ethernet = data;
	if ((void *)(ethernet + 1) > end)
		return PARSED_MALFORMED;
	__u16 type = ethernet->h_proto;
	__u32 offset = sizeof(*ethernet);
#pragma unroll
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		if (type != to_be16(ETH_P_8021Q) && type != to_be16(ETH_P_8021AD))
			break;
		if (data + offset + 4 > end)
			return PARSED_MALFORMED;
		type = *(__u16 *)(data + offset + 2);
		offset += 4;
	}
	v->network_offset = offset;
	if (type == to_be16(ETH_P_IP))
		return parse_ip4(frame, data, end, offset, v);
	if (type == to_be16(ETH_P_IPV6))
		return parse_ip6(frame, data, end, offset, v);
	/* A third tag would hide what is inside. */
	return type == to_be16(ETH_P_8021Q) || type == to_be16(ETH_P_8021AD) ? PARSED_MALFORMED : PARSED_NOT_IP;
}

/* Neighbour discovery comes from the link itself, and says so with a hop limit no router leaves intact. */
INLINE int is_neighbour_discovery(const struct view *v)
{
	return v->family == 6 && v->protocol == IPPROTO_ICMPV6 && v->hop_limit == 255 && !v->has_options &&
	       v->icmp_type >= 133 && v->icmp_type <= 137;
}

/* As the kernel looks up the socket a packet would come to; the bytes of it that count. */
INLINE __u32 fill_tuple(const struct view *v, struct bpf_sock_tuple *tuple)
{
	if (v->family == 4) {
		tuple->ipv4.saddr = v->source4;
		tuple->ipv4.daddr = v->destination4;
		tuple->ipv4.sport = to_be16(v->source_port);
		tuple->ipv4.dport = to_be16(v->destination_port);
		return sizeof(tuple->ipv4);
	}
	copy_bytes(tuple->ipv6.saddr, v->source6, 16);
	copy_bytes(tuple->ipv6.daddr, v->destination6, 16);
	tuple->ipv6.sport = to_be16(v->source_port);
	tuple->ipv6.dport = to_be16(v->destination_port);
	return sizeof(tuple->ipv6);
}

#endif
