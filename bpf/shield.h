/*
 * What the packet program and the user side share: constants, structs, enumerations.
 *
 * The user side reads all of it from the object's BTF (src/synproxy/btf.ts) and never repeats it: a field
 * may move, a verdict may be added, and nothing else changes. An enumerator is named after its enumeration
 * (VERDICT_… of enum verdict); what follows that, in small letters, is its name there and in the metrics.
 *
 * Words are in the order of the machine. Addresses, and only they, are in network order.
 */
#ifndef WEIR_SHIELD_H
#define WEIR_SHIELD_H

#include <linux/types.h>

/* Every packet has exactly one verdict. Those from VERDICT_MONITORED on are marks, counted besides it. */
enum verdict {
	VERDICT_PASS = 0,
	VERDICT_ALLOWED = 1,          /* passed; its source is on the allow list */
	VERDICT_NOT_IP = 2,           /* passed: ARP, LLDP, … */
	VERDICT_NEIGHBOUR = 3,        /* passed: neighbour discovery, which is to IPv6 what ARP is to IPv4 */
	VERDICT_PASS_RULE = 4,        /* a rule says pass */
	VERDICT_PASS_FLOW = 5,        /* inspected before, and the verdict was pass */
	VERDICT_SYN_ACK = 6,          /* answered here with a SYN cookie */
	VERDICT_DROP_MALFORMED = 8,
	VERDICT_DROP_FRAGMENT = 9,
	VERDICT_DROP_EXACT = 10,
	VERDICT_DROP_PREFIX = 11,
	VERDICT_DROP_RULE = 12,
	VERDICT_DROP_TCP_FLAGS = 13,
	VERDICT_DROP_SYN_OPTIONS = 14, /* a SYN with IP options or extension headers, which would go round the cookie */
	VERDICT_DROP_RATE_PACKETS = 15,
	VERDICT_DROP_RATE_SYN = 16,
	VERDICT_DROP_RATE_UDP = 17,
	VERDICT_DROP_RATE_BYTES = 18,
	VERDICT_DROP_AMPLIFICATION = 19,
	VERDICT_DROP_FLOW = 20,       /* inspected before, and the verdict was drop */
	VERDICT_MONITORED = 24,       /* on a list that only counts */
	VERDICT_COOKIE_UNAVAILABLE = 25, /* a SYN the kernel made no cookie for: it passes (syncookies 0, or 1 in peace) */
	VERDICT_NO_LISTENER = 26,     /* a SYN to a protected port nobody listens on: it passes and is reset */
	VERDICT_INSPECTED = 27,       /* copied to user space */
};
#define VERDICTS_MAX 32

enum protocol_class {
	PROTOCOL_CLASS_TCP = 0,
	PROTOCOL_CLASS_UDP = 1,
	PROTOCOL_CLASS_ICMP = 2,
	PROTOCOL_CLASS_OTHER = 3,
};
#define PROTOCOL_CLASSES 4

enum shield_flag {
	/* Where a list has entries: looking into an empty trie costs as much as into one with a few. */
	SHIELD_FLAG_ALLOW = 1 << 0,
	SHIELD_FLAG_FRAGMENTS_DROP = 1 << 1,
	SHIELD_FLAG_RULES = 1 << 2,
	SHIELD_FLAG_TCP_SANITY = 1 << 3,
	SHIELD_FLAG_COOKIES = 1 << 4,
	/* What a SYN-ACK of ours may offer. Window scale and SACK travel in the timestamp, so both need it. */
	SHIELD_FLAG_TIMESTAMPS = 1 << 5,
	SHIELD_FLAG_SACK = 1 << 6,
	SHIELD_FLAG_WINDOW_SCALE = 1 << 7,
	SHIELD_FLAG_RATE = 1 << 8,
	SHIELD_FLAG_AMPLIFICATION = 1 << 9,
	SHIELD_FLAG_EVENTS = 1 << 10, /* an event of what is dropped, monitored or inspected, thinned by event_mask */
	SHIELD_FLAG_SAMPLE = 1 << 11, /* an event of every packet whatever its verdict, thinned by sample_mask */
	SHIELD_FLAG_INSPECT = 1 << 12,
	SHIELD_FLAG_EXACT = 1 << 13,
	SHIELD_FLAG_PREFIX = 1 << 14,
};

#define HASH_SEEDS 16

struct shield_config {
	__u32 flags;
	__u32 rule_generation; /* 0 or 1 */
	__u32 event_mask;      /* 2^n - 1: one event of 2^n */
	__u32 sample_mask;
	__u32 inspect_packets; /* the first so many of a flow go to user space */
	__u32 guard_inserts;   /* new sources (and flows) a second and CPU; above it they are not remembered */
	__u16 mss4;
	__u16 mss6;
	__u16 window;
	__u8 window_scale;
	__u8 ttl;
	/* Per source; an interval of 0 is no limit. A burst of 0 lets one at a time through. */
	__u64 packet_interval_ns;
	__u64 packet_burst_ns;
	__u64 syn_interval_ns;
	__u64 syn_burst_ns;
	__u64 udp_interval_ns;
	__u64 udp_burst_ns;
	__u64 kilobyte_interval_ns; /* of 1,024 bytes */
	__u64 kilobyte_burst_ns;
	/* Of the tables of single addresses: buckets there are, and entries they may hold. */
	__u32 exact4_buckets;
	__u32 exact6_buckets;
	__u32 exact4_entries;
	__u32 exact6_entries;
	__u32 hash_seed[HASH_SEEDS];
};

struct counter {
	__u64 packets;
	__u64 bytes;
};

/*
 * The value of a trie stands right behind the address. With one of four bytes its counter would lie across a border
 * of eight, and there an atomic addition is a fault: arm64 stops the whole machine.
 */
struct prefix4 {
	__u32 prefix; /* bits, 0..32 */
	__u32 address;
	__u32 reserved;
};

struct prefix6 {
	__u32 prefix; /* bits, 0..128 */
	__u8 address[16];
};

enum list_action {
	LIST_ACTION_DROP = 0,
	LIST_ACTION_MONITOR = 1,
	LIST_ACTION_ALLOW = 2,
};

struct list_entry {
	__u64 hits;
	__u64 last_ns; /* CLOCK_MONOTONIC_COARSE; 0: never */
	__u32 action;
	__u32 reserved;
};

/*
 * Single addresses lie in a table of our own (bpf/addresses.h, src/synproxy/address-table.ts): one tag for each
 * slot of a bucket, 0 where it is free, and the entries in a second array by the number of the slot.
 */
#define BUCKET_SLOTS 8

struct bucket {
	__u32 tag[BUCKET_SLOTS];
};

/* An IPv4 address is its own tag. */
struct entry6 {
	struct list_entry entry;
	__u8 address[16];
};

#define RULES_MAX 256
#define RULE_WORDS (RULES_MAX / 64)

/* Prefix is 32 (the generation, which always matches in whole) and the bits of the address. */
struct rule_key4 {
	__u32 prefix;
	__u32 generation;
	__u32 address;
};

struct rule_key6 {
	__u32 prefix;
	__u32 generation;
	__u8 address[16];
};

/* Bit n % 64 of word n / 64: rule n, the lowest first. */
struct rule_bits {
	__u64 w[RULE_WORDS];
};

enum rule_action {
	RULE_ACTION_PASS = 0,
	RULE_ACTION_DROP = 1,
	RULE_ACTION_INSPECT = 2,
};

/* Theoretical arrival times (GCRA), one for each thing that is limited. */
struct rate {
	__u64 packets;
	__u64 syns;
	__u64 udp;
	__u64 bytes;
};

struct guard {
	__u64 second_ns;
	__u64 inserts;
};

struct flow_key4 {
	__u32 source;
	__u32 destination;
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 reserved[3];
};

struct flow_key6 {
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 reserved[3];
};

enum flow_verdict {
	FLOW_VERDICT_OPEN = 0, /* nothing said yet: passes, and is shown while it is among the first packets */
	FLOW_VERDICT_PASS = 1,
	FLOW_VERDICT_DROP = 2,
};

struct flow {
	__u32 seen;
	__u32 verdict;
	__u64 id;
};

/* What user space learns of one packet. IPv4 addresses are the first four bytes, the rest is zero. */
struct event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 interface_index;
	__u32 length; /* of the frame */
	__u32 weight; /* packets this one stands for */
	__u8 verdict;
	__u8 family; /* 4, 6 */
	__u8 protocol;
	__u8 tcp_flags;
	__u16 source_port;
	__u16 destination_port;
	__u16 rule; /* RULE_NONE where none matched */
	__u16 reserved;
	__u8 source[16];
	__u8 destination[16];
};
#define RULE_NONE 0xffff

#define PACKET_BYTES_MAX 512

/* A packet of a flow a rule wants inspected. The source of truth is `bytes`; the rest is what was made of it. */
struct packet {
	__u64 time_ns;
	__u64 flow;
	__u32 interface_index;
	__u32 length;         /* of the frame */
	__u32 captured;       /* of it in `bytes` */
	__u32 index;          /* 0: the first of its flow */
	__u16 network_offset; /* where the IP header begins */
	__u16 transport_offset; /* where the TCP, UDP or ICMP header begins; 0 where there is none */
	__u16 rule;
	__u16 source_port;
	__u16 destination_port;
	__u8 family;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 begins; /* 1: a TCP connection begins with it */
	__u8 reserved[6];
	__u8 source[16];
	__u8 destination[16];
	__u8 bytes[PACKET_BYTES_MAX];
};

/* What could not be told or remembered, because there was no room. */
enum lost {
	LOST_EVENT = 0,
	LOST_PACKET = 1,
	LOST_RATE_INSERT = 2, /* the flood guard, or no memory */
	LOST_FLOW_INSERT = 3,
};
#define LOST_MAX 8

#define EVENT_RING_BYTES (512 * 1024)
#define PACKET_RING_BYTES (1024 * 1024)

#endif
