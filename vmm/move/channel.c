/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes in and out; channel_open.c makes the channels. */
#include "vmm/move/channel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/move/channel_int.h"

enum { MAX_IO = 1 << 20 };

int chan_stop_init(struct chan_stop *s, struct err *e)
{
	atomic_init(&s->set, false);
	s->fd = os_eventfd();
	return s->fd < 0 ? err_errno(e, -s->fd, "event descriptor") : 0;
}

void chan_stop_set(struct chan_stop *s)
{
	atomic_store(&s->set, true);
	os_eventfd_signal(s->fd);
}

void chan_stop_free(struct chan_stop *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int chan_wait_fd(int fd, short events, struct chan_stop *stop, unsigned patience_ms)
{
	struct pollfd p[2] = { { .fd = fd, .events = events },
			       { .fd = stop->fd, .events = POLLIN } };
	uint64_t end = os_now_ns() + patience_ms * UINT64_C(1000000);

	for (;;) {
		int ms = -1, r;

		if (patience_ms) {
			uint64_t now = os_now_ns();

			ms = now >= end ? 0 : (int)((end - now) / 1000000 + 1);
		}
		r = poll(p, 2, ms);
		if (atomic_load(&stop->set))
			return -ECANCELED;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0 && p[0].revents)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
	}
}

static int wait_io(struct chan *c, short events)
{
	int r = atomic_load(&c->down) ? -ECANCELED :
		chan_wait_fd(events == POLLIN ? c->in : c->out, events, c->stop, c->patience_ms);

	return atomic_load(&c->down) ? -ECANCELED : r;
}

static int io_error(struct chan *c, int code, const char *what, struct err *e)
{
	switch (code) {
	case ECANCELED:
		return err_set(e, ECANCELED, "cancelled");
	case ETIMEDOUT:
		return err_set(e, ETIMEDOUT, "%s: nothing went on for %u s", what,
			       c->patience_ms / 1000);
	case EPIPE:
	case ECONNRESET:
		return err_set(e, EPIPE, "the other side has gone");
	}
	return err_errno(e, code, "%s", what);
}

/* TCP has given up (tcp_options), which is not our patience. */
static int64_t moved(ssize_t r)
{
	return r >= 0 ? r : errno == ETIMEDOUT ? -EPIPE : -errno;
}

int chan_read(struct chan *c, void *buf, size_t n, struct err *e)
{
	uint8_t *p = buf;

	while (n) {
		short events = POLLIN;
		int64_t got;

		if (atomic_load(&c->down) || atomic_load(&c->stop->set))
			return io_error(c, ECANCELED, "reading", e);
		if (c->tls) {
			got = chan_tls_read(c->tls, p, MIN(n, (size_t)MAX_IO), &events);
		} else {
			got = moved(read(c->in, p, MIN(n, (size_t)MAX_IO)));
		}
		if (got == 0)
			got = -EPIPE;
		if (got == -EAGAIN)
			got = wait_io(c, events);
		else if (got == -EINTR)
			got = 0;
		if (got < 0)
			return io_error(c, (int)-got, "reading", e);
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

int chan_write(struct chan *c, const void *buf, size_t n, struct err *e)
{
	const uint8_t *p = buf;

	while (n) {
		short events = POLLOUT;
		int64_t put;

		if (atomic_load(&c->down) || atomic_load(&c->stop->set))
			return io_error(c, ECANCELED, "writing", e);
		if (c->tls) {
			put = chan_tls_write(c->tls, p, MIN(n, (size_t)MAX_IO), &events);
		} else {
			put = moved(write(c->out, p, MIN(n, (size_t)MAX_IO)));
		}
		if (put == -EAGAIN)
			put = wait_io(c, events);
		else if (put == -EINTR)
			put = 0;
		if (put < 0)
			return io_error(c, (int)-put, "writing", e);
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

/* The directory's entry, too: a rename that is not there after a crash has not happened. */
static int sync_dir(const char *path)
{
	char dir[CHAN_PATH];
	char *slash;
	int fd, r;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = 0;
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int child_end(struct chan *c, bool kill_it, int *status)
{
	struct timespec nap = { .tv_nsec = 20000000 };

	for (unsigned i = 0; ; i++) {
		pid_t p = waitpid(c->child, status, WNOHANG);

		if (p == c->child || (p < 0 && errno != EINTR)) {
			c->child = 0;
			return p < 0 ? -errno : 0;
		}
		if (kill_it && i == 50)
			kill(-c->child, SIGTERM);
		if (kill_it && i == 100)
			kill(-c->child, SIGKILL);
		if (!kill_it && (atomic_load(&c->stop->set) || atomic_load(&c->down)))
			return -ECANCELED;
		nanosleep(&nap, NULL);
	}
}

int chan_commit(struct chan *c, struct err *e)
{
	int status = 0, r = 0;

	if (c->two_way)
		return 0;
	if (c->child) {
		close(c->out);
		c->out = -1;
		r = child_end(c, false, &status);
		if (r < 0)
			return err_errno(e, -r, "waiting for the command");
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			return err_set(e, EIO, "the command failed (status 0x%x)", status);
		return 0;
	}
	/* a pipe has no disk */
	if (fsync(c->out) < 0 && errno != EINVAL && errno != EROFS)
		return err_errno(e, errno, "writing to the disk");
	if (c->tmp[0]) {
		if (rename(c->tmp, c->path) < 0)
			return err_errno(e, errno, "%s", c->path);
		c->tmp[0] = 0;
		/* it is there, and may be loaded: too late for an error */
		r = sync_dir(c->path);
		if (r < 0)
			log_error("%s: its directory is not on the disk yet: %s", c->path,
				  strerror(-r));
	}
	return 0;
}

void chan_shutdown(struct chan *c)
{
	atomic_store(&c->down, true);
	if (c->in >= 0)
		shutdown(c->in, SHUT_RDWR);
	if (c->out >= 0 && c->out != c->in)
		shutdown(c->out, SHUT_RDWR);
}

void chan_end_reading(struct chan *c)
{
	if (c->in >= 0)
		shutdown(c->in, SHUT_RD);
}

void chan_close(struct chan *c)
{
	int status;

	if (!c)
		return;
	chan_tls_free(c->tls);
	/* others may have it, too: a twin that is being made, who passed us fd:N */
	if (c->two_way && c->in >= 0)
		shutdown(c->in, SHUT_RDWR);
	if (c->in >= 0)
		close(c->in);
	if (c->out >= 0 && c->out != c->in)
		close(c->out);
	if (c->child)
		child_end(c, true, &status);
	if (c->tmp[0])
		unlink(c->tmp);
	free(c);
}

int chan_fd(const struct chan *c) { return c->in; }
bool chan_pending(const struct chan *c) { return c->tls && chan_tls_pending(c->tls); }
bool chan_two_way(const struct chan *c) { return c->two_way; }
bool chan_again(const struct chan *c) { return c->again; }
void chan_patience(struct chan *c, unsigned ms) { c->patience_ms = ms; }

/* ---- limit ---- */

void chan_limit_init(struct chan_limit *l, uint64_t rate)
{
	pthread_mutex_init(&l->lock, NULL);
	atomic_init(&l->rate, rate);
	l->free_at = 0;
}

void chan_limit_free(struct chan_limit *l)
{
	pthread_mutex_destroy(&l->lock);
}

int chan_limit_wait(struct chan_limit *l, uint64_t n, struct chan_stop *stop)
{
	uint64_t rate = atomic_load(&l->rate), now = os_now_ns(), at;
	struct pollfd p = { .fd = stop->fd, .events = POLLIN };

	if (!rate)
		return atomic_load(&stop->set) ? -ECANCELED : 0;
	pthread_mutex_lock(&l->lock);
	/* a tenth of a second may be saved up */
	at = MAX(l->free_at, now > 100000000 ? now - 100000000 : 0);
	l->free_at = at + (uint64_t)((unsigned __int128)n * 1000000000 / rate);
	pthread_mutex_unlock(&l->lock);
	while (at > (now = os_now_ns()) && !atomic_load(&stop->set)) {
		poll(&p, 1, (int)MIN((at - now) / 1000000 + 1, UINT64_C(1000)));
		if (atomic_load(&l->rate) == rate)
			continue;
		/* what was set aside by the old rate, hours perhaps, is not waited for */
		pthread_mutex_lock(&l->lock);
		l->free_at = MIN(l->free_at, now);
		pthread_mutex_unlock(&l->lock);
		return chan_limit_wait(l, n, stop);
	}
	return atomic_load(&stop->set) ? -ECANCELED : 0;
}
