/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of a guest that moves. Each is one of:
 *
 *	shared		both sides open the same image; it is handed over while the guest stands
 *	delta		a temporary file holds what the guest wrote (snapshot=on): that goes along
 *	copy		`blocks`: all of it goes along, into an image of the same size
 *
 * What goes along is read while the guest runs; what it writes meanwhile is logged (io/block's
 * track.c) and goes again, the rest while it stands.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/block/block.h"
#include "io/iov.h"
#include "util/bits.h"
#include "util/os.h"
#include "vmm/move/migrate_int.h"

enum { PIECE = 256 << 10, DISK_HEAD = 24, PER_DISK = 16 };
enum how { SHARED, DELTA, COPY };

struct migrate_disk {
	struct block *block;
	enum how how;
	bool tracked;
};

/* The guest's disks in the order of the command line. */
static unsigned find_disks(struct guest *g, struct block *disk[GUEST_MAX_BACKENDS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->nr_backends; i++)
		if (g->backend[i].block)
			disk[n++] = g->backend[i].block;
	return n;
}

/* ---- source ---- */

/* On the main thread, with the guest frozen. */
int migrate_disks_start(struct migration *m, struct err *e)
{
	struct block *b[GUEST_MAX_BACKENDS];
	unsigned n = find_disks(m->g, b);
	int r = 0;

	m->disk = calloc(n + 1, sizeof(*m->disk));
	if (!m->disk)
		return err_set(e, ENOMEM, "no memory");
	m->nr_disks = n;
	for (unsigned i = 0; !r && i < n; i++) {
		struct migrate_disk *d = &m->disk[i];

		d->block = b[i];
		d->how = block_readonly(b[i]) ? SHARED : m->par.blocks ? COPY :
			 block_is_temporary(b[i]) ? DELTA : SHARED;
		if (d->how == SHARED)
			continue;
		r = block_track_start(b[i], e);
		d->tracked = !r;
		if (!r && d->how == COPY)
			block_track_mark(b[i], 0, block_size(b[i]));
		else if (!r)
			block_delta_mark(b[i]);
		m->disk_total += block_track_count(b[i]);
	}
	return r;
}

static int send_table(struct migration *m, struct err *e)
{
	uint8_t t[4 + PER_DISK * GUEST_MAX_BACKENDS];

	st_le32(t, m->nr_disks);
	for (unsigned i = 0; i < m->nr_disks; i++) {
		uint8_t *p = t + 4 + PER_DISK * i;

		st_le64(p, block_size(m->disk[i].block));
		st_le32(p + 8, m->disk[i].how);
		st_le32(p + 12, block_is_temporary(m->disk[i].block));
	}
	return wire_send(m->chan[0], MV_DISKS, t, 4 + PER_DISK * m->nr_disks, e);
}

static int send_piece(struct migration *m, unsigned i, uint64_t offset, uint8_t *buf, uint64_t len,
		      struct err *e)
{
	int r = block_rw(m->disk[i].block, BLOCK_READ, offset, buf, len);
	uint8_t head[DISK_HEAD];
	bool zero;

	if (r < 0)
		return err_errno(e, -r, "disk %u: reading at 0x%llx", i,
				 (unsigned long long)offset);
	zero = is_zeros(buf, len);
	st_le32(head, i);
	st_le32(head + 4, zero);
	st_le64(head + 8, offset);
	st_le32(head + 16, (uint32_t)len);
	st_le32(head + 20, 0);
	m->bytes += DISK_HEAD + WIRE_HEAD + (zero ? 0 : len);
	m->disk_bytes += len;
	r = chan_limit_wait(&m->limit, DISK_HEAD + (zero ? 0 : len), &m->stop);
	if (r < 0)
		return err_set(e, -r, "cancelled");
	return wire_send2(m->chan[0], MV_DISK, head, sizeof(head), buf, zero ? 0 : len, e);
}

int migrate_disks_round(struct migration *m, struct err *e)
{
	uint8_t *buf = aligned_alloc(4096, PIECE);
	int r = buf ? 0 : err_set(e, ENOMEM, "no memory");

	for (unsigned i = 0; !r && i < m->nr_disks; i++) {
		uint64_t at = 0, n;

		while (!r && m->disk[i].tracked &&
		       (n = block_track_take(m->disk[i].block, &at, PIECE))) {
			r = send_piece(m, i, at, buf, n, e);
			at += n;
		}
	}
	free(buf);
	return r;
}

/* What is there at first may take long: before RAM, which changes faster. */
int migrate_disks_bulk(struct migration *m, struct err *e)
{
	int r = send_table(m, e);

	if (!r && chan_two_way(m->chan[0]))
		r = wire_expect(m->chan[0], &m->msg, MV_OK, e);
	return r < 0 ? r : migrate_disks_round(m, e);
}

uint64_t migrate_disks_dirty(struct migration *m)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < m->nr_disks; i++)
		if (m->disk[i].tracked)
			n += block_track_count(m->disk[i].block);
	return n;
}

void migrate_disks_end(struct migration *m)
{
	for (unsigned i = 0; i < m->nr_disks; i++)
		if (m->disk[i].tracked)
			block_track_stop(m->disk[i].block);
	free(m->disk);
	m->disk = NULL;
	m->nr_disks = 0;
}

/* ---- handing over ---- */

int migrate_disks_give(struct migration *m, struct err *e)
{
	struct block *b[GUEST_MAX_BACKENDS];
	unsigned n = find_disks(m->g, b);

	m->inactive = true;
	for (unsigned i = 0; i < n; i++)
		if (block_inactivate(b[i], e) < 0)
			return err_prefix(e, "disk %u", i);
	return 0;
}

/* (No stop ends this: a source that was cancelled wants its disks back.) */
int migrate_disks_take(struct migration *m, unsigned ms, struct err *e)
{
	struct block *b[GUEST_MAX_BACKENDS];
	unsigned n = find_disks(m->g, b);
	uint64_t end = os_now_ns() + ms * UINT64_C(1000000);
	struct err ignored = { 0 };

	for (unsigned i = 0; i < n; i++) {
		int r;

		while ((r = block_activate(b[i], e)) < 0 && os_now_ns() < end)
			os_nap();
		if (r < 0) {
			for (unsigned j = 0; j < i; j++)
				block_inactivate(b[j], &ignored);
			return err_prefix(e, "disk %u", i);
		}
	}
	m->inactive = false;
	return 0;
}

/* ---- destination ---- */

int incoming_disks(struct migration *m, const struct wire_msg *msg, struct err *e)
{
	struct block *b[GUEST_MAX_BACKENDS];
	unsigned n = find_disks(m->g, b), there = ld_le32(msg->data);

	if (m->disk)
		return err_set(e, EPROTO, "disks twice");
	if (there > GUEST_MAX_BACKENDS || msg->len != 4 + PER_DISK * there)
		return err_set(e, EPROTO, "table of disks of %u bytes", msg->len);
	if (there != n)
		return err_set(e, EINVAL, "the guest has %u disk(s), here are %u: give the same "
			       "-drive options", there, n);
	m->disk = calloc(n + 1, sizeof(*m->disk));
	if (!m->disk)
		return err_set(e, ENOMEM, "no memory");
	m->nr_disks = n;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = msg->data + 4 + PER_DISK * i;
		uint32_t how = ld_le32(p + 8);
		int r = 0;

		m->disk[i] = (struct migrate_disk){ .block = b[i], .how = how };
		if (how > COPY)
			return err_set(e, EPROTO, "disk %u: kind %u", i, how);
		if (ld_le64(p) != block_size(b[i]))
			return err_set(e, EINVAL, "disk %u has %llu bytes, here it has %llu", i,
				       (unsigned long long)ld_le64(p),
				       (unsigned long long)block_size(b[i]));
		if (how == DELTA && !block_is_temporary(b[i]))
			return err_set(e, EINVAL, "disk %u has snapshot=on at the source and not "
				       "here: its changes would go into the image", i);
		if (how != SHARED && block_readonly(b[i]))
			return err_set(e, EROFS, "disk %u is read-only here", i);
		if (how == COPY && block_is_inactive(b[i]))
			r = block_activate(b[i], e);
		if (!r && how == DELTA)
			r = block_delta_reset(b[i], e);
		if (r < 0)
			return err_prefix(e, "disk %u", i);
	}
	return 0;
}

/* The source, and its host, may end as soon as the guest runs here. */
int incoming_disks_flush(struct migration *m, struct err *e)
{
	for (unsigned i = 0; i < m->nr_disks; i++) {
		int r = m->disk[i].how == COPY ?
			block_rw(m->disk[i].block, BLOCK_FLUSH, 0, NULL, 0) : 0;

		if (r < 0)
			return err_errno(e, -r, "disk %u: flushing", i);
	}
	return 0;
}

int incoming_disk(struct migration *m, const struct wire_msg *msg, struct err *e)
{
	uint32_t i = ld_le32(msg->data), zero = ld_le32(msg->data + 4);
	uint64_t offset = ld_le64(msg->data + 8);
	uint32_t len = ld_le32(msg->data + 16);
	int r;

	if (i >= m->nr_disks || m->disk[i].how == SHARED)
		return err_set(e, EPROTO, "bytes of disk %u", i);
	if (zero > 1 || !len || len > PIECE || msg->len != DISK_HEAD + (zero ? 0 : len))
		return err_set(e, EPROTO, "disk %u: piece of %u bytes", i, len);
	/* offset and length in the disk: block_submit's check */
	r = block_rw(m->disk[i].block, zero ? BLOCK_WRITE_ZEROES : BLOCK_WRITE, offset,
		     zero ? NULL : msg->data + DISK_HEAD, len);
	m->disk_bytes += len;
	return r < 0 ? err_errno(e, -r, "disk %u: writing at 0x%llx", i,
				 (unsigned long long)offset) : 0;
}
