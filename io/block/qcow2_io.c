/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests. What is mapped already goes to the file at once, as a request of its own; the rest is
 * carried out by a thread of the pool. The lock is held for looking up and for changing tables,
 * never for data. Who gives clusters a new place is a job: others that want to write there wait.
 */
#include "io/block/qcow2.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Uses of the file's data by what starts now: a cluster is not given away under them. */
static unsigned enter(struct qcow2 *q)
{
	atomic_fetch_add(&q->users[q->epoch], 1);
	return q->epoch;
}

static void leave(struct qcow2 *q, unsigned epoch) { atomic_fetch_sub(&q->users[epoch], 1); }

/* A request in pieces; NULL iov: zeros. */
struct span {
	const struct iovec *iov;
	unsigned nr;
	struct iovec *tmp;		/* nr + 2 entries */
};

static unsigned slice(const struct span *s, uint64_t skip, uint64_t len)
{
	return iov_slice(s->iov, s->nr, skip, len, s->tmp, s->nr);
}

static void zero_iov(const struct iovec *iov, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		memset(iov[i].iov_base, 0, iov[i].iov_len);
}

/* ---- reads ---- */

static int read_backing(struct qcow2 *q, uint64_t off, struct iovec *iov, unsigned n, uint64_t len)
{
	uint64_t size = q->backing ? block_size(q->backing) : 0, have;
	struct iovec *part;
	unsigned k;
	int ret;

	have = off < size ? MIN(len, size - off) : 0;
	if (have == len)
		return block_rwv(q->backing, BLOCK_READ, off, iov, n, len);
	zero_iov(iov, n);
	if (!have)
		return 0;
	part = malloc(n * sizeof(*part));
	if (!part)
		return -ENOMEM;
	k = iov_slice(iov, n, 0, have, part, n);
	ret = block_rwv(q->backing, BLOCK_READ, off, part, k, have);
	free(part);
	return ret;
}

static int read_zip(struct qcow2 *q, uint64_t entry, uint64_t off, const struct iovec *iov,
		    unsigned n, uint64_t len)
{
	uint8_t *buf = malloc(len);
	int ret = buf ? qcow2_read_packed(q, entry, off & (q->cluster - 1), buf, len) : -ENOMEM;

	if (!ret)
		iov_from_buf(iov, n, 0, buf, len);
	free(buf);
	return ret;
}

/* iov is used up. */
static int read_extent(struct qcow2 *q, const struct qcow2_extent *x, uint64_t off,
		       struct iovec *iov, unsigned n)
{
	switch (x->kind) {
	case QCOW2_HOLE:
		return read_backing(q, off, iov, n, x->bytes);
	case QCOW2_DATA:
		return qcow2_file_io(q, BLOCK_READ, x->host, iov, n, x->bytes);
	case QCOW2_PACKED:
		return read_zip(q, x->host, off, iov, n, x->bytes);
	default:
		zero_iov(iov, n);
		return 0;
	}
}

static int read_range(struct qcow2 *q, uint64_t off, uint64_t bytes, const struct span *s)
{
	uint64_t done = 0;
	int ret = 0;

	while (done < bytes && !ret) {
		struct qcow2_extent x;
		unsigned epoch;

		pthread_mutex_lock(&q->lock);
		ret = qcow2_map(q, off + done, bytes - done, false, &x);
		epoch = enter(q);
		pthread_mutex_unlock(&q->lock);
		if (!ret)
			ret = read_extent(q, &x, off + done, s->tmp, slice(s, done, x.bytes));
		leave(q, epoch);
		done += x.bytes;
	}
	return ret;
}

static int read_buf(struct qcow2 *q, uint64_t off, void *buf, uint64_t len)
{
	struct iovec v = { buf, len }, tmp[3];
	struct span s = { &v, 1, tmp };

	return len ? read_range(q, off, len, &s) : 0;
}

/* ---- jobs ---- */

static bool is_busy(struct qcow2 *q, uint64_t first, uint64_t end)
{
	for (struct qcow2_job *j = q->jobs; j; j = j->next)
		if (first < j->end && j->first < end)
			return true;
	return false;
}

static void job_end(struct qcow2 *q, struct qcow2_job *j)
{
	struct qcow2_job **p = &q->jobs;

	while (*p != j)
		p = &(*p)->next;
	*p = j->next;
	pthread_cond_broadcast(&q->cond);
}

/*
 * With the lock: until nobody works on the clusters of [off, off+len) and there is room for what
 * the caller will do. 1: the lock was let go.
 */
static int ready(struct qcow2 *q, uint64_t off, uint64_t len)
{
	bool waited = false;
	int ret;

	while (is_busy(q, off >> q->bits, ((off + len - 1) >> q->bits) + 1)) {
		pthread_cond_wait(&q->cond, &q->lock);
		waited = true;
	}
	ret = qcow2_reserve(q);
	return ret ? ret : waited;
}

/* ---- writes ---- */

/* Where new clusters begin, what they cover, and what was there. */
struct place {
	struct qcow2_job job;
	uint64_t host;
	bool zero;			/* the place reads as zeros */
	bool own;			/* it was this cluster's before */
	bool filled;			/* what is not written has old contents other than zeros */
};

/* With the lock. Clusters for [off, off + x->bytes), or as many of them as there are in a row. */
static int take_place(struct qcow2 *q, uint64_t off, struct qcow2_extent *x, struct place *p)
{
	uint64_t in = off & (q->cluster - 1), n, got, c, size;
	struct qcow2_table *t;
	int ret = qcow2_l2_for_write(q, off, &t);

	if (ret < 0)
		return ret;
	n = MIN((in + x->bytes + q->cluster - 1) >> q->bits, (uint64_t)qcow2_chunk(q));
	*p = (struct place){ .job.first = off >> q->bits };
	if (x->kind == QCOW2_ZEROS_AT && x->copied) {
		p->host = align_down(x->host, q->cluster);
		p->own = true;
		got = n;
	} else {
		ret = qcow2_alloc(q, n, &c, &got, &p->zero);
		if (ret < 0)
			return ret;
		p->host = c << q->bits;
	}
	x->bytes = MIN(x->bytes, (got << q->bits) - in);
	p->job.end = p->job.first + ((in + x->bytes + q->cluster - 1) >> q->bits);
	size = q->backing ? block_size(q->backing) : 0;
	p->filled = x->kind == QCOW2_DATA || x->kind == QCOW2_PACKED ||
		    (x->kind == QCOW2_HOLE && p->job.first << q->bits < size);
	p->job.next = q->jobs;
	q->jobs = &p->job;
	return 0;
}

/* With the lock: the tables learn of it. */
static int put_place(struct qcow2 *q, uint64_t off, struct place *p)
{
	uint64_t n = p->job.end - p->job.first, i = p->job.first & mask_bits(q->l2_bits);
	struct qcow2_table *t;
	int ret = qcow2_l2_for_write(q, off, &t);

	if (ret < 0)
		return ret;
	for (uint64_t k = 0; k < n; k++) {
		uint8_t *e = t->data + 8 * (i + k);

		if (!p->own)
			qcow2_unref_entry(q, ld_be64(e), (p->job.first + k) << q->bits);
		st_be64(e, (p->host + (k << q->bits)) | QCOW2_COPIED);
	}
	qcow2_table_dirty(q, t);
	return 0;
}

/* Data with what is before and behind it in its first and last cluster, in one go. */
static int write_place(struct qcow2 *q, uint64_t off, uint64_t len, uint64_t skip,
		       const struct span *s, const struct place *p)
{
	uint64_t in = off & (q->cluster - 1);
	uint64_t total = (p->job.end - p->job.first) << q->bits, behind = total - in - len;
	uint8_t *head = NULL, *tail = NULL;
	unsigned n;
	int ret = 0;

	n = slice(s, skip, len);
	if (p->zero && !p->filled)
		return qcow2_file_io(q, BLOCK_WRITE, p->host + in, s->tmp, n, len);
	if ((in && posix_memalign((void **)&head, 4096, in)) ||
	    (behind && posix_memalign((void **)&tail, 4096, behind)))
		ret = -ENOMEM;
	if (!ret && p->filled) {
		ret = read_buf(q, off - in, head, in);
		if (!ret)
			ret = read_buf(q, off + len, tail, behind);
	} else if (!ret) {
		if (head)
			memset(head, 0, in);
		if (tail)
			memset(tail, 0, behind);
	}
	if (!ret) {
		struct iovec *v = s->tmp;

		if (head) {
			memmove(v + 1, v, n * sizeof(*v));
			v[0] = (struct iovec){ head, in };
			n++;
		}
		if (tail)
			v[n++] = (struct iovec){ tail, behind };
		ret = qcow2_file_io(q, BLOCK_WRITE, p->host, v, n, total);
	}
	free(head);
	free(tail);
	return ret;
}

/* With the lock on entry and on return. */
static int write_new(struct qcow2 *q, uint64_t off, struct qcow2_extent *x, uint64_t skip,
		     const struct span *s)
{
	struct place p;
	int ret = take_place(q, off, x, &p), put = 0;

	if (ret < 0)
		return ret;
	pthread_mutex_unlock(&q->lock);
	ret = write_place(q, off, x->bytes, skip, s, &p);
	pthread_mutex_lock(&q->lock);
	if (!ret)
		put = put_place(q, off, &p);
	if ((ret || put) && !p.own)
		for (uint64_t k = p.job.first; k < p.job.end; k++)
			qcow2_unref(q, (p.host >> q->bits) + k - p.job.first, false);
	job_end(q, &p.job);
	return ret ? ret : put;
}

static int write_range(struct qcow2 *q, uint64_t off, uint64_t bytes, const struct span *s)
{
	uint64_t done = 0;
	int ret = 0;

	pthread_mutex_lock(&q->lock);
	while (done < bytes && !ret) {
		struct qcow2_extent x;
		uint64_t at = off + done;
		unsigned epoch;

		if (q->failed) {
			ret = q->failed;
			break;
		}
		ret = qcow2_map(q, at, bytes - done, false, &x);
		if (ret < 0)
			break;
		if (x.kind != QCOW2_DATA || !x.copied) {
			ret = ready(q, at, x.bytes);
			if (!ret)
				ret = write_new(q, at, &x, done, s);
			else if (ret > 0) {	/* all may be different now */
				ret = 0;
				continue;
			}
		} else {
			epoch = enter(q);
			pthread_mutex_unlock(&q->lock);
			ret = qcow2_file_io(q, BLOCK_WRITE, x.host, s->tmp, slice(s, done, x.bytes),
					    x.bytes);
			leave(q, epoch);
			pthread_mutex_lock(&q->lock);
		}
		done += x.bytes;
	}
	pthread_mutex_unlock(&q->lock);
	return ret;
}

/* ---- zeros and discards ---- */

static int write_zero_bytes(struct qcow2 *q, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[65536];
	int ret = 0;

	while (len && !ret) {
		struct iovec v = { (void *)zeros, MIN(len, sizeof(zeros)) }, tmp[3];
		struct span s = { &v, 1, tmp };

		ret = write_range(q, off, v.iov_len, &s);
		off += v.iov_len;
		len -= v.iov_len;
	}
	return ret;
}

/* What stands for zeros instead of entry; false: there is no such thing in this version. */
static bool zero_entry(struct qcow2 *q, const struct block_req *r, uint64_t entry, uint64_t *to)
{
	bool discard = r->op == BLOCK_DISCARD;

	if (!q->backing && (discard || q->h.version < 3)) {
		*to = 0;
		return true;
	}
	*to = QCOW2_ZERO;
	/* its place is kept where the guest wants to be sure of it */
	if (!discard && !r->unmap && entry & QCOW2_COPIED)
		*to |= entry & (QCOW2_OFFSET | QCOW2_COPIED);
	return q->h.version >= 3;
}

/* With the lock. Whole clusters [c, c+n) of one L2 table. 1: zeros have to be written. */
static int zero_clusters(struct qcow2 *q, const struct block_req *r, uint64_t c, uint64_t n)
{
	uint64_t i = c & mask_bits(q->l2_bits), to;
	struct qcow2_table *t;
	int ret;

	if (!(q->l1[c >> q->l2_bits] & QCOW2_OFFSET) && !q->backing)
		return 0;
	if (!zero_entry(q, r, 0, &to))
		return 1;
	ret = qcow2_l2_for_write(q, c << q->bits, &t);
	if (ret < 0)
		return ret;
	for (uint64_t k = 0; k < n; k++) {
		uint64_t e = ld_be64(t->data + 8 * (i + k));

		zero_entry(q, r, e, &to);
		if (e == to || (!e && !q->backing))
			continue;
		if (!(to & QCOW2_OFFSET))
			qcow2_unref_entry(q, e, (c + k) << q->bits);
		if (q->failed)
			return q->failed;
		st_be64(t->data + 8 * (i + k), to);
	}
	qcow2_table_dirty(q, t);
	return 0;
}

/* Do the first len bytes at off, within a cluster, read as zeros already? */
static bool is_zero_now(struct qcow2 *q, uint64_t off, uint64_t len)
{
	struct qcow2_extent x;
	bool zero;

	pthread_mutex_lock(&q->lock);
	zero = qcow2_map(q, off, len, false, &x) == 0 && x.bytes == len &&
	       (x.kind == QCOW2_ZEROS || x.kind == QCOW2_ZEROS_AT ||
		(x.kind == QCOW2_HOLE && (!q->backing || off >= block_size(q->backing))));
	pthread_mutex_unlock(&q->lock);
	return zero;
}

static int zero_part(struct qcow2 *q, const struct block_req *r, uint64_t off, uint64_t len)
{
	if (r->op == BLOCK_DISCARD || is_zero_now(q, off, len))
		return 0;
	return write_zero_bytes(q, off, len);
}

static int zero_range(struct qcow2 *q, const struct block_req *r)
{
	uint64_t off = r->offset, end = r->offset + r->bytes;
	int ret = 0;

	if (r->op == BLOCK_DISCARD && q->b->cfg.no_discard)
		return 0;
	while (off < end && !ret) {
		uint64_t in = off & (q->cluster - 1), len = MIN(end - off, q->cluster - in), n;

		/* the disk's last cluster counts as whole where the disk ends in it */
		if (in || (len < q->cluster && off + len < q->b->size)) {
			ret = zero_part(q, r, off, len);
			off += len;
			continue;
		}
		n = MIN((end - off) >> q->bits, BIT(q->l2_bits) - (off >> q->bits &
								  mask_bits(q->l2_bits)));
		n = MAX(MIN(n, (uint64_t)qcow2_chunk(q)), UINT64_C(1));
		len = MIN(n << q->bits, end - off);
		pthread_mutex_lock(&q->lock);
		do
			ret = ready(q, off, len);
		while (ret > 0);
		if (!ret)
			ret = zero_clusters(q, r, off >> q->bits, n);
		pthread_mutex_unlock(&q->lock);
		if (ret > 0)
			ret = zero_part(q, r, off, len);
		off += len;
	}
	return ret;
}

/* ---- a request ---- */

/* always: also where there is nothing of ours, for the data. */
static int flush(struct qcow2 *q, bool always)
{
	int ret;

	pthread_mutex_lock(&q->lock);
	ret = always || !qcow2_is_clean(q) ? qcow2_commit(q) : 0;
	pthread_mutex_unlock(&q->lock);
	return ret;
}

int qcow2_run(struct block *b, struct block_req *r)
{
	struct qcow2 *q = b->q;
	struct span s = { r->iov, r->nr_iov, NULL };
	int ret = 0;

	if (!q->loaded)
		return q->failed ? q->failed : -EPERM;
	if (r->op == BLOCK_FLUSH)
		return q->writable ? flush(q, true) : 0;
	if (r->op == BLOCK_READ || r->op == BLOCK_WRITE) {
		s.tmp = malloc((r->nr_iov + 2) * sizeof(*s.tmp));
		if (!s.tmp)
			return -ENOMEM;
	}
	if (r->op == BLOCK_READ)
		ret = read_range(q, r->offset, r->bytes, &s);
	else if (r->op == BLOCK_WRITE)
		ret = write_range(q, r->offset, r->bytes, &s);
	else
		ret = zero_range(q, r);
	free(s.tmp);
	/* cache=writethrough: what completes is on the disk */
	if (!ret && r->op != BLOCK_READ && !block_has_flush(b))
		ret = flush(q, false);
	return ret;
}

struct fast {
	struct block_req req;
	struct qcow2 *q;
	unsigned epoch;
};

static void fast_done(struct block_req *r, int ret)
{
	struct fast *f = container_of(r, struct fast, req);
	struct block_req *parent = r->whole;
	struct qcow2 *q = f->q;

	if (r->op != BLOCK_FLUSH)
		leave(q, f->epoch);
	parent->more = r->more;
	free(f);
	block_complete(q->b, parent, ret);
}

/* With the lock: can all of it be one request to the file, or none? */
static bool is_simple(struct qcow2 *q, struct block_req *r, struct qcow2_extent *x)
{
	if (q->failed || !q->loaded)
		return false;
	if (r->op == BLOCK_FLUSH) {
		x->kind = QCOW2_DATA;
		return q->writable && qcow2_is_clean(q);
	}
	if ((r->op != BLOCK_READ && r->op != BLOCK_WRITE) ||
	    qcow2_map(q, r->offset, r->bytes, true, x) < 0 || x->bytes < r->bytes)
		return false;
	/* cache=writethrough: the place may be one that no table on the disk shows yet */
	if (r->op == BLOCK_WRITE)
		return x->kind == QCOW2_DATA && x->copied &&
		       (block_has_flush(q->b) || qcow2_is_clean(q));
	return x->kind != QCOW2_PACKED && (x->kind != QCOW2_HOLE || !q->backing);
}

bool qcow2_try_fast(struct qcow2 *q, struct block_req *r, struct block_req **child)
{
	struct qcow2_extent x = { 0 };
	struct fast *f;

	*child = NULL;
	if (pthread_mutex_trylock(&q->lock))
		return false;
	if (!is_simple(q, r, &x)) {
		pthread_mutex_unlock(&q->lock);
		return false;
	}
	if (x.kind != QCOW2_DATA) {
		pthread_mutex_unlock(&q->lock);
		zero_iov(r->iov, r->nr_iov);
		block_complete(q->b, r, 0);
		return true;
	}
	f = malloc(sizeof(*f));
	if (f) {
		*f = (struct fast){ .q = q };
		f->req = (struct block_req){ .op = r->op, .offset = x.host,
					     .bytes = r->op == BLOCK_FLUSH ? 0 : r->bytes,
					     .iov = r->iov, .nr_iov = r->nr_iov,
					     .done = fast_done, .whole = r };
		if (r->op != BLOCK_FLUSH)
			f->epoch = enter(q);
		*child = &f->req;
	}
	pthread_mutex_unlock(&q->lock);
	return f != NULL;
}
