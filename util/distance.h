/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far two words are apart: for "did you mean". */
#ifndef UTIL_DISTANCE_H
#define UTIL_DISTANCE_H

#define DISTANCE_MAX_WORD 63u

/* Insertions, deletions and changes of letters (Levenshtein); UINT_MAX where b is longer than
 * DISTANCE_MAX_WORD characters. */
unsigned distance_words(const char *a, const char *b);

#endif
