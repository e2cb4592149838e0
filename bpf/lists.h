/* Allow, block and monitor lists: who sends. A hit is counted in the entry itself. */
#ifndef WEIR_LISTS_H
#define WEIR_LISTS_H

#include "maps.h"
#include "parse.h"

/* The time is the tick's (1 to 4 ms): reading the clock itself would cost half of a drop. */
INLINE void hit(struct list_entry *entry)
{
	__sync_fetch_and_add(&entry->hits, 1);
	entry->last_ns = time_coarse_ns();
}

INLINE struct list_entry *find_prefix(void *trie4, void *trie6, const struct view *v)
{
	if (v->family == 4) {
		struct prefix4 key = { 32, v->source4 };
		return map_lookup(trie4, &key);
	}
	struct prefix6 key = { 128, {} };
	copy_bytes(key.address, v->source6, 16);
	return map_lookup(trie6, &key);
}

INLINE int is_allowed(const struct view *v)
{
	struct list_entry *entry = find_prefix(&allow4, &allow6, v);
	if (!entry)
		return 0;
	hit(entry);
	return 1;
}

INLINE struct list_entry *find_exact(const struct view *v)
{
	return v->family == 4 ? map_lookup(&exact4, &v->source4) : map_lookup(&exact6, v->source6);
}

#endif
