/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line. One table (options.c) gives the parser, --help and the hint
 * for a mistyped name; what the values mean is checked where they are used.
 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "target/cpu.h"
#include "util/err.h"

enum { OPTIONS_MAX_LIST = 64 };

struct option_list {
	unsigned nr;
	const char *item[OPTIONS_MAX_LIST];	/* point into argv */
};

struct options {			/* NULL: not given */
	const char *image;		/* IMAGE or -kernel */
	const char *kernel, *initrd, *dtb, *bios;
	char *append;			/* owned: -append and what follows "--" */
	const char *append_arg;
	const char *boot, *cdrom;
	const char *machine, *cpu, *mem, *smp, *rtc, *uuid, *debugcon, *name;
	struct option_list accel, drive, device, nic, netdev, serial, virtfs, fw_cfg, qmp;
	const char *gdb, *loadvm, *incoming, *twin, *log, *log_file, *dfilter, *list, *display;
	const char *vga, *api_socket;
	bool nographic, no_reboot, snapshot, paused, explain, phases, version, help;
};

/* 0, or -EINVAL with a message that says what to type instead. */
int options_parse(struct options *o, int argc, char **argv, struct err *e);
void options_free(struct options *o);
/* The options again as words for a command line, but for those named in drop (NULL ends it). */
void options_args(const struct options *o, const char *const *drop,
		  void (*add)(void *opaque, const char *word), void *opaque);
void options_help(FILE *f);

/* "512" (MiB), "2G", "size=1G"; bytes. */
int options_mem(const char *text, uint64_t *bytes, struct err *e);
/*
 * "4", "cpus=4", "4,sockets=1,cores=2,threads=2"; what is left out is filled in (one socket of
 * single-threaded cores), and the product must be the number of CPUs.
 */
int options_topology(const char *text, struct cpu_topology *t, struct err *e);
/* "utc", "localtime", "2026-11-21T12:00:00" (of -rtc base=...): seconds to add to UTC. */
int options_rtc(const char *text, int64_t *offset_s, struct err *e);

/* The candidate nearest to word, or NULL where none is near; candidates end with NULL. */
const char *options_nearest(const char *word, const char *const *candidates);

#endif
