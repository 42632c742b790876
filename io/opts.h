/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "a=1,b=2" as back ends' options: a comma in a value is written twice. */
#ifndef IO_OPTS_H
#define IO_OPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

/*
 * Takes the next key=value from *text (and moves it on) into bounded buffers. A
 * first word without '=' comes back with key "" when `bare` is set, else a word
 * without '=' is key with value "on". 1: got one, 0: end, -EINVAL.
 */
int opts_next(const char **text, char *key, size_t key_size, char *val, size_t val_size, bool bare,
	      struct err *e);
/* on/off/yes/no/true/false */
int opts_bool(const char *key, const char *val, bool *out, struct err *e);
/* A whole number in [min, max], any base C knows. */
int opts_number(const char *key, const char *val, unsigned long long min, unsigned long long max,
		unsigned long long *out, struct err *e);

#endif
