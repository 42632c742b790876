/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/opts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int opts_next(const char **text, char *key, size_t key_size, char *val, size_t val_size, bool bare,
	      struct err *e)
{
	const char *p = *text, *eq;
	size_t n, len = strcspn(p, ",");

	if (!*p)
		return 0;
	eq = memchr(p, '=', len);
	if (eq && bare && memchr(p, '/', (size_t)(eq - p)))
		eq = NULL;		/* a file name with '=' in it */
	if (eq) {
		n = (size_t)(eq - p);
		if (n >= key_size)
			return err_set(e, EINVAL, "option name '%.32s...' is too long", p);
		memcpy(key, p, n);
		key[n] = 0;
		p = eq + 1;
	} else if (bare) {
		key[0] = 0;
	} else {
		if (len >= key_size)
			return err_set(e, EINVAL, "option name '%.32s...' is too long", p);
		memcpy(key, p, len);
		key[len] = 0;
	}
	if (!eq && !bare) {
		if (val_size < 3)
			return err_set(e, EINVAL, "option '%s' needs a value", key);
		memcpy(val, "on", 3);
		p += len;
		*text = *p ? p + 1 : p;
		return 1;
	}
	for (n = 0; *p; p++) {
		if (*p == ',') {
			if (p[1] != ',')
				break;
			p++;
		}
		if (n + 1 >= val_size)
			return err_set(e, EINVAL, "value of option '%s' is too long", key);
		val[n++] = *p;
	}
	val[n] = 0;
	*text = *p ? p + 1 : p;
	return 1;
}

int opts_bool(const char *key, const char *val, bool *out, struct err *e)
{
	if (!strcasecmp(val, "on") || !strcasecmp(val, "yes") || !strcasecmp(val, "true"))
		*out = true;
	else if (!strcasecmp(val, "off") || !strcasecmp(val, "no") || !strcasecmp(val, "false"))
		*out = false;
	else
		return err_set(e, EINVAL, "%s=%s: must be on or off", key, val);
	return 0;
}

int opts_number(const char *key, const char *val, unsigned long long min, unsigned long long max,
		unsigned long long *out, struct err *e)
{
	char *end;

	errno = 0;
	*out = strtoull(val, &end, 0);
	if (errno || end == val || *end || *val == '-' || *out < min || *out > max)
		return err_set(e, EINVAL, "%s=%s: must be a number from %llu to %llu", key, val,
			       min, max);
	return 0;
}
