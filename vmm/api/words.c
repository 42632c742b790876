/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person types behind a command, as JSON: for `ambi ctl` and the monitor. */
#include <ctype.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/api/table.h"

static json_t *size_value(const char *word, struct err *e)
{
	static const char units[] = "kmgt";
	unsigned long long v, shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	v = strtoull(word, &end, 0);
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	if (end == word || *end || errno || *word == '-' || v > (UINT64_MAX >> 1) >> shift) {
		err_set(e, EINVAL, "%s is no size (4096, 512M, 2G)", word);
		return NULL;
	}
	return json_integer((json_int_t)(v << shift));
}

static json_t *int_value(const char *word, struct err *e)
{
	long long v;
	char *end;

	errno = 0;
	v = strtoll(word, &end, 0);
	if (end == word || *end || errno) {
		err_set(e, EINVAL, "%s is no number", word);
		return NULL;
	}
	return json_integer(v);
}

static json_t *bool_value(const char *word, struct err *e)
{
	static const char *const yes[] = { "on", "yes", "true", NULL };
	static const char *const no[] = { "off", "no", "false", NULL };

	if (g_strv_contains(yes, word))
		return json_true();
	if (g_strv_contains(no, word))
		return json_false();
	err_set(e, EINVAL, "%s is neither on nor off", word);
	return NULL;
}

/* "ctrl-alt-delete" */
static json_t *keys_value(const char *word)
{
	g_auto(GStrv) part = g_strsplit(word, "-", -1);
	json_t *a = json_array();

	for (char **p = part; *p; p++)
		json_array_append_new(a, json_pack("{s:s,s:s}", "type", "qcode", "data", *p));
	return a;
}

static json_t *path_value(const char *word, bool file)
{
	const char *path = file && g_str_has_prefix(word, "file:") ? word + 5 : word;
	/* an empty one stands for none, not for the directory that we are in */
	g_autofree char *full = *path ? g_canonicalize_filename(path, NULL) : g_strdup("");

	return file ? json_sprintf("file:%s", full) : json_string(full);
}

static json_t *json_value(const char *word, struct err *e)
{
	json_error_t je;
	json_t *v = json_loads(word, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &je);

	if (!v)
		err_set(e, EINVAL, "%s is no JSON: %s", word, je.text);
	return v;
}

static json_t *value(const struct api_member *m, const char *word, struct err *e)
{
	json_t *v = NULL;

	switch (m->text) {
	case API_TEXT_SIZE: return size_value(word, e);
	case API_TEXT_KEYS: return *word == '[' ? json_value(word, e) : keys_value(word);
	case API_TEXT_PATH: return path_value(word, false);
	case API_TEXT_FILE: return path_value(word, true);
	case API_TEXT_PLAIN: break;
	}
	switch (m->type->kind) {
	case API_STR: case API_ENUM:
		v = json_string(word);
		if (!v)
			err_set(e, EINVAL, "not UTF-8");
		return v;
	case API_INT: return int_value(word, e);
	case API_BOOL: return bool_value(word, e);
	default: return json_value(word, e);
	}
}

static const struct api_member *member(const struct api_command *c, const char *word, size_t n)
{
	const struct api_member *m = c->args;

	while (m->name && (strlen(m->name) != n || strncmp(m->name, word, n)))
		m++;
	return m->name ? m : NULL;
}

static const struct api_member *next_positional(const struct api_command *c, json_t *args)
{
	const struct api_member *m = c->args;

	while (m->name && (!m->positional || json_object_get(args, m->name)))
		m++;
	return m->name ? m : NULL;
}

json_t *api_words(const struct api_command *c, char **word, struct err *e)
{
	json_t *args = json_object();
	bool plain = false;

	for (; *word; word++) {
		const struct api_member *m;
		const char *text = *word, *eq;
		json_t *v;

		if (!plain && !strcmp(text, "--")) {
			plain = true;
			continue;
		}
		if (!plain && g_str_has_prefix(text, "--")) {
			eq = strchr(text, '=');
			m = member(c, text + 2, eq ? (size_t)(eq - text - 2) : strlen(text + 2));
			if (!m) {
				err_set(e, EINVAL, "%s has no %s", c->name, text);
				goto fail;
			}
			if (eq)
				text = eq + 1;
			else if (m->type->kind == API_BOOL)
				text = "on";
			else if (!*++word) {
				err_set(e, EINVAL, "%s needs a value", word[-1]);
				goto fail;
			} else {
				text = *word;
			}
		} else {
			m = next_positional(c, args);
			if (!m) {
				err_set(e, EINVAL, "\"%s\" is one word too many", text);
				goto fail;
			}
		}
		v = value(m, text, e);
		if (!v) {
			err_prefix(e, "%s", m->name);
			goto fail;
		}
		json_object_set_new(args, m->name, v);
	}
	return args;
fail:
	json_decref(args);
	return NULL;
}
