/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/iov.h"

#include <stdbool.h>
#include <string.h>

#include "util/bits.h"

unsigned iov_slice(const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len,
		   struct iovec *out, unsigned max)
{
	unsigned used = 0;

	for (unsigned i = 0; i < n && len && used < max; i++) {
		uint64_t have = iov[i].iov_len, k;

		if (skip >= have) {
			skip -= have;
			continue;
		}
		k = MIN(have - skip, len);
		out[used].iov_base = (char *)iov[i].iov_base + skip;
		out[used].iov_len = k;
		used++;
		len -= k;
		skip = 0;
	}
	return used;
}

static size_t iov_copy(const struct iovec *iov, unsigned n, uint64_t skip, char *buf, size_t len,
		       bool to_iov)
{
	size_t whole = len;

	for (unsigned i = 0; i < n && len; i++) {
		uint64_t have = iov[i].iov_len, k;
		char *p;

		if (skip >= have) {
			skip -= have;
			continue;
		}
		k = MIN(have - skip, (uint64_t)len);
		p = (char *)iov[i].iov_base + skip;
		if (to_iov)
			memcpy(p, buf, k);
		else
			memcpy(buf, p, k);
		buf += k;
		len -= k;
		skip = 0;
	}
	return whole - len;
}

size_t iov_to_buf(const struct iovec *iov, unsigned n, uint64_t skip, void *buf, size_t len)
{
	return iov_copy(iov, n, skip, buf, len, false);
}

size_t iov_from_buf(const struct iovec *iov, unsigned n, uint64_t skip, const void *buf, size_t len)
{
	return iov_copy(iov, n, skip, (char *)buf, len, true);
}
