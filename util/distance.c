/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/distance.h"

#include <limits.h>
#include <string.h>

#include "util/bits.h"

unsigned distance_words(const char *a, const char *b)
{
	unsigned row[DISTANCE_MAX_WORD + 1], diag, up;
	size_t n = strlen(b);

	if (n > DISTANCE_MAX_WORD)
		return UINT_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		diag = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			up = row[j];
			row[j] = MIN(MIN(up, row[j - 1]) + 1, diag + (a[i - 1] != b[j - 1]));
			diag = up;
		}
	}
	return row[n];
}
