/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ambi ps: this user's guests, by the sockets that they listen on. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/api/client.h"
#include "vmm/api/socket.h"

enum { PATIENCE_MS = 2000 };

static const char *str(json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "?";
}

static char *duration(double s)
{
	unsigned long t = (unsigned long)s;

	if (t < 86400)
		return g_strdup_printf("%lu:%02lu:%02lu", t / 3600, t / 60 % 60, t % 60);
	return g_strdup_printf("%lud %02lu:%02lu", t / 86400, t / 3600 % 24, t / 60 % 60);
}

/* What a socket's guest says of itself; NULL: it is dead, and its socket gone. */
static json_t *ask(const char *path, const char *name)
{
	struct api_conn c;
	struct err e = { 0 };
	json_t *info = NULL;
	int r = api_conn_open(&c, path, PATIENCE_MS, &e);

	if (r == -ECONNREFUSED)
		api_clear_stale(path, &e);
	if (r == -ECONNREFUSED || r == -ENOENT)
		return NULL;
	if (!r)
		r = api_conn_call(&c, "vm-info", NULL, &info, &e);
	api_conn_close(&c);
	if (r == -ECONNRESET)		/* it has just ended */
		return NULL;
	return r ? json_pack("{s:s,s:s}", "name", name, "error", e.msg) : info;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static json_t *ask_all(const char *dir)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	json_t *all = json_array();
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (g_str_has_suffix(de->d_name, ".sock"))
			g_ptr_array_add(names, g_strndup(de->d_name, strlen(de->d_name) - 5));
	if (d)
		closedir(d);
	qsort(names->pdata, names->len, sizeof(char *), by_name);
	for (unsigned i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *path = g_strdup_printf("%s/%s.sock", dir, name);
		json_t *info = ask(path, name);

		if (info)
			json_array_append_new(all, info);
	}
	return all;
}

static void print(json_t *all)
{
	json_t *g;
	size_t i;

	if (!json_array_size(all))
		return;
	printf("%-24s %7s %-16s %-6s %4s %8s %-10s %10s\n", "NAME", "PID", "MACHINE", "ENGINE",
	       "CPUS", "MEMORY", "STATE", "UPTIME");
	json_array_foreach(all, i, g) {
		g_autofree char *up = duration(json_number_value(json_object_get(g, "uptime")));
		g_autofree char *machine = g_strdup_printf("%s/%s", str(g, "isa"),
							   str(g, "machine"));

		if (json_object_get(g, "error")) {
			printf("%-24s %7s %s\n", str(g, "name"), "?", str(g, "error"));
			continue;
		}
		printf("%-24s %7lld %-16s %-6s %4lld %7lldM %-10s %10s\n", str(g, "name"),
		       (long long)json_integer_value(json_object_get(g, "pid")), machine,
		       str(g, "engine"),
		       (long long)json_integer_value(json_object_get(g, "cpus")),
		       (long long)json_integer_value(json_object_get(g, "memory")) >> 20,
		       str(g, "status"), up);
	}
}

int program_ps(int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct err e = { 0 };
	json_t *all = NULL;
	char dir[256];
	int r;

	if (argc > 1 && !json) {
		fprintf(strcmp(argv[1], "--help") ? stderr : stdout, "usage: ambi ps [--json]\n"
			"Lists the running guests of this user.\n");
		return strcmp(argv[1], "--help") ? 1 : 0;
	}
	r = api_dir(dir, sizeof(dir), false, &e);
	if (r < 0 && r != -ENOENT) {
		fprintf(stderr, "ambi ps: %s\n", e.msg);
		return 1;
	}
	all = r < 0 ? json_array() : ask_all(dir);
	if (json) {
		json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
		putchar('\n');
	} else {
		print(all);
	}
	json_decref(all);
	return fflush(stdout) ? 1 : 0;
}
