/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's approximations (RCPSS, RSQRTSS), which the manual does not fix to the last bit. */
#ifndef TCG_X86_64_HOST_VEC_H
#define TCG_X86_64_HOST_VEC_H

#include <stdint.h>

uint32_t host_rcp(uint32_t x);
uint32_t host_rsqrt(uint32_t x);

#endif
