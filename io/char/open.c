/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands behind each spec of chardev_new(). */
#include "io/char/char_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "io/opts.h"
#include "util/log.h"

/*
 * A second open of the same terminal or pipe, so that making it non-blocking does
 * not change the descriptor that the shell and other programs share with us.
 */
static int reopen_output(struct chardev *c, int fd)
{
	char path[32];
	struct stat st;
	int own;

	if (fstat(fd, &st) < 0)
		return -errno;
	c->out_socket = S_ISSOCK(st.st_mode);
	if (S_ISREG(st.st_mode) || c->out_socket)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0)
		return own;
	c->out_blocking = true;
	return fd;
}

static int open_stdio(struct chardev *c, bool mux, struct err *e)
{
	int ret;

	snprintf(c->where, sizeof(c->where), "stdio");
	c->out = ret = reopen_output(c, STDOUT_FILENO);
	if (ret < 0) {
		c->out = -1;
		return err_errno(e, -ret, "standard output");
	}
	if (fcntl(STDIN_FILENO, F_GETFD) < 0)
		return 0;
	c->in = STDIN_FILENO;
	if (!isatty(STDIN_FILENO))
		return 0;
	ret = term_set_raw(STDIN_FILENO, !mux, e);
	c->is_tty = ret == 0;
	return ret;
}

static int open_file(struct chardev *c, const char *path, struct err *e)
{
	snprintf(c->where, sizeof(c->where), "%s", path);
	c->out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	if (c->out < 0)
		return err_errno(e, errno, "%s", path);
	return 0;
}

static int open_pty(struct chardev *c, struct err *e)
{
	char name[64];
	struct termios t;
	int slave;

	c->in = c->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (c->in < 0)
		return err_errno(e, errno, "pseudo terminal");
	if (grantpt(c->in) < 0 || unlockpt(c->in) < 0 || ptsname_r(c->in, name, sizeof(name)))
		return err_errno(e, errno, "pseudo terminal");
	/* Raw, so that the line discipline leaves the bytes alone before a client sets its own.
	 * Closing the slave again makes the master report "nobody there". */
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_errno(e, errno, "%s", name);
	if (tcgetattr(slave, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(slave, TCSANOW, &t);
	}
	close(slave);
	snprintf(c->where, sizeof(c->where), "%s", name);
	c->is_pty = true;
	c->open = false;
	return 0;
}

/* A socket file that nobody listens on is left over from a dead process. */
static void remove_stale(const struct sockaddr_un *a)
{
	struct stat st;
	int fd;

	if (lstat(a->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	/* whoever lives there may have many waiting: that is no reason to wait, too */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 && errno == ECONNREFUSED)
		unlink(a->sun_path);
	close(fd);
}

static int open_unix(struct chardev *c, const char *text, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char key[32], val[256], path[256] = "";
	bool server = false;
	int ret, fd;

	ret = opts_next(&text, key, sizeof(key), path, sizeof(path), true, e);
	if (ret < 0)
		return ret;
	while ((ret = opts_next(&text, key, sizeof(key), val, sizeof(val), false, e)) > 0) {
		bool wait;

		if (!strcmp(key, "server"))
			ret = opts_bool(key, val, &server, e);
		else if (!strcmp(key, "wait"))
			ret = opts_bool(key, val, &wait, e);	/* accepted, always off */
		else
			ret = err_set(e, EINVAL, "unknown option '%s' (server=on)", key);
		if (ret < 0)
			return ret;
	}
	if (ret < 0)
		return ret;
	if (!path[0])
		return err_set(e, EINVAL, "unix: needs a path");
	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(e, ENAMETOOLONG, "socket path is longer than %zu bytes",
			       sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	snprintf(c->where, sizeof(c->where), "%.*s", (int)sizeof(c->where) - 1, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket");
	c->out_socket = true;
	if (!server) {
		c->in = c->out = fd;
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
			return err_errno(e, errno, "%s", path);
		return 0;
	}
	c->listener = fd;
	c->open = false;
	remove_stale(&a);
	/* the name's mode from the first moment: behind it there may be the monitor */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return err_errno(e, errno, "%s", path);
	strcpy(c->unlink_path, path);
	if (listen(fd, 1) < 0)
		return err_errno(e, errno, "%s", path);
	return 0;
}

const char *chardev_specs(void)
{
	return "stdio, mon:stdio, null, file:PATH, pty, unix:PATH[,server=on]";
}

int chardev_open_ends(struct chardev *c, const char *spec, struct err *e)
{
	bool mux = !strncmp(spec, "mon:", 4);
	int ret;

	if (mux) {
		spec += 4;
		c->mux = mux_new();
		if (!c->mux)
			return err_set(e, ENOMEM, "no memory");
	}
	if (!strcmp(spec, "stdio"))
		return open_stdio(c, mux, e);
	if (!strcmp(spec, "null") || !strcmp(spec, "none")) {
		snprintf(c->where, sizeof(c->where), "null");
		c->open = false;
		return 0;
	}
	if (!strcmp(spec, "ring")) {
		snprintf(c->where, sizeof(c->where), "ring");
		return 0;
	}
	if (!strncmp(spec, "file:", 5) && spec[5])
		return open_file(c, spec + 5, e);
	if (!strcmp(spec, "pty")) {
		ret = open_pty(c, e);
		if (!ret)
			log_info("serial port is %s", c->where);
		return ret;
	}
	if (!strncmp(spec, "unix:", 5))
		return open_unix(c, spec + 5, e);
	return err_set(e, EINVAL, "unknown back end (%s)", chardev_specs());
}
