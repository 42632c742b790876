/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables in memory, least recently used go first, and their way to the disk. */
#include "io/block/qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct qcow2_table **bucket(struct qcow2 *q, uint64_t off)
{
	uint64_t h = (off >> q->bits) * UINT64_C(0x9e3779b97f4a7c15);

	return &q->hash[h >> (64 - q->hash_bits)];
}

static void lru_out(struct qcow2 *q, struct qcow2_table *t)
{
	*(t->newer ? &t->newer->older : &q->newest) = t->older;
	*(t->older ? &t->older->newer : &q->oldest) = t->newer;
}

static void lru_in(struct qcow2 *q, struct qcow2_table *t)
{
	t->newer = NULL;
	t->older = q->newest;
	*(q->newest ? &q->newest->newer : &q->oldest) = t;
	q->newest = t;
}

struct qcow2_table *qcow2_table_cached(struct qcow2 *q, uint64_t off)
{
	struct qcow2_table *t = *bucket(q, off);

	while (t && t->off != off)
		t = t->chain;
	if (t && t != q->newest) {
		lru_out(q, t);
		lru_in(q, t);
	}
	return t;
}

static void unhash(struct qcow2 *q, struct qcow2_table *t)
{
	struct qcow2_table **p = bucket(q, t->off);

	while (*p != t)
		p = &(*p)->chain;
	*p = t->chain;
}

/* One that is neither changed nor being written, else a new one: the limit is then exceeded. */
static struct qcow2_table *take(struct qcow2 *q, uint64_t off, bool refs)
{
	struct qcow2_table *t = NULL, **p;
	void *data;

	if (q->nr_tables >= q->max_tables) {
		t = q->oldest;
		while (t && (t->dirty || t->writing))
			t = t->newer;
	}
	if (t) {
		unhash(q, t);
		lru_out(q, t);
	} else {
		t = calloc(1, sizeof(*t));
		if (!t)
			return NULL;
		if (posix_memalign(&data, 4096, q->cluster)) {
			free(t);
			return NULL;
		}
		t->data = data;
		q->nr_tables++;
	}
	t->off = off;
	t->refs = refs;
	p = bucket(q, off);
	t->chain = *p;
	*p = t;
	lru_in(q, t);
	return t;
}

static void discard(struct qcow2 *q, struct qcow2_table *t)
{
	unhash(q, t);
	lru_out(q, t);
	q->nr_tables--;
	q->nr_dirty -= t->dirty;
	free(t->data);
	free(t);
}

int qcow2_table(struct qcow2 *q, uint64_t off, bool refs, struct qcow2_table **out)
{
	struct qcow2_table *t = qcow2_table_cached(q, off);
	int ret;

	if (t && t->refs != refs)
		return qcow2_corrupt(q, "cluster %#llx is two tables at once",
				     (unsigned long long)off);
	if (!t) {
		t = take(q, off, refs);
		if (!t)
			return -ENOMEM;
		ret = qcow2_read(q, off, t->data, q->cluster);
		if (ret < 0) {
			discard(q, t);
			return ret;
		}
	}
	*out = t;
	return 0;
}

struct qcow2_table *qcow2_table_new(struct qcow2 *q, uint64_t off, bool refs)
{
	struct qcow2_table *t = qcow2_table_cached(q, off);

	if (!t)
		t = take(q, off, refs);
	if (!t)
		return NULL;
	t->refs = refs;
	memset(t->data, 0, q->cluster);
	qcow2_table_dirty(q, t);
	return t;
}

void qcow2_table_dirty(struct qcow2 *q, struct qcow2_table *t)
{
	q->nr_dirty += !t->dirty;
	t->dirty = true;
}

void qcow2_table_drop(struct qcow2 *q, uint64_t off)
{
	struct qcow2_table *t = qcow2_table_cached(q, off);

	if (!t)
		return;
	q->nr_dirty -= t->dirty;
	t->dirty = false;
	if (!t->writing)
		discard(q, t);
}

void qcow2_tables_free(struct qcow2 *q)
{
	while (q->newest)
		discard(q, q->newest);
	free(q->hash);
	q->hash = NULL;
}

bool qcow2_is_clean(struct qcow2 *q)
{
	return !q->nr_dirty && !q->any_l1 && !q->any_rt && !q->pending.n && !q->durable.n &&
	       !q->closing.n && !q->committing;
}

int qcow2_write_counts(struct qcow2 *q)
{
	for (struct qcow2_table *t = q->newest; t; t = t->older) {
		int ret = t->dirty && t->refs ? qcow2_write(q, t->off, t->data, q->cluster) : 0;

		if (ret < 0)
			return ret;
		if (t->refs && t->dirty) {
			t->dirty = false;
			q->nr_dirty--;
		}
	}
	return 0;
}

/* ---- commit ---- */

struct piece {
	uint64_t off;
	size_t len;
	uint8_t *data;			/* a copy: the table goes on changing */
	struct qcow2_table *t;
};

enum { COUNTS, POINTERS, L2, L1, NR_STAGES };

struct commit {
	struct piece *v[NR_STAGES];
	size_t n[NR_STAGES], room[NR_STAGES];
	struct qcow2_frees frees;
	uint64_t end;
};

static int add(struct commit *c, unsigned stage, uint64_t off, const void *data, size_t len,
	       struct qcow2_table *t)
{
	struct piece *p;

	if (c->n[stage] == c->room[stage]) {
		size_t room = c->room[stage] ? 2 * c->room[stage] : 16;

		p = realloc(c->v[stage], room * sizeof(*p));
		if (!p)
			return -ENOMEM;
		c->v[stage] = p;
		c->room[stage] = room;
	}
	p = &c->v[stage][c->n[stage]];
	*p = (struct piece){ off, len, NULL, t };
	if (posix_memalign((void **)&p->data, 4096, align_up(len, 4096)))
		return -ENOMEM;
	memcpy(p->data, data, len);
	c->n[stage]++;
	return 0;
}

/* The dirty sectors of a table of pointers. */
static int add_sectors(struct commit *c, unsigned stage, uint64_t off, const uint64_t *v,
		       uint32_t len, const bool *dirty)
{
	uint8_t buf[512];
	int ret = 0;

	for (uint32_t i = 0; i < len && !ret; i += 64) {
		if (!dirty[i / 64])
			continue;
		memset(buf, 0, sizeof(buf));	/* behind the table's end its cluster is unused */
		for (uint32_t k = 0; k < 64 && i + k < len; k++)
			st_be64(buf + 8 * k, v[i + k]);
		ret = add(c, stage, off + i * UINT64_C(8), buf, sizeof(buf), NULL);
	}
	return ret;
}

static int collect(struct qcow2 *q, struct commit *c)
{
	int ret = 0;

	for (struct qcow2_table *t = q->oldest; t && !ret; t = t->newer)
		if (t->dirty)
			ret = add(c, t->refs ? COUNTS : L2, t->off, t->data, q->cluster, t);
	if (!ret && q->any_rt)
		ret = add_sectors(c, POINTERS, q->h.rt_off, q->rt, q->rt_len, q->rt_dirty);
	if (!ret && q->any_l1)
		ret = add_sectors(c, L1, q->h.l1_off, q->l1, q->l1_len, q->l1_dirty);
	if (ret)
		return ret;
	for (unsigned s = 0; s < NR_STAGES; s++)
		for (size_t i = 0; i < c->n[s]; i++)
			if (c->v[s][i].t) {
				c->v[s][i].t->dirty = false;
				c->v[s][i].t->writing = true;
				q->nr_dirty--;
			}
	q->any_l1 = q->any_rt = false;
	memset(q->l1_dirty, 0, q->l1_len / 64 + 1);
	memset(q->rt_dirty, 0, q->rt_len / 64 + 1);
	c->frees = q->pending;
	memset(&q->pending, 0, sizeof(q->pending));
	c->end = q->end;
	return 0;
}

/*
 * A cluster that is counted is a part of the file: others check that. ftruncate() could shorten a
 * file that others write to.
 */
int qcow2_extend(struct qcow2 *q, uint64_t end)
{
	uint64_t bytes = end << q->bits;
	struct stat st;

	if (q->file->is_device || fstat(q->file->fd, &st) < 0 || (uint64_t)st.st_size >= bytes)
		return 0;
	block_file_trace(q->file, BLOCK_TRACE_SIZE, bytes, NULL, 0);
	if (fallocate(q->file->fd, 0, (off_t)bytes - 512, 512) < 0 && errno == ENOSPC)
		return -ENOSPC;
	return 0;
}

static int write_stage(struct qcow2 *q, const struct commit *c, unsigned s)
{
	int ret = 0;

	for (size_t i = 0; i < c->n[s] && !ret; i++)
		ret = qcow2_write(q, c->v[s][i].off, c->v[s][i].data, c->v[s][i].len);
	return ret;
}

/*
 * Data that new entries point to was written before they were made. Nothing points to a new
 * block of counts, or to a new L2 table, before it is whole.
 */
static int write_out(struct qcow2 *q, const struct commit *c)
{
	bool news = c->n[COUNTS] || c->n[POINTERS];
	int ret = news ? qcow2_extend(q, c->end) : 0;

	if (!ret)
		ret = write_stage(q, c, COUNTS);
	if (!ret && c->n[POINTERS])
		ret = qcow2_sync(q);
	if (!ret)
		ret = write_stage(q, c, POINTERS);
	if (!ret && (c->n[L2] || c->n[L1]))
		ret = qcow2_sync(q);
	if (!ret)
		ret = write_stage(q, c, L2);
	if (!ret && c->n[L1])
		ret = qcow2_sync(q);
	if (!ret)
		ret = write_stage(q, c, L1);
	return ret ? ret : qcow2_sync(q);
}

static int move_frees(struct qcow2_frees *to, struct qcow2_frees *from)
{
	struct qcow2_free *v = realloc(to->v, (to->n + from->n) * sizeof(*v));

	if (!v)
		return -ENOMEM;		/* they stay counted: leaks */
	memcpy(v + to->n, from->v, from->n * sizeof(*v));
	to->v = v;
	to->room = to->n += from->n;
	return 0;
}

/* A failure: all of it is to be written again. */
static void settle(struct qcow2 *q, struct commit *c, int ret)
{
	for (unsigned s = 0; s < NR_STAGES; s++) {
		for (size_t i = 0; i < c->n[s]; i++) {
			struct piece *p = &c->v[s][i];

			if (p->t) {
				p->t->writing = false;
				if (ret)
					qcow2_table_dirty(q, p->t);
			} else if (ret && s == L1) {
				q->l1_dirty[(p->off - q->h.l1_off) / 512] = q->any_l1 = true;
			} else if (ret) {
				q->rt_dirty[(p->off - q->h.rt_off) / 512] = q->any_rt = true;
			}
			free(p->data);
		}
		free(c->v[s]);
	}
	if (c->frees.n)
		move_frees(ret ? &q->pending : &q->durable, &c->frees);
	free(c->frees.v);
}

int qcow2_commit(struct qcow2 *q)
{
	struct commit c = { 0 };
	int ret;

	while (q->committing)
		pthread_cond_wait(&q->cond, &q->lock);
	if (q->failed)
		return q->failed;
	q->committing = true;
	ret = collect(q, &c);
	if (ret) {			/* no memory: nothing was taken */
		for (unsigned s = 0; s < NR_STAGES; s++) {
			for (size_t i = 0; i < c.n[s]; i++)
				free(c.v[s][i].data);
			free(c.v[s]);
		}
	} else {
		pthread_mutex_unlock(&q->lock);
		ret = write_out(q, &c);
		pthread_mutex_lock(&q->lock);
		settle(q, &c, ret);
	}
	q->committing = false;
	pthread_cond_broadcast(&q->cond);
	if (!ret)
		qcow2_release(q);
	return ret;
}
