/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Supervisor Binary Interface 2.0, for kernels that are entered in S-mode with
 * no firmware below them. An ecall from S-mode arrives here with pc behind the ecall:
 * a7 is the extension, a6 the function, a0..a5 arguments; the answer is a0 (error)
 * and a1 (value), for the legacy extensions (chapter 5) a0 alone.
 */
#include "target/riscv/firmware_sbi.h"

#include <errno.h>
#include <string.h>

#include "target/riscv/state.h"
#include "util/bits.h"

enum {					/* chapter 3, table 1 */
	SBI_SUCCESS = 0, SBI_ERR_FAILED = -1, SBI_ERR_NOT_SUPPORTED = -2,
	SBI_ERR_INVALID_PARAM = -3, SBI_ERR_DENIED = -4, SBI_ERR_INVALID_ADDRESS = -5,
	SBI_ERR_ALREADY_AVAILABLE = -6, SBI_ERR_ALREADY_STARTED = -7,
};

enum {
	EXT_SET_TIMER = 0, EXT_PUTCHAR, EXT_GETCHAR, EXT_CLEAR_IPI, EXT_SEND_IPI,
	EXT_FENCE_I, EXT_SFENCE_VMA, EXT_SFENCE_VMA_ASID, EXT_SHUTDOWN,
	EXT_BASE = 0x10, EXT_TIME = 0x54494d45, EXT_IPI = 0x735049, EXT_RFENCE = 0x52464e43,
	EXT_HSM = 0x48534d, EXT_SRST = 0x53525354, EXT_DBCN = 0x4442434e,
};

#define IMPL_ID 0x616d6269		/* "ambi": not on the list of assigned numbers */

/* One call. A function returns the error code and may set value and result. */
struct call {
	struct riscv_state *s;
	struct cpu_env *env;
	const struct fw_ops *fw;
	const uint64_t *a;		/* a0..a5 as passed */
	uint64_t value;
	enum fw_result result;
};

static bool ram_at(struct call *c, uint64_t pa)
{
	return c->env->ops->phys(c->env, pa) != NULL;
}

/*
 * The harts that (mask, base) names, section 3.1. Returns 0 or INVALID_PARAM for a
 * hart that does not exist. Hart numbers and CPU indexes are the same here.
 */
static int hart_mask(struct call *c, uint64_t mask, uint64_t base, uint64_t out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	if (base == UINT64_MAX) {
		for (unsigned i = 0; i < c->fw->nr_cpus; i++)
			out[i / 64] |= BIT(i % 64);
		return SBI_SUCCESS;
	}
	for (unsigned i = 0; i < 64; i++) {
		if (!(mask >> i & 1))
			continue;
		if (base >= c->fw->nr_cpus || base + i >= c->fw->nr_cpus)
			return SBI_ERR_INVALID_PARAM;
		out[(base + i) / 64] |= BIT((base + i) % 64);
	}
	return SBI_SUCCESS;
}

static int base_call(struct call *c, uint64_t fid)
{
	switch (fid) {
	case 0:
		c->value = 2u << 24;
		return SBI_SUCCESS;
	case 1:
		c->value = IMPL_ID;
		return SBI_SUCCESS;
	case 2:
		c->value = 1;
		return SBI_SUCCESS;
	case 3:
		switch (c->a[0]) {
		case EXT_SET_TIMER ... EXT_SHUTDOWN:
		case EXT_BASE: case EXT_TIME: case EXT_IPI: case EXT_RFENCE:
		case EXT_HSM: case EXT_SRST: case EXT_DBCN:
			c->value = 1;
		}
		return SBI_SUCCESS;
	case 4: case 5: case 6:		/* mvendorid, marchid, mimpid: 0 is "not implemented" */
		return SBI_SUCCESS;
	}
	return SBI_ERR_NOT_SUPPORTED;
}

static int time_call(struct call *c, uint64_t fid)
{
	if (fid != 0)
		return SBI_ERR_NOT_SUPPORTED;
	/* also takes a pending timer interrupt down when the deadline lies ahead (chapter 6) */
	riscv_timer_set(c->s, c->a[0]);
	return SBI_SUCCESS;
}

static void send_ipi(struct call *c, const uint64_t mask[4])
{
	for (unsigned i = 0; i < c->fw->nr_cpus; i++)
		if (mask[i / 64] >> (i % 64) & 1)
			c->fw->line(c->fw->opaque, i, IRQ_S_SOFT, 1);
}

static int ipi_call(struct call *c, uint64_t fid)
{
	uint64_t mask[4];
	int r;

	if (fid != 0)
		return SBI_ERR_NOT_SUPPORTED;
	r = hart_mask(c, c->a[0], c->a[1], mask);
	if (r == SBI_SUCCESS)
		send_ipi(c, mask);
	return r;
}

static void remote_sfence(struct call *c, const uint64_t *mask, uint64_t start, uint64_t size,
			  bool with_asid, uint64_t asid)
{
	/* chapter 8: start and size both 0, or size all ones, is the whole address space */
	bool all = (!start && !size) || start + size < start || start + size > -UINT64_C(4096);
	struct tlb_flush f = { .asid = (uint16_t)asid, .keep_global = with_asid };

	if (all)
		f.kind = with_asid ? FLUSH_ASID : FLUSH_ALL;
	else
		f.kind = with_asid ? FLUSH_VA_ASID : FLUSH_VA;
	f.va = all ? 0 : start & ~UINT64_C(4095);
	f.len = all ? 0 : align_up((start & 4095) + size, 4096);
	if (!all && !size)
		f.len = 0;		/* one page */
	c->fw->remote_flush(c->fw->opaque, mask, &f);
}

static int rfence_call(struct call *c, uint64_t fid)
{
	uint64_t mask[4];
	int r;

	if (fid > 2)			/* 3 to 6 need the hypervisor extension */
		return SBI_ERR_NOT_SUPPORTED;
	r = hart_mask(c, c->a[0], c->a[1], mask);
	if (r != SBI_SUCCESS)
		return r;
	if (fid == 0)
		c->fw->remote_code_barrier(c->fw->opaque, mask);
	else
		remote_sfence(c, mask, c->a[2], c->a[3], fid == 2, c->a[4]);
	return SBI_SUCCESS;
}

static int hsm_start(struct call *c)
{
	if (c->a[0] >= c->fw->nr_cpus)
		return SBI_ERR_INVALID_PARAM;
	if ((c->a[1] & 1) || !ram_at(c, c->a[1]))
		return SBI_ERR_INVALID_ADDRESS;
	switch (c->fw->cpu_start(c->fw->opaque, (unsigned)c->a[0], c->a[1], c->a[2])) {
	case 0:
		return SBI_SUCCESS;
	case -EALREADY:
		return SBI_ERR_ALREADY_AVAILABLE;
	case -EINVAL:
		return SBI_ERR_INVALID_PARAM;
	}
	return SBI_ERR_FAILED;
}

static int hsm_call(struct call *c, uint64_t fid)
{
	int state;

	switch (fid) {
	case 0:
		return hsm_start(c);
	case 1:
		c->result = FW_STOP;
		return SBI_SUCCESS;
	case 2:
		state = c->a[0] < c->fw->nr_cpus ?
			c->fw->cpu_state(c->fw->opaque, (unsigned)c->a[0]) : -EINVAL;
		if (state < 0)
			return SBI_ERR_INVALID_PARAM;
		c->value = (uint64_t)state;
		return SBI_SUCCESS;
	case 3:				/* suspend: the type is 32 bits, section 9.4 */
		switch ((uint32_t)c->a[0]) {
		case 0:			/* default retentive: as WFI, with the call returning */
			c->result = FW_HALT;
			return SBI_SUCCESS;
		case 0x80000000:
		case 0x10000000 ... 0x7fffffff:
		case 0x90000000 ... 0xffffffff:
			return SBI_ERR_NOT_SUPPORTED;
		}
		return SBI_ERR_INVALID_PARAM;
	}
	return SBI_ERR_NOT_SUPPORTED;
}

static int srst_call(struct call *c, uint64_t fid)
{
	uint32_t type = (uint32_t)c->a[0], reason = (uint32_t)c->a[1];

	if (fid != 0)
		return SBI_ERR_NOT_SUPPORTED;
	if (reason > 1 && reason < 0xe0000000)
		return SBI_ERR_INVALID_PARAM;
	switch (type) {
	case 0:				/* shutdown; reason 1 is "system failure" */
		c->result = reason == 1 ? FW_PANIC : FW_POWEROFF;
		return SBI_SUCCESS;
	case 1: case 2:			/* cold and warm reboot */
		c->result = FW_RESET;
		return SBI_SUCCESS;
	}
	return type >= 0xf0000000 ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_INVALID_PARAM;
}

/* The host bytes of [pa, pa+n) in one aligned 8-byte cell; how many, 0 where there is no RAM. */
static unsigned ram_cell(struct call *c, uint64_t pa, uint64_t n, bool write, uint8_t **p)
{
	const struct cpu_env_ops *ops = c->env->ops;
	uint8_t *cell = (write ? ops->phys_rw : ops->phys)(c->env, pa & ~UINT64_C(7));
	unsigned at = pa & 7;

	if (!cell)
		return 0;
	*p = cell + at;
	return (unsigned)MIN(n, (uint64_t)(8 - at));
}

enum { DBCN_MAX = 1024 };		/* bytes a call: the interface allows partial writes */

static int dbcn_call(struct call *c, uint64_t fid)
{
	uint64_t len = MIN(c->a[0], (uint64_t)DBCN_MAX), pa = c->a[1], done = 0;
	uint8_t buf[DBCN_MAX], *p;
	unsigned n;
	int ch;

	if (fid == 2) {
		buf[0] = (uint8_t)c->a[0];
		c->fw->console_put(c->fw->opaque, buf, 1);
		return SBI_SUCCESS;
	}
	if (fid > 2)
		return SBI_ERR_NOT_SUPPORTED;
	if (c->a[2])			/* high half of the address: beyond XLEN */
		return SBI_ERR_INVALID_PARAM;
	while (done < len) {
		n = ram_cell(c, pa + done, len - done, fid == 1, &p);
		if (!n)
			return SBI_ERR_INVALID_PARAM;
		if (fid == 0) {
			memcpy(buf + done, p, n);
			done += n;
			continue;
		}
		ch = c->fw->console_get(c->fw->opaque);
		if (ch < 0)
			break;
		*p = (uint8_t)ch;
		c->env->ops->phys_dirty(c->env, pa + done++);
	}
	if (fid == 0 && done)
		c->fw->console_put(c->fw->opaque, buf, done);
	c->value = done;
	return SBI_SUCCESS;
}

/* The hart mask of legacy calls lies at a virtual address; 0 means all harts (section 5.5). */
static int legacy_mask(struct call *c, uint64_t va, uint64_t mask[4])
{
	uint64_t bits = 0, pa;
	uint8_t *p;

	if (!va)
		return hart_mask(c, 0, UINT64_MAX, mask);
	for (unsigned i = 0; i < 8; i++) {
		if (isa_riscv64.translate_debug(c->s, va + i, &pa) < 0 ||
		    !ram_cell(c, pa, 1, false, &p))
			return SBI_ERR_INVALID_ADDRESS;
		bits |= (uint64_t)*p << (8 * i);
	}
	return hart_mask(c, bits, 0, mask);
}

static int64_t legacy_call(struct call *c, uint64_t eid)
{
	uint64_t mask[4];
	uint8_t ch;
	int r = SBI_SUCCESS;

	switch (eid) {
	case EXT_SET_TIMER:
		return time_call(c, 0);
	case EXT_PUTCHAR:
		ch = (uint8_t)c->a[0];
		c->fw->console_put(c->fw->opaque, &ch, 1);
		return SBI_SUCCESS;
	case EXT_GETCHAR:
		return c->fw->console_get(c->fw->opaque);
	case EXT_CLEAR_IPI:
		c->fw->line(c->fw->opaque, c->env->index, IRQ_S_SOFT, 0);
		return SBI_SUCCESS;
	case EXT_SHUTDOWN:
		c->result = FW_POWEROFF;
		return SBI_SUCCESS;
	}
	r = legacy_mask(c, c->a[0], mask);
	if (r != SBI_SUCCESS)
		return r;
	if (eid == EXT_SEND_IPI)
		send_ipi(c, mask);
	else if (eid == EXT_FENCE_I)
		c->fw->remote_code_barrier(c->fw->opaque, mask);
	else
		remote_sfence(c, mask, c->a[1], c->a[2], eid == EXT_SFENCE_VMA_ASID, c->a[3]);
	return r;
}

enum fw_result riscv_firmware_sbi(void *state, const struct fw_ops *fw)
{
	struct riscv_state *s = state;
	uint64_t eid = (uint32_t)s->x[17], fid = (uint32_t)s->x[16], a[6];
	struct call c = { .s = s, .env = cpu_env(state), .fw = fw, .a = a, .result = FW_CONTINUE };
	int err;

	memcpy(a, &s->x[10], sizeof(a));
	if (eid <= EXT_SHUTDOWN) {
		s->x[10] = (uint64_t)legacy_call(&c, eid);
		return c.result;
	}
	switch (eid) {
	case EXT_BASE: err = base_call(&c, fid); break;
	case EXT_TIME: err = time_call(&c, fid); break;
	case EXT_IPI: err = ipi_call(&c, fid); break;
	case EXT_RFENCE: err = rfence_call(&c, fid); break;
	case EXT_HSM: err = hsm_call(&c, fid); break;
	case EXT_SRST: err = srst_call(&c, fid); break;
	case EXT_DBCN: err = dbcn_call(&c, fid); break;
	default: err = SBI_ERR_NOT_SUPPORTED; break;
	}
	s->x[10] = (uint64_t)(int64_t)err;
	s->x[11] = c.value;
	return c.result;
}
