// SPDX-License-Identifier: GPL-2.0-or-later
/* x87: memory forms by digit, register forms by the digits that have one (SDM volume 2, A.5). */
#include "tests/insn_x86/rows.h"

#define MEMF(name, op, size, digits, f) \
	{ name, M_1, P_ANY, op, 1, 1, size, digits, F_M | F_MEM | (f) }
#define REGF(name, op, digits, f, wr) \
	{ name, M_1, P_ANY, op, 1, 1, 0, digits, F_M | F_R | (f), wr }

const struct xs_row rows_x87[] = {
	MEMF("arith m32", 0xd8, 4, 0xff, 0),
	MEMF("fld/fst m32", 0xd9, 4, 0x0d, 0),
	MEMF("fldenv", 0xd9, 28, 0x10, F_GROUP),
	MEMF("fldcw", 0xd9, 2, 0x20, F_GROUP),
	MEMF("fnstenv", 0xd9, 28, 0x40, F_GROUP),
	MEMF("fnstcw", 0xd9, 2, 0x80, 0),
	MEMF("arith i32", 0xda, 4, 0xff, 0),
	MEMF("fild/fist i32", 0xdb, 4, 0x0f, 0),
	MEMF("fld/fstp m80", 0xdb, 10, 0xa0, 0),
	MEMF("arith m64", 0xdc, 8, 0xff, 0),
	MEMF("fld/fst m64", 0xdd, 8, 0x0f, 0),
	MEMF("frstor", 0xdd, 108, 0x10, F_GROUP),
	MEMF("fnsave", 0xdd, 108, 0x40, F_GROUP),
	MEMF("fnstsw", 0xdd, 2, 0x80, 0),
	MEMF("arith i16", 0xde, 2, 0xff, 0),
	MEMF("fild/fist i16", 0xdf, 2, 0x0f, 0),
	MEMF("fbld/fbstp", 0xdf, 10, 0x50, 0),
	MEMF("fild/fistp i64", 0xdf, 8, 0xa0, 0),
	MEMF("fld m32", 0xd9, 4, 0x01, 0),	/* again: the stack wants filling */
	MEMF("fld m64", 0xdd, 8, 0x01, 0),
	MEMF("fld m80", 0xdb, 10, 0x20, 0),
	REGF("arith st", 0xd8, 0xff, 0, 0),
	REGF("fld/fxch st", 0xd9, 0x03, 0, 0),
	REGF("fld st", 0xd9, 0x01, 0, 0),
	REGF("d9 d0..", 0xd9, 0xf4, F_GROUP, 0),
	{ "fcmov", M_1, P_ANY, 0xda, 1, 1, 0, 0x0f, F_M | F_R, 0, 0, ARITH },
	REGF("fucompp", 0xda, 0x20, F_GROUP, 0),
	{ "fcmovn", M_1, P_ANY, 0xdb, 1, 1, 0, 0x0f, F_M | F_R, 0, 0, ARITH },
	REGF("fnclex/fninit", 0xdb, 0x10, F_GROUP, 0),
	REGF("fucomi/fcomi", 0xdb, 0x60, 0, ARITH),
	REGF("arith st(i)", 0xdc, 0xf3, 0, 0),
	REGF("ffree/fst/fucom", 0xdd, 0x3d, 0, 0),
	REGF("arith p", 0xde, 0xf3, 0, 0),
	REGF("fcompp", 0xde, 0x08, F_GROUP, 0),
	REGF("fnstsw ax", 0xdf, 0x10, F_GROUP, 0),
	REGF("fucomip/fcomip", 0xdf, 0x60, 0, ARITH),
	/* other encodings of the same, undocumented or once documented */
	REGF("arith st(i)", 0xdc, 0x0c, F_SKIP, 0),
	REGF("fstp1", 0xd9, 0x08, F_SKIP, 0),
	REGF("fxch4", 0xdd, 0x02, F_SKIP, 0),
	REGF("fcomp5", 0xde, 0x04, F_SKIP, 0),
	REGF("ffreep", 0xdf, 0x0f, F_SKIP, 0),
	{ "fwait", M_1, P_ANY, 0x9b, 1, 1, 0, 0, 0 },
	{ 0 }
};
