/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hw/virtio/net_offload.h"

#include <string.h>

#include "util/bits.h"

enum { ETH_SIZE = 14, VLAN_SIZE = 4, IPV4_SIZE = 20, IPV6_SIZE = 40, TCP_SIZE = 20 };
enum { PROTO_TCP = 6 };
enum { TCP_FIN = 1, TCP_PSH = 8, TCP_CWR = 0x80 };	/* RFC 793, RFC 3168 */

/*
 * Ones' complement sum in the host's byte order (RFC 1071, 2(B)): stored in the same order, the
 * result is right. An odd end counts as if a zero byte followed.
 */
static uint64_t sum_bytes(const uint8_t *p, size_t n, uint64_t sum)
{
	uint16_t last = 0;

	for (; n >= 4; n -= 4, p += 4) {
		uint32_t v;

		memcpy(&v, p, 4);
		sum += v;
	}
	if (n >= 2) {
		uint16_t v;

		memcpy(&v, p, 2);
		sum += v;
		p += 2;
		n -= 2;
	}
	if (n) {
		memcpy(&last, p, 1);
		sum += last;
	}
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

bool net_fill_checksum(uint8_t *frame, size_t len, size_t start, size_t offset)
{
	uint16_t sum;

	if (start >= len || offset + 2 > len - start)
		return false;
	sum = fold(sum_bytes(frame + start, len - start, 0));
	if (!sum)
		sum = 0xffff;			/* UDP: zero means none */
	memcpy(frame + start + offset, &sum, 2);
	return true;
}

static void fill_tcp(uint8_t *f, size_t len, const struct net_gso *g, size_t ip)
{
	uint8_t pseudo[4] = { 0, PROTO_TCP };
	uint64_t sum;
	uint16_t v;

	st_be16(f + g->tcp + 16, 0);
	st_be16(pseudo + 2, (uint16_t)(len - g->tcp));
	sum = sum_bytes(pseudo, sizeof(pseudo), 0);
	sum = g->ipv6 ? sum_bytes(f + ip + 8, 32, sum) : sum_bytes(f + ip + 12, 8, sum);
	v = fold(sum_bytes(f + g->tcp, len - g->tcp, sum));
	memcpy(f + g->tcp + 16, &v, 2);
}

/* Lengths, identification and checksums of piece nr. */
static void fill_headers(uint8_t *f, size_t len, const struct net_gso *g, size_t ip, unsigned nr)
{
	uint16_t v;

	if (g->ipv6) {
		st_be16(f + ip + 4, (uint16_t)(len - ip - IPV6_SIZE));
	} else {
		st_be16(f + ip + 2, (uint16_t)(len - ip));
		st_be16(f + ip + 4, (uint16_t)(ld_be16(f + ip + 4) + nr));
		st_be16(f + ip + 10, 0);
		v = fold(sum_bytes(f + ip, 4u * (f[ip] & 15u), 0));
		memcpy(f + ip + 10, &v, 2);
	}
	fill_tcp(f, len, g, ip);
}

/* Where the IP header begins; 0: the frame is not what its driver says. */
static size_t find_ip(const uint8_t *f, size_t len, const struct net_gso *g)
{
	size_t at = ETH_SIZE, size;
	unsigned type;

	if (len < ETH_SIZE + VLAN_SIZE)
		return 0;
	type = ld_be16(f + 12);
	if (type == 0x8100) {			/* one tag of a virtual LAN */
		at += VLAN_SIZE;
		type = ld_be16(f + 16);
	}
	if (type != (g->ipv6 ? 0x86ddu : 0x0800u) || g->tcp > len || len - g->tcp < TCP_SIZE)
		return 0;
	if (g->tcp < at + (g->ipv6 ? IPV6_SIZE : IPV4_SIZE))
		return 0;
	size = g->ipv6 ? IPV6_SIZE : 4u * (f[at] & 15u);
	if (f[at] >> 4 != (g->ipv6 ? 6 : 4) || at + size != g->tcp ||
	    f[at + (g->ipv6 ? 6 : 9)] != PROTO_TCP || len - at > 0xffff)
		return 0;
	return at;
}

bool net_segment(const uint8_t *frame, size_t len, const struct net_gso *g, uint8_t *piece,
		 void (*send)(void *opaque, const uint8_t *frame, size_t len), void *opaque)
{
	size_t ip = find_ip(frame, len, g), head, size = g->size;
	unsigned nr = 0;
	uint32_t seq;
	uint8_t flags;

	if (!ip || (size && size < NET_MIN_SEGMENT))
		return false;
	head = g->tcp + 4u * (frame[g->tcp + 12] >> 4);
	if (head < g->tcp + TCP_SIZE || head > len)
		return false;
	if (!size || size > len - head)
		size = len - head;
	seq = ld_be32(frame + g->tcp + 4);
	flags = frame[g->tcp + 13];
	for (size_t at = head; nr == 0 || at < len; at += size, nr++) {
		size_t n = MIN(size, len - at);

		memcpy(piece, frame, head);
		memcpy(piece + head, frame + at, n);
		st_be32(piece + g->tcp + 4, seq + (uint32_t)(at - head));
		piece[g->tcp + 13] = (uint8_t)(flags & ~((at + n < len ? TCP_FIN | TCP_PSH : 0) |
							 (nr ? TCP_CWR : 0)));
		fill_headers(piece, head + n, g, ip, nr);
		send(opaque, piece, head + n);
	}
	return true;
}
