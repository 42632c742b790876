/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes as what a client of the control interface sends; then lines of them as the words of
 * `ambi ctl` and the monitor. Every command is served by fuzz_handler, which insists on what
 * the schema promises.
 */
#include "tests/fuzz/fuzz.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "vmm/api/session.h"

api_fn fuzz_handler;

static size_t sent, calls;

int fuzz_handler(struct guest *g, json_t *args, json_t **ret, struct err *e)
{
	return 0;
}

/* What the client gets has to be JSON, a line each, in answer to something. */
static void on_send(void *opaque, const char *text, size_t len)
{
	json_t *msg = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	if (!msg || len < 2 || text[len - 1] != '\n' || memchr(text, '\n', len) != text + len - 1)
		abort();
	if (!json_object_get(msg, "return") && !json_object_get(msg, "error"))
		abort();
	json_decref(msg);
	sent++;
}

static int on_call(void *opaque, const struct api_command *c, json_t *args, json_t **ret,
		   struct err *e)
{
	struct err again = { 0 };

	if (api_check(c, args, &again) < 0)
		abort();
	calls++;
	*ret = json_pack("{s:O}", "args", args);
	if (calls % 3)
		return c->fn(NULL, args, ret, e);
	return err_set(e, (int)calls % 50, "no: %s", c->help);
}

static void as_client(const uint8_t *data, size_t size, size_t step)
{
	struct api_session s = { .table = &api_table, .send = on_send, .call = on_call };

	api_session_init(&s);
	s.negotiated = step & 1;
	for (size_t at = 0; at < size;) {
		size_t n = MIN(step, size - at), before = sent;
		ssize_t r = api_session_feed(&s, (const char *)data + at, n);

		if (r == 0 || r > (ssize_t)n || sent > before + 1)
			abort();
		if (r < 0)
			break;
		at += (size_t)r;
		if (s.depth > API_MAX_DEPTH || s.request->len > API_MAX_REQUEST)
			abort();
	}
	api_session_fini(&s);
}

static void as_words(const char *line)
{
	g_auto(GStrv) word = NULL;
	const struct api_command *c;
	struct err e = { 0 };
	json_t *args;

	if (!g_shell_parse_argv(line, NULL, &word, NULL))
		return;
	c = api_find_cli(&api_table, word[0]);
	args = c ? api_words(c, word + 1, &e) : NULL;
	if (c && !args && !e.code)
		abort();
	if (args && api_check(c, args, &e) < 0 && !e.code)
		abort();
	json_decref(args);
}

/* Requests that are almost right: each byte chooses a piece. */
static void as_pieces(const uint8_t *data, size_t size)
{
	static const char *const piece[] = {
		"{\"execute\":", "}", ",\"arguments\":{", "\"id\":", ",", ":", "[", "]", "{",
		"\"", "\n",
		"\\", "\"vm-switch\"", "\"accel\":\"tcg\"", "\"balloon\"", "\"value\":4096",
		"\"send-key\"", "\"keys\":[{\"type\":\"qcode\",\"data\":1}]", "\"stop\"}",
		"\"qmp_capabilities\"}", "\"enable\":[\"oob\"]", "true", "null",
		"-9223372036854775809", "1e308", "\"\\ud800\"", "\"migrate-set-capabilities\"",
		"\"capabilities\":[{}]", "\xff", "}}", "{\"id\":[{}],\"execute\":",
	};
	g_autoptr(GString) s = g_string_new(NULL);

	for (size_t i = 0; i < size && i < 512; i++)
		g_string_append(s, piece[data[i] % ARRAY_SIZE(piece)]);
	as_client((const uint8_t *)s->str, s->len, 3);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_auto(GStrv) line = g_strsplit(text, "\n", 64);

	as_client(data, size, 1);
	as_client(data, size, size ? size : 1);
	as_client(data, size, 7);
	as_pieces(data, size);
	for (char **l = line; *l; l++) {
		/* most random words are no commands */
		g_autofree char *known = g_strdup_printf("%s %s",
			api_table.commands[(size + (size_t)(l - line)) % 20].name, *l);

		as_words(*l);
		as_words(known);
	}
	return 0;
}
