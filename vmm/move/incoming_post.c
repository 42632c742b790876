/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Post-copy at the destination. The source says which pages are still to come (MV_MISSING); these
 * are emptied here and registered with userfaultfd, so that whoever touches one waits. One thread
 * waits for both: a touch becomes MV_WANT, a chunk fills pages. It works from before the state is
 * loaded, since devices read their rings then.
 *
 * If the source is lost, whoever touches a missing page goes on waiting. The source connects again
 * (MV_REJOIN) and learns what is missing. Where it is dead the guest cannot be saved: nothing of it
 * may be written any more, so the process ends without letting a thread go on with empty pages.
 */
#include "vmm/move/incoming.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/char/char.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"

enum { REJOIN_MS = 5000 };

static struct mem *mem_of(struct migration *m)
{
	return &m->g->vm.machine->mem;
}

static uint64_t nr_words(const struct mem_block *b)
{
	return ((b->size >> MEM_PAGE_BITS) + 63) / 64;
}

static int prepare(struct incoming *in, struct err *e)
{
	struct mem *mem = mem_of(in->m);

	if (in->uffd >= 0)
		return 0;
	if (!(in->flags & HELLO_POSTCOPY) || !in->two_way)
		return err_set(e, EPROTO, "post-copy was not agreed on");
	in->uffd = os_uffd_new(e);
	if (in->uffd < 0)
		return err_prefix(e, "post-copy");
	/* all rounds are over; what is emptied now must not be filled by the kernel itself */
	incoming_join_streams(in->m);
	os_huge_pages(false);
	for (unsigned i = 0; i < mem->nr; i++) {
		in->missing[i] = calloc(nr_words(&mem->block[i]), 8);
		in->wanted[i] = calloc(nr_words(&mem->block[i]), 8);
		if (!in->missing[i] || !in->wanted[i])
			return err_set(e, ENOMEM, "no memory");
	}
	return 0;
}

/* What came of these pages before is old. */
static int empty_run(struct mem_block *b, uint64_t first, uint64_t n, struct err *e)
{
	int r = n ? os_discard(b->host + first * MEM_PAGE_SIZE, n * MEM_PAGE_SIZE, b->fd >= 0) : 0;

	return r < 0 ? err_errno(e, -r, "emptying pages") : 0;
}

int incoming_missing(struct migration *m, const struct wire_msg *msg, struct err *e)
{
	struct incoming *in = m->in;
	uint32_t first = ld_le32(msg->data + 4), words = (msg->len - 8) / 8;
	int i = page_block_here(m->packer[0], mem_of(m), ld_le32(msg->data)), r = prepare(in, e);
	struct mem_block *b;
	uint64_t from = 0, run = 0;

	if (r < 0)
		return r;
	if (i < 0 || first % 64 || msg->len % 8)
		return err_set(e, EPROTO, "missing pages of block %u", ld_le32(msg->data));
	b = &mem_of(m)->block[i];
	if (first / 64 > nr_words(b) || words > nr_words(b) - first / 64)
		return err_set(e, EPROTO, "missing pages beyond '%s'", b->name);
	for (uint64_t p = first; !r && p < first + words * UINT64_C(64); p++) {
		uint64_t w = ld_le64(msg->data + 8 + (p - first) / 64 * 8);

		if (!(w & BIT(p % 64)))
			continue;
		if (p >= b->size >> MEM_PAGE_BITS)
			return err_set(e, EPROTO, "missing pages beyond '%s'", b->name);
		in->nr_missing += !(in->missing[i][p / 64] & BIT(p % 64));
		in->missing[i][p / 64] |= BIT(p % 64);
		if (run && from + run != p) {
			r = empty_run(b, from, run, e);
			run = 0;
		}
		from = run ? from : p;
		run++;
	}
	return r < 0 ? r : empty_run(b, from, run, e);
}

/* ---- while it runs ---- */

static int send_want(struct migration *m, unsigned block, uint64_t page, struct err *e)
{
	uint8_t b[8];
	int r;

	st_le32(b, m->in->number[block]);
	st_le32(b + 4, (uint32_t)page);
	pthread_mutex_lock(&m->in->send_lock);
	r = wire_send(m->chan[0], MV_WANT, b, sizeof(b), e);
	pthread_mutex_unlock(&m->in->send_lock);
	return r;
}

static int send_type(struct migration *m, enum wire_type type, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&m->in->send_lock);
	if (m->chan[0])
		r = wire_send(m->chan[0], type, NULL, 0, e);
	pthread_mutex_unlock(&m->in->send_lock);
	return r;
}

static int block_of(struct mem *mem, const uint8_t *at, uint64_t *page)
{
	for (unsigned i = 0; i < mem->nr; i++)
		if (at >= mem->block[i].host && at < mem->block[i].host + mem->block[i].size) {
			*page = (uint64_t)(at - mem->block[i].host) >> MEM_PAGE_BITS;
			return (int)i;
		}
	return -1;
}

static void removed(struct incoming *in, const struct os_uffd_event *ev)
{
	for (size_t off = 0; off < ev->size; off += MEM_PAGE_SIZE) {
		uint64_t page;
		int i = block_of(mem_of(in->m), ev->at + off, &page);

		if (i < 0 || !(in->missing[i][page / 64] & BIT(page % 64)))
			continue;
		in->missing[i][page / 64] &= ~BIT(page % 64);
		in->nr_missing--;
		/* who waits for it looks again, and gets zeros */
		if (in->wanted[i][page / 64] & BIT(page % 64))
			os_uffd_wake(in->uffd, ev->at + off, MEM_PAGE_SIZE);
		in->wanted[i][page / 64] &= ~BIT(page % 64);
	}
}

/* What is touched: asked for once, or known to be zero. A lost connection is not its problem. */
static void fault(struct migration *m, uint8_t *at)
{
	struct incoming *in = m->in;
	struct os_uffd_event ev;
	struct err ignored = { 0 };
	uint64_t page;
	int i = block_of(mem_of(m), at, &page);

	if (i < 0)
		return;
	if (in->missing[i][page / 64] & BIT(page % 64)) {
		in->wanted[i][page / 64] |= BIT(page % 64);
		if (m->chan[0])
			send_want(m, (unsigned)i, page, &ignored);
		return;
	}
	while (os_uffd_fill(in->uffd, at, NULL, MEM_PAGE_SIZE) == -EAGAIN)
		/* a range that is given back stands in the way; a fault before it is asked again */
		if (!os_uffd_read(in->uffd, &ev))
			os_yield();
		else if (ev.kind == OS_UFFD_REMOVED)
			removed(in, &ev);
		else
			os_uffd_wake(in->uffd, ev.at, MEM_PAGE_SIZE);
}

static void faults(struct migration *m)
{
	struct os_uffd_event ev;

	while (os_uffd_read(m->in->uffd, &ev) == 1)
		if (ev.kind == OS_UFFD_REMOVED)
			removed(m->in, &ev);
		else
			fault(m, ev.at);
}

static int put_missing(void *opaque, struct page_ref at, const uint8_t *page)
{
	struct migration *m = opaque;
	struct incoming *in = m->in;
	uint8_t *p = mem_of(m)->block[at.block].host + (uint64_t)at.page * MEM_PAGE_SIZE;
	uint64_t *w = &in->missing[at.block][at.page / 64], bit = BIT(at.page % 64);
	int r;

	while (*w & bit) {
		r = os_uffd_fill(in->uffd, p, page, MEM_PAGE_SIZE);
		if (r == -EAGAIN) {
			faults(m);
			continue;
		}
		if (r < 0 && r != -EEXIST)
			return r;
		*w &= ~bit;
		in->wanted[at.block][at.page / 64] &= ~bit;
		in->nr_missing--;
		m->pages++;
	}
	return 0;
}

static int wait_both(struct migration *m)
{
	struct pollfd p[3] = { { .fd = m->in->uffd, .events = POLLIN },
			       { .fd = chan_fd(m->chan[0]), .events = POLLIN },
			       { .fd = m->stop.fd, .events = POLLIN } };

	/* a quiet source has been cut off, by a way that doesn't tell: it always has something */
	int r = poll(p, 3, chan_pending(m->chan[0]) ? 0 : ACK_MS);

	if (p[2].revents)
		return -ECANCELED;
	if (p[0].revents)
		faults(m);
	return r == 0 && !chan_pending(m->chan[0]) ? -ETIMEDOUT :
	       p[1].revents || chan_pending(m->chan[0]);
}

/* Not before it was told that all is ready. */
static bool take_go(struct incoming *in)
{
	bool go;

	pthread_mutex_lock(&in->lock);
	go = in->go = in->may_go;
	pthread_cond_broadcast(&in->cond);
	pthread_mutex_unlock(&in->lock);
	return go;
}

/* Until all is there (0), or something is wrong with the connection. */
static int receive(struct migration *m, struct err *e)
{
	struct incoming *in = m->in;
	struct wire_msg msg = { 0 };
	int r = 0;

	while (r >= 0) {
		r = wait_both(m);
		if (r < 0)
			err_errno(e, -r, "waiting for pages");
		if (r <= 0)
			continue;
		r = wire_recv(m->chan[0], &msg, e);
		if (r < 0)
			break;
		if (msg.type == MV_PAGES) {
			m->bytes += msg.len;
			r = page_unpack(m->packer[0], mem_of(m), msg.data, msg.len, put_missing, m,
					e);
		} else if (msg.type == MV_GO && take_go(in)) {
			continue;
		} else if (msg.type == MV_CANCEL) {
			r = wire_error(&msg, e);
		} else if (msg.type == MV_ALL && !in->nr_missing) {
			break;
		} else {
			r = err_set(e, EPROTO, "message %s out of order", wire_name(msg.type));
		}
		m->remaining = in->nr_missing;
	}
	wire_msg_free(&msg);
	return r < 0 ? r : 0;
}

static int send_missing(struct migration *m, struct chan *c, struct err *e)
{
	struct mem *mem = mem_of(m);
	int r = 0;

	for (unsigned i = 0; !r && i < mem->nr; i++)
		r = wire_send_missing(c, m->in->number[i], m->in->missing[i],
				      nr_words(&mem->block[i]), e);
	return r < 0 ? r : wire_send(c, MV_OK, NULL, 0, e);
}

static void ask_again(struct migration *m)
{
	struct mem *mem = mem_of(m);
	struct err ignored = { 0 };

	for (unsigned i = 0; i < mem->nr; i++)
		for (uint64_t p = 0; p < nr_words(&mem->block[i]) * 64; p++)
			if (m->in->wanted[i][p / 64] & BIT(p % 64))
				send_want(m, i, p, &ignored);
}

/* Waits for the source's return; faults are noted meanwhile. 0, or -ECANCELED at the end. */
static int rejoin(struct migration *m)
{
	struct incoming *in = m->in;
	struct wire_msg msg = { 0 };
	int r = -1;

	pthread_mutex_lock(&in->send_lock);
	chan_close(m->chan[0]);
	m->chan[0] = NULL;
	pthread_mutex_unlock(&in->send_lock);
	if (!chan_listener_again(in->listener))
		log_error("migration: there is no way for the source to come back");
	while (r && !atomic_load(&m->stop.set)) {
		struct err e = { 0 };
		struct chan *c = NULL;

		faults(m);
		if (chan_listener_again(in->listener))
			c = chan_accept(in->listener, &m->stop, 100, &e);
		else
			os_nap();
		if (!c)
			continue;
		chan_patience(c, REJOIN_MS);
		r = wire_recv(c, &msg, &e);
		if (!r && ((msg.type != MV_REJOIN && msg.type != MV_QUERY) ||
			   memcmp(msg.data, m->session, 16)))
			r = -EPROTO;
		if (!r && msg.type == MV_QUERY) {
			wire_send(c, MV_RUNS, NULL, 0, &e);
			r = -EAGAIN;
		}
		if (!r)
			r = send_missing(m, c, &e);
		if (r < 0) {
			chan_close(c);
			continue;
		}
		chan_patience(c, ACK_MS);
		pthread_mutex_lock(&in->send_lock);
		m->chan[0] = c;
		pthread_mutex_unlock(&in->send_lock);
		ask_again(m);
		send_type(m, MV_GOING, &e);
	}
	wire_msg_free(&msg);
	return r ? -ECANCELED : 0;
}

/* Closed, too: who gives pages back waits until it is read from, or gone. */
static void unregister(struct incoming *in)
{
	struct mem *mem = mem_of(in->m);

	for (unsigned i = 0; i < mem->nr; i++)
		os_uffd_remove(in->uffd, mem->block[i].host, mem->block[i].size);
	close(in->uffd);
	in->uffd = -1;
}

static void *post_thread(void *opaque)
{
	struct migration *m = opaque;
	struct incoming *in = m->in;
	struct err e = { 0 };
	int r;

	os_thread_name("postcopy");
	/* with nothing missing only the thanks are, which the source may ask for */
	while ((r = receive(m, &e)) < 0 && in->go && in->nr_missing &&
	       !atomic_load(&m->stop.set)) {
		log_warn("migration: %s; the guest waits for %llu pages that the source still has",
			 e.msg, (unsigned long long)in->nr_missing);
		migrate_set_status(m, MIGRATE_POSTCOPY_PAUSED);
		if (rejoin(m) < 0)
			break;
		log_info("migration: the source is back");
		migrate_set_status(m, MIGRATE_POSTCOPY);
		e = (struct err){ 0 };
	}
	/* it was not to run yet: who loads its state may go on, and fail */
	if (r < 0 && !in->go)
		unregister(in);
	pthread_mutex_lock(&in->lock);
	in->post_ret = r;
	in->post_done = true;
	if (r < 0)
		in->why = e;
	pthread_cond_broadcast(&in->cond);
	pthread_mutex_unlock(&in->lock);
	return NULL;
}

int incoming_post_start(struct migration *m, struct err *e)
{
	struct mem *mem = mem_of(m);
	struct incoming *in = m->in;
	int r = 0;

	for (unsigned i = 0; !r && i < mem->nr; i++)
		r = os_uffd_add(in->uffd, mem->block[i].host, mem->block[i].size, e);
	/* (pages that userfaultfd is asked for are no hole to be closed) */
	os_huge_pages(true);
	/* what the source calls the blocks */
	for (unsigned n = 0; n < MEM_MAX_BLOCKS; n++) {
		int i = page_block_here(m->packer[0], mem, n);

		if (i >= 0)
			in->number[i] = n;
	}
	if (!r)
		r = -pthread_create(&in->post, NULL, post_thread, m);
	in->post_up = !r;
	return r < 0 && !e->code ? err_errno(e, -r, "thread") : r;
}

int incoming_post_ready(struct migration *m, struct err *e)
{
	struct incoming *in = m->in;
	int r;

	pthread_mutex_lock(&in->lock);
	in->may_go = true;
	pthread_mutex_unlock(&in->lock);
	r = send_type(m, MV_READY, e);
	if (!r)
		return 0;
	pthread_mutex_lock(&in->lock);
	/* its answer is here, so it has arrived */
	if (in->go)
		r = 0;
	else
		in->may_go = false;
	pthread_mutex_unlock(&in->lock);
	return r;
}

int incoming_post_go(struct migration *m, struct err *e)
{
	struct incoming *in = m->in;
	int r = 0;

	pthread_mutex_lock(&in->lock);
	while (!in->go && !in->post_done)
		pthread_cond_wait(&in->cond, &in->lock);
	if (!in->go) {
		*e = in->why;
		r = -e->code;
	}
	pthread_mutex_unlock(&in->lock);
	return r;
}

void incoming_post_stop(struct migration *m)
{
	if (m->in->post_up) {
		chan_end_reading(m->chan[0]);
		pthread_join(m->in->post, NULL);
		m->in->post_up = false;
	}
}

int incoming_post(struct migration *m, struct err *e)
{
	struct incoming *in = m->in;

	migrate_set_status(m, MIGRATE_POSTCOPY);
	/* a lost one is found out by the other thread; the source asks again */
	send_type(m, MV_GOING, e);
	pthread_join(in->post, NULL);
	in->post_up = false;
	if (in->nr_missing) {
		/* ambi ends with pages missing; see above */
		log_error("migration: the guest is lost: %llu of its pages never arrived",
			  (unsigned long long)in->nr_missing);
		chardev_restore_terminal();
		_exit(EXIT_ENGINE);
	}
	unregister(in);
	migrate_phase(m, "whole");
	if (m->chan[0])
		wire_send(m->chan[0], MV_HAVE_ALL, NULL, 0, e);
	return 0;
}

void incoming_post_end(struct incoming *in)
{
	if (in->post_up) {
		chan_stop_set(&in->m->stop);
		pthread_join(in->post, NULL);
		in->post_up = false;
	}
}

void incoming_post_free(struct incoming *in)
{
	incoming_post_end(in);
	if (in->uffd >= 0)
		unregister(in);
	for (unsigned i = 0; i < MEM_MAX_BLOCKS; i++) {
		free(in->missing[i]);
		free(in->wanted[i]);
	}
}
