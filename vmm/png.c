/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/png.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>

#include "util/bits.h"

enum { MAX_SIDE = 16384, FILTER_SUB = 1, LEVEL = 6 };

/* Length, type, data and a CRC over both (clause 5.3). */
static void chunk(FILE *f, const char *type, const uint8_t *data, uint32_t n)
{
	uint8_t head[8], crc[4];
	uLong sum;

	st_be32(head, n);
	memcpy(head + 4, type, 4);
	sum = crc32(crc32(0, NULL, 0), head + 4, 4);
	if (n)
		sum = crc32(sum, data, n);
	st_be32(crc, (uint32_t)sum);
	fwrite(head, 1, sizeof(head), f);
	if (n)
		fwrite(data, 1, n, f);
	fwrite(crc, 1, sizeof(crc), f);
}

/* Lines, each after its filter's number: the difference to the pixel before (clause 9.2). */
static void put_lines(uint8_t *to, const uint32_t *pixel, unsigned width, unsigned height)
{
	for (unsigned y = 0; y < height; y++) {
		uint32_t left = 0;

		*to++ = FILTER_SUB;
		for (unsigned x = 0; x < width; x++) {
			uint32_t c = *pixel++;

			*to++ = (uint8_t)((c >> 16) - (left >> 16));
			*to++ = (uint8_t)((c >> 8) - (left >> 8));
			*to++ = (uint8_t)(c - left);
			left = c;
		}
	}
}

int png_write(FILE *f, const uint32_t *pixel, unsigned width, unsigned height, struct err *e)
{
	size_t size = height * (3 * (size_t)width + 1);
	uint8_t *lines, *packed, header[13] = { [8] = 8, [9] = 2 };	/* 8 bits, RGB */
	uLongf n;
	int rc = 0;

	if (!width || !height || width > MAX_SIDE || height > MAX_SIDE)
		return err_set(e, EINVAL, "a picture of %ux%u", width, height);
	n = compressBound(size);
	lines = malloc(size);
	packed = malloc(n);
	if (lines && packed)
		put_lines(lines, pixel, width, height);
	if (!lines || !packed || compress2(packed, &n, lines, size, LEVEL) != Z_OK)
		rc = err_errno(e, ENOMEM, "a picture of %ux%u", width, height);
	if (!rc) {
		st_be32(header, width);
		st_be32(header + 4, height);
		fwrite("\x89PNG\r\n\x1a\n", 1, 8, f);
		chunk(f, "IHDR", header, sizeof(header));
		chunk(f, "IDAT", packed, (uint32_t)n);
		chunk(f, "IEND", NULL, 0);
		if (fflush(f) || ferror(f))
			rc = err_set(e, EIO, "writing the picture failed");
	}
	free(lines);
	free(packed);
	return rc;
}

#else

int png_write(FILE *f, const uint32_t *pixel, unsigned width, unsigned height, struct err *e)
{
	return err_set(e, ENOTSUP, "this ambi was built without zlib");
}

#endif
