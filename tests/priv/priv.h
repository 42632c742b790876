/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bare-metal tests of the privileged architecture: the little runtime that each
 * program links with. Hart 0 runs the table of tests in M-mode; a test goes to
 * lower modes with run_in() and tries instructions that may trap with TRY().
 */
#ifndef TESTS_PRIV_PRIV_H
#define TESTS_PRIV_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;

enum { U = 0, S = 1, M = 3 };
/* user mapping of RAM in the address spaces made here: RAM + ALIAS */
#define ALIAS	0x40000000ul
#define RAM	0x80000000ul
#define CLINT	0x02000000ul
#define PLIC	0x0c000000ul
#define UART	0x10000000ul
#define FINISH	0x00100000ul
#define NOTHING	0x18000000ul		/* no device here on the virt board */
#define PAGE	4096ul
#define IRQ	(1ul << 63)

enum { C_FALIGN, C_FACCESS, C_ILLEGAL, C_BREAK, C_LALIGN, C_LACCESS, C_SALIGN, C_SACCESS,
       C_ECALLU, C_ECALLS,        C_ECALLM = 11, C_FPAGE, C_LPAGE, C_SPAGE = 15 };
#define MST_SIE (1ul << 1)
#define MST_MIE (1ul << 3)
#define MST_SPIE (1ul << 5)
#define MST_MPIE (1ul << 7)
#define MST_SPP (1ul << 8)
#define MST_MPP (3ul << 11)
#define MST_FS (3ul << 13)
#define MST_MPRV (1ul << 17)
#define MST_SUM (1ul << 18)
#define MST_MXR (1ul << 19)
#define MST_TVM (1ul << 20)
#define MST_TW (1ul << 21)
#define MST_TSR (1ul << 22)
#define MST_SD (1ul << 63)
#define SSIP (1ul << 1)
#define MSIP (1ul << 3)
#define STIP (1ul << 5)
#define MTIP (1ul << 7)
#define SEIP (1ul << 9)
#define MEIP (1ul << 11)
#define ENV_CBZE (1ul << 7)
#define ENV_CBCFE (1ul << 6)
#define ENV_CBIE (3ul << 4)
#define ENV_ADUE (1ul << 61)
#define ENV_PBMTE (1ul << 62)
#define ENV_STCE (1ul << 63)

#define STR_(x) #x
#define STR(x) STR_(x)
#define csr_read(c) ({ u64 v_; asm volatile("csrr %0, " STR(c) : "=r"(v_) :: "memory"); v_; })
#define csr_write(c, v) ({ asm volatile("csrw " STR(c) ", %0" :: "r"((u64)(v)) : "memory"); })
#define csr_set(c, v) ({ asm volatile("csrs " STR(c) ", %0" :: "r"((u64)(v)) : "memory"); })
#define csr_clear(c, v) ({ asm volatile("csrc " STR(c) ", %0" :: "r"((u64)(v)) : "memory"); })
#define csr_swap(c, v) ({ u64 v_; \
	asm volatile("csrrw %0, " STR(c) ", %1" : "=r"(v_) : "r"((u64)(v)) : "memory"); v_; })
/* CSRs that Debian 12's assembler does not know by name */
#define SENVCFG 0x10a
#define MENVCFG 0x30a
#define STIMECMP 0x14d

struct trap { u64 count, cause, epc, tval, status, mode; };
struct frame { u64 x[32], epc, status, cause, tval; };
struct cpu {
	struct trap t;			/* the last trap that a TRY caught */
	u64 ctx[16];			/* of run_in */
	/* interrupts taken; of the last one: cause, pc, who took it */
	u64 irqs, last_irq, irq_epc, irq_mode;
	void (*on_irq)(struct frame *f, u64 cause);
	u64 hart;
};
extern struct cpu cpus[8];
static inline struct cpu *cpu(void)
{
	struct cpu *c;

	asm volatile("mv %0, tp" : "=r"(c));
	return c;
}


/* Runs one instruction (or a few); a trap ends it and is recorded in cpu()->t. */
#define TRY_MAGIC 0x7e57ab1e
#define TRY_TO_M 0x7e57ab1f		/* the handler goes on in M-mode */
#define TRY(text, outs, ...) \
	asm volatile("li t5, " STR(TRY_MAGIC) "\n la t6, 9f\n .option push\n .option norvc\n" text \
		     "\n .option pop\n .balign 4\n9: li t5, 0" : outs : __VA_ARGS__ \
		     : "t0", "t3", "t4", "t5", "t6", "a7", "memory")
#define OUT(v) [o]"=&r"(v)
#define NO_OUT
static inline void t_clear(void) { cpu()->t = (struct trap){ .cause = ~0ul }; }

/* What became of an access: ~0 when it worked, else the cause; t.tval tells where. */
static inline u64 try_load(u64 va, u64 *v)
{
	u64 r = 0xdead;

	t_clear();
	TRY("ld %[o], 0(%[a])", OUT(r), [a]"r"(va));
	if (v)
		*v = r;
	return cpu()->t.cause;
}

static inline u64 try_store(u64 va, u64 v)
{
	t_clear();
	TRY("sd %[v], 0(%[a])", NO_OUT, [a]"r"(va), [v]"r"(v));
	return cpu()->t.cause;
}

/* Calls va, where `ret` or more must lie; ra comes back clobbered. */
static inline u64 try_exec(u64 va)
{
	t_clear();
	asm volatile("li t5, " STR(TRY_MAGIC) "\n la t6, 9f\n jalr ra, %[a]\n .balign 4\n"
		     "9: li t5, 0"
		     :: [a]"r"(va) : "t5", "t6", "ra", "a0", "memory");
	return cpu()->t.cause;
}

/* As a function `long f(void)` at va; *v is what it returned. */
static inline u64 try_call(u64 va, u64 *v)
{
	register u64 a0 asm("a0") = 0xdead;

	t_clear();
	asm volatile("li t5, " STR(TRY_MAGIC) "\n la t6, 9f\n jalr ra, %[a]\n .balign 4\n"
		     "9: li t5, 0"
		     : "+r"(a0) : [a]"r"(va) : "t5", "t6", "ra", "memory");
	if (v)
		*v = a0;
	return cpu()->t.cause;
}

/*
 * fn(a, b) in mode S or U, with the satp there is; in U it runs at fn + off
 * with its stack there too.
 */
u64 run_at(unsigned mode, u64 off, void *fn, u64 a, u64 b);
static inline u64 run_s(void *fn, u64 a, u64 b) { return run_at(S, 0, fn, a, b); }
/* U without translation (PMP open) and with. */
static inline u64 run_u_bare(void *fn, u64 a, u64 b) { return run_at(U, 0, fn, a, b); }
static inline u64 run_u(void *fn, u64 a, u64 b) { return run_at(U, ALIAS, fn, a, b); }
/* From any mode, by ecall: runs fn(a, b) in M. */
u64 m_call(void *fn, u64 a, u64 b);

void check_at(u64 got, u64 want, unsigned line);
#define EQ(got, want) check_at((u64)(got), (u64)(want), __LINE__)
#define OK(cond) check_at(!!(cond), 1, __LINE__)
/* A feature is not there: a failure on ambi, a remark on others. */
void absent(const char *what);

void put(const char *s);
void put_hex(u64 v);

struct test { const char *name; void (*fn)(void); };
extern const struct test tests[];		/* ends with a NULL name */
/* that must come up; 1 unless the program says otherwise */
extern const unsigned want_harts;
/* Other harts: hart h runs fn(arg) in M-mode; hart_wait until it is back. */
void hart_start(unsigned h, void (*fn)(u64), u64 arg);
void hart_wait(unsigned h);

/* --- address spaces --- */

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_G = 32,
       PTE_A = 64, PTE_D = 128 };
#define PTE_N (1ul << 63)
#define PTE_PBMT(n) ((u64)(n) << 61)
#define RWX (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
#define RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)
#define RX (PTE_V | PTE_R | PTE_X | PTE_A | PTE_D)
enum { BARE = 0, SV39 = 8, SV48 = 9, SV57 = 10 };
#define PPN(pa) ((u64)(pa) >> 12 << 10)
struct space { u64 satp; u64 *root; unsigned mode, levels; };

void *page_alloc(void);				/* zeroed; all are given back before each test */
/* RAM for S at its address, for U at + ALIAS, nothing else. */
void space_new(struct space *s, unsigned mode, u64 asid);
/* The entry for va at this level (0: 4 KiB), tables made as needed. */
u64 *pte_at(struct space *s, u64 va, unsigned level);
static inline void map(struct space *s, u64 va, u64 pa, unsigned level, u64 flags)
{
	*pte_at(s, va, level) = PPN(pa) | flags;
}
static inline void sfence(void) { asm volatile("sfence.vma" ::: "memory"); }
static inline void sfence_va(u64 va) { asm volatile("sfence.vma %0" :: "r"(va) : "memory"); }
static inline void sfence_asid(u64 a) { asm volatile("sfence.vma zero, %0" :: "r"(a) : "memory"); }
static inline void sfence_both(u64 va, u64 a)
{
	asm volatile("sfence.vma %0, %1" :: "r"(va), "r"(a) : "memory");
}
static inline void relax(void) { asm volatile(".4byte 0x0100000f" ::: "memory"); }
/*
 * Waits for another hart: at first as fast as it can, that both go on at the same moment; then,
 * with fewer processors than harts, the other one is to run (Zihintpause).
 */
#define UNTIL(cond)                                                                                \
	do {                                                                                       \
		for (unsigned n_ = 0; !(cond); n_++)                                               \
			if (n_ > 500)                                                              \
				relax();                                                           \
	} while (0)
static inline void fence_i(void) { asm volatile("fence.i" ::: "memory"); }
static inline u64 now(void) { return *(volatile u64 *)(CLINT + 0xbff8); }
static inline void set_satp(const struct space *s) { csr_write(satp, s->satp); }
void pmp_open(void);

#endif
