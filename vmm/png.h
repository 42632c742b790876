/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures as PNG files (ISO/IEC 15948): 8 bits of red, green and blue, not interlaced. */
#ifndef VMM_PNG_H
#define VMM_PNG_H

#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

/* pixel: 0x00RRGGBB, line by line. 0; -ENOTSUP (built without zlib), -ENOMEM, -EINVAL, -EIO. */
int png_write(FILE *f, const uint32_t *pixel, unsigned width, unsigned height, struct err *e);

#endif
