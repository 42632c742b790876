/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes as a kernel image and as a device tree. The first byte puts a valid
 * beginning in front, so that the parsers behind the magic numbers are reached.
 */
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/vmm/make.h"
#include "vmm/boot/dtb.h"
#include "vmm/probe/image.h"

static const struct {
	const char *bytes;
	size_t len, at;
} heads[] = {
	{ "", 0, 0 },
	{ "\x7f" "ELF\2\1\1", 7, 0 },
	{ "\x7f" "ELF\1\1\1", 7, 0 },
	{ "MZ\0\0zimg", 8, 0 },
	{ "\x1f\x8b\x08\0\0\0\0\0\0\3", 10, 0 },
	{ "\x28\xb5\x2f\xfd", 4, 0 },
	{ "\xfd" "7zXZ\0", 6, 0 },
	{ "RISCV\0\0\0RSC\x05", 12, 0x30 },
	{ "ARM\x64", 4, 0x38 },
	{ "\x55\xaa\0\0HdrS\x0f\2", 10, 0x1fe },
	{ "\xd0\x0d\xfe\xed", 4, 0 },
};

/* ELF files get program headers that are nearly right. */
static void shape_elf(uint8_t *d, size_t size)
{
	if (size < 512 || d[0] != 0x7f || d[4] != 2)
		return;
	st_le16(d + 16, 2);
	st_le64(d + 32, 64);
	st_le16(d + 54, 56);
	st_le16(d + 56, d[56] % 5);
	st_le32(d + 64, 1);
}

static void as_tree(const uint8_t *d, size_t size)
{
	static uint8_t buf[8192];
	struct err e;

	if (size < sizeof(buf) / 2 && !dtb_check(d, size, &e))
		dtb_patch(buf, sizeof(buf), d, "console=ttyS0", 0x80000000, 4096, &e);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image im;
	struct err e = { 0 };
	unsigned h;
	uint8_t *d;

	if (size < 2)
		return 0;
	h = data[0] % ARRAY_SIZE(heads);
	data++;
	size--;
	d = malloc(size);
	memcpy(d, data, size);
	if (size > heads[h].at + heads[h].len)
		memcpy(d + heads[h].at, heads[h].bytes, heads[h].len);
	shape_elf(d, size);
	as_tree(d, size);
	if (!image_parse(&im, d, size, 1 << 20, &e)) {
		for (unsigned i = 0; i < im.nr_segments; i++)
			if (im.seg[i].file > im.size ||
			    im.seg[i].file_size > im.size - im.seg[i].file)
				abort();
		image_free(&im);
	} else if (!e.code || !e.msg[0]) {
		abort();	/* a refusal says why */
	}
	return 0;
}
