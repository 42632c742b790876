/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exercises image, texture, noise and packing libraries with generated input and prints
 * check sums: integer and floating point code of many kinds that must give the same
 * everywhere.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_RESIZE2_IMPLEMENTATION
#define STB_DXT_IMPLEMENTATION
#define STB_RECT_PACK_IMPLEMENTATION
#define STB_PERLIN_IMPLEMENTATION
#define STB_DS_IMPLEMENTATION
#define STB_SPRINTF_IMPLEMENTATION
#define STBI_NO_SIMD
#include "stb_ds.h"
#include "stb_dxt.h"
#include "stb_image.h"
#include "stb_image_write.h"
#include "stb_perlin.h"
#include "stb_rect_pack.h"
#include "stb_sprintf.h"

enum { W = 320, H = 240 };

static uint64_t sum(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h;
}

struct buffer { uint8_t *p; size_t n; };

static void append(void *context, void *data, int size)
{
	struct buffer *b = context;

	b->p = realloc(b->p, b->n + (size_t)size);
	memcpy(b->p + b->n, data, (size_t)size);
	b->n += (size_t)size;
}

static void picture(uint8_t *out, int seed)
{
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			for (int c = 0; c < 4; c++) {
				float v = stb_perlin_fbm_noise3((float)x * 0.03f, (float)y * 0.03f,
								(float)(c + seed), 2.0f, 0.5f, 6);

				out[(y * W + x) * 4 + c] = (uint8_t)(int)(127.5f + 127.5f * v);
			}
}

static void round_trip(const char *name, const uint8_t *pixels, const struct buffer *b, int exact)
{
	int w, h, n;
	uint8_t *back = stbi_load_from_memory(b->p, (int)b->n, &w, &h, &n, 4);

	printf("%s: %zu bytes %016llx", name, b->n, (unsigned long long)sum(b->p, b->n));
	if (!back) {
		printf(", not read back: %s\n", stbi_failure_reason());
		exit(1);
	}
	printf(", %dx%d %016llx%s\n", w, h, (unsigned long long)sum(back, (size_t)w * h * 4),
	       exact && memcmp(back, pixels, W * H * 4) ? " DIFFERS" : "");
	free(back);
}

static void images(int seed)
{
	static uint8_t pixels[W * H * 4], block[64], dxt[16];
	struct buffer b[3] = { 0 };
	uint64_t s = 0;

	picture(pixels, seed);
	stbi_write_png_to_func(append, &b[0], W, H, 4, pixels, W * 4);
	round_trip("png", pixels, &b[0], 1);
	stbi_write_jpg_to_func(append, &b[1], W, H, 4, pixels, 50 + seed);
	round_trip("jpg", pixels, &b[1], 0);
	stbi_write_tga_to_func(append, &b[2], W, H, 4, pixels);
	round_trip("tga", pixels, &b[2], 1);
	for (int i = 0; i < 3; i++)
		free(b[i].p);
	for (int y = 0; y < H; y += 4)
		for (int x = 0; x < W; x += 4) {
			for (int r = 0; r < 4; r++)
				memcpy(block + r * 16, pixels + ((y + r) * W + x) * 4, 16);
			stb_compress_dxt_block(dxt, block, 1, STB_DXT_HIGHQUAL);
			s = s * 31 + sum(dxt, 16);
		}
	printf("dxt: %016llx\n", (unsigned long long)s);
}

static void packing(void)
{
	static stbrp_node nodes[512];
	static stbrp_rect r[400];
	stbrp_context c;
	uint64_t s = 0;

	for (int i = 0; i < 400; i++)
		r[i] = (stbrp_rect){ .id = i, .w = 4 + i * 7919 % 29, .h = 4 + i * 104729 % 31 };
	stbrp_init_target(&c, 512, 512, nodes, 512);
	stbrp_pack_rects(&c, r, 400);
	for (int i = 0; i < 400; i++)
		s = s * 1000003 + (uint64_t)r[i].x * 512 + (uint64_t)r[i].y + r[i].was_packed;
	printf("packing: %016llx\n", (unsigned long long)s);
}

static void tables(void)
{
	struct { int key; double value; } *map = NULL;
	char text[64];
	uint64_t s = 0;

	for (int i = 0; i < 50000; i++)
		hmput(map, (int)((unsigned)i * 48271u % 65537u), (double)i / 7);
	for (int i = 0; i < 65537; i++) {
		if (hmgeti(map, i) < 0)
			continue;
		stbsp_snprintf(text, sizeof(text), "%d %.10g %a", i, hmget(map, i), hmget(map, i));
		s = s * 31 + sum(text, strlen(text));
	}
	printf("tables: %d %016llx\n", (int)hmlen(map), (unsigned long long)s);
	hmfree(map);
}

int main(void)
{
	for (int i = 0; i < 4; i++)
		images(i);
	packing();
	tables();
	return 0;
}
