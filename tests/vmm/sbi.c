/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SBI calls against three harts and 4 KiB of memory at 0x80000000. */
#include "target/riscv/firmware_sbi.h"

#include <errno.h>
#include <stdlib.h>

#include "target/riscv/state.h"
#include "tests/check.h"
#include "util/bits.h"

#define RAM UINT64_C(0x80000000)

enum { TIME = 0x54494d45, IPI = 0x735049, RFENCE = 0x52464e43, HSM = 0x48534d, SRST = 0x53525354,
       DBCN = 0x4442434e };
enum {
	E_NOT_SUPPORTED = -2,
	E_INVALID_PARAM = -3,
	E_INVALID_ADDRESS = -5,
	E_ALREADY_AVAILABLE = -6
};

static uint8_t ram[4096] __attribute__((aligned(8)));
static uint64_t deadline, lines[3], flushed, fenced;
static struct tlb_flush last;
static unsigned dirty, timer_line;
static int power[3];
static uint64_t started_pc, started_arg;
static char console[256];
static size_t console_len;

static uint64_t e_time(struct cpu_env *env) { return 1000; }
static void e_timer(struct cpu_env *env, unsigned line, uint64_t d)
{
	timer_line = line;
	deadline = d;
}
static void *e_phys(struct cpu_env *env, uint64_t pa)
{
	return pa - RAM < sizeof(ram) ? ram + ((pa - RAM) & ~7u) : NULL;
}
static uint64_t read_only;		/* from here on */
static void *e_phys_rw(struct cpu_env *env, uint64_t pa)
{
	return read_only && pa >= read_only ? NULL : e_phys(env, pa);
}
static void e_dirty(struct cpu_env *env, uint64_t pa) { dirty++; }
static uint64_t e_lines(struct cpu_env *env) { return lines[0]; }
static void e_line_clear(struct cpu_env *env, unsigned line) { lines[0] &= ~BIT(line); }
static void e_flush(struct cpu_env *env, const struct tlb_flush *f) { }
static void e_none(struct cpu_env *env) { }

static const struct cpu_env_ops env_ops = {
	.time = e_time,
	.timer = e_timer,
	.phys = e_phys,
	.phys_rw = e_phys_rw,
	.phys_dirty = e_dirty,
	.flush = e_flush,
	.code_barrier = e_none,
	.lines = e_lines,
	.line_clear = e_line_clear,
	.mode_changed = e_none,
};

static int f_start(void *o, unsigned i, uint64_t pc, uint64_t arg)
{
	if (power[i] != 1)
		return -EALREADY;
	power[i] = 2;
	started_pc = pc;
	started_arg = arg;
	return 0;
}
static int f_state(void *o, unsigned i) { return power[i]; }
static void f_line(void *o, unsigned i, unsigned line, int level)
{
	lines[i] = level ? lines[i] | BIT(line) : lines[i] & ~BIT(line);
}
static void f_flush(void *o, const uint64_t *m, const struct tlb_flush *f)
{
	flushed = m[0];
	last = *f;
}
static void f_barrier(void *o, const uint64_t *m) { fenced = m[0]; }
static void f_put(void *o, const void *b, size_t n)
{
	memcpy(console + console_len, b, n);
	console_len += n;
}
static int f_get(void *o)
{
	static const char in[] = "ok";
	static unsigned at;
	return at < 2 ? in[at++] : -1;
}

static const struct fw_ops fw = {
	f_start, f_state, f_line, f_flush, f_barrier, f_put, f_get, .nr_cpus = 3,
};

static struct riscv_state *s;
static enum fw_result result;

/* The error, with the value in s->x[11]. */
static int64_t call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		    uint64_t a4)
{
	uint64_t pc = s->pc;

	s->x[10] = a0;
	s->x[11] = a1;
	s->x[12] = a2;
	s->x[13] = a3;
	s->x[14] = a4;
	s->x[16] = fid;
	s->x[17] = eid;
	result = riscv_firmware_sbi(s, &fw);
	CHECK(s->pc == pc, "pc is the engine's");
	return (int64_t)s->x[10];
}

static void base(void)
{
	static const uint64_t there[] = { 0x10, TIME, IPI, RFENCE, HSM, SRST, DBCN, 0, 1, 8 };

	CHECK(!call(0x10, 0, 0, 0, 0, 0, 0) && s->x[11] == 2u << 24);
	for (size_t i = 0; i < ARRAY_SIZE(there); i++)
		CHECK(!call(0x10, 3, there[i], 0, 0, 0, 0) && s->x[11] == 1, "extension %lx",
		      (long)there[i]);
	CHECK(!call(0x10, 3, 0x12345, 0, 0, 0, 0) && s->x[11] == 0);
	CHECK(call(0x10, 77, 0, 0, 0, 0, 0) == E_NOT_SUPPORTED);
	CHECK(call(0x123456, 0, 0, 0, 0, 0, 0) == E_NOT_SUPPORTED);
	CHECK(call(9, 0, 0, 0, 0, 0, 0) == E_NOT_SUPPORTED);
}

static void timer_and_ipi(void)
{
	CHECK(!call(TIME, 0, 5000, 0, 0, 0, 0) && deadline == 5000 && timer_line == 5);
	CHECK(call(TIME, 1, 5000, 0, 0, 0, 0) == E_NOT_SUPPORTED);
	CHECK(!call(IPI, 0, 5, 0, 0, 0, 0) && lines[0] == 2 && !lines[1] && lines[2] == 2);
	CHECK(!call(IPI, 0, 1, 1, 0, 0, 0) && lines[1] == 2);
	CHECK(call(IPI, 0, 8, 0, 0, 0, 0) == E_INVALID_PARAM);
	CHECK(call(IPI, 0, 2, UINT64_MAX - 1, 0, 0, 0) == E_INVALID_PARAM);
	memset(lines, 0, sizeof(lines));
	CHECK(!call(IPI, 0, 0, UINT64_MAX, 0, 0, 0) && lines[0] && lines[1] && lines[2]);
}

static void fences(void)
{
	CHECK(!call(RFENCE, 0, 6, 0, 0, 0, 0) && fenced == 6);
	CHECK(!call(RFENCE, 1, 7, 0, 0, 0, 0) && flushed == 7 && last.kind == FLUSH_ALL);
	CHECK(!call(RFENCE, 1, 1, 0, 0x1234, UINT64_MAX, 0) && last.kind == FLUSH_ALL);
	CHECK(!call(RFENCE, 1, 1, 0, 0x1800, 0x1000, 0) && last.kind == FLUSH_VA);
	CHECK(last.va == 0x1000 && last.len == 0x2000, "%llx", (unsigned long long)last.len);
	CHECK(!call(RFENCE, 1, 1, 0, UINT64_MAX - 4, 100, 0) && last.kind == FLUSH_ALL, "wraps");
	CHECK(!call(RFENCE, 1, 1, 0, 0, UINT64_MAX - 1, 0) && last.kind == FLUSH_ALL, "nearly all");
	CHECK(!call(RFENCE, 2, 1, 0, 0x1000, 0x1000, 9) && last.kind == FLUSH_VA_ASID &&
	      last.asid == 9);
	CHECK(!call(RFENCE, 2, 1, 0, 0, 0, 9) && last.kind == FLUSH_ASID && last.keep_global);
	CHECK(call(RFENCE, 3, 1, 0, 0, 0, 0) == E_NOT_SUPPORTED);
	CHECK(call(RFENCE, 1, 8, 0, 0, 0, 0) == E_INVALID_PARAM);
}

static void harts(void)
{
	power[1] = 1;
	CHECK(!call(HSM, 2, 1, 0, 0, 0, 0) && s->x[11] == 1);
	CHECK(!call(HSM, 0, 1, RAM + 16, 77, 0, 0) && started_pc == RAM + 16 && started_arg == 77);
	CHECK(call(HSM, 0, 1, RAM + 16, 77, 0, 0) == E_ALREADY_AVAILABLE);
	CHECK(call(HSM, 0, 3, RAM, 0, 0, 0) == E_INVALID_PARAM);
	CHECK(call(HSM, 0, UINT64_C(1) << 32, RAM, 0, 0, 0) == E_INVALID_PARAM);
	CHECK(call(HSM, 0, 1, 0x1000, 0, 0, 0) == E_INVALID_ADDRESS);
	CHECK(call(HSM, 0, 1, RAM + 1, 0, 0, 0) == E_INVALID_ADDRESS);
	CHECK(call(HSM, 2, 9, 0, 0, 0, 0) == E_INVALID_PARAM);
	CHECK(!call(HSM, 3, 0, 0, 0, 0, 0) && result == FW_HALT);
	CHECK(call(HSM, 3, 0x80000000, RAM, 0, 0, 0) == E_NOT_SUPPORTED);
	CHECK(call(HSM, 3, 5, 0, 0, 0, 0) == E_INVALID_PARAM);
	call(HSM, 1, 0, 0, 0, 0, 0);
	CHECK(result == FW_STOP);
}

static void the_end(void)
{
	call(SRST, 0, 0, 0, 0, 0, 0);
	CHECK(result == FW_POWEROFF);
	call(SRST, 0, 0, 1, 0, 0, 0);
	CHECK(result == FW_PANIC);
	call(SRST, 0, 1, 0, 0, 0, 0);
	CHECK(result == FW_RESET);
	CHECK(call(SRST, 0, 3, 0, 0, 0, 0) == E_INVALID_PARAM && result == FW_CONTINUE);
	CHECK(call(SRST, 0, 0, 2, 0, 0, 0) == E_INVALID_PARAM && result == FW_CONTINUE);
	call(8, 0, 0, 0, 0, 0, 0);
	CHECK(result == FW_POWEROFF);
}

static void consoles(void)
{
	memcpy(ram + 3, "hello, world", 12);
	CHECK(!call(DBCN, 0, 12, RAM + 3, 0, 0, 0) && s->x[11] == 12);
	CHECK(!memcmp(console, "hello, world", 12) && console_len == 12);
	CHECK(!call(DBCN, 2, '!', 0, 0, 0, 0) && console[12] == '!');
	CHECK(call(DBCN, 0, 1, 0x1000, 0, 0, 0) == E_INVALID_PARAM);
	CHECK(call(DBCN, 0, 16, RAM + sizeof(ram) - 8, 0, 0, 0) == E_INVALID_PARAM,
	      "runs out of RAM");
	CHECK(call(DBCN, 0, 1, RAM, 1, 0, 0) == E_INVALID_PARAM);
	console_len = 0;
	memset(ram, 'x', sizeof(ram));
	CHECK(!call(DBCN, 0, 100, RAM, 0, 0, 0) && s->x[11] == 100);
	read_only = RAM;
	CHECK(call(DBCN, 1, 10, RAM + 6, 0, 0, 0) == E_INVALID_PARAM, "into flash");
	read_only = 0;
	CHECK(!call(DBCN, 1, 10, RAM + 6, 0, 0, 0) && s->x[11] == 2 && !memcmp(ram + 6, "okx", 3) &&
	      dirty);
	console_len = 0;
	CHECK(!call(1, 0, 'c', 0x77, 0, 0, 0) && console[0] == 'c' && s->x[11] == 0x77,
	      "a1 is kept");
	CHECK(call(2, 0, 0, 0, 0, 0, 0) == -1);
}

/* Hart masks of the legacy calls lie in memory; bare addressing here. */
static void legacy(void)
{
	memset(lines, 0, sizeof(lines));
	st_le64(ram + 64, 6);
	CHECK(!call(4, 0, RAM + 64, 0, 0, 0, 0) && !lines[0] && lines[1] == 2 && lines[2] == 2);
	CHECK(!call(4, 0, 0, 0, 0, 0, 0) && lines[0] == 2, "no mask: all");
	CHECK(!call(3, 0, 0, 0, 0, 0, 0) && !lines[0]);
	CHECK(call(4, 0, 0x100, 0, 0, 0, 0) == E_INVALID_ADDRESS);
	CHECK(!call(5, 0, RAM + 64, 0, 0, 0, 0) && fenced == 6);
	CHECK(!call(7, 0, RAM + 64, 0x1000, 0x1000, 3, 0) && flushed == 6 && last.asid == 3);
	CHECK(!call(0, 0, 99, 0, 0, 0, 0) && deadline == 99);
}

int main(void)
{
	static struct cpu_env env = { .ops = &env_ops, .features = UINT32_MAX };
	char *mem = aligned_alloc(4096, 8192 + align_up(sizeof(*s), 4096));

	memset(mem, 0, 8192);
	s = (void *)(mem + 4096);
	memset(s, 0, sizeof(*s));
	CPU_HEAD(s)->env = &env;
	s->priv = PRIV_S;
	s->pc = RAM + 0x100;
	base();
	timer_and_ipi();
	fences();
	harts();
	the_end();
	consoles();
	legacy();
	free(mem);
	return check_done();
}
