/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images are made, looked at, checked and copied. */
#include "vmm/disk_cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/block/block.h"
#include "io/iov.h"
#include "util/bits.h"
#include "util/log.h"

#define COPY_BYTES (2u << 20)
#define COPY_UNIT 65536u		/* zeros are left out in pieces of this size */

struct args {
	const char *format, *out_format, *backing, *backing_format, *cluster, *version;
	const char *create, *apply, *delete, *name[2];
	bool overwrite, repair;
};

static int parse_format(const char *text, enum block_format *f, struct err *e)
{
	*f = BLOCK_FORMAT_AUTO;
	if (!text)
		return 0;
	if (!strcmp(text, "raw"))
		*f = BLOCK_FORMAT_RAW;
	else if (!strcmp(text, "qcow2"))
		*f = BLOCK_FORMAT_QCOW2;
	else
		return err_set(e, EINVAL, "format %s: there are raw and qcow2", text);
	return 0;
}

/* Bytes, with k, M, G or T behind the number. */
static int parse_size(const char *text, uint64_t *size, struct err *e)
{
	static const char units[] = "kMGT";
	unsigned long long n;
	unsigned shift = 0;
	const char *u;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end && (u = strchr("KMGT", *end)))
		shift = 10 * (unsigned)(u - "KMGT" + 1);
	if (*end && (u = strchr(units, *end)))
		shift = 10 * (unsigned)(u - units + 1);
	if (shift && end[1] == 'B')
		end++;
	if (end == text || *text == '-' || errno || (*end && !shift) || (shift && end[1]) ||
	    n > UINT64_MAX >> shift)
		return err_set(e, EINVAL, "size \"%s\": bytes, or a number with k, M, G, T",
			       text);
	*size = (uint64_t)n << shift;
	return 0;
}

static struct block *open_image(const struct args *a, bool write, struct err *e)
{
	struct block_config c;

	if (block_config_parse(&c, a->name[0], NULL, NULL, e) < 0 ||
	    (a->format && parse_format(a->format, &c.format, e) < 0))
		return NULL;
	c.readonly = !write;
	c.repair = a->repair;
	return block_open(&c, e);
}

static int cmd_create(const struct args *a, struct err *e)
{
	struct block_create c = { .path = a->name[0], .backing = a->backing,
				  .overwrite = a->overwrite };
	uint64_t cluster = 65536;
	int ret = parse_format(a->format ? a->format : a->backing ? "qcow2" : NULL, &c.format, e);

	if (!ret)
		ret = parse_format(a->backing_format, &c.backing_format, e);
	if (!ret && a->name[1])
		ret = parse_size(a->name[1], &c.size, e);
	else if (!ret && !a->backing)
		ret = err_set(e, EINVAL, "a size is wanted");
	if (!ret && a->cluster)
		ret = parse_size(a->cluster, &cluster, e);
	if (ret)
		return ret;
	c.cluster_bits = (unsigned)__builtin_ctzll(cluster | BIT(40));
	if (cluster != BIT(c.cluster_bits))
		return err_set(e, EINVAL, "a cluster's size is a power of two");
	c.version = a->version ? (unsigned)strtoul(a->version, NULL, 10) : 3;
	return block_create(&c, e);
}

static void print_size(const char *what, uint64_t n)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n;
	int u = -1;

	while (v >= 1024 && u < 3) {
		v /= 1024;
		u++;
	}
	printf("%-14s%llu", what, (unsigned long long)n);
	if (u >= 0)
		printf(" (%.4g %s)", v, units[u]);
	printf("\n");
}

static void print_snapshots(const struct block_snapshot *s, unsigned n)
{
	printf("%-6s %-24s %-19s %s\n", "ID", "NAME", "DATE (UTC)", "MACHINE STATE");
	for (unsigned i = 0; i < n; i++) {
		time_t t = (time_t)(s[i].date_ns / 1000000000);
		char date[32] = "?";
		struct tm tm;

		if (gmtime_r(&t, &tm))
			strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
		printf("%-6s %-24s %-19s %llu\n", s[i].id, s[i].name, date,
		       (unsigned long long)s[i].vm_state);
	}
}

static int cmd_info(const struct args *a, struct err *e)
{
	struct block *b = open_image(a, false, e);
	struct block_snapshot *s = NULL;
	struct block_info i;
	unsigned n = 0;
	int ret;

	if (!b)
		return -e->code;
	ret = block_get_info(b, &i);
	if (ret < 0)
		err_errno(e, -ret, "%s", a->name[0]);
	else
		ret = block_snapshot_list(b, &s, &n, e);
	if (!ret) {
		printf("%-14s%s\n", "file", block_path(b));
		printf("%-14s%s\n", "format", i.format);
		print_size("size", i.size);
		print_size("on disk", i.on_disk);
		if (i.version) {
			printf("%-14s%u\n", "version", i.version);
			printf("%-14s%u\n", "cluster", i.cluster_size);
			printf("%-14s%u bits%s\n", "counts", i.count_bits, i.lazy ? ", lazy" : "");
			printf("%-14s%s\n", "compression", i.compression);
		}
		if (i.backing)
			printf("%-14s%s (%s)\n", "backing file", i.backing, i.backing_format);
		if (i.dirty || i.corrupt)
			printf("%-14s%s\n", "state", i.corrupt ? "damaged" : "was not closed");
		if (n)
			print_snapshots(s, n);
	}
	free(s);
	block_close(b);
	return ret;
}

static void say(void *opaque, const char *text)
{
	printf("%s\n", text);
}

static int cmd_check(const struct args *a, struct err *e)
{
	struct block *b = open_image(a, a->repair, e);
	struct block_check c;
	int ret;

	if (!b)
		return -e->code;
	ret = block_check(b, &c, say, NULL, e);
	block_close(b);
	if (ret < 0)
		return ret;
	printf("%llu errors, %llu clusters that are counted and not used\n",
	       (unsigned long long)c.errors, (unsigned long long)c.leaks);
	printf("%llu of the disk's %llu clusters have a place, %llu of them compressed\n",
	       (unsigned long long)c.data, (unsigned long long)c.clusters,
	       (unsigned long long)c.packed);
	return c.errors ? 2 : c.leaks ? 3 : 0;
}

static int cmd_snapshots(const struct args *a, struct err *e)
{
	struct block *b = open_image(a, a->create || a->apply || a->delete, e);
	struct block_snapshot *s = NULL;
	unsigned n;
	int ret = 0;

	if (!b)
		return -e->code;
	if (a->create)
		ret = block_snapshot_create(b, a->create, e);
	if (!ret && a->apply)
		ret = block_snapshot_apply(b, a->apply, e);
	if (!ret && a->delete)
		ret = block_snapshot_delete(b, a->delete, e);
	if (!ret)
		ret = block_snapshot_list(b, &s, &n, e);
	if (!ret)
		print_snapshots(s, n);
	free(s);
	block_close(b);
	return ret;
}

static int copy(struct block *from, struct block *to, struct err *e)
{
	uint64_t size = block_size(from);
	uint8_t *buf = malloc(COPY_BYTES);
	int ret = buf ? 0 : -ENOMEM;

	for (uint64_t at = 0; at < size && !ret; at += COPY_BYTES) {
		uint64_t len = MIN(COPY_BYTES, size - at), start = 0;

		ret = block_rw(from, BLOCK_READ, at, buf, len);
		/* runs of what is not zero, as long as they are */
		for (uint64_t i = 0; i <= len && !ret; i += COPY_UNIT) {
			bool zero = i >= len || is_zeros(buf + i, MIN(COPY_UNIT, len - i));

			if (!zero)
				continue;
			if (start < i && start < len)
				ret = block_rw(to, BLOCK_WRITE, at + start, buf + start,
					       MIN(i, len) - start);
			start = i + COPY_UNIT;
		}
		if (!ret && start < len)
			ret = block_rw(to, BLOCK_WRITE, at + start, buf + start, len - start);
	}
	if (!ret)
		ret = block_rw(to, BLOCK_FLUSH, 0, NULL, 0);
	free(buf);
	return ret < 0 ? err_errno(e, -ret, "copying") : 0;
}

static int cmd_convert(const struct args *a, struct err *e)
{
	struct block *from = open_image(a, false, e), *to;
	struct block_create c = { .path = a->name[1], .overwrite = a->overwrite };
	struct block_config out = { 0 };
	int ret;

	if (!from)
		return -e->code;
	c.size = block_size(from);
	ret = parse_format(a->out_format, &c.format, e);
	if (!ret)
		ret = block_create(&c, e);
	if (!ret) {
		out.format = c.format;
		snprintf(out.path, sizeof(out.path), "%s", c.path);
		to = block_open(&out, e);
		ret = to ? copy(from, to, e) : -e->code;
		block_close(to);
		if (ret < 0)
			unlink(c.path);
	}
	block_close(from);
	return ret;
}

static const struct command {
	const char *name, *options, *usage;
	unsigned min, max;		/* names */
	int (*run)(const struct args *a, struct err *e);
} commands[] = {
	{ "create", "f:b:F:C:V:y",
	  "FILE [SIZE] [-f raw|qcow2] [-b BACKING [-F raw|qcow2]] [-C CLUSTER] [-V 2|3] [-y]",
	  1, 2, cmd_create },
	{ "info", "f:", "FILE [-f raw|qcow2]", 1, 1, cmd_info },
	{ "check", "f:r", "FILE [-f raw|qcow2] [-r]", 1, 1, cmd_check },
	{ "snapshots", "f:c:a:d:", "FILE [-f raw|qcow2] [-c NAME] [-a NAME] [-d NAME]", 1, 1,
	  cmd_snapshots },
	{ "convert", "f:O:y", "IN OUT [-f raw|qcow2] [-O raw|qcow2] [-y]", 2, 2, cmd_convert },
};

static int usage(FILE *f)
{
	fprintf(f, "ambi disk COMMAND: images without a guest\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].usage);
	fprintf(f, "-f: the format, if the name does not end in .qcow2; -y: an existing file may\n"
		"be replaced; -r: repair; -c, -a, -d: create, apply, delete a snapshot\n");
	return f == stdout ? 0 : 1;
}

static int parse_args(const struct command *c, int argc, char **argv, struct args *a)
{
	unsigned n = 0;
	int opt;

	optind = 1;
	while ((opt = getopt(argc, argv, c->options)) != -1) {
		switch (opt) {
		case 'f': a->format = optarg; break;
		case 'O': a->out_format = optarg; break;
		case 'b': a->backing = optarg; break;
		case 'F': a->backing_format = optarg; break;
		case 'C': a->cluster = optarg; break;
		case 'V': a->version = optarg; break;
		case 'c': a->create = optarg; break;
		case 'a': a->apply = optarg; break;
		case 'd': a->delete = optarg; break;
		case 'y': a->overwrite = true; break;
		case 'r': a->repair = true; break;
		default: return -EINVAL;
		}
	}
	for (; optind < argc; n++) {
		if (n == c->max)
			return -EINVAL;
		a->name[n] = argv[optind++];
	}
	return n < c->min ? -EINVAL : 0;
}

int disk_command(int argc, char **argv)
{
	const struct command *c = NULL;
	struct args a = { 0 };
	struct err e = { 0 };
	int ret;

	if (argc > 1 && (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help")))
		return usage(stdout);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			c = &commands[i];
	if (!c)
		return usage(stderr);
	if (parse_args(c, argc - 1, argv + 1, &a) < 0) {
		fprintf(stderr, "ambi disk %s %s\n", c->name, c->usage);
		return 1;
	}
	ret = c->run(&a, &e);
	if (ret < 0)
		log_error("%s", e.msg);
	return ret < 0 ? 1 : ret;
}
