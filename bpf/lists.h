/* Allow, block and monitor lists: who sends. A hit is counted in the entry itself. */
#ifndef WEIR_LISTS_H
#define WEIR_LISTS_H

#include "maps.h"
#include "parse.h"

INLINE void hit(struct list_entry *entry, struct scratch *room)
{
	__sync_fetch_and_add(&entry->hits, 1);
	entry->last_ns = tick_time_ns(room);
}

INLINE struct list_entry *find_prefix(void *trie4, void *trie6, const struct view *v)
{
	if (v->family == 4) {
		struct prefix4 key = { 32, v->source4, 0 };
		return map_lookup(trie4, &key);
	}
	struct prefix6 key = { 128, {} };
	copy_bytes(key.address, v->source6, 16);
	return map_lookup(trie6, &key);
}

INLINE int is_allowed(struct scratch *room)
{
	struct list_entry *entry = find_prefix(&allow4, &allow6, &room->view);
	if (!entry)
		return 0;
	hit(entry, room);
	return 1;
}

#endif
