/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of vmm/api that serve clients. Main thread only. */
#ifndef VMM_API_SERVER_H
#define VMM_API_SERVER_H

#include <glib.h>
#include <pthread.h>

#include "vmm/api/session.h"
#include "vmm/api/socket.h"

enum {
	API_MAX_CLIENTS = 16,
	API_MAX_UNSENT = 4 << 20,	/* bytes: a client that reads slower is cut off */
	API_HIGH_WATER = 64 << 10,	/* no further request is served above it */
	API_MAX_LISTENERS = 8,
};

struct chardev;
struct console;

struct api_client {
	struct api_server *srv;
	int in, out;			/* the same, except stdio's */
	guint in_src, out_src, more_src;
	struct api_session s;
	GString *unsent;
	char buf[16384];		/* received, not yet looked at */
	size_t at, len;
	bool busy;			/* inside a handler, which may run the main loop */
	bool dead;			/* to be freed when it is not busy any more */
	bool eof;
	struct console *console;	/* it is one now: bytes are the serial port's */
};

struct api_listener {
	struct api_server *srv;
	int fd;
	guint src;
	char path[API_PATH_MAX];	/* "": TCP */
};

struct api_server {
	struct guest *g;
	char name[80];
	uint64_t started_ns;
	struct api_listener listener[API_MAX_LISTENERS];
	unsigned nr_listeners;
	struct api_client *client[API_MAX_CLIENTS];
	struct api_client *current;	/* whose request is served now; NULL: a monitor's */
};

const char *api_name(struct guest *g);
/* Appends to what is to be sent, and sends what goes now. */
void api_client_send(void *opaque, const char *text, size_t len);

/*
 * console.c: up to max bytes of output, and news of more from now on; input, of which it says how
 * much was taken.
 */
void api_console_take(struct console *k, GString *to, size_t max);
size_t api_console_feed(struct console *k, const char *buf, size_t n);
void api_console_end(struct console *k);
void api_consoles_pump(struct api_server *srv);

/*
 * Served without a client: for keys and the monitor. 0, or -errno with a message; *ret (may be
 * NULL) is a new reference.
 */
int api_call(struct guest *g, const char *name, json_t *args, json_t **ret, struct err *e);

#endif
