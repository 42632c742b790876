// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel: system calls, context switches, processes, page faults, signals. */
#include "kit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void kit_die(const char *what)
{
	perror(what);
	exit(2);
}

void *kit_map(unsigned long size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		kit_die("mmap");
	return p;
}

uint64_t kit_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t bench_getpid(long n)
{
	uint64_t bad = 0;
	long pid = getpid();

	for (long i = 0; i < n; i++)
		bad += syscall(SYS_getpid) != pid;
	return bad;
}

/* A byte goes back and forth between two processes. */
uint64_t bench_pipe(long n)
{
	int there[2], back[2], status;
	unsigned char c = 1;
	uint64_t sum = 0;
	pid_t child;

	if (pipe(there) || pipe(back))
		kit_die("pipe");
	child = fork();
	if (child < 0)
		kit_die("fork");
	if (!child) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1) {
			c = (unsigned char)(c * 5 + 1);
			if (write(back[1], &c, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	for (long i = 0; i < n; i++) {
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			kit_die("pipe");
		sum = sum * 7 + c;
	}
	close(there[1]);
	waitpid(child, &status, 0);
	return sum + (uint64_t)status;
}

uint64_t bench_forkexec(long n)
{
	uint64_t sum = 0;

	for (long i = 0; i < n; i++) {
		char word[8];
		int status;
		pid_t p = fork();

		if (p < 0)
			kit_die("fork");
		if (!p) {
			snprintf(word, sizeof(word), "%d", (int)(i & 63));
			execl("/proc/self/exe", "kit", "exit", word, (char *)NULL);
			_exit(127);
		}
		waitpid(p, &status, 0);
		sum += (uint64_t)WEXITSTATUS(status);
	}
	return sum;
}

/* Map, touch every page, unmap. */
uint64_t bench_mmapfault(long n)
{
	enum { PAGES = 256 };
	uint64_t sum = 0;

	for (long r = 0; r < n; r++) {
		unsigned char *p = kit_map(PAGES * 4096);

		for (long i = 0; i < PAGES; i++) {
			sum += p[i * 4096];
			p[i * 4096] = (unsigned char)(i + r);
			sum += p[i * 4096];
		}
		munmap(p, PAGES * 4096);
	}
	return sum;
}

static volatile sig_atomic_t signals;

static void on_signal(int sig) { signals += sig; }

uint64_t bench_signal(long n)
{
	struct sigaction sa = { .sa_handler = on_signal };

	if (sigaction(SIGUSR1, &sa, NULL))
		kit_die("sigaction");
	for (long i = 0; i < n; i++)
		raise(SIGUSR1);
	return (uint64_t)signals;
}
