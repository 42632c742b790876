/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A state that comes from elsewhere, and what of it others keep while the translator runs it. */
#include "target/x86/regs.h"

#include "target/x86/control.h"
#include "target/x86/exception.h"
#include "target/x86/fpu.h"
#include "target/x86/tcg.h"

#include <errno.h>
#include <string.h>

enum { MSR_APIC_BASE = 0x1b, MSR_TSC_DEADLINE = 0x6e0 };

/* The TSC follows virtual time; CR8, IA32_APIC_BASE and the deadline are the local APIC's. */
void x86_pull(void *state)
{
	struct x86_state *s = state;
	struct cpu_env *env = cpu_env(s);
	uint64_t at;

	s->tsc = x86_tsc(s);
	env->ops->apic_read(env, CPU_APIC_CR8, &s->cr8);
	env->ops->apic_read(env, MSR_APIC_BASE, &s->apic_base);
	if (!env->ops->apic_read(env, MSR_TSC_DEADLINE, &at))
		s->tsc_deadline = at ? at + s->tsc_offset : 0;
}

/* Control registers as MOV and WRMSR would take them (SDM volume 3, 2.5, 4.1). */
static const char *control_fault(const struct x86_state *s)
{
	bool paging = s->cr0 & X86_CR0_PG;

	if (s->cr0 >> 32 || (paging && !(s->cr0 & X86_CR0_PE)) ||
	    (s->cr0 & X86_CR0_NW && !(s->cr0 & X86_CR0_CD)))
		return "cr0";
	if (s->efer & X86_EFER_LMA &&
	    (!paging || !(s->cr4 & X86_CR4_PAE) || !(s->efer & X86_EFER_LME)))
		return "efer";
	if (paging && s->efer & X86_EFER_LME && !(s->efer & X86_EFER_LMA))
		return "efer";
	if (s->cr8 > 15)
		return "cr8";
	if (!(s->xcr0 & 1) || (s->xcr0 & X86_XF_AVX && !(s->xcr0 & X86_XF_SSE)))
		return "xcr0";
	return NULL;
}

static const char *event_fault(const struct x86_state *s)
{
	if (s->mp_state > X86_MP_HALTED)
		return "mp_state";
	if ((s->exc_injected || s->exc_pending) && s->exc_nr > 31)
		return "exc_nr";
	if (s->int_shadow > 3)
		return "int_shadow";
	if (s->in_smm > 1)
		return "in_smm";
	return NULL;
}

static const char *other_fault(const struct x86_state *s)
{
	if (!(s->rflags & 2) || s->rflags & ~UINT64_C(0x3f7fd7))
		return "eflags";
	if (s->mxcsr & ~(uint32_t)X86_MXCSR_BITS)
		return "mxcsr";
	if (s->ftag > 0xff)
		return "ftag";
	return NULL;
}

int x86_loaded(void *state, struct err *e)
{
	struct x86_state *s = state;
	const char *what = control_fault(s);

	if (!what)
		what = event_fault(s);
	if (!what)
		what = other_fault(s);
	if (what) {
		const struct reg *r = x86_regs;

		while (strcmp(r->name, what))
			r++;
		return err_set(e, EINVAL, "register '%s': %#llx is no value of it", what,
			       (unsigned long long)isa_reg_get(r, s));
	}
	s->irq_waiting = s->pkeys_seen = 0;
	s->fop_live = s->fds_live = 0;
	s->tsc = x86_tsc(s);
	x86_unsettle(s);
	return 0;
}

void x86_features_names(const struct cpu_env *env, char *buf, size_t n)
{
	const struct x86_cpu_fixed *f = env->fixed;
	char *from, *to;

	buf[0] = '\0';
	if (!f)
		return;
	x86_features_text(&f->features, NULL, buf, n);
	for (from = to = buf; *from; from++)
		if (*from != ' ')
			*to++ = *from;
	*to = '\0';
}
