/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages that make, copy and end fids. */
#include "io/fs/fs_int.h"

#include <errno.h>
#include <string.h>

#define MAX_WALK 16u		/* P9_MAXWELEM */
#define NAME_ROOM 1024u		/* longer ones are malformed, those above NAME_MAX too long */

int op_version(struct op *o)
{
	uint32_t msize = msg_get32(&o->in);
	char version[32];
	bool ours;

	msg_get_str(&o->in, version, sizeof(version));
	if (o->in.bad || msize < FS_MIN_MESSAGE)
		return -EINVAL;
	ours = !strcmp(version, "9P2000.L");
	msize = MIN(msize, FS_MAX_MESSAGE);
	fs_reset(o->fs);
	if (ours)
		atomic_store(&o->fs->msize, msize);
	msg_put32(&o->out, msize);
	msg_put_str(&o->out, ours ? version : "unknown", ours ? strlen(version) : 7);
	return 0;
}

int op_attach(struct op *o)
{
	uint32_t id = msg_get32(&o->in), afid = msg_get32(&o->in), uid;
	char uname[256], aname[256];
	struct fs *f = o->fs;
	struct statx st;
	struct fid *d;
	int rc;

	msg_get_str(&o->in, uname, sizeof(uname));
	msg_get_str(&o->in, aname, sizeof(aname));
	uid = msg_get32(&o->in);
	if (o->in.bad)
		return -EINVAL;
	if (afid != FS_NO_FID)
		return -EBADF;		/* there is no authentication */
	if (*aname && strcmp(aname, "/"))
		return -ENOENT;
	rc = owner_stat(f, f->nodes.root->fd, &st);
	if (rc < 0)
		return rc;
	d = fid_new(f, id, uid, node_ref(f, f->nodes.root));
	if (!d)
		return -ENOMEM;
	fs_put_qid(f, &o->out, &st);
	return fid_add(f, d, NULL);
}

static int qid_of(struct op *o, struct node *n)
{
	struct statx st;
	int fd = node_pin(o->fs, n), rc;

	if (fd < 0)
		return fd;
	rc = owner_stat(o->fs, fd, &st);
	node_unpin(o->fs, n);
	if (!rc)
		fs_put_qid(o->fs, &o->out, &st);
	return rc;
}

/* All of the way, or an error for its first step; *reached says how far it got. */
static int walk(struct op *o, struct node **n, unsigned count, unsigned *reached)
{
	char name[NAME_ROOM];
	int rc = 0;

	for (*reached = 0; *reached < count; ++*reached) {
		struct node *next;

		msg_get_str(&o->in, name, sizeof(name));
		rc = o->in.bad ? -EINVAL : node_walk(o->fs, *n, name, &next);
		if (rc < 0)
			break;
		node_put(o->fs, *n);
		*n = next;
		rc = qid_of(o, next);
		if (rc < 0)
			break;
	}
	return *reached ? 0 : rc;
}

int op_walk(struct op *o)
{
	uint32_t id = msg_get32(&o->in), new_id = msg_get32(&o->in);
	unsigned count = msg_get16(&o->in), reached;
	struct msg at = o->out;
	struct fs *f = o->fs;
	struct fid *from, *to;
	struct node *n;
	int rc;

	if (o->in.bad || count > MAX_WALK)
		return -EINVAL;
	from = fid_get(f, id);
	if (!from)
		return -EBADF;
	if (from->kind == FID_XATTR_READ || from->kind == FID_XATTR_WRITE ||
	    (from->kind == FID_OPEN && id == new_id)) {
		fid_put(f, from);
		return -EINVAL;
	}
	n = node_ref(f, from->node);
	msg_put16(&o->out, 0);
	rc = walk(o, &n, count, &reached);
	msg_put16(&at, (uint16_t)reached);
	if (rc < 0 || reached < count) {
		node_put(f, n);		/* a part of the way: told, but no fid */
	} else {
		to = fid_new(f, new_id, from->uid, n);
		rc = to ? fid_add(f, to, id == new_id ? from : NULL) : -ENOMEM;
	}
	fid_put(f, from);
	return rc;
}
