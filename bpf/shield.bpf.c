/*
 * The kernel shield: what is refused before the kernel makes anything of it.
 *
 *     dissect ─► lists ─► fragments ─► rules ─► TCP sanity ─► SYN cookie ─► inspect ─► amplification ─► rate
 *                drop,     drop         pass,    drop          answered      flow's      drop            drop
 *                allow                  drop                                 verdict
 *
 * Each packet ends with one verdict, which is counted. An allowed source skips lists, fragments, rules,
 * amplification and rates; SYN cookies hold for it too, since a SYN says nothing about who sent it. A rule that
 * says pass skips amplification and rates. Rates, TCP sanity and cookies are for protected ports (and rates for
 * what has no port); lists, rules and amplification are for all.
 *
 * Subset of C the loader can take (src/synproxy/bpf-object.ts): all inlined, no globals, no BTF sent.
 */
#include "addresses.h"
#include "amplification.h"
#include "bpf.h"
#include "cookie.h"
#include "events.h"
#include "inspect.h"
#include "lists.h"
#include "maps.h"
#include "parse.h"
#include "rate.h"
#include "rules.h"
#include "shield.h"

MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct scratch, 1, 0);

INLINE void count(__u32 verdict, const struct view *v)
{
	__u32 at = (verdict & (VERDICTS_MAX - 1)) * PROTOCOL_CLASSES + (v->class & (PROTOCOL_CLASSES - 1));
	struct counter *counter = map_lookup(&stats, &at);
	if (counter) {
		counter->packets++;
		counter->bytes += v->length;
	}
}

INLINE int is_protected(__u16 port)
{
	__u32 at = port >> 6;
	__u64 *word = map_lookup(&ports, &at);
	return word && (*word >> (port & 63) & 1);
}

/* Combinations no TCP sends and scanners do: none, SYN with FIN or RST, FIN with RST, FIN without ACK. */
INLINE int has_insane_flags(__u8 flags)
{
	flags &= TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG;
	return !flags || (flags & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN) ||
	       (flags & (TCP_SYN | TCP_RST)) == (TCP_SYN | TCP_RST) ||
	       (flags & (TCP_FIN | TCP_RST)) == (TCP_FIN | TCP_RST) || (flags & (TCP_FIN | TCP_ACK)) == TCP_FIN;
}

/* The verdict; `answered` where the frame is our SYN-ACK now. */
INLINE __u32 decide(struct xdp_md *frame, const struct shield_config *config, struct scratch *room)
{
	struct view *v = &room->view;
	__u32 flags = config->flags;
	int allowed = 0, inspects = 0, passes = 0;

	int parsed = parse_frame(frame, v);
	if (parsed == PARSED_NOT_IP)
		return VERDICT_NOT_IP;
	if (parsed != PARSED_OK)
		return VERDICT_DROP_MALFORMED;
	if (is_neighbour_discovery(v))
		return VERDICT_NEIGHBOUR;

	if (flags & SHIELD_FLAG_ALLOW)
		allowed = is_allowed(room);
	if (!allowed) {
		struct list_entry *entry = flags & SHIELD_FLAG_EXACT ? find_exact(config, room) : 0;
		/* One that only watches an address does not save it from a block of its range. */
		if (entry) {
			hit(entry, room);
			if (entry->action == LIST_ACTION_DROP)
				return VERDICT_DROP_EXACT;
			v->monitored = 1;
		}
		struct list_entry *range = flags & SHIELD_FLAG_PREFIX ? find_prefix(&prefix4, &prefix6, v) : 0;
		if (range) {
			hit(range, room);
			if (range->action == LIST_ACTION_DROP)
				return VERDICT_DROP_PREFIX;
			v->monitored = 1;
		}
		if (v->fragment && (flags & SHIELD_FLAG_FRAGMENTS_DROP))
			return VERDICT_DROP_FRAGMENT;
		if (flags & SHIELD_FLAG_RULES) {
			int action = match_rules(v, config->rule_generation);
			if (action == RULE_ACTION_DROP)
				return VERDICT_DROP_RULE;
			passes = action == RULE_ACTION_PASS;
			inspects = action == RULE_ACTION_INSPECT;
		}
	}
	/* What has no port counts as protected: it would be the way round the limits. */
	int protects = v->has_ports ? is_protected(v->destination_port) : 1;
	if (v->class == PROTOCOL_CLASS_TCP && v->has_ports && protects) {
		if ((flags & SHIELD_FLAG_TCP_SANITY) && has_insane_flags(v->tcp_flags))
			return VERDICT_DROP_TCP_FLAGS;
		/* Before any state is kept of the source: it may be anybody's. */
		if ((flags & SHIELD_FLAG_COOKIES) && (v->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN) {
			__u32 verdict = VERDICT_PASS;
			int act = answer_syn(frame, config, room, &verdict);
			if (act >= 0) {
				if (inspects && verdict == VERDICT_SYN_ACK)
					forget_flow(v);
				return verdict;
			}
			v->syn_passed = verdict;
		}
	}
	if (allowed)
		return VERDICT_ALLOWED;
	if (inspects && (flags & SHIELD_FLAG_INSPECT)) {
		__u32 verdict = inspect_flow(frame, config, v);
		if (verdict != VERDICT_PASS)
			return verdict;
	}
	if (passes)
		return VERDICT_PASS_RULE;
	if ((flags & SHIELD_FLAG_AMPLIFICATION) && is_amplified(frame, v, protects))
		return VERDICT_DROP_AMPLIFICATION;
	if ((flags & SHIELD_FLAG_RATE) && protects)
		return check_rate(config, room);
	return VERDICT_PASS;
}

INLINE int shield_frame(struct xdp_md *frame)
{
	__u32 zero = 0;
	struct shield_config *terms = map_lookup(&config, &zero);
	struct scratch *room = map_lookup(&scratch, &zero);
	if (!terms || !room)
		return XDP_PASS;
	struct view *v = &room->view;
	__builtin_memset(v, 0, sizeof(*v));
	v->class = PROTOCOL_CLASS_OTHER;
	v->rule = RULE_NONE;
	v->length = linear_length(frame);

	__u32 verdict = decide(frame, terms, room);
	barrier_var(verdict);
	count(verdict, v);
	int drops = verdict >= VERDICT_DROP_MALFORMED;
	__u32 noted = drops ? verdict : 0;
	if (v->inspected) {
		count(VERDICT_INSPECTED, v);
		noted = noted ? noted : VERDICT_INSPECTED;
	}
	if (v->monitored) {
		count(VERDICT_MONITORED, v);
		noted = noted ? noted : VERDICT_MONITORED;
	}
	if (v->syn_passed)
		count(v->syn_passed, v);
	if (!(terms->flags & SHIELD_FLAG_EVENTS))
		noted = 0;
	barrier_var(noted);
	if (noted || (terms->flags & SHIELD_FLAG_SAMPLE))
		emit_event(frame, v, noted ? noted : verdict, noted ? terms->event_mask : terms->sample_mask);
	if (drops)
		return XDP_DROP;
	return verdict == VERDICT_SYN_ACK ? XDP_TX : XDP_PASS;
}

#ifdef BENCH
#include "bench.h"
#endif

SECTION("xdp") int shield(struct xdp_md *frame)
{
#ifdef BENCH
	if (restore_frame(frame))
		return XDP_ABORTED;
#endif
	return shield_frame(frame);
}

char license_text[] SECTION("license") = "Dual MIT/GPL";
