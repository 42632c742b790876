/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hot switch: freeze, vm_switch, thaw. What is engine-independent stays where it is. */
#include <errno.h>

#include "util/log.h"
#include "util/os.h"
#include "vmm/api/api.h"
#include "vmm/gdbstub.h"
#include "vmm/guest.h"
#include "vmm/move/fallback.h"
#include "vmm/move/move.h"

struct power { enum cpu_power power; bool init, sipi; uint64_t arg, mp; };

/* What ready() changes, for the way back; INIT and SIPI may be taken twice. */
static void power_keep(struct guest *g, struct power *p)
{
	const struct reg *mp = isa_reg(g->vm.isa, "mp_state");

	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		p[i] = (struct power){ g->cpu[i].power, g->cpu[i].init, g->cpu[i].sipi,
				       g->cpu[i].start_arg,
				       mp ? isa_reg_get(mp, g->cpu[i].v->state) : 0 };
}

static void power_back(struct guest *g, const struct power *p)
{
	const struct reg *mp = isa_reg(g->vm.isa, "mp_state");

	for (unsigned i = 0; i < g->vm.nr_vcpus; i++) {
		g->cpu[i].power = p[i].power;
		g->cpu[i].init = p[i].init;
		g->cpu[i].sipi = p[i].sipi;
		g->cpu[i].start_arg = p[i].arg;
		g->cpu[i].v->powered = p[i].power == CPU_STARTED;
		if (mp)
			isa_reg_set(mp, g->cpu[i].v->state, p[i].mp);
	}
}

static void ready(void *opaque)
{
	guest_power(opaque, true);
}

int guest_switch(struct guest *g, const struct accel_ops *to, struct switch_report *rep,
		 struct err *e)
{
	const struct accel_ops *from = g->vm.accel;
	bool ran = guest_is_running(g);
	struct unpark_report code = { 0 };
	uint64_t t0 = os_now_ns();
	struct power *power;
	json_t *note;
	int r;

	*rep = (struct switch_report){ 0 };
	if (to == from) {
		fallback_stay(g);
		return 0;
	}
	if (!g->vm.machine->irqchip && g->vm.isa->sipi)
		return err_set(e, ENOTSUP,
			       "machine %s has no interrupt chips of its own, so its guest stays "
			       "on the engine that it began on; machine pc has",
			       g->vm.machine->type->name);
	r = guest_freeze(g, e);
	if (r < 0)
		return err_prefix(e, "switch to %s", to->name);
	power = g_new(struct power, g->vm.nr_vcpus);
	power_keep(g, power);
	gdbstub_engine(g, false);
	r = vm_switch(&g->vm, to, &code, ready, g, e);
	gdbstub_engine(g, true);
	if (r < 0) {
		power_back(g, power);
		g->chips_stale = true;
	}
	g_free(power);
	guest_thaw(g, false, ran);
	if (r < 0)
		return err_prefix(e, "switch to %s", to->name);
	rep->pause_ns = os_now_ns() - t0;
	rep->code_pages = code.pages;
	rep->code_dropped = code.dropped;
	if (ran)
		snprintf(rep->note, sizeof(rep->note), "%s", g->vm.time_note);
	g->switches++;
	g->fallback.on = true;		/* whoever switches has both engines in mind */
	fallback_stay(g);
	note = json_pack("{s:s,s:s,s:I}", "from", from->name, "to", to->name, "pause-ns",
			 (json_int_t)rep->pause_ns);
	if (rep->note[0])
		json_object_set_new(note, "note", json_string(rep->note));
	api_event(g, "VM_SWITCH", note);
	log_info("engine %s now (was %s): %.1f ms", to->name, from->name,
		 (double)rep->pause_ns / 1e6);
	return 0;
}
