/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressed clusters: a raw deflate stream or a zstd frame that fills one cluster. */
#include "io/block/qcow2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#ifdef HAVE_ZLIB
static int inflate_cluster(const uint8_t *in, size_t in_len, uint8_t *out, size_t len)
{
	z_stream z = { .next_in = (uint8_t *)in, .avail_in = (unsigned)in_len,
		       .next_out = out, .avail_out = (unsigned)len };
	int r;

	if (inflateInit2(&z, -15) != Z_OK)
		return -ENOMEM;
	r = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* Z_BUF_ERROR: the cluster is full before the stream's end, which may have been cut off */
	return (r == Z_STREAM_END || r == Z_BUF_ERROR) && !z.avail_out ? 0 : -EIO;
}
#endif

#ifdef HAVE_ZSTD
static int zstd_cluster(const uint8_t *in, size_t in_len, uint8_t *out, size_t len)
{
	ZSTD_inBuffer from = { in, in_len, 0 };
	ZSTD_outBuffer to = { out, len, 0 };
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t r = 1;

	if (!z)
		return -ENOMEM;
	while (to.pos < to.size) {
		size_t before = from.pos + to.pos;

		r = ZSTD_decompressStream(z, &to, &from);
		if (ZSTD_isError(r) || from.pos + to.pos == before)
			break;
	}
	ZSTD_freeDStream(z);
	return to.pos == to.size && !ZSTD_isError(r) ? 0 : -EIO;
}
#endif

static int unpack(struct qcow2 *q, const uint8_t *in, size_t in_len, uint8_t *out)
{
#ifdef HAVE_ZLIB
	if (q->h.compression == 0)
		return inflate_cluster(in, in_len, out, q->cluster);
#endif
#ifdef HAVE_ZSTD
	if (q->h.compression == 1)
		return zstd_cluster(in, in_len, out, q->cluster);
#endif
	return -ENOTSUP;
}

int qcow2_read_packed(struct qcow2 *q, uint64_t entry, uint64_t skip, uint8_t *out, size_t len)
{
	enum qcow2_kind kind;
	uint64_t host, in_len;
	uint8_t *in = NULL, *data = NULL;
	int ret = qcow2_entry(q, entry, &kind, &host, &in_len);

	if (ret < 0)
		return ret;
	/* Neighbours are asked for next. New entries never look like old ones: we write none. */
	pthread_mutex_lock(&q->zlock);
	if (q->z_data && q->z_entry == entry) {
		memcpy(out, q->z_data + skip, len);
		pthread_mutex_unlock(&q->zlock);
		return 0;
	}
	pthread_mutex_unlock(&q->zlock);
	in = malloc(in_len);
	data = malloc(q->cluster);
	ret = in && data ? qcow2_read(q, host, in, in_len) : -ENOMEM;
	if (!ret)
		ret = unpack(q, in, in_len, data);
	if (!ret) {
		memcpy(out, data + skip, len);
		pthread_mutex_lock(&q->zlock);
		free(q->z_data);
		q->z_data = data;
		q->z_entry = entry;
		data = NULL;
		pthread_mutex_unlock(&q->zlock);
	}
	free(in);
	free(data);
	return ret;
}
