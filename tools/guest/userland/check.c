// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compiled and run in the guest: integers, floats in every rounding mode,
 * threads on atomics and locks, signals, mmap. Silent, status 0 if all is right.
 */
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(x) do { if (!(x)) { printf("check.c:%d: %s\n", __LINE__, #x); exit(1); } } while (0)
enum { THREADS = 4, ROUNDS = 20000 };

static long total, plain;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t faults;
static char *page;

static void *worker(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		__atomic_fetch_add(&total, i & 3, __ATOMIC_RELAXED);
		pthread_mutex_lock(&lock);
		plain += i & 3;
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_addr != page + 8)
		_exit(9);
	faults++;
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void check_integers(void)
{
	static uint64_t v[20000];
	volatile int64_t min = INT64_MIN;
	volatile uint64_t a = 0x123456789abcdef0, b = 0xfedcba987;
	uint64_t s = 1;

	MUST((uint64_t)((unsigned __int128)a * a >> 64) == 0x14b66dc33f6acdc);
	MUST(a / b == 19173961 && a % b == a - b * 19173961);
	MUST(min / 2 == -0x4000000000000000 && min % 10 == -8);
	MUST(__builtin_popcountll(a) == 32 && __builtin_clzll(a) == 3 && __builtin_ctzll(a) == 4);
	MUST(__builtin_bswap64(a) == 0xf0debc9a78563412);
	for (int i = 0; i < 20000; i++)
		v[i] = s = s * 6364136223846793005u + 1442695040888963407u;
	qsort(v, 20000, sizeof(*v), compare);
	for (int i = 1; i < 20000; i++)
		MUST(v[i - 1] < v[i]);
}

static void check_floats(void)
{
	static const int modes[] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };
	static const uint64_t third[] = { 0x3fd5555555555555, 0x3fd5555555555555,
					  0x3fd5555555555555, 0x3fd5555555555556 };
	static const long rounded[] = { -2, -2, -3, -2 };
	volatile double one = 1, three = 3, x = -2.5, zero = 0, big = 1e308;

	for (int i = 0; i < 4; i++) {
		double q;
		uint64_t bits;

		fesetround(modes[i]);
		q = one / three;
		memcpy(&bits, &q, 8);
		MUST(bits == third[i]);
		MUST(lrint(x) == rounded[i]);
	}
	fesetround(FE_TONEAREST);
	feclearexcept(FE_ALL_EXCEPT);
	MUST(isinf(one / zero) && fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO);
	feclearexcept(FE_ALL_EXCEPT);
	MUST(isnan(zero / zero) && fetestexcept(FE_ALL_EXCEPT) == FE_INVALID);
	feclearexcept(FE_ALL_EXCEPT);
	MUST(isinf(big * 10) && fetestexcept(FE_ALL_EXCEPT) == (FE_OVERFLOW | FE_INEXACT));
	MUST(fma(0.1, 10, -1) == 0x1p-54 && sqrt(2) == 0x1.6a09e667f3bcdp+0);
	MUST(fabs(exp(1) - 2.718281828459045) < 1e-15 && fabs(sin(1) - 0.8414709848078965) < 1e-15);
	MUST(sqrtf(2) == 0x1.6a09e6p+0f && (float)16777217 == 16777216.0f);
	MUST((long)-7.9 == -7 && (uint64_t)1e19 == 10000000000000000000u);
}

static void check_system(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	pthread_t t[THREADS];
	int status;
	pid_t pid;

	for (int i = 0; i < THREADS; i++)
		MUST(!pthread_create(&t[i], NULL, worker, NULL));
	for (int i = 0; i < THREADS; i++)
		MUST(!pthread_join(t[i], NULL));
	MUST(total == THREADS * ROUNDS / 4 * 6 && plain == total);

	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(page != MAP_FAILED && !sigaction(SIGSEGV, &sa, NULL));
	for (int i = 0; i < 50; i++) {
		*(volatile int64_t *)(page + 8) = i;
		MUST(*(int64_t *)(page + 8) == i && faults == i + 1);
		MUST(!mprotect(page, 4096, PROT_READ));
	}
	pid = fork();
	if (!pid)
		_exit(page[8] == 49 ? 77 : 1);
	MUST(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 77);
}

int main(void)
{
	check_integers();
	check_floats();
	check_system();
	return 0;
}
