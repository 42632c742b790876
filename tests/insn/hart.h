/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One RV64 hart in user mode over a piece of RAM, run by the translator or by the
 * IR interpreter (the engine itself, as a VM would use it). Any trap ends a run.
 */
#ifndef TESTS_INSN_HART_H
#define TESTS_INSN_HART_H

#include "target/riscv/state.h"
#include "tests/solo/solo.h"

#define HART_RAM UINT64_C(0x80000000)
#define HART_RAM_SIZE (UINT64_C(16) << 20)
/* All that user mode may use. */
#define HART_FEATURES                                                                   \
	(FEAT_F | FEAT_D | FEAT_ZBA | FEAT_ZBB | FEAT_ZBS | FEAT_ZICBOM | FEAT_ZICBOP | \
	 FEAT_ZICBOZ | FEAT_ZICOND)

struct hart {
	struct solo solo;
	struct riscv_state *s;
};

/* args as after `-accel tcg,`; NULL: none. */
struct hart *hart_new(const char *args);
/* With more than RAM: `more` runs last in the machine's init; NULL: nothing. */
struct hart *hart_new_with(const char *args, int (*more)(struct machine *m, struct err *e));
void hart_free(struct hart *h);
/* Power-on state, then user mode with FP on; registers zero. */
void hart_reset(struct hart *h);
void *hart_ram(struct hart *h, uint64_t va, uint64_t len);
/* Tells the engine of bytes written through hart_ram(). */
void hart_written(struct hart *h, uint64_t va, uint64_t len);
void hart_code(struct hart *h, uint64_t va, const uint32_t *insn, unsigned n);
#define HART_CODE(h, va, ...) hart_code(h, va, (const uint32_t[]){ __VA_ARGS__ },	\
					sizeof((uint32_t[]){ __VA_ARGS__ }) / 4)
/* From pc to the first trap: returns its cause; s->mepc is where, s->mtval the value. */
uint64_t hart_run(struct hart *h, uint64_t pc);
/* fcsr as software reads it. */
unsigned hart_fcsr(struct hart *h);

#endif
