/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/probe/unpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif

struct out {
	uint8_t *data;
	size_t len, cap;
	uint64_t limit;
};

/*
 * Room for more output; the buffer grows by doubling, so that a small file which
 * claims to be large costs only what it really unpacks to.
 */
static int out_grow(struct out *o, size_t packed, struct err *e)
{
	size_t cap = o->cap ? o->cap * 2 : MAX(packed * 4, (size_t)65536);
	uint8_t *p;

	if (o->len < o->cap)
		return 0;
	if (cap > o->limit)
		cap = (size_t)o->limit;
	if (cap <= o->len)
		return err_set(e, EFBIG, "unpacks to more than %llu MiB",
			       (unsigned long long)(o->limit >> 20));
	p = realloc(o->data, cap);
	if (!p)
		return err_set(e, ENOMEM, "no memory for %zu MiB", cap >> 20);
	o->data = p;
	o->cap = cap;
	return 0;
}

#ifdef HAVE_ZLIB
static int unpack_gzip(const uint8_t *data, size_t size, struct out *o, struct err *e)
{
	z_stream z = { .next_in = (uint8_t *)data, .avail_in = (uInt)size };
	int r, ret = 0;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return err_set(e, ENOMEM, "no memory for the decompressor");
	do {
		ret = out_grow(o, size, e);
		if (ret < 0)
			break;
		z.next_out = o->data + o->len;
		z.avail_out = (uInt)MIN(o->cap - o->len, (size_t)1 << 30);
		r = inflate(&z, Z_NO_FLUSH);
		o->len = (size_t)(z.next_out - o->data);
		if (r != Z_OK && r != Z_STREAM_END)
			ret = err_set(e, EINVAL, r == Z_BUF_ERROR ? "ends early" : "is damaged");
	} while (!ret && r != Z_STREAM_END);
	inflateEnd(&z);
	return ret;
}
#endif

#ifdef HAVE_ZSTD
static int unpack_zstd(const uint8_t *data, size_t size, struct out *o, struct err *e)
{
	ZSTD_inBuffer in = { data, size, 0 };
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t r = 1, before;
	int ret = 0;

	if (!z)
		return err_set(e, ENOMEM, "no memory for the decompressor");
	/* 128 MiB: what the kernel's build uses */
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 27);
	while (r && !ret) {
		ZSTD_outBuffer out;

		ret = out_grow(o, size, e);
		if (ret < 0)
			break;
		out = (ZSTD_outBuffer){ o->data, o->cap, o->len };
		before = in.pos;
		r = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(r))
			ret = err_set(e, EINVAL, "is damaged (%s)", ZSTD_getErrorName(r));
		else if (r && in.pos == before && out.pos == o->len)
			ret = err_set(e, EINVAL, "ends early");
		o->len = out.pos;
	}
	ZSTD_freeDStream(z);
	return ret;
}
#endif

#ifdef HAVE_LZMA
static int unpack_xz(const uint8_t *data, size_t size, struct out *o, struct err *e)
{
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_ret r;
	int ret = 0;

	if (lzma_stream_decoder(&z, UINT64_C(256) << 20, 0) != LZMA_OK)
		return err_set(e, ENOMEM, "no memory for the decompressor");
	z.next_in = data;
	z.avail_in = size;
	do {
		ret = out_grow(o, size, e);
		if (ret < 0)
			break;
		z.next_out = o->data + o->len;
		z.avail_out = o->cap - o->len;
		r = lzma_code(&z, z.avail_in ? LZMA_RUN : LZMA_FINISH);
		o->len = (size_t)(z.next_out - o->data);
		if (r == LZMA_MEMLIMIT_ERROR)
			ret = err_set(e, EFBIG, "needs more than 256 MiB to unpack");
		else if (r == LZMA_BUF_ERROR)
			ret = err_set(e, EINVAL, "ends early");
		else if (r != LZMA_OK && r != LZMA_STREAM_END)
			ret = err_set(e, EINVAL, "is damaged");
	} while (!ret && r != LZMA_STREAM_END);
	lzma_end(&z);
	return ret;
}
#endif

static const struct kind {
	const char *name, *library;
	uint8_t magic[6], len;
	int (*fn)(const uint8_t *data, size_t size, struct out *o, struct err *e);
} kinds[] = {
	{ "gzip", "zlib", { 0x1f, 0x8b, 8 }, 3,
#ifdef HAVE_ZLIB
	  unpack_gzip
#endif
	},
	{ "zstd", "libzstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4,
#ifdef HAVE_ZSTD
	  unpack_zstd
#endif
	},
	{ "xz", "liblzma", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6,
#ifdef HAVE_LZMA
	  unpack_xz
#endif
	},
};

static const struct kind *find(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (size >= kinds[i].len && !memcmp(data, kinds[i].magic, kinds[i].len))
			return &kinds[i];
	return NULL;
}

const char *unpack_kind(const uint8_t *data, size_t size)
{
	const struct kind *k = find(data, size);

	return k ? k->name : NULL;
}

int unpack(const uint8_t *data, size_t size, uint64_t limit, uint8_t **out, size_t *out_size,
	   struct err *e)
{
	const struct kind *k = find(data, size);
	struct out o = { .limit = limit };
	int r;

	if (!k)
		return err_set(e, EINVAL, "not compressed in a known way");
	if (size > UINT32_MAX)		/* zlib counts in 32 bits */
		return err_set(e, EFBIG, "%s data is too long", k->name);
	if (!k->fn)
		return err_set(e, ENOTSUP, "%s: this ambi was built without %s", k->name,
			       k->library);
	r = k->fn(data, size, &o, e);
	if (r < 0) {
		free(o.data);
		err_prefix(e, "%s data", k->name);
		return r;
	}
	*out = o.data;
	*out_size = o.len;
	return 0;
}
