/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new set of tables beside the old one. All users are counted by a walk over what the image is
 * to be; clusters that neither the old nor the new state uses take new tables; and one write of
 * the header's first sector is the step from one to the other. Whatever the new state does not
 * use is free then, so that there is nothing to tidy up. L2 tables of the disk are written anew
 * only where their flags change: the old ones are a snapshot's, and stay as they are.
 */
#include "io/block/qcow2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rebuild {
	struct qcow2 *q;
	struct qcow2_walk w;
	struct qcow2_header h;
	uint64_t *l1;
	uint64_t hint;
	uint64_t *rt, rt_len;		/* the new table of pointers */
	struct err *e;
};

static int is_free(struct rebuild *r, uint64_t c, bool *is)
{
	uint64_t v = 0;
	int ret = 0;

	*is = false;
	if ((c < r->w.n && r->w.ref[c]) || qcow2_is_meta(r->q, c))
		return 0;
	/* Counts of an image that was not closed may be wrong: only what is reached is used. */
	if (!(r->q->h.incompatible & QCOW2_DIRTY))
		ret = qcow2_count(r->q, c, &v);
	*is = !v;
	return ret;
}

/* n clusters in a row, counted. 0 or -errno. */
static int take(struct rebuild *r, uint64_t n, uint64_t *off)
{
	struct qcow2 *q = r->q;
	uint64_t c = r->hint, run = 0;
	int ret;

	while (run < n) {
		bool is;

		ret = is_free(r, c, &is);
		if (ret < 0)
			return ret;
		run = is ? run + 1 : 0;
		c++;
	}
	if (n == 1)
		r->hint = c;
	*off = (c - n) << q->bits;
	ret = qcow2_walk_ref(&r->w, q, *off, n << q->bits);
	return ret ? ret : r->w.errors ? -EFBIG : 0;
}

static int walk(struct rebuild *r, const struct qcow2_snap *snap)
{
	struct qcow2 *q = r->q;
	int ret = qcow2_walk_ref(&r->w, q, 0, q->cluster);

	for (unsigned i = 0; i < r->h.nr_snaps && !ret; i++) {
		uint64_t *l1 = calloc(snap[i].l1_len + 1, sizeof(*l1));

		ret = l1 ? qcow2_read_l1(q, snap[i].l1_off, snap[i].l1_len, l1) : -ENOMEM;
		if (!ret)
			ret = qcow2_walk_ref(&r->w, q, snap[i].l1_off,
					     snap[i].l1_len * UINT64_C(8));
		if (!ret)
			ret = qcow2_walk_l1(&r->w, q, l1, snap[i].l1_len, false);
		free(l1);
	}
	if (!ret)
		ret = qcow2_walk_l1(&r->w, q, r->l1, r->h.l1_len, true);
	if (!ret)
		ret = qcow2_walk_bitmaps(&r->w, q);
	if (ret < 0)
		return err_errno(r->e, -ret, "counting the image's clusters");
	if (r->w.errors)
		return err_set(r->e, EIO, "the image is damaged: %s", r->w.first);
	for (uint64_t c = 0; c < r->w.end; c++)
		if (r->w.ref[c] > mask_bits(1u << q->h.ref_order))
			return err_set(r->e, EOVERFLOW, "the image counts with %u bits, too "
				       "few for one more snapshot", 1u << q->h.ref_order);
	return 0;
}

/* Flags of one L2 table; true if one was wrong. */
static bool fix_flags(struct rebuild *r, uint8_t *l2)
{
	struct qcow2 *q = r->q;
	bool changed = false;

	for (uint64_t i = 0; i < BIT(q->l2_bits); i++) {
		uint64_t e = ld_be64(l2 + 8 * i), host, len, to = e & ~QCOW2_COPIED;
		enum qcow2_kind kind;

		if (!e || qcow2_entry(q, e, &kind, &host, &len) < 0 ||
		    (kind != QCOW2_DATA && kind != QCOW2_ZEROS_AT))
			continue;
		if (r->w.ref[host >> q->bits] == 1)
			to |= QCOW2_COPIED;
		if (to != e) {
			st_be64(l2 + 8 * i, to);
			changed = true;
		}
	}
	return changed;
}

static int write_l2s(struct rebuild *r)
{
	struct qcow2 *q = r->q;
	uint8_t *buf = malloc(q->cluster);
	int ret = buf ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < r->h.l1_len && !ret; i++) {
		uint64_t off = r->l1[i] & QCOW2_OFFSET;

		if (!off)
			continue;
		ret = qcow2_read(q, off, buf, q->cluster);
		if (!ret && fix_flags(r, buf)) {
			r->w.ref[off >> q->bits]--;
			ret = take(r, 1, &off);
			if (!ret)
				ret = qcow2_write(q, off, buf, q->cluster);
		}
		r->l1[i] = off | (r->w.ref[off >> q->bits] == 1 ? QCOW2_COPIED : 0);
	}
	free(buf);
	return ret;
}

static int write_l1(struct rebuild *r)
{
	uint64_t bytes = align_up(r->h.l1_len * UINT64_C(8), r->q->cluster);
	uint8_t *buf = calloc(1, bytes);
	int ret = buf ? take(r, bytes >> r->q->bits, &r->h.l1_off) : -ENOMEM;

	for (uint32_t i = 0; i < r->h.l1_len && !ret; i++)
		st_be64(buf + 8 * i, r->l1[i]);
	if (!ret)
		ret = qcow2_write(r->q, r->h.l1_off, buf, bytes);
	free(buf);
	return ret;
}

static int write_snaps(struct rebuild *r, const struct qcow2_snap *snap)
{
	uint64_t bytes = 0, at = 0;
	uint8_t *buf;
	int ret;

	r->h.snap_off = 0;
	if (!r->h.nr_snaps)
		return 0;
	for (unsigned i = 0; i < r->h.nr_snaps; i++)
		bytes += align_up(snap[i].raw_len, 8);
	bytes = align_up(bytes, r->q->cluster);
	buf = calloc(1, bytes);
	ret = buf ? take(r, bytes >> r->q->bits, &r->h.snap_off) : -ENOMEM;
	for (unsigned i = 0; i < r->h.nr_snaps && !ret; i++) {
		memcpy(buf + at, snap[i].raw, snap[i].raw_len);
		at += align_up(snap[i].raw_len, 8);
	}
	if (!ret)
		ret = qcow2_write(r->q, r->h.snap_off, buf, bytes);
	free(buf);
	return ret;
}

static bool has_users(const struct rebuild *r, uint64_t i)
{
	uint64_t c = i << r->q->ref_bits, end = MIN((i + 1) << r->q->ref_bits, r->w.end);

	while (c < end && !r->w.ref[c])
		c++;
	return c < end;
}

/* Blocks of counts for all that has users, themselves and their table included. */
static int place_blocks(struct rebuild *r)
{
	struct qcow2 *q = r->q;
	uint64_t per = q->cluster / 8, clusters = 1, ranges;
	bool more = true;
	int ret;

	/* as if all of it came behind the end, and a quarter more for what comes later */
	for (;; clusters++) {
		uint64_t room = clusters * per << q->ref_bits, need = r->w.end + clusters;

		if (room >= need + need / 4 + (need >> q->ref_bits) + 16 + clusters)
			break;
	}
	clusters = MAX(clusters, (uint64_t)q->h.rt_clusters);
	r->rt_len = clusters * per;
	if (r->rt_len * 8 > QCOW2_MAX_RT)
		return -EFBIG;
	r->rt = calloc(r->rt_len, sizeof(*r->rt));
	if (!r->rt)
		return -ENOMEM;
	r->h.rt_clusters = (uint32_t)clusters;
	ret = take(r, clusters, &r->h.rt_off);
	while (more && !ret) {
		more = false;
		ranges = (r->w.end + BIT(q->ref_bits) - 1) >> q->ref_bits;
		if (ranges > r->rt_len)
			return -EFBIG;
		for (uint64_t i = 0; i < ranges && !ret; i++)
			if (!r->rt[i] && has_users(r, i)) {
				ret = take(r, 1, &r->rt[i]);
				more = true;
			}
	}
	return ret;
}

static int write_counts(struct rebuild *r)
{
	struct qcow2 *q = r->q;
	uint8_t *buf = malloc(q->cluster);
	int ret = buf ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < r->rt_len && !ret; i++) {
		uint64_t first = i << q->ref_bits;

		if (!r->rt[i])
			continue;
		memset(buf, 0, q->cluster);
		for (uint64_t k = 0; k < BIT(q->ref_bits) && first + k < r->w.end; k++)
			qcow2_count_set(q, buf, k, r->w.ref[first + k]);
		ret = qcow2_write(q, r->rt[i], buf, q->cluster);
	}
	free(buf);
	for (uint64_t i = 0; i < r->rt_len; i++)
		r->rt[i] = cpu_to_be(64, r->rt[i]);
	return ret ? ret : qcow2_write(q, r->h.rt_off, r->rt, r->rt_len * 8);
}

static int write_all(struct rebuild *r, const struct qcow2_snap *snap)
{
	int ret = write_l2s(r);

	if (!ret)
		ret = write_l1(r);
	if (!ret)
		ret = write_snaps(r, snap);
	if (!ret)
		ret = place_blocks(r);
	if (!ret)
		ret = qcow2_extend(r->q, r->w.end);
	if (!ret)
		ret = write_counts(r);
	return ret ? ret : qcow2_sync(r->q);
}

/* Gives the file system back what nobody uses any more. Only space is lost if that fails. */
static void trim(struct rebuild *r)
{
	struct qcow2 *q = r->q;
	uint64_t first = 0;

	for (uint64_t c = 1; c <= r->w.end; c++) {
		bool used = c == r->w.end || r->w.ref[c];

		if (used && first)
			qcow2_punch(q, first, c);
		if (used)
			first = 0;
		else if (!first)
			first = c;
	}
}

int qcow2_rebuild(struct qcow2 *q, const uint64_t *l1, const struct qcow2_snap *snap,
		  unsigned nr_snaps, struct err *e)
{
	struct rebuild r = { .q = q, .h = q->h, .hint = 1, .e = e };
	int ret;

	r.h.nr_snaps = nr_snaps;
	r.h.incompatible &= ~(uint64_t)(q->b->cfg.repair ? QCOW2_DIRTY | QCOW2_CORRUPT :
							   QCOW2_DIRTY);
	r.l1 = malloc((r.h.l1_len + UINT64_C(1)) * sizeof(*l1));
	if (!r.l1)
		return err_set(e, ENOMEM, "no memory");
	memcpy(r.l1, l1, r.h.l1_len * sizeof(*l1));
	ret = qcow2_walk_start(&r.w, q);
	if (ret < 0)
		err_errno(e, -ret, "counting the image's clusters");
	else
		ret = walk(&r, snap);
	if (!ret) {
		r.w.limit = QCOW2_MAX_CLUSTERS;
		ret = write_all(&r, snap);
		if (ret < 0)
			err_errno(e, -ret, "writing new tables");
		if (q->fresh != UINT64_MAX)	/* what is behind the end now is not zeros */
			q->fresh = MAX(q->fresh, r.w.end);
	}
	if (!ret) {
		/* The step. From here on it is the new state or, after a failure, unknown. */
		ret = qcow2_write_header(q, &r.h);
		if (!ret)
			ret = qcow2_sync(q);
		if (ret < 0)
			err_errno(e, -ret, "header");
		qcow2_unload(q);
		if (!ret) {
			q->h = r.h;
			ret = qcow2_load(q, e);
		}
		if (!ret)
			trim(&r);
		if (ret < 0)
			q->failed = ret;
	}
	free(r.l1);
	free(r.rt);
	qcow2_walk_free(&r.w);
	return ret;
}
