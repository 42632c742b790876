/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/options.h"

#include <stdint.h>
#include <stdlib.h>

#include "tests/check.h"

static struct options o;
static struct err e;

static int parse(const char *line)
{
	static char copy[1024];
	char *argv[64] = { "ambi" };
	int argc = 1;

	options_free(&o);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	e = (struct err){ 0 };
	return options_parse(&o, argc, argv, &e);
}

static void good(void)
{
	CHECK(!parse("Image"));
	CHECK(o.kernel && !strcmp(o.kernel, "Image"));
	CHECK(!parse("Image -- console=ttyS0 quiet"));
	CHECK(!strcmp(o.append, "console=ttyS0 quiet"));
	CHECK(!parse("-append a=1 Image -- b"));
	CHECK(!strcmp(o.append, "a=1 b"), "%s", o.append);
	CHECK(!parse(
		"--kernel Image --initrd=ramfs -m 2G -smp 4 -M virt -s -S -no-reboot -nographic"));
	CHECK(!strcmp(o.kernel, "Image") && !strcmp(o.initrd, "ramfs") &&
	      !strcmp(o.machine, "virt"));
	CHECK(!strcmp(o.gdb, "tcp::1234") && o.paused && o.no_reboot && o.nographic);
	CHECK(!parse("K -drive file=a,if=virtio -drive file=b -accel tcg,interp=on -enable-kvm"));
	CHECK(o.drive.nr == 2 && !strcmp(o.drive.item[1], "file=b"));
	CHECK(o.accel.nr == 2 && !strcmp(o.accel.item[1], "kvm"));
	CHECK(!parse("--explain --phases --cmdline x Image"));
	CHECK(o.explain && o.phases && !strcmp(o.append, "x"));
	CHECK(!parse(""));
	CHECK(!o.kernel && !o.append);
}

static void bad(void)
{
	CHECK(parse("-kernl Image") < 0);
	CHECK_HAS(e.msg, "did you mean -kernel");
	CHECK(parse("-monitor stdio Image") < 0);
	CHECK_HAS(e.msg, "unknown option -monitor");
	CHECK_HAS(e.msg, "Ctrl-A c");
	CHECK(parse("-hda disk") < 0);
	CHECK_HAS(e.msg, "-drive file=");
	CHECK(parse("-utterlyunknown") < 0);
	CHECK(!strstr(e.msg, "did you mean"), "%s", e.msg);
	CHECK(parse("Image -kernel") < 0);
	CHECK_HAS(e.msg, "needs a value");
	CHECK(parse("A B") < 0);
	CHECK_HAS(e.msg, "two images");
	CHECK(parse("A -kernel B") < 0);
	CHECK(parse("A -S=on") < 0);
	CHECK_HAS(e.msg, "takes no value");
	CHECK(parse("- -") < 0);
}

static void too_many(void)
{
	char *argv[2 * OPTIONS_MAX_LIST + 8];
	int argc = 1;

	argv[0] = "ambi";
	for (int i = 0; i <= OPTIONS_MAX_LIST; i++) {
		argv[argc++] = "-drive";
		argv[argc++] = "file=x";
	}
	CHECK(options_parse(&o, argc, argv, &e) < 0);
}

static void sizes(void)
{
	uint64_t v = 0;
	struct cpu_topology t;
	int64_t off;

	CHECK(!options_mem("512", &v, &e) && v == 512ull << 20);
	CHECK(!options_mem("2G", &v, &e) && v == 2ull << 30);
	CHECK(!options_mem("size=1GiB", &v, &e) && v == 1ull << 30);
	CHECK(!options_mem("2048k", &v, &e) && v == 2ull << 20);
	CHECK(!options_mem("1048576B", &v, &e) && v == 1ull << 20);
	CHECK(options_mem("", &v, &e) < 0 && options_mem("-5", &v, &e) < 0);
	CHECK(options_mem("12X", &v, &e) < 0 && options_mem("0", &v, &e) < 0);
	CHECK(options_mem("99999999999999999999", &v, &e) < 0);
	CHECK(options_mem("17592186044416G", &v, &e) < 0);
	CHECK(options_mem("1048577B", &v, &e) < 0);
	CHECK(!options_topology("4", &t, &e) && t.nr_cpus == 4 && t.cores == 4);
	CHECK(!options_topology("cpus=2", &t, &e) && t.nr_cpus == 2 && t.sockets == 1);
	CHECK(!options_topology("2,sockets=2", &t, &e) && t.sockets == 2 && t.cores == 1);
	CHECK(!options_topology("8,threads=2", &t, &e) && t.cores == 4 && t.threads == 2);
	CHECK(!options_topology("8,cores=2,threads=2", &t, &e) && t.sockets == 2);
	CHECK(!options_topology("sockets=2,cores=3", &t, &e) && t.nr_cpus == 6);
	CHECK(options_topology("6,cores=4", &t, &e) < 0 && strstr(e.msg, "are not 6"));
	CHECK(options_topology("0", &t, &e) < 0 && options_topology("257", &t, &e) < 0);
	CHECK(options_topology("sockets=256,cores=256,threads=256", &t, &e) < 0);
	CHECK(options_topology("2,dies=2", &t, &e) < 0 && options_topology("x", &t, &e) < 0);
	CHECK(!options_rtc("base=utc", &off, &e) && off == 0);
	CHECK(!options_rtc("2000-01-01T00:00:00", &off, &e) && off < -800000000);
	CHECK(options_rtc("base=tomorrow", &off, &e) < 0);
}

static void help(void)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	options_help(f);
	fclose(f);
	CHECK_HAS(text, "-kernel");
	CHECK_HAS(text, "Ctrl-A x");
	for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n"))
		CHECK(strlen(l) <= 110, "long line: %s", l);
	free(text);
}

int main(void)
{
	good();
	bad();
	too_many();
	sizes();
	help();
	return check_done();
}
