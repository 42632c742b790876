/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other side of QMP, for `ambi ps`, `ambi ctl` and `ambi console`. Blocking. */
#ifndef VMM_API_CLIENT_H
#define VMM_API_CLIENT_H

#include <glib.h>
#include <jansson.h>

#include "util/err.h"

struct api_conn {
	int fd;
	GString *in;			/* received, not yet looked at */
	void (*event)(void *opaque, json_t *event);	/* NULL: events are dropped */
	void *opaque;
};

/* Connects and negotiates. timeout_ms: for each wait; 0: none. */
int  api_conn_open(struct api_conn *c, const char *name, unsigned timeout_ms, struct err *e);
void api_conn_close(struct api_conn *c);
void api_conn_timeout(struct api_conn *c, unsigned ms);
/*
 * Sends a request as it is and waits for its answer; takes req. *answer is a new reference to the
 * object with "return" or "error" in it.
 */
int  api_conn_send(struct api_conn *c, json_t *req, json_t **answer, struct err *e);
/* A command: takes args (NULL: none); *ret is a new reference. -EREMOTEIO: the guest refused. */
int  api_conn_call(struct api_conn *c, const char *command, json_t *args, json_t **ret,
		   struct err *e);
/* The next message, an event or an answer. -ECONNRESET: the guest has ended. */
int  api_conn_read(struct api_conn *c, json_t **msg, struct err *e);

/* `ambi ps`, ctl, console: as main(); argv[0] is their own name. The exit status. */
int program_ps(int argc, char **argv);
int program_ctl(int argc, char **argv);
int program_console(int argc, char **argv);

#endif
