/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Post-copy at the source: the guest has stopped here, runs there as soon as its state is there,
 * and the pages that it lacks follow: those that it waits for first. Until MV_GO all of it is still
 * here, as without post-copy; after that a guest is in two halves, and a connection that breaks is
 * made again (MV_REJOIN) for as long as both processes live.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/move/migrate_int.h"

enum { REJOIN_S = 600, REJOIN_MS = 5000 };

struct post {
	struct migration *m;
	uint64_t *todo[MEM_MAX_BLOCKS];
	uint64_t left;
	unsigned block;			/* where pushing is */
	uint64_t page;
	bool going;
};

static struct mem *mem_of(struct post *p) { return &p->m->g->vm.machine->mem; }

static uint64_t nr_words(const struct mem_block *b)
{
	return ((b->size >> MEM_PAGE_BITS) + 63) / 64;
}

static int list(struct post *p, struct err *e)
{
	struct mem *mem = mem_of(p);

	for (unsigned i = 0; i < mem->nr; i++) {
		uint64_t page[64], from = 0;
		unsigned n;

		p->todo[i] = calloc(nr_words(&mem->block[i]), 8);
		if (!p->todo[i])
			return err_set(e, ENOMEM, "no memory");
		while ((n = mem_log_take(p->m->log, i, &from, page, 64)))
			for (unsigned j = 0; j < n; j++, p->left++)
				p->todo[i][page[j] / 64] |= BIT(page[j] % 64);
	}
	p->m->remaining = p->left;
	return 0;
}

static bool take_bit(struct post *p, unsigned block, uint64_t page)
{
	uint64_t *w = &p->todo[block][page / 64];

	if (!(*w & BIT(page % 64)))
		return false;
	*w &= ~BIT(page % 64);
	p->left--;
	return true;
}

/* The next few pages; also those behind one that was just wanted. */
static int push(struct post *p, struct err *e)
{
	struct mem *mem = mem_of(p);
	struct page_ref ref[PAGES_PER_CHUNK];
	unsigned n = 0;

	for (unsigned tries = 0; !n && tries <= mem->nr; tries++) {
		uint64_t pages = mem->block[p->block].size >> MEM_PAGE_BITS;

		while (n < PAGES_PER_CHUNK && p->page < pages) {
			if (!(p->page % 64) && !p->todo[p->block][p->page / 64]) {
				p->page += 64;
				continue;
			}
			if (take_bit(p, p->block, p->page))
				ref[n++] = (struct page_ref){ (uint16_t)p->block,
							      (uint32_t)p->page };
			p->page++;
		}
		if (p->page >= pages) {
			p->block = (p->block + 1) % mem->nr;
			p->page = 0;
		}
	}
	return n ? migrate_ram_send(p->m, 0, ref, n, e) : 0;
}

static int wanted(struct post *p, struct err *e)
{
	uint32_t block = ld_le32(p->m->msg.data), page = ld_le32(p->m->msg.data + 4);
	struct mem *mem = mem_of(p);
	struct page_ref ref = { (uint16_t)block, page };

	if (block >= mem->nr || page >= mem->block[block].size >> MEM_PAGE_BITS)
		return err_set(e, EPROTO, "a page that does not exist is wanted");
	if (!take_bit(p, block, page))
		return 0;
	p->block = block;
	p->page = page + 1;
	return migrate_ram_send(p->m, 0, &ref, 1, e);
}

static int message(struct post *p, struct err *e)
{
	struct migration *m = p->m;
	int r = wire_recv(m->chan[0], &m->msg, e);

	if (r < 0)
		return r;
	switch (m->msg.type) {
	case MV_WANT:
		return wanted(p, e);
	case MV_READY:
		migrate_phase(m, "ready");
		if (m->decided || !migrate_decide(m))
			return err_set(e, ECANCELED, "cancelled");
		migrate_phase(m, "decided");
		r = wire_send(m->chan[0], MV_GO, NULL, 0, e);
		migrate_phase(m, "go");
		return r;
	case MV_GOING:
		p->going = true;
		m->downtime_ms = (unsigned)((os_now_ns() - m->freeze_at) / 1000000);
		migrate_set_status(m, MIGRATE_POSTCOPY);
		migrate_phase(m, "going");
		return 0;
	case MV_ERROR:
		return wire_error(&m->msg, e);
	default:
		return err_set(e, EPROTO, "message %s out of order", wire_name(m->msg.type));
	}
}

static int serve(struct post *p, struct err *e)
{
	struct migration *m = p->m;
	int r = 0;

	while (!r && (p->left || !p->going)) {
		struct pollfd f[2] = { { .fd = chan_fd(m->chan[0]), .events = POLLIN },
				       { .fd = m->stop.fd, .events = POLLIN } };
		bool more = chan_pending(m->chan[0]);
		int n = poll(f, 2, more || p->left ? 0 : ACK_MS);

		if (atomic_load(&m->stop.set))
			return err_set(e, ECANCELED, "cancelled");
		if (more || f[0].revents)
			r = message(p, e);
		else if (p->left)
			r = push(p, e);
		else if (!n)
			r = err_set(e, ETIMEDOUT, "the destination is silent");
		/* half of a guest is here, and half there */
		if (p->going)
			migrate_phase(m, "postcopy");
	}
	if (!r)
		r = wire_send(m->chan[0], MV_ALL, NULL, 0, e);
	while (!r) {
		r = wire_recv(m->chan[0], &m->msg, e);
		if (!r && m->msg.type == MV_HAVE_ALL)
			break;
		if (!r && m->msg.type != MV_WANT && m->msg.type != MV_GOING)
			r = err_set(e, EPROTO, "message %s out of order", wire_name(m->msg.type));
	}
	return r;
}

/* ---- again ---- */

static int take_missing(struct post *p, const struct wire_msg *msg)
{
	uint32_t i = ld_le32(msg->data), first = ld_le32(msg->data + 4);
	uint64_t words = (msg->len - 8) / 8;

	if (i >= mem_of(p)->nr || first % 64 || msg->len % 8 ||
	    first / 64 + words > nr_words(&mem_of(p)->block[i]))
		return -EPROTO;
	for (uint64_t w = 0; w < words; w++) {
		uint64_t *bits = &p->todo[i][first / 64 + w], here;

		here = (mem_of(p)->block[i].size >> MEM_PAGE_BITS) - (first + w * 64);
		p->left -= (unsigned)__builtin_popcountll(*bits);
		*bits = ld_le64(msg->data + 8 + 8 * w);
		if (here < 64)		/* the last word: pages that there are */
			*bits &= BIT(here) - 1;
		p->left += (unsigned)__builtin_popcountll(*bits);
	}
	return 0;
}

/*
 * 0: connected again; 1: the destination has had all pages, and only its thanks were lost; -ENOENT:
 * it has given up before it ran; else not now.
 */
static int try_rejoin(struct post *p)
{
	struct migration *m = p->m;
	struct mem *mem = mem_of(p);
	struct err e = { 0 };
	struct chan *c = chan_connect(m->uri, &m->stop, &e);
	int r = c ? 0 : -EAGAIN;

	if (c)
		chan_patience(c, REJOIN_MS);
	if (!r)
		r = wire_send(c, MV_REJOIN, m->session, sizeof(m->session), &e);
	if (!r) {
		p->left = 0;
		for (unsigned i = 0; i < mem->nr; i++)
			memset(p->todo[i], 0, nr_words(&mem->block[i]) * 8);
	}
	while (!r) {
		r = wire_recv(c, &m->msg, &e);
		if (!r && m->msg.type == MV_OK)
			break;
		if (!r && m->msg.type == MV_RUNS) {
			chan_close(c);
			return 1;
		}
		if (!r && m->msg.type == MV_DEAD)
			r = -ENOENT;
		else if (!r)
			r = m->msg.type == MV_MISSING ? take_missing(p, &m->msg) : -EPROTO;
	}
	if (r < 0) {
		chan_close(c);
		return r;
	}
	chan_patience(c, ACK_MS);
	m->chan[0] = c;
	m->remaining = p->left;
	return 0;
}

static int rejoin(struct post *p)
{
	struct migration *m = p->m;
	uint64_t end = os_now_ns() + REJOIN_S * UINT64_C(1000000000);
	bool again = m->chan[0] && chan_again(m->chan[0]);

	chan_close(m->chan[0]);
	m->chan[0] = NULL;
	while (again && os_now_ns() < end && !atomic_load(&m->stop.set) &&
	       !atomic_load(&m->give_up)) {
		struct timespec nap = { .tv_nsec = 200000000 };
		int r = try_rejoin(p);

		if (r >= 0 || r == -ENOENT)
			return r;
		nanosleep(&nap, NULL);
	}
	return -ETIMEDOUT;
}

int migrate_post(struct migration *m, struct err *e)
{
	struct post p = { .m = m };
	struct mem *mem = mem_of(&p);
	int r = vm_dirty_collect(&m->g->vm, e);

	if (!r)
		r = list(&p, e);
	for (unsigned i = 0; !r && i < mem->nr; i++)
		r = wire_send_missing(m->chan[0], i, p.todo[i], nr_words(&mem->block[i]), e);
	if (!r)
		r = migrate_state(m, e);
	if (!r)
		r = serve(&p, e);
	while (r < 0 && m->decided && !atomic_load(&m->stop.set)) {
		log_warn("migration: %s; connecting again", e->msg);
		migrate_set_status(m, MIGRATE_POSTCOPY_PAUSED);
		r = rejoin(&p);
		if (r == -ENOENT) {
			migrate_undecide(m);
			err_set(e, EREMOTEIO, "the destination has given up");
			break;
		}
		if (r < 0) {
			migrate_lost(m);
			err_set(e, ETIMEDOUT, "the destination is lost, and with it the guest "
				"(cont with force goes on from where it left this side)");
			break;
		}
		migrate_set_status(m, MIGRATE_POSTCOPY);
		/* who gave up just now was too late; not for the next time (migrate_cont) */
		atomic_store(&m->give_up, false);
		*e = (struct err){ 0 };
		r = r ? 0 : serve(&p, e);
	}
	if (!r && m->chan[0]) {
		struct err ignored = { 0 };

		wire_send(m->chan[0], MV_BYE, NULL, 0, &ignored);
	}
	for (unsigned i = 0; i < MEM_MAX_BLOCKS; i++)
		free(p.todo[i]);
	return r;
}
