// SPDX-License-Identifier: GPL-2.0-or-later
/* General-purpose instructions; which flags are undefined: SDM volume 1, appendix A. */
#include "tests/insn_x86/rows.h"

#define MOS (F_M | F_OS)
#define MB8 (F_M | F_B8)
#define LOGIC AF
#define ALU(name, base, und, rd, dm, dr, lock)						\
	{ name, M_1, P_ANY, base, 1, 1, 1, 0, MB8 | dm | lock, ARITH, und, rd },	\
	{ name, M_1, P_ANY, base + 1, 1, 1, 0, 0, MOS | dm | lock, ARITH, und, rd },	\
	{ name, M_1, P_ANY, base + 2, 1, 1, 1, 0, MB8 | dr, ARITH, und, rd },		\
	{ name, M_1, P_ANY, base + 3, 1, 1, 0, 0, MOS | dr, ARITH, und, rd },		\
	{ name, M_1, P_ANY, base + 4, 1, 1, 0, 0, F_B8 | F_IB, ARITH, und, rd },	\
	{ name, M_1, P_ANY, base + 5, 1, 1, 0, 0, F_OS | F_IZ, ARITH, und, rd },	\
	{ name, M_1, P_ANY, 0x80, 1, 1, 1, 1 << (base / 8),				\
	  MB8 | F_IB | dm | lock, ARITH, und, rd }, \
	{ name, M_1, P_ANY, 0x81, 1, 1, 0, 1 << (base / 8),				\
	  MOS | F_IZ | dm | lock, ARITH, und, rd }, \
	{ name, M_1, P_ANY, 0x83, 1, 1, 0, 1 << (base / 8),				\
	  MOS | F_IB | dm | lock, ARITH, und, rd }, \
	{ name, M_1, P_ANY, 0x82, 1, 1, 1, 1 << (base / 8),				\
	  MB8 | F_IB | dm | lock | F_32, ARITH, und, rd }
#define SHIFT(name, digit, wr, und, rd)							\
	{ name, M_1, P_ANY, 0xc0, 1, 1, 1, 1 << digit, MB8 | F_IB | F_DM | F_GROUP, wr, und, rd }, \
	{ name, M_1, P_ANY, 0xc1, 1, 1, 0, 1 << digit, MOS | F_IB | F_DM | F_GROUP, wr, und, rd }, \
	{ name, M_1, P_ANY, 0xd0, 1, 1, 1, 1 << digit, MB8 | F_DM, wr, (und) & ~OF, rd },	\
	{ name, M_1, P_ANY, 0xd1, 1, 1, 0, 1 << digit, MOS | F_DM, wr, (und) & ~OF, rd },	\
	{ name, M_1, P_ANY, 0xd2, 1, 1, 1, 1 << digit,				\
	  MB8 | F_DM | F_GROUP, wr, und, rd | ARITH },					\
	{ name, M_1, P_ANY, 0xd3, 1, 1, 0, 1 << digit, MOS | F_DM | F_GROUP, wr, und, rd | ARITH }
#define BT(name, reg_op, digit, dm, lock)						\
	{ name, M_0F, P_ANY, reg_op, 1, 1, 0, 0, MOS | dm | lock | F_GROUP, ARITH & ~ZF,	\
	  OF | SF | AF | PF, 0 },							\
	{ name, M_0F, P_ANY, 0xba, 1, 1, 0, 1 << digit, MOS | F_IB | dm | lock, ARITH & ~ZF, \
	  OF | SF | AF | PF, 0 }

const struct xs_row rows_int[] = {
	ALU("add", 0x00, 0, 0, F_DM, F_DR, F_LOCK),
	ALU("or", 0x08, LOGIC, 0, F_DM, F_DR, F_LOCK),
	ALU("adc", 0x10, 0, CF, F_DM, F_DR, F_LOCK),
	ALU("sbb", 0x18, 0, CF, F_DM, F_DR, F_LOCK),
	ALU("and", 0x20, LOGIC, 0, F_DM, F_DR, F_LOCK),
	ALU("sub", 0x28, 0, 0, F_DM, F_DR, F_LOCK),
	ALU("xor", 0x30, LOGIC, 0, F_DM, F_DR, F_LOCK),
	ALU("cmp", 0x38, 0, 0, 0, 0, 0),
	SHIFT("rol", 0, CF | OF, OF, 0),
	SHIFT("ror", 1, CF | OF, OF, 0),
	SHIFT("rcl", 2, CF | OF, OF, CF),
	SHIFT("rcr", 3, CF | OF, OF, CF),
	SHIFT("shl", 4, ARITH, OF | AF, 0),
	SHIFT("shr", 5, ARITH, OF | AF, 0),
	SHIFT("sal", 6, ARITH, OF | AF, 0),
	SHIFT("sar", 7, ARITH, OF | AF, 0),
	{ "inc", M_1, P_ANY, 0x40, 8, 1, 0, 0, F_OS | F_R4 | F_32 | F_DM, ARITH & ~CF },
	{ "dec", M_1, P_ANY, 0x48, 8, 1, 0, 0, F_OS | F_R4 | F_32 | F_DM, ARITH & ~CF },
	{ "push", M_1, P_ANY, 0x50, 8, 1, 0, 0, F_OS | F_R4 | F_D64 },
	{ "pop", M_1, P_ANY, 0x58, 8, 1, 0, 0, F_OS | F_R4 | F_D64 | F_DM },
	{ "bound", M_1, P_ANY, 0x62, 1, 1, 8, 0, MOS | F_MEM | F_32 },
	{ "arpl", M_1, P_ANY, 0x63, 1, 1, 2, 0, F_M | F_32 | F_DM, ZF },
	/* of 16 bits: Intel reads 2 bytes, AMD 4 */
	{ "movsxd", M_1, P_ANY, 0x63, 1, 1, 4, 0, MOS | F_NO16 | F_64 | F_DR },
	{ "push", M_1, P_ANY, 0x68, 1, 1, 0, 0, F_OS | F_IZ | F_D64 },
	{ "imul", M_1, P_ANY, 0x69, 1, 1, 0, 0, MOS | F_IZ | F_DR, ARITH, SF | ZF | AF | PF },
	{ "push", M_1, P_ANY, 0x6a, 1, 1, 0, 0, F_OS | F_IB | F_D64 },
	{ "imul", M_1, P_ANY, 0x6b, 1, 1, 0, 0, MOS | F_IB | F_DR, ARITH, SF | ZF | AF | PF },
	{ "jcc", M_1, P_ANY, 0x70, 16, 1, 0, 0, F_IB | F_GROUP, 0, 0, ARITH },
	{ "test", M_1, P_ANY, 0x84, 1, 1, 1, 0, MB8, ARITH, AF },
	{ "test", M_1, P_ANY, 0x85, 1, 1, 0, 0, MOS, ARITH, AF },
	{ "xchg", M_1, P_ANY, 0x86, 1, 1, 1, 0, MB8 | F_DM | F_DR | F_LOCK },
	{ "xchg", M_1, P_ANY, 0x87, 1, 1, 0, 0, MOS | F_DM | F_DR | F_LOCK },
	{ "mov", M_1, P_ANY, 0x88, 1, 1, 1, 0, MB8 | F_DM },
	{ "mov", M_1, P_ANY, 0x89, 1, 1, 0, 0, MOS | F_DM },
	{ "mov", M_1, P_ANY, 0x8a, 1, 1, 1, 0, MB8 | F_DR },
	{ "mov", M_1, P_ANY, 0x8b, 1, 1, 0, 0, MOS | F_DR },
	{ "mov-sreg", M_1, P_ANY, 0x8c, 1, 1, 2, 0x3f, MOS | F_DM },
	{ "lea", M_1, P_ANY, 0x8d, 1, 1, 0, 0, MOS | F_MEM | F_DR },
	{ "pop", M_1, P_ANY, 0x8f, 1, 1, 0, 1, MOS | F_D64 | F_DM },
	{ "xchg", M_1, P_ANY, 0x90, 8, 1, 0, 0, F_OS | F_R4 | F_DM },
	{ "cbw", M_1, P_ANY, 0x98, 1, 1, 0, 0, F_OS },
	{ "cwd", M_1, P_ANY, 0x99, 1, 1, 0, 0, F_OS },
	{ "pushf", M_1, P_ANY, 0x9c, 1, 1, 0, 0, F_OS | F_D64, 0, 0, ARITH },
	{ "popf", M_1, P_ANY, 0x9d, 1, 1, 0, 0, F_OS | F_D64 | F_GROUP, ARITH },
	{ "sahf", M_1, P_ANY, 0x9e, 1, 1, 0, 0, 0, ARITH & ~OF },
	{ "lahf", M_1, P_ANY, 0x9f, 1, 1, 0, 0, 0, 0, 0, ARITH & ~OF },
	{ "mov-moffs", M_1, P_ANY, 0xa0, 2, 2, 1, 0, F_B8 | F_MOFFS },
	{ "mov-moffs", M_1, P_ANY, 0xa1, 2, 2, 0, 0, F_OS | F_MOFFS },
	{ "movs", M_1, P_ANY, 0xa4, 1, 1, 1, 0, F_B8 | F_STR | F_REP | F_GROUP },
	{ "movs", M_1, P_ANY, 0xa5, 1, 1, 0, 0, F_OS | F_STR | F_REP | F_GROUP },
	{ "cmps", M_1, P_ANY, 0xa6, 1, 1, 1, 0, F_B8 | F_STR | F_REP | F_GROUP, ARITH, 0, ARITH },
	{ "cmps", M_1, P_ANY, 0xa7, 1, 1, 0, 0, F_OS | F_STR | F_REP | F_GROUP, ARITH, 0, ARITH },
	{ "test", M_1, P_ANY, 0xa8, 1, 1, 1, 0, F_B8 | F_IB, ARITH, AF },
	{ "test", M_1, P_ANY, 0xa9, 1, 1, 0, 0, F_OS | F_IZ, ARITH, AF },
	{ "stos", M_1, P_ANY, 0xaa, 1, 1, 1, 0, F_B8 | F_STR | F_REP | F_GROUP },
	{ "stos", M_1, P_ANY, 0xab, 1, 1, 0, 0, F_OS | F_STR | F_REP | F_GROUP },
	{ "lods", M_1, P_ANY, 0xac, 1, 1, 1, 0, F_B8 | F_STR | F_REP | F_GROUP },
	{ "lods", M_1, P_ANY, 0xad, 1, 1, 0, 0, F_OS | F_STR | F_REP | F_GROUP },
	{ "scas", M_1, P_ANY, 0xae, 1, 1, 1, 0, F_B8 | F_STR | F_REP | F_GROUP, ARITH, 0, ARITH },
	{ "scas", M_1, P_ANY, 0xaf, 1, 1, 0, 0, F_OS | F_STR | F_REP | F_GROUP, ARITH, 0, ARITH },
	{ "mov", M_1, P_ANY, 0xb0, 8, 1, 1, 0, F_B8 | F_R4 | F_IB | F_DM },
	{ "mov", M_1, P_ANY, 0xb8, 8, 1, 0, 0, F_OS | F_R4 | F_IV | F_DM },
	{ "ret", M_1, P_ANY, 0xc2, 1, 1, 0, 0, F_IW | F_D64 | F_SKIP },
	{ "ret", M_1, P_ANY, 0xc3, 1, 1, 0, 0, F_D64 | F_GROUP },
	{ "mov", M_1, P_ANY, 0xc6, 1, 1, 1, 1, MB8 | F_IB | F_DM },
	{ "mov", M_1, P_ANY, 0xc7, 1, 1, 0, 1, MOS | F_IZ | F_DM },
	{ "enter", M_1, P_ANY, 0xc8, 1, 1, 0, 0, F_OS | F_D64 | F_GROUP },
	{ "leave", M_1, P_ANY, 0xc9, 1, 1, 0, 0, F_OS | F_D64 | F_GROUP },
	{ "int3", M_1, P_ANY, 0xcc, 1, 1, 0, 0, F_SKIP },
	{ "int", M_1, P_ANY, 0xcd, 1, 1, 0, 0, F_IB | F_SKIP },
	{ "into", M_1, P_ANY, 0xce, 1, 1, 0, 0, F_32, 0, 0, OF },
	{ "aam", M_1, P_ANY, 0xd4, 1, 1, 0, 0, F_IB | F_32, ARITH, OF | AF | CF },
	{ "aad", M_1, P_ANY, 0xd5, 1, 1, 0, 0, F_IB | F_32, ARITH, OF | AF | CF },
	{ "daa", M_1, P_ANY, 0x27, 1, 1, 0, 0, F_32, ARITH, OF, AF | CF },
	{ "das", M_1, P_ANY, 0x2f, 1, 1, 0, 0, F_32, ARITH, OF, AF | CF },
	{ "aaa", M_1, P_ANY, 0x37, 1, 1, 0, 0, F_32, ARITH, OF | SF | ZF | PF, AF },
	{ "aas", M_1, P_ANY, 0x3f, 1, 1, 0, 0, F_32, ARITH, OF | SF | ZF | PF, AF },
	{ "pusha", M_1, P_ANY, 0x60, 1, 1, 0, 0, F_OS | F_32 },
	{ "popa", M_1, P_ANY, 0x61, 1, 1, 0, 0, F_OS | F_32 | F_SKIP },
	{ "push-sreg", M_1, P_ANY, 0x06, 4, 8, 0, 0, F_OS | F_32 },
	{ "salc", M_1, P_ANY, 0xd6, 1, 1, 0, 0, F_32, 0, 0, CF },
	{ "xlat", M_1, P_ANY, 0xd7, 1, 1, 1, 0, F_GROUP },
	{ "loop", M_1, P_ANY, 0xe0, 4, 1, 0, 0, F_IB | F_GROUP, 0, 0, ZF },
	{ "call", M_1, P_ANY, 0xe8, 1, 1, 0, 0, F_IZ | F_D64 | F_GROUP },
	{ "jmp", M_1, P_ANY, 0xe9, 1, 1, 0, 0, F_IZ | F_D64 | F_GROUP },
	{ "jmp", M_1, P_ANY, 0xeb, 1, 1, 0, 0, F_IB | F_D64 | F_GROUP },
	{ "cmc", M_1, P_ANY, 0xf5, 1, 1, 0, 0, 0, CF, 0, CF },
	{ "test", M_1, P_ANY, 0xf6, 1, 1, 1, 3, MB8 | F_IB, ARITH, AF },
	{ "test", M_1, P_ANY, 0xf7, 1, 1, 0, 3, MOS | F_IZ, ARITH, AF },
	{ "not", M_1, P_ANY, 0xf6, 1, 1, 1, 4, MB8 | F_DM | F_LOCK },
	{ "not", M_1, P_ANY, 0xf7, 1, 1, 0, 4, MOS | F_DM | F_LOCK },
	{ "neg", M_1, P_ANY, 0xf6, 1, 1, 1, 8, MB8 | F_DM | F_LOCK, ARITH },
	{ "neg", M_1, P_ANY, 0xf7, 1, 1, 0, 8, MOS | F_DM | F_LOCK, ARITH },
	{ "mul", M_1, P_ANY, 0xf6, 1, 1, 1, 0x30, MB8, ARITH, SF | ZF | AF | PF },
	{ "mul", M_1, P_ANY, 0xf7, 1, 1, 0, 0x30, MOS, ARITH, SF | ZF | AF | PF },
	{ "div", M_1, P_ANY, 0xf6, 1, 1, 1, 0xc0, MB8 | F_GROUP, ARITH, ARITH },
	{ "div", M_1, P_ANY, 0xf7, 1, 1, 0, 0xc0, MOS | F_GROUP, ARITH, ARITH },
	{ "clc", M_1, P_ANY, 0xf8, 2, 1, 0, 0, 0, CF },
	{ "cld", M_1, P_ANY, 0xfc, 2, 1, 0, 0, 0 },
	{ "inc", M_1, P_ANY, 0xfe, 1, 1, 1, 3, MB8 | F_DM | F_LOCK, ARITH & ~CF },
	{ "inc", M_1, P_ANY, 0xff, 1, 1, 0, 3, MOS | F_DM | F_LOCK, ARITH & ~CF },
	{ "call-rm", M_1, P_ANY, 0xff, 1, 1, 0, 0x14, F_M | F_D64 | F_GROUP },
	{ "push", M_1, P_ANY, 0xff, 1, 1, 0, 0x40, MOS | F_D64 },
	{ "nop", M_0F, P_ANY, 0x1f, 1, 1, 0, 1, MOS },
	{ "nop", M_0F, P_ANY, 0x1f, 1, 1, 0, 0, MOS | F_SKIP },
	{ "endbr", M_0F, P_F3, 0x1e, 1, 1, 0, 0, F_M | F_SKIP },
	{ "cmov", M_0F, P_ANY, 0x40, 16, 1, 0, 0, MOS | F_DR, 0, 0, ARITH },
	{ "jcc", M_0F, P_ANY, 0x80, 16, 1, 0, 0, F_IZ | F_GROUP, 0, 0, ARITH },
	{ "setcc", M_0F, P_ANY, 0x90, 16, 1, 1, 0, MB8 | F_DM, 0, 0, ARITH },
	BT("bt", 0xa3, 4, 0, 0),
	BT("bts", 0xab, 5, F_DM, F_LOCK),
	BT("btr", 0xb3, 6, F_DM, F_LOCK),
	BT("btc", 0xbb, 7, F_DM, F_LOCK),
	{ "shld", M_0F, P_ANY, 0xa4, 1, 1, 0, 0, MOS | F_IB | F_DM | F_GROUP, ARITH, OF | AF },
	{ "shld", M_0F, P_ANY, 0xa5, 1, 1, 0, 0, MOS | F_DM | F_GROUP, ARITH, OF | AF, ARITH },
	{ "shrd", M_0F, P_ANY, 0xac, 1, 1, 0, 0, MOS | F_IB | F_DM | F_GROUP, ARITH, OF | AF },
	{ "shrd", M_0F, P_ANY, 0xad, 1, 1, 0, 0, MOS | F_DM | F_GROUP, ARITH, OF | AF, ARITH },
	{ "imul", M_0F, P_ANY, 0xaf, 1, 1, 0, 0, MOS | F_DR, ARITH, SF | ZF | AF | PF },
	{ "cmpxchg", M_0F, P_ANY, 0xb0, 1, 1, 1, 0, MB8 | F_DM | F_LOCK, ARITH },
	{ "cmpxchg", M_0F, P_ANY, 0xb1, 1, 1, 0, 0, MOS | F_DM | F_LOCK, ARITH },
	{ "movzx", M_0F, P_ANY, 0xb6, 1, 1, 1, 0, MOS | F_DR },
	{ "movzx", M_0F, P_ANY, 0xb7, 1, 1, 2, 0, MOS | F_DR },
	{ "movsx", M_0F, P_ANY, 0xbe, 1, 1, 1, 0, MOS | F_DR },
	{ "movsx", M_0F, P_ANY, 0xbf, 1, 1, 2, 0, MOS | F_DR },
	{ "popcnt", M_0F, P_F3, 0xb8, 1, 1, 0, 0, MOS | F_DR, ARITH },
	{ "bsf", M_0F, P_ANY, 0xbc, 2, 1, 0, 0, MOS | F_DR, ARITH, ARITH & ~ZF },
	{ "tzcnt", M_0F, P_F3, 0xbc, 2, 1, 0, 0, MOS | F_DR, ARITH, OF | SF | PF | AF },
	{ "xadd", M_0F, P_ANY, 0xc0, 1, 1, 1, 0, MB8 | F_DM | F_DR | F_LOCK, ARITH },
	{ "xadd", M_0F, P_ANY, 0xc1, 1, 1, 0, 0, MOS | F_DM | F_DR | F_LOCK, ARITH },
	{ "movnti", M_0F, P_NONE, 0xc3, 1, 1, 0, 0, MOS | F_MEM | F_NO16 },
	{ "cmpxchg8b", M_0F, P_ANY, 0xc7, 1, 1, 16, 2, F_M | F_WR | F_MEM | F_AL | F_LOCK, ZF },
	{ "bswap", M_0F, P_ANY, 0xc8, 8, 1, 0, 0, F_OS | F_R4 | F_DM | F_NO16 },
	{ "movbe", M_38, P_ANY, 0xf0, 1, 1, 0, 0, MOS | F_MEM | F_DR },
	{ "movbe", M_38, P_ANY, 0xf1, 1, 1, 0, 0, MOS | F_MEM },
	{ "crc32", M_38, P_F2, 0xf0, 1, 1, 1, 0, F_M | F_B8 | F_WR | F_DR },
	{ "crc32", M_38, P_F2, 0xf1, 1, 1, 0, 0, MOS | F_DR },
	{ "adcx", M_38, P_66, 0xf6, 1, 1, 0, 0, F_M | F_OS | F_NO16 | F_DR, CF, 0, CF },
	{ "adox", M_38, P_F3, 0xf6, 1, 1, 0, 0, F_M | F_OS | F_NO16 | F_DR, OF, 0, OF },
	{ "prefetch", M_0F, P_ANY, 0x18, 1, 1, 1, 0x0f, F_M | F_MEM },
	{ "prefetchw", M_0F, P_ANY, 0x0d, 1, 1, 1, 0x03, F_M | F_MEM },
	{ "fence", M_0F, P_NONE, 0xae, 1, 1, 0, 0xe0, F_M | F_R | F_GROUP },
	{ "clflush", M_0F, P_NONE, 0xae, 1, 1, 1, 0x80, F_M | F_MEM },
	{ "clwb", M_0F, P_66, 0xae, 1, 1, 1, 0xc0, F_M | F_MEM },
	{ "fsgsbase", M_0F, P_F3, 0xae, 1, 1, 0, 0x0f, MOS | F_R | F_NO16 | F_64 | F_DM | F_GROUP },
#define VG (F_M | F_V0 | F_WR | F_RG | F_MG)
	{ "andn", M_38, P_NONE, 0xf2, 1, 1, 0, 0, VG | F_NDS | F_DR, ARITH, AF | PF },
	{ "bls", M_38, P_NONE, 0xf3, 1, 1, 0, 0x0e, VG | F_NDS | F_DV, ARITH, AF | PF },
	{ "bzhi", M_38, P_NONE, 0xf5, 1, 1, 0, 0, VG | F_NDS | F_DR, ARITH, AF | PF },
	{ "pext", M_38, P_F3, 0xf5, 1, 1, 0, 0, VG | F_NDS | F_DR },
	{ "pdep", M_38, P_F2, 0xf5, 1, 1, 0, 0, VG | F_NDS | F_DR },
	{ "mulx", M_38, P_F2, 0xf6, 1, 1, 0, 0, VG | F_NDS | F_DR | F_DV },
	{ "bextr", M_38, P_NONE, 0xf7, 1, 1, 0, 0, VG | F_NDS | F_DR, ARITH, AF | SF | PF },
	{ "shlx", M_38, P_66, 0xf7, 1, 1, 0, 0, VG | F_NDS | F_DR },
	{ "sarx", M_38, P_F3, 0xf7, 1, 1, 0, 0, VG | F_NDS | F_DR },
	{ "shrx", M_38, P_F2, 0xf7, 1, 1, 0, 0, VG | F_NDS | F_DR },
	{ "rorx", M_3A, P_F2, 0xf0, 1, 1, 0, 0, VG | F_IB | F_DR },
	{ 0 }
};

/*
 * What random bytes must not be: system calls, what the two sides answer differently by
 * nature (CPUID, time, segment registers), and what the host has and the guest has not.
 */
#define DENY(name, map, pp, op, n, digits, f) { name, map, pp, op, n, 1, 0, digits, F_DENY | (f) }
#define FAULT(name, map, pp, op, n, digits, f) { name, map, pp, op, n, 1, 0, digits, F_SKIP | (f) }
const struct xs_row rows_sys[] = {
	DENY("pop-sreg", M_1, P_ANY, 0x07, 1, 0, F_32),
	DENY("pop-sreg", M_1, P_ANY, 0x17, 1, 0, F_32),
	DENY("pop-sreg", M_1, P_ANY, 0x1f, 1, 0, F_32),
	DENY("mov-sreg", M_1, P_ANY, 0x8e, 1, 0, F_M),
	DENY("callf", M_1, P_ANY, 0x9a, 1, 0, F_32),
	DENY("les", M_1, P_ANY, 0xc4, 2, 0, F_32 | F_M),
	DENY("retf", M_1, P_ANY, 0xca, 2, 0, 0),
	DENY("iret", M_1, P_ANY, 0xcf, 1, 0, 0),
	DENY("xop", M_1, P_ANY, 0x8f, 1, 0xfe, F_M),
	DENY("icebp", M_1, P_ANY, 0xf1, 1, 0, 0),
	DENY("jmpf", M_1, P_ANY, 0xea, 1, 0, F_32),
	DENY("far", M_1, P_ANY, 0xff, 1, 0x28, F_M),
	DENY("sldt", M_0F, P_ANY, 0x00, 2, 0, F_M),
	DENY("lar", M_0F, P_ANY, 0x02, 2, 0, F_M),
	DENY("syscall", M_0F, P_ANY, 0x05, 1, 0, 0),
	DENY("sysret", M_0F, P_ANY, 0x07, 1, 0, 0),
	DENY("3dnow", M_0F, P_ANY, 0x0d, 3, 0, 0),
	DENY("prefetch", M_0F, P_ANY, 0x18, 6, 0, F_M),
	DENY("nop", M_0F, P_ANY, 0x1e, 1, 0, F_M),
	DENY("movnts", M_0F, P_F3, 0x2b, 1, 0, F_M),
	DENY("movnts", M_0F, P_F2, 0x2b, 1, 0, F_M),
	DENY("sse4a", M_0F, P_ANY, 0x78, 2, 0, F_M),
	DENY("push-fs", M_0F, P_ANY, 0xa0, 3, 0, 0),
	DENY("push-gs", M_0F, P_ANY, 0xa8, 3, 0, 0),
	DENY("xsave", M_0F, P_ANY, 0xae, 1, 0, F_M),
	DENY("lss", M_0F, P_ANY, 0xb2, 1, 0, F_M),
	DENY("lfs", M_0F, P_ANY, 0xb4, 2, 0, F_M),
	DENY("rdrand", M_0F, P_ANY, 0xc7, 1, 0xfd, F_M),
	DENY("gfni", M_38, P_ANY, 0xcf, 1, 0, F_M),
	DENY("invpcid", M_38, P_ANY, 0x80, 8, 0, F_M),
	DENY("f8", M_38, P_ANY, 0xf8, 4, 0, F_M),
	DENY("gfni", M_3A, P_ANY, 0xce, 2, 0, F_M),
	DENY("avx512", M_1, P_ANY, 0x62, 1, 0, F_64),
	DENY("vnni", M_38, P_ANY, 0x50, 8, 0, F_M),
	DENY("rsqrt", M_0F, P_ANY, 0x52, 2, 0, F_M),
	DENY("rdtsc", M_0F, P_ANY, 0x31, 1, 0, 0),
	DENY("rdpmc", M_0F, P_ANY, 0x33, 5, 0, 0),
	/* privileged */
	FAULT("io", M_1, P_ANY, 0x6c, 4, 0, 0),
	FAULT("io", M_1, P_ANY, 0xe4, 4, 0, 0),
	FAULT("io", M_1, P_ANY, 0xec, 4, 0, 0),
	FAULT("hlt", M_1, P_ANY, 0xf4, 1, 0, 0),
	FAULT("cli", M_1, P_ANY, 0xfa, 2, 0, 0),
	FAULT("clts", M_0F, P_ANY, 0x06, 1, 0, 0),
	FAULT("invd", M_0F, P_ANY, 0x08, 2, 0, 0),
	FAULT("mov-cr", M_0F, P_ANY, 0x20, 4, 0, F_M),
	FAULT("wrmsr", M_0F, P_ANY, 0x30, 1, 0, 0),
	FAULT("rdmsr", M_0F, P_ANY, 0x32, 1, 0, 0),
	/* AVX-512's masks */
	DENY("kop", M_0F, P_ANY, 0x41, 11, 0, F_M | F_V0 | F_V1),
	DENY("kmov", M_0F, P_ANY, 0x90, 10, 0, F_M | F_V0 | F_V1),
	DENY("kshift", M_3A, P_ANY, 0x30, 4, 0, F_M | F_V0 | F_V1),
	DENY("rdpru", M_0F, P_ANY, 0x01, 1, 0, F_M),
	{ 0 }
};
