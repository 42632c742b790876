/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32C (Castagnoli; RFC 3720, 12.1): what guards files and streams of ours. */
#ifndef UTIL_CRC32C_H
#define UTIL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of n more bytes after those that gave crc; 0 to begin with. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);

#endif
