/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/api/api.h"
#include "vmm/api/handlers.h"
#include "vmm/move/move.h"

int api_vm_twin(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	struct twin_opts o = { .name = api_str(args, "name", NULL),
			       .accel = api_str(args, "accel", NULL),
			       .qmp = api_str(args, "qmp", NULL),
			       .run = api_bool(args, "run", false) };
	uint64_t pause;
	int pid, r = guest_twin(g, &o, &pid, &pause, e);

	if (!r)
		*ret = json_pack("{s:i,s:f}", "pid", pid, "pause", (double)pause / 1e9);
	return r;
}
