/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87 unit's functions in integer arithmetic (by way of sf128): finite operands that the
 * caller has found to be in range. Results are rounded once more to 80 bits by the caller's
 * environment; the error before that is below 2^-100.
 */
#ifndef TARGET_X86_X87_MATH_H
#define TARGET_X86_X87_MATH_H

#include "util/softfloat/softfloat.h"

typedef unsigned __int128 x87_f80;

x87_f80 x87_math_2xm1(struct sf_env *env, x87_f80 x);			/* |x| <= 1 */
x87_f80 x87_math_yl2x(struct sf_env *env, x87_f80 y, x87_f80 x);	/* x > 0 */
x87_f80 x87_math_yl2xp1(struct sf_env *env, x87_f80 y, x87_f80 x);	/* |x| < 1 */
x87_f80 x87_math_atan2(struct sf_env *env, x87_f80 y, x87_f80 x);
/* |x| < 2^63 */
x87_f80 x87_math_sin(struct sf_env *env, x87_f80 x);
x87_f80 x87_math_cos(struct sf_env *env, x87_f80 x);
x87_f80 x87_math_tan(struct sf_env *env, x87_f80 x);

#endif
