/*
 * What user space is told of packets. Thinned here, since a flood would fill any ring; an event says how
 * many packets it stands for, and what found no room is counted in `lost`.
 */
#ifndef WEIR_EVENTS_H
#define WEIR_EVENTS_H

#include "maps.h"
#include "parse.h"

#define WAKE_AT_BYTES (EVENT_RING_BYTES / 4)

INLINE void copy_addresses(const struct view *v, __u8 *source, __u8 *destination)
{
	if (v->family == 6) {
		copy_bytes(source, v->source6, 16);
		copy_bytes(destination, v->destination6, 16);
		return;
	}
	__builtin_memset(source, 0, 16);
	__builtin_memset(destination, 0, 16);
	copy_bytes(source, &v->source4, 4);
	copy_bytes(destination, &v->destination4, 4);
}

INLINE void emit_event(struct xdp_md *frame, const struct view *v, __u32 verdict, __u32 mask)
{
	if (random_u32() & mask)
		return;
	struct event *event = ring_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_lost(LOST_EVENT);
		return;
	}
	event->time_ns = time_ns();
	event->interface_index = frame->ingress_ifindex;
	event->length = v->length;
	event->weight = mask + 1;
	event->verdict = verdict;
	event->family = v->family;
	event->protocol = v->protocol;
	event->tcp_flags = v->tcp_flags;
	event->source_port = v->source_port;
	event->destination_port = v->destination_port;
	event->rule = v->rule;
	event->reserved = 0;
	copy_addresses(v, event->source, event->destination);
	/* The reader comes round on a timer; it is woken only before the ring would overflow. */
	int full = ring_query(&events, BPF_RB_AVAIL_DATA) >= WAKE_AT_BYTES;
	ring_submit(event, full ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

#endif
