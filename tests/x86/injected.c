/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States that come from elsewhere in the middle of an event: what was pending or injected there
 * is delivered here before the next instruction.
 */
#include "tests/x86/handlers.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/bits.h"

extern const struct accel_ops accel_tcg;

static struct kt *machine(void)
{
	static const uint8_t nops[16] = { 0x90, 0x90, 0x90, 0xf4, 0x90, 0xf4 };
	struct kt *t = handlers_new();

	kt_put(t, CODE, nops, sizeof(nops));
	return t;
}

static uint64_t stack(struct kt *t, unsigned i)
{
	uint64_t sp = kt_state(t, 0)->gpr[X86_RSP] + i * 8;

	return kt_get32(t, sp) | (uint64_t)kt_get32(t, sp + 4) << 32;
}

static void exceptions(void)
{
	struct kt *t = machine();
	struct x86_state *s = kt_state(t, 0);

	s->exc_injected = 1;
	s->exc_nr = X86_PF;
	s->exc_has_error = 1;
	s->exc_error = 5;
	s->cr2 = 0x123;
	CHECK(to_hlt(t) == X86_PF && stack(t, 0) == 5 && stack(t, 1) == CODE && s->cr2 == 0x123,
	      "error %llx, rip %llx", (unsigned long long)stack(t, 0),
	      (unsigned long long)stack(t, 1));
	CHECK(!s->exc_injected, "injected twice");
	kt_free(t);

	t = machine();
	s = kt_state(t, 0);
	s->exc_pending = 1;
	s->exc_nr = X86_DB;
	s->exc_has_payload = 1;
	s->exc_payload = 0x4002;
	s->dr7 = 0x2400;
	CHECK(to_hlt(t) == X86_DB && s->dr6 == 0xffff4ff2 && s->dr7 == 0x400, "dr6 %llx, dr7 %llx",
	      (unsigned long long)s->dr6, (unsigned long long)s->dr7);
	kt_free(t);

	/* what a #PF that is still pending will put into CR2 */
	t = machine();
	s = kt_state(t, 0);
	s->exc_pending = s->exc_has_error = s->exc_has_payload = 1;
	s->exc_nr = X86_PF;
	s->exc_payload = 0x4567;
	s->cr2 = 0x123;
	CHECK(to_hlt(t) == X86_PF && s->cr2 == 0x4567, "cr2 %llx", (unsigned long long)s->cr2);
	kt_free(t);

	/* a shadow behind MOV SS holds a trap back, one behind STI does not */
	for (unsigned shadow = 1; shadow <= 2; shadow++) {
		t = machine();
		s = kt_state(t, 0);
		s->exc_pending = 1;
		s->exc_nr = X86_DB;
		s->int_shadow = (uint8_t)shadow;
		CHECK(to_hlt(t) == X86_DB && stack(t, 0) == CODE + (shadow == 1),
		      "shadow %u: rip %llx", shadow, (unsigned long long)stack(t, 0));
		kt_free(t);
	}
}

static void interrupts(void)
{
	struct kt *t = machine();
	struct x86_state *s = kt_state(t, 0);

	s->int_injected = 1;
	s->int_nr = 0x60;	/* injected: IF has no say any more */
	CHECK(to_hlt(t) == 0x60 && stack(t, 0) == CODE, "external");
	kt_free(t);

	t = machine();
	s = kt_state(t, 0);
	s->nmi_injected = 1;
	CHECK(to_hlt(t) == X86_NMI && s->nmi_masked && stack(t, 0) == CODE, "NMI injected");
	kt_free(t);

	t = machine();
	s = kt_state(t, 0);
	s->nmi_pending = 1;
	s->nmi_masked = 1;
	CHECK(to_hlt(t) == -1 && s->rip == CODE + 4 && s->nmi_pending, "masked NMI: rip %llx",
	      (unsigned long long)s->rip);
	/* the halt goes on where the engine is asked again: only an event ends it */
	CHECK(to_hlt(t) == -1 && s->rip == CODE + 4, "HLT ended by itself");
	s->nmi_masked = 0;
	CHECK(to_hlt(t) == X86_NMI && stack(t, 0) == CODE + 4, "NMI ends HLT");
	kt_free(t);
}

/* Lazy flags and the linear program counter are settled when others look, and taken from them. */
static void registers(void)
{
	/* add $1, %al; hlt; jc 1f; hlt; 1: nop; hlt */
	static const uint8_t code[] = { 0x04, 1, 0xf4, 0x72, 1, 0xf4, 0x90, 0xf4 };
	struct kt *t = machine();
	struct x86_state *s = kt_state(t, 0);

	kt_put(t, CODE, code, sizeof(code));
	s->gpr[X86_RAX] = 0xff;
	CHECK(to_hlt(t) == -1 && s->rip == CODE + 3 && (s->rflags & 0xfff) == 0x57,
	      "rip %llx, flags %llx", (unsigned long long)s->rip, (unsigned long long)s->rflags);
	s->rflags &= ~UINT64_C(1);
	s->mp_state = 0;
	CHECK(to_hlt(t) == -1 && s->rip == CODE + 6, "the flags that were written: rip %llx",
	      (unsigned long long)s->rip);
	kt_free(t);

	t = kt_new(1, false);
	s = kt_state(t, 0);
	kt_put(t, CODE, code, sizeof(code));
	x86_boot_real(s, 0xfff, 0x10);
	CHECK(to_hlt(t) == -1 && s->rip == 0x13 && s->pc == CODE + 3, "real mode: rip %llx",
	      (unsigned long long)s->rip);
	kt_free(t);
}

/*
 * Real mode with all bases 0 and limits of 4 GiB, as a return from flat protected mode leaves it:
 * a base that changes counts at once.
 */
static void unreal(void)
{
	/* mov %ax, %ds; movb $1, (%bx); push %cs; pop %es; movb $2, %es:4(%bx); hlt */
	static const uint8_t code[] = { 0x8e, 0xd8, 0xc6, 0x07, 1, 0x0e, 0x07,
					0x26, 0xc6, 0x47, 4, 2, HLT };
	struct kt *t = kt_new(1, false);
	struct x86_state *s = kt_state(t, 0);

	kt_put(t, CODE, code, sizeof(code));
	x86_boot_real(s, 0, 0);
	for (unsigned i = X86_ES; i <= X86_GS; i++) {
		s->seg[i].limit = UINT32_MAX;
		s->seg[i].attr |= X86_SEG_G;
	}
	s->rip = CODE;
	s->gpr[X86_RSP] = 0x7000;
	s->gpr[X86_RAX] = DATA >> 4;
	s->gpr[X86_RBX] = 0x10;
	CHECK(to_hlt(t) == -1 && s->rip == CODE + sizeof(code), "rip %llx",
	      (unsigned long long)s->rip);
	CHECK(kt_get32(t, DATA + 0x10) == 1 && kt_get32(t, 0x10) == 0 && kt_get32(t, 0x14) == 2,
	      "%x, %x, %x", kt_get32(t, DATA + 0x10), kt_get32(t, 0x10), kt_get32(t, 0x14));
	kt_free(t);
}

/* LSS takes the stack pointer along and casts no shadow (SDM volume 3, 6.8.3). */
static void stack_loaded(void)
{
	/* lss 5(%rip), %esp; nop; nop; hlt; and what is loaded */
	static const uint8_t code[] = { 0x0f, 0xb2, 0x25, 5, 0, 0, 0, 0x90, 0x90, HLT, 0, 0,
					L_STACK & 0xff, L_STACK >> 8 & 0xff, L_STACK >> 16, 0,
					0x10, 0 };
	struct kt *t = machine();
	struct x86_state *s = kt_state(t, 0);

	kt_put(t, CODE, code, sizeof(code));
	s->rflags |= X86_FLAG_TF;
	CHECK(to_hlt(t) == X86_DB && stack(t, 0) == CODE + 7, "rip %llx",
	      (unsigned long long)stack(t, 0));
	kt_free(t);
}

/* Behind MOV to SS an instruction breakpoint is as if RF were set, and only there (17.3.1.1). */
static void breakpoints(void)
{
	/* mov %ecx, %ss; nop; nop; hlt */
	static const uint8_t code[] = { 0x8e, 0xd1, 0x90, 0x90, HLT };

	for (unsigned at = 2; at <= 3; at++) {
		struct kt *t = machine();
		struct x86_state *s = kt_state(t, 0);
		int want = at == 2 ? -1 : X86_DB, got;

		kt_put(t, CODE, code, sizeof(code));
		s->gpr[X86_RCX] = 0x10;
		s->dr[0] = CODE + at;
		s->dr7 = 0x401;
		got = to_hlt(t);
		CHECK(got == want, "at +%u: %d", at, got);
		kt_free(t);
	}
}

enum { CODE_AT = 0x48, CODE_ONLY = 0x50, TASK_B = 0x58, FLAT_CODE = 0x08, FLAT_DATA = 0x10 };

/* 32 bits, paging off, the IDT as in machine(); a second task, at eip of code segment cs. */
static struct kt *machine32(uint32_t eip, unsigned cs, unsigned ds)
{
	const uint64_t more[] = {
		/* code at CODE; code that cannot be read; TSS */
		0x0040980000000000 | 0xffff | (uint64_t)CODE << 16,
		0x00cf98000000ffff,
		0x0000890000000000 | 103 | (uint64_t)L_TSS_B << 16,
	};
	uint32_t tss[26] = { [8] = eip, 2, [14] = L_STACK_B,
			     [18] = FLAT_DATA, cs, FLAT_DATA, ds, FLAT_DATA, FLAT_DATA };
	struct kt *t = kt_new(1, false);
	struct x86_state *s = kt_state(t, 0);
	const uint8_t hlt = HLT;

	x86_boot_flat32(s, CODE);
	for (unsigned i = 0; i < 256; i++) {
		uint32_t at = CODE + 0x1000 + i;
		uint64_t gate = (at & 0xffff) | (uint64_t)FLAT_CODE << 16 |
				UINT64_C(0x8e00) << 32 | (uint64_t)(at >> 16) << 48;

		kt_put(t, L_IDT + 8 * i, &gate, 8);
		kt_put(t, at, &hlt, 1);
	}
	kt_put(t, s->gdtr.base + CODE_AT, more, sizeof(more));
	kt_put(t, L_TSS_B, tss, sizeof(tss));
	s->gdtr.limit = TASK_B + 7;
	s->idtr = (struct x86_dtable){ L_IDT, 2047 };
	s->gpr[X86_RSP] = L_STACK;
	return t;
}

static void tasks(void)
{
	/* ljmp $TASK_B, $0; ud2 */
	static const uint8_t code[] = { 0xea, 0, 0, 0, 0, TASK_B, 0, 0x0f, 0x0b };
	const uint64_t gate = (uint64_t)TASK_B << 16 | UINT64_C(0x8500) << 32;
	struct kt *t = machine32(0x123, CODE_AT, CODE_ONLY);
	struct x86_state *s = kt_state(t, 0);

	/* a segment behind CS is wrong: the new task's place is in CS, whatever its base */
	kt_put(t, CODE, code, sizeof(code));
	CHECK(to_hlt(t) == X86_TS && kt_get32(t, s->gpr[X86_RSP]) == CODE_ONLY &&
	      kt_get32(t, s->gpr[X86_RSP] + 4) == 0x123 &&
	      kt_get32(t, s->gpr[X86_RSP] + 8) == CODE_AT, "error %x, eip %x",
	      kt_get32(t, s->gpr[X86_RSP]), kt_get32(t, s->gpr[X86_RSP] + 4));
	kt_free(t);

	/* RF of a fault whose handler is a task (17.3.1.1) */
	t = machine32(CODE + 0x1000 + X86_UD, FLAT_CODE, FLAT_DATA);
	s = kt_state(t, 0);
	kt_put(t, CODE, code + 7, 2);
	kt_put(t, L_IDT + 8 * X86_UD, &gate, 8);
	CHECK(to_hlt(t) == X86_UD && kt_get32(t, X86_BOOT_TSS + 32) == CODE &&
	      kt_get32(t, X86_BOOT_TSS + 36) == (X86_FLAG_RF | 2), "eip %x, flags %x",
	      kt_get32(t, X86_BOOT_TSS + 32), kt_get32(t, X86_BOOT_TSS + 36));
	CHECK(!(s->rflags & X86_FLAG_RF), "RF in the handler");
	kt_free(t);
}

/*
 * A SMI's handler that pages with PAE loads its own PDPTEs: RSM loads the others again. The first
 * ones are those that CR3 names, too: not every KVM tells what they are.
 */
static void pae_smm(void)
{
	enum { PDPT = 0x60000, PD = 0x61000, SMM_PDPT = 0x62000, SMM_CODE = 0x38000 };
	/* mov $CR4.PAE, %cr4; mov $SMM_PDPT, %cr3; or $PG | PE, %cr0; rsm; all by %eax */
	static const uint8_t smm[] = {
		0x66, 0xb8, 0x20, 0, 0, 0, 0x0f, 0x22, 0xe0,
		0x66, 0xb8, SMM_PDPT & 0xff, SMM_PDPT >> 8 & 0xff, SMM_PDPT >> 16, 0,
		0x0f, 0x22, 0xd8, 0x0f, 0x20, 0xc0, 0x66, 0x0d, 1, 0, 0, 0x80,
		0x0f, 0x22, 0xc0, 0x0f, 0xaa,
	};
	/* mov 0x40000000 + DATA, %al; hlt */
	static const uint8_t code[] = { 0xa0, DATA & 0xff, DATA >> 8 & 0xff, DATA >> 16, 0x40,
					HLT };
	const uint64_t pdpt[4] = { PD | 1, PD | 1 }, pd = 0x83, smm_pdpt[4] = { PD | 1 };
	const uint8_t there = 0x5a;
	struct kt *t = machine32(0, FLAT_CODE, FLAT_DATA);
	struct x86_state *s = kt_state(t, 0);

	kt_put(t, PDPT, pdpt, sizeof(pdpt));
	kt_put(t, SMM_PDPT, smm_pdpt, sizeof(smm_pdpt));
	kt_put(t, PD, &pd, 8);
	kt_put(t, SMM_CODE, smm, sizeof(smm));
	kt_put(t, CODE, code, sizeof(code));
	kt_put(t, DATA, &there, 1);
	s->cr3 = PDPT;
	s->cr4 |= X86_CR4_PAE;
	s->cr0 |= X86_CR0_PG;
	cpu_port_set(&t->vm.vcpu[0]->port, X86_LINE_SMI, 1);
	CHECK(to_hlt(t) == -1 && (s->gpr[X86_RAX] & 0xff) == there && !s->in_smm, "rip %llx, al %x",
	      (unsigned long long)s->rip, (unsigned)s->gpr[X86_RAX] & 0xff);
	CHECK(!memcmp(s->pdptr, pdpt, sizeof(pdpt)), "PDPTEs");
	kt_free(t);
}

static void *stopper(void *opaque)
{
	struct kt *t = opaque;
	struct vcpu *v = t->vm.vcpu[0];

	usleep(30000);
	atomic_fetch_or(&v->request, VCPU_REQ_PAUSE);
	t->vm.accel->kick(v);
	return NULL;
}

/* Returns that go on without the engine's loop (IRX_CONTINUE) still end when somebody wants it. */
static void stopped(void)
{
	enum { FRAME = L_SCRATCH };
	/* mov $FRAME, %esp; iretq */
	static const uint8_t code[] = { 0xbc, FRAME & 0xff, FRAME >> 8 & 0xff, FRAME >> 16, 0,
					0x48, 0xcf };
	struct kt *t = machine();
	struct x86_state *s = kt_state(t, 0);
	uint64_t frame[5] = { CODE, s->seg[X86_CS].selector, 2, FRAME, s->seg[X86_SS].selector };
	struct vm_exit x;
	struct err e = { 0 };
	pthread_t th;

	kt_put(t, CODE, code, sizeof(code));
	kt_put(t, FRAME, frame, sizeof(frame));
	CHECK(!vcpu_push(t->vm.vcpu[0], &e), "%s", e.msg);
	CHECK(!pthread_create(&th, NULL, stopper, t), "thread");
	alarm(20);
	do
		t->vm.accel->run(t->vm.vcpu[0], &x);
	while (x.reason == VM_EXIT_NONE && !atomic_load(&t->vm.vcpu[0]->request));
	alarm(0);
	pthread_join(th, NULL);
	CHECK(x.reason == VM_EXIT_NONE, "exit %d %s", x.reason, x.text);
	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_ALL, &e), "%s", e.msg);
	CHECK(s->rip == CODE || s->rip == CODE + 5, "rip %llx", (unsigned long long)s->rip);
	kt_free(t);
}

int main(int argc, char **argv)
{
	kt_engine = &accel_tcg;
	kt_args = argc > 1 ? argv[1] : NULL;
	exceptions();
	interrupts();
	registers();
	unreal();
	stack_loaded();
	breakpoints();
	tasks();
	pae_smm();
	stopped();
	return 0;
}
