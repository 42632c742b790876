/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts of users by cluster of the file, in blocks that a table points to; taking, giving back. */
#include "io/block/qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FREES 65536u		/* that wait for a commit */

int qcow2_set_meta(struct qcow2 *q, uint64_t cluster, bool on)
{
	uint64_t words = q->meta_bits / 64;

	if (cluster >= q->meta_bits) {
		uint64_t want = MAX(cluster / 64 + 1, words + words / 2);
		uint64_t *p;

		if (!on)
			return 0;
		p = realloc(q->meta, want * sizeof(*p));
		if (!p)
			return -ENOMEM;
		memset(p + words, 0, (want - words) * sizeof(*p));
		q->meta = p;
		q->meta_bits = want * 64;
	}
	if (on)
		q->meta[cluster >> 6] |= BIT(cluster & 63);
	else
		q->meta[cluster >> 6] &= ~BIT(cluster & 63);
	return 0;
}

/* ---- one block of counts ---- */

uint64_t qcow2_count_at(const struct qcow2 *q, const uint8_t *block, uint64_t i)
{
	unsigned order = q->h.ref_order;

	switch (order) {
	case 3: return block[i];
	case 4: return ld_be16(block + 2 * i);
	case 5: return ld_be32(block + 4 * i);
	case 6: return ld_be64(block + 8 * i);
	default:
		return get_bits(block[i << order >> 3], i << order & 7, 1u << order);
	}
}

void qcow2_count_set(const struct qcow2 *q, uint8_t *block, uint64_t i, uint64_t v)
{
	unsigned order = q->h.ref_order, shift;
	uint8_t *p;

	switch (order) {
	case 3: block[i] = (uint8_t)v; break;
	case 4: st_be16(block + 2 * i, (uint16_t)v); break;
	case 5: st_be32(block + 4 * i, (uint32_t)v); break;
	case 6: st_be64(block + 8 * i, v); break;
	default:
		p = block + (i << order >> 3);
		shift = i << order & 7;
		*p = (uint8_t)((*p & ~(mask_bits(1u << order) << shift)) | v << shift);
	}
}

/* The block for a cluster; *t NULL: there is none, all counts are 0. */
static int block_of(struct qcow2 *q, uint64_t cluster, struct qcow2_table **t)
{
	uint64_t i = cluster >> q->ref_bits;

	*t = NULL;
	return i < q->rt_len && q->rt[i] ? qcow2_table(q, q->rt[i], true, t) : 0;
}

int qcow2_count(struct qcow2 *q, uint64_t cluster, uint64_t *v)
{
	struct qcow2_table *t;
	int ret = block_of(q, cluster, &t);

	*v = !ret && t ? qcow2_count_at(q, t->data, cluster & mask_bits(q->ref_bits)) : 0;
	return ret;
}

/* A new block of counts at `place`, which it does not count itself. */
static int add_block(struct qcow2 *q, uint64_t i, uint64_t place)
{
	struct qcow2_table *t;

	if (qcow2_set_meta(q, place, true) < 0)
		return -ENOMEM;
	t = qcow2_table_new(q, place << q->bits, true);
	if (!t) {
		qcow2_set_meta(q, place, false);
		return -ENOMEM;
	}
	q->rt[i] = place << q->bits;
	q->rt_dirty[i / 64] = q->any_rt = true;
	q->end = MAX(q->end, place + 1);
	q->fresh = q->fresh == UINT64_MAX ? q->fresh : MAX(q->fresh, place + 1);
	return 0;
}

static int set_count(struct qcow2 *q, uint64_t cluster, uint64_t v)
{
	struct qcow2_table *t;
	int ret = block_of(q, cluster, &t);

	if (ret < 0)
		return ret;
	if (!t)
		return -EIO;
	qcow2_count_set(q, t->data, cluster & mask_bits(q->ref_bits), v);
	qcow2_table_dirty(q, t);
	return 0;
}

/* ---- taking ---- */

static bool is_free(struct qcow2 *q, const struct qcow2_table *t, uint64_t c)
{
	return !qcow2_count_at(q, t->data, c & mask_bits(q->ref_bits)) && !qcow2_is_meta(q, c);
}

/* No cluster from there on can be had: a device does not grow. */
static uint64_t limit_of(const struct qcow2 *q)
{
	return q->file->is_device ? q->file->file_size >> q->bits : UINT64_MAX;
}

int qcow2_alloc(struct qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got, bool *zero)
{
	uint64_t c = MAX(q->hint, UINT64_C(1)), n = 0, in_block = BIT(q->ref_bits);
	uint64_t limit = limit_of(q);
	struct qcow2_table *t;
	int ret;

	*got = 0;
	while (n < want) {
		uint64_t i = c >> q->ref_bits;

		if (i >= q->rt_len || c >= limit) {
			if (n)
				break;
			if (c < limit)
				q->end = MAX(q->end, c);	/* the next reserve makes room */
			return -ENOSPC;
		}
		if (!q->rt[i]) {
			if (n)
				break;
			if (qcow2_is_meta(q, c))
				return qcow2_corrupt(q, "a table is not counted");
			ret = add_block(q, i, c);
			if (!ret)
				ret = set_count(q, c, 1);
			if (ret < 0)
				return ret;
			q->hint = ++c;
			continue;
		}
		ret = block_of(q, c, &t);
		if (ret < 0)
			return ret;
		do {
			if (is_free(q, t, c)) {
				if (!n)
					*first = c;
				n++;
				qcow2_count_set(q, t->data, c & (in_block - 1), 1);
				qcow2_table_dirty(q, t);
			} else if (n) {
				want = n;
				break;
			}
			c++;
		} while (n < want && c < limit && (c & (in_block - 1)));
	}
	q->hint = *first + n;
	q->end = MAX(q->end, *first + n);
	*zero = *first >= q->fresh;
	if (q->fresh != UINT64_MAX)
		q->fresh = MAX(q->fresh, *first + n);
	*got = n;
	return 0;
}

unsigned qcow2_chunk(const struct qcow2 *q)
{
	return (unsigned)MIN(MAX((UINT64_C(8) << 20) >> q->bits, UINT64_C(2)), BIT(q->l2_bits));
}

/* grow() failed before the disk knew of anything: [at, end) is as free as before. */
static void shrink(struct qcow2 *q, uint64_t *rt, uint32_t len, bool *dirty, uint64_t at,
		   uint64_t end)
{
	for (uint64_t i = at >> q->ref_bits; i < q->rt_len; i++)
		if (q->rt[i] && (i >= len || !rt[i]))
			qcow2_table_drop(q, q->rt[i]);
	free(q->rt);
	free(q->rt_dirty);
	q->rt = rt;
	q->rt_dirty = dirty;
	q->rt_len = len;
	q->end = at;
	for (uint64_t c = at; c < end; c++) {
		qcow2_set_meta(q, c, false);
		set_count(q, c, 0);	/* where there is a block to do that in */
	}
}

/*
 * A longer table of pointers at the end of the file, with what it takes to count that. Nothing
 * on disk points there before all of it is whole.
 */
static int grow(struct qcow2 *q)
{
	uint64_t covered = (uint64_t)q->rt_len << q->ref_bits, at = MAX(q->end, UINT64_C(1)), next;
	uint64_t entries = q->cluster / 8, len = q->rt_len, clusters, *rt, *old = q->rt;
	bool *dirty, *old_dirty = q->rt_dirty, old_any = q->any_rt;
	struct qcow2_header h = q->h;
	uint32_t old_len = q->rt_len;
	uint8_t *data;
	int ret = 0;

	do {
		if (len == QCOW2_MAX_RT / 8)
			return -ENOSPC;
		len = MIN(align_up(len + len / 2 + 1, entries), QCOW2_MAX_RT / 8);
		clusters = len / entries;
	} while (len << q->ref_bits < MAX(covered, at) + clusters + 2 * qcow2_chunk(q) + 64);
	if (at + 2 * clusters > limit_of(q))
		return -ENOSPC;
	rt = calloc(len, sizeof(*rt));
	dirty = calloc(len / 64 + 1, sizeof(*dirty));
	data = calloc(clusters, q->cluster);
	if (!rt || !dirty || !data) {
		free(rt);
		free(dirty);
		free(data);
		return -ENOMEM;
	}
	memcpy(rt, old, old_len * sizeof(*rt));
	q->rt = rt;
	q->rt_dirty = dirty;
	q->rt_len = (uint32_t)len;
	next = at + clusters;
	/* The blocks for what is new: behind the table, each counted by one of them. */
	for (uint64_t i = at >> q->ref_bits; i <= (next - 1) >> q->ref_bits && !ret; i++)
		if (!rt[i])
			ret = add_block(q, i, next++);
	for (uint64_t c = at; c < next && !ret; c++) {
		ret = qcow2_set_meta(q, c, true);
		if (!ret)
			ret = set_count(q, c, 1);
	}
	q->end = MAX(q->end, next);
	if (q->fresh != UINT64_MAX)
		q->fresh = MAX(q->fresh, next);
	for (uint64_t i = 0; i < len; i++)
		st_be64(data + 8 * i, rt[i]);
	h.rt_off = at << q->bits;
	h.rt_clusters = (uint32_t)clusters;
	if (!ret)
		ret = qcow2_write_counts(q);
	if (!ret)
		ret = qcow2_write(q, h.rt_off, data, clusters << q->bits);
	free(data);
	if (ret < 0) {
		shrink(q, old, old_len, old_dirty, at, next);
		q->any_rt = old_any;
		return ret;
	}
	ret = qcow2_sync(q);
	if (!ret)
		ret = qcow2_write_header(q, &h);
	if (!ret)
		ret = qcow2_sync(q);
	free(old);
	free(old_dirty);
	if (ret < 0) {		/* what memory and disk have no longer is the same */
		q->failed = ret;
		return ret;
	}
	q->any_rt = false;
	memset(dirty, 0, (len / 64 + 1) * sizeof(*dirty));
	for (uint64_t i = 0; i < q->h.rt_clusters; i++)
		qcow2_unref(q, (q->h.rt_off >> q->bits) + i, true);
	q->h = h;
	return 0;
}

int qcow2_reserve(struct qcow2 *q)
{
	uint64_t covered = (uint64_t)q->rt_len << q->ref_bits;
	int ret;

	if (q->failed)
		return q->failed;
	if (q->nr_dirty > q->max_tables / 2 || q->pending.n > MAX_FREES) {
		ret = qcow2_commit(q);
		return ret < 0 ? ret : 1;
	}
	if (q->end + 2 * (uint64_t)qcow2_chunk(q) + 64 <= covered)
		return 0;
	if (q->committing) {
		while (q->committing)
			pthread_cond_wait(&q->cond, &q->lock);
		return 1;
	}
	ret = grow(q);
	return ret < 0 ? ret : 1;
}

/* ---- giving back ---- */

int qcow2_unref(struct qcow2 *q, uint64_t cluster, bool meta)
{
	struct qcow2_frees *f = &q->pending;

	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 64;
		struct qcow2_free *v = realloc(f->v, room * sizeof(*v));

		if (!v)
			return -ENOMEM;		/* it stays counted: a leak */
		f->v = v;
		f->room = room;
	}
	f->v[f->n++] = (struct qcow2_free){ cluster, meta };
	return 0;
}

void qcow2_punch(struct qcow2 *q, uint64_t first, uint64_t end)
{
	struct block *f = q->file;

	if (first >= end || f->no_punch || f->cfg.no_discard || f->is_device)
		return;
	block_file_trace(f, BLOCK_TRACE_ZERO, first << q->bits, NULL, (end - first) << q->bits);
	if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)(first << q->bits), (off_t)((end - first) << q->bits)) < 0)
		f->no_punch = true;	/* only space is lost */
}

static void drop_users(struct qcow2 *q, struct qcow2_frees *f)
{
	uint64_t first = 0, end = 0;

	for (size_t i = 0; i < f->n; i++) {
		uint64_t c = f->v[i].cluster, v;

		if (qcow2_count(q, c, &v) < 0)
			continue;
		if (!v) {
			qcow2_corrupt(q, "cluster %#llx has more users than it counts",
				      (unsigned long long)c);
			continue;
		}
		if (set_count(q, c, v - 1) < 0 || v > 1)
			continue;
		if (f->v[i].meta) {
			qcow2_table_drop(q, c << q->bits);
			qcow2_set_meta(q, c, false);
		}
		q->hint = MIN(q->hint, c);
		if (c != end) {
			qcow2_punch(q, first, end);
			first = c;
		}
		end = c + 1;
	}
	qcow2_punch(q, first, end);
	f->n = 0;
}

void qcow2_release(struct qcow2 *q)
{
	for (unsigned i = 0; i < 2; i++) {
		if (q->closing.n && !q->users[!q->epoch])
			drop_users(q, &q->closing);
		if (!q->closing.n && q->durable.n) {
			struct qcow2_frees t = q->closing;

			q->closing = q->durable;
			q->durable = t;
			q->epoch = !q->epoch;
		}
	}
	if (q->closing.n && !q->users[!q->epoch])
		drop_users(q, &q->closing);
}
