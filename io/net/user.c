/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User networking: libslirp is the guest's router, DHCP and DNS server, and turns
 * its connections into sockets of this process. libslirp is single-threaded: one
 * mutex covers every call into it. The thread holds it except while it polls; a
 * sender runs the frame through libslirp itself and then wakes the thread, which
 * may have new sockets to watch.
 */
#include "io/net/net_int.h"

#include <errno.h>

#ifdef HAVE_SLIRP

#include <libslirp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/net/user_opts.h"
#include "io/thread.h"
#include "util/log.h"
#include "util/os.h"

#define MAX_POLL 1024

struct user_timer {
	struct user_timer *next;
	SlirpTimerCb cb;
	void *opaque;
	int64_t expire_ms;		/* -1: not armed */
};

struct user {
	Slirp *slirp;
	struct netdev *n;
	pthread_mutex_t lock;
	int wake;
	pthread_t thread;
	bool has_thread;
	_Atomic bool stop;
	_Atomic bool woken;		/* the eventfd is already signalled */
	struct user_timer *timers;
	struct pollfd poll[MAX_POLL];
	unsigned nr_poll;
};

static void wake(struct user *u)
{
	if (!atomic_exchange(&u->woken, true))
		os_eventfd_signal(u->wake);
}

static int64_t now_ns(void *opaque) { return (int64_t)os_now_ns(); }

static ssize_t cb_send(const void *buf, size_t len, void *opaque)
{
	struct user *u = opaque;

	netdev_deliver(u->n, buf, len);
	return (ssize_t)len;
}

static void cb_guest_error(const char *msg, void *opaque) { log_guest("user network: %s", msg); }

static void *cb_timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
	struct user *u = opaque;
	struct user_timer *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->cb = cb;
	t->opaque = cb_opaque;
	t->expire_ms = -1;
	t->next = u->timers;
	u->timers = t;
	return t;
}

static void cb_timer_free(void *timer, void *opaque)
{
	struct user *u = opaque;

	for (struct user_timer **p = &u->timers; *p; p = &(*p)->next) {
		if (*p == timer) {
			*p = (*p)->next;
			break;
		}
	}
	free(timer);
}

static void cb_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	struct user_timer *t = timer;

	t->expire_ms = expire_ms;
	wake(opaque);
}

static void cb_poll_fd(int fd, void *opaque) { }
static void cb_notify(void *opaque) { wake(opaque); }

static const SlirpCb callbacks = {
	.send_packet = cb_send,
	.guest_error = cb_guest_error,
	.clock_get_ns = now_ns,
	.timer_new = cb_timer_new,
	.timer_free = cb_timer_free,
	.timer_mod = cb_timer_mod,
	.register_poll_fd = cb_poll_fd,
	.unregister_poll_fd = cb_poll_fd,
	.notify = cb_notify,
};

static int add_poll(int fd, int events, void *opaque)
{
	struct user *u = opaque;
	short ev = 0;

	if (u->nr_poll == MAX_POLL)
		return -1;
	if (events & SLIRP_POLL_IN)
		ev |= POLLIN;
	if (events & SLIRP_POLL_OUT)
		ev |= POLLOUT;
	if (events & SLIRP_POLL_PRI)
		ev |= POLLPRI;
	u->poll[u->nr_poll] = (struct pollfd){ fd, ev, 0 };
	return (int)u->nr_poll++;
}

static int get_revents(int idx, void *opaque)
{
	struct user *u = opaque;
	short ev;
	int out = 0;

	if (idx < 0 || (unsigned)idx >= u->nr_poll)
		return 0;
	ev = u->poll[idx].revents;
	if (ev & POLLIN)
		out |= SLIRP_POLL_IN;
	if (ev & POLLOUT)
		out |= SLIRP_POLL_OUT;
	if (ev & POLLPRI)
		out |= SLIRP_POLL_PRI;
	if (ev & POLLERR)
		out |= SLIRP_POLL_ERR;
	if (ev & POLLHUP)
		out |= SLIRP_POLL_HUP;
	return out;
}

static int run_timers(struct user *u, int timeout)
{
	int64_t now = now_ns(NULL) / 1000000;
	struct user_timer *t, *next;

	for (t = u->timers; t; t = next) {
		next = t->next;
		if (t->expire_ms >= 0 && t->expire_ms <= now) {
			t->expire_ms = -1;
			t->cb(t->opaque);
		}
	}
	for (t = u->timers; t; t = t->next)
		if (t->expire_ms >= 0 && (timeout < 0 || t->expire_ms - now < timeout))
			timeout = (int)(t->expire_ms > now ? t->expire_ms - now : 0);
	return timeout;
}

static void *user_thread(void *opaque)
{
	struct user *u = opaque;

	pthread_mutex_lock(&u->lock);
	while (!atomic_load(&u->stop)) {
		uint32_t ms = UINT32_MAX;
		int ret, timeout;

		u->poll[0] = (struct pollfd){ u->wake, POLLIN, 0 };
		u->nr_poll = 1;
		slirp_pollfds_fill(u->slirp, &ms, add_poll, u);
		timeout = run_timers(u, ms > INT32_MAX ? -1 : (int)ms);
		pthread_mutex_unlock(&u->lock);
		ret = poll(u->poll, u->nr_poll, timeout);
		if (u->poll[0].revents) {
			atomic_store(&u->woken, false);
			os_eventfd_drain(u->wake);
		}
		netdev_flush(u->n);
		pthread_mutex_lock(&u->lock);
		netdev_burst(u->n, true);
		slirp_pollfds_poll(u->slirp, ret < 0, get_revents, u);
		netdev_burst(u->n, false);
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

static int user_send(struct netdev *n, const uint8_t *frame, size_t len)
{
	struct user *u = n->priv;

	pthread_mutex_lock(&u->lock);
	slirp_input(u->slirp, frame, (int)len);
	pthread_mutex_unlock(&u->lock);
	wake(u);
	return 0;
}

static void user_accept_more(struct netdev *n) { wake(n->priv); }

static void user_free(struct netdev *n)
{
	struct user *u = n->priv;

	if (!u)
		return;
	if (u->has_thread) {
		atomic_store(&u->stop, true);
		os_eventfd_signal(u->wake);
		pthread_join(u->thread, NULL);
	}
	if (u->slirp)
		slirp_cleanup(u->slirp);
	if (u->wake >= 0)
		close(u->wake);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static int add_forwards(struct user *u, const struct user_opts *o, struct err *e)
{
	for (unsigned i = 0; i < o->nr_forwards; i++) {
		const struct user_forward *f = &o->forward[i];

		if (slirp_add_hostfwd(u->slirp, f->udp, f->host, f->host_port, f->guest,
				      f->guest_port) < 0)
			return err_errno(e, errno ? errno : EADDRINUSE,
					 "hostfwd=%s: port %u of the host", f->text, f->host_port);
	}
	return 0;
}

int netdev_user_open(struct netdev *n, const char *opts,
		     int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		     struct err *e)
{
	struct user_opts *o = calloc(1, sizeof(*o));
	struct user *u = calloc(1, sizeof(*u));
	SlirpConfig cfg;
	int ret;

	n->priv = u;
	if (!o || !u) {
		ret = err_set(e, ENOMEM, "no memory");
		goto out;
	}
	u->n = n;
	pthread_mutex_init(&u->lock, NULL);
	u->wake = os_eventfd();
	ret = u->wake < 0 ? err_errno(e, -u->wake, "eventfd") :
			    user_opts_parse(o, opts, other, opaque, e);
	if (ret < 0)
		goto out;
	cfg = (SlirpConfig){
		.version = 4,
		.restricted = o->restricted,
		.in_enabled = true,
		.vnetwork = o->net,
		.vnetmask = o->mask,
		.vhost = o->host,
		.vnameserver = o->dns,
		.vdhcp_start = o->dhcp_start,
		.vhostname = o->hostname[0] ? o->hostname : NULL,
		.vdomainname = o->domainname[0] ? o->domainname : NULL,
		.in6_enabled = o->ipv6,
		.vprefix_len = 64,
		/* fec0::/64, router ::2, name server ::3 */
		.vprefix_addr6 = { { { 0xfe, 0xc0 } } },
		.vhost6 = { { { 0xfe, 0xc0, [15] = 2 } } },
		.vnameserver6 = { { { 0xfe, 0xc0, [15] = 3 } } },
	};
	u->slirp = slirp_new(&cfg, &callbacks, u);
	if (!u->slirp) {
		ret = err_set(e, EINVAL, "libslirp refuses these options");
		goto out;
	}
	ret = add_forwards(u, o, e);
	if (!ret)
		ret = io_thread_start(&u->thread, "io:user-net", user_thread, u, e);
	u->has_thread = ret == 0;
out:
	free(o);
	return ret;
}

const struct netdev_ops netdev_user_ops = {
	.kind = "user", .send = user_send, .accept_more = user_accept_more, .free = user_free,
};

#else /* !HAVE_SLIRP */

static int user_send(struct netdev *n, const uint8_t *frame, size_t len) { return -ENODEV; }
static void user_free(struct netdev *n) { }
const struct netdev_ops netdev_user_ops = { .kind = "user", .send = user_send, .free = user_free };

int netdev_user_open(struct netdev *n, const char *opts,
		     int (*other)(void *opaque, const char *key, const char *val), void *opaque,
		     struct err *e)
{
	return err_set(e, ENOTSUP, "ambi was built without libslirp");
}

#endif
