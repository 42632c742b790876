/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One client's side of QMP (QEMU's docs/interop/qmp-spec), without sockets and without a guest:
 * bytes in, bytes out. The bytes in are hostile.
 */
#ifndef VMM_API_SESSION_H
#define VMM_API_SESSION_H

#include <glib.h>

#include "vmm/api/table.h"

enum {
	API_MAX_REQUEST = 1 << 20,	/* bytes */
	API_MAX_DEPTH = 64,		/* of objects and arrays */
};

struct api_session {
	const struct api_table *table;
	void (*send)(void *opaque, const char *text, size_t len);	/* whole lines */
	/* Arguments are checked. As api_fn. */
	int (*call)(void *opaque, const struct api_command *c, json_t *args, json_t **ret,
		    struct err *e);
	void *opaque;

	bool negotiated;
	GString *request;		/* of the object that has begun */
	unsigned depth;			/* 0: between objects */
	bool in_string, escape;
	bool skip;			/* what was wrong goes on until the end of the line */
};

void api_session_init(struct api_session *s);		/* the first four members are set */
void api_session_fini(struct api_session *s);
void api_session_greet(struct api_session *s);
/*
 * Takes bytes until one request is complete and served, or all n; returns how many. -EMSGSIZE:
 * the client is to be cut off.
 */
ssize_t api_session_feed(struct api_session *s, const char *bytes, size_t n);
json_t *api_version(const struct api_table *t);	/* VersionInfo; a new reference */
/* As its text on the wire. */
void api_session_send(struct api_session *s, json_t *msg);

#endif
