/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the guest's offsets to places in the file. */
#include "io/block/qcow2.h"

#include <errno.h>
#include <string.h>

int qcow2_entry(const struct qcow2 *q, uint64_t entry, enum qcow2_kind *kind, uint64_t *host,
		uint64_t *len)
{
	unsigned x = 62 - (q->bits - 8);

	if (entry & QCOW2_COMPRESSED) {
		uint64_t sectors = get_bits(entry, x, 62 - x) + 1;

		*kind = QCOW2_PACKED;
		*host = entry & mask_bits(x);
		*len = sectors * 512 - (*host & 511);
		return *host >> 56 || *host < q->cluster || entry & QCOW2_COPIED ? -EIO : 0;
	}
	*host = entry & QCOW2_OFFSET;
	*len = q->cluster;
	if (entry & ~(QCOW2_OFFSET | QCOW2_COPIED | QCOW2_ZERO) || *host & (q->cluster - 1))
		return -EIO;
	if (entry & QCOW2_ZERO) {
		*kind = *host ? QCOW2_ZEROS_AT : QCOW2_ZEROS;
		return q->h.version < 3 ? -EIO : 0;
	}
	*kind = *host ? QCOW2_DATA : QCOW2_HOLE;
	return entry && !*host ? -EIO : 0;
}

/* The L2 table that maps off; *t NULL: there is none. */
static int l2_of(struct qcow2 *q, uint64_t off, bool cached, struct qcow2_table **t)
{
	uint64_t i = off >> (q->bits + q->l2_bits), at;

	*t = NULL;
	if (i >= q->l1_len)
		return -EIO;
	at = q->l1[i] & QCOW2_OFFSET;
	if (!at)
		return 0;
	if (!cached)
		return qcow2_table(q, at, false, t);
	*t = qcow2_table_cached(q, at);
	return *t ? 0 : -EAGAIN;
}

/* A guest's cluster must not be a table, and has to be where it can be counted. */
static int check_place(struct qcow2 *q, uint64_t host, uint64_t off)
{
	uint64_t c = host >> q->bits;

	if (!q->writable)
		return 0;
	if (qcow2_is_meta(q, c))
		return qcow2_corrupt(q, "the disk's offset %#llx is in a table of the image",
				     (unsigned long long)off);
	if (c >> q->ref_bits >= q->rt_len)
		return qcow2_corrupt(q, "the disk's offset %#llx is beyond the image's end",
				     (unsigned long long)off);
	return 0;
}

static int check_extent(struct qcow2 *q, enum qcow2_kind kind, uint64_t host, uint64_t len,
			uint64_t off)
{
	int ret = 0;

	if (kind == QCOW2_HOLE || kind == QCOW2_ZEROS)
		return 0;
	for (uint64_t at = align_down(host, q->cluster); at < host + len && !ret; at += q->cluster)
		ret = check_place(q, at, off);
	return ret;
}

int qcow2_map(struct qcow2 *q, uint64_t off, uint64_t max, bool cached, struct qcow2_extent *x)
{
	uint64_t in = off & (q->cluster - 1), i = off >> q->bits & mask_bits(q->l2_bits);
	uint64_t n = 0, host, len, first;
	struct qcow2_table *t;
	enum qcow2_kind kind;
	int ret = l2_of(q, off, cached, &t);

	if (ret < 0)
		return ret;
	if (!t) {
		*x = (struct qcow2_extent){
			QCOW2_HOLE, false, 0,
			MIN(max, ((BIT(q->l2_bits) - i) << q->bits) - in)
		};
		return 0;
	}
	first = ld_be64(t->data + 8 * i);
	ret = qcow2_entry(q, first, &x->kind, &host, &len);
	if (!ret)
		ret = check_extent(q, x->kind, host, len, off);
	x->copied = first & QCOW2_COPIED;
	x->host = x->kind == QCOW2_PACKED ? first : host + in;
	x->bytes = MIN(max, q->cluster - in);
	if (ret == -EIO)
		return qcow2_corrupt(q, "wrong entry %#llx for the disk's offset %#llx",
				     (unsigned long long)first, (unsigned long long)off);
	if (ret < 0)
		return ret;
	if (x->kind == QCOW2_PACKED)
		return 0;
	while (x->bytes < max && i + ++n < BIT(q->l2_bits)) {
		uint64_t e = ld_be64(t->data + 8 * (i + n)), h;

		if (qcow2_entry(q, e, &kind, &h, &len) < 0 || kind != x->kind ||
		    !(e & QCOW2_COPIED) != !x->copied || (host && h != host + (n << q->bits)) ||
		    check_extent(q, kind, h, len, off + (n << q->bits)) < 0)
			break;
		x->bytes = MIN(max, x->bytes + q->cluster);
	}
	return 0;
}

int qcow2_l2_for_write(struct qcow2 *q, uint64_t off, struct qcow2_table **t)
{
	uint64_t i = off >> (q->bits + q->l2_bits), old, c, got;
	struct qcow2_table *from;
	bool zero;
	int ret;

	if (i >= q->l1_len)
		return -EIO;
	old = q->l1[i] & QCOW2_OFFSET;
	if (old && q->l1[i] & QCOW2_COPIED)
		return qcow2_table(q, old, false, t);
	ret = qcow2_alloc(q, 1, &c, &got, &zero);
	if (!ret)
		ret = qcow2_set_meta(q, c, true);
	if (ret < 0)
		return ret;
	*t = qcow2_table_new(q, c << q->bits, false);
	if (!*t)
		return -ENOMEM;
	if (old) {
		/* The new table is the newest and dirty: it stays while the old one is read. */
		ret = qcow2_table(q, old, false, &from);
		if (ret < 0) {
			qcow2_table_drop(q, c << q->bits);
			qcow2_unref(q, c, true);
			return ret;
		}
		memcpy((*t)->data, from->data, q->cluster);
		qcow2_unref(q, old >> q->bits, true);
	}
	q->l1[i] = c << q->bits | QCOW2_COPIED;
	q->l1_dirty[i / 64] = q->any_l1 = true;
	return 0;
}

int qcow2_unref_entry(struct qcow2 *q, uint64_t entry, uint64_t off)
{
	enum qcow2_kind kind;
	uint64_t host, len;
	int ret = qcow2_entry(q, entry, &kind, &host, &len);

	if (!ret)
		ret = check_extent(q, kind, host, len, off);
	if (ret < 0 || kind == QCOW2_HOLE || kind == QCOW2_ZEROS)
		return ret;
	for (uint64_t c = host >> q->bits; c <= (host + len - 1) >> q->bits && !ret; c++)
		ret = qcow2_unref(q, c, false);
	return ret;
}
