/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random user-mode instruction streams: the translator and the IR interpreter against
 * qemu-riscv64 user mode, comparing all registers after each case, fcsr, and memory.
 *
 *   test_insn_stream [--seconds N] [--insns N] [--seed N] [--cases N] [--items N]
 *
 * INSN_KEEP=1 leaves the last program behind. A difference is narrowed to the first case, whose
 * instructions are then cut from the
 * end until it agrees: the last one printed is the culprit.
 */
#include "tests/insn/hart.h"
#include "tests/insn/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define QEMU "qemu-riscv64-static"
/* what QEMU 7.2 has */
#define FEATURES (HART_FEATURES & ~(uint32_t)(FEAT_ZICBOM | FEAT_ZICBOZ | FEAT_ZICOND))

struct output { uint8_t *p; size_t size; };

struct test {
	struct hart *engines[2];
	const char *names[2];
	struct stream s;
	struct output want, got;
	char elf[64], out[64];
};

static void spawn_qemu(const struct test *t)
{
	int fd = open(t->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || dup2(fd, 1) < 0)
		_exit(126);
	execlp(QEMU, QEMU, t->elf, NULL);
	_exit(127);
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

/* Runs the file under QEMU: output, or what happened instead. */
static bool run_qemu(struct test *t)
{
	size_t size = stream_output_size(&t->s) + STREAM_WINDOW_SIZE;
	int status;
	pid_t pid;
	FILE *f;

	need(!stream_write_elf(&t->s, t->elf), "writing the program");
	pid = fork();
	need(pid >= 0, "fork");
	if (!pid)
		spawn_qemu(t);
	need(waitpid(pid, &status, 0) == pid, "waiting for QEMU");
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		printf(QEMU " ended with status 0x%x\n", status);
		return false;
	}
	t->want.p = realloc(t->want.p, size);
	t->want.size = size;
	f = fopen(t->out, "rb");
	need(t->want.p && f, "reading the result");
	need(fread(t->want.p, 1, size, f) == size, "result too short");
	fclose(f);
	return true;
}

static bool run_hart(struct test *t, struct hart *h)
{
	size_t in_size = sizeof(t->s.in[0]) * t->s.nr_cases, out_size = stream_output_size(&t->s);
	uint64_t cause;

	hart_reset(h);
	memcpy(hart_ram(h, STREAM_CODE, t->s.code_size), t->s.code, t->s.code_size);
	hart_written(h, STREAM_CODE, t->s.code_size);
	memcpy(hart_ram(h, STREAM_WINDOW, STREAM_WINDOW_SIZE), t->s.window, STREAM_WINDOW_SIZE);
	memcpy(hart_ram(h, STREAM_IN, in_size), t->s.in, in_size);
	memcpy(hart_ram(h, STREAM_OUT, out_size), t->s.in, out_size);	/* as in the file */
	cause = hart_run(h, t->s.entry);
	if (cause != CAUSE_ECALL_U) {
		printf("trap: cause %" PRIu64 " at %" PRIx64 ", value %" PRIx64 "\n", cause,
		       h->s->mepc, h->s->mtval);
		return false;
	}
	t->got.p = realloc(t->got.p, out_size + STREAM_WINDOW_SIZE);
	need(t->got.p, "memory");
	t->got.size = out_size + STREAM_WINDOW_SIZE;
	memcpy(t->got.p, hart_ram(h, STREAM_OUT, out_size), out_size);
	memcpy(t->got.p + out_size, hart_ram(h, STREAM_WINDOW, STREAM_WINDOW_SIZE),
	       STREAM_WINDOW_SIZE);
	return true;
}

static bool agree(struct test *t, struct hart *h)
{
	if (!run_hart(t, h))
		return false;
	return t->got.size == t->want.size && !memcmp(t->got.p, t->want.p, t->got.size);
}

static void print_difference(const struct test *t)
{
	const uint64_t *w = (const void *)t->want.p, *g = (const void *)t->got.p;
	size_t i, out = stream_output_size(&t->s) / 8,
		  last = out - sizeof(struct stream_record) / 8;

	for (i = 0; i < t->want.size / 8 && i < t->got.size / 8; i++) {
		if (w[i] == g[i] || (i < last))
			continue;
		if (i >= out)
			printf("  window+0x%zx", (i - out) * 8);
		else if (i - last < 32)
			printf("  x%zu", i - last);
		else if (i - last < 64)
			printf("  f%zu", i - last - 32);
		else
			printf("  fcsr");
		printf(": QEMU 0x%" PRIx64 ", here 0x%" PRIx64 "\n", w[i], g[i]);
	}
}

/* The smallest program that still differs: fewer cases, then fewer items in each of them. */
static void narrow(struct test *t, struct hart *h, uint64_t seed, unsigned cases, unsigned items)
{
	unsigned lo = 1, hi = cases, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		stream_free(&t->s);
		stream_generate(&t->s, seed, mid, items, FEATURES);
		if (run_qemu(t) && agree(t, h))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (mid = 1; mid <= items; mid++) {
		stream_free(&t->s);
		stream_generate(&t->s, seed, lo, mid, FEATURES);
		if (!run_qemu(t) || !agree(t, h))
			break;
	}
	printf("case %u of seed %" PRIu64 ", first %u items:\n", lo - 1, seed, mid);
	stream_list(&t->s, lo - 1);
	print_difference(t);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t otherwise)
{
	int i;

	for (i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], name))
			return strtoull(argv[i + 1], NULL, 0);
	}
	return otherwise;
}

static int finish(struct test *t, int code)
{
	if (!getenv("INSN_KEEP")) {
		unlink(t->elf);
		unlink(t->out);
	}
	return code;
}

int main(int argc, char **argv)
{
	double end = now() + (double)option(argc, argv, "--seconds", 20);
	uint64_t seed = option(argc, argv, "--seed", (uint64_t)time(NULL) * 1000);
	uint64_t wanted = option(argc, argv, "--insns", UINT64_MAX), insns = 0, first = seed;
	unsigned cases = (unsigned)option(argc, argv, "--cases", 200);
	unsigned items = (unsigned)option(argc, argv, "--items", 60), k;
	static struct test t = { .names = { "translator", "interpreter" } };

	setvbuf(stdout, NULL, _IOLBF, 0);
	cases = cases > STREAM_MAX_CASES ? STREAM_MAX_CASES : cases;
	snprintf(t.elf, sizeof(t.elf), "/tmp/insn-stream.%d.elf", (int)getpid());
	snprintf(t.out, sizeof(t.out), "/tmp/insn-stream.%d.out", (int)getpid());
	t.engines[0] = hart_new(NULL);
	t.engines[1] = hart_new("interp=on");
	printf("first seed %" PRIu64 "\n", seed);
	for (; now() < end && insns < wanted; seed++) {
		stream_generate(&t.s, seed, cases, items, FEATURES);
		if (!run_qemu(&t)) {
			printf("seed %" PRIu64 ": the reference did not run\n", seed);
			return finish(&t, 1);
		}
		for (k = 0; k < 2; k++) {
			if (agree(&t, t.engines[k]))
				continue;
			printf("seed %" PRIu64 ": the %s differs from " QEMU "\n", seed,
			       t.names[k]);
			narrow(&t, t.engines[k], seed, cases, items);
			return finish(&t, 1);
		}
		insns += t.s.insns;
		stream_free(&t.s);
	}
	printf("%" PRIu64 " instructions agree, seeds %" PRIu64 " to %" PRIu64 "\n", insns, first,
	       seed - 1);
	for (k = 0; k < 2; k++)
		hart_free(t.engines[k]);
	return finish(&t, 0);
}
