/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scattered buffers: what lies beyond the end of an iov is left out, never touched. */
#ifndef IO_IOV_H
#define IO_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

/* Copies between an iov, from byte `skip` on, and a buffer; returns the bytes copied. */
size_t iov_to_buf(const struct iovec *iov, unsigned n, uint64_t skip, void *buf, size_t len);
size_t iov_from_buf(const struct iovec *iov, unsigned n, uint64_t skip, const void *buf,
		    size_t len);
/* The part [skip, skip+len) of an iov into out (at most max entries); returns the entries used. */
unsigned iov_slice(const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len,
		   struct iovec *out, unsigned max);

static inline bool is_zeros(const void *p, size_t n)
{
	return !n || (!*(const char *)p && !memcmp(p, (const char *)p + 1, n - 1));
}

#endif
