/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory of the host by 9P (virtio 1.2 has the device's number only; Linux's
 * virtio_9p.h the configuration): one queue, a chain is a message and the room for its
 * answer. The server's threads do the work and complete to the used ring.
 *
 * Fids name files that this process holds open. They are saved by their paths, and opened again by
 * a load (io/fs/state.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "hw/virtio/virtio.h"
#include "io/fs/fs.h"
#include "util/log.h"

enum { F_MOUNT_TAG = 0 };

#define NR_REQS VQ_MAX_SIZE
#define MIN_MESSAGE 7u			/* size, type, tag */
#define MAX_TAG (VIRTIO_CONFIG_SIZE - 2)

struct p9_req {
	struct fs_req io;
	struct virtio_9p *p9;
	struct p9_req *next_free;
	struct vq_chain c;
};

struct virtio_9p {
	struct dev dev;
	struct virtio_dev vd;
	char *path, *mount_tag, *security;
	bool readonly;
	uint32_t msize;			/* of the session, 0: none; for a save only */
	struct fs *fs;
	struct p9_req *reqs;		/* NR_REQS; the first nr_used were in use before */
	unsigned nr_used;
	bool starved;			/* the queue waits for a free request */
	struct p9_req *free;
	pthread_mutex_t lock;		/* of the three above */
};

static struct virtio_9p *p9_of(struct virtio_dev *vd)
{
	return DEV_STATE(struct virtio_9p, vd->h.dev);
}

static void p9_config(struct virtio_dev *vd, uint8_t *cfg)
{
	const char *tag = p9_of(vd)->mount_tag;
	size_t n = strlen(tag);

	st_le16(cfg, (uint16_t)n);
	memcpy(cfg + 2, tag, n);
}

/* The array grows as far as a guest uses it: most use little, and a request is large. */
static struct p9_req *take_req(struct virtio_9p *p)
{
	struct p9_req *r;

	pthread_mutex_lock(&p->lock);
	r = p->free;
	if (r)
		p->free = r->next_free;
	else if (p->nr_used < NR_REQS)
		r = &p->reqs[p->nr_used++];
	else
		p->starved = true;
	pthread_mutex_unlock(&p->lock);
	return r;
}

static void put_req(struct virtio_9p *p, struct p9_req *r)
{
	bool starved;

	pthread_mutex_lock(&p->lock);
	r->next_free = p->free;
	p->free = r;
	starved = p->starved;
	p->starved = false;
	pthread_mutex_unlock(&p->lock);
	if (starved)
		virtio_kick(&p->vd, 0);
}

static void p9_done(struct fs_req *io, uint32_t len)
{
	struct p9_req *r = container_of(io, struct p9_req, io);
	struct virtio_9p *p = r->p9;
	struct virtqueue *q = &p->vd.q[0];

	vq_push(q, &r->c, len);
	put_req(p, r);
	vq_signal(q);
}

static void submit(struct virtio_9p *p, struct p9_req *r)
{
	r->p9 = p;
	r->io = (struct fs_req){
		.out = r->c.iov, .nr_out = r->c.nr_out, .out_bytes = r->c.out_bytes,
		.in = r->c.iov + r->c.nr_out, .nr_in = r->c.nr_in, .in_bytes = r->c.in_bytes,
		.done = p9_done,
	};
	fs_submit(p->fs, &r->io);
}

static void p9_handle(struct virtio_dev *vd, struct virtqueue *q)
{
	struct virtio_9p *p = p9_of(vd);
	struct p9_req *r;

	do {
		vq_notify_off(q);
		while ((r = take_req(p))) {
			if (!vq_pop(q, &r->c)) {
				put_req(p, r);
				break;
			}
			if (r->c.out_bytes < MIN_MESSAGE || r->c.in_bytes < FS_MIN_REPLY) {
				virtio_break(vd, "message of %llu bytes, room for %llu",
					     (unsigned long long)r->c.out_bytes,
					     (unsigned long long)r->c.in_bytes);
				put_req(p, r);
				break;
			}
			submit(p, r);
		}
		if (!r)
			return;		/* no request is free: a completion kicks */
	} while (vq_notify_on(q));
}

static void p9_quiesce(struct virtio_dev *vd)
{
	struct virtio_9p *p = p9_of(vd);

	fs_drain(p->fs);
	p->msize = fs_msize(p->fs);
}

static void p9_reset_state(struct virtio_dev *vd)
{
	struct virtio_9p *p = p9_of(vd);

	fs_reset(p->fs);		/* quiesce was before */
	p->msize = 0;
}

static const struct virtio_type p9_type = {
	.id = VIRTIO_ID_9P,
	.config_read = p9_config,
	.handle = p9_handle, .brief = true,
	.quiesce = p9_quiesce,
	.reset = p9_reset_state,
};

static int p9_open(struct virtio_9p *p, struct err *e)
{
	struct fs_config c = { .path = p->path, .readonly = p->readonly };

	if (!p->path || !*p->path)
		return err_set(e, EINVAL, "path=DIRECTORY is needed");
	if (!p->mount_tag || !*p->mount_tag || strlen(p->mount_tag) > MAX_TAG)
		return err_set(e, EINVAL, "mount_tag=NAME is needed, %u characters at most",
			       MAX_TAG);
	if (fs_security_parse(p->security, &c.security, e) < 0)
		return -EINVAL;
	p->fs = fs_open(&c, e);
	if (!p->fs)
		return -EIO;
	if (c.security == FS_SECURITY_AUTO && fs_security(p->fs) != FS_SECURITY_PASSTHROUGH)
		log_info("%s: not root, so security=%s for %s", p->dev.id,
			 fs_security_name(fs_security(p->fs)), p->path);
	return 0;
}

static int p9_init(struct dev *d, struct err *e)
{
	struct virtio_9p *p = DEV_STATE(struct virtio_9p, d);
	int rc = p9_open(p, e);

	if (rc < 0)
		return rc;
	p->reqs = calloc(NR_REQS, sizeof(*p->reqs));
	if (!p->reqs) {
		fs_close(p->fs);
		return err_set(e, ENOMEM, "no memory");
	}
	pthread_mutex_init(&p->lock, NULL);
	return virtio_init(&p->vd, d, &p9_type, 1, BIT(F_MOUNT_TAG), e);
}

static void p9_fini(struct dev *d)
{
	struct virtio_9p *p = DEV_STATE(struct virtio_9p, d);

	virtio_fini(&p->vd);
	fs_close(p->fs);
	free(p->reqs);
	pthread_mutex_destroy(&p->lock);
}

static void p9_reset(struct dev *d, enum reset_kind kind)
{
	virtio_reset(&DEV_STATE(struct virtio_9p, d)->vd);
}

static int p9_loaded(struct dev *d, struct err *e)
{
	struct virtio_9p *p = DEV_STATE(struct virtio_9p, d);

	fs_drain(p->fs);
	fs_reset(p->fs);
	return virtio_loaded(&p->vd, e);
}

static void p9_save_more(struct dev *d, struct state_buf *b)
{
	size_t n;
	uint8_t *session = fs_save(DEV_STATE(struct virtio_9p, d)->fs, &n);

	if (session)
		state_append(b, session, n);
	free(session);
}

static int p9_load_more(struct dev *d, const uint8_t *data, size_t len, bool check, struct err *e)
{
	return fs_load(DEV_STATE(struct virtio_9p, d)->fs, data, len, check, e);
}

const struct dev_type dev_virtio_9p = {
	.name = "virtio-9p", .help = "a directory of the host, by 9P2000.L",
	.size = sizeof(struct virtio_9p),
	.props = (const struct prop[]){
		VIRTIO_PROPS(struct virtio_9p),
		PROP(struct virtio_9p, path, PROP_STR, "the directory", NULL),
		PROP(struct virtio_9p, mount_tag, PROP_STR, "what the guest mounts it by", NULL),
		PROP(struct virtio_9p, readonly, PROP_BOOL, "nothing in it can be changed", "off"),
		PROP(struct virtio_9p, security, PROP_STR,
		     "passthrough, mapped-xattr, none or auto: whose files they are", "auto"),
		PROP_END },
	.state = (const struct field[]){
		VIRTIO_FIELDS(struct virtio_9p), FIELD(struct virtio_9p, msize),
		FIELD_SKIP(struct virtio_9p, fs, "host resource"),
		FIELD_SKIP(struct virtio_9p, reqs, "drained before a save"),
		FIELD_SKIP(struct virtio_9p, nr_used, "drained before a save"),
		FIELD_SKIP(struct virtio_9p, starved, "drained before a save"),
		FIELD_SKIP(struct virtio_9p, free, "drained before a save"),
		FIELD_SKIP(struct virtio_9p, lock, "a lock"),
		FIELD_END },
	.init = p9_init, .fini = p9_fini, .reset = p9_reset, .loaded = p9_loaded,
	.save_more = p9_save_more, .load_more = p9_load_more,
};
