/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Feeds a fuzz target with random bytes for a bounded time, where libFuzzer is not
 * at hand. Every input follows from the seed and its number, which are printed
 * when it crashes or takes more than ten seconds.
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/os.h"

#define INPUT_SECONDS 10

__attribute__((weak)) void __sanitizer_set_death_callback(void (*fn)(void));

static volatile uint64_t seed, input;

static void tell(void)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "fuzz: failed at -s %llu (input %llu)\n",
			 (unsigned long long)(seed + input), (unsigned long long)input);

	if (write(2, text, (size_t)n) < 0)
		return;
}

static void on_signal(int sig)
{
	tell();
	signal(sig, SIG_DFL);
	raise(sig);
}

static uint64_t next(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static int replay(const char *path)
{
	static uint8_t buf[1 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (n < 0) {
		perror(path);
		return 1;
	}
	close(fd);
	LLVMFuzzerTestOneInput(buf, (size_t)n);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t seconds = 5, start = os_now_ns();
	size_t max = 4096;
	uint8_t *buf;
	int opt;

	if (os_random((void *)&seed, 4))
		seed = 1;
	LLVMFuzzerInitialize(&argc, &argv);
	while ((opt = getopt(argc, argv, "t:s:n:")) != -1) {
		switch (opt) {
		case 't': seconds = strtoull(optarg, NULL, 0); break;
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'n': max = strtoull(optarg, NULL, 0); break;
		default: return 2;
		}
	}
	if (!max)
		return 2;
	if (optind < argc) {
		int rc = 0;

		for (; optind < argc; optind++)
			rc |= replay(argv[optind]);
		return rc;
	}
	if (__sanitizer_set_death_callback) {
		__sanitizer_set_death_callback(tell);
	} else {
		signal(SIGSEGV, on_signal);
		signal(SIGABRT, on_signal);
	}
	signal(SIGALRM, on_signal);
	buf = malloc(max);
	for (; !input || os_now_ns() - start < seconds * 1000000000; input++) {
		uint64_t x = seed + input;
		size_t n = 1 + next(&x) % max;

		for (size_t i = 0; i < n; i += 8) {
			uint64_t v = next(&x);

			/* Bytes with many zeros and small numbers reach further than noise. */
			if (v & 1)
				v &= 0x0f030f0107ff3f0f;
			memcpy(buf + i, &v, n - i < 8 ? n - i : 8);
		}
		alarm(INPUT_SECONDS);
		LLVMFuzzerTestOneInput(buf, n);
	}
	alarm(0);
	free(buf);
	printf("fuzz: %llu inputs from seed %llu in %llu s\n", (unsigned long long)input,
	       (unsigned long long)seed, (unsigned long long)(os_now_ns() - start) / 1000000000);
	return 0;
}
