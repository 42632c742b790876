/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small integer and pointer helpers with no state. */
#ifndef UTIL_BITS_H
#define UTIL_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (UINT64_C(1) << (n))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#undef MIN		/* glib's evaluate twice */
#undef MAX
#define MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })

static inline uint64_t align_down(uint64_t v, uint64_t a) { return v & ~(a - 1); }
static inline uint64_t align_up(uint64_t v, uint64_t a) { return (v + a - 1) & ~(a - 1); }
static inline uint64_t mask_bits(unsigned n)
{
	return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}
static inline uint64_t get_bits(uint64_t v, unsigned lo, unsigned n)
{
	return v >> lo & mask_bits(n);
}
static inline int64_t sext(uint64_t v, unsigned n) { return (int64_t)(v << (64 - n)) >> (64 - n); }

/* Unaligned accesses in host order; the le/be forms for formats with a fixed order. */
#define BITS_ACCESS(T, n)							\
static inline T ld_##n(const void *p) { T v; memcpy(&v, p, sizeof(v)); return v; }	\
static inline void st_##n(void *p, T v) { memcpy(p, &v, sizeof(v)); }
BITS_ACCESS(uint16_t, 16)
BITS_ACCESS(uint32_t, 32)
BITS_ACCESS(uint64_t, 64)
#undef BITS_ACCESS

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define cpu_to_le(n, v) (v)
#define cpu_to_be(n, v) __builtin_bswap##n(v)
#else
#define cpu_to_le(n, v) __builtin_bswap##n(v)
#define cpu_to_be(n, v) (v)
#endif
#define BITS_ENDIAN(n)								\
static inline uint##n##_t ld_le##n(const void *p) { return cpu_to_le(n, ld_##n(p)); }	\
static inline uint##n##_t ld_be##n(const void *p) { return cpu_to_be(n, ld_##n(p)); }	\
static inline void st_le##n(void *p, uint##n##_t v) { st_##n(p, cpu_to_le(n, v)); }	\
static inline void st_be##n(void *p, uint##n##_t v) { st_##n(p, cpu_to_be(n, v)); }
BITS_ENDIAN(16)
BITS_ENDIAN(32)
BITS_ENDIAN(64)
#undef BITS_ENDIAN

#endif
