/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PNG files: read back chunk by chunk, and unpacked by hand. */
#include "vmm/png.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/check.h"
#include "util/bits.h"

static uint8_t *file;
static size_t size, at;

/* The next chunk's data; NULL where it is not as it should be. */
static const uint8_t *chunk(const char *type, uint32_t *n)
{
	const uint8_t *p = file + at;

	if (size - at < 12)
		return NULL;
	*n = ld_be32(p);
	if (*n > size - at - 12 || memcmp(p + 4, type, 4) ||
	    ld_be32(p + 8 + *n) != crc32(0, p + 4, *n + 4))
		return NULL;
	at += 12 + *n;
	return p + 8;
}

static void round_trip(unsigned width, unsigned height)
{
	uint32_t *pixel = malloc(4ul * width * height), n = 0, bad = 0;
	uLongf len = height * (3ul * width + 1);
	uint8_t *raw = malloc(len), *q = raw;
	const uint8_t *p;
	struct err e = { 0 };
	FILE *f = open_memstream((char **)&file, &size);

	for (unsigned i = 0; i < width * height; i++)
		pixel[i] = (i * 2654435761u) >> (i & 3) & 0xffffff;
	CHECK(!png_write(f, pixel, width, height, &e));
	fclose(f);
	CHECK(size > 8 && !memcmp(file, "\x89PNG\r\n\x1a\n", 8));
	at = 8;
	p = chunk("IHDR", &n);
	CHECK(p && n == 13 && ld_be32(p) == width && ld_be32(p + 4) == height);
	CHECK(p && !memcmp(p + 8, "\x08\x02\0\0\0", 5));
	p = chunk("IDAT", &n);
	CHECK(p && uncompress(raw, &len, p, n) == Z_OK && len == height * (3ul * width + 1));
	for (unsigned y = 0; y < height; y++) {
		uint8_t c[3] = { 0 };

		bad += *q++ != 1;
		for (unsigned x = 0; x < width; x++) {
			for (unsigned k = 0; k < 3; k++)
				c[k] = (uint8_t)(c[k] + *q++);
			bad += pixel[y * width + x] !=
			       ((uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2]);
		}
	}
	CHECK(!bad);
	CHECK(chunk("IEND", &n) && !n && at == size);
	free(pixel);
	free(raw);
	free(file);
}

int main(void)
{
	uint32_t one = 0;
	struct err e = { 0 };
	FILE *full = fopen("/dev/full", "w");

	round_trip(1, 1);
	round_trip(720, 400);
	round_trip(3, 1001);
	CHECK(png_write(full, &one, 1, 1, &e) == -EIO);
	CHECK(png_write(full, &one, 0, 1, &e) == -EINVAL);
	CHECK(png_write(full, &one, 1, 1u << 20, &e) == -EINVAL);
	fclose(full);
	return check_done();
}
