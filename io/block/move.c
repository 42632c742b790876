/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots in images, and images that change hands: what block.h says of them, by format. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/block/qcow2.h"

bool block_can_snapshot(struct block *b, char *why, size_t n)
{
	const char *text = "";

	if (b->overlay)
		text = "writes go to a temporary file (snapshot=on)";
	else if (b->cfg.readonly)
		text = "the disk is read-only";
	else if (b->inactive)
		text = "another process has the image";
	else if (b->q)
		return qcow2_can_snapshot(b->q, why, n);
	else
		text = "a raw image has no snapshots (convert it: ambi disk convert)";
	if (why && n)
		snprintf(why, n, "%s", text);
	return !*text;
}

static int change(struct block *b, int (*fn)(struct qcow2 *q, const char *name, struct err *e),
		  const char *name, struct err *e)
{
	char why[128];
	int ret;

	if (!block_can_snapshot(b, why, sizeof(why)))
		return err_set(e, ENOTSUP, "%s: %s", b->cfg.path, why);
	block_quiesce(b);
	ret = fn(b->q, name, e);
	block_resume(b);
	return ret < 0 ? err_prefix(e, "%s", b->cfg.path) : 0;
}

int block_snapshot_create(struct block *b, const char *name, struct err *e)
{
	return change(b, qcow2_snapshot_create, name, e);
}

int block_snapshot_apply(struct block *b, const char *name, struct err *e)
{
	int ret = change(b, qcow2_snapshot_apply, name, e);

	block_track_mark(b, 0, b->size);
	return ret;
}

int block_snapshot_delete(struct block *b, const char *name, struct err *e)
{
	return change(b, qcow2_snapshot_delete, name, e);
}

int block_snapshot_list(struct block *b, struct block_snapshot **list, unsigned *n, struct err *e)
{
	struct qcow2 *q = b->q ? b->q : b->below ? b->below->q : NULL;

	*list = NULL;
	*n = 0;
	if (!q || !q->loaded || !q->h.nr_snaps)
		return 0;
	*list = calloc(q->h.nr_snaps, sizeof(**list));
	if (!*list)
		return err_set(e, ENOMEM, "no memory");
	for (*n = 0; *n < q->h.nr_snaps; ++*n)
		(*list)[*n] = q->snap[*n].info;
	return 0;
}

/* ---- another process's turn ---- */

static int file_inactivate(struct block *b, struct err *e)
{
	int ret = b->cfg.readonly || b->overlay ? 0 : block_file_flush(b);

	if (ret < 0)
		return err_errno(e, -ret, "%s: flush", b->cfg.path);
	/* What this host keeps of the file is stale as soon as the other writes. */
	posix_fadvise(b->fd, 0, 0, POSIX_FADV_DONTNEED);
	block_file_unlock(b);
	return 0;
}

static int file_activate(struct block *b, struct err *e)
{
	struct stat st;
	int ret = block_file_lock(b, e);

	if (ret < 0)
		return err_prefix(e, "%s", b->cfg.path);
	posix_fadvise(b->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (b->is_device || b->container)
		return 0;
	if (fstat(b->fd, &st) < 0 || (uint64_t)st.st_size != b->file_size) {
		block_file_unlock(b);
		return err_set(e, ESTALE, "%s: has another size than when it was opened",
			       b->cfg.path);
	}
	return 0;
}

int block_inactivate(struct block *b, struct err *e)
{
	struct err ignore;
	int ret = 0;

	block_drain(b);			/* also what waits to be alone */
	block_quiesce(b);
	if (!b->inactive) {
		ret = b->q ? qcow2_inactivate(b->q, e) : 0;
		if (!ret)
			ret = b->below ? block_inactivate(b->below, e) : file_inactivate(b, e);
		if (ret < 0 && b->q && !b->q->loaded)
			qcow2_activate(b->q, &ignore);
		b->inactive = !ret;
	}
	block_resume(b);
	return ret;
}

int block_activate(struct block *b, struct err *e)
{
	struct err ignore;
	int ret = 0;

	block_quiesce(b);
	if (b->inactive) {
		ret = b->below ? block_activate(b->below, e) : file_activate(b, e);
		if (!ret && b->q) {
			ret = qcow2_activate(b->q, e);
			if (ret < 0)
				block_inactivate(b->below, &ignore);
		}
		b->inactive = ret < 0;
	}
	block_resume(b);
	return ret;
}
