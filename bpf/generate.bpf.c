/*
 * For tests and benches only: a flood. Run with live frames (BPF_F_TEST_XDP_LIVE_FRAMES) it writes a SYN from
 * a random source of 198.18.0.0/15 (RFC 2544) and sends it out of an interface.
 */
#include "csum.h"

#define FRAME_BYTES 74

struct flood {
	__u32 interface_index;
	__u32 destination; /* network order */
	__u32 destination_port;
	__u32 reserved;
	__u8 destination_mac[8];
	__u8 source_mac[8];
};
MAP(flood, BPF_MAP_TYPE_ARRAY, __u32, struct flood, 1, 0);
HELPER(BPF_FUNC_redirect, long, redirect, __u32 interface_index, __u64 flags);

SECTION("xdp") int generate(struct xdp_md *frame)
{
	__u32 zero = 0;
	struct flood *terms = map_lookup(&flood, &zero);
	__u8 *data = (void *)(long)frame->data;
	if (!terms || (void *)(data + FRAME_BYTES) > (void *)(long)frame->data_end)
		return XDP_ABORTED;
	__u32 random = random_u32(), more = random_u32();
	copy_bytes(data, terms->destination_mac, 6);
	copy_bytes(data + 6, terms->source_mac, 6);
	*(__u16 *)(data + 12) = to_be16(0x0800);
	__u32 source = to_be32(0xc6120000 | (random & 0x1ffff));
	__u32 ip[5] = { to_be32(0x4500003c), (more & 0xffff) | to_be32(0x4000), to_be32(0x40060000), source,
			terms->destination };
	__u32 tcp[10] = { to_be32((1024 + more % 64000) << 16 | terms->destination_port), random ^ more, 0,
			  to_be32(0xa002faf0), 0, to_be32(0x020405b4), to_be32(0x0402080a), more, 0,
			  to_be32(0x01030307) };
	__u64 sum = 0;
#pragma unroll
	for (int i = 0; i < 5; i++)
		sum += ip[i];
	ip[2] |= (__u32)fold_checksum(sum) << 16;
	sum = (__u64)source + terms->destination + to_be16(40) + to_be16(6);
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += tcp[i];
	tcp[4] = fold_checksum(sum);
	copy_bytes(data + 14, ip, 20);
	copy_bytes(data + 34, tcp, 40);
	return redirect(terms->interface_index, 0);
}

char license_text[] SECTION("license") = "Dual MIT/GPL";
