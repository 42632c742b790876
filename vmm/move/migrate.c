/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a migration, its calls on the main thread, and what is asked of it. */
#include "vmm/move/migrate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/move/migrate_int.h"

struct migrate_params migrate_params = { .downtime_ms = 300, .streams = 1, .level = 1 };

static const char *const status_names[] = {
	[MIGRATE_NONE] = "none", [MIGRATE_SETUP] = "setup", [MIGRATE_ACTIVE] = "active",
	[MIGRATE_POSTCOPY] = "postcopy-active", [MIGRATE_DEVICE] = "device",
	[MIGRATE_COMPLETED] = "completed", [MIGRATE_FAILED] = "failed",
	[MIGRATE_CANCELLING] = "cancelling", [MIGRATE_CANCELLED] = "cancelled",
	[MIGRATE_POSTCOPY_PAUSED] = "postcopy-paused",
};

const char *migrate_status_name(enum migrate_status s)
{
	return status_names[s];
}

static bool over(enum migrate_status s)
{
	return s == MIGRATE_COMPLETED || s == MIGRATE_FAILED || s == MIGRATE_CANCELLED;
}

static bool is_over(struct migration *m)
{
	bool r;

	pthread_mutex_lock(&m->lock);
	r = over(m->status);
	pthread_mutex_unlock(&m->lock);
	return r;
}

void migrate_set_status(struct migration *m, enum migrate_status s)
{
	bool changed;

	pthread_mutex_lock(&m->lock);
	changed = m->status != s && !(m->status == MIGRATE_CANCELLING && !over(s));
	if (changed)
		m->status = s;
	if (changed && over(s))
		m->done_at = os_now_ns();
	pthread_mutex_unlock(&m->lock);
	if (changed)
		migrate_event(m->g, status_names[s]);
}

void migrate_fail(struct migration *m, const struct err *e)
{
	bool cancelled;

	pthread_mutex_lock(&m->lock);
	cancelled = m->cancel;
	m->error = *e;
	pthread_mutex_unlock(&m->lock);
	if (cancelled)
		log_info("migration: cancelled");
	else if (!m->incoming)
		log_warn("migration: %s", e->msg);
	migrate_set_status(m, cancelled ? MIGRATE_CANCELLED : MIGRATE_FAILED);
}

void migrate_phase(struct migration *m, const char *name)
{
	const char *die = getenv("AMBI_TEST_MIGRATE_DIE"), *cut = getenv("AMBI_TEST_MIGRATE_CUT");
	char full[32];

	if (!die && !cut)
		return;
	snprintf(full, sizeof(full), "%s-%s", m->incoming ? "dst" : "src", name);
	if (die && !strcmp(die, full))
		kill(getpid(), SIGKILL);
	if (cut && !strcmp(cut, full))
		for (unsigned i = 0; i < m->streams; i++)
			if (m->chan[i])
				chan_shutdown(m->chan[i]);
}

/* ---- calls on the main thread ---- */

static void call_run(struct guest *g, void *data)
{
	struct migration *m = data;
	migrate_call *fn;
	int r;

	pthread_mutex_lock(&m->lock);
	fn = m->call;
	pthread_mutex_unlock(&m->lock);
	r = fn(m, m->call_err);
	pthread_mutex_lock(&m->lock);
	m->call_ret = r;
	m->call_done = true;
	pthread_cond_broadcast(&m->cond);
	pthread_mutex_unlock(&m->lock);
}

int migrate_on_main(struct migration *m, migrate_call *fn, struct err *e)
{
	int r;

	pthread_mutex_lock(&m->lock);
	m->call = fn;
	m->call_err = e;
	m->call_done = false;
	if (!m->ending)
		guest_post(m->g, call_run, m);
	while (!m->call_done && !m->ending)
		pthread_cond_wait(&m->cond, &m->lock);
	r = m->call_done ? m->call_ret : err_set(e, ECANCELED, "ambi ends");
	pthread_mutex_unlock(&m->lock);
	return r;
}

/*
 * What the guest asked for just before (a reset, its end) is served before it stands still: it
 * would get lost with the process. -EAGAIN: the main loop has it next.
 */
int migrate_freeze(struct migration *m, struct err *e)
{
	struct guest *g = m->g;
	int r;

	if (guest_is_frozen(g))
		return err_set(e, EBUSY, "the guest is being saved or moved already");
	m->ran = guest_is_running(g);
	r = guest_freeze(g, e);
	if (r < 0)
		return r;
	if (atomic_load(&g->events) & GUEST_ENDINGS) {
		guest_thaw(g, false, m->ran);
		return -EAGAIN;
	}
	m->frozen = true;
	return 0;
}

static int nothing(struct migration *m, struct err *e)
{
	return 0;
}

int migrate_freeze_wait(struct migration *m, struct err *e)
{
	int r;

	while ((r = migrate_on_main(m, migrate_freeze, e)) == -EAGAIN) {
		r = migrate_on_main(m, nothing, e);
		if (r < 0)
			return r;
	}
	return r;
}

/* ---- life ---- */

struct migration *migrate_new(struct guest *g, bool incoming, const char *uri, struct err *e)
{
	struct migration *m = calloc(1, sizeof(*m));

	if (!m || !(m->uri = strdup(uri))) {
		free(m);
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	m->g = g;
	m->incoming = incoming;
	m->status = MIGRATE_SETUP;
	m->par = migrate_params;
	m->began = os_now_ns();
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->cond, NULL);
	pthread_mutex_init(&m->walk_lock, NULL);
	chan_limit_init(&m->limit, 0);
	m->stop.fd = -1;
	if (chan_stop_init(&m->stop, e) < 0) {
		migrate_free(m);
		return NULL;
	}
	return m;
}

void migrate_free(struct migration *m)
{
	if (!m)
		return;
	incoming_free(m);
	for (unsigned i = 0; i < WIRE_MAX_STREAMS; i++) {
		chan_close(m->chan[i]);
		page_packer_free(m->packer[i]);
	}
	wire_msg_free(&m->msg);
	free(m->state.data);
	chan_limit_free(&m->limit);
	chan_stop_free(&m->stop);
	pthread_mutex_destroy(&m->walk_lock);
	pthread_cond_destroy(&m->cond);
	pthread_mutex_destroy(&m->lock);
	free(m->uri);
	free(m);
}

int migrate_thread(struct migration *m, void *(*fn)(void *), struct err *e)
{
	int r = pthread_create(&m->thread, NULL, fn, m);

	if (r)
		return err_errno(e, r, "thread");
	m->thread_up = true;
	return 0;
}

static void join(struct migration *m)
{
	if (m->thread_up)
		pthread_join(m->thread, NULL);
	m->thread_up = false;
}

static int begin(struct guest *g, struct migration *m, void *(*fn)(void *), struct err *e)
{
	struct migration *old = g->migration;
	int r;

	if (old) {
		join(old);
		migrate_free(old);
	}
	g->migration = m;
	r = migrate_thread(m, fn, e);
	if (r < 0) {
		g->migration = NULL;
		migrate_free(m);
	}
	return r;
}

/* A thread whose migration is over has only farewells to wait for: nearly always at once. */
static bool thread_is_done(struct migration *m)
{
	enum { TRIES = 100 };
	bool done = false;

	for (unsigned i = 0; i < TRIES && !done; i++) {
		struct timespec nap = { .tv_nsec = i ? 10000000 : 0 };

		nanosleep(&nap, NULL);
		pthread_mutex_lock(&m->lock);
		done = m->thread_done;
		pthread_mutex_unlock(&m->lock);
	}
	return done;
}

/* No other one is under way, and the guest is here. */
static int may_begin(struct guest *g, struct err *e)
{
	struct migration *m = g->migration;

	if (m) {
		if (!is_over(m) || (m->thread_up && !thread_is_done(m)))
			return err_set(e, EBUSY, "a migration is under way");
	}
	if (guest_is_frozen(g))
		return err_set(e, EBUSY, m && m->incoming ? "the guest has not arrived yet" :
			       "the guest has gone, or is being saved");
	return 0;
}

/* What the parameters say of TLS, unless the URI does. */
static int take_tls(struct migration *m, struct err *e)
{
	const struct migrate_params *p = &m->par;
	char tls[2048];
	int n;

	if (!p->tls_creds[0] || strstr(m->uri, ",tls-creds="))
		return 0;
	if (strncmp(m->uri, "unix:", 5) && strncmp(m->uri, "tcp:", 4))
		return err_set(e, ENOTSUP, "%.60s: tls-creds is set, and TLS goes over unix: and "
			       "tcp:", m->uri);
	n = snprintf(tls, sizeof(tls), "%s,tls-creds=%s%s%s", m->uri, p->tls_creds,
		     p->tls_hostname[0] ? ",tls-hostname=" : "", p->tls_hostname);
	if (n < 0 || (size_t)n >= sizeof(tls))
		return err_set(e, ENAMETOOLONG, "%.60s: too long", m->uri);
	free(m->uri);
	m->uri = strdup(tls);
	return m->uri ? 0 : err_set(e, ENOMEM, "no memory");
}

static int take_opts(struct migration *m, const struct migrate_opts *o, struct err *e)
{
	struct migrate_params *p = &m->par;

	if (o->bandwidth)
		p->bandwidth = o->bandwidth;
	if (o->downtime_ms)
		p->downtime_ms = o->downtime_ms;
	if (o->streams)
		p->streams = o->streams;
	if (o->level)
		p->level = o->level;
	p->auto_converge |= o->auto_converge;
	p->postcopy |= o->postcopy;
	p->blocks |= o->blocks;
	p->keep |= o->keep;
	if (!p->streams || p->streams > WIRE_MAX_STREAMS)
		return err_set(e, EINVAL, "%u streams: there may be 1 to %d", p->streams,
			       WIRE_MAX_STREAMS);
	if (o->tls_creds)
		snprintf(p->tls_creds, sizeof(p->tls_creds), "%s", o->tls_creds);
	return take_tls(m, e);
}

int migrate_start(struct guest *g, const struct migrate_opts *o, struct err *e)
{
	struct migration *m;
	int r = may_begin(g, e);

	if (r < 0)
		return r;
	m = migrate_new(g, false, o->uri, e);
	if (!m)
		return -e->code;
	r = take_opts(m, o, e);
	if (!r && os_random(m->session, sizeof(m->session)) < 0)
		r = err_set(e, EIO, "no random numbers");
	if (r < 0) {
		migrate_free(m);
		return r;
	}
	atomic_store(&m->limit.rate, m->par.bandwidth);
	migrate_event(g, "setup");
	return begin(g, m, migrate_source, e);
}

void migrate_cancel(struct guest *g)
{
	struct migration *m = g->migration;
	bool now = false;

	if (!m || m->incoming)
		return;
	pthread_mutex_lock(&m->lock);
	if (!m->decided && !m->cancel && !over(m->status)) {
		m->cancel = now = true;
		m->status = MIGRATE_CANCELLING;
	}
	pthread_mutex_unlock(&m->lock);
	if (now) {
		migrate_event(g, "cancelling");
		chan_stop_set(&m->stop);
	}
}

int migrate_start_postcopy(struct guest *g, struct err *e)
{
	struct migration *m = g->migration;

	if (!m || m->incoming || is_over(m))
		return err_set(e, EINVAL, "no migration is under way");
	if (!m->par.postcopy)
		return err_set(e, EINVAL, "the migration was started without postcopy-ram");
	atomic_store(&m->want_postcopy, true);
	return 0;
}

void migrate_end(struct guest *g)
{
	struct migration *m = g->migration;

	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	m->ending = true;
	pthread_cond_broadcast(&m->cond);
	pthread_mutex_unlock(&m->lock);
	chan_stop_set(&m->stop);
	join(m);
	g->migration = NULL;
	migrate_free(m);
}

int migrate_incoming(struct guest *g, const char *uri, struct err *e)
{
	struct migration *m;
	int r;

	if (g->migration)
		return err_set(e, EBUSY, "a migration is under way");
	if (!guest_is_frozen(g))
		return err_set(e, EINVAL, "the guest was not started with -incoming");
	m = migrate_new(g, true, uri, e);
	if (!m)
		return -e->code;
	r = take_tls(m, e);
	if (!r)
		r = incoming_new(m, e);
	if (r < 0) {
		migrate_free(m);
		return r;
	}
	migrate_event(g, "setup");
	return begin(g, m, migrate_destination, e);
}

/* ---- questions ---- */

void migrate_set_params(struct guest *g, const struct migrate_params *p)
{
	struct migration *m = g->migration;

	migrate_params = *p;
	if (!m || m->incoming)
		return;
	atomic_store(&m->limit.rate, p->bandwidth);
	pthread_mutex_lock(&m->lock);
	m->par.downtime_ms = p->downtime_ms;
	pthread_mutex_unlock(&m->lock);
}

void migrate_query(struct guest *g, struct migrate_info *i)
{
	struct migration *m = g->migration;
	const struct mem *mem = &g->vm.machine->mem;

	*i = (struct migrate_info){ .status = MIGRATE_NONE };
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	i->status = m->status;
	i->incoming = m->incoming;
	if (over(m->status))
		snprintf(i->error, sizeof(i->error), "%s", m->error.msg);
	i->total_ms = ((over(m->status) ? m->done_at : os_now_ns()) - m->began) / 1000000;
	pthread_mutex_unlock(&m->lock);
	for (unsigned b = 0; b < mem->nr; b++)
		i->total += mem->block[b].size;
	i->transferred = m->bytes;
	i->remaining = m->remaining * MEM_PAGE_SIZE;
	i->pages = m->pages;
	i->zero_pages = m->zero_pages;
	i->dirty_rate = m->dirty_rate;
	i->bandwidth = m->bandwidth;
	i->disk_transferred = m->disk_bytes;
	i->disk_total = m->disk_total;
	i->downtime_ms = m->downtime_ms;
	i->expected_ms = m->expected_ms;
	i->rounds = m->rounds;
	i->throttle = m->throttle;
}

int migrate_has_ram(struct guest *g, bool any, struct err *e)
{
	struct migration *m = g->migration;

	if (!m || is_over(m) || !(any || m->incoming))
		return 0;
	return err_set(e, EBUSY, "a migration is under way");
}

const char *migrate_run_state(struct guest *g)
{
	struct migration *m = g->migration;
	const char *s = NULL;

	if (!guest_is_frozen(g))
		return NULL;
	if (!m)
		return g->plan->opt->incoming ? "inmigrate" : NULL;
	pthread_mutex_lock(&m->lock);
	if (m->incoming)
		s = "inmigrate";
	else if (m->decided)
		s = "postmigrate";
	else if (m->frozen)
		s = "finish-migrate";
	pthread_mutex_unlock(&m->lock);
	return s;
}

int migrate_go_on(struct migration *m, struct err *e)
{
	int r = m->inactive ? migrate_disks_take(m, 0, e) : 0;

	if (r < 0)
		return r;
	pthread_mutex_lock(&m->lock);
	m->frozen = m->decided = m->lost = false;
	pthread_mutex_unlock(&m->lock);
	m->g->stopped_by_user = false;
	guest_thaw(m->g, false, true);
	return 0;
}

int migrate_cont(struct guest *g, bool force, struct err *e)
{
	struct migration *m = g->migration;
	enum migrate_status status;
	bool decided, lost;

	if (!guest_is_frozen(g))
		return 0;
	if (!m || m->incoming) {
		g->stopped_by_user = false;
		return 0;
	}
	pthread_mutex_lock(&m->lock);
	status = m->status;
	decided = m->decided;
	lost = m->lost;
	if (force && status == MIGRATE_POSTCOPY_PAUSED)
		atomic_store(&m->give_up, true);
	pthread_mutex_unlock(&m->lock);
	if (!over(status)) {
		/* wherever it goes on */
		g->stopped_by_user = false;
		m->ran = true;
		return 0;
	}
	if (decided && !force)
		return err_set(e, EBUSY, lost ?
			       "the guest may be running at the destination; only where that is "
			       "known to be dead, cont with force" :
			       "the guest has been moved (cont with force only where the "
			       "destination is known to be dead)");
	return migrate_go_on(m, e);
}
