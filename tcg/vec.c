/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tcg/vec.h"

const struct vec_info vec_info[VOP_NR] = {
	[VOP_NONE] = { "none", VK_VOP, 0, 0 },
#define VOP(name, kind, nargs, flags) [VOP_##name] = { #name, kind, nargs, flags },
#include "tcg/vec.def"
#undef VOP
};

bool vec_mode_ok(enum vec_op op, enum vec_mode mode)
{
	unsigned f = op < VOP_NR ? vec_info[op].flags : 0;

	switch (mode) {
	case V_MERGE:
		return !(f & (VOF_VEX | VOF_256));
	case V_128:
		return !(f & (VOF_SSE | VOF_256));
	case V_256:
		return !(f & (VOF_SSE | VOF_128));
	default:
		return false;
	}
}
