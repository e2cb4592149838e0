/*
 * Single addresses: where the entry of a source lies, in two loads that wait for memory and no call.
 *
 *     address ─► first bucket of eight tags ─► second bucket ─► not there
 *                  the slot with its tag ─► its entry
 *
 * A hash of the kernel costs three calls a lookup, each with a return that is guarded against speculation; an array is
 * looked into where the program stands. The user side maps both arrays and keeps them (src/synproxy/address-table.ts):
 * a tag is one store, the last one when an entry comes and the first when it goes; who moves goes from its first
 * bucket to its second, there before it is gone here. No bucket has a tag twice. The seeds are random, so nobody who
 * chooses addresses chooses buckets.
 */
#ifndef WEIR_ADDRESSES_H
#define WEIR_ADDRESSES_H

#include "maps.h"
#include "parse.h"

#define NOT_FOUND (~0u)

/* Of both halves of a word, so that the upper bits of the sum depend on every bit. */
INLINE __u32 hash_word(__u32 word, const __u32 *seed)
{
	return (word & 0xffff) * seed[0] + (word >> 16) * seed[1];
}

/* Neighbours would lie in a pattern, as sums of products do. */
INLINE __u32 spread(__u32 hash)
{
	return (hash ^ hash >> 15) * 0x2c1b3c6d;
}

INLINE __u32 hash_words(const __u32 *words, const __u32 *seed)
{
	return spread(hash_word(words[0], seed) + hash_word(words[1], seed + 2) + hash_word(words[2], seed + 4) +
		      hash_word(words[3], seed + 6));
}

INLINE __u32 bucket_of(__u32 hash, __u32 buckets)
{
	return (__u32)((__u64)hash * buckets >> 32);
}

INLINE __u32 find_tag(void *tags, __u32 at, __u32 tag)
{
	struct bucket *bucket = map_lookup(tags, &at);
	if (!bucket)
		return NOT_FOUND;
#pragma unroll
	for (int i = 0; i < BUCKET_SLOTS; i++)
		if (bucket->tag[i] == tag)
			return at * BUCKET_SLOTS + i;
	return NOT_FOUND;
}

/* Through the map: the verifier would follow what comes behind once for each slot of a bucket. */
INLINE __u32 any_slot(struct scratch *room, __u32 slot)
{
	room->slot = slot;
	barrier_var(room);
	return (__u32)room->slot;
}

INLINE struct list_entry *find_exact4(const struct shield_config *config, struct scratch *room)
{
	const __u32 *seed = config->hash_seed;
	__u32 address = room->view.source4;
	__u32 slot = find_tag(&tags4, bucket_of(spread(hash_word(address, seed)), config->exact4_buckets), address);
	if (slot == NOT_FOUND) {
		__u32 hash = spread(hash_word(address, seed + HASH_SEEDS / 2));
		slot = find_tag(&tags4, bucket_of(hash, config->exact4_buckets), address);
	}
	if (slot == NOT_FOUND)
		return 0;
	slot = any_slot(room, slot);
	return map_lookup(&exact4, &slot);
}

INLINE struct list_entry *entry6_at(struct scratch *room, __u32 at, __u32 tag, const __u64 *address)
{
	__u32 slot = find_tag(&tags6, at, tag);
	if (slot == NOT_FOUND)
		return 0;
	slot = any_slot(room, slot);
	struct entry6 *found = map_lookup(&exact6, &slot);
	if (!found)
		return 0;
	const __u64 *own = (const __u64 *)found->address;
	return own[0] == address[0] && own[1] == address[1] ? &found->entry : 0;
}

INLINE struct list_entry *find_exact6(const struct shield_config *config, struct scratch *room)
{
	__u64 address[2];
	__u32 words[4];
	copy_bytes(address, room->view.source6, 16);
	copy_bytes(words, address, 16);
	__u32 hash = hash_words(words, config->hash_seed), tag = hash | 1;
	struct list_entry *entry = entry6_at(room, bucket_of(hash, config->exact6_buckets), tag, address);
	if (entry)
		return entry;
	hash = hash_words(words, config->hash_seed + HASH_SEEDS / 2);
	return entry6_at(room, bucket_of(hash, config->exact6_buckets), tag, address);
}

INLINE struct list_entry *find_exact(const struct shield_config *config, struct scratch *room)
{
	return room->view.family == 4 ? find_exact4(config, room) : find_exact6(config, room);
}

#endif
