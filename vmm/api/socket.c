/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/api/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address(struct sockaddr_un *a, const char *path, struct err *e)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path)
		return err_set(e, EINVAL, "a path is wanted");
	if (strlen(path) >= sizeof(a->sun_path))
		return err_set(e, ENAMETOOLONG, "%.40s...: a socket's path has at most %zu bytes",
			       path, sizeof(a->sun_path) - 1);
	strcpy(a->sun_path, path);
	return 0;
}

int api_connect(const char *path, struct err *e)
{
	struct sockaddr_un a;
	int r = address(&a, path, e), fd;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		r = err_errno(e, errno, "%s", path);
		close(fd);
		return r;
	}
	return fd;
}

/* 0: the way is free now. */
static int clear_stale(const char *path, struct err *e)
{
	struct err why = { 0 };
	struct stat before, now;
	int fd;

	if (lstat(path, &before) < 0)
		return 0;
	if (!S_ISSOCK(before.st_mode))
		return err_set(e, EADDRINUSE, "%s: is there already and is no socket", path);
	fd = api_connect(path, &why);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || why.code != ECONNREFUSED)
		return err_set(e, EADDRINUSE, "%s: in use by another process", path);
	/* not one that a third process has put there meanwhile */
	if (!lstat(path, &now) && now.st_ino == before.st_ino && now.st_dev == before.st_dev)
		unlink(path);
	return 0;
}

/*
 * The socket listens before it gets its name: who finds it can connect, and a refused connection
 * means a dead process. Linux gives the file the mode that the socket has when it is bound.
 */
int api_listen(const char *path, struct err *e)
{
	g_autofree char *temp = g_strdup_printf("%s.%d~", path, (int)getpid());
	struct sockaddr_un a;
	int r = address(&a, *path ? temp : path, e), fd;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	unlink(temp);
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		r = err_errno(e, errno, "%s", path);
		close(fd);
		return r;
	}
	if (listen(fd, 16) < 0)
		r = err_errno(e, errno, "%s", path);
	while (!r && link(temp, path) < 0) {
		r = errno == EEXIST ? clear_stale(path, e) : err_errno(e, errno, "%s", path);
	}
	unlink(temp);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
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
