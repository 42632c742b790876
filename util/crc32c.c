/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/crc32c.h"

#include <pthread.h>

#include "util/bits.h"

#define POLY 0x82f63b78u		/* 0x1edc6f41, bits reversed */

/* tab[k][b]: what byte b, followed by k zero bytes, leaves. */
static uint32_t tab[8][256];

static void make_tables(void)
{
	for (unsigned b = 0; b < 256; b++) {
		uint32_t c = b;

		for (unsigned i = 0; i < 8; i++)
			c = c & 1 ? c >> 1 ^ POLY : c >> 1;
		tab[0][b] = c;
	}
	for (unsigned b = 0; b < 256; b++)
		for (unsigned k = 1; k < 8; k++)
			tab[k][b] = tab[k - 1][b] >> 8 ^ tab[0][tab[k - 1][b] & 0xff];
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint8_t *p = data;

	pthread_once(&once, make_tables);
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t v = ld_le64(p) ^ crc;

		crc = 0;
		for (unsigned k = 0; k < 8; k++)
			crc ^= tab[7 - k][v >> (8 * k) & 0xff];
	}
	for (; n; n--)
		crc = crc >> 8 ^ tab[0][(crc ^ *p++) & 0xff];
	return ~crc;
}
