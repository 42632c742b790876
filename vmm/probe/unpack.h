/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decompression with a bound on the output: gzip, zstd, xz. */
#ifndef VMM_PROBE_UNPACK_H
#define VMM_PROBE_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/* "gzip", "zstd", "xz" by magic number, or NULL. */
const char *unpack_kind(const uint8_t *data, size_t size);

/*
 * Unpacks the first stream in data; what follows it is ignored (a kernel's
 * packer appends the size). *out is malloc'ed. 0; -ENOTSUP where this build has no
 * library for it; -EFBIG beyond limit; -EINVAL where the data is broken or ends early.
 */
int unpack(const uint8_t *data, size_t size, uint64_t limit, uint8_t **out, size_t *out_size,
	   struct err *e);

#endif
