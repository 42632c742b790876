/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests need not end with a newline: QEMU's own clients send none. So objects are found by
 * their braces, and jansson sees whole ones only. After nonsense the rest of its line is skipped.
 */
#include "vmm/api/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void api_session_init(struct api_session *s)
{
	s->negotiated = s->in_string = s->escape = s->skip = false;
	s->depth = 0;
	s->request = g_string_new(NULL);
}

void api_session_fini(struct api_session *s)
{
	g_string_free(s->request, TRUE);
}

void api_session_send(struct api_session *s, json_t *msg)
{
	char *text = json_dumps(msg, JSON_REAL_PRECISION(9));
	GString *line;

	if (!text)
		return;
	line = g_string_new(text);
	g_string_append(line, "\r\n");
	s->send(s->opaque, line->str, line->len);
	g_string_free(line, TRUE);
	free(text);
}

json_t *api_version(const struct api_table *t)
{
	int major = 0, minor = 0, micro = 0;

	sscanf(t->version, "%d.%d.%d", &major, &minor, &micro);
	return json_pack("{s:{s:i,s:i,s:i},s:s+}", "qemu", "micro", micro, "minor", minor, "major",
			 major, "package", "ambi ", t->version);
}

void api_session_greet(struct api_session *s)
{
	json_t *hello = json_pack("{s:{s:o,s:[]}}", "QMP", "version", api_version(s->table),
				  "capabilities");

	api_session_send(s, hello);
	json_decref(hello);
}

static void send_error(struct api_session *s, json_t *id, const char *class, const char *desc)
{
	/* a message may hold a guest's or a file's bytes */
	g_autofree char *text = g_utf8_make_valid(desc, -1);
	json_t *msg = json_pack("{s:{s:s,s:s}}", "error", "class", class, "desc", text);

	if (id)
		json_object_set(msg, "id", id);
	api_session_send(s, msg);
	json_decref(msg);
}

static const char *error_class(const struct err *e)
{
	return e->code == ENODEV ? "DeviceNotFound" : e->code == ENXIO ? "DeviceNotActive" :
								       "GenericError";
}

/* NULL, or the class of what is wrong. */
static const char *serve_command(struct api_session *s, const char *name, json_t *args,
				 json_t **ret, struct err *e)
{
	const struct api_command *c = api_find(s->table, name);

	if (!s->negotiated && strcmp(name, "qmp_capabilities")) {
		err_set(e, EINVAL, "Expecting capabilities negotiation with 'qmp_capabilities'");
		return "CommandNotFound";
	}
	if (!c) {
		err_set(e, ENOENT, "The command %.60s has not been found", name);
		return "CommandNotFound";
	}
	if (c->builtin && s->negotiated) {
		err_set(e, EINVAL, "Capabilities negotiation is already complete, command '%s' "
			"ignored", name);
		return "CommandNotFound";
	}
	if (api_check(c, args, e) < 0)
		return "GenericError";
	if (c->builtin) {
		json_t *enable = json_object_get(args, "enable");

		if (json_array_size(enable)) {
			err_set(e, EINVAL, "there is no capability '%.60s'",
				json_string_value(json_array_get(enable, 0)));
			return "GenericError";
		}
		s->negotiated = true;
		return NULL;
	}
	return s->call(s->opaque, c, args, ret, e) < 0 ? error_class(e) : NULL;
}

static int check_request(json_t *req, struct err *e)
{
	const char *key;
	json_t *val;

	json_object_foreach(req, key, val) {
		if (!strcmp(key, "execute") && !json_is_string(val))
			return err_set(e, EINVAL, "QMP input member 'execute' must be a string");
		if (!strcmp(key, "arguments") && !json_is_object(val))
			return err_set(e, EINVAL, "QMP input member 'arguments' must be an object");
		if (strcmp(key, "execute") && strcmp(key, "arguments") && strcmp(key, "id"))
			return err_set(e, EINVAL, "QMP input member '%.60s' is unexpected", key);
	}
	if (!json_object_get(req, "execute"))
		return err_set(e, EINVAL, "QMP input lacks member 'execute'");
	return 0;
}

static void serve(struct api_session *s, json_t *req)
{
	json_t *id = json_object_get(req, "id"), *args, *ret = NULL, *msg;
	struct err e = { 0 };
	const char *class;

	if (check_request(req, &e) < 0) {
		send_error(s, id, "GenericError", e.msg);
		return;
	}
	args = json_incref(json_object_get(req, "arguments"));
	if (!args)
		args = json_object();
	class = serve_command(s, json_string_value(json_object_get(req, "execute")), args, &ret,
			      &e);
	json_decref(args);
	if (class) {
		json_decref(ret);
		send_error(s, id, class, e.msg);
		return;
	}
	msg = json_pack("{s:o}", "return", ret ? ret : json_object());
	if (id)
		json_object_set(msg, "id", id);
	api_session_send(s, msg);
	json_decref(msg);
}

static void parse(struct api_session *s)
{
	json_error_t je;
	json_t *req = json_loadb(s->request->str, s->request->len, JSON_REJECT_DUPLICATES, &je);

	if (req) {
		serve(s, req);
	} else {
		g_autofree char *why = g_strdup_printf("JSON parse error: %s", je.text);

		send_error(s, NULL, "GenericError", why);
	}
	json_decref(req);
	/* a large request does not keep its memory */
	if (s->request->allocated_len > 65536) {
		g_string_free(s->request, TRUE);
		s->request = g_string_new(NULL);
	}
	g_string_truncate(s->request, 0);
}

static void refuse(struct api_session *s, const char *why)
{
	send_error(s, NULL, "GenericError", why);
	g_string_truncate(s->request, 0);
	s->depth = 0;
	s->in_string = s->escape = false;
	s->skip = true;
}

/* Follows strings and nesting. True: an object is complete. */
static bool take(struct api_session *s, char c)
{
	g_string_append_c(s->request, c);
	if (s->in_string) {
		if (s->escape)
			s->escape = false;
		else if (c == '\\')
			s->escape = true;
		else if (c == '"')
			s->in_string = false;
		return false;
	}
	if (c == '"')
		s->in_string = true;
	else if (c == '{' || c == '[')
		s->depth++;
	else if (c == '}' || c == ']')
		s->depth--;
	return !s->depth;
}

ssize_t api_session_feed(struct api_session *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = bytes[i];

		if (s->skip) {
			s->skip = c != '\n';
			continue;
		}
		if (!s->depth) {
			if (strchr(" \t\r\n", c) && c)
				continue;
			if (c != '{') {
				refuse(s, "JSON parse error: an object is expected");
				return (ssize_t)i + 1;
			}
		}
		/* JSON's strings have no raw newline: the client and we disagree where we are */
		if (s->in_string && c == '\n') {
			refuse(s, "JSON parse error: a newline inside a string");
			s->skip = false;
			return (ssize_t)i + 1;
		}
		if (s->request->len == API_MAX_REQUEST) {
			refuse(s, "a request is longer than 1 MiB");
			return -EMSGSIZE;
		}
		if (take(s, c)) {
			parse(s);
			return (ssize_t)i + 1;
		}
		if (s->depth > API_MAX_DEPTH) {
			refuse(s, "JSON parse error: nested too deeply");
			return (ssize_t)i + 1;
		}
	}
	return (ssize_t)n;
}
