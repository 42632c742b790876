/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/move/fallback.h"

#include <errno.h>
#include <string.h>

#include "hw/core/irqchip.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/api/api.h"
#include "vmm/guest.h"
#include "vmm/move/move.h"

/*
 * Within a window of host time a vCPU may spend a quarter in fallbacks; an instruction costs
 * some 50 us there (state out of and into KVM), so that is about 1,200 of them a second.
 */
enum { WINDOW_MS = 200, SHARE_PERCENT = 25, FIRST_WAIT_MS = 1000, MAX_WAIT_MS = 64000,
       PROVEN_MS = 2000, MODE_INSNS = 4096 };
#define MS UINT64_C(1000000)

static void leave_kvm(struct guest *g, void *data);
static gboolean try_kvm(gpointer opaque);

void fallback_start(struct guest *g)
{
	g->fallback.on = g->plan->other != NULL;
	g->fallback.wait_ms = FIRST_WAIT_MS;
	g->fallback.since = os_now_ns();
}

void fallback_stay(struct guest *g)
{
	if (g->fallback.source)
		g_source_remove(g->fallback.source);
	g->fallback.source = 0;
}

/*
 * More than its share since the window began: the main thread switches. ns: of CPU time, a host
 * that lets the vCPU wait is no reason.
 */
static void account(struct guest_cpu *c, uint64_t ns)
{
	struct fallback_cpu *f = &c->fallback;
	struct guest *g = c->g;
	uint64_t now = os_now_ns();

	f->ns += ns;
	if (now - f->window_start > WINDOW_MS * MS) {
		f->window_start = now - ns;
		f->window_ns = 0;
	}
	f->window_ns += ns;
	if (f->window_ns * 100 > (uint64_t)WINDOW_MS * MS * SHARE_PERCENT &&
	    !atomic_exchange(&g->fallback.leaving, true))
		guest_post(g, leave_kvm, NULL);
}

/*
 * Chips in the kernel deliver interrupts into KVM's vCPUs, and ports of theirs are not here: one
 * instruction at a time. With chips here a mode that KVM refuses is stayed in for a while.
 */
static unsigned nr_insns(struct guest *g, const struct vm_exit *x)
{
	const struct irqchip *chip = g->vm.machine->irqchip;

	return chip && !irqchip_lapic_lent(chip) && x->mode ? MODE_INSNS : 1;
}

int fallback_step(struct guest_cpu *c)
{
	const struct accel_ops *tcg = accel_find("tcg");
	struct guest *g = c->g;
	struct fallback_cpu *f = &c->fallback;
	struct vcpu *v = c->v;
	struct err e = { 0 };
	uint64_t t0 = os_thread_cpu_ns();
	unsigned n = nr_insns(g, &c->exit);
	int r;

	if (!g->fallback.on || !tcg || !v->engines[tcg->slot] || g->vm.accel == tcg)
		return -ENOTSUP;
	if (!f->steps)
		log_info("vCPU %u: %s: the translator takes over for it", v->index, c->exit.text);
	snprintf(g->fallback.why, sizeof(g->fallback.why), "%s", c->exit.text);
	r = vcpu_pull(v, REGS_ALL, &e);
	if (!r)
		r = tcg->step(v, n, &c->exit);
	if (r < 0) {
		if (e.code)
			snprintf(c->exit.text, sizeof(c->exit.text), "fallback: %.140s", e.msg);
		return r;
	}
	f->steps += !r;
	account(c, os_thread_cpu_ns() - t0);
	return 0;
}

/* ---- main thread ---- */

static void wait_for_trial(struct guest *g)
{
	struct fallback *f = &g->fallback;

	if (f->source)
		return;
	f->source = g_timeout_add(f->wait_ms, try_kvm, g);
	f->wait_ms = MIN(f->wait_ms * 2, MAX_WAIT_MS);
}

static void tell(struct guest *g, const char *to, const char *why)
{
	uint64_t steps = 0;

	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		steps += g->cpu[i].fallback.steps;
	api_event(g, "VM_FALLBACK", json_pack("{s:s,s:s,s:I}", "to", to, "reason", why, "steps",
					      (json_int_t)steps));
}

static void leave_kvm(struct guest *g, void *data)
{
	struct fallback *f = &g->fallback;
	const struct accel_ops *tcg = accel_find("tcg");
	struct switch_report rep;
	struct err e = { 0 };

	if (!g->ending && g->vm.accel != tcg) {
		if (os_now_ns() - f->since > PROVEN_MS * MS)
			f->wait_ms = FIRST_WAIT_MS;
		if (guest_switch(g, tcg, &rep, &e) < 0) {
			log_warn("kvm:tcg: %s", e.msg);
		} else {
			f->stays++;
			log_info("kvm:tcg: too many instructions for the translator (%s): the "
				 "guest stays there for %u ms", f->why, f->wait_ms);
			tell(g, tcg->name, f->why);
			wait_for_trial(g);
		}
	}
	atomic_store(&f->leaving, false);
}

static gboolean try_kvm(gpointer opaque)
{
	struct guest *g = opaque;
	struct fallback *f = &g->fallback;
	struct switch_report rep;
	struct err e = { 0 };

	if (!guest_is_running(g))
		return G_SOURCE_CONTINUE;
	f->source = 0;
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		g->cpu[i].fallback.window_start = g->cpu[i].fallback.window_ns = 0;
	f->trials++;
	f->since = os_now_ns();
	if (guest_switch(g, accel_find("kvm"), &rep, &e) < 0) {
		log_warn("kvm:tcg: %s", e.msg);
		wait_for_trial(g);
	} else {
		tell(g, "kvm", "the time for another trial has come");
	}
	return G_SOURCE_REMOVE;
}

void fallback_info(struct guest *g, FILE *f)
{
	const struct fallback *fb = &g->fallback;

	if (!fb->on)
		return;
	fprintf(f,
		"fallback to the translator: %llu times the whole guest, %llu trials of KVM%s%s\n",
		(unsigned long long)fb->stays, (unsigned long long)fb->trials,
		fb->why[0] ? "; last: " : "", fb->why);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		fprintf(f, "  cpu %u: %llu fallbacks, %.3f ms\n", i,
			(unsigned long long)g->cpu[i].fallback.steps,
			(double)g->cpu[i].fallback.ns / 1e6);
}
