/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdb's packets as operations on a target, without a socket and without a guest:
 * what the fuzzer drives. Threads are CPUs; gdb numbers them from 1.
 */
#ifndef VMM_GDB_CMD_H
#define VMM_GDB_CMD_H

#include <glib.h>

#include "accel/accel.h"

enum gdb_action { GDB_HOLD, GDB_CONTINUE, GDB_STEP };

struct gdb_target {
	const struct isa *isa;
	unsigned nr_cpus;
	void *opaque;
	/* The CPU's state, valid until it goes on. NULL: cannot be had. */
	void *(*state)(void *opaque, unsigned cpu);
	/* Virtual memory as the CPU sees it; all or -EFAULT. */
	int  (*mem)(void *opaque, unsigned cpu, uint64_t addr, void *buf, size_t n, bool write);
	/* The whole set of break- and watchpoints; applied when the CPUs go on. */
	int  (*points)(void *opaque, const struct debug_req *r);
	void (*resume)(void *opaque, const uint8_t action[256]);	/* enum gdb_action a CPU */
	void (*detach)(void *opaque);
	void (*kill)(void *opaque);
	char *(*monitor)(void *opaque, const char *line);		/* malloc'ed text or NULL */
	void (*describe)(void *opaque, unsigned cpu, char *buf, size_t n);
	/* A packet of its own before the answer. */
	void (*send)(void *opaque, const char *payload, size_t len);
};

struct gdb_session {
	const struct gdb_target *t;
	unsigned cpu;			/* of g, m and so on */
	unsigned stop_cpu;
	bool no_ack;
	bool running;			/* a stop reply is owed */
	struct debug_req points;
	char *xml;			/* target description; made on first use */
	char last_stop[64];
};

void gdb_session_init(struct gdb_session *s, const struct gdb_target *t);
void gdb_session_fini(struct gdb_session *s);
/* One packet. Appends the answer's payload to reply; true: an answer is to be sent now. */
bool gdb_session_packet(struct gdb_session *s, const char *p, size_t len, GString *reply);
/* A stop: the payload of the reply, kept for '?'. signal: 2 interrupt, 5 trap. kind: "watch",
 * "rwatch" or "awatch" with the address, or NULL. */
const char *gdb_session_stop(struct gdb_session *s, unsigned cpu, unsigned signal, const char *kind,
			     uint64_t addr);

/* gdb_xml.c: the target description, from the ISA's register table; g_free. */
char *gdb_target_xml(const struct isa *isa);
/* The register with gdb's number n, or NULL. */
const struct reg *gdb_reg(const struct isa *isa, unsigned n);
/* How many registers, from number 0 without a gap: what a g packet holds. */
unsigned gdb_regs_in_g(const struct isa *isa);

#endif
