/* The Internet checksum (RFC 1071), folded from a sum of 32-bit words as they lie in memory. */
#ifndef WEIR_CSUM_H
#define WEIR_CSUM_H

#include "bpf.h"

INLINE __u16 fold_checksum(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

#endif
