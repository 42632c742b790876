/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What translated code looks at directly: the TLB tables and the jump cache of
 * one view of one address space, and the private words of a vCPU that lie
 * further below the architectural state than struct cpu_head.
 */
#ifndef TCG_VIEW_H
#define TCG_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "tcg/cpu_head.h"

#define TLB_BITS 12
#define TLB_ENTRIES (1u << TLB_BITS)
#define JC_BITS 13
#define JC_ENTRIES (1u << JC_BITS)
/* What another pc has put out of its entry: looked at before C is asked (thunks.lookup). */
#define JC_VICTIMS 1024u
#define JC_ALL (JC_ENTRIES + JC_VICTIMS)
#define TLB_PAGE_BITS 12
#define TLB_INVALID 0x800	/* a tag that no address gives: neither page nor alignment bits */
/*
 * Of entries without a block. A guest may well jump there: the entry's code must do for any pc, as
 * the lookup does, and so must the return stack's last words (emit_thunks.ret_empty).
 */
#define JC_EMPTY UINT64_C(0x8000000000000001)

struct tlb_entry { uint64_t tag, addend; };	/* host address = guest virtual address + addend */
struct jc_entry { uint64_t pc; const void *code; };	/* pc 1: empty */

struct tcg_view {
	struct tlb_entry r[TLB_ENTRIES], w[TLB_ENTRIES];
	struct jc_entry jc[JC_ALL];
	struct tlb_entry
		x[256]; /* executable pages: addend is the guest physical page; used by C only */
	/* filter of pages that jc may hold entries of: one bit a page, hashed */
	uint64_t executed[64];
	const void *none;		/* code of entries without a block */
	uint8_t index;			/* view number in the context */
	uint8_t used;			/* something was put in since the last clear */
	uint32_t jc_key;		/* mode key that jc's blocks are translated for */
};

#define TLB_INDEX(va) ((va) >> TLB_PAGE_BITS & (TLB_ENTRIES - 1))
/* Functions at the same offset of different pages must not meet: page bits are mixed in.
 * Translated code computes the same from 32 bits of pc (jc_index in tcg/x86_64/emit_exit.c). */
#define JC_MIX 13
#define JC_INDEX(pc) (((uint32_t)(pc) ^ (uint32_t)(pc) >> JC_MIX) >> 1 & (JC_ENTRIES - 1))
/* Other bits: entries that meet in the table part here (do_lookup in tcg/x86_64/thunks.c). */
#define JC_VICTIM_MIX 9
#define JC_VICTIM(pc) \
	(JC_ENTRIES + (((uint32_t)(pc) ^ (uint32_t)(pc) >> JC_VICTIM_MIX) >> 1 & (JC_VICTIMS - 1)))

static inline void jc_put(struct tcg_view *view, uint64_t pc, const void *code)
{
	struct jc_entry *j = &view->jc[JC_INDEX(pc)];

	if (j->pc != pc && j->pc != JC_EMPTY)
		view->jc[JC_VICTIM(j->pc)] = *j;
	*j = (struct jc_entry){ pc, code };
	view->used = 1;
}

/* Words at the start of the headroom below the state. */
#define CPU_HEADROOM 4096
struct cpu_fast {
	uint64_t va;		/* of the slow access under way */
	uint64_t desc;
	union {			/* store value in, load value out; vectors: up to 32 bytes */
		uint64_t slow_val, slow_vec[4];
	};
	void *ret_sp;		/* guest return stack pointer while C runs */
	uint64_t fparg[3], fpres;
	uint64_t c_sign64[2], c_abs64[2], c_sign32[2], c_abs32[2], c_box[2], c_nan64[2], c_nan32[2];
	uint64_t xmm[16][4];
	uint64_t vec[7][4];	/* operands, result and kept temporaries of vec_soft */
};
#define CPU_FAST(state) ((struct cpu_fast *)((char *)(state) - CPU_HEADROOM))
#define CPU_FAST_OFF(m) ((int)offsetof(struct cpu_fast, m) - CPU_HEADROOM)

/* Descriptor of a slow access: memop in the low 12 bits, then */
enum {
	DESC_WRITE = 1 << 12,
	DESC_FP = 1 << 13,
	DESC_SC = 1 << 14,
	DESC_CAS = 1 << 15,
	DESC_AMO_SHIFT = 16,	/* enum ir_amo, 4 bits, with MO_AMO */
	/* check for a range: length in bytes at bits 21..; MO_ALIGN, MO_SIZE: of its start */
	DESC_GROUP = 1 << 20,
	DESC_LEN_SHIFT = 21,
};
#define DESC_MISALIGNED(desc, va) \
	((desc) & MO_ALIGN && (va) & ((UINT64_C(1) << ((desc) & MO_SIZE)) - 1))

/* Request to the soft float stub, in cpu_fast.desc: which op on fparg[]. */
#define SOFT_DESC(op, ty, aux, round)                                                \
	((uint32_t)(op) | (uint32_t)((ty)&15) << 8 | ((uint32_t)(aux)&0x3ff) << 12 | \
	 (uint32_t)(round) << 24)
#define SOFT_OP(d) ((d) & 0xff)
#define SOFT_TY(d) ((d) >> 8 & 15)
#define SOFT_AUX(d) ((d) >> 12 & 0x3ff)
#define SOFT_ROUND(d) ((d) >> 24 & 7)

#endif
