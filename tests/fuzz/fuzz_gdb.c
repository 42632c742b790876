/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes as what a debugger sends: framed by the fuzzer, and as packets without a checksum. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "vmm/gdb_cmd.h"
#include "vmm/gdb_proto.h"

struct cpu { uint64_t r[2], pc; uint8_t wide[16]; };

static const struct reg regs[] = {
	{ "x0", "zero", offsetof(struct cpu, r[0]), 64, REGS_CORE, REG_RO, 0 },
	{ "x1", "ra", offsetof(struct cpu, r[1]), 64, REGS_CORE, 0, 1 },
	{ "pc", NULL, offsetof(struct cpu, pc), 64, REGS_CORE, 0, 2 },
	{ "v0", NULL, offsetof(struct cpu, wide), 128, REGS_FP, 0, 7 },
	{ NULL }
};
static const struct isa isa = {
	.name = "test", .gdb_arch = "riscv:rv64", .gdb_feature = "org.gnu.gdb.riscv.cpu",
	.state_size = sizeof(struct cpu), .regs = regs, .pc_off = offsetof(struct cpu, pc),
};

static struct cpu cpus[3];
static uint8_t ram[4096];
static struct gdb_session s;

static void *t_state(void *o, unsigned cpu) { return &cpus[cpu]; }
static int t_mem(void *o, unsigned cpu, uint64_t addr, void *buf, size_t n, bool write)
{
	if (addr > sizeof(ram) || n > sizeof(ram) - addr)
		return -EFAULT;
	memcpy(write ? ram + addr : buf, write ? buf : ram + addr, n);
	return 0;
}
static int t_points(void *o, const struct debug_req *r)
{
	if (r->nr_break > DBG_MAX || r->nr_watch > DBG_MAX)
		abort();
	return r->nr_watch > 4 ? -ENOSPC : 0;
}
static void t_resume(void *o, const uint8_t a[256]) { gdb_session_stop(&s, 1, 5, NULL, 0); }
static void t_end(void *o) { }
static char *t_monitor(void *o, const char *l) { return strdup(l); }
static void t_describe(void *o, unsigned cpu, char *b, size_t n)
{
	b[0] = (char)('0' + cpu);
	b[1] = '\0';
}
static void t_send(void *o, const char *p, size_t n)
{
	if (n > GDB_PACKET_MAX)
		abort();
}

static const struct gdb_target target = {
	&isa, ARRAY_SIZE(cpus), NULL, t_state, t_mem, t_points, t_resume, t_end, t_end, t_monitor,
	t_describe, t_send,
};

static void packet(const char *p, size_t len)
{
	GString *reply = g_string_new(NULL), *out = g_string_new(NULL);

	if (gdb_session_packet(&s, p, len, reply))
		gdb_proto_frame(out, reply->str, reply->len);
	if (out->len > 3 * GDB_PACKET_MAX)
		abort();
	g_string_free(reply, TRUE);
	g_string_free(out, TRUE);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gdb_proto p;
	char line[512];
	size_t n = 0;

	memset(&p, 0, sizeof(p));
	gdb_session_init(&s, &target);
	for (size_t i = 0; i < size; i++)
		if (gdb_proto_feed(&p, data[i]) == GDB_PACKET)
			packet(p.packet, p.len);
	/* the same bytes as lines, for what a checksum would keep out */
	for (size_t i = 0; i < size; i++) {
		if (data[i] != '\n' && n < sizeof(line) - 1) {
			line[n++] = (char)data[i];
			continue;
		}
		line[n] = '\0';
		packet(line, n);
		n = 0;
	}
	gdb_session_fini(&s);
	return 0;
}
