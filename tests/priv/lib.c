// SPDX-License-Identifier: GPL-2.0-or-later
/* The runtime of the privileged tests: traps, modes, address spaces, harts, output. */
#include "tests/priv/priv.h"

#define CALL_EXIT 0x6578697400
#define CALL_M    0x6d63616c6c
#define CALL_FAIL 0x6661696c00
#define NR_PAGES  3000

struct cpu cpus[8];
_Static_assert(sizeof(struct cpu) == CPU_SIZE, "start.S finds its entry");
u8 stacks[8][32768] __attribute__((aligned(4096)));
u8 trap_stacks[8][16384] __attribute__((aligned(4096)));
static u8 low_stacks[8][16384] __attribute__((aligned(4096)));
static u8 pool[NR_PAGES][4096] __attribute__((aligned(65536)));
static unsigned pool_used;
static const char *test_name;
static unsigned fails, reported;
static volatile u64 up;
const unsigned want_harts __attribute__((weak)) = 1;
static struct {
	void (*volatile fn)(u64);
	volatile u64 arg, busy;
} job[8];

extern u64 run_raw(u64 *ctx, u64 pc, u64 sp, u64 tp, u64 a, u64 b, u64 fn);
extern char low_entry[], m_vec[], s_vec[];
extern void check_fail(u64 got, u64 want, u64 line);

/* --- output --- */

static void put_char(char c)
{
	while (!(*(volatile u8 *)(UART + 5) & 0x20))
		;
	*(volatile u8 *)UART = (u8)c;
}

void put(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			put_char('\r');
		put_char(*s);
	}
}

void put_hex(u64 v)
{
	int i = 60;

	while (i && !(v >> i & 15))
		i -= 4;
	for (; i >= 0; i -= 4)
		put_char("0123456789abcdef"[v >> i & 15]);
}

static void put_dec(u64 v)
{
	if (v >= 10)
		put_dec(v / 10);
	put_char((char)('0' + v % 10));
}

static void finish(bool good)
{
	*(volatile u32 *)FINISH = good ? 0x5555 : 1 << 16 | 0x3333;
	for (;;)
		;
}

static void report(u64 got, u64 want, u64 line)
{
	fails++;
	if (reported++ > 20)
		return;
	put("FAIL ");
	put(test_name);
	put(":");
	put_dec(line);
	put(": got ");
	put_hex(got);
	put(" want ");
	put_hex(want);
	put("\n");
}

void check_at(u64 got, u64 want, unsigned line)
{
	if (got != want)
		check_fail(got, want, line); /* an ecall: output is M's business */
}

void absent(const char *what)
{
	put("absent ");
	put(what);
	put("\n");
	if (!csr_read(marchid)) /* ours has everything that is tested */
		fails++;
}

/* --- traps --- */

static void dump(const struct frame *f, unsigned mode)
{
	put("unexpected trap in test ");
	put(test_name);
	put(" to mode ");
	put_hex(mode);
	put(" cause ");
	put_hex(f->cause);
	put(" epc ");
	put_hex(f->epc);
	put(" tval ");
	put_hex(f->tval);
	put(" status ");
	put_hex(f->status);
	put(" ra ");
	put_hex(f->x[1]);
	put("\n");
}

static bool caught(struct frame *f, unsigned mode)
{
	struct cpu *c = cpu();

	if (f->x[30] != TRY_MAGIC && f->x[30] != TRY_TO_M)
		return false;
	c->t = (struct trap){ c->t.count + 1, f->cause, f->epc, f->tval, f->status, mode };
	f->epc = f->x[31];
	if (f->x[30] == TRY_TO_M)
		f->status |= MST_MPP;
	return true;
}

static bool service(struct frame *f)
{
	u64 *ctx = cpu()->ctx;

	switch (f->x[17]) {
	case CALL_M:
		f->x[10] = ((u64(*)(u64, u64))(
			f->x[16] >= RAM + ALIAS ? f->x[16] - ALIAS : f->x[16]))(f->x[10], f->x[11]);
		f->epc += 4;
		/* the function may have changed mstatus on purpose; where we return to stays */
		f->status = (csr_read(mstatus) & ~(MST_MPP | MST_MPIE)) |
			    (f->status & (MST_MPP | MST_MPIE));
		return true;
	case CALL_FAIL:
		report(f->x[10], f->x[11], f->x[12]);
		f->epc += 4;
		return true;
	case CALL_EXIT:
		f->epc = f->x[1] = ctx[0];
		f->x[2] = ctx[1];
		f->x[4] = ctx[2];
		f->x[8] = ctx[3];
		f->x[9] = ctx[4];
		for (int i = 0; i < 10; i++)
			f->x[18 + i] = ctx[5 + i];
		f->status |= MST_MPP;
		f->status &= ~MST_MPIE;
		return true;
	}
	return false;
}

/* tp is that of the interrupted mode, perhaps the user alias */
static void own_tp(void) { asm volatile("mv tp, %0" ::"r"(&cpus[csr_read(mhartid)])); }

void m_trap(struct frame *f)
{
	own_tp();
	if (f->cause & IRQ) {
		cpu()->irqs++;
		cpu()->last_irq = f->cause;
		cpu()->irq_epc = f->epc;
		cpu()->irq_mode = M;
		if (cpu()->on_irq) {
			cpu()->on_irq(f, f->cause);
			return;
		}
	} else if (f->cause >= C_ECALLU && f->cause <= C_ECALLM && service(f)) {
		return;
	} else if (caught(f, M)) {
		return;
	}
	csr_clear(mstatus, MST_MPRV);
	dump(f, M);
	finish(false);
}

static u64 s_dump(u64 frame, u64 unused)
{
	dump((struct frame *)frame, S);
	finish(false);
	return 0;
}

static u64 forward(u64 a0, u64 a1, u64 a2, u64 a6, u64 a7)
{
	register u64 r0 asm("a0") = a0, r1 asm("a1") = a1, r2 asm("a2") = a2, r6 asm("a6") = a6,
			r7 asm("a7") = a7;

	asm volatile("ecall" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r6), "r"(r7) : "memory");
	return r0;
}

void s_trap(struct frame *f)
{
	u64 tp = (u64)cpu();

	if (tp >= RAM + ALIAS)
		asm volatile("mv tp, %0" ::"r"(tp - ALIAS));
	if (f->cause & IRQ) {
		cpu()->irqs++;
		cpu()->last_irq = f->cause;
		cpu()->irq_epc = f->epc;
		cpu()->irq_mode = S;
		if (cpu()->on_irq) {
			cpu()->on_irq(f, f->cause);
			return;
		}
	} else if (caught(f, S)) {
		return;
	} else if (f->cause == C_ECALLU && f->x[17] > 4096) { /* services are M's */
		if (f->x[17] == CALL_EXIT)
			csr_write(sscratch, f + 1);
		f->x[10] = forward(f->x[10], f->x[11], f->x[12], f->x[16], f->x[17]);
		f->epc += 4;
		return;
	}
	m_call(s_dump, (u64)f, 0);
}

u64 run_at(unsigned mode, u64 off, void *fn, u64 a, u64 b)
{
	u64 h = cpu()->hart, sp = (u64)low_stacks[h + 1];

	csr_clear(mstatus, MST_MPP | MST_MPIE);
	csr_set(mstatus, (u64)mode << 11);
	return run_raw(cpu()->ctx, (u64)low_entry + off, sp + off, (u64)cpu() + off, a, b,
		       (u64)fn + off);
}

/* --- address spaces --- */

void *page_alloc(void)
{
	u64 *p = (u64 *)pool[pool_used++];

	if (pool_used > NR_PAGES) {
		put("out of pages\n");
		finish(false);
	}
	for (int i = 0; i < 512; i++)
		p[i] = 0;
	return p;
}

u64 *pte_at(struct space *s, u64 va, unsigned level)
{
	u64 *t = s->root;

	for (unsigned l = s->levels - 1; l > level; l--) {
		u64 *e = &t[va >> (12 + 9 * l) & 511];

		if (!(*e & PTE_V))
			*e = PPN(page_alloc()) | PTE_V;
		t = (u64 *)((*e << 10) >> 20 << 12);
	}
	return &t[va >> (12 + 9 * level) & 511];
}

void space_new(struct space *s, unsigned mode, u64 asid)
{
	s->mode = mode;
	s->levels = mode - 5;
	s->root = page_alloc();
	s->satp = (u64)mode << 60 | asid << 44 | (u64)s->root >> 12;
	map(s, RAM, RAM, 2, RWX);
	map(s, RAM + ALIAS, RAM, 2, RWX | PTE_U);
}

void pmp_open(void)
{
	csr_write(pmpaddr0, ~0ul >> 10);
	csr_write(pmpcfg0, 0x1f);
}

/* --- harts --- */

void hart_start(unsigned h, void (*fn)(u64), u64 arg)
{
	job[h].arg = arg;
	job[h].busy = 1;
	__atomic_store_n(&job[h].fn, fn, __ATOMIC_RELEASE);
}

void hart_wait(unsigned h)
{
	UNTIL(!__atomic_load_n(&job[h].busy, __ATOMIC_ACQUIRE));
}

static void hart_secondary(u64 h)
{
	__atomic_fetch_add(&up, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		void (*fn)(u64) = __atomic_load_n(&job[h].fn, __ATOMIC_ACQUIRE);

		if (!fn) {
			relax();
			continue;
		}
		job[h].fn = NULL;
		fn(job[h].arg);
		__atomic_store_n(&job[h].busy, 0, __ATOMIC_RELEASE);
	}
}

/* --- main --- */

static void start_state(void)
{
	csr_write(sscratch, trap_stacks[cpu()->hart + 1]);
	csr_write(mtvec, m_vec);
	csr_write(stvec, s_vec);
	csr_write(mie, 0);
	/* some boards begin with 0 */
	*(volatile u64 *)(CLINT + 0x4000 + 8 * cpu()->hart) = ~0ul;
	*(volatile u32 *)(CLINT + 4 * cpu()->hart) = 0;
	csr_write(medeleg, 0);
	csr_write(mideleg, 0);
	csr_write(satp, 0);
	csr_write(mcounteren, 7);
	csr_write(scounteren, 7);
	csr_clear(mip, SSIP | STIP | SEIP);
	csr_clear(mstatus, MST_MIE | MST_SIE | MST_MPRV | MST_SUM | MST_MXR | MST_TVM | MST_TW |
				   MST_TSR | MST_FS);
	csr_set(mstatus, 1ul << 13);
	t_clear();
	TRY("csrw 0x30a, %[v]", NO_OUT, [v] "r"(0));
	cpu()->irqs = 0;
	cpu()->on_irq = NULL;
	pmp_open();
	sfence();
}

void hart_main(u64 h)
{
	unsigned bad = 0, n = 0;

	cpu()->hart = h;
	start_state();
	if (h)
		hart_secondary(h);
	for (u64 t = now(); up + 1 < want_harts;)
		if (now() - t > 10 * 10000000ul) {
			put("harts are missing\n");
			finish(false);
		}
	for (const struct test *t = tests; t->name; t++, n++) {
		unsigned before = fails;

		test_name = t->name;
		pool_used = 0;
		reported = 0;
		start_state();
		t->fn();
		put(fails == before ? "ok " : "not ok ");
		put(t->name);
		put("\n");
		bad += fails != before;
	}
	put_dec(n - bad);
	put(" passed, ");
	put_dec(bad);
	put(" failed\n");
	finish(!bad);
}
