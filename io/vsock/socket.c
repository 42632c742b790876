/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Unix sockets and the thread that waits for them. Events are edge-triggered: a
 * connection remembers that it is readable until a read says otherwise, so one that
 * the guest gives no credit costs nothing.
 */
#include "io/vsock/vsock_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/thread.h"
#include "util/bits.h"
#include "util/os.h"

#define FIRST_PORT (1u << 30)		/* of connections that the host began */
#define LAST_PORT (FIRST_PORT * 2 - 1)
#define BACKLOG 64
#define EVENTS 64
#define TICK_MS 250			/* while a closing connection waits */
#define GREETING_MAX 32u		/* "CONNECT 4294967295\n" and room for zeros */
#define EV_LISTENER UINT64_MAX
#define EV_WAKE (UINT64_MAX - 1)

static int unix_address(struct sockaddr_un *a, const char *path)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(a->sun_path))
		return -ENAMETOOLONG;
	strcpy(a->sun_path, path);
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un a;
	int fd, rc = unix_address(&a, path);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A full backlog is EAGAIN: refused, as by a busy server anywhere. */
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int vsock_connect(struct vsock *v, uint32_t port)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 16];

	if (!v->path)
		return -ECONNREFUSED;
	snprintf(path, sizeof(path), "%s_%u", v->path, port);
	return connect_to(path);
}

int vsock_watch(struct vsock *v, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

	ev.data.u64 = (uint64_t)c->generation << 32 | (uint64_t)(c - v->conn);
	return epoll_ctl(v->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0 ? -errno : 0;
}

/* ---- the host's connections ---- */

static bool take_port(struct vsock *v, struct conn *c, uint32_t guest_port)
{
	/* More tries than there can be connections. */
	for (unsigned i = 0; i <= VSOCK_MAX_CONNS; i++) {
		uint32_t port = v->next_port;

		v->next_port = port == LAST_PORT ? FIRST_PORT : port + 1;
		if (!conn_find(v, guest_port, port)) {
			conn_insert(v, c, guest_port, port);
			return true;
		}
	}
	return false;
}

static bool parse_greeting(const char *line, uint32_t *port)
{
	unsigned long n;
	char *end;

	if (strncmp(line, "CONNECT ", 8) || line[8] < '0' || line[8] > '9')
		return false;
	errno = 0;
	n = strtoul(line + 8, &end, 10);
	*port = (uint32_t)n;
	return !errno && n <= UINT32_MAX && (!*end || !strcmp(end, "\r"));
}

/* Takes the first line and nothing behind it: that is the guest's. */
void vsock_greet(struct vsock *v, struct conn *c)
{
	char line[GREETING_MAX + 1];
	ssize_t n = recv(c->fd, line, GREETING_MAX, MSG_PEEK | MSG_DONTWAIT);
	uint32_t port;
	char *nl;

	if (n < 0 && errno == EAGAIN)
		return;
	nl = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	if (!nl) {
		if (n <= 0 || n == GREETING_MAX)
			conn_free(v, c);	/* gone, or not our protocol */
		return;
	}
	*nl = '\0';
	if (!parse_greeting(line, &port) || !v->ops || !take_port(v, c, port)) {
		conn_free(v, c);
		return;
	}
	if (recv(c->fd, line, (size_t)(nl - line) + 1, MSG_DONTWAIT) != nl - line + 1) {
		conn_free(v, c);
		return;
	}
	c->state = CONN_REQUESTED;
	conn_send(v, c, SEND_REQUEST);
}

static void accept_all(struct vsock *v)
{
	int fd;

	while ((fd = accept4(v->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = conn_new(v, fd, CONN_GREETING);

		if (c)
			vsock_greet(v, c);
	}
}

/* ---- the thread ---- */

static void conn_event(struct vsock *v, uint64_t id, uint32_t events)
{
	struct conn *c = &v->conn[(uint32_t)id];

	if (c->state == CONN_FREE || c->generation != id >> 32)
		return;			/* its last event came too late */
	if (c->state == CONN_GREETING) {
		vsock_greet(v, c);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		c->readable = true;
		if (c->state == CONN_OPEN)
			conn_ready(v, c);
	}
	if (events & (EPOLLHUP | EPOLLERR)) {
		c->dead = true;
		c->count = 0;
		/* After what it wrote before; or the guest will have been asked in vain. */
		if (c->state == CONN_REQUESTED)
			conn_send(v, c, SEND_RST);
		else
			conn_ended(v, c);
	}
	conn_flush(v, c);
}

/* A guest that does not answer the end of a connection is told of it as done. */
static void expire(struct vsock *v)
{
	uint64_t now = os_now_ns();

	for (unsigned i = 0; i < VSOCK_MAX_CONNS && v->nr_deadlines; i++) {
		struct conn *c = &v->conn[i];

		if (c->state == CONN_FREE || !c->deadline || now < c->deadline)
			continue;
		conn_set_deadline(v, c, 0);
		conn_send(v, c, SEND_RST);
	}
}

static void *vsock_main(void *opaque)
{
	struct epoll_event ev[EVENTS];
	struct vsock *v = opaque;
	int timeout = -1;

	while (!atomic_load(&v->stop)) {
		int n = epoll_wait(v->epoll, ev, EVENTS, timeout);

		pthread_mutex_lock(&v->lock);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == EV_LISTENER)
				accept_all(v);
			else if (ev[i].data.u64 == EV_WAKE)
				os_eventfd_drain(v->wake);
			else
				conn_event(v, ev[i].data.u64, ev[i].events);
		}
		if (v->nr_deadlines)
			expire(v);
		conn_pump(v);
		timeout = v->nr_deadlines ? TICK_MS : -1;
		pthread_mutex_unlock(&v->lock);
	}
	return NULL;
}

static int start_thread(struct vsock *v, struct err *e)
{
	int rc;

	if (v->has_thread)
		return 0;
	rc = io_thread_start(&v->thread, "io:vsock", vsock_main, v, e);
	v->has_thread = !rc;
	return rc;
}

void vsock_attach(struct vsock *v, const struct vsock_ops *ops, void *opaque)
{
	pthread_mutex_lock(&v->lock);
	v->ops = ops;
	v->opaque = opaque;
	pthread_mutex_unlock(&v->lock);
	if (ops)
		os_eventfd_signal(v->wake);
}

void vsock_reset(struct vsock *v)
{
	pthread_mutex_lock(&v->lock);
	for (unsigned i = 0; i < VSOCK_MAX_CONNS && v->nr_conns; i++)
		if (v->conn[i].state != CONN_FREE && v->conn[i].state != CONN_GREETING)
			conn_free(v, &v->conn[i]);
	v->nr_rsts = 0;
	pthread_mutex_unlock(&v->lock);
}

void vsock_pump(struct vsock *v)
{
	unsigned had;

	pthread_mutex_lock(&v->lock);
	had = v->nr_deadlines;
	conn_pump(v);
	had = !had && v->nr_deadlines;
	pthread_mutex_unlock(&v->lock);
	if (had)
		os_eventfd_signal(v->wake);	/* to wait with a timeout from now on */
}

/* ---- set-up ---- */

/* A socket file that nobody listens on is left over from one that crashed. */
static void remove_stale(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = connect_to(path);
	if (fd >= 0)
		close(fd);
	else if (fd == -ECONNREFUSED)
		unlink(path);
}

/* Edge-triggered too: a process without descriptors cannot accept, and must not spin. */
static int watch_fd(struct vsock *v, int fd, uint64_t id)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = id };

	return epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int listen_at(struct vsock *v, const char *path, struct err *e)
{
	struct sockaddr_un a;

	/* The guest's ports come behind it. */
	if (strlen(path) + sizeof("_4294967295") > sizeof(a.sun_path))
		return err_set(e, ENAMETOOLONG, "socket=%s: longer than %zu characters", path,
			       sizeof(a.sun_path) - sizeof("_4294967295"));
	unix_address(&a, path);
	v->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (v->listener < 0)
		return err_errno(e, errno, "socket");
	remove_stale(path);
	if (bind(v->listener, (struct sockaddr *)&a, sizeof(a)) < 0)
		return err_errno(e, errno, "socket=%s", path);
	v->path = strdup(path);
	if (!v->path || listen(v->listener, BACKLOG) < 0)
		return err_errno(e, errno, "socket=%s", path);
	return watch_fd(v, v->listener, EV_LISTENER);
}

struct vsock *vsock_new(uint64_t guest_cid, const char *path, struct err *e)
{
	struct vsock *v = calloc(1, sizeof(*v));
	int rc = 0;

	if (!v) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	v->guest_cid = guest_cid;
	v->next_port = FIRST_PORT;
	v->listener = -1;
	pthread_mutex_init(&v->lock, NULL);
	v->epoll = epoll_create1(EPOLL_CLOEXEC);
	v->wake = os_eventfd();
	if (v->epoll < 0 || v->wake < 0 || watch_fd(v, v->wake, EV_WAKE) < 0)
		rc = err_errno(e, errno, "epoll");
	if (!rc && path)
		rc = listen_at(v, path, e);
	if (!rc)
		rc = start_thread(v, e);
	if (rc) {
		vsock_free(v);
		return NULL;
	}
	return v;
}

void vsock_free(struct vsock *v)
{
	if (!v)
		return;
	if (v->has_thread) {
		atomic_store(&v->stop, true);
		os_eventfd_signal(v->wake);
		pthread_join(v->thread, NULL);
	}
	for (unsigned i = 0; i < VSOCK_MAX_CONNS; i++)
		if (v->conn[i].state != CONN_FREE)
			conn_free(v, &v->conn[i]);
	if (v->path)
		unlink(v->path);
	if (v->listener >= 0)
		close(v->listener);
	if (v->epoll >= 0)
		close(v->epoll);
	if (v->wake >= 0)
		close(v->wake);
	free(v->path);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
