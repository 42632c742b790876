// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The benchmarks that run in the guest. Each does `n` units of a fixed piece of
 * work and returns a checksum, which must come out the same under every
 * emulator: a fast wrong answer is none.
 */
#pragma once
#include <stdint.h>

uint64_t bench_intmix(long n);
uint64_t bench_fib(long n);
uint64_t bench_vm(long n);
uint64_t bench_nbody(long n);
uint64_t bench_lu_d(long n);
uint64_t bench_matmul_f(long n);
uint64_t bench_libm(long n);
#ifdef __x86_64__
uint64_t bench_vec_sse(long n);
uint64_t bench_vec_avx(long n);
#endif
uint64_t bench_memcpy(long n);
uint64_t bench_memcpy_pad(long n);
uint64_t bench_stream(long n);
uint64_t bench_chase(long n);
uint64_t bench_getpid(long n);
uint64_t bench_pipe(long n);
uint64_t bench_forkexec(long n);
uint64_t bench_mmapfault(long n);
uint64_t bench_signal(long n);

/* The bits of a double, for checksums. */
uint64_t kit_bits(double x);
/* Zeroed memory of its own mapping; ends the program if there is none. */
void *kit_map(unsigned long size);
/* The same pseudo-random numbers in every run. */
uint64_t kit_random(uint64_t *state);
void kit_die(const char *what);
