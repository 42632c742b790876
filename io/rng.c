/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/rng.h"

#include "util/os.h"

int rng_read(void *buf, size_t n) { return os_random(buf, n); }
