/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a URI to a channel. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/opts.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/move/channel_int.h"

enum { CONNECT_MS = 10000, HANDSHAKE_MS = 10000, BACKLOG = 32 };

extern char **environ;

enum kind { KIND_UNIX, KIND_TCP, KIND_FD, KIND_EXEC, KIND_FILE, KIND_PIPE };

struct uri {
	enum kind kind;
	char rest[CHAN_PATH];		/* path, command, host */
	char port[32];
	int fd;
	char creds[CHAN_PATH], hostname[256];	/* "": no TLS; "": by the URI's host */
};

static const struct { const char *name; enum kind kind; } kinds[] = {
	{ "unix:", KIND_UNIX }, { "tcp:", KIND_TCP }, { "fd:", KIND_FD }, { "exec:", KIND_EXEC },
	{ "file:|", KIND_PIPE }, { "file:", KIND_FILE },
};

static int parse_tls(struct uri *u, struct err *e)
{
	const char *t = strstr(u->rest, ",tls-");
	char key[32], val[CHAN_PATH];
	int r;

	if (!t || (u->kind != KIND_UNIX && u->kind != KIND_TCP))
		return 0;
	u->rest[t - u->rest] = 0;
	for (t++; (r = opts_next(&t, key, sizeof(key), val, sizeof(val), false, e)) == 1; )
		if (!strcmp(key, "tls-creds"))
			snprintf(u->creds, sizeof(u->creds), "%s", val);
		else if (!strcmp(key, "tls-hostname") && strlen(val) < sizeof(u->hostname))
			strcpy(u->hostname, val);
		else
			return err_set(e, EINVAL, "%.40s: there are tls-creds=DIR and "
				       "tls-hostname=NAME", key);
	if (!r && !u->creds[0])
		return err_set(e, EINVAL, "tls-hostname without tls-creds=DIR");
	return r;
}

/* HOST:PORT, [V6]:PORT, :PORT, PORT */
static int parse_tcp(struct uri *u, struct err *e)
{
	char *colon = strrchr(u->rest, ':'), *host = u->rest;
	const char *port = colon ? colon + 1 : u->rest;
	size_t n;

	if (!*port || strlen(port) >= sizeof(u->port) ||
	    strspn(port, "0123456789") != strlen(port) || atol(port) > 65535)
		return err_set(e, EINVAL, "tcp: needs HOST:PORT");
	strcpy(u->port, port);
	*(colon ? colon : u->rest) = 0;
	n = strlen(host);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		memmove(host, host + 1, n - 2);
		host[n - 2] = 0;
	}
	return 0;
}

static int parse(struct uri *u, const char *text, struct err *e)
{
	char *end;
	int r;

	memset(u, 0, sizeof(*u));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i].name);

		if (strncmp(text, kinds[i].name, n))
			continue;
		u->kind = kinds[i].kind;
		if (!text[n] || strlen(text + n) >= sizeof(u->rest))
			return err_set(e, EINVAL, "%.60s: %s", text,
				       text[n] ? "too long" : "incomplete");
		strcpy(u->rest, text + n);
		r = parse_tls(u, e);
		if (!r && u->kind == KIND_TCP)
			r = parse_tcp(u, e);
		if (u->kind == KIND_FD) {
			u->fd = (int)strtol(u->rest, &end, 10);
			if (*end || u->fd < 0 || fcntl(u->fd, F_GETFD) < 0)
				return err_set(e, EBADF, "fd:%.40s: not an open descriptor",
					       u->rest);
		}
		return r;
	}
	return err_set(e, EINVAL, "\"%.60s\": there are unix:PATH, tcp:HOST:PORT, fd:N, "
		       "exec:COMMAND and file:PATH", text);
}

static struct chan *chan_new(int in, int out, struct chan_stop *stop, struct err *e)
{
	struct chan *c = calloc(1, sizeof(*c));

	if (!c) {
		err_set(e, ENOMEM, "no memory");
		if (in >= 0)
			close(in);
		if (out >= 0 && out != in)
			close(out);
		return NULL;
	}
	c->in = in;
	c->out = out;
	c->stop = stop;
	c->patience_ms = CHAN_PATIENCE_MS;
	if (in >= 0)
		fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
	if (out >= 0)
		fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
	return c;
}

/* A peer whose machine is gone is found out in about 20 s, also where nothing is to be sent. */
static void tcp_options(int fd)
{
	int on = 1, idle = 5, every = 5, count = 3;
	unsigned ms = 20000;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* A connected socket becomes a channel, by TLS where asked for. */
static struct chan *chan_socket(int fd, bool server, const struct uri *u, struct chan_stop *stop,
				struct err *e)
{
	struct chan *c = chan_new(fd, fd, stop, e);
	const char *host = u->hostname[0] ? u->hostname : u->kind == KIND_TCP ? u->rest : "";
	uint64_t end = os_now_ns() + HANDSHAKE_MS * UINT64_C(1000000);
	int r = 0;

	if (!c)
		return NULL;
	c->two_way = c->again = true;
	if (!u->creds[0])
		return c;
	c->tls = chan_tls_new(fd, server, u->creds, server ? NULL : host, e);
	while (c->tls) {
		short events = 0;

		r = chan_tls_handshake(c->tls, &events, e);
		if (r != -EAGAIN)
			break;
		r = os_now_ns() > end ? -ETIMEDOUT : chan_wait_fd(fd, events, stop, HANDSHAKE_MS);
		if (r < 0) {
			err_errno(e, -r, "TLS handshake");
			break;
		}
	}
	if (!c->tls || r < 0) {
		chan_close(c);
		return NULL;
	}
	return c;
}

static int unix_addr(const char *path, struct sockaddr_un *sa, struct err *e)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sa->sun_path))
		return err_set(e, ENAMETOOLONG, "%.60s...: too long for a socket", path);
	strcpy(sa->sun_path, path);
	return 0;
}

static int connect_to(const struct sockaddr *sa, socklen_t n, struct chan_stop *stop)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r = 0;
	socklen_t len = sizeof(r);

	if (fd < 0)
		return -errno;
	if (connect(fd, sa, n) < 0) {
		r = -errno;
		if (r == -EINPROGRESS) {
			r = chan_wait_fd(fd, POLLOUT, stop, CONNECT_MS);
			if (!r && !getsockopt(fd, SOL_SOCKET, SO_ERROR, &r, &len))
				r = -r;
		}
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int connect_unix(const struct uri *u, struct chan_stop *stop, struct err *e)
{
	struct sockaddr_un sa;
	int fd = unix_addr(u->rest, &sa, e);

	if (fd < 0)
		return fd;
	fd = connect_to((struct sockaddr *)&sa, sizeof(sa), stop);
	return fd < 0 ? err_errno(e, -fd, "unix:%s", u->rest) : fd;
}

static struct addrinfo *tcp_addrs(const struct uri *u, bool passive, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = (passive ? AI_PASSIVE : 0) | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int r = getaddrinfo(u->rest[0] ? u->rest : NULL, u->port, &hints, &list);

	if (r)
		err_set(e, EHOSTUNREACH, "tcp:%s:%s: %s", u->rest, u->port, gai_strerror(r));
	return r ? NULL : list;
}

static int connect_tcp(const struct uri *u, struct chan_stop *stop, struct err *e)
{
	struct addrinfo *list = tcp_addrs(u, false, e);
	int fd = -EHOSTUNREACH;

	if (!list)
		return -e->code;
	for (struct addrinfo *a = list; a && fd < 0 && fd != -ECANCELED; a = a->ai_next)
		fd = connect_to(a->ai_addr, a->ai_addrlen, stop);
	freeaddrinfo(list);
	if (fd < 0)
		return err_errno(e, -fd, "tcp:%s:%s", u->rest, u->port);
	tcp_options(fd);
	return fd;
}

/* Starts /bin/sh -c; in and out: its standard input and output, -1: ambi's own. */
static int spawn(const char *command, int in, int out, pid_t *pid, struct err *e)
{
	const char *argv[] = { "sh", "-c", command, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, usual;
	int r;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	/* its own group: all of a pipeline can be ended */
	posix_spawnattr_setpgroup(&at, 0);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&at, &none);
	/* what guest_run ignores: a pipeline wants to end by it */
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGXFSZ);
	posix_spawnattr_setsigdefault(&at, &usual);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&fa, in, 0);
	else
		posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&fa, out, 1);
	r = posix_spawn(pid, "/bin/sh", &fa, &at, (char *const *)argv, environ);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	return r ? err_errno(e, r, "/bin/sh") : 0;
}

static struct chan *open_exec(const struct uri *u, struct chan_stop *stop, struct err *e)
{
	struct chan *c;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0) {
		err_errno(e, errno, "socketpair");
		return NULL;
	}
	c = chan_new(sv[0], sv[0], stop, e);
	if (c) {
		c->two_way = true;
		if (spawn(u->rest, sv[1], sv[1], &c->child, e) < 0) {
			chan_close(c);
			c = NULL;
		}
	}
	close(sv[1]);
	return c;
}

static struct chan *open_pipe(const struct uri *u, bool out, struct chan_stop *stop, struct err *e)
{
	struct chan *c;
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0) {
		err_errno(e, errno, "pipe");
		return NULL;
	}
	c = out ? chan_new(-1, p[1], stop, e) : chan_new(p[0], -1, stop, e);
	if (c && spawn(u->rest, out ? p[0] : -1, out ? -1 : p[1], &c->child, e) < 0) {
		chan_close(c);
		c = NULL;
	}
	close(p[out ? 0 : 1]);
	return c;
}

/*
 * It is taken over: the other side is to see its end when the channel is closed, not when ambi
 * ends. Its number stays taken, by what neither takes nor gives a byte, so that whoever names it
 * again does not get something else.
 */
static struct chan *open_fd(const struct uri *u, struct chan_stop *stop, struct err *e)
{
	int fd = fcntl(u->fd, F_DUPFD_CLOEXEC, 3), none;
	struct chan *c;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_errno(e, errno, "fd:%s", u->rest);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (none >= 0) {
		dup3(none, u->fd, O_CLOEXEC);
		close(none);
	}
	c = chan_new(fd, fd, stop, e);
	if (c)
		c->two_way = S_ISSOCK(st.st_mode);
	return c;
}

static struct chan *open_file_out(const struct uri *u, struct chan_stop *stop, struct err *e)
{
	struct chan *c;
	struct stat st;
	int r;

	/* a device file is nothing to be replaced; nor is what a link stands for */
	if (!lstat(u->rest, &st) && !S_ISREG(st.st_mode)) {
		err_set(e, EEXIST, "%s: is there, and is not a file", u->rest);
		return NULL;
	}
	c = chan_new(-1, -1, stop, e);
	if (!c)
		return NULL;
	strcpy(c->path, u->rest);
	snprintf(c->tmp, sizeof(c->tmp), "%s.part-%d", u->rest, (int)getpid());
	unlink(c->tmp);
	c->out = open(c->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (c->out >= 0)
		return c;
	r = errno;
	err_errno(e, r, "%s", c->tmp);
	c->tmp[0] = 0;
	chan_close(c);
	return NULL;
}

struct chan *chan_connect(const char *text, struct chan_stop *stop, struct err *e)
{
	struct uri u;
	int fd;

	if (parse(&u, text, e) < 0)
		return NULL;
	switch (u.kind) {
	case KIND_UNIX:
	case KIND_TCP:
		fd = u.kind == KIND_UNIX ? connect_unix(&u, stop, e) : connect_tcp(&u, stop, e);
		return fd < 0 ? NULL : chan_socket(fd, false, &u, stop, e);
	case KIND_FD:
		return open_fd(&u, stop, e);
	case KIND_EXEC:
		return open_exec(&u, stop, e);
	case KIND_PIPE:
		return open_pipe(&u, true, stop, e);
	case KIND_FILE:
		return open_file_out(&u, stop, e);
	}
	return NULL;
}

/* ---- the incoming side ---- */

struct chan_listener {
	struct uri uri;
	int fd;				/* -1: nothing to wait for */
	bool given;			/* the one channel */
};

static int listen_unix(const struct uri *u, struct err *e)
{
	struct sockaddr_un sa;
	struct stat st;
	int fd = unix_addr(u->rest, &sa, e), r;

	if (fd < 0)
		return fd;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	/* a socket that nobody serves any more is what a process left that was killed */
	if (!lstat(u->rest, &st) && S_ISSOCK(st.st_mode) &&
	    connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 && errno == ECONNREFUSED)
		unlink(u->rest);
	fchmod(fd, 0600);		/* the name's mode: before anybody can see it */
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, BACKLOG) < 0 ? errno : 0;
	if (!r)
		return fd;
	close(fd);
	return err_errno(e, r, "unix:%s", u->rest);
}

static void say_port(int fd, const struct uri *u)
{
	struct sockaddr_storage ss;
	socklen_t n = sizeof(ss);
	char port[32];

	if (!getsockname(fd, (struct sockaddr *)&ss, &n) &&
	    !getnameinfo((struct sockaddr *)&ss, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV))
		log_info("migration: waits at tcp:%s:%s", u->rest, port);
}

static int listen_tcp(const struct uri *u, struct err *e)
{
	struct addrinfo *list = tcp_addrs(u, true, e);
	int fd = -1, on = 1, r = EADDRNOTAVAIL;

	if (!list)
		return -e->code;
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
			r = errno;
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd < 0)
		return err_errno(e, r, "tcp:%s:%s", u->rest, u->port);
	say_port(fd, u);
	return fd;
}

struct chan_listener *chan_listen(const char *text, struct err *e)
{
	struct chan_listener *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	l->fd = -1;
	if (parse(&l->uri, text, e) < 0)
		goto fail;
	if (l->uri.kind == KIND_UNIX || l->uri.kind == KIND_TCP) {
		l->fd = l->uri.kind == KIND_UNIX ? listen_unix(&l->uri, e) : listen_tcp(&l->uri, e);
		if (l->fd < 0)
			goto fail;
	}
	return l;
fail:
	free(l);
	return NULL;
}

static struct chan *open_file_in(const struct uri *u, struct chan_stop *stop, struct err *e)
{
	int fd = open(u->rest, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		err_errno(e, errno, "%s", u->rest);
		return NULL;
	}
	return chan_new(fd, -1, stop, e);
}

struct chan *chan_accept(struct chan_listener *l, struct chan_stop *stop, unsigned patience_ms,
			 struct err *e)
{
	if (l->fd < 0 && l->given) {
		err_set(e, EINVAL, "one connection is all there is");
		return NULL;
	}
	l->given = true;
	switch (l->uri.kind) {
	case KIND_UNIX:
	case KIND_TCP:
		for (;;) {
			int r = chan_wait_fd(l->fd, POLLIN, stop, patience_ms), fd;

			if (r < 0) {
				err_errno(e, -r, "waiting for a connection");
				return NULL;
			}
			fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (fd < 0 && (errno == EAGAIN || errno == EINTR ||
				       errno == ECONNABORTED))
				continue;
			if (fd < 0) {
				err_errno(e, errno, "accept");
				return NULL;
			}
			if (l->uri.kind == KIND_TCP)
				tcp_options(fd);
			return chan_socket(fd, true, &l->uri, stop, e);
		}
	case KIND_FD:
		return open_fd(&l->uri, stop, e);
	case KIND_EXEC:
		return open_exec(&l->uri, stop, e);
	case KIND_PIPE:
		return open_pipe(&l->uri, false, stop, e);
	case KIND_FILE:
		return open_file_in(&l->uri, stop, e);
	}
	return NULL;
}

bool chan_listener_again(const struct chan_listener *l)
{
	return l->fd >= 0;
}

void chan_listener_free(struct chan_listener *l)
{
	if (!l)
		return;
	if (l->fd >= 0) {
		close(l->fd);
		if (l->uri.kind == KIND_UNIX)
			unlink(l->uri.rest);
	}
	free(l);
}
