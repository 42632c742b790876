// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every case begins by a return from a signal handler, which loads all registers at
 * once, and ends by a signal, which stores them. 32-bit code is reached the same way:
 * the frame's CS says so. System calls out of the code area are refused (seccomp).
 *
 * The handler runs with the case's FS and GS bases until it has put its own back:
 * nothing here may use thread-local memory before that (no stack protector).
 */
#include "tests/insn_x86/native.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_GUARD __attribute__((optimize("no-stack-protector")))
#ifdef __clang__
#undef NO_GUARD
#define NO_GUARD __attribute__((no_stack_protector))
#endif

enum { TICK_US = 10000, TICKS = 3 };
enum { HWCAP2_FSGSBASE_BIT = 2 };

struct shared {
	struct xs_batch b;
	volatile unsigned next; /* case that runs */
};

struct native {
	struct shared *sh;
	pid_t pid;
	int fd;
};

/* in the child */
static struct shared *sh;
static uint64_t own_fs, own_gs;
static uint8_t own_x[XS_X_SIZE];
static gregset_t own_regs;
static uint8_t alt_stack[64 * 1024] __attribute__((aligned(64)));
static bool running;
static unsigned ticks, tick_case;
static uint8_t *data;

static inline uint64_t rdfs(void)
{
	uint64_t v;
	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}
static inline uint64_t rdgs(void)
{
	uint64_t v;
	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}
static inline void wrfs(uint64_t v) { __asm__ volatile("wrfsbase %0" : : "r"(v) : "memory"); }
static inline void wrgs(uint64_t v) { __asm__ volatile("wrgsbase %0" : : "r"(v) : "memory"); }

/* greg_t numbers of the registers in encoding order */
static const uint8_t order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
				   REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
				   REG_R12, REG_R13, REG_R14, REG_R15 };

static NO_GUARD void copy(void *to, const void *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static NO_GUARD void save(struct xs_result *r, ucontext_t *uc, int sig, uint64_t fs, uint64_t gs)
{
	const greg_t *g = uc->uc_mcontext.gregs;

	for (unsigned i = 0; i < 16; i++)
		r->s.gpr[i] = (uint64_t)g[order[i]];
	r->s.rip = (uint64_t)g[REG_RIP];
	r->s.rflags = (uint64_t)g[REG_EFL];
	r->s.fs_base = fs;
	r->s.gs_base = gs;
	r->s.trap = (uint32_t)g[REG_TRAPNO];
	r->s.error = (uint32_t)g[REG_ERR];
	r->s.cr2 = (uint64_t)g[REG_CR2];
	copy(r->s.x, uc->uc_mcontext.fpregs, XS_X_SIZE);
	copy(r->data, data, XS_DATA_RW);
	r->end = sig == SIGALRM ? XS_LOOPED : sig == SIGSYS ? XS_SYSCALL : XS_TRAPPED;
}

static NO_GUARD void load_x(ucontext_t *uc, const uint8_t *x)
{
	uint8_t *to = (uint8_t *)uc->uc_mcontext.fpregs;

	/* what is kept in the reserved bytes is the kernel's */
	copy(to, x, 464);
	copy(to + XS_X_HEADER, &(uint64_t){ 7 }, 8);
	copy(to + XS_X_YMMH, x + XS_X_YMMH, 256);
}

static NO_GUARD void load(const struct xs_case *c, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	for (unsigned i = 0; i < 16; i++)
		g[order[i]] = (greg_t)c->in.gpr[i];
	g[REG_RIP] = (greg_t)c->in.rip;
	g[REG_EFL] = (greg_t)c->in.rflags;
	g[REG_CSGSFS] = (c->wide ? XS_CS64 : XS_CS32) | (greg_t)XS_SS << 48;
	load_x(uc, c->in.x);
	copy(data, sh->b.data, XS_DATA_RW);
	/* random bytes may have loaded others */
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %1, %%fs; mov %1, %%gs"
			 :
			 : "r"(XS_SS), "r"(0));
}

static NO_GUARD void handler(int sig, siginfo_t *si, void *p)
{
	uint64_t fs = rdfs(), gs = rdgs();
	ucontext_t *uc = p;

	(void)si;
	wrfs(own_fs);
	wrgs(own_gs);
	__asm__ volatile("pushq $2; popfq" : : : "memory", "cc"); /* NT, ID, AC */
	if (sig == SIGALRM) {
		if (!running || sh->next != tick_case)
			ticks = 0;
		tick_case = sh->next;
		if (!running || ticks++ < TICKS)
			goto out;
	}
	if (!running) {
		copy(own_regs, uc->uc_mcontext.gregs, sizeof(own_regs));
		copy(own_x, uc->uc_mcontext.fpregs, XS_X_SIZE);
		running = true;
	} else {
		save(&sh->b.native[sh->next], uc, sig, fs, gs);
		sh->next++;
	}
	if (sh->next >= sh->b.nr) {
		running = false;
		copy(uc->uc_mcontext.gregs, own_regs, sizeof(own_regs));
		load_x(uc, own_x);
		return;
	}
	load(&sh->b.c[sh->next], uc);
	fs = sh->b.c[sh->next].in.fs_base;
	gs = sh->b.c[sh->next].in.gs_base;
out:
	if (running) {
		wrgs(gs);
		wrfs(fs);
	}
}

/* Refused: anything from the code area, and i386's calls. */
static int filter(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, instruction_pointer)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, XS_CODE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog prog = { sizeof(f) / sizeof(f[0]), f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -errno : 0;
}

static void *map_at(uint64_t at, size_t n, int prot, int flags, int fd)
{
	void *p = mmap((void *)at, n, prot, flags | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, 0);

	if (p != (void *)at)
		_exit(10);
	return p;
}

static void prepare(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGALRM };
	struct sigaction sa = { .sa_sigaction = handler,
				.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	stack_t st = { .ss_sp = alt_stack, .ss_size = sizeof(alt_stack) };
	struct itimerval tick = { { 0, TICK_US }, { 0, TICK_US } };
	int fd = memfd_create("data", 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT))
		_exit(11);
	if (fd < 0 || ftruncate(fd, XS_DATA_SIZE) || sigaltstack(&st, NULL))
		_exit(12);
	map_at(XS_CODE, XS_CODE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	data = map_at(XS_DATA, XS_DATA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	map_at(XS_ALIAS, XS_DATA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	map_at(XS_SMC, XS_DATA_RW, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd);
	memset(data, 1, XS_DATA_SIZE);
	*(volatile uint8_t *)(XS_ALIAS + XS_DATA_RW) = 1;
	mprotect((void *)(XS_ALIAS + XS_DATA_RW), 0x1000, PROT_READ);
	sigfillset(&sa.sa_mask);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
	if (filter())
		_exit(13);
	own_fs = rdfs();
	own_gs = rdgs();
}

static _Noreturn void serve(int fd)
{
	char c;

	prepare();
	while (read(fd, &c, 1) == 1) {
		mprotect((void *)XS_CODE, XS_CODE_SIZE, PROT_READ | PROT_WRITE);
		memset((void *)XS_CODE, 0xcc, XS_CODE_SIZE);
		for (unsigned i = 0; i < sh->b.nr; i++)
			memcpy((uint8_t *)XS_CODE + sh->b.c[i].at, sh->b.c[i].code, XS_MAX_CODE);
		mprotect((void *)XS_CODE, XS_CODE_SIZE, PROT_READ | PROT_EXEC);
		mprotect(data + XS_DATA_RW, 0x1000, PROT_READ | PROT_WRITE);
		memcpy(data + XS_DATA_RW, sh->b.data + XS_DATA_RW, 0x1000);
		mprotect(data + XS_DATA_RW, 0x1000, PROT_READ);
		if (sh->next < sh->b.nr)
			__asm__ volatile("int3" : : : "memory");
		if (write(fd, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static int spawn(struct native *n)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		return -errno;
	n->pid = fork();
	if (!n->pid) {
		close(fd[0]);
		sh = n->sh;
		serve(fd[1]);
	}
	close(fd[1]);
	n->fd = fd[0];
	return n->pid < 0 ? -errno : 0;
}

struct native *native_new(void)
{
	struct native *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->sh = mmap(NULL, sizeof(*n->sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (n->sh == MAP_FAILED || spawn(n)) {
		free(n);
		return NULL;
	}
	return n;
}

void native_free(struct native *n)
{
	close(n->fd);
	waitpid(n->pid, NULL, 0);
	munmap(n->sh, sizeof(*n->sh));
	free(n);
}

struct xs_batch *native_batch(struct native *n) { return &n->sh->b; }

/* A process that a case killed is replaced, and goes on behind that case. */
int native_run(struct native *n)
{
	int status, lost = 0;
	char c = 0;

	n->sh->next = 0;
	for (unsigned i = 0; i < n->sh->b.nr; i++)
		n->sh->b.native[i].end = XS_NOT_RUN;
	for (;;) {
		if (send(n->fd, &c, 1, MSG_NOSIGNAL) == 1 && read(n->fd, &c, 1) == 1)
			return 0;
		close(n->fd);
		if (waitpid(n->pid, &status, 0) != n->pid)
			return -errno;
		if (WIFEXITED(status) && WEXITSTATUS(status) >= 10)
			return -ENOTSUP; /* prepare() says so: this host can't */
		if (n->sh->next < n->sh->b.nr)
			n->sh->b.native[n->sh->next++].end = XS_LOST;
		if (++lost > 16)
			return -EIO;
		if (spawn(n))
			return -errno;
	}
}
