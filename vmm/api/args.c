/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments against the schema. The words of the errors are QEMU's: tools look at them. */
#include <errno.h>
#include <string.h>

#include "vmm/api/table.h"

static const char *const kind_name[] = {
	[API_ANY] = "any", [API_STR] = "string", [API_INT] = "integer", [API_NUMBER] = "number",
	[API_BOOL] = "boolean", [API_ENUM] = "string", [API_OBJECT] = "object",
	[API_ARRAY] = "array",
};

static bool kind_fits(enum api_kind k, const json_t *v)
{
	switch (k) {
	case API_ANY: return true;
	case API_STR: case API_ENUM: return json_is_string(v);
	case API_INT: return json_is_integer(v);
	case API_NUMBER: return json_is_number(v);
	case API_BOOL: return json_is_boolean(v);
	case API_OBJECT: return json_is_object(v);
	case API_ARRAY: return json_is_array(v);
	}
	return false;
}

static int check_members(const struct api_member *m, bool open, json_t *v, struct err *e);

static int check_enum(const struct api_type *t, const char *name, const char *word, struct err *e)
{
	for (const char *const *w = t->values; *w; w++)
		if (!strcmp(*w, word))
			return 0;
	return err_set(e, EINVAL, "Parameter '%s' does not accept value '%.60s'", name, word);
}

static int check_value(const struct api_type *t, const struct api_member *m, json_t *v,
		       struct err *e)
{
	json_t *item;
	size_t i;
	int r = 0;

	if (!kind_fits(t->kind, v))
		return err_set(e, EINVAL, "Invalid parameter type for '%s', expected: %s",
			       m->name, kind_name[t->kind]);
	switch (t->kind) {
	case API_INT:
		if (json_integer_value(v) < m->min || json_integer_value(v) > m->max)
			return err_set(e, EINVAL, "Parameter '%s' expects a number from %lld to "
				       "%lld", m->name, (long long)m->min, (long long)m->max);
		return 0;
	case API_ENUM:
		return check_enum(t, m->name, json_string_value(v), e);
	case API_OBJECT:
		r = check_members(t->members, false, v, e);
		return r < 0 ? err_prefix(e, "%s", m->name) : 0;
	case API_ARRAY:
		json_array_foreach(v, i, item) {
			r = check_value(t->element, m, item, e);
			if (r < 0)
				return r;
		}
		return 0;
	default:
		return 0;
	}
}

static int check_members(const struct api_member *m, bool open, json_t *v, struct err *e)
{
	const struct api_member *p;
	const char *key;
	json_t *val;
	int r;

	json_object_foreach(v, key, val) {
		for (p = m; p->name && strcmp(p->name, key); p++)
			;
		if (!p->name && open)
			continue;
		if (!p->name)
			return err_set(e, EINVAL, "Parameter '%.60s' is unexpected", key);
		r = check_value(p->type, p, val, e);
		if (r < 0)
			return r;
	}
	for (p = m; p->name; p++)
		if (!p->optional && !json_object_get(v, p->name))
			return err_set(e, EINVAL, "Parameter '%s' is missing", p->name);
	return 0;
}

int api_check(const struct api_command *c, json_t *args, struct err *e)
{
	return check_members(c->args, c->open, args, e);
}

const struct api_command *api_find(const struct api_table *t, const char *name)
{
	for (const struct api_command *c = t->commands; c->name; c++)
		if ((c->fn || c->builtin) && !strcmp(c->name, name))
			return c;
	return NULL;
}

/* "system-reset" is system_reset. */
static bool same_word(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	return *a == *b;
}

const struct api_command *api_find_cli(const struct api_table *t, const char *word)
{
	for (const struct api_command *c = t->commands; c->name; c++)
		if (c->fn && (same_word(c->name, word) || (c->cli && same_word(c->cli, word))))
			return c;
	return NULL;
}

const char *api_str(json_t *args, const char *name, const char *def)
{
	const char *s = json_string_value(json_object_get(args, name));

	return s ? s : def;
}

int64_t api_int(json_t *args, const char *name, int64_t def)
{
	const json_t *v = json_object_get(args, name);

	return json_is_integer(v) ? json_integer_value(v) : def;
}

bool api_bool(json_t *args, const char *name, bool def)
{
	const json_t *v = json_object_get(args, name);

	return json_is_boolean(v) ? json_is_true(v) : def;
}
