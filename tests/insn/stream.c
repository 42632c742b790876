/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drawing the instructions of a case from the ISA's own table. */
#include "tests/insn/stream.h"

#include "target/insn_gen.h"
#include "target/riscv/state.h"
#include "tests/insn/encode.h"
#include "tests/insn/frame.h"
#include "tests/insn/hart.h"
#include "tests/ir/prog.h"
#include "util/bits.h"

#include <stdlib.h>
#include <string.h>

extern const struct insn_gen riscv_insns[];
unsigned riscv_disasm(uint64_t pc, const uint8_t *bytes, unsigned n, char *buf, size_t size);

enum patch { PATCH_NONE, PATCH_BRANCH, PATCH_AUIPC };

/* What a branch may land on: one instruction, or an address computation with its jump. */
struct item {
	uint32_t insn[3];
	uint8_t len[3], n;
	/* PATCH_AUIPC: the I immediate of insn[1] counts from insn[0] */
	uint8_t patch;
	uint8_t skip;			/* items jumped over */
	const struct insn_gen *row;
	uint32_t at;
};

static bool one_of(const char *name, const char *const *list)
{
	for (; *list; list++) {
		if (!strcmp(name, *list))
			return true;
	}
	return false;
}

static const char *const excluded[] = {
	"ecall", "ebreak", "c.ebreak", "sret", "mret", "wfi", "sfence.vma", "sinval.vma",
	"sfence.w.inval", "sfence.inval.ir", "c.addi16sp",
	"ctzw",				/* QEMU before 8.0 counts beyond bit 31 */
	NULL
};
static const char *const branches[] = {
	"beq", "bne", "blt", "bge", "bltu", "bgeu", "jal", "c.j", "c.beqz", "c.bnez", NULL
};
static const char *const accesses[] = {
	"lb", "lh", "lw", "ld", "lbu", "lhu", "lwu", "sb", "sh", "sw", "sd", "flw", "fsw", "fld",
	"fsd", "c.lw", "c.ld", "c.sw", "c.sd", "c.fld", "c.fsd", NULL
};

static bool is_atomic(const char *name)
{
	return !strncmp(name, "amo", 3) || !strncmp(name, "lr.", 3) || !strncmp(name, "sc.", 3);
}

static bool is_reserved(int64_t reg)
{
	return reg == SP || reg == GP || reg == TP || reg == S0 || reg == S1;
}

static const struct insn_field *field(const struct insn_gen *g, const char *name)
{
	unsigned i;

	for (i = 0; i < g->nr_fields; i++) {
		if (!strcmp(g->fields[i]->name, name))
			return g->fields[i];
	}
	return NULL;
}

static uint32_t put(const struct insn_gen *g, uint32_t insn, const char *name, int64_t v)
{
	const struct insn_field *f = field(g, name);

	return f ? insn_field_put(f, insn, v) : insn;
}

/* Only values that leave frm valid. */
static uint32_t draw_csr(struct rng *r, const struct insn_gen *g, uint32_t insn)
{
	unsigned csr = CSR_FFLAGS + rng_below(r, 3);
	bool imm = g->name[strlen(g->name) - 1] == 'i', write = g->name[4] == 'w';

	if (csr == CSR_FRM && imm && write)
		insn = put(g, insn, "rs1", rng_below(r, 5));
	else if (csr == CSR_FRM || (csr == CSR_FCSR && !imm))
		insn = put(g, insn, "rs1", 0);
	return put(g, insn, "csr", csr);
}

static uint32_t draw_fields(struct rng *r, const struct insn_gen *g)
{
	static const uint8_t rounds[] = { 0, 1, 2, 3, 4, 7, 7, 7 };
	uint32_t insn = g->match;
	unsigned i;

	for (i = 0; i < g->nr_fields; i++) {
		const struct insn_field *f = g->fields[i];

		insn = insn_field_put(f, insn, (int64_t)(rng_next(r) >> 20));
		if (f->kind == INSN_RM)
			insn = insn_field_put(f, insn, rounds[rng_below(r, sizeof(rounds))]);
	}
	if (one_of(g->name, accesses))
		insn = put(g, insn, "rs1",
			   rng_one_in(r, 3) && !strncmp(g->name, "c.", 2) ? S0 :
									    S0 + rng_below(r, 2));
	if (!strncmp(g->name, "lr.", 3) || !strncmp(g->name, "sc.", 3))
		/* mixed sizes may fail or not */
		insn = put(g, insn, "rs1", g->name[3] == 'w' ? SP : S0);
	else if (is_atomic(g->name))
		insn = put(g, insn, "rs1", rng_one_in(r, 2) ? SP : S0);
	if (field(g, "csr"))
		insn = draw_csr(r, g, insn);
	return insn;
}

/* One instruction of a row, or false when the draw is no good. */
static bool draw_insn(struct rng *r, const struct insn_gen *g, struct item *it)
{
	const struct insn_field *rd = field(g, "rd");

	it->insn[0] = draw_fields(r, g);
	it->len[0] = g->len;
	it->n = 1;
	it->row = g;
	it->patch = PATCH_NONE;
	it->skip = (uint8_t)rng_below(r, 6);
	if (rd && rd->kind == INSN_X && is_reserved(insn_field_get(rd, it->insn[0])))
		return false;
	if (insn_find(riscv_insns, it->insn[0], g->len, HART_FEATURES) != g)
		return false;
	if (one_of(g->name, branches))
		it->patch = PATCH_BRANCH;
	return true;
}

/* auipc t, 0; [addi t, t, d; c.jr t] or [jalr rd, d(t)] */
static bool draw_indirect(struct rng *r, const struct insn_gen *g, struct item *it)
{
	unsigned t = 5 + rng_below(r, 27);

	if (is_reserved(t) || !draw_insn(r, g, it))
		return false;
	it->patch = PATCH_AUIPC;
	if (g->len == 4) {
		it->insn[1] = put(g, it->insn[0], "rs1", t);
		it->len[1] = 4;
		it->n = 2;
	} else {
		it->insn[1] = enc_addi(t, t, 0);
		it->insn[2] = put(g, it->insn[0], "rs1", t);
		it->len[1] = 4;
		it->len[2] = 2;
		it->n = 3;
	}
	it->insn[0] = enc_auipc(t);
	it->len[0] = 4;
	return true;
}

static void draw_item(struct rng *r, uint32_t features, struct item *it)
{
	static unsigned nr_rows;
	bool ok;

	while (riscv_insns[nr_rows].text)
		nr_rows++;
	do {
		const struct insn_gen *g = &riscv_insns[rng_below(r, nr_rows)];
		bool jump = !strcmp(g->name, "jalr") || !strcmp(g->name, "c.jr") ||
			    !strcmp(g->name, "c.jalr");

		ok = !one_of(g->name, excluded) && (g->ext < 0 || features >> g->ext & 1);
		if (ok && !strcmp(g->name, "fence.i"))
			ok = rng_one_in(r, 8);
		if (ok && !strncmp(g->name, "cbo", 3))
			/* tested on their own: their block is no register's window */
			ok = false;
		if (ok)
			ok = jump ? draw_indirect(r, g, it) : draw_insn(r, g, it);
	} while (!ok);
}

static void patch_items(struct item *items, unsigned n, uint32_t end)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		struct item *it = &items[i];
		unsigned to = i + 1 + it->skip;
		int32_t distance = (int32_t)((to < n ? items[to].at : end) - it->at);

		if (it->patch == PATCH_BRANCH)
			it->insn[0] = put(it->row, it->insn[0], "imm", distance);
		else if (it->patch == PATCH_AUIPC)
			it->insn[1] = (it->insn[1] & 0xfffff) | (uint32_t)distance << 20;
	}
}

static void add_items(struct stream *s, struct rng *r, unsigned n, uint32_t features)
{
	static struct item items[STREAM_MAX_ITEMS];
	uint32_t at = (uint32_t)s->code_size;
	unsigned i, k;

	for (i = 0; i < n; i++) {
		draw_item(r, features, &items[i]);
		items[i].at = at;
		for (k = 0; k < items[i].n; k++)
			at += items[i].len[k];
		s->insns += items[i].n;
	}
	patch_items(items, n, at);
	for (i = 0; i < n; i++) {
		for (k = 0; k < items[i].n; k++)
			frame_put(s, items[i].insn[k], items[i].len[k]);
	}
}

static void draw_registers(struct rng *r, struct stream_record *in)
{
	unsigned i;

	for (i = 0; i < 32; i++) {
		in->x[i] = rng_int(r);
		in->f[i] =
			rng_one_in(r, 2) ? rng_f64(r) : rng_f32(r) | UINT64_C(0xffffffff00000000);
	}
	/* so that every 12-bit offset stays inside */
	in->x[SP] = STREAM_WINDOW + 2048 + 16 * rng_below(r, 255);
	/* never sp: LR and SC of other sizes */
	in->x[S0] = STREAM_WINDOW + 2056 + 16 * rng_below(r, 254);
	in->x[S1] = STREAM_WINDOW + 2048 + rng_below(r, 4080);
	in->fcsr = rng_below(r, 5) << 5 | (rng_one_in(r, 2) ? rng_below(r, 32) : 0);
	in->scratch = 0;
}

void stream_generate(struct stream *s, uint64_t seed, unsigned nr_cases, unsigned items,
		     uint32_t features)
{
	struct rng r = { seed };
	unsigned i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < STREAM_WINDOW_SIZE; i += 8)
		st_64(s->window + i, i & 8 ? rng_f64(&r) : rng_int(&r));
	frame_begin(s);
	for (i = 0; i < nr_cases; i++) {
		r.s = seed ^ (i + 1) * UINT64_C(0xd1342543de82ef95);
		draw_registers(&r, &s->in[i]);
		frame_load(s);
		s->case_start[i] = (uint32_t)s->code_size;
		add_items(s, &r, MIN(items, (unsigned)STREAM_MAX_ITEMS), features);
		s->case_end[i] = (uint32_t)s->code_size;
		frame_store(s);
		s->nr_cases++;
	}
	frame_end(s);
}

void stream_free(struct stream *s)
{
	free(s->code);
	s->code = NULL;
}

void stream_list(const struct stream *s, unsigned n)
{
	uint32_t at = s->case_start[n];
	char text[128];

	while (at < s->case_end[n]) {
		unsigned len = riscv_disasm(STREAM_CODE + at, s->code + at, s->case_end[n] - at,
					    text, sizeof(text));

		printf("  %08llx  %s\n", (unsigned long long)(STREAM_CODE + at), text);
		at += len;
	}
}
