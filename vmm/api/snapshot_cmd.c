/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of snapshots (vmm/move/snapshot.h). */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "vmm/api/handlers.h"
#include "vmm/gdbstub.h"
#include "vmm/guest.h"
#include "vmm/move/snapchain.h"
#include "vmm/move/snapshot.h"

static void tell(struct guest *g, const char *action, const char *path)
{
	api_event(g, "SNAPSHOT", json_pack("{s:s,s:o}", "action", action, "path", api_text(path)));
}

int api_snapshot_save(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const struct snapshot_save_opts o = {
		.path = api_str(args, "path", NULL), .name = api_str(args, "name", NULL),
		.parent = api_str(args, "parent", NULL), .level = (int)api_int(args, "level", 0),
		.stop = api_bool(args, "stop", false),
	};
	struct snapshot_report rep;
	bool ran = guest_is_running(g);
	int r = snapshot_save_report(g, &o, &rep, e);

	if (r < 0)
		return r;
	*ret = json_pack("{s:o, s:I, s:I, s:I, s:I, s:f}", "file", api_text(rep.path), "size",
			 (json_int_t)rep.bytes, "pages", (json_int_t)rep.pages, "zero",
			 (json_int_t)rep.zero, "same", (json_int_t)rep.same, "pause",
			 (double)rep.pause_ns / 1e9);
	tell(g, "save", rep.path);
	g_free(rep.path);
	if (ran && o.stop)
		api_event(g, "STOP", NULL);
	return 0;
}

int api_snapshot_load(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const char *clock = api_str(args, "clock", "continue");
	const struct snapshot_load_opts o = {
		.path = api_str(args, "path", NULL), .name = api_str(args, "name", NULL),
		.clock = strcmp(clock, "advance") ? CLOCK_CONTINUE : CLOCK_ADVANCE,
		.eager = api_bool(args, "eager", false), .stop = api_bool(args, "stop", false),
	};
	bool ran = guest_is_running(g);
	int r = snapshot_load(g, &o, e);

	if (r < 0)
		return r;
	tell(g, "load", o.path);
	if (ran != (!o.stop && !gdbstub_holds(g)))
		api_event(g, ran ? "STOP" : "RESUME", NULL);
	return 0;
}

int api_snapshot_list(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	*ret = snapshot_list(api_str(args, "path", NULL), e);
	return *ret ? 0 : -e->code;
}

int api_snapshot_delete(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return snapshot_delete(g, api_str(args, "path", NULL), api_str(args, "name", NULL), e);
}
