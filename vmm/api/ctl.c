/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ambi ctl NAME COMMAND: commands by the schema's table, words for arguments. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/api/client.h"
#include "vmm/api/handlers.h"
#include "vmm/api/table.h"
#include "vmm/options.h"

/* ---- help ---- */

static void usage(FILE *f)
{
	fputs("usage: ambi ctl NAME COMMAND [ARGUMENT...]\n"
	      "       ambi ctl NAME -          QMP requests (JSON) from standard input\n"
	      "       ambi ctl NAME events     prints events as they come\n"
	      "       ambi ctl help [COMMAND]\n"
	      "NAME is a guest's (ambi ps lists them), or its socket's path with a slash in it.\n",
	      f);
}

static const char *first_sentence(const char *help, size_t *n)
{
	const char *end = strstr(help, ". ");

	*n = end ? (size_t)(end - help) : strlen(help) - 1;
	return help;
}

static char *synopsis(const struct api_command *c)
{
	GString *s = g_string_new(c->cli ? c->cli : c->name);

	for (const struct api_member *m = c->args; m->name; m++) {
		g_autofree char *upper = g_ascii_strup(m->name, -1);

		if (m->positional)
			g_string_append_printf(s, m->optional ? " [%s]" : " %s", upper);
	}
	for (const struct api_member *m = c->args; m->name; m++)
		if (!m->positional)
			g_string_append_printf(s, m->optional ? " [--%s%s]" : " --%s%s", m->name,
					       m->type->kind == API_BOOL ? "" : " VALUE");
	return g_string_free(s, FALSE);
}

static void list_commands(void)
{
	usage(stdout);
	puts("\nCommands:");
	for (const struct api_command *c = api_table.commands; c->name; c++) {
		const char *help;
		size_t n;

		if (!c->fn || c->fn == api_vm_console)
			continue;
		help = first_sentence(c->help, &n);
		printf("  %-22s %.*s\n", c->cli ? c->cli : c->name, (int)n, help);
	}
}

static void print_values(const struct api_type *t)
{
	for (const char *const *v = t->values; *v; v++)
		printf("%s%s", v == t->values ? " (" : ", ", *v);
	putchar(')');
}

static int unknown(const char *word)
{
	const char *names[256], *near;
	unsigned n = 0;

	for (const struct api_command *c = api_table.commands; c->name && n < 254; c++)
		if (c->fn) {
			names[n++] = c->name;
			if (c->cli)
				names[n++] = c->cli;
		}
	names[n] = NULL;
	near = options_nearest(word, names);
	fprintf(stderr, "ambi ctl: no command %s%s%s (ambi ctl help lists them)\n", word,
		near ? "; did you mean " : "", near ? near : "");
	return 1;
}

static int help(const char *word)
{
	const struct api_command *c = word ? api_find_cli(&api_table, word) : NULL;
	g_autofree char *s = NULL;

	if (!word) {
		list_commands();
		return 0;
	}
	if (!c)
		return unknown(word);
	s = synopsis(c);
	printf("ambi ctl NAME %s\n%s\n", s, c->help);
	if (c->cli)
		printf("In JSON: %s\n", c->name);
	for (const struct api_member *m = c->args; m->name; m++) {
		printf("  %-16s %s", m->name, m->help);
		if (m->type->kind == API_ENUM)
			print_values(m->type);
		if (m->def)
			printf("; default %s", m->def);
		putchar('\n');
	}
	return 0;
}

/* ---- what it does ---- */

enum { PRETTY = JSON_INDENT(2) | JSON_REAL_PRECISION(9) };

static void print_line(void *opaque, json_t *msg)
{
	json_dumpf(msg, stdout, JSON_REAL_PRECISION(9));
	putchar('\n');
	fflush(stdout);
}

static void print_result(json_t *ret)
{
	const char *text = json_string_value(ret), *lines;

	if (text) {
		printf("%s%s", text, !*text || g_str_has_suffix(text, "\n") ? "" : "\n");
		return;
	}
	/* plan and figures come with their text for people */
	lines = json_string_value(json_object_get(ret, "text"));
	if (lines) {
		fputs(lines, stdout);
		return;
	}
	if (json_is_object(ret) && !json_object_size(ret))
		return;
	json_dumpf(ret, stdout, PRETTY);
	putchar('\n');
}

static int from_stdin(struct api_conn *c, struct err *e)
{
	int failed = 0, r = 0;

	c->event = print_line;
	while (!r) {
		json_error_t je;
		json_t *req, *answer;

		int ch;

		while (isspace(ch = getchar()))
			;
		if (ch == EOF)
			break;
		ungetc(ch, stdin);
		req = json_loadf(stdin, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &je);
		if (!req)
			return err_set(e, EINVAL, "standard input: %s", je.text);
		r = api_conn_send(c, req, &answer, e);
		if (r < 0)
			break;
		failed |= json_object_get(answer, "error") != NULL;
		print_line(NULL, answer);
		json_decref(answer);
	}
	return r < 0 ? r : failed;
}

static int events(struct api_conn *c, struct err *e)
{
	json_t *msg;
	int r;

	api_conn_timeout(c, 0);
	while (!(r = api_conn_read(c, &msg, e))) {
		print_line(NULL, msg);
		json_decref(msg);
	}
	return r == -ECONNRESET ? 0 : r;
}

static int command(struct api_conn *c, const struct api_command *cmd, json_t *args, bool json,
		   struct err *e)
{
	json_t *ret = NULL;
	int r = api_conn_call(c, cmd->name, args, &ret, e);

	/* `quit` may be faster than its answer */
	if (r == -ECONNRESET && cmd->fn == api_quit)
		return 0;
	if (!r && json) {
		json_dumpf(ret, stdout, PRETTY);
		putchar('\n');
	} else if (!r) {
		print_result(ret);
	}
	json_decref(ret);
	return r;
}

int program_ctl(int argc, char **argv)
{
	const struct api_command *cmd = NULL;
	bool raw = false, watch = false, json = false;
	struct err e = { 0 };
	json_t *args = NULL;
	struct api_conn c;
	const char *name;
	int r;

	if (argc > 1 && (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help")))
		return help(argc > 2 ? argv[2] : NULL);
	if (argc == 2 || (argc > 2 && (!strcmp(argv[2], "help") || !strcmp(argv[2], "--help"))))
		return help(argc > 3 ? argv[3] : NULL);
	if (argc < 2) {
		usage(stderr);
		return 1;
	}
	name = argv[1];
	if (argc == 4 && !strcmp(argv[3], "--help"))
		return help(argv[2]);
	if (argc > 3 && !strcmp(argv[2], "--json")) {	/* as it is, also where there is text */
		json = true;
		argv++;
	}
	raw = !strcmp(argv[2], "-");
	watch = !strcmp(argv[2], "events");
	if (!raw && !watch) {
		cmd = api_find_cli(&api_table, argv[2]);
		if (!cmd)
			return unknown(argv[2]);
		args = api_words(cmd, argv + 3, &e);
		if (!args) {
			fprintf(stderr, "ambi ctl: %s\n", e.msg);
			return 1;
		}
	}
	r = api_conn_open(&c, name, 10000, &e);
	if (r < 0) {
		json_decref(args);
		fprintf(stderr, "ambi ctl: %s\n", e.msg);
		return 1;
	}
	api_conn_timeout(&c, 0);
	r = raw ? from_stdin(&c, &e) : watch ? events(&c, &e) : command(&c, cmd, args, json, &e);
	api_conn_close(&c);
	if (r < 0)
		fprintf(stderr, "ambi ctl: %s\n", e.msg);
	return fflush(stdout) || r ? 1 : 0;
}
