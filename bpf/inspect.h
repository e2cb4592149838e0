/*
 * The first packets of a flow go to user space, which says pass or drop; then this is a lookup. Packets
 * are not held: until there is a verdict they pass.
 *
 * A flow is one direction, what comes in here. Comes after the SYN cookie, so a spoofed SYN makes no flow.
 */
#ifndef WEIR_INSPECT_H
#define WEIR_INSPECT_H

#include "cookie.h"
#include "events.h"
#include "maps.h"
#include "rate.h"

INLINE int is_syn(const struct view *v)
{
	return v->class == PROTOCOL_CLASS_TCP && (v->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * Whether a connection begins with the first packet of a flow. A SYN that was answered with a cookie is no
 * part of it: then it is the ACK, which comes to a listener still. Any other one belongs to a connection that
 * was there before.
 */
INLINE int begins_connection(struct xdp_md *frame, const struct view *v)
{
	if (is_syn(v))
		return 1;
	if (v->class != PROTOCOL_CLASS_TCP || !v->has_ports || !(v->tcp_flags & TCP_ACK))
		return 0;
	struct bpf_sock *socket = find_socket(frame, v);
	if (!socket)
		return 0;
	int begins = socket->state == BPF_TCP_LISTEN;
	socket_release(socket);
	return begins;
}

INLINE void copy_packet(struct xdp_md *frame, const struct view *v, __u64 id, __u32 index, int begins)
{
	struct packet *packet = ring_reserve(&packets, sizeof(*packet), 0);
	if (!packet) {
		count_lost(LOST_PACKET);
		return;
	}
	__u32 bytes = v->length;
	if (bytes > PACKET_BYTES_MAX)
		bytes = PACKET_BYTES_MAX;
	/* The verifier wants to see a length that is neither 0 nor above the room, and kernel 6.1 forgets branches. */
	__u32 last = (bytes - 1) & (PACKET_BYTES_MAX - 1);
	barrier_var(last);
	bytes = 1 + (last & (PACKET_BYTES_MAX - 1));
	if (frame_load(frame, 0, packet->bytes, bytes) < 0) {
		ring_discard(packet, 0);
		count_lost(LOST_PACKET);
		return;
	}
	packet->time_ns = time_ns();
	packet->flow = id;
	packet->interface_index = frame->ingress_ifindex;
	packet->length = v->length;
	packet->captured = bytes;
	packet->index = index;
	packet->network_offset = v->network_offset;
	packet->transport_offset = v->transport_offset;
	packet->rule = v->rule;
	packet->source_port = v->source_port;
	packet->destination_port = v->destination_port;
	packet->family = v->family;
	packet->protocol = v->protocol;
	packet->tcp_flags = v->tcp_flags;
	packet->begins = begins;
	copy_addresses(v, packet->source, packet->destination);
	ring_submit(packet, 0);
}

INLINE struct flow_key4 flow_key4_of(const struct view *v)
{
	struct flow_key4 key = {};
	key.source = v->source4;
	key.destination = v->destination4;
	key.source_port = v->source_port;
	key.destination_port = v->destination_port;
	key.protocol = v->protocol;
	return key;
}

INLINE struct flow_key6 flow_key6_of(const struct view *v)
{
	struct flow_key6 key = {};
	copy_bytes(key.source, v->source6, 16);
	copy_bytes(key.destination, v->destination6, 16);
	key.source_port = v->source_port;
	key.destination_port = v->destination_port;
	key.protocol = v->protocol;
	return key;
}

/*
 * A SYN was answered with a cookie, so there is no connection of these addresses and ports, and what was said of the
 * one before must not hold for the next. inspect_flow never sees that SYN. One who forges it forgets nothing that is
 * in use: of a connection that is, the SYN goes to the kernel.
 */
INLINE void forget_flow(const struct view *v)
{
	if (v->family == 4) {
		struct flow_key4 key = flow_key4_of(v);
		if (map_lookup(&flows4, &key))
			map_delete(&flows4, &key);
		return;
	}
	struct flow_key6 key = flow_key6_of(v);
	if (map_lookup(&flows6, &key))
		map_delete(&flows6, &key);
}

/* VERDICT_PASS where nothing has been said of the flow. */
INLINE __u32 inspect_flow(struct xdp_md *frame, const struct shield_config *config, struct view *v)
{
	struct flow_key4 key4 = {};
	struct flow_key6 key6 = {};
	struct flow *flow;
	if (v->family == 4) {
		key4 = flow_key4_of(v);
		flow = map_lookup(&flows4, &key4);
	} else {
		key6 = flow_key6_of(v);
		flow = map_lookup(&flows6, &key6);
	}
	/*
	 * What was said of a connection does not hold for the next one of the same addresses and ports: else a
	 * good one would open the door for another. Nor does it that nothing was said until the last packet shown.
	 */
	if (flow && !(is_syn(v) && (flow->verdict != FLOW_VERDICT_OPEN || flow->seen >= config->inspect_packets))) {
		__u32 said = flow->verdict;
		if (said == FLOW_VERDICT_DROP)
			return VERDICT_DROP_FLOW;
		if (said == FLOW_VERDICT_PASS)
			return VERDICT_PASS_FLOW;
		__u32 index = flow->seen;
		if (index < config->inspect_packets) {
			flow->seen = index + 1;
			v->inspected = 1;
			copy_packet(frame, v, flow->id, index, 0);
		}
		return VERDICT_PASS;
	}
	if (!guard_allows(time_ns(), config->guard_inserts)) {
		count_lost(LOST_FLOW_INSERT);
		return VERDICT_PASS;
	}
	struct flow first = { 1, FLOW_VERDICT_OPEN, (__u64)random_u32() << 32 | random_u32() };
	long failed = v->family == 4 ? map_update(&flows4, &key4, &first, BPF_ANY)
				     : map_update(&flows6, &key6, &first, BPF_ANY);
	if (failed) {
		count_lost(LOST_FLOW_INSERT);
		return VERDICT_PASS;
	}
	v->inspected = 1;
	copy_packet(frame, v, first.id, 0, begins_connection(frame, v));
	return VERDICT_PASS;
}

#endif
