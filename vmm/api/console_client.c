/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ambi console NAME: this terminal as a guest's serial port, besides the port's own end. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/char/char.h"
#include "vmm/api/client.h"

#define ESCAPE 0x01

static int put(int fd, const char *buf, size_t n)
{
	while (n) {
		ssize_t r = write(fd, buf, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		buf += r;
		n -= (size_t)r;
	}
	return 0;
}

/* Ctrl-A x leaves (1), Ctrl-A Ctrl-A is Ctrl-A; the rest goes to the guest. */
static int typed(int fd, const char *buf, size_t n)
{
	static bool escape;
	char out[1024];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (escape && (buf[i] == 'x' || buf[i] == 'X')) {
			put(fd, out, k);
			return 1;
		}
		if (!escape && buf[i] == ESCAPE) {
			escape = true;
			continue;
		}
		if (escape && buf[i] == 'h')
			fputs("\r\nCtrl-A x leaves, Ctrl-A Ctrl-A sends Ctrl-A\r\n", stderr);
		if (!escape || buf[i] == ESCAPE)
			out[k++] = buf[i];
		escape = false;
	}
	return put(fd, out, k) < 0 ? 1 : 0;
}

static int attach(struct api_conn *c)
{
	struct pollfd p[2] = { { c->fd, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
	char buf[1024];

	if (put(STDOUT_FILENO, c->in->str, c->in->len) < 0)
		return 1;
	for (;;) {
		ssize_t n;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents) {
			n = read(c->fd, buf, sizeof(buf));
			if (n <= 0 || put(STDOUT_FILENO, buf, (size_t)n) < 0)
				return 0;
		}
		if (p[1].revents) {
			n = read(STDIN_FILENO, buf, sizeof(buf));
			if (n <= 0)
				p[1].fd = -1;	/* output goes on until the guest ends */
			else if (typed(c->fd, buf, (size_t)n))
				return 0;
		}
	}
}

int program_console(int argc, char **argv)
{
	struct err e = { 0 };
	struct api_conn c;
	json_t *ret = NULL;
	char *end = "";
	int r, port = 0;

	if (argc < 2 || argc > 3 || !strcmp(argv[1], "--help")) {
		bool help = argc == 2 && !strcmp(argv[1], "--help");

		fprintf(help ? stdout : stderr, "usage: ambi console NAME [PORT]\n"
			"Attaches this terminal to a guest's serial port (0). Ctrl-A x leaves.\n");
		return !help;
	}
	if (argc == 3)
		port = (int)strtol(argv[2], &end, 10);
	if (*end) {
		fprintf(stderr, "ambi console: %s: not the number of a port\n", argv[2]);
		return 1;
	}
	r = api_conn_open(&c, argv[1], 5000, &e);
	if (!r) {
		r = api_conn_call(&c, "vm-console", json_pack("{s:i}", "serial", port), &ret, &e);
		json_decref(ret);
		if (r < 0)
			api_conn_close(&c);
	}
	if (r < 0) {
		fprintf(stderr, "ambi console: %s\n", e.msg);
		return 1;
	}
	api_conn_timeout(&c, 0);
	if (isatty(STDIN_FILENO)) {
		fprintf(stderr, "serial port %d of %s; Ctrl-A x leaves\n", port, argv[1]);
		if (term_set_raw(STDIN_FILENO, false, &e) < 0)
			fprintf(stderr, "ambi console: %s\n", e.msg);
	}
	r = attach(&c);
	chardev_restore_terminal();
	api_conn_close(&c);
	return r;
}
