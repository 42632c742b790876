/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions of an x87 unit, done by the host's own where it has one. Only code compiled
 * without vector registers is behind this, so translated code may call it lightly.
 */
#ifndef TCG_X87_H
#define TCG_X87_H

#include <stdbool.h>
#include <stdint.h>

/* The unit as FNSAVE writes it in 32-bit protected mode (SDM volume 1, 8.1.10). */
struct x87_image {
	uint32_t cw, sw, tw, ip, cs_op, dp, ds;
	uint8_t st[8][10];		/* in the order of the stack */
} __attribute__((packed));

/*
 * One instruction, neither of those that load or store the environment nor FNSTSW AX. op: the
 * low three bits of its first byte; modrm: register form; or with mod = 0, and mem is the
 * operand (which is not written where an unmasked exception suppresses that). flags: RFLAGS, for
 * FCMOVcc, FCOMI. m->sw has no unmasked exception pending. False: this host can't.
 */
bool x87_host_exec(struct x87_image *m, unsigned op, uint8_t modrm, void *mem, uint64_t *flags);

/*
 * One operation on values, everything masked: quicker. cw: rounding and precision. Results are
 * the status word: condition codes and flags; of flags that are in `known` already it may say
 * anything. mem: as above. Only where x87_host_light says so.
 */
enum x87_light {
	X87_LOAD,		/* a = mem */
	X87_STORE,		/* mem = a; modrm is that of the popping form */
	X87_UNARY,		/* a = op a, or a = a op mem */
	X87_BINARY,		/* a = a op b; modrm with ST and ST(1) */
	X87_COMPARE,		/* a with b; modrm that of the form that pops both */
};
bool x87_host_light(void);
uint32_t x87_host_op(enum x87_light kind, unsigned op, uint8_t modrm, uint32_t cw, uint32_t known,
		     uint8_t *a, const uint8_t *b, void *mem);

#endif
