/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destination's side, on a thread of its own; the guest is built and frozen meanwhile. It
 * runs on MV_GO and never without: a connection that breaks before makes this side end, and say so
 * to a source that asks (MV_QUERY).
 */
#include "vmm/move/incoming.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/api/api.h"

enum { FIRST_MS = 10000, BYE_MS = 5000, LINGER_MS = 30000, ASKED_MS = 2000 };

int incoming_new(struct migration *m, struct err *e)
{
	struct incoming *in = calloc(1, sizeof(*in));

	if (!in)
		return err_set(e, ENOMEM, "no memory");
	in->m = m;
	pthread_mutex_init(&in->lock, NULL);
	pthread_mutex_init(&in->send_lock, NULL);
	pthread_cond_init(&in->cond, NULL);
	in->uffd = -1;
	in->listener = chan_listen(m->uri, e);
	m->in = in;
	m->frozen = true;
	if (!in->listener) {
		incoming_free(m);
		return -e->code;
	}
	return 0;
}

void incoming_free(struct migration *m)
{
	struct incoming *in = m->in;

	if (!in)
		return;
	chan_listener_free(in->listener);
	incoming_post_free(in);
	pthread_cond_destroy(&in->cond);
	pthread_mutex_destroy(&in->send_lock);
	pthread_mutex_destroy(&in->lock);
	free(in);
	m->in = NULL;
}

/* ---- pages ---- */

/* The guest doesn't run, so nobody has translated from the page or looks at it. */
static int put_page(void *opaque, struct page_ref at, const uint8_t *page)
{
	struct migration *m = opaque;
	struct mem_block *b = &m->g->vm.machine->mem.block[at.block];
	uint8_t *p = b->host + (uint64_t)at.page * MEM_PAGE_SIZE;

	/* memory that was never touched stays that */
	if (page)
		memcpy(p, page, MEM_PAGE_SIZE);
	else if (!page_is_zero(p))
		memset(p, 0, MEM_PAGE_SIZE);
	m->pages++;
	m->zero_pages += !page;
	return 0;
}

static int take_pages(struct migration *m, unsigned stream, const struct wire_msg *msg,
		      struct err *e)
{
	m->bytes += msg->len;
	return page_unpack(m->packer[stream], &m->g->vm.machine->mem, msg->data, msg->len,
			   put_page, m, e);
}

/* ---- streams ---- */

static void stream_failed(struct incoming *in, const struct err *e)
{
	pthread_mutex_lock(&in->lock);
	if (!in->failed)
		in->why = *e;
	in->failed = true;
	pthread_cond_broadcast(&in->cond);
	pthread_mutex_unlock(&in->lock);
	/* wakes the first stream's thread, which still can say why */
	chan_end_reading(in->m->chan[0]);
}

/* All streams meet at the end of a round. */
static int meet(struct incoming *in, unsigned stream, const struct wire_msg *msg, struct err *e)
{
	uint32_t n = ld_le32(msg->data);
	int r = 0;

	pthread_mutex_lock(&in->lock);
	if (n != in->round + 1) {
		r = err_set(e, EPROTO, "round %u after %u", n, in->round);
	} else if (stream) {
		in->arrived++;
		pthread_cond_broadcast(&in->cond);
		while (!in->failed && !atomic_load(&in->streams_end) && in->round < n)
			pthread_cond_wait(&in->cond, &in->lock);
		if (in->round < n)
			r = err_set(e, ECANCELED, "the streams end");
	} else {
		while (!in->failed && in->arrived < in->m->streams - 1)
			pthread_cond_wait(&in->cond, &in->lock);
		in->arrived = 0;
		in->round = n;
		pthread_cond_broadcast(&in->cond);
	}
	if (in->failed) {
		*e = in->why;
		r = -e->code;
	}
	pthread_mutex_unlock(&in->lock);
	return r;
}

static void *stream_thread(void *opaque)
{
	struct stream *s = opaque;
	struct migration *m = s->in->m;
	struct wire_msg msg = { 0 };
	struct err e = { 0 };
	int r = 0;

	while (!r) {
		r = wire_recv(m->chan[s->number], &msg, &e);
		if (r == -EPIPE && atomic_load(&s->in->streams_end))
			break;
		if (r < 0)
			break;
		if (msg.type == MV_PAGES)
			r = take_pages(m, s->number, &msg, &e);
		else if (msg.type == MV_ROUND)
			r = meet(s->in, s->number, &msg, &e);
		else
			r = err_set(&e, EPROTO, "message %s on stream %u", wire_name(msg.type),
				    s->number);
	}
	if (r < 0 && !atomic_load(&s->in->streams_end)) {
		err_prefix(&e, "stream %u", s->number);
		stream_failed(s->in, &e);
	}
	wire_msg_free(&msg);
	return NULL;
}

void incoming_join_streams(struct migration *m)
{
	struct incoming *in = m->in;

	pthread_mutex_lock(&in->lock);
	atomic_store(&in->streams_end, true);
	/* one may be at the end of a round that the first one never reached */
	pthread_cond_broadcast(&in->cond);
	pthread_mutex_unlock(&in->lock);
	for (unsigned i = 1; i < WIRE_MAX_STREAMS; i++) {
		if (m->chan[i])
			chan_shutdown(m->chan[i]);
		if (in->stream[i].up)
			pthread_join(in->stream[i].thread, NULL);
		in->stream[i].up = false;
		chan_close(m->chan[i]);
		m->chan[i] = NULL;
	}
}

static int accept_stream(struct migration *m, struct err *e)
{
	struct incoming *in = m->in;
	struct chan *c = chan_accept(in->listener, &m->stop, FIRST_MS, e);
	unsigned i;
	int r;

	if (!c)
		return -e->code;
	chan_patience(c, FIRST_MS);
	r = wire_expect(c, &m->msg, MV_STREAM, e);
	i = r ? 0 : ld_le16(m->msg.data + 16);
	if (!r && (memcmp(m->msg.data, m->session, 16) || !i || i >= m->streams || m->chan[i]))
		r = err_set(e, EPROTO, "a stream of another migration");
	if (!r)
		r = wire_send(c, MV_OK, NULL, 0, e);
	if (r < 0) {
		chan_close(c);
		return r;
	}
	/* disks go by the first stream, for hours perhaps; its end is this one's */
	chan_patience(c, 0);
	m->chan[i] = c;
	return 0;
}

static int start_streams(struct migration *m, struct err *e)
{
	struct incoming *in = m->in;

	for (unsigned i = 0; i < m->streams; i++) {
		m->packer[i] = page_packer_new(-1, e);
		if (!m->packer[i] ||
		    page_blocks_load(m->packer[i], &m->g->vm.machine->mem, m->msg.data, m->msg.len,
				     e) < 0)
			return -e->code;
	}
	for (unsigned i = 1; i < m->streams; i++) {
		int r;

		in->stream[i] = (struct stream){ .in = in, .number = i };
		r = pthread_create(&in->stream[i].thread, NULL, stream_thread, &in->stream[i]);
		if (r)
			return err_errno(e, r, "thread");
		in->stream[i].up = true;
	}
	return 0;
}

/* ---- the first stream ---- */

static int answer(struct migration *m, enum wire_type type, struct err *e)
{
	return m->in->two_way ? wire_send(m->chan[0], type, NULL, 0, e) : 0;
}

static int take_hello(struct migration *m, struct chan *c, struct err *e)
{
	struct wire_hello h;
	int r = wire_expect(c, &m->msg, MV_HELLO, e);

	if (!r)
		r = wire_hello_get(&h, &m->msg, e);
	if (r < 0)
		return r;
	if (!!(h.flags & HELLO_ONE_WAY) == chan_two_way(c))
		return err_set(e, EPROTO, "%s", chan_two_way(c) ?
			       "a stream that was made for a file comes by a connection" :
			       "this stream was cut from a connection and wants answers");
	if (h.streams > 1 && !chan_listener_again(m->in->listener))
		return err_set(e, EINVAL, "several streams need unix: or tcp:");
	m->in->two_way = chan_two_way(c);
	m->in->flags = h.flags;
	m->streams = h.streams;
	memcpy(m->session, h.session, sizeof(m->session));
	return 0;
}

/* Waits for a source; who speaks something else is sent away and does no harm. */
static int accept_source(struct migration *m, struct err *e)
{
	struct incoming *in = m->in;
	bool again = chan_listener_again(in->listener);

	for (;;) {
		struct chan *c = chan_accept(in->listener, &m->stop, 0, e);
		int r = c ? 0 : -e->code;

		if (!r) {
			chan_patience(c, FIRST_MS);
			r = take_hello(m, c, e);
		}
		if (!r) {
			chan_patience(c, ACK_MS);
			m->chan[0] = c;
			return answer(m, MV_OK, e);
		}
		if (c && chan_two_way(c) && r != -EPIPE) {
			struct err ignored = { 0 };

			chan_patience(c, ASKED_MS);
			wire_send_text(c, MV_ERROR, e->msg, &ignored);
		}
		chan_close(c);
		if (!again || r == -ECANCELED || atomic_load(&m->stop.set))
			return r;
		log_warn("migration: a connection: %s", e->msg);
		*e = (struct err){ 0 };
	}
}

static int check(struct migration *m, struct err *e)
{
	return guest_state_check(m->g, m->msg.data, m->msg.len, e);
}

static int keep_state(struct migration *m, struct err *e)
{
	uint8_t *p = malloc(m->msg.len);

	if (!p)
		return err_set(e, ENOMEM, "no memory");
	memcpy(p, m->msg.data, m->msg.len);
	free(m->state.data);
	m->state = (struct state_buf){ .data = p, .len = m->msg.len, .cap = m->msg.len };
	return 0;
}

static int take_round(struct migration *m, struct err *e)
{
	uint8_t n[4];
	int r = meet(m->in, 0, &m->msg, e);

	memcpy(n, m->msg.data, 4);
	m->rounds++;
	migrate_phase(m, "round");
	return r < 0 || !m->in->two_way ? r : wire_send(m->chan[0], MV_ROUND_OK, n, 4, e);
}

/* MV_END: was everything there? */
static int take_end(struct migration *m, struct err *e)
{
	if (ld_le64(m->msg.data) != m->pages || ld_le64(m->msg.data + 8) != m->disk_bytes)
		return err_set(e, EPROTO, "the source has sent %llu pages, %llu have arrived",
			       (unsigned long long)ld_le64(m->msg.data),
			       (unsigned long long)m->pages);
	m->ran = ld_le32(m->msg.data + 16);
	return 0;
}

enum have { HAVE_BLOCKS = 1, HAVE_CHECK = 2, HAVE_DISKS = 4, HAVE_MISSING = 8, HAVE_STATE = 16 };

/* One message; 1: it was the last one. */
static int take(struct migration *m, unsigned *have, struct err *e)
{
	static const struct { enum wire_type type; unsigned need, not; } order[] = {
		{ MV_BLOCKS, 0, HAVE_BLOCKS }, { MV_CHECK, HAVE_BLOCKS, HAVE_CHECK },
		{ MV_DISKS, HAVE_CHECK, HAVE_DISKS }, { MV_DISK, HAVE_DISKS, HAVE_STATE },
		{ MV_PAGES, HAVE_DISKS, HAVE_MISSING | HAVE_STATE },
		{ MV_ROUND, HAVE_DISKS, HAVE_MISSING | HAVE_STATE },
		{ MV_MISSING, HAVE_DISKS, HAVE_STATE }, { MV_STATE, HAVE_DISKS, HAVE_STATE },
		{ MV_END, HAVE_STATE, 0 },
	};
	const struct wire_msg *msg = &m->msg;
	int r = wire_recv(m->chan[0], &m->msg, e);
	size_t i = 0;

	if (r < 0)
		return r;
	if (msg->type == MV_CANCEL)
		return wire_error(msg, e);
	while (i < ARRAY_SIZE(order) && order[i].type != msg->type)
		i++;
	if (i == ARRAY_SIZE(order) || (*have & order[i].need) != order[i].need ||
	    *have & order[i].not)
		return err_set(e, EPROTO, "message %s out of order", wire_name(msg->type));
	switch (msg->type) {
	case MV_BLOCKS:
		*have |= HAVE_BLOCKS;
		return start_streams(m, e);
	case MV_CHECK:
		*have |= HAVE_CHECK;
		r = migrate_on_main(m, check, e);
		migrate_phase(m, "check");
		migrate_set_status(m, MIGRATE_ACTIVE);
		return r < 0 ? r : answer(m, MV_OK, e);
	case MV_DISKS:
		*have |= HAVE_DISKS;
		r = incoming_disks(m, msg, e);
		return r < 0 ? r : answer(m, MV_OK, e);
	case MV_DISK:
		return incoming_disk(m, msg, e);
	case MV_PAGES:
		return take_pages(m, 0, msg, e);
	case MV_ROUND:
		return take_round(m, e);
	case MV_MISSING:
		*have |= HAVE_MISSING;
		return incoming_missing(m, msg, e);
	case MV_STATE:
		*have |= HAVE_STATE;
		migrate_phase(m, "state");
		return keep_state(m, e);
	default:
		r = take_end(m, e);
		return r < 0 ? r : 1;
	}
}

static int load_state(struct migration *m, struct err *e)
{
	/* hours may lie between a file's two sides, which the guest did not live through */
	return guest_state_load(m->g, m->state.data, m->state.len,
				m->in->two_way ? CLOCK_ADVANCE : CLOCK_CONTINUE, e);
}

static int let_go(struct migration *m, struct err *e)
{
	m->frozen = false;
	guest_thaw(m->g, true, m->ran && !m->g->stopped_by_user);
	if (guest_is_running(m->g))
		api_event(m->g, "RESUME", NULL);
	return 0;
}

/* ---- a source that asks ---- */

static void answer_queries(struct migration *m, enum wire_type what, unsigned ms)
{
	uint64_t end = os_now_ns() + ms * UINT64_C(1000000), now;
	bool told = false;

	if (!chan_listener_again(m->in->listener))
		return;
	while (!told && (now = os_now_ns()) < end) {
		struct err e = { 0 };
		struct chan *c = chan_accept(m->in->listener, &m->stop,
					     (unsigned)((end - now) / 1000000) + 1, &e);

		if (!c && (atomic_load(&m->stop.set) || e.code == ETIMEDOUT))
			return;
		if (!c)
			continue;
		chan_patience(c, ASKED_MS);
		if (!wire_recv(c, &m->msg, &e) &&
		    (m->msg.type == MV_QUERY || m->msg.type == MV_REJOIN) &&
		    !memcmp(m->msg.data, m->session, 16) && !wire_send(c, what, NULL, 0, &e))
			/* it closes when it has read the answer */
			told = chan_read(c, &now, 1, &e) == -EPIPE;
		chan_close(c);
	}
}

/*
 * A stream for storage is whole only when it ends: a pipe's other end is still open while the
 * source has not decided.
 */
static int nothing_behind(struct migration *m, struct err *e)
{
	struct err end = { 0 };
	uint8_t more;
	int r = chan_read(m->chan[0], &more, 1, &end);

	if (r == -EPIPE)
		return 0;
	return r < 0 ? err_set(e, -r, "%s", end.msg) : err_set(e, EPROTO, "bytes behind the end");
}

static int fetch(struct migration *m, struct err *e)
{
	unsigned have = 0;
	bool post;
	int r = accept_source(m, e);

	migrate_phase(m, "hello");
	for (unsigned i = 1; !r && i < m->streams; i++)
		r = accept_stream(m, e);
	while (!r)
		r = take(m, &have, e);
	if (r == 1)
		r = 0;
	if (r < 0)
		return r;
	post = m->in->uffd >= 0;
	incoming_join_streams(m);
	migrate_set_status(m, MIGRATE_DEVICE);
	migrate_phase(m, "end");
	if (post)
		r = incoming_post_start(m, e);
	if (!r)
		r = migrate_on_main(m, load_state, e);
	migrate_phase(m, "loaded");
	if (!r)
		r = migrate_disks_take(m, TAKE_MS, e);
	m->in->took_disks = !r;
	if (!r)
		r = incoming_disks_flush(m, e);
	if (!r)
		r = post ? incoming_post_ready(m, e) : answer(m, MV_READY, e);
	m->in->ready = !r;
	migrate_phase(m, "ready");
	if (r < 0)
		return r;
	r = post ? incoming_post_go(m, e) : wire_expect(m->chan[0], &m->msg, MV_GO, e);
	return r < 0 || m->in->two_way ? r : nothing_behind(m, e);
}

static int fail_guest(struct migration *m, struct err *e)
{
	log_error("migration: %s", e->msg);
	guest_shutdown(m->g, EXIT_USAGE, "host-error");
	return 0;
}

static void failed(struct migration *m, struct err *e)
{
	struct err ignored = { 0 }, own;

	incoming_post_stop(m);
	pthread_mutex_lock(&m->in->lock);
	if (m->in->failed)
		*e = m->in->why;
	pthread_mutex_unlock(&m->in->lock);
	if (m->chan[0] && m->in->two_way && !atomic_load(&m->stop.set)) {
		chan_patience(m->chan[0], ASKED_MS);
		wire_send_text(m->chan[0], MV_ERROR, e->msg, &ignored);
	}
	/* their threads use the first stream until they end */
	incoming_join_streams(m);
	chan_close(m->chan[0]);
	m->chan[0] = NULL;
	if (m->in->took_disks)
		migrate_disks_give(m, &ignored);
	own = *e;
	migrate_fail(m, e);
	if (m->in->ready)
		answer_queries(m, MV_DEAD, LINGER_MS);
	migrate_on_main(m, fail_guest, &own);
}

void *migrate_destination(void *opaque)
{
	struct migration *m = opaque;
	struct err e = { 0 };
	int r;

	os_thread_name("incoming");
	r = fetch(m, &e);
	if (r < 0) {
		failed(m, &e);
	} else {
		migrate_phase(m, "go");
		r = migrate_on_main(m, let_go, &e);
		if (!r && m->in->uffd >= 0)
			r = incoming_post(m, &e);
		else if (!r)
			answer(m, MV_GOING, &e);
		migrate_phase(m, "going");
		if (!r)
			migrate_set_status(m, MIGRATE_COMPLETED);
		/* (no channel: the last pages were given back while the source was away) */
		if (!r && m->chan[0])
			chan_patience(m->chan[0], BYE_MS);
		if (!r && m->in->two_way &&
		    (!m->chan[0] || wire_expect(m->chan[0], &m->msg, MV_BYE, &e) < 0))
			answer_queries(m, MV_RUNS, LINGER_MS);
	}
	incoming_post_end(m->in);
	chan_close(m->chan[0]);
	m->chan[0] = NULL;
	migrate_disks_end(m);
	incoming_free(m);
	pthread_mutex_lock(&m->lock);
	m->thread_done = true;
	pthread_mutex_unlock(&m->lock);
	return NULL;
}
