/* The helpers and macros used, so that no libbpf headers are needed: only those of the kernel's UAPI. */
#ifndef WEIR_BPF_H
#define WEIR_BPF_H

#include <linux/bpf.h>
#include <linux/types.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Both architectures Weir runs on are little-endian, and so is the object. */
#define to_be16(x) ((__u16)__builtin_bswap16(x))
#define to_be32(x) ((__u32)__builtin_bswap32(x))
#define from_be16(x) ((__u16)__builtin_bswap16(x))
#define from_be32(x) ((__u32)__builtin_bswap32(x))

/* The compiler may not know more of the value than the verifier does. */
#define barrier_var(x) __asm__ volatile("" : "+r"(x))

/* Definitions the loader reads from BTF: the length of an array type is the number, a pointee the type. */
#define MAP_NUMBER(name, value) int(*name)[value]
#define MAP_TYPE(name, value) typeof(value) *name
#define MAP(name, map_type, key_type, value_type, entries, flags) \
	struct { \
		MAP_NUMBER(type, map_type); \
		MAP_TYPE(key, key_type); \
		MAP_TYPE(value, value_type); \
		MAP_NUMBER(max_entries, entries); \
		MAP_NUMBER(map_flags, flags); \
	} name SECTION(".maps")
#define RING(name, bytes) \
	struct { \
		MAP_NUMBER(type, BPF_MAP_TYPE_RINGBUF); \
		MAP_NUMBER(max_entries, bytes); \
	} name SECTION(".maps")

#define HELPER(id, result, name, ...) static result (*name)(__VA_ARGS__) = (void *)id
HELPER(BPF_FUNC_map_lookup_elem, void *, map_lookup, void *map, const void *key);
HELPER(BPF_FUNC_map_update_elem, long, map_update, void *map, const void *key, const void *value, __u64 flags);
HELPER(BPF_FUNC_map_delete_elem, long, map_delete, void *map, const void *key);
HELPER(BPF_FUNC_ktime_get_ns, __u64, time_ns, void);
HELPER(BPF_FUNC_ktime_get_coarse_ns, __u64, time_coarse_ns, void);
HELPER(BPF_FUNC_jiffies64, __u64, ticks, void);
HELPER(BPF_FUNC_get_prandom_u32, __u32, random_u32, void);
HELPER(BPF_FUNC_ringbuf_reserve, void *, ring_reserve, void *ring, __u64 bytes, __u64 flags);
HELPER(BPF_FUNC_ringbuf_submit, void, ring_submit, void *record, __u64 flags);
HELPER(BPF_FUNC_ringbuf_discard, void, ring_discard, void *record, __u64 flags);
HELPER(BPF_FUNC_ringbuf_query, __u64, ring_query, void *ring, __u64 flags);
HELPER(BPF_FUNC_xdp_get_buff_len, __u64, frame_length, struct xdp_md *frame);
HELPER(BPF_FUNC_xdp_load_bytes, long, frame_load, struct xdp_md *frame, __u32 offset, void *to, __u32 bytes);
HELPER(BPF_FUNC_xdp_adjust_tail, long, frame_adjust_tail, struct xdp_md *frame, int delta);
HELPER(BPF_FUNC_skc_lookup_tcp, struct bpf_sock *, socket_lookup_tcp, void *frame, struct bpf_sock_tuple *tuple,
       __u32 bytes, __u64 namespace, __u64 flags);
HELPER(BPF_FUNC_sk_lookup_udp, struct bpf_sock *, socket_lookup_udp, void *frame, struct bpf_sock_tuple *tuple,
       __u32 bytes, __u64 namespace, __u64 flags);
HELPER(BPF_FUNC_sk_release, long, socket_release, void *socket);
HELPER(BPF_FUNC_tcp_gen_syncookie, __s64, generate_syn_cookie, void *socket, void *ip, __u32 ip_bytes, void *tcp,
       __u32 tcp_bytes);

INLINE void *copy_bytes(void *to, const void *from, unsigned long bytes)
{
	return __builtin_memcpy(to, from, bytes);
}

#endif
