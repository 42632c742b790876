/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that is reachable from the header, counted; and what the image says of it. */
#include "io/block/qcow2.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With that many it does not matter how many more there are, and somebody may have wanted them. */
#define MAX_ERRORS 1000u

int qcow2_walk_start(struct qcow2_walk *w, struct qcow2 *q)
{
	w->n = MAX(q->end, q->file_clusters) + 1;
	if (w->n > QCOW2_MAX_CLUSTERS)
		return -EFBIG;
	w->limit = w->n + (1 << 16);	/* some programs count before they write */
	w->ref = calloc(w->n, sizeof(*w->ref));
	return w->ref ? 0 : -ENOMEM;
}

void qcow2_walk_free(struct qcow2_walk *w)
{
	free(w->ref);
	w->ref = NULL;
}

void qcow2_walk_error(struct qcow2_walk *w, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!w->errors++)
		memcpy(w->first, text, sizeof(text));
	if (w->say && w->errors <= 100)
		w->say(w->opaque, text);
}

/* Room for counts of clusters below n. */
static int make_room(struct qcow2_walk *w, uint64_t n)
{
	uint64_t room = MAX(n, w->n + w->n / 2);
	uint32_t *p;

	if (n <= w->n)
		return 0;
	if (n > QCOW2_MAX_CLUSTERS)
		return -EFBIG;
	p = realloc(w->ref, room * sizeof(*p));
	if (!p)
		return -ENOMEM;
	memset(p + w->n, 0, (room - w->n) * sizeof(*p));
	w->ref = p;
	w->n = room;
	return 0;
}

int qcow2_walk_ref(struct qcow2_walk *w, struct qcow2 *q, uint64_t off, uint64_t bytes)
{
	uint64_t end = (off + bytes + q->cluster - 1) >> q->bits;
	int ret = off >> 56 || bytes >> 56 || end > w->limit ? -EFBIG : make_room(w, end);

	if (ret == -EFBIG) {
		qcow2_walk_error(w, "offset %#llx: beyond the file's end",
				 (unsigned long long)off);
		return 0;
	}
	for (uint64_t c = off >> q->bits; c < end && !ret; c++) {
		if (w->ref[c] == UINT32_MAX) {
			qcow2_walk_error(w, "cluster %#llx: too many users",
					 (unsigned long long)c);
			break;
		}
		w->ref[c]++;
	}
	if (!ret)
		w->end = MAX(w->end, end);
	return ret;
}

int qcow2_read_l1(struct qcow2 *q, uint64_t off, uint32_t len, uint64_t *l1)
{
	int ret = qcow2_read(q, off, l1, len * sizeof(*l1));

	for (uint32_t i = 0; i < len && !ret; i++)
		l1[i] = cpu_to_be(64, l1[i]);
	return ret;
}

static int walk_l2(struct qcow2_walk *w, struct qcow2 *q, const uint8_t *l2, uint64_t guest,
		   bool active)
{
	int ret = 0;

	for (uint64_t i = 0; i < BIT(q->l2_bits) && !ret && w->errors < MAX_ERRORS; i++) {
		uint64_t e = ld_be64(l2 + 8 * i), host, len;
		enum qcow2_kind kind;

		if (!e)
			continue;
		if (qcow2_entry(q, e, &kind, &host, &len) < 0) {
			qcow2_walk_error(w, "disk's offset %#llx: wrong L2 entry %#llx",
					 (unsigned long long)(guest + (i << q->bits)),
					 (unsigned long long)e);
			continue;
		}
		if (kind == QCOW2_ZEROS || kind == QCOW2_HOLE)
			continue;
		if (active) {
			w->data++;
			w->packed += kind == QCOW2_PACKED;
		}
		ret = qcow2_walk_ref(w, q, host, len);
	}
	return ret;
}

int qcow2_walk_l1(struct qcow2_walk *w, struct qcow2 *q, const uint64_t *l1, uint32_t len,
		  bool active)
{
	uint64_t end = MAX(q->end, q->file_clusters), *seen = calloc(end / 64 + 1, sizeof(*seen));
	uint8_t *buf = malloc(q->cluster);
	int ret = buf && seen ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < len && !ret && w->errors < MAX_ERRORS; i++) {
		uint64_t off = l1[i] & QCOW2_OFFSET, c = off >> q->bits;

		if (l1[i] & ~(QCOW2_OFFSET | QCOW2_COPIED) || (off & (q->cluster - 1)) ||
		    (!off && l1[i])) {
			qcow2_walk_error(w, "L1 entry %u: %#llx", i, (unsigned long long)l1[i]);
			continue;
		}
		if (!off)
			continue;
		/* Twice the same one would also be a way to make us count for ever. */
		if (c >= end || seen[c >> 6] >> (c & 63) & 1) {
			qcow2_walk_error(w, "L1 entry %u: %#llx is beyond the file's end or the "
					 "same as another", i, (unsigned long long)l1[i]);
			continue;
		}
		seen[c >> 6] |= BIT(c & 63);
		ret = qcow2_walk_ref(w, q, off, q->cluster);
		if (!ret)
			ret = qcow2_read(q, off, buf, q->cluster);
		if (!ret)
			ret = walk_l2(w, q, buf, (uint64_t)i << (q->bits + q->l2_bits), active);
	}
	free(seen);
	free(buf);
	return ret;
}

/* One bitmap of changes: its table and the clusters that it points to. */
static int walk_bitmap(struct qcow2_walk *w, struct qcow2 *q, uint64_t off, uint32_t len)
{
	uint64_t *v = len <= QCOW2_MAX_L1 / 8 ? calloc(len + 1, sizeof(*v)) : NULL;
	int ret = v ? qcow2_read_l1(q, off, len, v) : -ENOMEM;

	if (!ret)
		ret = qcow2_walk_ref(w, q, off, len * UINT64_C(8));
	for (uint32_t i = 0; i < len && !ret; i++)
		if (v[i] & QCOW2_OFFSET)
			ret = qcow2_walk_ref(w, q, v[i] & QCOW2_OFFSET, q->cluster);
	free(v);
	return ret;
}

int qcow2_walk_bitmaps(struct qcow2_walk *w, struct qcow2 *q)
{
	const struct qcow2_header *h = &q->h;
	uint64_t at = 0;
	uint8_t *dir;
	int ret;

	/* Without the bit nobody believes them, and their clusters are nobody's. */
	if (!h->bitmaps_off || !(h->autoclear & 1))
		return 0;
	if (h->bitmaps_size > 1 << 20 || h->bitmaps_off >> 56) {
		qcow2_walk_error(w, "directory of bitmaps");
		return 0;
	}
	dir = malloc(h->bitmaps_size + 1);
	ret = dir ? qcow2_read(q, h->bitmaps_off, dir, h->bitmaps_size) : -ENOMEM;
	if (!ret)
		ret = qcow2_walk_ref(w, q, h->bitmaps_off, h->bitmaps_size);
	for (uint32_t i = 0; i < h->nr_bitmaps && !ret; i++) {
		uint64_t size;

		if (h->bitmaps_size - at < 24) {
			qcow2_walk_error(w, "directory of bitmaps is too short");
			break;
		}
		ret = walk_bitmap(w, q, ld_be64(dir + at), ld_be32(dir + at + 8));
		size = align_up(24 + ld_be16(dir + at + 18) + (uint64_t)ld_be32(dir + at + 20), 8);
		if (size > h->bitmaps_size - at) {
			qcow2_walk_error(w, "directory of bitmaps is too short");
			break;
		}
		at += size;
	}
	free(dir);
	return ret;
}

/* ---- check ---- */

static int walk_all(struct qcow2_walk *w, struct qcow2 *q)
{
	const struct qcow2_header *h = &q->h;
	uint64_t snap_len = 0;
	int ret = qcow2_walk_ref(w, q, 0, q->cluster);

	if (!ret)
		ret = qcow2_walk_ref(w, q, h->rt_off, (uint64_t)h->rt_clusters << q->bits);
	for (uint32_t i = 0; i < q->rt_len && !ret; i++) {
		if (q->rt[i] & (q->cluster - 1) || q->rt[i] >> 56)
			qcow2_walk_error(w, "refcount table entry %u: %#llx", i,
					 (unsigned long long)q->rt[i]);
		else if (q->rt[i])
			ret = qcow2_walk_ref(w, q, q->rt[i], q->cluster);
	}
	if (!ret)
		ret = qcow2_walk_ref(w, q, h->l1_off, h->l1_len * UINT64_C(8));
	if (!ret)
		ret = qcow2_walk_l1(w, q, q->l1, q->l1_len, true);
	for (unsigned i = 0; i < h->nr_snaps && !ret; i++) {
		const struct qcow2_snap *s = &q->snap[i];
		uint64_t *l1 = calloc(s->l1_len + 1, sizeof(*l1));

		snap_len += align_up(s->raw_len, 8);
		ret = l1 ? qcow2_read_l1(q, s->l1_off, s->l1_len, l1) : -ENOMEM;
		if (!ret)
			ret = qcow2_walk_ref(w, q, s->l1_off, s->l1_len * UINT64_C(8));
		if (!ret)
			ret = qcow2_walk_l1(w, q, l1, s->l1_len, false);
		free(l1);
	}
	if (!ret && h->nr_snaps)
		ret = qcow2_walk_ref(w, q, h->snap_off, snap_len);
	return ret ? ret : qcow2_walk_bitmaps(w, q);
}

static bool is_block(struct qcow2_walk *w, struct qcow2 *q, uint64_t off)
{
	return off && !(off & (q->cluster - 1)) && off >> q->bits < w->n &&
	       w->ref[off >> q->bits] == 1;
}

static int compare_counts(struct qcow2_walk *w, struct qcow2 *q)
{
	uint64_t covered = (uint64_t)q->rt_len << q->ref_bits, v, n;

	for (uint64_t c = 0; c < covered && w->errors < MAX_ERRORS; c++) {
		/* no block, or not a sound one */
		if (!is_block(w, q, q->rt[c >> q->ref_bits])) {
			for (n = c + BIT(q->ref_bits); c < n && c < w->n; c++)
				if (w->ref[c])
					qcow2_walk_error(w, "cluster %#llx: is used, not counted",
							 (unsigned long long)c);
			c = n - 1;
			continue;
		}
		if (qcow2_count(q, c, &v) < 0)
			return -EIO;
		n = c < w->n ? w->ref[c] : 0;
		w->leaks += v > n;
		if (v < n)
			qcow2_walk_error(w, "cluster %#llx: %llu users, %llu counted",
					 (unsigned long long)c, (unsigned long long)n,
					 (unsigned long long)v);
	}
	for (uint64_t c = covered; c < w->n && w->errors < MAX_ERRORS; c++)
		if (w->ref[c])
			qcow2_walk_error(w, "cluster %#llx: is used, not counted",
					 (unsigned long long)c);
	return 0;
}

static void check_flag(struct qcow2_walk *w, struct qcow2 *q, uint64_t entry, uint64_t off,
		       const char *what, uint64_t i)
{
	uint64_t v;

	if (qcow2_count(q, off >> q->bits, &v) == 0 && (v == 1) != !!(entry & QCOW2_COPIED))
		qcow2_walk_error(w, "%s %llu: flag \"one user\" is wrong (%llu counted)", what,
				 (unsigned long long)i, (unsigned long long)v);
}

/* The flag says whether a cluster may be written where it is. */
static int compare_flags(struct qcow2_walk *w, struct qcow2 *q)
{
	uint8_t *buf = malloc(q->cluster);
	int ret = buf ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < q->l1_len && !ret && w->errors < MAX_ERRORS; i++) {
		uint64_t off = q->l1[i] & QCOW2_OFFSET, host, len;
		enum qcow2_kind kind;

		if (!off || off & (q->cluster - 1))
			continue;
		check_flag(w, q, q->l1[i], off, "L1 entry", i);
		ret = qcow2_read(q, off, buf, q->cluster);
		for (uint64_t k = 0; k < BIT(q->l2_bits) && !ret; k++) {
			uint64_t e = ld_be64(buf + 8 * k);

			if (e && !qcow2_entry(q, e, &kind, &host, &len) &&
			    (kind == QCOW2_DATA || kind == QCOW2_ZEROS_AT))
				check_flag(w, q, e, host, "cluster",
					   ((uint64_t)i << q->l2_bits) + k);
		}
	}
	free(buf);
	return ret;
}

int qcow2_check(struct qcow2 *q, struct qcow2_walk *w)
{
	int ret = qcow2_walk_start(w, q);

	if (!ret)
		ret = walk_all(w, q);
	if (!ret)
		ret = compare_counts(w, q);
	if (!ret)
		ret = compare_flags(w, q);
	return ret;
}
