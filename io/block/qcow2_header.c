/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header, what hangs from it, and the way in and out. */
#include "io/block/qcow2.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/log.h"

#define CACHE_BYTES (32u << 20)
#define L1_BITS (QCOW2_OFFSET | QCOW2_COPIED)
#define KNOWN_INCOMPATIBLE (QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_COMPRESSION)

/* ---- the file ---- */

int qcow2_file_io(struct qcow2 *q, enum block_op op, uint64_t off, const struct iovec *iov,
		  unsigned n, uint64_t bytes)
{
	struct block_req r = { .op = op, .offset = off, .bytes = bytes, .iov = iov, .nr_iov = n };

	/* Only there can a write have to be alone: see block.c. */
	if (q->file->direct && q->file->align > BLOCK_SECTOR)
		return block_rwv(q->file, op, off, iov, n, bytes);
	return block_file_run(q->file, &r);
}

int qcow2_read(struct qcow2 *q, uint64_t off, void *buf, size_t len)
{
	/* not through the requests: an offset of compressed data is a multiple of nothing */
	return block_file_read(q->file, off, buf, len);
}

int qcow2_write(struct qcow2 *q, uint64_t off, const void *buf, size_t len)
{
	struct iovec v = { (void *)buf, len };

	return qcow2_file_io(q, BLOCK_WRITE, off, &v, 1, len);
}

int qcow2_sync(struct qcow2 *q)
{
	struct block_req r = { .op = BLOCK_FLUSH };

	return block_file_run(q->file, &r);
}

int qcow2_corrupt(struct qcow2 *q, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	if (q->failed)
		return -EIO;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!q->told)
		log_warn("%s: the image is damaged: %s%s", q->b->cfg.path, text,
			 q->writable ? "; it is not written any more (ambi disk check)" : "");
	q->told = true;
	if (!q->writable)
		return -EIO;
	q->failed = -EIO;
	if (q->h.version >= 3 && !(q->h.incompatible & QCOW2_CORRUPT)) {
		q->h.incompatible |= QCOW2_CORRUPT;
		if (!qcow2_write_header(q, &q->h))
			qcow2_sync(q);
	}
	return -EIO;
}

/* ---- header ---- */

uint64_t qcow2_l1_needed(const struct qcow2_header *h)
{
	unsigned shift = h->bits + h->bits - 3;

	return (h->size + mask_bits(shift)) >> shift;
}

static int refuse_features(const struct qcow2_header *h, const uint8_t *p, size_t len,
			   struct err *e)
{
	static const char *const names[] = {
		[2] = "an external data file",
		[4] = "extended L2 entries (subclusters); convert it: qemu-img convert -O qcow2 "
		      "-o extended_l2=off",
	};
	uint64_t unknown = h->incompatible & ~(uint64_t)KNOWN_INCOMPATIBLE;
	unsigned bit = (unsigned)__builtin_ctzll(unknown | BIT(63));

	if (!unknown)
		return 0;
	if (bit < ARRAY_SIZE(names) && names[bit])
		return err_set(e, ENOTSUP, "uses %s, which is not supported", names[bit]);
	/* the table of names that an image may carry for this */
	for (size_t i = 0; i + 48 <= len; i += 48)
		if (p[i] == 0 && p[i + 1] == bit)
			return err_set(e, ENOTSUP, "needs the feature \"%.46s\" (bit %u), which is "
				       "not known here", (const char *)p + i + 2, bit);
	return err_set(e, ENOTSUP, "needs a feature that is not known here (incompatible bit %u)",
		       bit);
}

/* Header extensions; *names: the feature name table. */
static int read_extensions(struct qcow2_header *h, const uint8_t *p, size_t len,
			   const uint8_t **names, size_t *names_len, struct err *e)
{
	size_t at = h->length;

	while (at + 8 <= len) {
		uint32_t type = ld_be32(p + at), n = ld_be32(p + at + 4);

		at += 8;
		if (!type)
			return 0;
		if (n > len - at)
			return err_set(e, EINVAL, "header extension %#x is too long", type);
		if (type == 0xe2792acau) {
			if (n >= sizeof(h->backing_format))
				return err_set(e, EINVAL, "format of the backing file is too long");
			memcpy(h->backing_format, p + at, n);
			h->backing_format[n] = 0;
		} else if (type == 0x6803f857u) {
			*names = p + at;
			*names_len = n;
		} else if (type == 0x23852875u && n >= 24) {
			h->nr_bitmaps = ld_be32(p + at);
			h->bitmaps_size = ld_be64(p + at + 8);
			h->bitmaps_off = ld_be64(p + at + 16);
		}
		at += align_up(n, 8);
	}
	return 0;
}

static int check_header(const struct qcow2_header *h, struct err *e)
{
	uint64_t mask = BIT(h->bits) - 1;

	if (!h->size || h->size >> 62)
		return err_set(e, EINVAL, "size of %llu bytes",
			       (unsigned long long)h->size);
	if (h->ref_order > 6)
		return err_set(e, EINVAL, "width of counts: order %u", h->ref_order);
	if (h->l1_len > QCOW2_MAX_L1 / 8)
		return err_set(e, EFBIG, "L1 table of %u entries", h->l1_len);
	if (qcow2_l1_needed(h) > h->l1_len)
		return err_set(e, EINVAL, "L1 table is too short for the disk's size");
	if (!h->l1_off || (h->l1_off & mask) || h->l1_off >> 56)
		return err_set(e, EINVAL, "L1 table at offset %#llx",
			       (unsigned long long)h->l1_off);
	if (!h->rt_off || (h->rt_off & mask) || h->rt_off >> 56 || !h->rt_clusters ||
	    (uint64_t)h->rt_clusters << h->bits > QCOW2_MAX_RT)
		return err_set(e, EINVAL, "refcount table at offset %#llx, %u clusters",
			       (unsigned long long)h->rt_off, h->rt_clusters);
	if (h->nr_snaps > QCOW2_MAX_SNAPS ||
	    (h->nr_snaps && (!h->snap_off || (h->snap_off & mask) || h->snap_off >> 56)))
		return err_set(e, EINVAL, "%u snapshots at offset %#llx", h->nr_snaps,
			       (unsigned long long)h->snap_off);
	return 0;
}

static int parse_header(struct qcow2_header *h, const uint8_t *p, size_t len, struct err *e)
{
	uint64_t name_off = ld_be64(p + 8);
	uint32_t name_len = ld_be32(p + 16);
	const uint8_t *names = NULL;
	size_t names_len = 0;
	int ret;

	h->bits = ld_be32(p + 20);
	h->size = ld_be64(p + 24);
	h->l1_len = ld_be32(p + 36);
	h->l1_off = ld_be64(p + 40);
	h->rt_off = ld_be64(p + 48);
	h->rt_clusters = ld_be32(p + 56);
	h->nr_snaps = ld_be32(p + 60);
	h->snap_off = ld_be64(p + 64);
	h->ref_order = 4;
	h->length = 72;
	if (h->version >= 3) {
		h->incompatible = ld_be64(p + 72);
		h->compatible = ld_be64(p + 80);
		h->autoclear = ld_be64(p + 88);
		h->ref_order = ld_be32(p + 96);
		h->length = ld_be32(p + 100);
		if (h->length < 104 || h->length > len)
			return err_set(e, EINVAL, "header of %u bytes", h->length);
		if (h->incompatible & QCOW2_COMPRESSION)
			h->compression = h->length > 104 ? p[104] : 0;
	}
	/* they end where the name begins: the first version's have no end of their own */
	ret = read_extensions(h, p, name_off ? MIN(name_off, len) : len, &names, &names_len, e);
	if (!ret)
		ret = refuse_features(h, names, names_len, e);
	if (ret < 0)
		return ret;
	if (ld_be32(p + 32))
		return err_set(e, ENOTSUP, "is encrypted (%s), which is not supported",
			       ld_be32(p + 32) == 2 ? "LUKS" : "AES");
	if (h->compression > 1)
		return err_set(e, ENOTSUP, "compression type %u is not known", h->compression);
	if (name_off) {
		if (name_len >= sizeof(h->backing) || name_off > len || name_len > len - name_off ||
		    !name_len || memchr(p + name_off, 0, name_len))
			return err_set(e, EINVAL, "name of the backing file");
		memcpy(h->backing, p + name_off, name_len);
		h->backing[name_len] = 0;
	}
	return check_header(h, e);
}

int qcow2_read_header(struct qcow2 *q, struct qcow2_header *h, struct err *e)
{
	uint8_t first[512], *p;
	size_t len;
	int ret = block_file_read(q->file, 0, first, sizeof(first));

	memset(h, 0, sizeof(*h));
	if (ret < 0)
		return err_errno(e, -ret, "header");
	if (ld_be32(first) != QCOW2_MAGIC)
		return err_set(e, EINVAL, "is not a qcow2 image (format=raw uses it as it is)");
	h->version = ld_be32(first + 4);
	if (h->version != 2 && h->version != 3)
		return err_set(e, ENOTSUP, "qcow2 version %u is not known", h->version);
	h->bits = ld_be32(first + 20);
	if (h->bits < 9 || h->bits > QCOW2_MAX_BITS)
		return err_set(e, EINVAL, "clusters of 2^%u bytes", h->bits);
	len = BIT(h->bits);
	p = malloc(len);
	if (!p)
		return err_set(e, ENOMEM, "no memory");
	ret = block_file_read(q->file, 0, p, len);
	ret = ret < 0 ? err_errno(e, -ret, "header") : parse_header(h, p, len, e);
	free(p);
	return ret;
}

int qcow2_write_header(struct qcow2 *q, const struct qcow2_header *h)
{
	uint8_t p[512] __attribute__((aligned(512)));
	int ret = block_file_read(q->file, 0, p, sizeof(p));

	if (ret < 0)
		return ret;
	st_be32(p + 36, h->l1_len);
	st_be64(p + 40, h->l1_off);
	st_be64(p + 48, h->rt_off);
	st_be32(p + 56, h->rt_clusters);
	st_be32(p + 60, h->nr_snaps);
	st_be64(p + 64, h->snap_off);
	if (h->version >= 3) {
		st_be64(p + 72, h->incompatible);
		st_be64(p + 80, h->compatible);
		st_be64(p + 88, h->autoclear);
	}
	return qcow2_write(q, 0, p, sizeof(p));
}

/* ---- tables ---- */

static int read_table(struct qcow2 *q, uint64_t off, uint64_t len, uint64_t **v, bool **dirty)
{
	uint64_t *t = calloc(len + 1, sizeof(*t));
	int ret;

	*dirty = calloc(len / 64 + 1, sizeof(**dirty));
	*v = t;
	if (!t || !*dirty)
		return -ENOMEM;
	ret = qcow2_read(q, off, t, len * sizeof(*t));
	for (uint64_t i = 0; i < len && !ret; i++)
		t[i] = cpu_to_be(64, t[i]);
	return ret;
}

/* A run of clusters that only a table may have; again: it may be a table of another one's, too. */
static int claim(struct qcow2 *q, uint64_t off, uint64_t bytes, bool again, const char *what,
		 struct err *e)
{
	uint64_t c = off >> q->bits, end = (off + bytes + q->cluster - 1) >> q->bits;

	for (; c < end; c++) {
		/* what is not there cannot be a table; the last cluster may be cut short */
		if (c >= q->file_clusters)
			return err_set(e, EINVAL, "%s at offset %#llx: beyond the end of the file",
				       what, (unsigned long long)off);
		if (!again && qcow2_is_meta(q, c))
			return err_set(e, EINVAL, "%s at offset %#llx: overlaps another table",
				       what, (unsigned long long)off);
		if (qcow2_set_meta(q, c, true) < 0)
			return err_set(e, ENOMEM, "no memory");
	}
	return 0;
}

/* Offsets of tables of one cluster each, from a table of them. */
static int claim_each(struct qcow2 *q, const uint64_t *v, uint64_t len, uint64_t valid, bool again,
		      const char *what, struct err *e)
{
	int ret = 0;

	for (uint64_t i = 0; i < len && !ret; i++) {
		uint64_t off = v[i] & ~QCOW2_COPIED;

		if (v[i] & ~valid || (off & (q->cluster - 1)) || off >> 56)
			return err_set(e, EINVAL, "%s %llu: wrong entry %#llx", what,
				       (unsigned long long)i, (unsigned long long)v[i]);
		if (off)
			ret = claim(q, off, q->cluster, again, what, e);
	}
	return ret;
}

/* A snapshot's tables, which it may share with the disk and its like, not with other tables. */
static int claim_snapshot(struct qcow2 *q, const struct qcow2_snap *s, const uint64_t *others,
			  struct err *e)
{
	uint64_t *l1 = calloc(s->l1_len + 1, sizeof(*l1));
	int ret = l1 ? claim(q, s->l1_off, s->l1_len * UINT64_C(8), false, "L1 table", e) :
		       err_set(e, ENOMEM, "no memory");

	if (!ret) {
		ret = qcow2_read_l1(q, s->l1_off, s->l1_len, l1);
		if (ret < 0)
			err_errno(e, -ret, "L1 table");
	}
	for (uint32_t i = 0; i < s->l1_len && !ret; i++) {
		uint64_t c = (l1[i] & QCOW2_OFFSET) >> q->bits;

		if (c && c < q->file_clusters && others[c >> 6] >> (c & 63) & 1)
			ret = err_set(e, EINVAL, "L2 table at offset %#llx: overlaps another table",
				      (unsigned long long)(l1[i] & QCOW2_OFFSET));
	}
	if (!ret)
		ret = claim_each(q, l1, s->l1_len, L1_BITS, true, "L2 table", e);
	free(l1);
	return ret < 0 ? err_prefix(e, "snapshot \"%s\"", s->info.name) : ret;
}

/* Who writes has to know where the tables are: no guest's cluster may be there. */
static int claim_all(struct qcow2 *q, struct err *e)
{
	const struct qcow2_header *h = &q->h;
	uint64_t words = q->file_clusters / 64 + 1, snap_len = 0, *others;
	int ret;

	if (q->file_clusters > QCOW2_MAX_CLUSTERS)
		return err_set(e, EFBIG, "the file is too large for its cluster size");
	q->meta = calloc(words, sizeof(*q->meta));
	if (!q->meta)
		return err_set(e, ENOMEM, "no memory");
	q->meta_bits = words * 64;
	for (unsigned i = 0; i < h->nr_snaps; i++)
		snap_len += align_up(q->snap[i].raw_len, 8);
	ret = claim(q, 0, q->cluster, false, "header", e);
	if (!ret)
		ret = claim(q, h->rt_off, (uint64_t)h->rt_clusters << h->bits, false,
			    "refcount table", e);
	if (!ret)
		ret = claim_each(q, q->rt, q->rt_len, QCOW2_OFFSET, false, "refcount block", e);
	if (!ret)
		ret = claim(q, h->l1_off, h->l1_len * UINT64_C(8), false, "L1 table", e);
	if (!ret && h->nr_snaps)
		ret = claim(q, h->snap_off, snap_len, false, "snapshot table", e);
	if (ret < 0)
		return ret;
	others = malloc(words * sizeof(*others));
	if (!others)
		return err_set(e, ENOMEM, "no memory");
	memcpy(others, q->meta, words * sizeof(*others));
	ret = claim_each(q, q->l1, q->l1_len, L1_BITS, false, "L2 table", e);
	for (unsigned i = 0; i < h->nr_snaps && !ret; i++)
		ret = claim_snapshot(q, &q->snap[i], others, e);
	free(others);
	return ret;
}

static int init_cache(struct qcow2 *q)
{
	q->max_tables = MAX(CACHE_BYTES >> q->bits, 16u);
	q->hash_bits = 4;
	while (BIT(q->hash_bits) < q->max_tables)
		q->hash_bits++;
	q->hash = calloc(BIT(q->hash_bits), sizeof(*q->hash));
	return q->hash ? 0 : -ENOMEM;
}

/* No cluster from there on has a block that could count it. */
static uint64_t counted_end(const struct qcow2 *q)
{
	uint64_t n = q->rt ? q->rt_len : 0;

	while (n && !q->rt[n - 1])
		n--;
	return n << q->ref_bits;
}

int qcow2_load(struct qcow2 *q, struct err *e)
{
	struct block *f = q->file;
	uint64_t bytes = f->file_size;
	struct stat st;
	int ret;

	if (!f->is_device) {
		if (fstat(f->fd, &st) < 0)
			return err_errno(e, errno, "size");
		bytes = (uint64_t)st.st_size;
	}
	q->file_clusters = (bytes + q->cluster - 1) >> q->bits;
	q->hint = 1;
	q->end = q->file_clusters;
	q->fresh = f->is_device ? UINT64_MAX : q->file_clusters;
	q->l1_len = q->h.l1_len;
	q->rt_len = (uint32_t)(((uint64_t)q->h.rt_clusters << q->bits) / 8);
	ret = init_cache(q);
	if (!ret)
		ret = read_table(q, q->h.l1_off, q->l1_len, &q->l1, &q->l1_dirty);
	if (!ret)
		ret = read_table(q, q->h.rt_off, q->rt_len, &q->rt, &q->rt_dirty);
	if (ret < 0)
		err_errno(e, -ret, "tables");
	else
		ret = qcow2_load_snaps(q, e);
	if (f->is_device)		/* of its own size, whatever is in it */
		q->end = MIN(q->end, counted_end(q));
	if (!ret && q->writable)
		ret = claim_all(q, e);
	if (ret < 0)
		qcow2_unload(q);
	else
		q->loaded = true;
	return ret;
}

void qcow2_unload(struct qcow2 *q)
{
	qcow2_tables_free(q);
	qcow2_free_snaps(q);
	free(q->l1);
	free(q->rt);
	free(q->l1_dirty);
	free(q->rt_dirty);
	free(q->meta);
	free(q->pending.v);
	free(q->durable.v);
	free(q->closing.v);
	free(q->z_data);
	q->l1 = q->rt = q->meta = NULL;
	q->l1_dirty = q->rt_dirty = NULL;
	q->z_data = NULL;
	memset(&q->pending, 0, sizeof(q->pending));
	memset(&q->durable, 0, sizeof(q->durable));
	memset(&q->closing, 0, sizeof(q->closing));
	q->any_l1 = q->any_rt = q->loaded = false;
	q->l1_len = q->rt_len = 0;
	q->meta_bits = 0;
}

/* ---- the chain ---- */

static int open_backing(struct qcow2 *q, unsigned depth, struct err *e)
{
	const char *name = q->h.backing, *colon, *slash;
	struct block_config c = { .readonly = true, .cache = q->b->cfg.cache,
				  .engine = q->b->cfg.engine, .no_lock = q->b->cfg.no_lock };
	const char *dir = strrchr(q->b->cfg.path, '/');
	int n;

	if (!*name)
		return 0;
	if (q->b->cfg.no_backing)
		return err_set(e, EPERM, "has a backing file (%.200s), which backing=off forbids",
			       name);
	if (depth >= QCOW2_MAX_DEPTH)
		return err_set(e, ELOOP, "more than %u backing files", QCOW2_MAX_DEPTH);
	/* never from the file's bytes, which another guest may have written */
	if (!*q->h.backing_format)
		return err_set(e, EINVAL, "does not say of what format its backing file is "
			       "(qemu-img rebase -u -b %.100s -F FORMAT mends that)", name);
	if (!strcmp(q->h.backing_format, "raw"))
		c.format = BLOCK_FORMAT_RAW;
	else if (!strcmp(q->h.backing_format, "qcow2"))
		c.format = BLOCK_FORMAT_QCOW2;
	else
		return err_set(e, ENOTSUP, "backing file of format %s", q->h.backing_format);
	if (!strncmp(name, "file:", 5))
		name += 5;
	colon = strchr(name, ':');
	slash = strchr(name, '/');
	if (colon && (!slash || colon < slash))
		return err_set(e, ENOTSUP, "backing file %.200s: only files are supported", name);
	n = *name == '/' || !dir ? snprintf(c.path, sizeof(c.path), "%s", name) :
	    snprintf(c.path, sizeof(c.path), "%.*s/%s", (int)(dir - q->b->cfg.path),
		     q->b->cfg.path, name);
	if (n < 0 || (size_t)n >= sizeof(c.path))
		return err_set(e, ENAMETOOLONG, "name of the backing file");
	q->backing = block_open_depth(&c, depth + 1, e);
	if (!q->backing && e->code != ELOOP)	/* that would name all of them */
		err_prefix(e, "backing file");
	return q->backing ? 0 : -e->code;
}

/* Before the first write: what the header says must be true, and is not after it. */
static int make_writable(struct qcow2 *q, struct err *e)
{
	const struct qcow2_header h = q->h;
	int ret;

	if (h.incompatible & QCOW2_CORRUPT && !q->b->cfg.repair)
		return err_set(e, EIO, "is marked as damaged: only readonly=on (ambi disk check -r "
			       "repairs; ambi disk convert saves what can be read)");
	ret = qcow2_load(q, e);
	if (!ret && (h.incompatible & QCOW2_DIRTY || q->b->cfg.repair)) {
		if (!q->b->cfg.repair)
			log_info("%s: was not closed; its counts are made anew", q->b->cfg.path);
		ret = qcow2_rebuild(q, q->l1, q->snap, h.nr_snaps, e);
		if (ret < 0)
			return err_prefix(e, "cannot be repaired");
	}
	if (!ret && q->h.autoclear) {
		/* bitmaps of changes and the like, which are wrong once we write */
		q->h.autoclear = 0;
		ret = qcow2_write_header(q, &q->h);
		if (!ret)
			ret = qcow2_sync(q);
		if (ret < 0)
			err_errno(e, -ret, "header");
	}
	return ret;
}

static int load_any(struct qcow2 *q, struct err *e)
{
	if (q->writable)
		return make_writable(q, e);
	if (q->h.incompatible & QCOW2_CORRUPT)
		log_warn("%s: is marked as damaged", q->b->cfg.path);
	return qcow2_load(q, e);
}

struct qcow2 *qcow2_open(struct block *b, unsigned depth, struct err *e)
{
	struct qcow2 *q = calloc(1, sizeof(*q));
	int ret;

	if (!q) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	q->b = b;
	q->file = b->below;
	q->writable = !b->cfg.readonly;
	pthread_mutex_init(&q->lock, NULL);
	pthread_mutex_init(&q->zlock, NULL);
	pthread_cond_init(&q->cond, NULL);
	ret = qcow2_read_header(q, &q->h, e);
	if (!ret) {
		q->bits = q->h.bits;
		q->cluster = BIT(q->bits);
		q->l2_bits = q->bits - 3;
		q->ref_bits = q->bits + 3 - q->h.ref_order;
		b->size = align_up(q->h.size, BLOCK_SECTOR);
		ret = open_backing(q, depth, e);
	}
	if (!ret && !b->inactive)
		ret = load_any(q, e);
	if (ret < 0) {
		qcow2_unload(q);
		q->writable = false;
		qcow2_close(q);
		return NULL;
	}
	return q;
}

/* Twice: what the first one set free is counted by the second. */
static int write_back(struct qcow2 *q)
{
	int ret = 0;

	pthread_mutex_lock(&q->lock);
	for (unsigned i = 0; i < 4 && !ret && (!i || !qcow2_is_clean(q)); i++)
		ret = qcow2_commit(q);
	pthread_mutex_unlock(&q->lock);
	return ret;
}

void qcow2_close(struct qcow2 *q)
{
	int ret;

	if (!q)
		return;
	if (q->writable && q->loaded && !q->failed) {
		ret = write_back(q);
		if (ret < 0)
			log_warn("%s: what was written since the last flush is lost: %s",
				 q->b->cfg.path, strerror(-ret));
	}
	qcow2_unload(q);
	block_close(q->backing);
	pthread_cond_destroy(&q->cond);
	pthread_mutex_destroy(&q->zlock);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

int qcow2_inactivate(struct qcow2 *q, struct err *e)
{
	int ret = q->writable && q->loaded ? write_back(q) : 0;

	if (ret < 0)
		return err_errno(e, -ret, "%s: cannot be written back", q->b->cfg.path);
	qcow2_unload(q);
	return 0;
}

int qcow2_activate(struct qcow2 *q, struct err *e)
{
	struct qcow2_header h;
	int ret = qcow2_read_header(q, &h, e);

	if (!ret && (h.size != q->h.size || h.bits != q->h.bits || h.version != q->h.version ||
		     h.ref_order != q->h.ref_order || strcmp(h.backing, q->h.backing)))
		ret = err_set(e, ESTALE, "is not the image that was opened");
	if (!ret) {
		q->h = h;
		q->failed = 0;
		ret = load_any(q, e);
	}
	if (ret < 0) {
		qcow2_unload(q);
		return err_prefix(e, "%s", q->b->cfg.path);
	}
	return 0;
}
