/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process sees of its faults and of single steps: run on this machine's processor and in
 * a guest, the output must be the same (test_user.py). As PID 1 it powers off at the end.
 */
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { CODE = 0x10000000, SIZE = 8192, TF = 0x100, AC = 0x40000, SHOWN = 0x254fd7,
       MAX_STEPS = 16 };

static const char *name;
static sigjmp_buf back;
static uint8_t *const code = (uint8_t *)(uintptr_t)CODE;
static int traps, limit;
static unsigned long trap_ip[MAX_STEPS], trap_flags[MAX_STEPS];

static void no_alignment_checks(void)
{
	__asm__ volatile("pushf; andl $~0x40000, (%%rsp); popf" ::: "cc", "memory");
}

/* Places outside the tests' code differ from build to build. */
static long place(long ip)
{
	if (ip >= CODE && ip < CODE + SIZE)
		return ip - CODE;
	return ip > 0x1000 && !(ip >> 47) ? -1 : ip;
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	no_alignment_checks();
	printf("%s: signal %d code %d vector %lld error %llx ip %lx flags %llx cs %llx\n", name,
	       sig, si->si_code, (long long)g[REG_TRAPNO], (long long)g[REG_ERR], place(g[REG_RIP]),
	       (long long)g[REG_EFL] & SHOWN, (long long)g[REG_CSGSFS] & 0xffff);
	siglongjmp(back, 1);
}

static void on_step(int sig, siginfo_t *si, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;

	if (traps < MAX_STEPS) {
		trap_ip[traps] = (unsigned long)g[REG_RIP];
		trap_flags[traps] = (unsigned long)g[REG_EFL];
	}
	if (++traps >= limit)
		g[REG_EFL] &= ~(greg_t)TF;
}

static void on(int sig, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaction(sig, &sa, NULL);
}

/* --- code that faults --- */

struct snippet { const char *name; uint8_t n, bytes[40]; };
#define S(text, ...) { text, sizeof((uint8_t[]){ __VA_ARGS__ }), { __VA_ARGS__ } }
#define HUGE_ADDR 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80	/* mov $1 << 63, %rax */
#define KERNEL_ADDR 0x48, 0xb8, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff

static const struct snippet faults[] = {
	S("ud2", 0x0f, 0x0b),
	S("int3", 0xcc),
	S("hlt", 0xf4),
	S("cli", 0xfa),
	S("int $0x7f", 0xcd, 0x7f),
	S("int $4", 0xcd, 4),
	S("int $0x21", 0xcd, 0x21),
	S("in", 0xe4, 0x80),
	S("divide by zero", 0x31, 0xc9, 0xf7, 0xf1),
	S("divide overflow", 0xb8, 0, 0, 0, 0x80, 0x99, 0xb9, 0xff, 0xff, 0xff, 0xff, 0xf7, 0xf9),
	S("not canonical, load", HUGE_ADDR, 0x8b, 0),
	S("not canonical, store", HUGE_ADDR, 0x89, 0),
	S("kernel, load", KERNEL_ADDR, 0x8b, 0),
	S("kernel, jump", KERNEL_ADDR, 0xff, 0xe0),
	S("null, load", 0x31, 0xc0, 0x8b, 0),
	S("null, store", 0x31, 0xc0, 0x89, 0),
	S("null, jump", 0x31, 0xc0, 0xff, 0xe0),
	S("null, inc", 0x31, 0xc0, 0xff, 0),
	S("null, xchg", 0x31, 0xc0, 0x87, 0),
	S("null, lock add", 0x31, 0xc0, 0xf0, 0x01, 0),
	S("rdmsr", 0x0f, 0x32),
	S("mov cr0", 0x0f, 0x20, 0xc0),
	S("lgdt", 0x0f, 1, 0x14, 0x24),
	S("lldt", 0x66, 0x31, 0xc0, 0x0f, 0, 0xd0),
	S("invlpg", 0x0f, 1, 0x3c, 0x24),
	S("swapgs", 0x0f, 1, 0xf8),
	S("sysret", 0x48, 0x0f, 7),
	S("iret to null", 0x6a, 0, 0x6a, 0, 0x6a, 0, 0x6a, 0, 0x6a, 0, 0x48, 0xcf),
	S("wbinvd", 0x0f, 9),
	S("clts", 0x0f, 6),
	S("rsm", 0x0f, 0xaa),
	S("push es", 6),
	S("salc", 0xd6),
	S("lock nop", 0xf0, 0x90),
	S("too long", 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	  0x66, 0x66, 0x90),
	S("mov ss, ring 0", 0xb8, 0x18, 0, 0, 0, 0x8e, 0xd0),
	S("mov ss, null", 0x31, 0xc0, 0x8e, 0xd0),
	S("mov ds, beyond", 0xb8, 0xff, 0x7f, 0, 0, 0x8e, 0xd8),
	S("mov cs", 0x8e, 0xc8),
	S("mov ds, ring 0", 0xb8, 0x10, 0, 0, 0, 0x8e, 0xd8),
	S("mov es, null", 0x31, 0xc0, 0x8e, 0xc0, 0x26, 0x8b, 4, 0x24),
	S("ret far to null", 0x6a, 0, 0x6a, 0, 0x48, 0xcb),
	S("movaps, not aligned", 0x0f, 0x28, 0x44, 0x24, 1),
	S("alignment check", 0x9c, 0x81, 0x0c, 0x24, 0, 0, 4, 0, 0x9d, 0x48, 0x8b, 0x44, 0x24, 1),
	S("nt over syscall", 0x9c, 0x81, 0x0c, 0x24, 0, 0x40, 0, 0, 0x9d, 0xb8, 39, 0, 0, 0, 0x0f,
	  5, 0x9c, 0x81, 0x24, 0x24, 0xff, 0xbf, 0xff, 0xff, 0x9d),
};

static void call(const struct snippet *s, const uint8_t *before, size_t n)
{
	memset(code, 0x90, 4096);
	if (n)
		memcpy(code, before, n);
	memcpy(code + n, s->bytes, s->n);
	code[n + s->n] = 0xc3;
	name = s->name;
	if (!sigsetjmp(back, 1)) {
		((void (*)(void))(uintptr_t)CODE)();
		no_alignment_checks();
		printf("%s: nothing\n", name);
	}
}

/* --- single steps --- */

static const struct snippet steps[] = {
	S("step: nops", 0x90, 0x90, 0x90, 0x90, 0x90),
	S("step: switched off", 0x90, 0x9c, 0x81, 0x24, 0x24, 0xff, 0xfe, 0xff, 0xff, 0x9d, 0x90),
	S("step: syscall", 0xb8, 39, 0, 0, 0, 0x0f, 5, 0x90, 0x90, 0x90),
	S("step: int $0x80", 0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0x90, 0x90, 0x90),
	S("step: rep stosb", 0x48, 0x8d, 0x7c, 0x24, 0xc0, 0xb9, 3, 0, 0, 0, 0xf3, 0xaa, 0x90,
	  0x90),
	S("step: mov ss", 0x8c, 0xd0, 0x8e, 0xd0, 0x90, 0x90, 0x90, 0x90),
	S("step: pushf", 0x9c, 0x58, 0x90, 0x90, 0x90),
	S("step: jmp", 0xeb, 2, 0x90, 0x90, 0x90, 0x90, 0x90),
	S("step: divide by zero", 0x31, 0xc9, 0xf7, 0xf1),
};

static void step(const struct snippet *s)
{
	/* pushf; or $TF, (%rsp); popf */
	static const uint8_t start[] = { 0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d };

	on(SIGTRAP, on_step);
	traps = 0;
	limit = 4;
	call(s, start, sizeof(start));
	on(SIGTRAP, on_fault);
	printf("%s:", s->name);
	for (int i = 0; i < traps && i < limit; i++)
		printf(" %lx/%lx", (unsigned long)place((long)trap_ip[i]), trap_flags[i] & SHOWN);
	putchar('\n');
}

/* --- compatibility mode and the LDT: a far jump there, and one back --- */

static void far(const char *text, uint16_t sel, uint32_t offset, const uint8_t *bytes, size_t n,
		unsigned jump)
{
	static const uint8_t there[] = { 0xff, 0x2c, 0x25 };	/* ljmp *m */
	unsigned eax = 0xaaaa0000, edx;

	memset(code, 0x90, 4096);
	memcpy(code, there, 3);
	*(uint32_t *)(code + 3) = CODE + 128;
	*(uint32_t *)(code + 128) = offset;
	*(uint16_t *)(code + 132) = sel;
	memcpy(code + 16, bytes, n);
	if (jump)
		*(uint32_t *)(code + 16 + jump) = CODE + 64;
	code[64] = 0xc3;
	name = text;
	if (sigsetjmp(back, 1))
		return;
	__asm__ volatile("mov %%rsp, %%r12; lea 0x1f00(%2), %%rsp; call *%2; mov %%r12, %%rsp"
			 : "+a"(eax), "=d"(edx) : "r"((uint64_t)CODE)
			 : "rcx", "r8", "r9", "r10", "r11", "r12", "memory", "cc");
	printf("%s: eax %x cs %x\n", text, eax, edx & 0xffff);
}
#define FAR(text, sel, offset, jump, ...) \
	far(text, sel, offset, (const uint8_t[]){ __VA_ARGS__ }, \
	    sizeof((uint8_t[]){ __VA_ARGS__ }), jump)

static void segments(void)
{
	struct user_desc d = { .base_addr = CODE, .limit = 0xfff, .seg_32bit = 1, .useable = 1 };
	unsigned long gs = 0;
	unsigned r = 0;

	FAR("32-bit code", 0x23, CODE + 16, 9, 0xb8, 0x44, 0x33, 0x22, 0x11, 0x40, 0x8c, 0xca, 0xea,
	    0, 0, 0, 0, 0x33, 0);
	FAR("32-bit ud2", 0x23, CODE + 16, 0, 0x0f, 0x0b);
	FAR("32-bit null ds", 0x23, CODE + 16, 0, 0x31, 0xc0, 0x8e, 0xd8, 0xa1, 0, 0, 0, 0);
	FAR("32-bit into", 0x23, CODE + 16, 0, 0xb0, 0x7f, 0xfe, 0xc0, 0xce);
	printf("LDT: %ld\n", syscall(SYS_modify_ldt, 1, &d, sizeof(d)));
	memset(code, 0, 4096);
	*(uint32_t *)(code + 0x100) = 0xcafe;
	__asm__ volatile("mov %1, %%gs; mov %%gs:0x100, %0" : "=r"(r) : "r"(7));
	syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
	printf("gs: %x, base %lx\n", r, gs - CODE);
	__asm__ volatile("lsl %1, %0" : "=r"(r) : "r"(7) : "cc");
	printf("lsl %x\n", r);
	__asm__ volatile("lar %1, %0" : "=r"(r) : "r"(7) : "cc");
	printf("lar %x\n", r);
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0x1234567890);
	__asm__ volatile("mov %%gs, %0" : "=r"(r));
	syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
	printf("gs %x base %lx\n", r, gs);
	d = (struct user_desc){ .entry_number = 1, .base_addr = CODE, .limit = 0xfff,
				.contents = 2, .useable = 1 };
	if (syscall(SYS_modify_ldt, 1, &d, sizeof(d)))
		printf("this kernel has no 16-bit segments\n");
	FAR("16-bit code", 0xf, 16, 7, 0xb8, 0x34, 0x12, 0x8c, 0xca, 0x66, 0xea, 0, 0, 0, 0, 0x33,
	    0);
	FAR("16-bit ud2", 0xf, 16, 0, 0x0f, 0x0b);
	FAR("16-bit, beyond the limit", 0xf, 0x1000, 0, 0x90);
}

/* --- debug registers, by ptrace --- */

static volatile int watched;

static void debugged(void)
{
	size_t off = offsetof(struct user, u_debugreg);
	pid_t p = fork();
	int st;

	if (!p) {
		signal(SIGTRAP, SIG_DFL);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		watched = 1;
		watched = 2;
		/* the trap waits for the shadow's end */
		__asm__ volatile("mov %%ss, %%eax; mov %%eax, %%ss; movl $3, %0"
				 : "=m"(watched) : : "eax");
		_exit(7);
	}
	waitpid(p, &st, 0);
	ptrace(PTRACE_POKEUSER, p, off, &watched);
	printf("debug registers: %ld\n", ptrace(PTRACE_POKEUSER, p, off + 7 * 8, 0xd0001L));
	for (int i = 0; i < 8; i++) {
		ptrace(PTRACE_CONT, p, NULL, NULL);
		waitpid(p, &st, 0);
		if (WIFEXITED(st)) {
			printf("exit status %d\n", WEXITSTATUS(st));
			return;
		}
		printf("stop %d, dr6 %lx, value %ld\n", WSTOPSIG(st),
		       ptrace(PTRACE_PEEKUSER, p, off + 6 * 8, NULL) & 0xe00f,
		       ptrace(PTRACE_PEEKDATA, p, &watched, NULL) & 0xff);
	}
	kill(p, SIGKILL);
}

int main(void)
{
	static const int signals[] = { SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP };
	static char alternate[65536];
	stack_t ss = { .ss_sp = alternate, .ss_size = sizeof(alternate) };

	if (mmap(code, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != code)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaltstack(&ss, NULL);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		on(signals[i], on_fault);
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		call(&faults[i], NULL, 0);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		step(&steps[i]);
	segments();
	debugged();
	printf("USER-END\n");
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	return 0;
}
