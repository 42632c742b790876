/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's paravirtual clock (Documentation/virt/kvm/x86/msr.rst): a page per vCPU that says how
 * its TSC becomes nanoseconds. Both are counts of the machine's virtual time here, so what was
 * written once stays right until the guest changes its TSC, or comes from another engine.
 */
#include "target/x86/control.h"
#include "target/x86/helper.h"
#include "target/x86/tcg.h"

#include <string.h>

#define NSEC UINT64_C(1000000000)

int x86_phys_write(struct cpu_env *env, uint64_t pa, const void *data, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *p = env->ops->phys_rw(env, (pa + i) & ~UINT64_C(7));

		if (!p)
			return -1;
		p[(pa + i) & 7] = ((const uint8_t *)data)[i];
	}
	env->ops->phys_dirty(env, pa);
	env->ops->phys_dirty(env, pa + n - 1);
	return 0;
}

static uint32_t phys_read32(struct cpu_env *env, uint64_t pa)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *p = env->ops->phys(env, (pa + i) & ~UINT64_C(7));

		v |= p ? (uint32_t)p[(pa + i) & 7] << 8 * i : 0;
	}
	return v;
}

/* An odd version says: being written. */
static void versioned_write(struct cpu_env *env, uint64_t pa, uint8_t *data, unsigned n)
{
	uint32_t version = (phys_read32(env, pa) | 1) + (phys_read32(env, pa) & 1 ? 2 : 0);
	uint8_t v[4];

	st_le32(v, version);
	x86_phys_write(env, pa, v, 4);
	atomic_thread_fence(memory_order_seq_cst);
	x86_phys_write(env, pa + 4, data + 4, n - 4);
	atomic_thread_fence(memory_order_seq_cst);
	st_le32(v, version + 1);
	x86_phys_write(env, pa, v, 4);
}

/* ns = ((ticks << shift) * mul) >> 32, mul's top bit set; a negative shift goes to the right */
static void scale(uint64_t hz, uint32_t *mul, int8_t *shift)
{
	int sh = 0;

	while (hz >> -sh > 2 * NSEC)
		sh--;
	while (sh >= 0 && hz << sh <= NSEC)
		sh++;
	*mul = (uint32_t)(((unsigned __int128)NSEC << (32 - sh)) / hz);
	*shift = (int8_t)sh;
}

enum { SIZE = 32, FLAG_STABLE = 1, FLAG_STOPPED = 2, F_STABLE = 24 };

/* Both of one moment: TSC as ops->time counts it. */
static void page_fill(struct x86_state *s, uint64_t ns, uint8_t p[SIZE])
{
	struct cpu_env *env = cpu_env(s);
	const struct x86_cpu_model *m = x86_model(s);
	uint64_t hz = env->time_hz;
	uint32_t mul;
	int8_t shift;

	memset(p, 0, SIZE);
	scale(hz, &mul, &shift);
	st_le64(p + 8, (uint64_t)((unsigned __int128)ns * hz / NSEC) + s->tsc_offset);
	st_le64(p + 16, ns + s->kvm_clock_offset);
	st_le32(p + 24, mul);
	p[28] = (uint8_t)shift;
	p[29] = m && m->features.w[X86_W_KVM] >> F_STABLE & 1 ? FLAG_STABLE : 0;
}

int x86_kvmclock_system(struct x86_state *s, uint64_t v)
{
	struct cpu_env *env = cpu_env(s);
	uint8_t p[SIZE];

	s->kvm_system_time = v;
	if (!(v & 1))
		return 0;
	page_fill(s, env->ops->clock_ns(env), p);
	versioned_write(env, v & ~UINT64_C(1), p, SIZE);
	return 0;
}

static uint64_t page_ns(const uint8_t p[SIZE], uint64_t tsc)
{
	int8_t shift = (int8_t)p[28];
	uint64_t d = tsc - ld_le64(p + 8);

	if (shift < -63 || shift > 63)
		return 0;
	d = shift < 0 ? d >> -shift : d << shift;
	return ld_le64(p + 16) + (uint64_t)((unsigned __int128)d * ld_le32(p + 24) >> 32);
}

/*
 * The page of a guest that another engine ran, or that was saved: written anew unless it says
 * what this one would, so that going on where it stood changes no memory.
 */
void x86_time_start(void *state)
{
	enum { SCALE = 24, NEAR_NS = 1000 };
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(s);
	uint64_t pa = s->kvm_system_time & ~UINT64_C(1), ns, now, is;
	uint8_t p[SIZE], old[SIZE];

	x86_kvm_steal_start(s);
	if (!(s->kvm_system_time & 1))
		return;
	ns = env->ops->clock_ns(env);
	page_fill(s, ns, p);
	for (unsigned i = 0; i < SIZE; i += 4)
		st_le32(old + i, phys_read32(env, pa + i));
	p[29] |= old[29] & FLAG_STOPPED;	/* the guest has not yet seen it */
	is = page_ns(old, ld_le64(p + 8));
	now = ns + s->kvm_clock_offset;
	if (!(old[0] & 1) && !memcmp(old + SCALE, p + SCALE, SIZE - SCALE) &&
	    is - now + NEAR_NS < 2 * NEAR_NS)
		return;
	versioned_write(env, pa, p, SIZE);
}

int x86_kvmclock_wall(struct x86_state *s, uint64_t v)
{
	enum { WALL_SIZE = 12 };
	struct cpu_env *env = cpu_env(s);
	uint64_t boot = env->ops->wall_ns(env) - env->ops->clock_ns(env) - s->kvm_clock_offset;
	uint8_t p[WALL_SIZE] = { 0 };

	s->kvm_wall_clock = v;
	st_le32(p + 4, (uint32_t)(boot / NSEC));
	st_le32(p + 8, (uint32_t)(boot % NSEC));
	versioned_write(env, v, p, WALL_SIZE);
	return 0;
}
