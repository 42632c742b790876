/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that make the guest run, stop, start again and end. */
#include <errno.h>

#include "hw/machine/pc.h"
#include "vmm/api/handlers.h"
#include "vmm/guest.h"
#include "vmm/move/migrate.h"

void api_event_end(struct guest *g, const char *name, bool by_guest, const char *reason)
{
	api_event(g, name, json_pack("{s:b,s:s}", "guest", by_guest, "reason", reason));
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
	if (guest_is_frozen(g))
		return migrate_cont(g, api_bool(args, "force", false), e);
	g->stopped_by_user = false;
	if (!guest_is_running(g)) {
		guest_resume(g);
		api_event(g, "RESUME", NULL);
	}
	return 0;
}

int api_quit(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	api_event_end(g, "SHUTDOWN", false, "host-qmp-quit");
	guest_end(g, EXIT_OK);
	return 0;
}

int api_system_reset(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
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
