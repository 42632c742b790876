/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frozen guest without RAM and disks, as one buffer: sections with a name, a version, a length
 * and a CRC, inside them fields with a name, a type and a length (hw/core/state.h's form).
 *
 *	machine		type, ISA, RAM size, CPUs, timebase, CPU model: must match
 *	mem		memory blocks: name, base, size, flags
 *	clock		virtual ns, wall clock ns at the save
 *	cpu/N		registers by the names of regs.def, power state, timers, lines, events due
 *	dev/ID		device type and its field table's stream
 *	...		what others add: optional sections are skipped by who doesn't know them
 *
 * The bytes are the same for the same guest: a save after a load gives what was loaded.
 */
#ifndef VMM_MOVE_STATE_H
#define VMM_MOVE_STATE_H

#include "hw/core/state.h"
#include "vmm/move/move.h"

/* The guest is frozen. Appends. */
int guest_state_save(struct guest *g, struct state_buf *out, struct err *e);
/*
 * The guest is frozen, or was just built. data is hostile: everything is checked before anything
 * is changed; where a device then rejects its values, the state from before is put back. RAM has
 * to be there already (devices read rings from it). The clock policy is applied here.
 */
int guest_state_load(struct guest *g, const uint8_t *data, size_t len, enum clock_policy clock,
		     struct err *e);
/* Could it be loaded here? The reason names what differs and the way out. Changes nothing. */
int guest_state_check(struct guest *g, const uint8_t *data, size_t len, struct err *e);
/* Of what it is; for lists. Text is malloc'ed JSON. */
char *guest_state_describe(const uint8_t *data, size_t len, struct err *e);

#endif
