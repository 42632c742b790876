/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control interface. vmm/api/schema.json describes each command and event once: arguments,
 * reply, help. tools/apigen.py makes of it the table of commands with checked arguments, `ambi
 * ctl` sub-commands, --help, the man page, shell completion, query-qmp-schema and docs/qmp.md.
 *
 * A command NAME is served by api_NAME (dashes become underscores), on the main thread, with
 * arguments that were checked against the schema: types, ranges of integers, required ones there,
 * unknown ones refused. What it returns in *ret (a new reference; NULL: {}) goes to the client.
 */
#ifndef VMM_API_API_H
#define VMM_API_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct guest;
struct api_server;

typedef int api_fn(struct guest *g, json_t *args, json_t **ret, struct err *e);

/* -qmp SPEC, --api-socket PATH; the default socket of `ambi ps` and `ambi ctl`. */
int  api_start(struct guest *g, struct err *e);
void api_end(struct guest *g);
/* To all clients that have negotiated; takes the reference. Any thread; data may be NULL. */
void api_event(struct guest *g, const char *name, json_t *data);

/* Arguments by name, after the check: absent gives the default. */
const char *api_str(json_t *args, const char *name, const char *def);
int64_t api_int(json_t *args, const char *name, int64_t def);
bool api_bool(json_t *args, const char *name, bool def);

#endif
