/*
 * For benches only: a test run repeats on one frame, which a SYN-ACK would have changed, and whose source is
 * always the same. Each run writes a TCP SYN over IPv4 of 74 bytes anew, from a random source where
 * mss6 of the configuration says so with BENCH_RANDOM.
 */
#ifndef WEIR_BENCH_H
#define WEIR_BENCH_H

#include "cookie.h"

#define BENCH_BYTES 74
#define BENCH_RANDOM 1

INLINE int restore_frame(struct xdp_md *frame)
{
	__u32 zero = 0;
	struct shield_config *terms = map_lookup(&config, &zero);
	int delta = BENCH_BYTES - (int)(frame->data_end - frame->data);
	if (!terms || (delta && frame_adjust_tail(frame, delta)))
		return 1;
	__u8 *data = (void *)(long)frame->data;
	if ((void *)(data + BENCH_BYTES) > (void *)(long)frame->data_end)
		return 1;
	__u32 source = terms->mss6 == BENCH_RANDOM ? random_u32() : to_be32(0x0a090001);
	__u32 words[15] = { to_be32(0x4500003c), to_be32(0x00004000), to_be32(0x40060000), source,
			    to_be32(0x7f000001), to_be32(40000u << 16 | terms->mss4), 0x11223344, 0,
			    to_be32(0xa002faf0), 0, to_be32(0x020405b4), to_be32(0x0402080a), 0x1234, 0,
			    to_be32(0x01030307) };
	copy_bytes(data + 14, words, 60);
	return 0;
}

#endif
