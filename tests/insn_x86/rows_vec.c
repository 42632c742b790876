// SPDX-License-Identifier: GPL-2.0-or-later
/* MMX, SSE to SSE4.2, AES, SHA, AVX, AVX2, FMA, F16C. */
#include "tests/insn_x86/rows.h"

#define R(name, map, pp, op, n, mem, f) { name, map, pp, op, n, 1, mem, 0, F_M | (f) }
#define RS(name, map, pp, op, n, step, mem, f) { name, map, pp, op, n, step, mem, 0, F_M | (f) }
#define RF(name, map, pp, op, n, mem, f, wr) { name, map, pp, op, n, 1, mem, 0, F_M | (f), wr }
#define RD(name, map, pp, op, digits, mem, f) { name, map, pp, op, 1, 1, mem, digits, F_M | (f) }
#define V01 (F_V0 | F_V1)
#define LV (F_LEG | V01)		/* both forms, all lengths */
#define LVN (LV | F_NDS | F_AL)		/* three operands with VEX */
#define LV0 (F_LEG | F_V0)
#define LVS (F_LEG | F_LIG | F_NDS)	/* scalar */
#define FULL(name, op, n)								\
	R(name, M_0F, P_NONE, op, n, SZ_V, LVN), R(name, M_0F, P_66, op, n, SZ_V, LVN)
#define FOUR(name, op, n) FULL(name, op, n),						\
	R(name, M_0F, P_F3, op, n, 4, LVS), R(name, M_0F, P_F2, op, n, 8, LVS)
/* integer operations that MMX has too */
#define INTS(name, op, n)								\
	R(name, M_0F, P_NONE, op, n, 8, F_LEG | F_MM), R(name, M_0F, P_66, op, n, SZ_V, LVN)
#define SHFT(name, op, n)								\
	R(name, M_0F, P_NONE, op, n, 8, F_LEG | F_MM), R(name, M_0F, P_66, op, n, 16, LVN)
#define INTS38(name, op, n, f)								\
	R(name, M_38, P_NONE, op, n, 8, F_LEG | F_MM), R(name, M_38, P_66, op, n, SZ_V, f)

const struct xs_row rows_vec[] = {
	R("movup", M_0F, P_NONE, 0x10, 2, SZ_V, LV), R("movup", M_0F, P_66, 0x10, 2, SZ_V, LV),
	R("movss", M_0F, P_F3, 0x10, 2, 4, LVS | F_R), R("movsd", M_0F, P_F2, 0x10, 2, 8, LVS | F_R),
	R("movss", M_0F, P_F3, 0x10, 2, 4, F_LEG | F_LIG | F_MEM),
	R("movsd", M_0F, P_F2, 0x10, 2, 8, F_LEG | F_LIG | F_MEM),
	R("movlps", M_0F, P_NONE, 0x12, 1, 8, LV0 | F_NDS), R("movlpd", M_0F, P_66, 0x12, 1, 8, LV0 | F_NDS | F_MEM),
	R("movsldup", M_0F, P_F3, 0x12, 1, SZ_V, LV | F_AL),
	R("movddup", M_0F, P_F2, 0x12, 1, 8, LV0), R("movddup", M_0F, P_F2, 0x12, 1, 32, F_V1),
	R("movlps", M_0F, P_NONE, 0x13, 1, 8, LV0 | F_MEM), R("movlpd", M_0F, P_66, 0x13, 1, 8, LV0 | F_MEM),
	FULL("unpck", 0x14, 2),
	R("movhps", M_0F, P_NONE, 0x16, 1, 8, LV0 | F_NDS), R("movhpd", M_0F, P_66, 0x16, 1, 8, LV0 | F_NDS | F_MEM),
	R("movshdup", M_0F, P_F3, 0x16, 1, SZ_V, LV | F_AL),
	R("movhps", M_0F, P_NONE, 0x17, 1, 8, LV0 | F_MEM), R("movhpd", M_0F, P_66, 0x17, 1, 8, LV0 | F_MEM),
	R("movap", M_0F, P_NONE, 0x28, 2, SZ_V, LV | F_AL | F_ALV), R("movap", M_0F, P_66, 0x28, 2, SZ_V, LV | F_AL | F_ALV),
	R("cvtpi2ps", M_0F, P_NONE, 0x2a, 1, 8, F_LEG | F_MMM), R("cvtpi2pd", M_0F, P_66, 0x2a, 1, 8, F_LEG | F_MMM),
	R("cvtsi2ss", M_0F, P_F3, 0x2a, 1, 0, LVS | F_WR | F_MG), R("cvtsi2sd", M_0F, P_F2, 0x2a, 1, 0, LVS | F_WR | F_MG),
	R("movntp", M_0F, P_NONE, 0x2b, 1, SZ_V, LV | F_AL | F_ALV | F_MEM), R("movntp", M_0F, P_66, 0x2b, 1, SZ_V, LV | F_AL | F_ALV | F_MEM),
	R("cvtps2pi", M_0F, P_NONE, 0x2c, 2, 8, F_LEG | F_MMR), R("cvtpd2pi", M_0F, P_66, 0x2c, 2, 16, F_LEG | F_MMR | F_AL),
	R("cvtss2si", M_0F, P_F3, 0x2c, 2, 4, F_LEG | F_LIG | F_WR | F_RG | F_DR),
	R("cvtsd2si", M_0F, P_F2, 0x2c, 2, 8, F_LEG | F_LIG | F_WR | F_RG | F_DR),
	RF("comiss", M_0F, P_NONE, 0x2e, 2, 4, F_LEG | F_LIG, ARITH), RF("comisd", M_0F, P_66, 0x2e, 2, 8, F_LEG | F_LIG, ARITH),
	R("movmsk", M_0F, P_NONE, 0x50, 1, 0, LV | F_R | F_RG | F_DR), R("movmsk", M_0F, P_66, 0x50, 1, 0, LV | F_R | F_RG | F_DR),
	R("sqrtp", M_0F, P_NONE, 0x51, 1, SZ_V, LV | F_AL), R("sqrtp", M_0F, P_66, 0x51, 1, SZ_V, LV | F_AL),
	R("sqrtss", M_0F, P_F3, 0x51, 1, 4, LVS), R("sqrtsd", M_0F, P_F2, 0x51, 1, 8, LVS),
	FULL("and/or/xor", 0x54, 4),
	FOUR("add/mul", 0x58, 2), FOUR("sub/min/div/max", 0x5c, 4),
	R("cvtps2pd", M_0F, P_NONE, 0x5a, 1, SZ_V2, LV), R("cvtpd2ps", M_0F, P_66, 0x5a, 1, SZ_V, LV | F_AL),
	R("cvtss2sd", M_0F, P_F3, 0x5a, 1, 4, LVS), R("cvtsd2ss", M_0F, P_F2, 0x5a, 1, 8, LVS),
	R("cvtdq2ps", M_0F, P_NONE, 0x5b, 1, SZ_V, LV | F_AL), R("cvtps2dq", M_0F, P_66, 0x5b, 1, SZ_V, LV | F_AL),
	R("cvttps2dq", M_0F, P_F3, 0x5b, 1, SZ_V, LV | F_AL),
	R("punpckl", M_0F, P_NONE, 0x60, 3, 4, F_LEG | F_MM), R("punpckl", M_0F, P_66, 0x60, 3, SZ_V, LVN),
	INTS("pack/pcmpgt", 0x63, 5), INTS("punpckh/packssdw", 0x68, 4), R("punpckqdq", M_0F, P_66, 0x6c, 2, SZ_V, LVN),
	R("movd", M_0F, P_NONE, 0x6e, 1, 0, F_LEG | F_MMR | F_MG | F_WR), R("movd", M_0F, P_66, 0x6e, 1, 0, LV0 | F_MG | F_WR),
	R("movq", M_0F, P_NONE, 0x6f, 1, 8, F_LEG | F_MM), R("movdqa", M_0F, P_66, 0x6f, 1, SZ_V, LV | F_AL | F_ALV),
	R("movdqu", M_0F, P_F3, 0x6f, 1, SZ_V, LV),
	R("pshufw", M_0F, P_NONE, 0x70, 1, 8, F_LEG | F_MM | F_IB), R("pshufd", M_0F, P_66, 0x70, 1, SZ_V, LV | F_AL | F_IB),
	R("pshufhw", M_0F, P_F3, 0x70, 1, SZ_V, LV | F_AL | F_IB), R("pshuflw", M_0F, P_F2, 0x70, 1, SZ_V, LV | F_AL | F_IB),
	RD("psw imm", M_0F, P_NONE, 0x71, 0x54, 0, F_LEG | F_MM | F_R | F_IB), RD("psw imm", M_0F, P_66, 0x71, 0x54, 0, LVN | F_R | F_IB),
	RD("psd imm", M_0F, P_NONE, 0x72, 0x54, 0, F_LEG | F_MM | F_R | F_IB), RD("psd imm", M_0F, P_66, 0x72, 0x54, 0, LVN | F_R | F_IB),
	RD("psq imm", M_0F, P_NONE, 0x73, 0x44, 0, F_LEG | F_MM | F_R | F_IB), RD("psq imm", M_0F, P_66, 0x73, 0xcc, 0, LVN | F_R | F_IB),
	INTS("pcmpeq", 0x74, 3),
	{ "emms", M_0F, P_NONE, 0x77, 1, 1, 0, 0, F_LEG | V01 },
	R("haddpd", M_0F, P_66, 0x7c, 2, SZ_V, LVN), R("haddps", M_0F, P_F2, 0x7c, 2, SZ_V, LVN),
	R("movd", M_0F, P_NONE, 0x7e, 1, 0, F_LEG | F_MMR | F_MG | F_WR | F_DM), R("movd", M_0F, P_66, 0x7e, 1, 0, LV0 | F_MG | F_WR | F_DM),
	R("movq", M_0F, P_F3, 0x7e, 1, 8, LV0),
	R("movq", M_0F, P_NONE, 0x7f, 1, 8, F_LEG | F_MM), R("movdqa", M_0F, P_66, 0x7f, 1, SZ_V, LV | F_AL | F_ALV),
	R("movdqu", M_0F, P_F3, 0x7f, 1, SZ_V, LV),
	R("cmpp", M_0F, P_NONE, 0xc2, 1, SZ_V, LVN | F_IB | F_IMM3), R("cmpp", M_0F, P_66, 0xc2, 1, SZ_V, LVN | F_IB | F_IMM3),
	R("cmpss", M_0F, P_F3, 0xc2, 1, 4, LVS | F_IB | F_IMM3), R("cmpsd", M_0F, P_F2, 0xc2, 1, 8, LVS | F_IB | F_IMM3),
	R("pinsrw", M_0F, P_NONE, 0xc4, 1, 2, F_LEG | F_MMR | F_MG | F_IB), R("pinsrw", M_0F, P_66, 0xc4, 1, 2, LV0 | F_NDS | F_MG | F_IB),
	R("pextrw", M_0F, P_NONE, 0xc5, 1, 0, F_LEG | F_MMM | F_RG | F_DR | F_R | F_IB), R("pextrw", M_0F, P_66, 0xc5, 1, 0, LV0 | F_RG | F_DR | F_R | F_IB),
	R("shufp", M_0F, P_NONE, 0xc6, 1, SZ_V, LVN | F_IB), R("shufp", M_0F, P_66, 0xc6, 1, SZ_V, LVN | F_IB),
	R("addsub", M_0F, P_66, 0xd0, 1, SZ_V, LVN), R("addsub", M_0F, P_F2, 0xd0, 1, SZ_V, LVN),
	SHFT("psrl", 0xd1, 3), INTS("paddq/pmullw", 0xd4, 2),
	R("movq", M_0F, P_66, 0xd6, 1, 8, LV0), R("movq2dq", M_0F, P_F3, 0xd6, 1, 0, F_LEG | F_MMM | F_R), R("movdq2q", M_0F, P_F2, 0xd6, 1, 0, F_LEG | F_MMR | F_R),
	R("pmovmskb", M_0F, P_NONE, 0xd7, 1, 0, F_LEG | F_MMM | F_RG | F_DR | F_R), R("pmovmskb", M_0F, P_66, 0xd7, 1, 0, LV | F_RG | F_DR | F_R),
	INTS("psubus..pandn", 0xd8, 8), INTS("pavgb", 0xe0, 1), SHFT("psra", 0xe1, 2), INTS("pavgw..pmulhw", 0xe3, 3),
	R("cvttpd2dq", M_0F, P_66, 0xe6, 1, SZ_V, LV | F_AL), R("cvtdq2pd", M_0F, P_F3, 0xe6, 1, SZ_V2, LV), R("cvtpd2dq", M_0F, P_F2, 0xe6, 1, SZ_V, LV | F_AL),
	R("movntq", M_0F, P_NONE, 0xe7, 1, 8, F_LEG | F_MM | F_MEM), R("movntdq", M_0F, P_66, 0xe7, 1, SZ_V, LV | F_AL | F_ALV | F_MEM),
	INTS("psubs..pxor", 0xe8, 8), R("lddqu", M_0F, P_F2, 0xf0, 1, SZ_V, LV | F_MEM),
	SHFT("psll", 0xf1, 3), INTS("pmuludq..psadbw", 0xf4, 3),
	R("maskmovq", M_0F, P_NONE, 0xf7, 1, 8, F_LEG | F_MM | F_R | F_GROUP), R("maskmovdqu", M_0F, P_66, 0xf7, 1, 16, LV0 | F_R | F_GROUP),
	INTS("psub/padd", 0xf8, 7),
	INTS38("pshufb..pmulhrsw", 0x00, 12, LVN), INTS38("pabs", 0x1c, 3, LV | F_AL),
	R("pblendvb", M_38, P_66, 0x10, 1, 16, F_LEG | F_AL), R("blendv", M_38, P_66, 0x14, 2, 16, F_LEG | F_AL),
	RF("ptest", M_38, P_66, 0x17, 1, SZ_V, LV | F_AL, ARITH),
	R("pmov?xbw", M_38, P_66, 0x20, 1, SZ_V2, LV), R("pmov?xbd", M_38, P_66, 0x21, 1, SZ_V4, LV), R("pmov?xbq", M_38, P_66, 0x22, 1, SZ_V8, LV),
	R("pmov?xwd", M_38, P_66, 0x23, 1, SZ_V2, LV), R("pmov?xwq", M_38, P_66, 0x24, 1, SZ_V4, LV), R("pmov?xdq", M_38, P_66, 0x25, 1, SZ_V2, LV),
	R("pmov?xbw", M_38, P_66, 0x30, 1, SZ_V2, LV), R("pmov?xbd", M_38, P_66, 0x31, 1, SZ_V4, LV), R("pmov?xbq", M_38, P_66, 0x32, 1, SZ_V8, LV),
	R("pmov?xwd", M_38, P_66, 0x33, 1, SZ_V2, LV), R("pmov?xwq", M_38, P_66, 0x34, 1, SZ_V4, LV), R("pmov?xdq", M_38, P_66, 0x35, 1, SZ_V2, LV),
	R("pmuldq/pcmpeqq", M_38, P_66, 0x28, 2, SZ_V, LVN), R("movntdqa", M_38, P_66, 0x2a, 1, SZ_V, LV | F_AL | F_ALV | F_MEM),
	R("packusdw", M_38, P_66, 0x2b, 1, SZ_V, LVN), R("pcmpgtq..pmax", M_38, P_66, 0x37, 9, SZ_V, LVN), R("pmulld", M_38, P_66, 0x40, 1, SZ_V, LVN),
	R("phminposuw", M_38, P_66, 0x41, 1, 16, LV0 | F_AL),
	R("sha", M_38, P_NONE, 0xc8, 6, 16, F_LEG | F_AL), R("sha1rnds4", M_3A, P_NONE, 0xcc, 1, 16, F_LEG | F_AL | F_IB),
	R("aesimc", M_38, P_66, 0xdb, 1, 16, LV0 | F_AL), R("aes", M_38, P_66, 0xdc, 4, 16, LV0 | F_NDS | F_AL),
	R("round", M_3A, P_66, 0x08, 2, SZ_V, LV | F_AL | F_IB), R("roundss", M_3A, P_66, 0x0a, 1, 4, LVS | F_IB), R("roundsd", M_3A, P_66, 0x0b, 1, 8, LVS | F_IB),
	R("blend", M_3A, P_66, 0x0c, 3, SZ_V, LVN | F_IB),
	R("palignr", M_3A, P_NONE, 0x0f, 1, 8, F_LEG | F_MM | F_IB), R("palignr", M_3A, P_66, 0x0f, 1, SZ_V, LVN | F_IB),
	R("pextrb", M_3A, P_66, 0x14, 1, 1, LV0 | F_MG | F_DM | F_IB), R("pextrw", M_3A, P_66, 0x15, 1, 2, LV0 | F_MG | F_DM | F_IB),
	R("pextrd", M_3A, P_66, 0x16, 1, 0, LV0 | F_MG | F_DM | F_IB | F_WR), R("extractps", M_3A, P_66, 0x17, 1, 4, LV0 | F_MG | F_DM | F_IB),
	R("pinsrb", M_3A, P_66, 0x20, 1, 1, LV0 | F_NDS | F_MG | F_IB), R("insertps", M_3A, P_66, 0x21, 1, 4, LV0 | F_NDS | F_IB),
	R("pinsrd", M_3A, P_66, 0x22, 1, 0, LV0 | F_NDS | F_MG | F_IB | F_WR),
	R("dpps", M_3A, P_66, 0x40, 1, SZ_V, LVN | F_IB), R("dppd", M_3A, P_66, 0x41, 1, 16, LV0 | F_NDS | F_AL | F_IB),
	R("mpsadbw", M_3A, P_66, 0x42, 1, SZ_V, LVN | F_IB), R("pclmulqdq", M_3A, P_66, 0x44, 1, 16, LV0 | F_NDS | F_AL | F_IB),
	RF("pcmpestr", M_3A, P_66, 0x60, 2, 16, LV0 | F_IB | F_WR, ARITH), RF("pcmpistr", M_3A, P_66, 0x62, 2, 16, LV0 | F_IB, ARITH),
	R("aeskeygenassist", M_3A, P_66, 0xdf, 1, 16, LV0 | F_AL | F_IB),
	/* VEX only */
	R("vpermil", M_38, P_66, 0x0c, 2, SZ_V, V01 | F_NDS | F_W0), RF("vtest", M_38, P_66, 0x0e, 2, SZ_V, V01 | F_W0, ARITH),
	R("vcvtph2ps", M_38, P_66, 0x13, 1, SZ_V2, V01 | F_W0), R("vcvtps2ph", M_3A, P_66, 0x1d, 1, SZ_V2, V01 | F_W0 | F_IB),
	R("vperms", M_38, P_66, 0x16, 1, 32, F_V1 | F_NDS | F_W0), R("vpermd", M_38, P_66, 0x36, 1, 32, F_V1 | F_NDS | F_W0),
	R("vbroadcastss", M_38, P_66, 0x18, 1, 4, V01 | F_W0), R("vbroadcastsd", M_38, P_66, 0x19, 1, 8, F_V1 | F_W0),
	R("vbroadcastf128", M_38, P_66, 0x1a, 1, 16, F_V1 | F_W0 | F_MEM), R("vbroadcasti128", M_38, P_66, 0x5a, 1, 16, F_V1 | F_W0 | F_MEM),
	R("vpbroadcastd", M_38, P_66, 0x58, 1, 4, V01 | F_W0), R("vpbroadcastq", M_38, P_66, 0x59, 1, 8, V01 | F_W0),
	R("vpbroadcastb", M_38, P_66, 0x78, 1, 1, V01 | F_W0), R("vpbroadcastw", M_38, P_66, 0x79, 1, 2, V01 | F_W0),
	R("vmaskmov", M_38, P_66, 0x2c, 4, SZ_V, V01 | F_NDS | F_W0 | F_MEM), RS("vpmaskmov", M_38, P_66, 0x8c, 2, 2, SZ_V, V01 | F_NDS | F_WR | F_MEM),
	R("vpsrlv", M_38, P_66, 0x45, 1, SZ_V, V01 | F_NDS | F_WR), R("vpsravd", M_38, P_66, 0x46, 1, SZ_V, V01 | F_NDS | F_W0), R("vpsllv", M_38, P_66, 0x47, 1, SZ_V, V01 | F_NDS | F_WR),
	R("vgather", M_38, P_66, 0x90, 4, 8, V01 | F_NDS | F_WR | F_MEM | F_VSIB),
#define FMA(base)									\
	R("fma p", M_38, P_66, base + 6, 3, SZ_V, V01 | F_NDS | F_WR),			\
	RS("fma p", M_38, P_66, base + 10, 3, 2, SZ_V, V01 | F_NDS | F_WR),		\
	RS("fma s", M_38, P_66, base + 9, 4, 2, 8, F_LIG | F_NDS | F_WR)
	FMA(0x90), FMA(0xa0), FMA(0xb0),
	R("vpermq", M_3A, P_66, 0x00, 2, 32, F_V1 | F_W1 | F_IB), R("vpblendd", M_3A, P_66, 0x02, 1, SZ_V, V01 | F_NDS | F_W0 | F_IB),
	R("vpermil imm", M_3A, P_66, 0x04, 2, SZ_V, V01 | F_W0 | F_IB), R("vperm2f128", M_3A, P_66, 0x06, 1, 32, F_V1 | F_NDS | F_W0 | F_IB),
	R("vperm2i128", M_3A, P_66, 0x46, 1, 32, F_V1 | F_NDS | F_W0 | F_IB),
	R("vinsertf128", M_3A, P_66, 0x18, 1, 16, F_V1 | F_NDS | F_W0 | F_IB), R("vextractf128", M_3A, P_66, 0x19, 1, 16, F_V1 | F_W0 | F_IB),
	R("vinserti128", M_3A, P_66, 0x38, 1, 16, F_V1 | F_NDS | F_W0 | F_IB), R("vextracti128", M_3A, P_66, 0x39, 1, 16, F_V1 | F_W0 | F_IB),
	R("vblendv", M_3A, P_66, 0x4a, 3, SZ_V, V01 | F_NDS | F_W0 | F_IS4),
	{ "mxcsr", M_0F, P_NONE, 0xae, 1, 1, 4, 0x0c, F_M | F_MEM | F_LEG | F_V0 | F_GROUP },
	{ 0 }
};
