/* The maps, and nothing else: the user side reads these definitions from BTF and may change the sizes. */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#include "bpf.h"
#include "shield.h"

#define GROWS BPF_F_NO_PREALLOC /* memory as entries come; tries insist on it */

MAP(config, BPF_MAP_TYPE_ARRAY, __u32, struct shield_config, 1, 0);
MAP(stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct counter, VERDICTS_MAX * PROTOCOL_CLASSES, 0);

/* One address is a look into an array, at 10^6 entries a tenth of what a trie costs; tries hold true prefixes. */
MAP(allow4, BPF_MAP_TYPE_LPM_TRIE, struct prefix4, struct list_entry, 65536, GROWS);
MAP(allow6, BPF_MAP_TYPE_LPM_TRIE, struct prefix6, struct list_entry, 65536, GROWS);
MAP(tags4, BPF_MAP_TYPE_ARRAY, __u32, struct bucket, 1024, BPF_F_MMAPABLE);
MAP(tags6, BPF_MAP_TYPE_ARRAY, __u32, struct bucket, 1024, BPF_F_MMAPABLE);
MAP(exact4, BPF_MAP_TYPE_ARRAY, __u32, struct list_entry, 1024 * BUCKET_SLOTS, BPF_F_MMAPABLE);
MAP(exact6, BPF_MAP_TYPE_ARRAY, __u32, struct entry6, 1024 * BUCKET_SLOTS, BPF_F_MMAPABLE);
MAP(prefix4, BPF_MAP_TYPE_LPM_TRIE, struct prefix4, struct list_entry, 65536, GROWS);
MAP(prefix6, BPF_MAP_TYPE_LPM_TRIE, struct prefix6, struct list_entry, 65536, GROWS);

/* Bit port % 64 of word port / 64: a protected TCP or UDP destination port. */
MAP(ports, BPF_MAP_TYPE_ARRAY, __u32, __u64, 1024, 0);

/* Two generations of rules; config.rule_generation says which counts, so a change is one store. */
MAP(rule_src4, BPF_MAP_TYPE_LPM_TRIE, struct rule_key4, struct rule_bits, 4096, GROWS);
MAP(rule_dst4, BPF_MAP_TYPE_LPM_TRIE, struct rule_key4, struct rule_bits, 4096, GROWS);
MAP(rule_src6, BPF_MAP_TYPE_LPM_TRIE, struct rule_key6, struct rule_bits, 4096, GROWS);
MAP(rule_dst6, BPF_MAP_TYPE_LPM_TRIE, struct rule_key6, struct rule_bits, 4096, GROWS);
MAP(rule_port, BPF_MAP_TYPE_ARRAY, __u32, struct rule_bits, 2 * 65536, 0);
MAP(rule_proto, BPF_MAP_TYPE_ARRAY, __u32, struct rule_bits, 2 * 256, 0);
MAP(rule_action, BPF_MAP_TYPE_ARRAY, __u32, __u32, 2 * RULES_MAX, 0);
MAP(rule_hits, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct counter, 2 * RULES_MAX, 0);

/* The least recently seen source gives way. IPv6 by its first 64 bits: who has one has 2^64 addresses. */
MAP(rate4, BPF_MAP_TYPE_LRU_HASH, __u32, struct rate, 262144, 0);
MAP(rate6, BPF_MAP_TYPE_LRU_HASH, __u64, struct rate, 262144, 0);
MAP(guard, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct guard, 1, 0);

MAP(flows4, BPF_MAP_TYPE_LRU_HASH, struct flow_key4, struct flow, 65536, 0);
MAP(flows6, BPF_MAP_TYPE_LRU_HASH, struct flow_key6, struct flow, 65536, 0);

RING(events, EVENT_RING_BYTES);
RING(packets, PACKET_RING_BYTES);
MAP(lost, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, LOST_MAX, 0);

/* Never read: it makes clang describe what no map names. */
struct {
	enum verdict verdict;
	enum protocol_class protocol_class;
	enum shield_flag shield_flag;
	enum list_action list_action;
	enum rule_action rule_action;
	enum flow_verdict flow_verdict;
	enum lost lost;
	struct event event;
	struct packet packet;
} layout SECTION(".layout");

INLINE void count_lost(__u32 what)
{
	__u64 *lost_so_far = map_lookup(&lost, &what);
	if (lost_so_far)
		(*lost_so_far)++;
}

#endif
