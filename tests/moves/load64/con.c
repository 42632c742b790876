/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console, faults and the end. */
#include "tests/moves/load64/load.h"

#include <stdarg.h>

enum { MAX_FAULTS = 64, LINE = 320 };

volatile uint64_t nr_bad;
static volatile uint32_t console;
static struct fault {
	const char *volatile what;
	uint64_t a, b, cpu;
} faults[MAX_FAULTS];
static uint64_t nr_printed;

void console_put(const char *s, uint64_t n)
{
	while (n--) {
		while (!(in8(BARE_LSR) & 0x20))
			;
		out8(BARE_SERIAL, (uint8_t)*s++);
	}
}

uint64_t console_get(void)
{
	return in8(BARE_LSR) & 1 ? in8(BARE_SERIAL) : ~UINT64_C(0);
}

static unsigned number(char *to, uint64_t n, unsigned base)
{
	char buf[24];
	unsigned i = sizeof(buf), len;

	do
		buf[--i] = "0123456789abcdef"[n % base];
	while (n /= base);
	for (len = 0; i < sizeof(buf); len++)
		to[len] = buf[i++];
	return len;
}

static unsigned format(char line[LINE], const char *f, va_list ap)
{
	unsigned n = 0;

	for (; *f && n < LINE - 24; f++) {
		if (*f != '%') {
			line[n++] = *f;
			continue;
		}
		switch (*++f) {
		case 's':
			for (const char *s = va_arg(ap, const char *); *s && n < LINE - 24; s++)
				line[n++] = *s;
			break;
		case 'u': n += number(line + n, va_arg(ap, uint64_t), 10); break;
		default: n += number(line + n, va_arg(ap, uint64_t), 16); break;
		}
	}
	return n;
}

void say0(const char *f, ...)
{
	char line[LINE];
	va_list ap;

	va_start(ap, f);
	console_put(line, format(line, f, ap));
	va_end(ap);
}

void say(const char *f, ...)
{
	char line[LINE];
	va_list ap;
	unsigned n;

	va_start(ap, f);
	n = format(line, f, ap);
	va_end(ap);
	lock(&console);
	call(CALL_PUT, (uint64_t)(uintptr_t)line, n, 0);
	unlock(&console);
}

void bad(const char *what, uint64_t a, uint64_t b)
{
	uint64_t n = __atomic_fetch_add(&nr_bad, 1, __ATOMIC_SEQ_CST);

	if (n < MAX_FAULTS) {
		faults[n].a = a;
		faults[n].b = b;
		faults[n].cpu = this_cpu()->id;
		faults[n].what = what;
	}
}

void bad_print(void)
{
	for (; nr_printed < nr_bad && nr_printed < MAX_FAULTS; nr_printed++) {
		struct fault *f = &faults[nr_printed];

		while (!f->what)
			relax();
		say("BAD cpu %u: %s %x %x\n", f->cpu, f->what, f->a, f->b);
	}
}

/* Where that does nothing: pvpanic. */
void machine_off(void)
{
	bare_off();
	machine_panic();
}

void machine_panic(void)
{
	for (;;)
		out8(0x505, 1);
}
