/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of snapshots in the image, and what changes it. */
#include "io/block/qcow2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/os.h"

#define ENTRY 40u			/* bytes before the extra data */
#define MAX_EXTRA 1024u
#define MAX_TABLE (16u << 20)

static void take_string(char *to, size_t room, const uint8_t *from, size_t len)
{
	size_t n = MIN(len, room - 1);

	memcpy(to, from, n);
	to[n] = 0;
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)to[i] < 32 || to[i] == 127)
			to[i] = '?';
}

/* One entry from p, of which have bytes are there. */
static int parse(struct qcow2 *q, struct qcow2_snap *s, const uint8_t *p, uint64_t have,
		 struct err *e)
{
	uint32_t id_len, name_len, extra;

	if (have < ENTRY)
		return err_set(e, EINVAL, "snapshot table is too short");
	s->l1_off = ld_be64(p);
	s->l1_len = ld_be32(p + 8);
	id_len = ld_be16(p + 12);
	name_len = ld_be16(p + 14);
	extra = ld_be32(p + 36);
	if (extra > MAX_EXTRA || have - ENTRY < (uint64_t)extra + id_len + name_len)
		return err_set(e, EINVAL, "snapshot table is too short");
	if (s->l1_len > QCOW2_MAX_L1 / 8 || s->l1_off & (q->cluster - 1) || s->l1_off >> 56 ||
	    (s->l1_len && !s->l1_off))
		return err_set(e, EINVAL, "L1 table of a snapshot: %u entries at offset %#llx",
			       s->l1_len, (unsigned long long)s->l1_off);
	s->info.date_ns = ld_be32(p + 16) * UINT64_C(1000000000) + ld_be32(p + 20);
	s->info.guest_ns = ld_be64(p + 24);
	s->info.vm_state = extra >= 8 ? ld_be64(p + ENTRY) : ld_be32(p + 32);
	s->info.size = extra >= 16 ? ld_be64(p + ENTRY + 8) : q->h.size;
	take_string(s->info.id, sizeof(s->info.id), p + ENTRY + extra, id_len);
	take_string(s->info.name, sizeof(s->info.name), p + ENTRY + extra + id_len, name_len);
	s->raw_len = ENTRY + extra + id_len + name_len;
	s->raw = malloc(s->raw_len);
	if (!s->raw)
		return err_set(e, ENOMEM, "no memory");
	memcpy(s->raw, p, s->raw_len);
	return 0;
}

int qcow2_load_snaps(struct qcow2 *q, struct err *e)
{
	const size_t most = ENTRY + MAX_EXTRA + 2 * 65535;
	uint64_t at = q->h.snap_off;
	uint8_t *buf;
	int ret = 0;

	if (!q->h.nr_snaps)
		return 0;
	q->snap = calloc(q->h.nr_snaps, sizeof(*q->snap));
	buf = malloc(most);
	if (!q->snap || !buf)
		ret = err_set(e, ENOMEM, "no memory");
	for (unsigned i = 0; i < q->h.nr_snaps && !ret; i++) {
		ret = qcow2_read(q, at, buf, most);	/* beyond the file's end: zeros */
		if (!ret && at >> q->bits >= q->file_clusters)
			ret = err_set(e, EINVAL, "snapshot table is beyond the end of the file");
		else if (ret < 0)
			err_errno(e, -ret, "snapshot table");
		else
			ret = parse(q, &q->snap[i], buf, most, e);
		at += align_up(q->snap[i].raw_len, 8);
		if (at - q->h.snap_off > MAX_TABLE && !ret)
			ret = err_set(e, EFBIG, "snapshot table is too long");
	}
	free(buf);
	return ret;
}

void qcow2_free_snaps(struct qcow2 *q)
{
	for (unsigned i = 0; q->snap && i < q->h.nr_snaps; i++)
		free(q->snap[i].raw);
	free(q->snap);
	q->snap = NULL;
}

/* By name, else by id, as tools show both. */
static struct qcow2_snap *find(struct qcow2 *q, const char *name, struct err *e)
{
	for (unsigned by_id = 0; by_id < 2; by_id++)
		for (unsigned i = 0; i < q->h.nr_snaps; i++)
			if (!strcmp(by_id ? q->snap[i].info.id : q->snap[i].info.name, name))
				return &q->snap[i];
	err_set(e, ENOENT, "there is no snapshot \"%.255s\"", name);
	return NULL;
}

bool qcow2_can_snapshot(struct qcow2 *q, char *why, size_t n)
{
	if (q->h.ref_order == 0)
		snprintf(why, n, "the image counts users with one bit (refcount_bits=1)");
	else if (q->failed)
		snprintf(why, n, "the image is damaged or could not be written");
	else
		return true;
	return false;
}

/* What has been written is in the file, and nothing in memory differs. */
static int settle(struct qcow2 *q, struct err *e)
{
	int ret = q->failed;

	pthread_mutex_lock(&q->lock);
	for (unsigned i = 0; i < 4 && !ret && (!i || !qcow2_is_clean(q)); i++)
		ret = qcow2_commit(q);
	pthread_mutex_unlock(&q->lock);
	return ret < 0 ? err_errno(e, -ret, "writing back") : 0;
}

static int check_name(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (!len || len > 255)
		return err_set(e, EINVAL, "a snapshot's name has 1 to 255 bytes");
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)name[i] < 32 || name[i] == 127)
			return err_set(e, EINVAL, "a snapshot's name has no control characters");
	return 0;
}

/* The entry for a new snapshot, whose L1 table is the disk's present one. */
static int make_entry(struct qcow2 *q, struct qcow2_snap *s, const char *name, struct err *e)
{
	uint64_t now = os_realtime_ns();
	unsigned long id = 0;
	size_t id_len, name_len = strlen(name);
	uint8_t *p;

	for (unsigned i = 0; i < q->h.nr_snaps; i++)
		id = MAX(id, strtoul(q->snap[i].info.id, NULL, 10) % 1000000000);
	*s = (struct qcow2_snap){ .l1_off = q->h.l1_off, .l1_len = q->h.l1_len };
	id_len = (size_t)snprintf(s->info.id, sizeof(s->info.id), "%lu", id + 1);
	s->raw_len = ENTRY + 16 + id_len + name_len;
	p = s->raw = calloc(1, s->raw_len);
	if (!p)
		return err_set(e, ENOMEM, "no memory");
	st_be64(p, s->l1_off);
	st_be32(p + 8, s->l1_len);
	st_be16(p + 12, (uint16_t)id_len);
	st_be16(p + 14, (uint16_t)name_len);
	st_be32(p + 16, (uint32_t)(now / 1000000000));
	st_be32(p + 20, (uint32_t)(now % 1000000000));
	st_be32(p + 36, 16);
	st_be64(p + ENTRY + 8, q->h.size);
	memcpy(p + ENTRY + 16, s->info.id, id_len);
	memcpy(p + ENTRY + 16 + id_len, name, name_len);
	return 0;
}

int qcow2_snapshot_create(struct qcow2 *q, const char *name, struct err *e)
{
	unsigned n = q->h.nr_snaps;
	struct qcow2_snap *list;
	int ret = check_name(name, e);

	if (!ret)
		ret = settle(q, e);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(q->snap[i].info.name, name))
			return err_set(e, EEXIST, "there is a snapshot \"%s\" already", name);
	if (n == QCOW2_MAX_SNAPS)
		return err_set(e, EMFILE, "there are %u snapshots already", n);
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return err_set(e, ENOMEM, "no memory");
	if (n)
		memcpy(list, q->snap, n * sizeof(*list));
	ret = make_entry(q, &list[n], name, e);
	if (!ret)
		ret = qcow2_rebuild(q, q->l1, list, n + 1, e);
	free(list[n].raw);
	free(list);
	return ret;
}

int qcow2_snapshot_apply(struct qcow2 *q, const char *name, struct err *e)
{
	struct qcow2_snap *s = NULL;
	uint64_t *l1;
	int ret = settle(q, e);

	if (!ret && !(s = find(q, name, e)))
		return -ENOENT;
	if (ret < 0)
		return ret;
	if (s->info.size != q->h.size)
		return err_set(e, EINVAL, "the disk had another size then (%llu bytes)",
			       (unsigned long long)s->info.size);
	if (s->l1_len < qcow2_l1_needed(&q->h))
		return err_set(e, EIO, "L1 table of the snapshot is too short");
	l1 = calloc(MAX(q->h.l1_len, s->l1_len) + UINT64_C(1), sizeof(*l1));
	ret = l1 ? qcow2_read_l1(q, s->l1_off, s->l1_len, l1) : -ENOMEM;
	if (ret < 0) {
		free(l1);
		return err_errno(e, -ret, "L1 table of the snapshot");
	}
	/* machine state that others keep behind the disk's end stays the snapshot's alone */
	for (uint64_t i = qcow2_l1_needed(&q->h); i < q->h.l1_len; i++)
		l1[i] = 0;
	ret = qcow2_rebuild(q, l1, q->snap, q->h.nr_snaps, e);
	free(l1);
	return ret;
}

int qcow2_snapshot_delete(struct qcow2 *q, const char *name, struct err *e)
{
	unsigned n = q->h.nr_snaps, k = 0;
	struct qcow2_snap *list, *s = NULL;
	int ret = settle(q, e);

	if (!ret && !(s = find(q, name, e)))
		return -ENOENT;
	if (ret < 0)
		return ret;
	list = calloc(n, sizeof(*list));
	if (!list)
		return err_set(e, ENOMEM, "no memory");
	for (unsigned i = 0; i < n; i++)
		if (&q->snap[i] != s)
			list[k++] = q->snap[i];
	ret = qcow2_rebuild(q, q->l1, list, n - 1, e);
	free(list);
	return ret;
}
