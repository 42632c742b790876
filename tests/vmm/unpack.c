/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packed kernels, by the tools that pack them; cut off, damaged, and larger than allowed. */
#include "vmm/probe/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/vmm/make.h"
#include "vmm/probe/image.h"

static const struct { const char *name, *command; } packers[] = {
	{ "gzip", "gzip -9" }, { "xz", "xz --check=crc32" }, { "zstd", "zstd -q -c" },
};

static uint8_t *pack(const char *command, const uint8_t *d, size_t n, size_t *out)
{
	char in[] = "/tmp/ambi-pack-XXXXXX", line[128];
	uint8_t *buf = malloc(1 << 20);
	int fd = mkstemp(in);
	FILE *f;

	CHECK(write(fd, d, n) == (ssize_t)n);
	close(fd);
	snprintf(line, sizeof(line), "%s <%s", command, in);
	f = popen(line, "r");
	*out = fread(buf, 1, 1 << 20, f);
	if (pclose(f))
		*out = 0;
	unlink(in);
	return buf;
}

static void one(const char *name, const char *command)
{
	uint8_t *d = make_linux(true, 65536), *p, *out;
	struct err e = { 0 };
	struct image im;
	size_t n, size;

	for (size_t i = 64; i < 65536; i++)
		d[i] = (uint8_t)(i * i >> 7);
	p = pack(command, d, 65536, &n);
	CHECK(n > 100, "%s gave nothing: is it installed?", command);
	CHECK(unpack_kind(p, n) && !strcmp(unpack_kind(p, n), name));
	CHECK(!unpack(p, n, 1 << 20, &out, &size, &e), "%s", e.msg);
	CHECK(size == 65536 && !memcmp(out, d, size));
	free(out);
	CHECK(!unpack(p, n, 65536, &out, &size, &e), "exactly the limit: %s", e.msg);
	free(out);
	CHECK(unpack(p, n, 65535, &out, &size, &e) == -EFBIG);
	for (size_t cut = 6; cut < n; cut += 97)
		CHECK(unpack(p, cut, 1 << 20, &out, &size, &e) < 0, "%s cut at %zu", name, cut);
	/* what follows the stream is ignored */
	CHECK(!unpack(p, n + 4, 1 << 20, &out, &size, &e), "%s", e.msg);
	free(out);
	CHECK(!image_parse(&im, memcpy(malloc(n), p, n), n, 1 << 20, &e), "%s", e.msg);
	CHECK(im.format == IMAGE_LINUX && strstr(im.how, name), "%s", im.how);
	image_free(&im);
	p[n / 2] ^= 0x55;
	p[n / 2 + 1] ^= 0x55;
	CHECK(unpack(p, n, 1 << 20, &out, &size, &e) < 0, "%s: damage not seen", name);
	free(p);
	free(d);
}

/* 64 MiB of zeroes in a few KiB are stopped at the limit */
static void bomb(void)
{
	uint8_t *z = calloc(1, 64 << 20), *p, *out;
	struct err e = { 0 };
	size_t n, size;

	p = pack("gzip -9", z, 64 << 20, &n);
	CHECK(unpack(p, n, 1 << 20, &out, &size, &e) == -EFBIG);
	CHECK_HAS(e.msg, "more than 1 MiB");
	free(z);
	free(p);
}

static void zboot(void)
{
	uint8_t *d = make_linux(false, 8192), *p, *z;
	struct err e = { 0 };
	struct image im;
	size_t n;

	p = pack("gzip -9", d, 8192, &n);
	z = calloc(1, n + 64);
	memcpy(z, "MZ\0\0zimg", 8);
	st_le32(z + 8, 64);
	st_le32(z + 12, (uint32_t)n);
	memcpy(z + 24, "gzip", 4);
	memcpy(z + 64, p, n);
	CHECK(!image_parse(&im, memcpy(malloc(n + 64), z, n + 64), n + 64, 1 << 20, &e), "%s",
	      e.msg);
	CHECK(im.format == IMAGE_LINUX && strstr(im.how, "EFI zboot, gzip, "), "%s", im.how);
	image_free(&im);
	st_le32(z + 12, (uint32_t)n + 1);
	CHECK(image_parse(&im, memcpy(malloc(n + 64), z, n + 64), n + 64, 1 << 20, &e) == -EINVAL);
	st_le32(z + 8, UINT32_MAX);
	CHECK(image_parse(&im, memcpy(malloc(n + 64), z, n + 64), n + 64, 1 << 20, &e) == -EINVAL);
	st_le32(z + 8, 64);
	st_le32(z + 12, (uint32_t)n);
	z[64] = 'x';
	CHECK(image_parse(&im, memcpy(malloc(n + 64), z, n + 64), n + 64, 1 << 20, &e) == -ENOTSUP);
	CHECK_HAS(e.msg, "gzip");
	free(d);
	free(p);
	free(z);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++)
		one(packers[i].name, packers[i].command);
	bomb();
	zboot();
	return check_done();
}
