/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ambi: from the command line to the exit status. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/char/char.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/api/client.h"
#include "vmm/disk_cmd.h"
#include "vmm/guest.h"
#include "vmm/phases.h"
#include "vmm/plan.h"

static int open_logs(const struct options *o, struct err *e)
{
	int r;

	if (o->log && log_parse(o->log, &log_mask) < 0)
		return err_set(e, EINVAL, "-d %s: there are %s", o->log, log_names());
	r = o->log_file ? log_open(o->log_file) : 0;
	if (r < 0)
		return err_errno(e, -r, "-D %s", o->log_file);
	if (o->dfilter && log_filter_parse(o->dfilter) < 0)
		return err_set(e, EINVAL, "-dfilter %s: not of the form START..END[,START..END]",
			       o->dfilter);
	return 0;
}

/* A guest that is built runs; what fails before its first instruction is status 1. */
static int run(struct plan *p, struct err *e)
{
	struct guest *g = calloc(1, sizeof(*g));
	char line[1024];
	int r;

	if (!g)
		return err_set(e, ENOMEM, "no memory");
	plan_line(p, line, sizeof(line));
	log_info("%s", line);
	r = guest_build(g, p, e);
	if (!r)
		r = guest_run(g, e);
	guest_free(g);
	free(g);
	return r;
}

static int answer(const struct options *o, struct err *e)
{
	if (o->help)
		options_help(stdout);
	else if (o->version)
		printf("ambi %s\n", AMBI_VERSION);
	else
		return plan_list(o->list, stdout, e);
	return 0;
}

/* What the first word may be instead of an image; argv[0] is that word. */
static const struct { const char *name; int (*run)(int argc, char **argv); } commands[] = {
	{ "disk", disk_command },
	{ "ps", program_ps }, { "ctl", program_ctl }, { "console", program_console },
};

int main(int argc, char **argv)
{
	static struct options o;
	static struct plan p;
	struct err e = { 0 };
	int r;

	phase_mark(PHASE_START);
	atexit(chardev_restore_terminal);
	os_files_standard();
	os_files_max();
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	r = options_parse(&o, argc, argv, &e);
	if (!r && (o.help || o.version || o.list)) {
		r = answer(&o, &e);
	} else if (!r) {
		r = open_logs(&o, &e);
		if (!r)
			r = plan_make(&p, &o, &e);
		phase_mark(PHASE_PLANNED);
		if (!r && o.explain)
			plan_explain(&p, stdout);
		else if (!r)
			r = run(&p, &e);
		if (o.phases)
			phases_print(stderr);
		plan_free(&p);
	}
	options_free(&o);
	if (r < 0) {
		chardev_restore_terminal();
		log_error("%s", e.msg);
		return EXIT_USAGE;
	}
	return r;
}
