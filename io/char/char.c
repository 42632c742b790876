/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One thread per back end polls the host's descriptors. Output goes through a
 * ring: whoever makes it non-empty wakes the thread, everybody else only copies,
 * so that a guest that prints byte by byte costs few system calls. Input waits in
 * `inbuf` until the device has room; a back end with a mux is always read, since
 * Ctrl-A x must work when the guest is stuck.
 */
#include "io/char/char.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/char/char_int.h"
#include "io/thread.h"
#include "util/bits.h"
#include "util/os.h"

#define WRITER_WAIT_MS 1000u
#define PEER_POLL_MS 200	/* a pty has no event for "somebody opened the other side" */

static struct timespec deadline_in(unsigned ms)
{
	uint64_t ns = os_now_ns() + ms * UINT64_C(1000000);

	return (struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
}

void chardev_tell(struct chardev *c, enum chardev_event ev)
{
	if (c->held && ev == CHARDEV_BREAK)
		c->missed_break = true;
	else if (c->held)
		c->missed_open = true;
	else if (c->event)
		c->event(c->opaque, ev);
}

void chardev_send_event(struct chardev *c, enum chardev_event ev)
{
	pthread_mutex_lock(&c->cb_lock);
	chardev_tell(c, ev);
	pthread_mutex_unlock(&c->cb_lock);
}

void chardev_set_open(struct chardev *c, bool open)
{
	pthread_mutex_lock(&c->lock);
	c->drop = !open;
	if (!open) {
		c->count = 0;
		pthread_cond_broadcast(&c->drained);
	}
	pthread_mutex_unlock(&c->lock);
	if (c->open == open)
		return;
	c->open = open;
	chardev_send_event(c, open ? CHARDEV_OPENED : CHARDEV_CLOSED);
}

static void close_peer(struct chardev *c)
{
	if (c->listener >= 0) {
		close(c->in);
		c->in = c->out = -1;
	} else {
		/* Output may still have a reader when input ended (stdin at end of file). */
		bool both = c->in == c->out;

		c->in = -1;
		if (!both) {
			chardev_send_event(c, CHARDEV_CLOSED);
			return;
		}
	}
	chardev_set_open(c, false);
}

static void accept_peer(struct chardev *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	c->in = c->out = fd;
	chardev_set_open(c, true);
}

static void drain_output(struct chardev *c)
{
	uint8_t chunk[16384];
	size_t n, first;
	ssize_t r;

	pthread_mutex_lock(&c->lock);
	n = MIN(c->count, c->out_blocking ? 512 : sizeof(chunk));
	first = MIN(n, CHARDEV_OUT_SIZE - c->head);
	memcpy(chunk, c->ring + c->head, first);
	memcpy(chunk + first, c->ring, n - first);
	pthread_mutex_unlock(&c->lock);
	if (!n)
		return;
	if (c->out_socket)
		r = send(c->out, chunk, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	else
		r = write(c->out, chunk, n);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	pthread_mutex_lock(&c->lock);
	if (r < 0) {
		c->drop = true;
		c->count = 0;
	} else {
		size_t done = MIN((size_t)r, c->count);

		c->head = (c->head + done) % CHARDEV_OUT_SIZE;
		c->count -= done;
		c->stuck = false;
	}
	pthread_cond_broadcast(&c->drained);
	pthread_mutex_unlock(&c->lock);
}

static void read_input(struct chardev *c)
{
	uint8_t buf[CHARDEV_IN_SIZE];
	size_t room = CHARDEV_IN_SIZE - c->in_count, n;
	ssize_t r = read(c->in, buf, c->mux ? sizeof(buf) : room);

	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (r <= 0) {
		if (!c->is_pty)
			close_peer(c);
		return;
	}
	n = (size_t)r;
	if (c->mux)
		n = MIN(mux_filter(c, buf, n), room);
	memcpy(c->inbuf + c->in_count, buf, n);
	c->in_count += n;
}

/* Gives the device as much of the waiting input as it takes. */
static void offer_input(struct chardev *c)
{
	pthread_mutex_lock(&c->cb_lock);
	while (c->in_count && c->read && !c->held) {
		size_t n = c->can_read ? c->can_read(c->opaque) : c->in_count;

		n = MIN(n, c->in_count);
		if (!n)
			break;
		c->read(c->opaque, c->inbuf, n);
		c->in_count -= n;
		memmove(c->inbuf, c->inbuf + n, c->in_count);
	}
	pthread_mutex_unlock(&c->cb_lock);
}

static bool output_waits(struct chardev *c)
{
	bool any;

	pthread_mutex_lock(&c->lock);
	any = c->count && !c->drop;
	pthread_mutex_unlock(&c->lock);
	return any;
}

static bool pty_has_peer(struct chardev *c)
{
	struct pollfd p = { c->in, 0, 0 };

	return poll(&p, 1, 0) == 0;
}

enum { P_WAKE, P_IN, P_OUT, P_LISTEN, P_NR };

static void *chardev_thread(void *opaque)
{
	struct chardev *c = opaque;

	while (!atomic_load(&c->stop)) {
		struct pollfd p[P_NR] = {
			{ c->wake, POLLIN, 0 }, { -1, 0, 0 }, { -1, 0, 0 }, { -1, 0, 0 }
		};
		int timeout = -1;

		if (c->is_pty && !c->open) {
			if (pty_has_peer(c))
				chardev_set_open(c, true);
			else
				timeout = PEER_POLL_MS;
		}
		if (c->in >= 0 && (!c->is_pty || c->open) &&
		    (c->mux ? mux_ready(c) : c->in_count < CHARDEV_IN_SIZE))
			p[P_IN] = (struct pollfd){ c->in, POLLIN, 0 };
		if (c->is_tty && !term_in_foreground(c->in)) {
			p[P_IN].fd = -1;	/* reading would stop the process (SIGTTIN) */
			timeout = PEER_POLL_MS;
		}
		if (c->out >= 0 && output_waits(c))
			p[P_OUT] = (struct pollfd){ c->out, POLLOUT, 0 };
		if (c->listener >= 0 && c->in < 0)
			p[P_LISTEN] = (struct pollfd){ c->listener, POLLIN, 0 };
		if (poll(p, P_NR, timeout) < 0)
			continue;
		if (p[P_WAKE].revents)
			os_eventfd_drain(c->wake);
		if (p[P_LISTEN].revents)
			accept_peer(c);
		if (p[P_OUT].revents)
			drain_output(c);
		if (p[P_IN].revents & (POLLIN | POLLERR) ||
		    (p[P_IN].revents & POLLHUP && !c->is_pty))
			read_input(c);
		else if (p[P_IN].revents & POLLHUP)
			chardev_set_open(c, false);
		offer_input(c);
	}
	return NULL;
}

static void wake(struct chardev *c)
{
	if (c->wake >= 0)
		os_eventfd_signal(c->wake);
}

struct chardev *chardev_new(const char *spec, struct err *e)
{
	struct chardev *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!c || !(c->ring = malloc(CHARDEV_OUT_SIZE))) {
		free(c);
		err_set(e, ENOMEM, "character back end: no memory");
		return NULL;
	}
	c->in = c->out = c->listener = c->wake = -1;
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->cb_lock, NULL);
	pthread_mutex_init(&c->tap_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->drained, &attr);
	pthread_condattr_destroy(&attr);
	c->open = true;
	if (chardev_open_ends(c, spec, e) < 0)
		goto fail;
	c->drop = !c->open;
	if (c->in < 0 && c->out < 0 && c->listener < 0)
		return c;		/* null, ring: nothing to wait for */
	c->wake = os_eventfd();
	if (c->wake < 0) {
		err_errno(e, -c->wake, "eventfd");
		goto fail;
	}
	if (io_thread_start(&c->thread, "io:char", chardev_thread, c, e) < 0)
		goto fail;
	c->has_thread = true;
	return c;
fail:
	err_prefix(e, "serial '%s'", spec);
	chardev_free(c);
	return NULL;
}

void chardev_free(struct chardev *c)
{
	if (!c)
		return;
	if (c->has_thread) {
		chardev_flush(c, WRITER_WAIT_MS);
		atomic_store(&c->stop, true);
		wake(c);
		pthread_join(c->thread, NULL);
	}
	if (c->is_tty)
		chardev_restore_terminal();
	if (c->in > 2)
		close(c->in);
	if (c->out > 2 && c->out != c->in)
		close(c->out);
	if (c->unlink_path[0])
		unlink(c->unlink_path);	/* while nobody can take it for a dead one's */
	if (c->listener >= 0)
		close(c->listener);
	if (c->wake >= 0)
		close(c->wake);
	mux_free(c->mux);
	pthread_cond_destroy(&c->drained);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->cb_lock);
	pthread_mutex_destroy(&c->tap_lock);
	free(c->ring);
	free(c);
}

const char *chardev_where(struct chardev *c) { return c ? c->where : "null"; }

size_t chardev_queue(struct chardev *c, const void *buf, size_t n)
{
	const uint8_t *p = buf;
	size_t done = 0;
	struct timespec until;
	bool waited = false, was_empty = false;

	pthread_mutex_lock(&c->lock);
	while (done < n && !c->drop) {
		size_t tail = (c->head + c->count) % CHARDEV_OUT_SIZE;
		size_t k = MIN(n - done, CHARDEV_OUT_SIZE - c->count);

		if (k) {
			k = MIN(k, CHARDEV_OUT_SIZE - tail);
			memcpy(c->ring + tail, p + done, k);
			was_empty |= c->count == 0;
			c->count += k;
			done += k;
			continue;
		}
		if (c->stuck || !c->has_thread || pthread_equal(pthread_self(), c->thread))
			break;
		if (was_empty)
			wake(c);
		was_empty = false;
		if (!waited)
			until = deadline_in(WRITER_WAIT_MS);
		waited = true;
		if (pthread_cond_timedwait(&c->drained, &c->lock, &until) == ETIMEDOUT)
			c->stuck = true;
	}
	if (c->drop)
		done = n;
	pthread_mutex_unlock(&c->lock);
	if (was_empty)
		wake(c);
	return done;
}

size_t chardev_write(struct chardev *c, const void *buf, size_t n)
{
	if (!c || !n)
		return n;
	if (!atomic_load_explicit(&c->first_ns, memory_order_relaxed))
		atomic_store(&c->first_ns, os_now_ns());
	if (atomic_load_explicit(&c->taps, memory_order_relaxed))
		chardev_tap_out(c, buf, n);
	return chardev_queue(c, buf, n);
}

static bool takes_more(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

int chardev_flush(struct chardev *c, unsigned ms)
{
	struct timespec until = deadline_in(ms);
	unsigned more = 10;
	int ret = 0;

	if (!c || !c->has_thread)
		return 0;
	pthread_mutex_lock(&c->lock);
	while (c->count && !c->drop && !ret) {
		ret = pthread_cond_timedwait(&c->drained, &c->lock, &until);
		/* it is not the other side that is slow: our thread had no processor yet */
		if (ret == ETIMEDOUT && more-- && takes_more(c->out)) {
			until = deadline_in(ms);
			ret = 0;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return -ret;
}

void chardev_attach(struct chardev *c, size_t (*can_read)(void *opaque),
		    void (*read)(void *opaque, const uint8_t *buf, size_t n),
		    void (*event)(void *opaque, enum chardev_event ev), void *opaque)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->cb_lock);
	c->can_read = can_read;
	c->read = read;
	c->event = event;
	c->opaque = opaque;
	if (event)
		event(opaque, c->open ? CHARDEV_OPENED : CHARDEV_CLOSED);
	pthread_mutex_unlock(&c->cb_lock);
	wake(c);
}

void chardev_hold(struct chardev *c, bool on)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->cb_lock);
	c->held = on;
	if (!on && c->missed_open)
		chardev_tell(c, c->open ? CHARDEV_OPENED : CHARDEV_CLOSED);
	if (!on && c->missed_break)
		chardev_tell(c, CHARDEV_BREAK);
	if (!on)
		c->missed_open = c->missed_break = false;
	pthread_mutex_unlock(&c->cb_lock);
	if (!on)
		chardev_accept_more(c);
}

void chardev_accept_more(struct chardev *c)
{
	if (!c)
		return;
	wake(c);
	if (atomic_load_explicit(&c->taps, memory_order_relaxed))
		chardev_tap_room(c);
}

uint64_t chardev_first_output_ns(struct chardev *c) { return c ? atomic_load(&c->first_ns) : 0; }

size_t chardev_ring_take(struct chardev *c, void *buf, size_t n)
{
	uint8_t *p = buf;
	size_t i;

	pthread_mutex_lock(&c->lock);
	for (i = 0; i < n && c->count; i++) {
		p[i] = c->ring[c->head];
		c->head = (c->head + 1) % CHARDEV_OUT_SIZE;
		c->count--;
	}
	pthread_mutex_unlock(&c->lock);
	return i;
}

size_t chardev_feed(struct chardev *c, const void *buf, size_t n)
{
	const uint8_t *p = buf;
	size_t done = 0;

	pthread_mutex_lock(&c->cb_lock);
	while (done < n && c->read && !c->held) {
		size_t k = c->can_read ? c->can_read(c->opaque) : n - done;

		k = MIN(k, n - done);
		if (!k)
			break;
		c->read(c->opaque, p + done, k);
		done += k;
	}
	pthread_mutex_unlock(&c->cb_lock);
	return done;
}
