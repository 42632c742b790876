/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IEEE 754 binary64 (double): the templates, once. */
#include "util/softfloat/format.h"

#define SF_N 64
#include "util/softfloat/format.inc.h"
#include "util/softfloat/arith_ops.inc.h"
#include "util/softfloat/cmp_ops.inc.h"
#include "util/softfloat/int_ops.inc.h"
