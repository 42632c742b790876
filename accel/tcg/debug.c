/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel/tcg/debug.h"

#ifdef CONFIG_CAPSTONE
#include <capstone/capstone.h>
#endif

#include <dlfcn.h>
#include <string.h>

#include "util/bits.h"
#include "util/log.h"

void debug_guest(struct tcg_cpu *c, const struct ir_block *b, const uint8_t *code, unsigned avail)
{
	const struct isa *isa = c->v->vm->isa;
	unsigned i, len;
	char text[128];

	if (!log_on(LOG_IN_ASM | LOG_IR) || !log_filter(b->pc))
		return;
	if (log_on(LOG_IN_ASM) && isa->disasm) {
		log_trace("IN: cpu %u key %x\n", c->v->index, b->key);
		for (i = 0; i < b->nr_ops; i++) {
			uint64_t pc = (uint64_t)b->ops[i].imm, off = pc - b->pc;

			if (b->ops[i].op != IR_INSN || off >= avail)
				continue;
			len = isa->disasm(pc, code + off, avail - (unsigned)off, text,
					  sizeof(text));
			log_trace("  %016lx:  %s%s", (unsigned long)pc, text, len ? "\n" : " ?\n");
		}
	}
	if (log_on(LOG_IR))
		ir_print(b, log_file());
}

#ifdef CONFIG_CAPSTONE
#define TEXT_OF(x) #x
#define LIBRARY(major) "libcapstone.so." TEXT_OF(major)

/*
 * Loaded by the first who prints host code: mapped into every process it would be 3 MiB of
 * memory and more time than all other libraries take together.
 */
static bool disassemble(const uint8_t *code, size_t n, uint64_t at)
{
	void *lib = dlopen(LIBRARY(CS_API_MAJOR), RTLD_NOW);	/* again: counted */
	__typeof__(&cs_open) open = lib ? (__typeof__(&cs_open))dlsym(lib, "cs_open") : NULL;
	__typeof__(&cs_option) option;
	__typeof__(&cs_disasm) disasm;
	__typeof__(&cs_free) release;
	__typeof__(&cs_close) close;
	cs_insn *insn;
	size_t k;
	csh h;

	if (!open || open(CS_ARCH_X86, CS_MODE_64, &h) != CS_ERR_OK)
		return false;
	option = (__typeof__(&cs_option))dlsym(lib, "cs_option");
	disasm = (__typeof__(&cs_disasm))dlsym(lib, "cs_disasm");
	release = (__typeof__(&cs_free))dlsym(lib, "cs_free");
	close = (__typeof__(&cs_close))dlsym(lib, "cs_close");
	option(h, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	k = disasm(h, code, n, at, 0, &insn);
	for (size_t i = 0; i < k; i++)
		log_trace("  %012lx:  %s %s\n", (unsigned long)insn[i].address, insn[i].mnemonic,
			  insn[i].op_str);
	if (k)
		release(insn, k);
	close(&h);
	return true;
}
#else
static bool disassemble(const uint8_t *code, size_t n, uint64_t at) { return false; }
#endif

void debug_host_code(const uint8_t *code, size_t n, uint64_t at)
{
	if (!n || disassemble(code, n, at))
		return;
	for (size_t j = 0; j < n; j++)
		log_trace("%s%02x", j % 32 ? "" : j ? "\n  " : "  ", code[j]);
	log_trace("  (%zu bytes at %lx)\n", n, (unsigned long)at);
}

/* Of the last translation: lockstep shows it after the fact. */
static _Thread_local struct { unsigned n; uint32_t cold, marks[EMIT_MAX_MARKS]; } last;

void debug_host_last(const struct tb *tb, unsigned n)
{
	uint32_t from = n && n <= last.n ? last.marks[n - 1] : 0;

	log_trace(" host code, hot:\n");
	debug_host_code(tb->rw + from, last.cold - from, (uint64_t)(uintptr_t)tb->code + from);
	log_trace(" cold:\n");
	debug_host_code(tb->rw + last.cold, tb->size - last.cold,
			(uint64_t)(uintptr_t)tb->code + last.cold);
}

/* The hot part, instruction by instruction. */
static void host_marked(const struct tb *tb, const struct ir_block *b, const struct emit_block *e)
{
	uint64_t at = (uint64_t)(uintptr_t)tb->code;
	unsigned i, n = 0;
	uint32_t to;

	if (!e->nr_marks)
		debug_host_code(tb->rw, e->cold, at);
	else
		debug_host_code(tb->rw, e->marks[0], at);
	for (i = 0; i < b->nr_ops && n < e->nr_marks; i++) {
		if (b->ops[i].op != IR_INSN)
			continue;
		to = n + 1 < e->nr_marks ? e->marks[n + 1] : e->cold;
		log_trace(" %016lx:\n", (unsigned long)b->ops[i].imm);
		debug_host_code(tb->rw + e->marks[n], to - e->marks[n], at + e->marks[n]);
		n++;
	}
}

void debug_host(struct tcg_cpu *c, const struct tb *tb, const struct ir_block *b,
		const struct emit_block *e)
{
	if (c->tv->lock) {
		last.n = e->nr_marks;
		last.cold = e->cold;
		memcpy(last.marks, e->marks, sizeof(last.marks));
	}
	if (c->tv->perf) {
		fprintf(c->tv->perf, "%lx %x guest_%lx_%x\n", (unsigned long)(uintptr_t)tb->code,
			tb->size, (unsigned long)b->pc, tb->key);
		fflush(c->tv->perf);
	}
	if (!log_on(LOG_OUT_ASM) || !log_filter(b->pc))
		return;
	log_trace("OUT: pc %016lx key %x: %u guest instructions, %u bytes (%u hot), %u groups\n",
		  (unsigned long)b->pc, tb->key, b->nr_insns, tb->size, e->cold, e->nr_groups);
	host_marked(tb, b, e);
	log_trace(" cold:\n");
	debug_host_code(tb->rw + e->cold, tb->size - e->cold,
			(uint64_t)(uintptr_t)tb->code + e->cold);
}
