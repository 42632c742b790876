/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glib.h>

#include "vmm/api/api.h"
#include "vmm/api/handlers.h"
#include "vmm/move/move.h"

int api_vm_twin(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	const char *qmp = api_str(args, "qmp", NULL);
	/* `ambi ctl` has paths; -qmp says of what kind the socket is */
	g_autofree char *at = qmp && *qmp == '/' ? g_strconcat("unix:", qmp, NULL) : g_strdup(qmp);
	struct twin_opts o = { .name = api_str(args, "name", NULL),
			       .accel = api_str(args, "accel", NULL),
			       .qmp = at,
			       .run = api_bool(args, "run", false) };
	uint64_t pause;
	int pid, r = guest_twin(g, &o, &pid, &pause, e);

	if (!r)
		*ret = json_pack("{s:i,s:f}", "pid", pid, "pause", (double)pause / 1e9);
	return r;
}
