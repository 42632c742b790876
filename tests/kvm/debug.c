/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single step, breakpoints in registers and in memory, watchpoints. */
#include "tests/kvm/harness.h"

#include <stdlib.h>

extern const uint8_t g_64_debug[], g_64_debug_a[], g_64_debug_b[], g_64_debug_c[];

static struct kt *t;

static uint64_t va(const uint8_t *label) { return CODE + (label - g_64_debug); }

static void begin(bool ring3)
{
	t = kt_new(1, true);
	kt_load(t, g_64_debug, CODE);
	x86_boot_long(kt_state(t, 0), CODE, 0, 0);
	if (ring3)
		x86_boot_ring3(kt_state(t, 0));
}

static void want(const struct debug_req *r)
{
	struct err e = { 0 };

	CHECK(!t->vm.accel->debug(t->vm.vcpu[0], r, &e), "%s", e.msg);
}

static struct vm_exit stop(int kind, uint64_t pc)
{
	struct vm_exit x;

	kt_run(t, 0, &x);
	CHECK(x.reason == VM_EXIT_DEBUG && (int)x.debug.kind == kind && x.debug.pc == pc,
	      "exit %d (%s) kind %d at %llx, wanted %d at %llx", x.reason, x.text, x.debug.kind,
	      (unsigned long long)x.debug.pc, kind, (unsigned long long)pc);
	return x;
}

static uint64_t rax(void)
{
	struct err e = { 0 };

	CHECK(!vcpu_pull(t->vm.vcpu[0], REGS_CORE, &e), "%s", e.msg);
	return kt_state(t, 0)->gpr[X86_RAX];
}

static void step(bool ring3)
{
	begin(ring3);
	want(&(struct debug_req){ .step = true });
	stop(DBG_STEP, CODE + 2);
	stop(DBG_STEP, CODE + 4);
	CHECK(rax() == 1, "rax %llx", (unsigned long long)rax());
	stop(DBG_STEP, CODE + 6);
	CHECK(rax() == 2, "rax %llx", (unsigned long long)rax());
	if (!ring3) {
		want(&(struct debug_req){ .step = false });
		kt_expect(t, 0, 80);
	}
	kt_free(t);
}

static void breakpoints(bool ring3)
{
	begin(ring3);
	want(&(struct debug_req){ .nr_break = 2, .brk = { va(g_64_debug_a), va(g_64_debug_b) } });
	stop(DBG_BREAK, va(g_64_debug_a));
	want(&(struct debug_req){ .nr_break = 1, .brk = { va(g_64_debug_b) } });
	stop(DBG_BREAK, va(g_64_debug_b));
	CHECK(rax() == 2, "rax %llx", (unsigned long long)rax());
	kt_free(t);
}

static void watch(bool ring3)
{
	struct vm_exit x;

	begin(ring3);
	want(&(struct debug_req){ .nr_watch = 1, .watch = { { DATA, 4, 0, 1 } } });
	kt_run(t, 0, &x);
	CHECK(x.reason == VM_EXIT_DEBUG && x.debug.kind == DBG_WATCH && x.debug.addr == DATA &&
		      x.debug.access == ACCESS_WRITE,
	      "exit %d (%s)", x.reason, x.text);
	CHECK(kt_get32(t, DATA) == 2, "%x", kt_get32(t, DATA));
	kt_free(t);
}

/* The fifth breakpoint is an instruction in memory; the guest's byte comes back. */
static void in_memory(bool ring3)
{
	struct debug_req r = { .nr_break = 5, .brk = { 1, 2, 3, 4, va(g_64_debug_b) } };
	struct err e = { 0 };
	uint8_t *p;

	begin(ring3);
	p = mem_ptr(&t->m->mem, va(g_64_debug_b), 1);
	want(&r);
	CHECK(*p == 0xcc, "%x", *p);
	/* with a sixth where nothing is mapped: the five stay */
	r.nr_break = 6;
	r.brk[5] = UINT64_C(1) << 40;
	CHECK(t->vm.accel->debug(t->vm.vcpu[0], &r, &e) < 0, "no memory there");
	CHECK(*p == 0xcc, "%x", *p);
	stop(DBG_BREAK, va(g_64_debug_b));
	CHECK(rax() == 2, "rax %llx", (unsigned long long)rax());
	want(&(struct debug_req){ .step = true });
	CHECK(*p == *g_64_debug_b, "%x", *p);
	stop(DBG_STEP, va(g_64_debug_b) + 7);
	kt_free(t);
}

static void too_many(void)
{
	struct debug_req r = { .nr_watch = 5,
			       .watch = { { 0, 4, 0, 1 },
					  { 4, 4, 0, 1 },
					  { 8, 4, 0, 1 },
					  { 12, 4, 0, 1 },
					  { 16, 4, 0, 1 } } };
	struct err e = { 0 };

	begin(false);
	CHECK(t->vm.accel->debug(t->vm.vcpu[0], &r, &e) < 0 &&
		      (strstr(e.msg, "4 aligned") || !kvm_caps()->mode_native),
	      "'%s'", e.msg);
	r.nr_watch = 1;
	r.watch[0].len = 3;
	CHECK(t->vm.accel->debug(t->vm.vcpu[0], &r, &e) < 0, "length 3");
	kt_expect(t, 0, 80);
	kt_free(t);
}

/* What a KVM that emulates ring 0 and runs ring 3 cannot do is refused, not done wrongly. */
static void emulated(void)
{
	struct err e = { 0 };

	begin(true);
	CHECK(t->vm.accel->debug(t->vm.vcpu[0], &(struct debug_req){ .step = true }, &e) < 0 &&
		      strstr(e.msg, "cannot step"),
	      "'%s'", e.msg);
	CHECK(t->vm.accel->debug(t->vm.vcpu[0],
				 &(struct debug_req){ .nr_watch = 1,
						      .watch = { { DATA, 4, 0, 1 } } },
				 &e) < 0 &&
		      strstr(e.msg, "watchpoints"),
	      "'%s'", e.msg);
	kt_free(t);
}

static bool hardware_is_qemu(void)
{
	unsigned a, b, c, d;

	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x40000000), "c"(0));
	return !memcmp(&b, "TCGT", 4);
}

int main(void)
{
	kt_main();
	step(false);
	if (kvm_caps()->mode_native)
		step(true);
	else
		emulated();
	/*
	 * QEMU's translator as hardware ignores a guest's debug registers, and lets
	 * INT3 pass an intercept of #BP.
	 */
	if (!hardware_is_qemu()) {
		breakpoints(false);
		in_memory(false);
		if (kvm_caps()->mode_native) {
			breakpoints(true);
			in_memory(true);
			watch(false);
			watch(true);
		}
	}
	too_many();
	return 0;
}
