/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring 0: from the entry to ring 3; traps; calls. */
#include "tests/moves/load64/load.h"

enum { ARGS = 0x228, PDPT = 0x3000, PM_TIMER = 0x608 };
enum { MSR_FS = 0xc0000100, MSR_GS = 0xc0000101, MSR_KERNEL_GS = 0xc0000102, MSR_STAR = 0xc0000081,
       MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KVMCLOCK = 0x4b564d01 };

struct cpu cpus[MAX_CPUS];
unsigned nr_cpus;
uint64_t mem_pages = 512;
uint8_t stacks[STACK * MAX_CPUS] __attribute__((aligned(4096)));
static uint8_t user_stacks[2 * STACK * MAX_CPUS] __attribute__((aligned(4096)));
static uint8_t fault_stacks[STACK * MAX_CPUS] __attribute__((aligned(16)));
static uint64_t idt[256][2] __attribute__((aligned(16)));
uint64_t kvmclock[MAX_CPUS][8] __attribute__((aligned(64)));
static uint8_t tss[MAX_CPUS][128] __attribute__((aligned(128)));
uint64_t gdt[16] __attribute__((aligned(16))) = {
	0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff,
	0x00affb000000ffff,
};
static uint64_t user_pd[512] __attribute__((aligned(4096)));
static bool use_intx;

void boot(const uint8_t *zero_page);
void trap(struct frame *f);

static uint64_t msr_pattern(struct cpu *c, uint32_t n)
{
	return n == MSR_FMASK ? 0x47700 + c->id : UINT64_C(0xffff800000000000) + (n << 8) + c->id;
}

static void put64(void *at, uint64_t v) { *(uint64_t *)at = v; }

static void tables(struct cpu *c)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) r;
	uint64_t t = (uint64_t)(uintptr_t)tss[c->id];

	put64(tss[c->id] + 4, (uint64_t)(uintptr_t)(stacks + STACK * (c->id + 1)));
	put64(tss[c->id] + 0x24, (uint64_t)(uintptr_t)(fault_stacks + STACK * (c->id + 1)));
	*(uint16_t *)(tss[c->id] + 0x66) = 128;		/* no I/O bitmap */
	gdt[SEL_TSS / 8 + 2 * c->id] = 103 | (t & 0xffffff) << 16 | UINT64_C(0x89) << 40 |
				       (t >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 2 * c->id + 1] = t >> 32;
	r.limit = sizeof(gdt) - 1;
	r.base = (uint64_t)(uintptr_t)gdt;
	__asm__ volatile("lgdt %0" : : "m"(r));
	__asm__ volatile("push $8; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:\n"
			 "mov %0, %%ds; mov %0, %%es; mov %0, %%ss; mov %1, %%fs; mov %1, %%gs"
			 : : "r"(SEL_DATA0), "r"(0) : "rax", "memory");
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS + 16 * c->id));
	r.limit = sizeof(idt) - 1;
	r.base = (uint64_t)(uintptr_t)idt;
	__asm__ volatile("lidt %0" : : "m"(r));
}

static void gates(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t a = stubs[i], ist = i == 2 || i == 8;

		idt[i][0] = (a & 0xffff) | SEL_CODE0 << 16 | ist << 32 |
			    UINT64_C(0x8e00) << 32 | (a & 0xffff0000) << 32;
		idt[i][1] = a >> 32;
	}
}

static void features(void)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	nr_cpus = bare_nr_cpus();
	if (nr_cpus > MAX_CPUS)
		nr_cpus = MAX_CPUS;
	if (!(r[2] & 1u << 21))
		use_x2apic = false;
	have_deadline = r[2] >> 24 & 1;
	cpuid(0x40000000, 0, r);
	if (r[1] == 0x4b4d564b) {			/* "KVMK" */
		cpuid(0x40000001, 0, r);
		have_kvmclock = r[0] >> 3 & 1;
	}
}

static void processor(struct cpu *c)
{
	c->self = c;
	tables(c);
	wrmsr(MSR_FS, 0x1000 + c->id);
	wrmsr(MSR_GS, (uint64_t)(uintptr_t)c);
	wrmsr(MSR_KERNEL_GS, msr_pattern(c, MSR_KERNEL_GS));
	for (uint32_t n = MSR_STAR; n <= MSR_FMASK; n++)
		wrmsr(n, msr_pattern(c, n));
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t v = mix(i) >> 1 & 0xffffffffff;

		switch (i) {
		case 0: __asm__ volatile("mov %0, %%dr0" : : "r"(v)); break;
		case 1: __asm__ volatile("mov %0, %%dr1" : : "r"(v)); break;
		case 2: __asm__ volatile("mov %0, %%dr2" : : "r"(v)); break;
		default: __asm__ volatile("mov %0, %%dr3" : : "r"(v)); break;
		}
	}
	if (have_kvmclock)
		wrmsr(MSR_KVMCLOCK, (uint64_t)(uintptr_t)kvmclock[c->id] | 1);
	if (have_avx) {
		uint64_t cr4;

		__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 0x40600));
		__asm__ volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
	}
	apic_start();
}

/* What was written above is still there. */
static uint64_t msrs_check(struct cpu *c)
{
	uint64_t v[4];

	if (rdmsr(MSR_FS) != 0x1000 + c->id || rdmsr(MSR_GS) != (uint64_t)(uintptr_t)c ||
	    rdmsr(MSR_KERNEL_GS) != msr_pattern(c, MSR_KERNEL_GS))
		bad("a segment base MSR", rdmsr(MSR_FS), rdmsr(MSR_KERNEL_GS));
	for (uint32_t n = MSR_STAR; n <= MSR_FMASK; n++)
		if (rdmsr(n) != msr_pattern(c, n))
			bad("an MSR", n, rdmsr(n));
	__asm__ volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3"
			 : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3]));
	for (uint64_t i = 0; i < 4; i++)
		if (v[i] != (mix(i) >> 1 & 0xffffffffff))
			bad("a debug register", i, v[i]);
	return 0;
}

static bool is_word(const char *s, const char *word, uint64_t *value)
{
	while (*word && *s == *word)
		s++, word++;
	if (*word)
		return false;
	if (value)
		for (*value = 0; *s >= '0' && *s <= '9'; s++)
			*value = *value * 10 + (uint64_t)(*s - '0');
	return true;
}

static void arguments(const uint8_t *zero_page)
{
	const char *s = (const char *)(uintptr_t)*(const uint32_t *)(zero_page + ARGS);
	uint64_t n;

	while (*s) {
		if (is_word(s, "x2apic", 0))
			use_x2apic = true;
		else if (is_word(s, "intx", 0))
			use_intx = true;
		else if (is_word(s, "avx", 0))
			have_avx = true;	/* CPUID lies on a KVM that interprets */
		else if (is_word(s, "mem=", &n) && n > 0)
			mem_pages = n * 256;
		while (*s && *s != ' ')
			s++;
		while (*s == ' ')
			s++;
	}
}

static void to_ring3(struct cpu *c)
{
	enter_ring3(ring3, c, user_stacks + 2 * STACK * (c->id + 1) - 8);
}

void boot(const uint8_t *zero_page)
{
	for (uint32_t i = 0; i < MAX_CPUS; i++) {
		cpus[i].id = i;
		cpus[i].random = (uint64_t)i << 40;
	}
	arguments(zero_page);
	features();
	gates();
	processor(&cpus[0]);
	say0("load64: %u CPUs, %u KiB each%s%s%s%s\n", (uint64_t)nr_cpus, mem_pages * 4,
	    use_x2apic ? ", x2apic" : "", have_deadline ? ", deadline timer" : "",
	    have_avx ? ", avx" : "", have_kvmclock ? ", kvmclock" : "");
	chips_start();
	say0("load64: APIC timer %u Hz\n", timer_hz);
	disks_start(use_intx);
	cpus_start();
	to_ring3(&cpus[0]);
}

void second(void)
{
	struct cpu *c = &cpus[1];

	while (c->up)
		c++;
	processor(c);
	c->up = 1;
	to_ring3(c);
}

/* Device memory above 4 GiB, where the boot tables end: one GiB. A reset clears our table only. */
void *map_device(uint64_t at);
void *map_device(uint64_t at)
{
	uint64_t *pdpt = (uint64_t *)(uintptr_t)PDPT;

	__asm__ volatile("" : "+r"(pdpt));
	if (at >> 32) {
		for (uint64_t i = 0; i < 512; i++)
			user_pd[i] = (at >> 30 << 30) + (i << 21) + 0x9f;
		pdpt[at >> 30] = (uint64_t)(uintptr_t)user_pd | 7;
	}
	return (void *)(uintptr_t)at;
}

static uint64_t serve(struct cpu *c, struct frame *f)
{
	switch (f->rax) {
	case CALL_IPI: apic_send((unsigned)f->rdi, (uint32_t)f->rsi | 0x4000); return 0;
	case CALL_TIMER: timer_set(c, f->rdi, f->rsi); return 0;
	case CALL_HALT:		/* its own timer wakes it, unless that has fired already */
		if (!c->timer_fired)
			__asm__ volatile("sti; hlt; cli" : : : "memory");
		return 0;
	case CALL_DISK: return disk_submit((struct request *)(uintptr_t)f->rdi);
	case CALL_DISK_POKE: return disk_poke((unsigned)f->rdi);
	case CALL_MSRS: return msrs_check(c);
	case CALL_PUT: console_put((const char *)(uintptr_t)f->rdi, f->rsi); return 0;
	case CALL_GET: return console_get();
	case CALL_PM: return in32(PM_TIMER);
	case CALL_OFF: machine_off();
	default: return ~UINT64_C(0);
	}
}

static void fault(struct frame *f)
{
	uint64_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	say0("\nBAD exception %u error %x cpu %u loop %u rip %x:%x cr2 %x rsp %x rflags %x rax %x "
	     "rdi %x\n", f->vector, f->error, (uint64_t)this_cpu()->id, this_cpu()->loops, f->cs,
	     f->rip, cr2, f->rsp, f->rflags, f->rax, f->rdi);
	if (f->cs & 3)
		say0("bytes %x %x\n", *(uint64_t *)(uintptr_t)(f->rip - 8),
		     *(uint64_t *)(uintptr_t)f->rip);
	machine_panic();
}

void trap(struct frame *f)
{
	struct cpu *c = this_cpu();

	switch (f->vector) {
	case V_CALL:
		if (!(f->cs & 3) || *(uint16_t *)(uintptr_t)f->rip != 0x0b0f)
			fault(f);
		f->rip += 2;
		f->rax = serve(c, f);
		return;
	case V_SPURIOUS: return;
	case V_APIC_TIMER: c->timer_fired++; c->timer_total++; break;
	case V_PIT: pit_ticks++; break;
	case V_HPET: hpet_fired++; break;
	case V_DISK: case V_DISK + 1: disk_irq((unsigned)f->vector - V_DISK); break;
	case V_IPI: case V_IPI + 1: case V_IPI + 2: case V_IPI + 3:
		c->ipi_got[f->vector - V_IPI]++;
		break;
	case V_SYNC: case V_SYNC + 1: case V_SYNC + 2: case V_SYNC + 3:
		c->sync_got[f->vector - V_SYNC]++;
		break;
	default: fault(f);
	}
	apic_eoi();
}
