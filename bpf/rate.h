/*
 * What one source may send: packets, SYNs, datagrams and bytes, each as GCRA with one number of state.
 *
 * A flood from random sources would push the honest ones out of the table, so no more than
 * config.guard_inserts new sources a second and CPU are remembered (Katran's flood guard); the others pass
 * unlimited and are counted in `lost`. Two CPUs that meet over one source may let one packet more through.
 */
#ifndef WEIR_RATE_H
#define WEIR_RATE_H

#include "maps.h"
#include "parse.h"

INLINE int guard_allows(__u64 now, __u32 inserts_max)
{
	__u32 zero = 0;
	struct guard *window = map_lookup(&guard, &zero);
	if (!window)
		return 0;
	if (now - window->second_ns > 1000000000ull) {
		window->second_ns = now;
		window->inserts = 0;
	}
	if (window->inserts >= inserts_max)
		return 0;
	window->inserts++;
	return 1;
}

/* 0: over the limit. The arrival time moves only for what passes. */
INLINE int conforms(__u64 *arrival, __u64 now, __u64 cost, __u64 burst)
{
	__u64 due = *arrival > now ? *arrival : now;
	if (due - now > burst)
		return 0;
	*arrival = due + cost;
	return 1;
}

/* The verdict of who sends too much; VERDICT_PASS else. */
INLINE __u32 check_rate(const struct shield_config *config, struct scratch *room)
{
	const struct view *v = &room->view;
	/* A tick is a hundredth of the second a source may save up. */
	__u64 now = tick_time_ns(room), key6 = 0;
	__u32 key4 = v->source4;
	struct rate *rate;
	if (v->family == 4) {
		rate = map_lookup(&rate4, &key4);
	} else {
		copy_bytes(&key6, v->source6, 8);
		rate = map_lookup(&rate6, &key6);
	}
	__u64 byte_cost = v->length * config->kilobyte_interval_ns >> 10;
	int is_syn = v->class == PROTOCOL_CLASS_TCP && (v->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	if (!rate) {
		if (!guard_allows(now, config->guard_inserts)) {
			count_lost(LOST_RATE_INSERT);
			return VERDICT_PASS;
		}
		struct rate first = {
			.packets = now + config->packet_interval_ns,
			.syns = is_syn ? now + config->syn_interval_ns : 0,
			.udp = v->class == PROTOCOL_CLASS_UDP ? now + config->udp_interval_ns : 0,
			.bytes = now + byte_cost,
		};
		long failed = v->family == 4 ? map_update(&rate4, &key4, &first, BPF_ANY)
					     : map_update(&rate6, &key6, &first, BPF_ANY);
		if (failed)
			count_lost(LOST_RATE_INSERT);
		return VERDICT_PASS;
	}
	if (is_syn && config->syn_interval_ns &&
	    !conforms(&rate->syns, now, config->syn_interval_ns, config->syn_burst_ns))
		return VERDICT_DROP_RATE_SYN;
	if (v->class == PROTOCOL_CLASS_UDP && config->udp_interval_ns &&
	    !conforms(&rate->udp, now, config->udp_interval_ns, config->udp_burst_ns))
		return VERDICT_DROP_RATE_UDP;
	if (config->packet_interval_ns &&
	    !conforms(&rate->packets, now, config->packet_interval_ns, config->packet_burst_ns))
		return VERDICT_DROP_RATE_PACKETS;
	if (config->kilobyte_interval_ns && !conforms(&rate->bytes, now, byte_cost, config->kilobyte_burst_ns))
		return VERDICT_DROP_RATE_BYTES;
	return VERDICT_PASS;
}

#endif
