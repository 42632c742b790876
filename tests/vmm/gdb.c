/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gdb's protocol against a target of two CPUs and 64 bytes of memory. */
#include <errno.h>
#include <stdlib.h>

#include "tests/check.h"
#include "util/bits.h"
#include "vmm/gdb_cmd.h"
#include "vmm/gdb_proto.h"

struct cpu { uint64_t r[2], pc; uint8_t priv; };

static const struct reg regs[] = {
	{ "x0", "zero", offsetof(struct cpu, r[0]), 64, REGS_CORE, REG_RO, 0 },
	{ "x1", "ra", offsetof(struct cpu, r[1]), 64, REGS_CORE, 0, 1 },
	{ "pc", NULL, offsetof(struct cpu, pc), 64, REGS_CORE, 0, 2 },
	{ "priv", NULL, offsetof(struct cpu, priv), 8, REGS_CORE, 0, 4161 },
	{ NULL }
};
static const struct isa isa = {
	.name = "test", .gdb_arch = "riscv:rv64", .gdb_feature = "org.gnu.gdb.riscv.cpu",
	.state_size = sizeof(struct cpu), .regs = regs, .pc_off = offsetof(struct cpu, pc),
};

static struct cpu cpus[2];
static uint8_t ram[64], actions[256];
static struct debug_req points;
static unsigned resumed, detached, killed;
static char asked[64];
enum { LONG = 3 * GDB_PACKET_MAX };
static size_t sent;			/* digits of what came before an answer */

static void *t_state(void *o, unsigned cpu) { return &cpus[cpu]; }
static int t_mem(void *o, unsigned cpu, uint64_t addr, void *buf, size_t n, bool write)
{
	if (addr > sizeof(ram) || n > sizeof(ram) - addr)
		return -EFAULT;
	memcpy(write ? ram + addr : buf, write ? buf : ram + addr, n);
	return 0;
}
static int t_points(void *o, const struct debug_req *r) { points = *r; return 0; }
static void t_resume(void *o, const uint8_t a[256]) { memcpy(actions, a, 256); resumed++; }
static void t_detach(void *o) { detached++; }
static void t_kill(void *o) { killed++; }
static char *t_monitor(void *o, const char *l)
{
	char *text;

	snprintf(asked, sizeof(asked), "%s", l);
	if (strcmp(l, "long"))
		return strdup("hi\n");
	text = malloc(LONG + 1);
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	return text;
}
static void t_describe(void *o, unsigned cpu, char *b, size_t n) { snprintf(b, n, "CPU %u", cpu); }
static void t_send(void *o, const char *p, size_t n)
{
	CHECK(*p == 'O' && n <= GDB_PACKET_MAX);
	sent += n - 1;
}

static const struct gdb_target target = {
	&isa, 2, NULL, t_state, t_mem, t_points, t_resume, t_detach, t_kill, t_monitor, t_describe,
	t_send,
};
static struct gdb_session s;
static GString *reply;

static const char *ask(const char *p)
{
	g_string_truncate(reply, 0);
	return gdb_session_packet(&s, p, strlen(p), reply) ? reply->str : "(none)";
}
#define ASK(p, want) CHECK(!strcmp(ask(p), want), "%s gave \"%s\"", p, reply->str)

static void framing(void)
{
	static const char text[] = "a}b#c$d*";
	static struct gdb_proto p;
	GString *out = g_string_new(NULL);
	enum gdb_event ev = GDB_NONE;

	gdb_proto_frame(out, text, strlen(text));
	for (size_t i = 0; i < out->len; i++)
		ev = gdb_proto_feed(&p, (uint8_t)out->str[i]);
	CHECK(ev == GDB_PACKET && p.len == strlen(text) && !strcmp(p.packet, text), "%s", p.packet);
	out->str[out->len - 1] ^= 1;
	for (size_t i = 0; i < out->len; i++)
		ev = gdb_proto_feed(&p, (uint8_t)out->str[i]);
	CHECK(ev == GDB_BAD);
	gdb_proto_feed(&p, '$');
	gdb_proto_feed(&p, '#');
	CHECK(gdb_proto_feed(&p, '$') == GDB_BAD, "a sum that is none");
	CHECK(gdb_proto_feed(&p, 3) == GDB_BREAK);
	CHECK(gdb_proto_feed(&p, '$') == GDB_NONE);
	for (int i = 0; i < 2 * GDB_PACKET_MAX; i++)
		gdb_proto_feed(&p, 0);
	gdb_proto_feed(&p, '#');
	gdb_proto_feed(&p, '0');
	CHECK(gdb_proto_feed(&p, '0') == GDB_BAD, "a packet that is too long");
	g_string_free(out, TRUE);
}

static void registers(void)
{
	cpus[0] = (struct cpu){ { 0, 0x1122334455667788 }, 0x80000000, 3 };
	ASK("g", "0000000000000000" "8877665544332211" "0000008000000000");
	ASK("p1", "8877665544332211");
	ASK("p1041", "03");
	ASK("p3", "E16");
	ASK("pffffffffffffffff", "E16");
	ASK("P1=0100000000000000", "OK");
	CHECK(cpus[0].r[1] == 1);
	ASK("P0=0100000000000000", "OK");
	CHECK(cpus[0].r[0] == 0, "zero stays zero");
	ASK("P1=01", "E16");
	ASK("P1", "E16");
	ASK("G0000000000000000ff00000000000000", "OK");
	CHECK(cpus[0].r[1] == 0xff && cpus[0].pc == 0x80000000);
	ASK("Gzz", "E16");
	ASK("Hg2", "OK");
	ASK("p1", "0000000000000000");
	ASK("Hg3", "E16");
	ASK("Hg1", "OK");
	ASK("Hc-1", "OK");
}

static void memory(void)
{
	ASK("M10,4:deadbeef", "OK");
	CHECK(ld_be32(ram + 16) == 0xdeadbeef);
	ASK("m10,4", "deadbeef");
	ASK("m3e,4", "E0e");
	ASK("m", "E16");
	ASK("m10", "E16");
	ASK("M10,4:de", "E16");
	ASK("M10,ffffffffffffffff:de", "E16");
	ASK("mffffffffffffffff,4", "E0e");
	ASK("X10,2:ab", "OK");
	CHECK(ram[16] == 'a' && ram[17] == 'b');
	ASK("X10,3:ab", "E16");
	ASK("X10,0:", "OK");
}

static void stops(void)
{
	ASK("Z0,80000000,4", "OK");
	ASK("Z1,80000000,4", "OK");
	CHECK(points.nr_break == 1 && points.brk[0] == 0x80000000);
	ASK("Z2,100,8", "OK");
	CHECK(points.nr_watch == 1 && points.watch[0].write && !points.watch[0].read);
	ASK("Z3,100,8", "OK");
	CHECK(points.nr_watch == 2 && !points.watch[1].write && points.watch[1].read);
	ASK("z2,100,8", "OK");
	CHECK(points.nr_watch == 1);
	ASK("z0,80000000,4", "OK");
	CHECK(!points.nr_break);
	ASK("Z2,100,0", "E16");
	ASK("Z9,1,1", "");
	ASK("Z", "");
	for (int i = 0; i < DBG_MAX; i++) {
		char p[32];

		snprintf(p, sizeof(p), "Z0,%x,2", i * 4);
		ASK(p, "OK");
	}
	ASK("Z0,1000,2", "E1c");
}

static void going(void)
{
	ASK("vCont?", "vCont;c;C;s;S");
	ASK("vCont;s:1;c", "(none)");
	CHECK(resumed == 1 && actions[0] == GDB_STEP && actions[1] == GDB_CONTINUE);
	CHECK(!strcmp(gdb_session_stop(&s, 1, 5, "watch", 0x100), "T05watch:100;thread:2;"));
	ASK("?", "T05watch:100;thread:2;");
	ASK("qC", "QC2");
	ASK("vCont;c:2", "(none)");
	CHECK(actions[0] == GDB_HOLD && actions[1] == GDB_CONTINUE);
	ASK("vCont;x", "E16");
	ASK("vCont;", "E16");
	ASK("vCont", "E16");
	ASK("vCont;s:9", "E16");
	ASK("s", "(none)");
	CHECK(actions[1] == GDB_STEP && actions[0] == GDB_HOLD);
	ASK("c1234", "(none)");
	CHECK(cpus[1].pc == 0x1234 && actions[0] == GDB_CONTINUE);
	ASK("D", "OK");
	ASK("k", "(none)");
	CHECK(detached == 1 && killed == 1);
}

static void queries(void)
{
	CHECK_HAS(ask("qSupported:xmlRegisters=i386"), "qXfer:features:read+");
	ASK("qfThreadInfo", "m1,2");
	ASK("qsThreadInfo", "l");
	ASK("qThreadExtraInfo,2", "4350552031");
	ASK("qRcmd,696e666f", "68690a");
	CHECK(!strcmp(asked, "info"));
	ask("qRcmd,6c6f6e67");
	CHECK(sent && reply->len <= GDB_PACKET_MAX && sent + reply->len == 2 * LONG, "%zu, %zu",
	      sent, reply->len);
	ASK("T2", "OK");
	ASK("T3", "E16");
	ASK("QStartNoAckMode", "OK");
	CHECK(s.no_ack);
	ASK("vMustReplyEmpty", "");
	ASK("", "");
	CHECK_HAS(ask("qXfer:features:read:target.xml:0,4000"), "<reg name=\"ra\" bitsize=\"64\"");
	CHECK(reply->str[0] == 'l' && strstr(reply->str, "org.gnu.gdb.riscv.virtual"));
	CHECK(ask("qXfer:features:read:target.xml:0,10")[0] == 'm' && reply->len == 17);
	ASK("qXfer:features:read:target.xml:ffffffff,10", "E16");
	ASK("qXfer:features:read:other:0,10", "E00");
}

int main(void)
{
	reply = g_string_new(NULL);
	framing();
	gdb_session_init(&s, &target);
	registers();
	memory();
	stops();
	going();
	queries();
	gdb_session_fini(&s);
	g_string_free(reply, TRUE);
	return check_done();
}
