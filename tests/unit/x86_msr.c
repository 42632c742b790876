/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers and MSRs: what is refused (#GP), what it does where it is not, what must be
 * flushed; the TSC with its deadline, KVM's clock, CPUID's bits that follow registers.
 */
#include "target/x86/control.h"
#include "target/x86/ctl.h"
#include "target/x86/helper.h"
#include "target/x86/tcg.h"
#include "tests/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAM = 1 << 16, MSR_DEADLINE = 0x6e0, MSR_APIC_BASE = 0x1b };
#define HZ UINT64_C(2600000000)

static _Alignas(4096) uint8_t ram[RAM];
static struct tlb_flush last;
static unsigned flushes;
static uint64_t now_ns, deadline, apic_base = 0xfee00900, cr8;
static struct cpu_env env;
static struct x86_state *s;

static void *phys(struct cpu_env *e, uint64_t pa) { return pa + 8 <= RAM ? ram + pa : NULL; }
static uint64_t read_only = RAM;	/* from here on */
static void *phys_rw(struct cpu_env *e, uint64_t pa)
{
	return pa >= read_only ? NULL : phys(e, pa);
}
static void phys_dirty(struct cpu_env *e, uint64_t pa) { }
static void flush(struct cpu_env *e, const struct tlb_flush *f) { last = *f; flushes++; }
static void mode_changed(struct cpu_env *e) { }
static uint64_t now(struct cpu_env *e)
{
	return (uint64_t)((unsigned __int128)now_ns * HZ / 1000000000);
}
static uint64_t clock_ns(struct cpu_env *e) { return now_ns; }
static uint64_t wall_ns(struct cpu_env *e) { return UINT64_C(1700000000123456789) + now_ns; }

static int apic_read(struct cpu_env *e, uint32_t n, uint64_t *v)
{
	if (n != MSR_DEADLINE && n != MSR_APIC_BASE && n != CPU_APIC_CR8 && n != 0x802)
		return -EINVAL;
	*v = n == MSR_DEADLINE ? deadline : n == MSR_APIC_BASE ? apic_base : n == 0x802 ? 7 : cr8;
	return 0;
}

static int apic_write(struct cpu_env *e, uint32_t n, uint64_t v)
{
	if (n == MSR_DEADLINE)
		deadline = v;
	else if (n == MSR_APIC_BASE && !(v & 1))
		apic_base = v;
	else if (n == CPU_APIC_CR8)
		cr8 = v;
	else
		return -EINVAL;
	return 0;
}

static uint64_t msi_addr[4];
static unsigned nr_msi, msi_data, kicked = 99, lines;
static void msi(struct cpu_env *e, uint64_t addr, uint32_t data)
{
	msi_addr[nr_msi++ & 3] = addr;
	msi_data = data;
}
static int kick(struct cpu_env *e, uint32_t index)
{
	kicked = index;
	return 0;
}
static uint64_t get_lines(struct cpu_env *e) { return lines; }
static void line_clear(struct cpu_env *e, unsigned line) { lines &= ~(1u << line); }

static const struct cpu_env_ops ops = {
	.phys = phys, .phys_rw = phys_rw, .phys_dirty = phys_dirty,
	.flush = flush, .mode_changed = mode_changed,
	.time = now, .clock_ns = clock_ns, .wall_ns = wall_ns, .apic_read = apic_read,
	.apic_write = apic_write, .msi = msi, .kick = kick, .lines = get_lines,
	.line_clear = line_clear,
};

/* A vCPU as the translator starts it. */
static void fresh(const char *text)
{
	struct cpu_topology one = { 1, 1, 1, 1 };
	struct err e = { 0 };
	struct x86_cpu_model *m;

	x86_cpu_stop(s);
	m = x86_cpu_model_new(text, &one, &e);
	CHECK(m, "%s", e.msg);
	free(env.fixed);
	env = (struct cpu_env){ .ops = &ops, .model = m, .topology = one, .time_hz = HZ };
	CPU_HEAD(s)->env = &env;
	x86_reset(s);
	s->rflags = 2;
	CHECK(!x86_cpu_start(s, 1, true, &e), "%s", e.msg);
	free(m);
	now_ns = deadline = cr8 = 0;
	apic_base = 0xfee00900;
}

static void long_mode(void)
{
	s->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET;
	s->cr4 = X86_CR4_PAE;
	s->efer = X86_EFER_LME | X86_EFER_LMA;
	s->seg[X86_CS].attr = X86_SEG_P | X86_SEG_S | 11 | X86_SEG_L;
}

static void cr0(void)
{
	fresh("max");
	CHECK(x86_cr0_set(s, X86_CR0_PG | X86_CR0_ET), "PG without PE");
	CHECK(x86_cr0_set(s, X86_CR0_NW), "NW without CD");
	CHECK(x86_cr0_set(s, UINT64_C(1) << 32), "upper half");
	CHECK(!x86_cr0_set(s, X86_CR0_PE | 1 << 27) && s->cr0 == (X86_CR0_PE | X86_CR0_ET), "%llx",
	      (unsigned long long)s->cr0);
	s->efer = X86_EFER_LME;
	CHECK(x86_cr0_set(s, X86_CR0_PE | X86_CR0_PG), "long mode without PAE");
	s->cr4 = X86_CR4_PAE;
	s->seg[X86_CS].attr |= X86_SEG_L;
	CHECK(x86_cr0_set(s, X86_CR0_PE | X86_CR0_PG), "long mode from a 64-bit segment");
	s->seg[X86_CS].attr &= (uint16_t)~X86_SEG_L;
	flushes = 0;
	CHECK(!x86_cr0_set(s, X86_CR0_PE | X86_CR0_PG) && s->efer & X86_EFER_LMA && flushes,
	      "long mode");
	s->seg[X86_CS].attr |= X86_SEG_L;
	CHECK(x86_cr0_set(s, X86_CR0_PE), "paging off in 64-bit mode");
	s->seg[X86_CS].attr &= (uint16_t)~X86_SEG_L;
	s->cr4 |= X86_CR4_PCIDE;
	CHECK(x86_cr0_set(s, X86_CR0_PE), "paging off with PCIDs");
	s->cr4 &= ~(uint64_t)X86_CR4_PCIDE;
	CHECK(!x86_cr0_set(s, X86_CR0_PE) && !(s->efer & X86_EFER_LMA), "compatibility to none");
	/* PAE without long mode: the four entries are loaded, and looked at */
	s->efer = 0;
	s->cr3 = 0x1000;
	st_le64(ram + 0x1000, 0x2001);
	st_le64(ram + 0x1008, 0x3001 | 2);
	CHECK(x86_cr0_set(s, X86_CR0_PE | X86_CR0_PG), "reserved bit of a PDPTE");
	CHECK(!(s->cr0 & X86_CR0_PG), "changed nevertheless");
	st_le64(ram + 0x1008, 0x3001);
	CHECK(!x86_cr0_set(s, X86_CR0_PE | X86_CR0_PG) && s->pdptr[1] == 0x3001, "PDPTEs");
	st_le64(ram + 0x1008, 0x5001);
	CHECK(s->pdptr[1] == 0x3001 && !x86_cr3_set(s, 0x1000) && s->pdptr[1] == 0x5001, "MOV CR3");
}

static void cr3(void)
{
	fresh("max");
	long_mode();
	CHECK(x86_cr3_set(s, UINT64_C(1) << 52) && x86_cr3_set(s, UINT64_C(1) << 63), "reserved");
	CHECK(!x86_cr3_set(s, 0x5018) && last.kind == FLUSH_ASID && !last.asid && last.keep_global,
	      "flush");
	CHECK(x86_cr4_set(s, X86_CR4_PAE | X86_CR4_PCIDE), "PCIDE with bits 11:0");
	CHECK(!x86_cr3_set(s, 0x5000) && !x86_cr4_set(s, X86_CR4_PAE | X86_CR4_PCIDE), "PCIDE");
	CHECK(!x86_cr3_set(s, 0x6007) && last.kind == FLUSH_ASID && last.asid == 7, "PCID 7");
	flushes = 0;
	CHECK(!x86_cr3_set(s, 0x7009 | UINT64_C(1) << 63) && !flushes && s->cr3 == 0x7009, "kept");
	CHECK(!x86_cr4_set(s, X86_CR4_PAE) && last.kind == FLUSH_ALL, "PCIDE off");
}

static void cr4(void)
{
	fresh("max");
	CHECK(x86_cr4_set(s, 1 << 15) && x86_cr4_set(s, 1 << 13) &&
	      x86_cr4_set(s, X86_CR4_VME), "unknown bits");
	CHECK(x86_cr4_set(s, X86_CR4_PCIDE), "PCIDE outside long mode");
	flushes = 0;
	CHECK(!x86_cr4_set(s, X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT) && !flushes, "no paging bit");
	CHECK(!x86_cr4_set(s, X86_CR4_PGE) && flushes == 1 && last.kind == FLUSH_ALL, "PGE");
	long_mode();
	CHECK(x86_cr4_set(s, 0), "PAE off in long mode");
	CHECK(x86_cr4_set(s, X86_CR4_PAE | X86_CR4_LA57), "LA57 in long mode");
	CHECK(!x86_cr4_set(s, X86_CR4_PAE | X86_CR4_SMEP | X86_CR4_SMAP), "SMEP, SMAP");
	fresh("x86-64-v1");
	long_mode();
	CHECK(x86_cr4_set(s, X86_CR4_PAE | X86_CR4_SMEP), "SMEP that is not there");
	CHECK(x86_cr4_set(s, X86_CR4_PAE | X86_CR4_OSXSAVE), "XSAVE that is not there");
}

struct rule { uint32_t n; uint64_t v; bool ok; };
static const struct rule rules[] = {
	{ 0x10a, 0, false }, { 0xfe, 0, false }, { 0x179, 0, false },
	{ 0x277, 0x0007040600070406, true }, { 0x277, 2, false }, { 0x277, 8, false },
	{ 0x2ff, 0xc06, true }, { 0x2ff, 0x1000, false }, { 0x2ff, 2, false }, { 0x2ff, 7, false },
	{ 0x200, 6, true }, { 0x200, 0x1006, true }, { 0x200, 0x106, false }, { 0x200, 3, false },
	{ 0x201, 0xfff800, true }, { 0x201, 0x400, false }, { 0x201, UINT64_C(1) << 63, false },
	{ 0x250, 0x0606060606060606, true }, { 0x250, 2, false },
	{ 0x400, 0, true }, { 0x400, UINT64_MAX, true }, { 0x400, UINT64_MAX ^ 1, true },
	{ 0x400, 5, false }, { 0x401, 0, true }, { 0x401, 1, false }, { 0x428, 0, false },
	{ 0x17b, UINT64_MAX, true }, { 0x17b, 1, false },
	{ 0xc0000080, 0x1, true }, { 0xc0000080, 0x801, true }, { 0xc0000080, 0x1000, false },
	{ 0xc0000080, 0x2, false },
	{ 0xc0000082, UINT64_C(0xffff800000000000), true },
	{ 0xc0000082, UINT64_C(0x0000800000000000), false },
	{ 0xc0000100, UINT64_C(0x0000800000000000), false },
	{ 0xc0000101, UINT64_C(0xfffff00000000000), true },
	{ 0x175, UINT64_C(0x8000000000000000), false }, { 0x174, 0x10, true },
	{ 0x1d9, 1, true }, { 0x1d9, 1 << 9, false }, { 0x140, 1, true }, { 0x140, 2, false },
	{ 0x49, 1, true }, { 0x49, 2, false }, { 0x48, 1, true },
	{ 0x48, UINT64_C(1) << 40, false },
	{ 0xc0010015, 1 << 3, true }, { 0xc0010015, 1, false },
	{ 0x802, 0, false }, { 0x12345678, 0, false }, { 0xda0, 0, false },
};

static void msrs(void)
{
	uint64_t v;

	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		fresh("max");
		CHECK(!x86_msr_write(s, rules[i].n, rules[i].v) == rules[i].ok,
		      "MSR %#x, value %#llx", rules[i].n, (unsigned long long)rules[i].v);
	}
	CHECK(!x86_msr_read(s, 0x802, &v) && v == 7, "x2APIC");
	CHECK(x86_msr_read(s, 0x49, &v) && x86_msr_read(s, 0x803, &v), "unreadable");
	CHECK(!x86_msr_read(s, 0x179, &v) && (v & 0xff) == X86_MC_BANKS, "banks");
	/* LME while paging is on */
	long_mode();
	CHECK(x86_msr_write(s, 0xc0000080, 0), "LME off under paging");
	CHECK(!x86_msr_write(s, 0xc0000080, X86_EFER_LME | X86_EFER_SCE) && s->efer & X86_EFER_LMA,
	      "LMA stays");
	flushes = 0;
	CHECK(!x86_msr_write(s, 0xc0000080, s->efer | X86_EFER_NXE) && flushes, "NXE flushes");
	/* the chip's say */
	CHECK(x86_msr_write(s, MSR_APIC_BASE, 1), "the chip refuses");
	CHECK(!x86_msr_write(s, MSR_APIC_BASE, 0xfee00000) && !(s->apic_base & 0x800), "APIC off");
	/* a processor without long mode */
	fresh("i686");
	CHECK(x86_msr_write(s, 0xc0000080, X86_EFER_LME) && x86_msr_read(s, 0xc0000082, &v) &&
	      x86_msr_read(s, 0xc0000100, &v), "i686");
}

static void tsc(void)
{
	uint64_t v;

	fresh("max");
	now_ns = 1000000;
	CHECK(x86_tsc(s) == HZ / 1000, "%llu", (unsigned long long)x86_tsc(s));
	CHECK(!x86_msr_write(s, MSR_DEADLINE, HZ) && deadline == HZ, "deadline");
	/* the guest's clock goes back by half a second: its deadline is that much later */
	CHECK(!x86_msr_write(s, 0x3b, -(HZ / 2)) && deadline == HZ + HZ / 2, "%llu",
	      (unsigned long long)deadline);
	CHECK(!x86_msr_read(s, MSR_DEADLINE, &v) && v == HZ, "%llu", (unsigned long long)v);
	CHECK(!x86_msr_read(s, 0x10, &v) && v == HZ / 1000 - HZ / 2, "TSC");
	CHECK(!x86_msr_write(s, 0x10, 0) && !x86_msr_read(s, 0x3b, &v) &&
	      v == -(HZ / 1000), "TSC_ADJUST after a write of the TSC: %llx",
	      (unsigned long long)v);
	CHECK(!x86_msr_write(s, MSR_DEADLINE, 0) && !deadline, "disarmed");
	CHECK(!x86_msr_write(s, 0x10, HZ * 10) && !x86_msr_write(s, MSR_DEADLINE, 5) &&
	      deadline == 1, "long past: %llu", (unsigned long long)deadline);
}

static void kvm_clock(void)
{
	const uint8_t *p = ram + 0x100;
	uint64_t ns, t;

	fresh("max");
	memset(ram, 0, sizeof(ram));
	now_ns = UINT64_C(123456789012);
	CHECK(!x86_msr_write(s, 0x4b564d01, 0x101), "enable");
	CHECK(ld_le32(p) == 2 && !(ld_le32(p) & 1), "version %u", ld_le32(p));
	CHECK(ld_le64(p + 16) == now_ns && ld_le64(p + 8) == x86_tsc(s), "base");
	CHECK(p[29] == 1, "stable");
	now_ns += UINT64_C(50000000000);
	t = x86_tsc(s) - ld_le64(p + 8);
	t = (int8_t)p[28] < 0 ? t >> -(int8_t)p[28] : t << p[28];
	ns = ld_le64(p + 16) + (uint64_t)((unsigned __int128)t * ld_le32(p + 24) >> 32);
	CHECK(ns - now_ns + 100 < 200, "%lld ns off", (long long)(ns - now_ns));
	CHECK(!x86_msr_write(s, 0x4b564d00, 0x204) && ld_le32(ram + 0x208) == 1700000000 &&
	      ld_le32(ram + 0x20c) == 123456789, "wall clock");
	CHECK(!x86_msr_write(s, 0x4b564d01, UINT64_C(0x7fffffff01)), "where no memory is");
	fresh("max,kvm=off");
	CHECK(x86_msr_write(s, 0x4b564d01, 0x101), "without KVM's leaves");
}

static void cpuid(void)
{
	uint32_t r[4], size;

	fresh("max");
	x86_cpuid_get(s, 1, 0, r);
	CHECK(!(r[X86_ECX] >> 27 & 1) && r[X86_EDX] >> 9 & 1, "OSXSAVE, APIC");
	s->cr4 |= X86_CR4_OSXSAVE | X86_CR4_PKE;
	s->apic_base = 0xfee00000;
	x86_cpuid_get(s, 1, 0, r);
	CHECK(r[X86_ECX] >> 27 & 1 && !(r[X86_EDX] >> 9 & 1), "OSXSAVE, APIC");
	x86_cpuid_get(s, 7, 0, r);
	CHECK(r[X86_ECX] >> 4 & 1, "OSPKE");
	x86_cpuid_get(s, 0xd, 0, r);
	size = r[X86_ECX];
	CHECK(r[X86_EBX] == 576 && r[X86_EAX] == 0x207, "x87 alone: %u, %#x", r[X86_EBX],
	      r[X86_EAX]);
	x86_help_xsetbv(s, 0, 7);
	x86_cpuid_get(s, 0xd, 0, r);
	CHECK(s->xcr0 == 7 && r[X86_EBX] == 832, "with AVX: %u", r[X86_EBX]);
	x86_help_xsetbv(s, 0, 0x207);
	x86_cpuid_get(s, 0xd, 0, r);
	CHECK(r[X86_EBX] == size, "all: %u of %u", r[X86_EBX], size);
	s->gpr[X86_RAX] = UINT64_C(0xffffffff40000000);
	x86_help_cpuid(s, 0, 0);
	CHECK(s->gpr[X86_RBX] == 0x4b4d564b, "KVMK");
	fresh("max,kvm=off");
	x86_cpuid_get(s, 0x40000000, 0, r);
	CHECK(r[X86_EBX] != 0x4b4d564b, "KVM off");
	fresh("i686");
	x86_cpuid_get(s, 0x80000001, 0, r);
	CHECK(!(r[X86_EDX] >> 29 & 1), "LM");
}

static int64_t call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	s->gpr[X86_RAX] = nr;
	s->gpr[X86_RBX] = a;
	s->gpr[X86_RCX] = b;
	s->gpr[X86_RDX] = c;
	s->gpr[X86_RSI] = d;
	x86_help_hypercall(s, 0, 0);
	return (int64_t)s->gpr[X86_RAX];
}

/* A guest that comes from another engine, whose page says something else of the same clocks. */
static void kvm_clock_moved(void)
{
	enum { PAGE = 0x100, STOPPED = 2 };
	const uint64_t t = UINT64_C(5000000000), ahead = 123456789;
	uint8_t was[32];

	fresh("max");
	now_ns = t;
	s->tsc_offset = UINT64_C(1) << 40;
	s->kvm_clock_offset = ahead;
	CHECK(!x86_msr_write(s, 0x4b564d01, PAGE | 1), "enable");
	CHECK(ld_le64(ram + PAGE + 8) == now(&env) + s->tsc_offset &&
		      ld_le64(ram + PAGE + 16) == t + ahead,
	      "%llu ns", (unsigned long long)ld_le64(ram + PAGE + 16));
	memcpy(was, ram + PAGE, sizeof(was));
	now_ns += 1000000000;
	x86_time_start(s);
	CHECK(!memcmp(was, ram + PAGE, sizeof(was)), "a page that is right was written");
	st_le64(ram + PAGE + 16, t + ahead - 5000);	/* 5 us behind */
	ram[PAGE + 29] |= STOPPED;
	x86_time_start(s);
	CHECK(ld_le64(ram + PAGE + 16) == now_ns + ahead && ram[PAGE + 29] & STOPPED &&
		      ld_le32(ram + PAGE) == ld_le32(was) + 2,
	      "%llu ns, version %u", (unsigned long long)ld_le64(ram + PAGE + 16),
	      ld_le32(ram + PAGE));
	st_le32(ram + PAGE, 7);				/* was being written */
	x86_time_start(s);
	CHECK(!(ld_le32(ram + PAGE) & 1) && ld_le32(ram + PAGE) > 7, "version %u",
	      ld_le32(ram + PAGE));
	/* flash is not written to */
	memset(ram + PAGE, 0, 32);
	read_only = PAGE;
	CHECK(!x86_msr_write(s, 0x4b564d01, PAGE | 1) && !ld_le64(ram + PAGE + 16), "in flash");
	read_only = RAM;
	/* nor is memory by a CPU that was given another start */
	memset(ram + PAGE, 0xaa, 32);
	x86_signal_init(s);
	x86_time_start(s);
	CHECK(ram[PAGE] == 0xaa && ram[PAGE + 31] == 0xaa && !s->kvm_system_time, "INIT");
	CHECK(s->kvm_clock_offset == ahead && s->tsc_offset == UINT64_C(1) << 40, "clocks go on");
	CHECK(!x86_msr_write(s, 0x4b564d01, 0), "off");
	memset(ram + PAGE, 0xaa, 32);
	x86_time_start(s);
	CHECK(ram[PAGE] == 0xaa && ram[PAGE + 31] == 0xaa, "written, though off");
}

static void kvm_pv(void)
{
	enum { STEAL = 0x4b564d03, EOI, KICK = 5, PAIRING = 9, IPI = 10, NONE = 77 };
	uint64_t v, wake;

	fresh("max");
	long_mode();
	CHECK(!x86_msr_write(s, STEAL, 0x1041) && !x86_msr_read(s, STEAL, &v) && v == 0x1041,
	      "steal");
	CHECK(x86_msr_write(s, STEAL, 0x1003), "reserved bits");
	/* KVM said of the vCPU that it does not run: others would not make it flush its TLB */
	memset(ram + 0x1040, 1, 64);
	x86_time_start(s);
	CHECK(!ram[0x1050] && ram[0x104f] == 1 && ram[0x1051] == 1, "said to be preempted");
	CHECK(!x86_msr_write(s, STEAL, 0x1040), "steal off");
	ram[0x1050] = 1;
	x86_time_start(s);
	CHECK(ram[0x1050] == 1, "written, though off");
	CHECK(!x86_msr_write(s, STEAL, RAM + 0x41), "steal, no RAM");
	x86_time_start(s);
	CHECK(!x86_msr_write(s, EOI, 0x1005) && !x86_msr_read(s, EOI, &v) && v == 0x1005, "EOI");
	CHECK(x86_msr_write(s, EOI, 0x1003), "four bytes");
	/* APIC IDs 0x100 and 0x142 */
	CHECK(call(IPI, 1, 4, 0x100, 0x31) == 2 && nr_msi == 2 && msi_data == 0x31, "IPIs");
	CHECK(msi_addr[0] == 0x100fee00000 && msi_addr[1] == 0x100fee42000, "%llx %llx",
	      (unsigned long long)msi_addr[0], (unsigned long long)msi_addr[1]);
	CHECK(call(IPI, 1, 0, 0, 0x831) == -22 && nr_msi == 2, "logical destinations");
	CHECK(call(IPI, UINT64_MAX, 0, UINT32_MAX, 0x31) == 1, "IDs end");
	CHECK(!call(KICK, 0, 3, 0, 0) && kicked == 3, "kick");
	CHECK(!call(PAIRING, 0x1000, 0, 0, 0) && ld_le64(ram + 0x1000) == 1700000000, "clock");
	CHECK(call(PAIRING, 0x1000, 1, 0, 0) == -95 && call(PAIRING, RAM, 0, 0, 0) == -14, "clock");
	CHECK(call(NONE, 0, 0, 0, 0) == -1000, "an unknown one");
	/* a kick ends a HLT; one that comes too early is kept for it */
	lines = 1 << X86_LINE_KICK;
	s->mp_state = 3;
	CHECK(x86_wake(s, &wake), "awake");
	x86_kick_take(s);
	CHECK(!s->mp_state && !lines && !s->kicked, "it runs");
	x86_kick_take(s);
	CHECK(!s->mp_state && s->kicked, "kept");
	fresh("max,kvm-pv-ipi=off,kvm-steal-time=off,kvm-pv-unhalt=off");
	long_mode();
	CHECK(x86_msr_write(s, STEAL, 1) && x86_msr_read(s, STEAL, &v), "without");
	CHECK(call(IPI, 1, 0, 0, 0x31) == -1000 && call(KICK, 0, 3, 0, 0) == -1000, "without");
	s->seg[X86_CS].attr |= 3 << 5;
	s->seg[X86_SS].attr |= 3 << 5;
	CHECK(call(PAIRING, 0x1000, 0, 0, 0) == -1, "ring 3");
}

int main(void)
{
	size_t size = 4096 + align_up(sizeof(*s), 4096);
	char *mem = aligned_alloc(4096, size);

	memset(mem, 0, size);
	s = (struct x86_state *)(void *)(mem + 4096);
	env.ops = &ops;
	CPU_HEAD(s)->env = &env;
	cr0();
	cr3();
	cr4();
	msrs();
	tsc();
	kvm_clock();
	kvm_clock_moved();
	kvm_pv();
	cpuid();
	x86_cpu_stop(s);
	free(mem);
	return check_done();
}
