/*
 * L4 rules as bit vectors: each of source, destination, port and protocol says in one lookup which rules it
 * would suit, and the lowest bit all four agree on is the rule. Costs the same for 1 rule and for 256.
 *
 * A trie tells the longest prefix only, so the user side has put the bits of every covering prefix into
 * each entry, and an entry for /0 into every generation (src/synproxy/rule-bits.ts).
 */
#ifndef WEIR_RULES_H
#define WEIR_RULES_H

#include "maps.h"
#include "parse.h"

/* 1 for anything but 0, without a branch: six of them in a row would be 64 paths for the verifier. */
INLINE __u64 is_set(__u64 word)
{
	barrier_var(word);
	return (word | -word) >> 63;
}

INLINE __u32 lowest_bit(__u64 word)
{
	__u64 bit = word & -word;
	return is_set(bit & 0xaaaaaaaaaaaaaaaaull) | is_set(bit & 0xccccccccccccccccull) << 1 |
	       is_set(bit & 0xf0f0f0f0f0f0f0f0ull) << 2 | is_set(bit & 0xff00ff00ff00ff00ull) << 3 |
	       is_set(bit & 0xffff0000ffff0000ull) << 4 | is_set(bit & 0xffffffff00000000ull) << 5;
}

/* What has no ports suits only rules for any port: the user side keeps those in the entry of port 0. */
INLINE int find_rule(const struct view *v, __u32 generation)
{
	struct rule_bits *source, *destination;
	generation &= 1;
	if (v->family == 4) {
		struct rule_key4 key = { 64, generation, v->source4 };
		source = map_lookup(&rule_src4, &key);
		key.address = v->destination4;
		destination = map_lookup(&rule_dst4, &key);
	} else {
		struct rule_key6 key = { 160, generation, {} };
		copy_bytes(key.address, v->source6, 16);
		source = map_lookup(&rule_src6, &key);
		copy_bytes(key.address, v->destination6, 16);
		destination = map_lookup(&rule_dst6, &key);
	}
	__u32 at = generation * 65536 + v->destination_port;
	struct rule_bits *port = map_lookup(&rule_port, &at);
	at = generation * 256 + v->protocol;
	struct rule_bits *protocol = map_lookup(&rule_proto, &at);
	if (!source || !destination || !port || !protocol)
		return -1;
#pragma unroll
	for (int i = 0; i < RULE_WORDS; i++) {
		__u64 word = source->w[i] & destination->w[i] & port->w[i] & protocol->w[i];
		if (word)
			return i * 64 + lowest_bit(word);
	}
	return -1;
}

/* The action of the rule that matches, or -1. */
INLINE int match_rules(struct view *v, __u32 generation)
{
	int rule = find_rule(v, generation);
	if (rule < 0)
		return -1;
	barrier_var(rule);
	v->rule = rule;
	__u32 at = (generation & 1) * RULES_MAX + rule;
	struct counter *hits = map_lookup(&rule_hits, &at);
	if (hits) {
		hits->packets++;
		hits->bytes += v->length;
	}
	__u32 *action = map_lookup(&rule_action, &at);
	return action ? (int)*action : -1;
}

#endif
