/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that provoke every exception and privilege transfer and log what the handlers find. The
 * log is compared with one that was checked by hand and against processors (*.log):
 *	sys tcg|kvm GUEST [LOG]
 * Without LOG it is printed.
 */
#include "tests/x86/layout.h"
#include "tests/kvm/harness.h"

#include <inttypes.h>
#include <stdlib.h>

#include "accel/tcg/tcg.h"
#include "util/bits.h"

extern const struct accel_ops accel_tcg;

/* Access bytes and flags as in a descriptor's upper half, bits 8 to 23. */
enum {
	A_DATA = 0x93, A_RODATA = 0x91, A_DOWN = 0x97, A_CODE = 0x9b, A_XONLY = 0x99,
	A_CONFORM = 0x9f, A_TSS = 0x89, A_TSS16 = 0x81, A_LDT = 0x82, A_GATE = 0x8c, A_INT = 0x8e,
	A_TRAP = 0x8f, A_INT16 = 0x86, A_TASK = 0x85, A_DPL3 = 0x60, A_DPL1 = 0x20, A_P = 0x80,
	A_BIG = 0xc000, A_BIG_BYTES = 0x4000, A_LONG = 0xa000,
};

enum { AT_GATE16 = 0x8000 };

static uint64_t seg(uint32_t base, uint32_t limit, unsigned a)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(a & 0xff) << 40 |
	       (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(a & 0xf000) << 40 |
	       (uint64_t)(base >> 24) << 56;
}

static uint64_t gate(unsigned sel, uint32_t off, unsigned a, unsigned low)
{
	return (off & 0xffff) | (uint64_t)sel << 16 | (uint64_t)low << 32 |
	       (uint64_t)(a & 0xff) << 40 | (uint64_t)(off >> 16) << 48;
}

static void put64(struct kt *t, gpa_t at, uint64_t v) { kt_put(t, at, &v, 8); }
static void put32(struct kt *t, gpa_t at, uint32_t v) { kt_put(t, at, &v, 4); }
static void put16(struct kt *t, gpa_t at, uint16_t v) { kt_put(t, at, &v, 2); }

static void segments(struct kt *t, uint32_t gate_at)
{
	const struct { unsigned sel; uint64_t d; } table[] = {
		{ SEL_CODE32, seg(0, 0xfffff, A_CODE | A_BIG) },
		{ SEL_DATA, seg(0, 0xfffff, A_DATA | A_BIG) },
		{ SEL_CODE64, seg(0, 0xfffff, A_CODE | A_LONG) },
		{ SEL_UCODE32, seg(0, 0xfffff, A_CODE | A_BIG | A_DPL3) },
		{ SEL_UDATA, seg(0, 0xfffff, A_DATA | A_BIG | A_DPL3) },
		{ SEL_UCODE64, seg(0, 0xfffff, A_CODE | A_LONG | A_DPL3) },
		{ SEL_TSS, seg(L_TSS, 103, A_TSS | 2) },
		{ SEL_CODE16, seg(L_CODE, 0xffff, A_CODE) },
		{ SEL_DATA16, seg(0, 0xffff, A_DATA) },
		{ SEL_ABSENT, seg(0, 0xfffff, (A_DATA | A_BIG) & ~A_P) },
		{ SEL_RODATA, seg(0, 0xfffff, A_RODATA | A_BIG) },
		{ SEL_XONLY, seg(0, 0xfffff, A_XONLY | A_BIG) },
		{ SEL_CONFORM, seg(0, 0xfffff, A_CONFORM | A_BIG) },
		{ SEL_DOWN, seg(0, 0x1fff, A_DOWN | A_BIG_BYTES) },
		{ SEL_SMALL, seg(0, 0xfff, A_DATA | A_BIG_BYTES) },
		{ SEL_GATE0, gate(SEL_CODE32, gate_at, A_GATE, 0) },
		{ SEL_GATE3, gate(SEL_CODE32, gate_at, A_GATE | A_DPL3, 2) },
		{ SEL_GATE_ABSENT, gate(SEL_CODE32, gate_at, A_GATE & ~A_P, 0) },
		{ SEL_LDT, seg(L_LDT, 23, A_LDT) },
		{ SEL_TSS_B, seg(L_TSS_B, 103, A_TSS) },
		{ SEL_TSS_BAD, seg(L_TSS_BAD, 103, A_TSS) },
		{ SEL_TSS_SHORT, seg(L_TSS_BAD, 102, A_TSS) },
		{ SEL_TASKGATE, gate(SEL_TSS_B, 0, A_TASK, 0) },
		{ SEL_TSS16, seg(L_TSS16, 43, A_TSS16) },
		{ SEL_CODE1, seg(0, 0xfffff, A_CODE | A_BIG | A_DPL1) },
		{ SEL_DATA1, seg(0, 0xfffff, A_DATA | A_BIG | A_DPL1) },
		{ SEL_CODEABSENT, seg(0, 0xfffff, (A_CODE | A_BIG) & ~A_P) },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		put64(t, L_GDT + table[i].sel, table[i].d);
	put64(t, L_LDT + 8, seg(0, 0xfffff, A_DATA | A_BIG));
	put64(t, L_LDT + 16, seg(0, 0xfffff, (A_DATA | A_BIG) & ~A_P));
}

static void task(struct kt *t, gpa_t at, unsigned code)
{
	put32(t, at + 4, L_STACK_IN);
	put32(t, at + 8, SEL_DATA);
	put32(t, at + 36, 2);
	put32(t, at + 56, L_STACK_B);
	for (unsigned i = 0; i < 6; i++)
		put32(t, at + 72 + 4 * i, i == X86_CS ? code : SEL_DATA);
	put16(t, at + 102, 104);
}

static void task16(struct kt *t, gpa_t at)
{
	put16(t, at + 16, 2);
	put16(t, at + 26, L_STACK_B & 0xffff);
	for (unsigned i = 0; i < 4; i++)
		put16(t, at + 34 + 2 * i, i == X86_CS ? SEL_CODE16 : SEL_DATA16);
}

/* Vector i's kind of gate, and the selector in it; code: the mode's. */
static unsigned kind(unsigned i, unsigned code, unsigned *sel)
{
	*sel = i == INT_NULL ? 3 : i == INT_DATA ? SEL_DATA : i == INT_CONFORM ? SEL_CONFORM : code;
	switch (i) {
	case 3: case 4: case INT_USER: return A_INT | A_DPL3;
	case INT_TRAP3: return A_TRAP | A_DPL3;
	case INT_ABSENT: return A_INT & ~(unsigned)A_P;
	case INT_BAD: return A_GATE;
	case INT_TASK: return A_TASK;
	case INT_GATE16: return A_INT16;
	default: return A_INT;
	}
}

static void vectors(struct kt *t, uint32_t stubs)
{
	for (unsigned i = 0; i <= INT_LAST; i++) {
		unsigned sel, a = kind(i, SEL_CODE32, &sel);

		if (i == INT_TASK)
			sel = SEL_TSS_B;
		put64(t, L_IDT + 8 * i,
		      gate(sel, i == INT_GATE16 ? AT_GATE16 : stubs + 16 * i, a, 0));
	}
}

static void boot32(struct kt *t, uint32_t gate_at, uint32_t stubs)
{
	struct x86_state *s = kt_state(t, 0);

	x86_boot_flat32(s, L_CODE);
	segments(t, gate_at);
	task(t, L_TSS, SEL_CODE32);
	task(t, L_TSS_B, SEL_CODE32);
	task(t, L_TSS_BAD, SEL_DATA);
	task16(t, L_TSS16);
	vectors(t, stubs);
	s->gdtr = (struct x86_dtable){ L_GDT, GDT_SIZE - 1 };
	s->idtr = (struct x86_dtable){ L_IDT, INT_LAST * 8 + 7 };
	s->seg[X86_TR].base = L_TSS;
	s->seg[X86_TR].selector = SEL_TSS;
	put32(t, L_LOG, L_LOG_START);
}

static void boot64(struct kt *t, uint32_t gate_at, uint32_t stubs)
{
	struct x86_state *s = kt_state(t, 0);

	x86_boot_long(s, L_CODE, 0, 0);
	segments(t, gate_at);
	put64(t, L_GDT + SEL_GATE0, gate(SEL_CODE64, gate_at, A_GATE, 0));
	put64(t, L_GDT + SEL_GATE3, gate(SEL_CODE64, gate_at, A_GATE | A_DPL3, 0));
	put64(t, L_TSS + 4, L_STACK_IN);
	put64(t, L_TSS + 0x24, L_STACK_IST);
	put64(t, L_TSS + 0x2c, L_STACK_B);
	put16(t, L_TSS + 102, 104);
	for (unsigned i = 0; i <= INT_LAST; i++) {
		unsigned sel, a = kind(i, SEL_CODE64, &sel);

		if (i == INT_IST)
			a |= A_DPL3;
		put64(t, L_IDT + 16 * i,
		      gate(sel, stubs + 16 * i, a,
			   i == INT_IST ? 2 : i == X86_SSF || i == X86_GP));
	}
	s->gdtr = (struct x86_dtable){ L_GDT, GDT_SIZE - 1 };
	s->idtr = (struct x86_dtable){ L_IDT, INT_LAST * 16 + 15 };
	s->seg[X86_TR].base = L_TSS;
	s->seg[X86_TR].selector = SEL_TSS;
	put32(t, L_LOG, L_LOG_START);
}

static struct x86_state booted;

/* --- the log --- */

enum kind { REAL, PROTECTED, LONG };

static void name_at(struct kt *t, uint32_t at, char *buf, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 4) {
		uint32_t v = kt_get32(t, at + (uint32_t)i);

		memcpy(buf + i, &v, 4);
	}
	buf[n - 1] = 0;
}

static bool has_error(unsigned v)
{
	return v == 8 || (v >= 10 && v <= 14) || v == 17;
}

static void print32(struct kt *t, gpa_t at, bool real, FILE *f)
{
	uint32_t r[L_RECORD / 4], *p = r + 16, ip, cs, flags;
	char name[64];

	for (unsigned i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = kt_get32(t, at + 4 * i);
	name_at(t, r[0], name, sizeof(name));
	fprintf(f, "%s: ", name);
	if (r[1] == 0x102) {
		fprintf(f, "not emulated\n");
		return;
	}
	if (r[1] == 0x100) {
		fprintf(f, "value %x\n", r[2]);
		return;
	}
	if (r[1] == 0x101) {
		fprintf(f, "gate, sp %x, ss %x, cs %x, %s%x", r[2], r[4], r[3], "from ", p[1]);
		for (unsigned i = 2; i < 6; i++)
			fprintf(f, " %x", p[i]);
		fprintf(f, ", at +%d\n", (int)(p[0] - r[5]));
		return;
	}
	fprintf(f, "#%x", r[1]);
	if (!real && has_error(r[1]))
		fprintf(f, " error %x", *p++);
	ip = *p++;
	cs = *p++;
	flags = *p++;
	/* addresses in the guest's own code are told from its test's start */
	if (cs == L_CODE >> 4 || cs == SEL_CODE16)
		ip += L_CODE;
	if (ip - r[5] < 0x100)
		fprintf(f, " at +%d", (int)(ip - r[5]));
	else
		fprintf(f, " at %x", ip);
	fprintf(f, ", cs %x flags %x", cs, flags);
	if (!real && (flags & X86_FLAG_VM || (cs & 3) != (r[3] & 3)))
		fprintf(f, ", sp %x ss %x", p[0], p[1]);
	if (flags & X86_FLAG_VM)
		fprintf(f, ", es %x ds %x fs %x gs %x", p[2], p[3], p[4], p[5]);
	fprintf(f, ", then cs %x ss %x sp %x ds %x es %x fs %x tr %x flags %x", r[3], r[4], r[2],
		(uint16_t)r[8], (uint16_t)r[7], (uint16_t)r[9], r[10], r[11]);
	if (r[1] == 1)
		fprintf(f, ", dr6 %x", r[12]);
	fputc('\n', f);
}

static void print64(struct kt *t, gpa_t at, FILE *f)
{
	uint32_t r[16];
	uint64_t q[6], *p = q;
	char name[64];

	for (unsigned i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = kt_get32(t, at + 4 * i);
	for (unsigned i = 0; i < ARRAY_SIZE(q); i++)
		q[i] = kt_get32(t, at + 64 + 8 * i) |
		       (uint64_t)kt_get32(t, at + 68 + 8 * i) << 32;
	name_at(t, r[0], name, sizeof(name));
	fprintf(f, "%s: ", name);
	if (r[1] == 0x102) {
		fprintf(f, "not emulated\n");
		return;
	}
	if (r[1] == 0x100) {
		fprintf(f, "value %" PRIx64 "\n", q[0]);
		return;
	}
	fprintf(f, r[1] == 0x101 ? "gate" : "#%x", r[1]);
	if (has_error(r[1]))
		fprintf(f, " error %" PRIx64, *p++);
	if (p[0] - r[5] < 0x100)
		fprintf(f, " at +%d", (int)(p[0] - r[5]));
	else
		fprintf(f, " at %" PRIx64, p[0]);
	fprintf(f, ", cs %" PRIx64 " %s %" PRIx64 " sp %" PRIx64 " ss %" PRIx64, p[1],
		r[1] == 0x101 ? "sp" : "flags", p[2], p[3], p[4]);
	fprintf(f, ", then cs %x ss %x sp %x ds %x es %x fs %x tr %x flags %x", r[3], r[4], r[2],
		r[8], r[7], r[9], r[10], r[11]);
	if (r[1] == 14)
		fprintf(f, ", cr2 %x", r[6]);
	if (r[1] == 1)
		fprintf(f, ", dr6 %x", r[12]);
	fputc('\n', f);
}

static void print_log(struct kt *t, enum kind kind, FILE *f)
{
	uint32_t end = kt_get32(t, L_LOG) | L_LOG_START; /* real mode counts inside a segment */

	CHECK(end >= L_LOG_START && end < L_LOG_START + 0x40000, "log ends at %x", end);
	for (uint32_t at = L_LOG_START; at < end; at += L_RECORD)
		if (kind == LONG)
			print64(t, at, f);
		else
			print32(t, at, kind == REAL, f);
}

/* --- guests --- */

static void guest_prot32(struct kt *t)
{
	extern const uint8_t g_prot32_gate[], g_prot32_stubs[], g_prot32[];
	uint32_t stubs = L_CODE + (uint32_t)(g_prot32_stubs - g_prot32);
	uint8_t jump[5] = { 0xe9 };

	kt_load(t, g_prot32, L_CODE);
	boot32(t, L_CODE + (uint32_t)(g_prot32_gate - g_prot32),
	       stubs);
	/* a 16-bit gate's offset */
	st_le32(jump + 1, stubs + INT_GATE16 * 16 - (AT_GATE16 + sizeof(jump)));
	kt_put(t, AT_GATE16, jump, sizeof(jump));
}

static void guest_long64(struct kt *t)
{
	extern const uint8_t g_long64_gate[], g_long64_stubs[], g_long64[];

	kt_load(t, g_long64, L_CODE);
	boot64(t, L_CODE + (uint32_t)(g_long64_gate - g_long64),
	       L_CODE + (uint32_t)(g_long64_stubs - g_long64));
}

static int ack(void *opaque)
{
	struct kt *t = opaque;

	cpu_port_set(&t->vm.vcpu[0]->port, X86_LINE_INTR, 0);
	return 0x50;
}

static void asked(struct kt *t, unsigned what)
{
	static const uint8_t lines[] = { 0, X86_LINE_INTR, X86_LINE_NMI, X86_LINE_SMI };

	if (what >= 1 && what <= 3)
		cpu_port_set(&t->vm.vcpu[0]->port, lines[what], 1);
	else if (what == 4)
		cpu_port_set(&t->vm.vcpu[0]->port, X86_LINE_INTR, 0);
}

static void guest_events64(struct kt *t)
{
	extern const uint8_t g_events64_gate[], g_events64_stubs[], g_events64[];

	kt_load(t, g_events64, L_CODE);
	boot64(t, L_CODE + (uint32_t)(g_events64_gate - g_events64),
	       L_CODE + (uint32_t)(g_events64_stubs - g_events64));
	t->vm.vcpu[0]->port.ack = ack;
	t->vm.vcpu[0]->port.ack_chip = t;
	t->hook = asked;
}

static void guest_real16(struct kt *t)
{
	extern const uint8_t g_real16[];

	kt_load(t, g_real16, L_CODE);
	segments(t, 0);
	put32(t, L_LOG, L_LOG_START & 0xffff);
	x86_boot_real(kt_state(t, 0), L_CODE >> 4, 0);
	t->vm.vcpu[0]->port.ack = ack;
	t->vm.vcpu[0]->port.ack_chip = t;
	t->hook = asked;
}

static const struct {
	const char *name;
	enum kind kind;
	void (*set)(struct kt *t);
} guests[] = {
	{ "real16", REAL, guest_real16 },
	{ "prot32", PROTECTED, guest_prot32 },
	{ "long64", LONG, guest_long64 },
	{ "events64", LONG, guest_events64 },
};

/* KVM gave up on an instruction: its test ends there. */
static bool skip_test(struct kt *t, enum kind kind)
{
	struct vcpu *v = t->vm.vcpu[0];
	struct x86_state *s = v->state;
	uint32_t at = kt_get32(t, L_LOG), resume = kt_get32(t, L_RESUME);
	static uint32_t last;
	struct err e = { 0 };

	if (resume == last || vcpu_pull(v, REGS_ALL, &e))
		return false;
	last = resume;
	put32(t, (at | L_LOG_START), kt_get32(t, L_NAME));
	put32(t, (at | L_LOG_START) + 4, 0x102);
	put32(t, L_LOG, at + L_RECORD);
	for (unsigned i = 0; i < 6; i++)
		s->seg[i] = booted.seg[i];
	s->rip = kind == REAL ? resume - L_CODE : resume;
	s->rflags = 2;
	s->cr0 = booted.cr0;
	s->gpr[X86_RSP] = kind == REAL ? 0x7000 : L_STACK;
	return !vcpu_push(v, &e);
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t n, size = 1 << 20;
	char *text = malloc(size);

	CHECK(f && text, "%s: not there", path);
	n = fread(text, 1, size - 1, f);
	text[n] = 0;
	fclose(f);
	return text;
}

/* The lines of one test, of any length, from `at` on; returns what follows them. */
static const char *one_test(const char *at, char *name, size_t size)
{
	size_t n = strcspn(at, ":\n");

	snprintf(name, size, "%.*s", (int)n, at);
	while (*at && strcspn(at, ":\n") == n && !memcmp(at, name, n)) {
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return at;
}

static const char *find_test(const char *text, const char *name)
{
	char other[64];

	while (*text) {
		const char *next = one_test(text, other, sizeof(other));

		if (!strcmp(name, other))
			return text;
		text = next;
	}
	return NULL;
}

/* What KVM's emulator is known to do otherwise, or leaves out. */
static bool kvm_differs(const char *name)
{
	static const char *const names[] = {
		"single step over ss",
		"data breakpoint",
		"instruction breakpoint",
		"ud gate absent",
		"beyond the vector table",
		"smi",
		"interrupt",
		"expand-down, top",
		/* these begin with what such a test left in a register */
		"stack limit",
		"lldt data",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* Flags of the log itself are not compared on KVM: a test that was left out changes them. */
static size_t strip(char *to, const char *from, size_t n, bool flags)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		if (flags && !strncmp(from + i, "flags ", 6))
			while (i < n && from[i] != ',' && from[i] != '\n')
				i++;
		to[out++] = from[i];
	}
	to[out] = 0;
	return out;
}

static int compare(const char *text, const char *path)
{
	static char a[1 << 16], b[1 << 16];
	char *wanted = read_file(path), name[64];
	const char *at = wanted, *next, *mine, *end;
	unsigned bad = 0, n = 0;
	bool kvm = !kt_engine;

	for (; *at; at = next) {
		next = one_test(at, name, sizeof(name));
		mine = find_test(text, name);
		if (kvm && (kvm_differs(name) || !mine))
			continue;
		end = mine ? one_test(mine, name, sizeof(name)) : mine;
		strip(a, at, (size_t)(next - at), kvm);
		strip(b, mine ? mine : "", (size_t)(end - mine), kvm);
		if (kvm && strstr(b, "not emulated"))
			continue;
		n++;
		if (strcmp(a, b) && bad++ < 10)
			fprintf(stderr, "%s: wanted\n%sgot\n%s", path, a, b);
	}
	CHECK(find_test(text, "end"), "the guest did not get to its end: %s", text);
	CHECK(n > 15, "%u tests compared", n);
	fprintf(stderr, "%u tests compared, %u differ\n", n, bad);
	free(wanted);
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	unsigned skipped = 0;
	int r;
	struct kt *t;
	struct vm_exit x;
	struct err e = { 0 };
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	unsigned i;

	CHECK(argc >= 3 && f, "usage: sys tcg|kvm GUEST [LOG]");
	if (!strncmp(argv[1], "tcg", 3)) {
		kt_engine = &accel_tcg;
		kt_args = argv[1][3] ? argv[1] + 4 : NULL;
	} else {
		kt_main();
	}
	for (i = 0; i < ARRAY_SIZE(guests) && strcmp(guests[i].name, argv[2]); i++)
		;
	CHECK(i < ARRAY_SIZE(guests), "no guest %s", argv[2]);
	t = kt_new(1, false);
	guests[i].set(t);
	CHECK(!vcpu_push(t->vm.vcpu[0], &e), "%s", e.msg);
	booted = *kt_state(t, 0);
	do
		kt_run(t, 0, &x);
	while (x.reason == VM_EXIT_CANNOT_RUN && !kt_engine && skipped++ < 500 &&
	       skip_test(t, guests[i].kind));
	print_log(t, guests[i].kind, f);
	if (x.reason != VM_EXIT_NONE || t->code)
		fprintf(f, "exit %d (%s), code %d\n", x.reason,
			x.reason == VM_EXIT_ERROR ? x.text : "", t->code);
	fclose(f);
	kt_free(t);
	r = 0;
	if (argc == 3)
		fputs(text, stdout);
	else
		r = compare(text, argv[3]);
	free(text);
	return r;
}
