/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/api/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, CLEAR_MS = 1000 };

static int address(struct sockaddr_un *a, const char *path, const char *behind, struct err *e)
{
	size_t max = sizeof(a->sun_path) - 1 - strlen(behind);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path)
		return err_set(e, EINVAL, "a path is wanted");
	if (strlen(path) > max)
		return err_set(e, ENAMETOOLONG, "%.40s...: a socket's path has at most %zu bytes",
			       path, max);
	strcat(strcpy(a->sun_path, path), behind);
	return 0;
}

int api_connect(const char *path, unsigned timeout_ms, struct err *e)
{
	struct timeval t = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	struct sockaddr_un a;
	int r = address(&a, path, "", e), fd;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	/* connecting waits, too, where a stopped process has many to accept */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		r = err_errno(e, errno, "%s", path);
		close(fd);
		return r;
	}
	return fd;
}

/*
 * Who removes a dead one holds this meanwhile: else the next one could be a third process's, which
 * has just come to the free name. Not for ever, since a directory may be everybody's.
 */
static int lock_dir(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (unsigned i = 0; fd >= 0 && i < 200 && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		g_usleep(10000);
	return fd;
}

int api_clear_stale(const char *path, struct err *e)
{
	struct err why = { 0 };
	struct stat st;
	int lock, fd, r = 0;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, EADDRINUSE, "%s: is there already and is no socket", path);
	lock = lock_dir(path);
	fd = api_connect(path, CLEAR_MS, &why);
	if (fd >= 0)
		close(fd);
	if (fd == -ECONNREFUSED)
		unlink(path);
	else if (fd != -ENOENT)
		r = err_set(e, EADDRINUSE, "%s: in use by another process", path);
	if (lock >= 0)
		close(lock);
	return r;
}

/*
 * The socket listens before it gets its name: who finds it can connect, and a refused connection
 * means a dead process. Linux gives the file the mode that the socket has when it is bound.
 */
int api_listen(const char *path, struct err *e)
{
	g_autofree char *behind = g_strdup_printf(".%d~", (int)getpid());
	struct sockaddr_un a;
	int r = address(&a, path, behind, e), fd;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	unlink(a.sun_path);
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		r = err_errno(e, errno, "%s", path);
		close(fd);
		return r;
	}
	if (listen(fd, BACKLOG) < 0)
		r = err_errno(e, errno, "%s", path);
	while (!r && link(a.sun_path, path) < 0)
		r = errno == EEXIST ? api_clear_stale(path, e) : err_errno(e, errno, "%s", path);
	unlink(a.sun_path);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int api_listen_tcp(const char *where, struct err *e)
{
	const char *colon = strrchr(where, ':');
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	g_autofree char *host = NULL;
	int fd, one = 1, code;
	unsigned long port;
	char *end;

	port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!port || port > UINT16_MAX || *end)
		return err_set(e, EINVAL, "no port number from 1 to 65535");
	host = colon == where ? g_strdup("127.0.0.1") : g_strndup(where, (gsize)(colon - where));
	code = getaddrinfo(host, colon + 1, &hints, &ai);
	if (code)
		return err_set(e, EINVAL, "%s", gai_strerror(code));
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	code = fd < 0 ? errno : 0;
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd >= 0 && (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)) {
		code = errno;
		close(fd);
	}
	freeaddrinfo(ai);
	return code ? err_errno(e, code, "port %s", colon + 1) : fd;
}

/* /tmp belongs to all: what lies there under our name has to be ours. */
static int own_dir(const char *dir, bool create, struct err *e)
{
	struct stat st;

	if (create && mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "%s", dir);
	if (lstat(dir, &st) < 0)
		return err_errno(e, errno, "%s", dir);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077)
		return err_set(e, EPERM, "%s: not a directory of this user alone (mode 0700)", dir);
	return 0;
}

int api_dir(char *dir, size_t n, bool create, struct err *e)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	unsigned uid = (unsigned)geteuid();
	g_autofree char *run = g_strdup_printf("/run/user/%u", uid), *path = NULL;

	if (xdg && *xdg == '/')
		path = g_strdup_printf("%s/ambi", xdg);
	else if (!access(run, W_OK | X_OK))
		path = g_strdup_printf("%s/ambi", run);
	else
		path = g_strdup_printf("/tmp/ambi-%u", uid);
	if (strlen(path) >= n)
		return err_set(e, ENAMETOOLONG, "%s: too long", path);
	strcpy(dir, path);
	return own_dir(dir, create, e);
}

bool api_name_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			  "._-+@");

	return n && n <= 64 && !name[n] && *name != '.' && *name != '-';
}

int api_socket_path(char *path, size_t n, const char *name, struct err *e)
{
	char dir[256];
	int r;

	if (strchr(name, '/')) {
		if (strlen(name) >= n)
			return err_set(e, ENAMETOOLONG, "%.40s...: too long", name);
		strcpy(path, name);
		return 0;
	}
	if (!api_name_ok(name))
		return err_set(e, EINVAL, "%.60s: not a guest's name", name);
	r = api_dir(dir, sizeof(dir), false, e);
	if (r < 0)
		return r == -ENOENT ? err_set(e, ENOENT, "no guest is named %s", name) : r;
	if ((size_t)snprintf(path, n, "%s/%s.sock", dir, name) >= n)
		return err_set(e, ENAMETOOLONG, "%s/%s.sock: longer than %zu bytes", dir, name,
			       n - 1);
	return 0;
}
