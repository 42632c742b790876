/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's side, on a thread of its own. docs/moves.md, "Migration", has the phases and who
 * runs when one of them fails; the point is `decided`: before it whatever happens makes the guest
 * go on here; after it the guest never runs here again by itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/char/char.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/api/api.h"
#include "vmm/move/migrate_int.h"

enum { QUERY_MS = 15000, REASON_MS = 2000, FLUSH_MS = 100, THROTTLE_FIRST = 20, THROTTLE_STEP = 10,
       THROTTLE_MAX = 99 };

/* ---- connecting ---- */

static int hello(struct migration *m, struct err *e)
{
	struct wire_hello h = { .version = WIRE_VERSION, .streams = m->streams };
	uint8_t b[WIRE_HELLO];
	int r;

	memcpy(h.session, m->session, sizeof(h.session));
	if (!chan_two_way(m->chan[0]))
		h.flags |= HELLO_ONE_WAY;
	if (m->par.postcopy)
		h.flags |= HELLO_POSTCOPY;
	if (m->par.blocks)
		h.flags |= HELLO_BLOCKS;
	wire_hello_put(&h, b);
	r = wire_send(m->chan[0], MV_HELLO, b, sizeof(b), e);
	return r < 0 || !chan_two_way(m->chan[0]) ? r : wire_expect(m->chan[0], &m->msg, MV_OK, e);
}

static int more_streams(struct migration *m, struct err *e)
{
	uint8_t b[18];
	int r = 0;

	memcpy(b, m->session, 16);
	for (unsigned i = 1; !r && i < m->streams; i++) {
		m->chan[i] = chan_connect(m->uri, &m->stop, e);
		if (!m->chan[i])
			return -e->code;
		st_le16(b + 16, (uint16_t)i);
		r = wire_send(m->chan[i], MV_STREAM, b, sizeof(b), e);
		if (!r)
			r = wire_expect(m->chan[i], &m->msg, MV_OK, e);
	}
	return r;
}

static int open_all(struct migration *m, struct err *e)
{
	int r;

	m->streams = 1;
	m->chan[0] = chan_connect(m->uri, &m->stop, e);
	if (!m->chan[0])
		return -e->code;
	if (m->par.postcopy && !chan_two_way(m->chan[0]))
		return err_set(e, EINVAL, "post-copy needs unix:, tcp: or another way back");
	if (m->par.streams > 1 && !chan_again(m->chan[0]))
		return err_set(e, EINVAL, "several streams need unix: or tcp:");
	m->streams = m->par.streams;
	r = hello(m, e);
	if (!r)
		r = more_streams(m, e);
	/* what comes now is work for the other side */
	chan_patience(m->chan[0], ACK_MS);
	return r;
}

/* ---- will it run there? ---- */

static int save_state(struct migration *m, struct err *e)
{
	m->state.len = 0;
	m->runs = m->ran && !m->g->stopped_by_user;
	return guest_state_save(m->g, &m->state, e);
}

/* Main thread, frozen; it goes on at once. */
static int look_at_guest(struct migration *m, struct err *e)
{
	int r = save_state(m, e);

	if (!r)
		r = migrate_disks_start(m, e);
	m->frozen = false;
	guest_thaw(m->g, false, m->ran && !m->g->stopped_by_user);
	return r;
}

static int check_there(struct migration *m, struct err *e)
{
	size_t len;
	uint8_t *blocks = page_blocks_save(&m->g->vm.machine->mem, &len, e);
	int r = blocks ? wire_send(m->chan[0], MV_BLOCKS, blocks, len, e) : -e->code;

	free(blocks);
	if (!r)
		r = migrate_freeze_wait(m, e);
	if (!r)
		r = migrate_on_main(m, look_at_guest, e);
	if (!r)
		r = wire_send(m->chan[0], MV_CHECK, m->state.data, m->state.len, e);
	if (!r && chan_two_way(m->chan[0]))
		r = wire_expect(m->chan[0], &m->msg, MV_OK, e);
	return r;
}

/* ---- while it runs ---- */

struct pace {
	pthread_t thread;
	bool up;
	_Atomic bool end;
	struct migration *m;
};

/* Slots of 20 ms, of which the CPUs stand still for the share that throttle says. */
static void *throttle(void *opaque)
{
	struct pace *p = opaque;
	struct migration *m = p->m;

	while (!atomic_load(&p->end)) {
		unsigned share = atomic_load(&m->throttle);
		struct timespec hold = { .tv_nsec = share * 200000l };
		struct timespec go = { .tv_nsec = (100 - share) * 200000l };

		if (share) {
			guest_throttle(m->g, true);
			nanosleep(&hold, NULL);
			guest_throttle(m->g, false);
		}
		nanosleep(&go, NULL);
	}
	return NULL;
}

/* After a round of `sent` bytes that left `dirty` ones: is the guest too fast? */
static void converge(struct migration *m, struct pace *p, uint64_t sent, uint64_t dirty)
{
	unsigned t = atomic_load(&m->throttle);

	if (!m->par.auto_converge || dirty < sent / 2)
		return;
	atomic_store(&m->throttle, t ? MIN(t + THROTTLE_STEP, THROTTLE_MAX) : THROTTLE_FIRST);
	p->m = m;
	if (!p->up)
		p->up = !pthread_create(&p->thread, NULL, throttle, p);
}

static void pace_end(struct pace *p)
{
	atomic_store(&p->end, true);
	if (p->up)
		pthread_join(p->thread, NULL);
	p->up = false;
}

static unsigned downtime_limit(struct migration *m)
{
	unsigned ms;

	pthread_mutex_lock(&m->lock);
	ms = m->par.downtime_ms;
	pthread_mutex_unlock(&m->lock);
	return ms;
}

static bool postcopy_now(struct migration *m)
{
	return m->par.postcopy && (atomic_load(&m->want_postcopy) ||
				   (m->par.postcopy_rounds && m->round >= m->par.postcopy_rounds));
}

/* Rounds until what is left can be sent in the time that the guest may stand still. */
static int live(struct migration *m, struct pace *p, struct err *e)
{
	int r = 0;

	while (!r) {
		uint64_t t0 = os_now_ns(), sent = m->bytes, dirty, disk, ns, rate, limit;

		r = vm_dirty_collect(&m->g->vm, e);
		if (!r)
			r = migrate_ram_round(m, e);
		if (!r)
			r = migrate_disks_round(m, e);
		migrate_phase(m, "round");
		if (!r)
			r = vm_dirty_collect(&m->g->vm, e);
		if (r < 0)
			break;
		ns = MAX(os_now_ns() - t0, UINT64_C(1000));
		sent = m->bytes - sent;
		rate = (uint64_t)((unsigned __int128)sent * 1000000000 / ns);
		/* a round of next to nothing says nothing of the way's speed */
		if (sent > 1 << 20 || !m->bandwidth)
			m->bandwidth = MAX(rate, UINT64_C(1));
		dirty = mem_log_count(m->log);
		disk = migrate_disks_dirty(m);
		m->remaining = dirty;
		m->dirty_rate = (uint64_t)((unsigned __int128)dirty * 1000000000 / ns);
		rate = m->bandwidth;
		limit = m->limit.rate;		/* once: it may be lifted meanwhile */
		if (limit && rate > limit)
			rate = limit;
		m->expected_ms = (unsigned)MIN((dirty * MEM_PAGE_SIZE + disk) * 1000 / rate,
					       (uint64_t)UINT32_MAX);
		if (m->expected_ms <= downtime_limit(m) || postcopy_now(m))
			return 0;
		converge(m, p, sent, dirty * MEM_PAGE_SIZE + disk);
	}
	return r;
}

/* ---- the end ---- */

static int go_on(struct migration *m, struct err *e)
{
	m->frozen = false;
	guest_thaw(m->g, false, m->ran && !m->g->stopped_by_user);
	if (guest_is_running(m->g))
		api_event(m->g, "RESUME", NULL);
	return 0;
}

/* Something failed before the decision: the guest goes on here. */
static void back(struct migration *m)
{
	struct err e = { 0 };

	for (unsigned i = 0; i < m->streams; i++) {
		/* the other side ends, and lets go of the disks */
		chan_close(m->chan[i]);
		m->chan[i] = NULL;
	}
	if (m->inactive && migrate_disks_take(m, TAKE_MS, &e) < 0) {
		log_error("migration: the guest stays stopped: %s (cont tries again)", e.msg);
		return;
	}
	if (m->frozen && migrate_on_main(m, go_on, &e) < 0)
		log_warn("migration: %s", e.msg);
}

/* What the guest has said is out before it goes on elsewhere, unless nobody reads it. */
static void flush_consoles(struct guest *g)
{
	uint64_t end = os_now_ns() + FLUSH_MS * UINT64_C(1000000), now;

	for (unsigned i = 0; i < 2 * GUEST_MAX_SERIAL && (now = os_now_ns()) < end; i++)
		chardev_flush(i < GUEST_MAX_SERIAL ? g->serial[i] :
			      g->extra_char[i - GUEST_MAX_SERIAL],
			      (unsigned)((end - now) / 1000000) + 1);
}

int migrate_state(struct migration *m, struct err *e)
{
	uint8_t end[20];
	int r = migrate_disks_round(m, e);

	migrate_phase(m, "rest");
	flush_consoles(m->g);
	if (!r)
		r = migrate_disks_give(m, e);
	if (!r)
		r = migrate_on_main(m, save_state, e);
	if (!r)
		r = wire_send(m->chan[0], MV_STATE, m->state.data, m->state.len, e);
	migrate_phase(m, "state");
	st_le64(end, m->pages);
	st_le64(end + 8, m->disk_bytes);
	st_le32(end + 16, m->runs);
	if (!r)
		r = wire_send(m->chan[0], MV_END, end, sizeof(end), e);
	return r;
}

static int rest(struct migration *m, struct err *e)
{
	int r = vm_dirty_collect(&m->g->vm, e);

	if (!r)
		r = migrate_ram_round(m, e);
	return r < 0 ? r : migrate_state(m, e);
}

bool migrate_decide(struct migration *m)
{
	pthread_mutex_lock(&m->lock);
	if (!m->cancel && !m->ending)
		m->decided = true;
	pthread_mutex_unlock(&m->lock);
	return m->decided;
}

void migrate_undecide(struct migration *m)
{
	pthread_mutex_lock(&m->lock);
	m->decided = m->lost = false;
	pthread_mutex_unlock(&m->lock);
}

/*
 * The connection broke around MV_GO. Whether the other side has it is asked on a new one:
 * 1: it runs; 0: it never will; -errno: no answer.
 */
static int ask(struct migration *m)
{
	uint64_t end = os_now_ns() + QUERY_MS * UINT64_C(1000000);
	bool again = m->chan[0] && chan_again(m->chan[0]);
	int r = -ENOTCONN;

	for (unsigned i = 0; i < m->streams; i++) {
		chan_close(m->chan[i]);
		m->chan[i] = NULL;
	}
	while (again && r < 0 && os_now_ns() < end && !atomic_load(&m->stop.set)) {
		struct timespec nap = { .tv_nsec = 200000000 };
		struct err e = { 0 };
		struct chan *c = chan_connect(m->uri, &m->stop, &e);

		r = c ? 0 : -ENOTCONN;
		if (c) {
			chan_patience(c, 5000);
			r = wire_send(c, MV_QUERY, m->session, sizeof(m->session), &e);
		}
		if (!r)
			r = wire_recv(c, &m->msg, &e);
		chan_close(c);
		if (!r && m->msg.type == MV_RUNS)
			return 1;
		if (!r && m->msg.type == MV_DEAD)
			return 0;
		r = -ENOTCONN;
		nanosleep(&nap, NULL);
	}
	return r;
}

void migrate_lost(struct migration *m)
{
	pthread_mutex_lock(&m->lock);
	m->lost = true;
	pthread_mutex_unlock(&m->lock);
}

static int no_answer(struct migration *m, const struct err *why, struct err *e)
{
	migrate_lost(m);
	return err_set(e, EREMOTEIO, "%.200s; the destination has everything and was told to run, "
		       "but does not say whether it does: the guest stays stopped here (cont with "
		       "force where the destination is known to be dead)", why->msg);
}

/* Two ways: MV_READY, MV_GO, MV_GOING. */
static int hand_over(struct migration *m, struct err *e)
{
	struct err why = { 0 };
	int r = wire_expect(m->chan[0], &m->msg, MV_READY, e);

	migrate_phase(m, "ready");
	if (r < 0)
		return r;
	if (!migrate_decide(m))
		return err_set(e, ECANCELED, "cancelled");
	migrate_phase(m, "decided");
	r = wire_send(m->chan[0], MV_GO, NULL, 0, &why);
	migrate_phase(m, "go");
	if (!r)
		r = wire_expect(m->chan[0], &m->msg, MV_GOING, &why);
	migrate_phase(m, "going");
	if (!r) {
		/* nothing depends on it */
		wire_send(m->chan[0], MV_BYE, NULL, 0, &why);
		return 0;
	}
	r = ask(m);
	if (r == 1)
		return 0;
	if (r < 0)
		return no_answer(m, &why, e);
	migrate_undecide(m);
	return err_set(e, EREMOTEIO, "%s; the destination has given up", why.msg);
}

/*
 * One way: the storage has all of it, or nothing. A cancel between MV_GO and the end would leave a
 * stream that looks whole to who reads along, so the decision comes first.
 */
static int hand_in(struct migration *m, struct err *e)
{
	int r;

	migrate_phase(m, "ready");
	if (!migrate_decide(m))
		return err_set(e, ECANCELED, "cancelled");
	migrate_phase(m, "decided");
	r = wire_send(m->chan[0], MV_GO, NULL, 0, e);
	if (!r)
		r = chan_commit(m->chan[0], e);
	if (r < 0)
		migrate_undecide(m);
	return r;
}

static int tell_and_end(struct migration *m, struct err *e)
{
	if (!m->par.keep)
		guest_shutdown(m->g, EXIT_OK, "moved");
	return 0;
}

int migrate_reason(struct migration *m, struct err *e)
{
	struct err why = { 0 };

	/* a broken pipe says less than what came before it */
	if (e->code == EREMOTEIO || e->code == ECANCELED || !m->chan[0] ||
	    !chan_two_way(m->chan[0]) || atomic_load(&m->stop.set))
		return -e->code;
	chan_patience(m->chan[0], REASON_MS);
	for (unsigned i = 0; i < 4; i++)
		if (wire_recv(m->chan[0], &m->msg, &why) < 0)
			break;
		else if (m->msg.type == MV_ERROR)
			return wire_error(&m->msg, e);
	return -e->code;
}

static int move(struct migration *m, struct err *e)
{
	struct pace pace = { 0 };
	int r = open_all(m, e);

	migrate_phase(m, "hello");
	if (!r)
		r = check_there(m, e);
	migrate_phase(m, "check");
	if (!r)
		r = migrate_ram_start(m, e);
	if (r < 0)
		return r;
	migrate_set_status(m, MIGRATE_ACTIVE);
	r = migrate_disks_bulk(m, e);
	migrate_phase(m, "disks");
	if (!r)
		r = live(m, &pace, e);
	pace_end(&pace);
	if (!r)
		r = migrate_freeze_wait(m, e);
	if (r < 0)
		return r;
	m->freeze_at = os_now_ns();
	if (m->ran)
		api_event(m->g, "STOP", NULL);
	migrate_set_status(m, MIGRATE_DEVICE);
	migrate_phase(m, "freeze");
	if (postcopy_now(m)) {
		r = vm_dirty_collect(&m->g->vm, e);
		/* the destination knows it by the pages that are missing: there have to be some */
		if (r < 0 || mem_log_count(m->log))
			return r < 0 ? r : migrate_post(m, e);
	}
	r = rest(m, e);
	migrate_phase(m, "end");
	if (!r)
		r = chan_two_way(m->chan[0]) ? hand_over(m, e) : hand_in(m, e);
	if (!r)
		m->downtime_ms = (unsigned)((os_now_ns() - m->freeze_at) / 1000000);
	return r;
}

void *migrate_source(void *opaque)
{
	struct migration *m = opaque;
	struct err e = { 0 };
	int r;

	os_thread_name("migrate");
	r = move(m, &e);
	if (r < 0 && !m->decided)
		migrate_reason(m, &e);
	/* the destination learns it, if it listens */
	if (r < 0 && !m->decided && m->chan[0]) {
		struct err ignored = { 0 };

		chan_patience(m->chan[0], 100);
		wire_send_text(m->chan[0], MV_CANCEL, e.msg, &ignored);
	}
	migrate_ram_end(m);
	migrate_disks_end(m);
	if (r < 0 && !m->decided)
		back(m);
	for (unsigned i = 0; i < m->streams; i++) {
		chan_close(m->chan[i]);
		m->chan[i] = NULL;
	}
	if (!r) {
		migrate_set_status(m, MIGRATE_COMPLETED);
		migrate_on_main(m, tell_and_end, &e);
	}
	if (r < 0 && m->lost && atomic_load(&m->give_up)) {
		struct err why = { 0 };

		if (migrate_on_main(m, migrate_go_on, &why) < 0)
			log_error("migration: the guest stays stopped: %s", why.msg);
	}
	/* from here on the main thread may wait for this one's end (begin) */
	pthread_mutex_lock(&m->lock);
	m->thread_done = true;
	pthread_mutex_unlock(&m->lock);
	if (r < 0)
		migrate_fail(m, &e);
	return NULL;
}
