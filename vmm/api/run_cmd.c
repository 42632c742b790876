/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that make the guest run, stop, start again and end. */
#include <errno.h>
#include <string.h>

#include "hw/machine/pc.h"
#include "vmm/api/handlers.h"
#include "vmm/gdbstub.h"
#include "vmm/guest.h"
#include "vmm/move/migrate.h"

void api_event_end(struct guest *g, const char *name, const char *reason)
{
	api_event(g, name, json_pack("{s:b,s:s}", "guest", !strncmp(reason, "guest-", 6),
				     "reason", reason));
}

int api_stop(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	bool ran = guest_is_running(g);

	g->stopped_by_user = true;
	guest_pause(g);
	if (ran)
		api_event(g, "STOP", NULL);
	return 0;
}

int api_cont(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	bool ran = guest_is_running(g);
	int r = 0;

	if (gdbstub_holds(g))
		return err_set(e, EBUSY, "gdb has stopped the guest, and lets it go on");
	if (guest_is_frozen(g)) {
		r = migrate_cont(g, api_bool(args, "force", false), e);
	} else {
		g->stopped_by_user = false;
		if (!ran)
			guest_resume(g);
	}
	if (!ran && guest_is_running(g))
		api_event(g, "RESUME", NULL);
	return r;
}

int api_quit(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	guest_shutdown(g, EXIT_OK, "host-qmp-quit");
	return 0;
}

int api_system_reset(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	if (guest_is_frozen(g))
		return err_set(e, EBUSY, "the guest is being saved or moved");
	g->reset_by_host = true;
	machine_event(g->vm.machine, MACHINE_RESET, 0);
	return 0;
}

int api_system_powerdown(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	if (!machine_is_pc(g->vm.machine))
		return err_set(e, ENOTSUP, "machine %s has no power button",
			       g->vm.machine->type->name);
	pc_power_button(g->vm.machine);
	api_event(g, "POWERDOWN", NULL);
	return 0;
}
