/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

unsigned log_mask;
static FILE *out;

static const struct { const char *name; unsigned bit; } cats[] = {
	{ "in_asm", LOG_IN_ASM }, { "ir", LOG_IR }, { "out_asm", LOG_OUT_ASM },
	{ "exec", LOG_EXEC }, { "mmu", LOG_MMU }, { "int", LOG_INT }, { "dev", LOG_DEV },
	{ "kvm", LOG_KVM }, { "guest", LOG_GUEST },
};

const char *log_names(void)
{
	return "in_asm,ir,out_asm,exec,mmu,int,dev,kvm,guest";
}

int log_parse(const char *names, unsigned *mask)
{
	size_t i, n;

	for (; *names; names += n + (names[n] == ',')) {
		n = strcspn(names, ",");
		for (i = 0; i < sizeof(cats) / sizeof(cats[0]); i++)
			if (strlen(cats[i].name) == n && !memcmp(cats[i].name, names, n))
				break;
		if (i == sizeof(cats) / sizeof(cats[0]))
			return -EINVAL;
		*mask |= cats[i].bit;
	}
	return 0;
}

static struct { uint64_t first, last; } filter[16];
static unsigned nr_filter;

int log_filter_parse(const char *text)
{
	unsigned n = 0;
	char *end;

	for (; ; text = end + 1, n++) {
		if (n == sizeof(filter) / sizeof(filter[0]))
			return -EINVAL;
		filter[n].first = filter[n].last = strtoull(text, &end, 0);
		if (end == text)
			return -EINVAL;
		text = end;
		if (!strncmp(text, "..", 2))
			filter[n].last = strtoull(text + 2, &end, 0);
		else if (*text == '+')
			filter[n].last += strtoull(text + 1, &end, 0) - 1;
		if (filter[n].last < filter[n].first || (*end && *end != ','))
			return -EINVAL;
		if (!*end)
			break;
	}
	nr_filter = n + 1;
	return 0;
}

bool log_filter(uint64_t addr)
{
	for (unsigned i = 0; i < nr_filter; i++)
		if (addr >= filter[i].first && addr <= filter[i].last)
			return true;
	return !nr_filter;
}

int log_open(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	setvbuf(f, NULL, _IOLBF, 0);
	out = f;
	return 0;
}

FILE *log_file(void)
{
	return out ? out : stderr;
}

void log_trace(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(log_file(), fmt, ap);
	va_end(ap);
}

static void say(const char *head, const char *fmt, va_list ap)
{
	char line[1024];

	/* one write, so that lines of several threads do not mix */
	vsnprintf(line, sizeof(line), fmt, ap);
	fprintf(stderr, "ambi: %s%s\n", head, line);
}

#define SAY(fn, head) \
void fn(const char *fmt, ...) { va_list ap; va_start(ap, fmt); say(head, fmt, ap); va_end(ap); }
SAY(log_info, "")
SAY(log_warn, "warning: ")
SAY(log_error, "error: ")

void log_guest_(struct log_once *once, const char *fmt, ...)
{
	va_list ap;

	if (__atomic_fetch_add(&once->count, 1, __ATOMIC_RELAXED) && !log_on(LOG_GUEST))
		return;
	va_start(ap, fmt);
	say("guest: ", fmt, ap);
	va_end(ap);
}
