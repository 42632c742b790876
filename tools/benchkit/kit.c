// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kit time NAME N COMMAND...   runs the command ("kit NAME N" if there is none)
 *                              between the lines BENCH-BEGIN and BENCH-END, which
 *                              the host stamps with its own clocks, and prints
 *                              "RESULT NAME seconds status crc-of-output"
 * kit text MIB                 that much text, always the same, to standard output
 * kit NAME N                   one benchmark in this process
 */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *name;
	uint64_t (*run)(long n);
} benches[] = {
	{ "intmix", bench_intmix },
	{ "fib", bench_fib },
	{ "vm", bench_vm },
	{ "nbody", bench_nbody },
	{ "lu-d", bench_lu_d },
	{ "matmul-f", bench_matmul_f },
	{ "libm", bench_libm },
#ifdef __x86_64__
	{ "vec-sse", bench_vec_sse },
	{ "vec-avx", bench_vec_avx },
#endif
	{ "memcpy", bench_memcpy },
	{ "memcpy-pad", bench_memcpy_pad },
	{ "stream", bench_stream },
	{ "chase", bench_chase },
	{ "getpid", bench_getpid },
	{ "pipe", bench_pipe },
	{ "forkexec", bench_forkexec },
	{ "mmapfault", bench_mmapfault },
	{ "signal", bench_signal },
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Words of a small vocabulary, the frequent ones more often: compresses like text. */
static int write_text(long mib)
{
	static char words[1024][12], line[128];
	uint64_t state = 1;
	long left = mib << 20;

	for (int i = 0; i < 1024; i++) {
		uint64_t r = kit_random(&state);
		int len = 2 + (int)(r % 8);

		for (int k = 0; k < len; k++)
			words[i][k] = (char)('a' + (r >> (8 + 5 * k)) % 26);
	}
	while (left > 0) {
		size_t len = 0;

		while (len < 70) {
			uint64_t r = kit_random(&state);
			const char *w = words[(r & 1023) >> (r >> 32 & 7)];

			len += (size_t)sprintf(line + len, "%s ", w);
		}
		line[len - 1] = '\n';
		fwrite(line, 1, (long)len < left ? len : (size_t)left, stdout);
		left -= (long)len;
	}
	return fflush(stdout) ? 1 : 0;
}

static uint32_t crc32_add(uint32_t crc, const unsigned char *p, long len)
{
	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return crc;
}

static int time_command(const char *name, char **command)
{
	static unsigned char out[1 << 16];
	FILE *f = tmpfile();
	uint32_t crc = ~0u;
	int status = 0;
	double begin;
	pid_t p;
	size_t len;

	if (!f)
		kit_die("tmpfile");
	printf("BENCH-BEGIN %s\n", name);
	fflush(stdout);
	begin = now();
	p = fork();
	if (p < 0)
		kit_die("fork");
	if (!p) {
		dup2(fileno(f), 1);
		execvp(command[0], command);
		_exit(127);
	}
	waitpid(p, &status, 0);
	begin = now() - begin;
	printf("BENCH-END %s\n", name);
	fflush(stdout);
	rewind(f);
	while ((len = fread(out, 1, sizeof(out), f)) > 0)
		crc = crc32_add(crc, out, (long)len);
	printf("RESULT %s %.4f %d %08x\n", name, begin, status, ~crc);
	return status ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "text"))
		return write_text(atol(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "time")) {
		char *self[] = { "/proc/self/exe", argv[2], argv[3], NULL };

		return time_command(argv[2], self);
	}
	if (argc > 4 && !strcmp(argv[1], "time"))
		return time_command(argv[2], argv + 4);
	for (size_t i = 0; argc == 3 && i < sizeof(benches) / sizeof(*benches); i++)
		if (!strcmp(argv[1], benches[i].name)) {
			printf("%s %016llx\n", argv[1],
			       (unsigned long long)benches[i].run(atol(argv[2])));
			return 0;
		}
	fprintf(stderr, "kit: no benchmark %s\n", argc > 1 ? argv[1] : "named");
	return 2;
}
