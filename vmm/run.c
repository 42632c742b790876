/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPU loop and what controls it.
 *
 * Every vCPU thread goes round: gate, run, serve the exit. The gate is closed by
 * `running` = false under the lock, followed by a kick; a thread that passed the
 * gate before sees the kick inside run and comes back. So "running is false and
 * all threads are parked" is stable until the main thread opens the gates again.
 */
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>

#include "hw/core/irqchip.h"
#include "io/char/char.h"
#include "util/log.h"
#include "util/os.h"
#include "vmm/api/handlers.h"
#include "vmm/bootorder.h"
#include "vmm/gdbstub.h"
#include "vmm/guest.h"
#include "vmm/move/move.h"
#include "vmm/move/snapshot.h"
#include "vmm/move/twin.h"
#include "vmm/phases.h"

enum { MAX_SHUTDOWN_LINES = 10 };

struct post { struct guest *g; void (*fn)(struct guest *g, void *data); void *data; };

static gboolean post_run(gpointer opaque)
{
	struct post *p = opaque;

	p->fn(p->g, p->data);
	return G_SOURCE_REMOVE;
}

void guest_post(struct guest *g, void (*fn)(struct guest *g, void *data), void *data)
{
	GSource *s = g_idle_source_new();
	struct post *p = g_new(struct post, 1);

	*p = (struct post){ g, fn, data };
	g_source_set_priority(s, G_PRIORITY_DEFAULT);
	g_source_set_callback(s, post_run, p, g_free);
	g_source_attach(s, NULL);
	g_source_unref(s);
}

bool guest_is_running(struct guest *g)
{
	bool r;

	pthread_mutex_lock(&g->lock);
	r = g->running;
	pthread_mutex_unlock(&g->lock);
	return r;
}

/* Closes the gates; any thread. The vCPUs arrive there soon. */
void guest_close_gates(struct guest *g)
{
	pthread_mutex_lock(&g->lock);
	g->running = false;
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		vcpu_kick(g->vm.vcpu[i], VCPU_REQ_PAUSE);
}

/* Any thread; a pause without an end of virtual time. */
void guest_throttle(struct guest *g, bool on)
{
	pthread_mutex_lock(&g->lock);
	g->throttled = on;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; on && i < g->vm.nr_vcpus; i++)
		vcpu_kick(g->vm.vcpu[i], VCPU_REQ_PAUSE);
}

void guest_pause(struct guest *g)
{
	guest_close_gates(g);
	pthread_mutex_lock(&g->lock);
	while (g->nr_parked < g->nr_threads)
		pthread_cond_wait(&g->parked_cond, &g->lock);
	pthread_mutex_unlock(&g->lock);
	vm_time_stop(&g->vm);
}

/*
 * Registers go to the engine before any vCPU runs: one may start another by the
 * engine's own interrupt controller (INIT, SIPI), and a later push would undo it.
 * An error comes again, and is reported, in the vCPU's thread.
 */
static void push_all(struct guest *g)
{
	struct err e = { 0 };

	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		if (g->cpu[i].power == CPU_STARTED)
			vcpu_push(g->vm.vcpu[i], &e);
}

void guest_resume(struct guest *g)
{
	/* its state is being carried away, or not here yet: guest_thaw's to decide */
	if (g->frozen)
		return;
	/* it goes on when gdb does: a reset, say, is no reason */
	if (gdbstub_holds(g))
		return;
	/* the reset goes on by itself, and after the others nothing does */
	if (atomic_load(&g->events) & GUEST_ENDINGS)
		return;
	push_all(g);
	if (g->chips_stale) {
		struct err e = { 0 };

		g->chips_stale = false;
		if (g->vm.accel->irqchip_push && g->vm.accel->irqchip_push(&g->vm, &e) < 0)
			log_error("interrupt chips: %s", e.msg);
	}
	vm_time_start(&g->vm);
	if (g->back_ends_held)
		guest_hold_back_ends(g, false);
	pthread_mutex_lock(&g->lock);
	g->running = true;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
}

void guest_end(struct guest *g, int status)
{
	guest_close_gates(g);
	g->status = status;
	g_main_loop_quit(g->loop);
}

void guest_shutdown(struct guest *g, int status, const char *reason)
{
	if (g->shut_down)
		return;
	g->shut_down = true;
	api_event_end(g, "SHUTDOWN", reason);
	guest_end(g, status);
}

static void failed(struct guest *g, void *data)
{
	guest_shutdown(g, EXIT_ENGINE, "host-error");
}

/* From a vCPU's thread: the guest cannot go on. */
static void fail(struct guest_cpu *c, const char *what)
{
	const struct vm_exit *x = &c->exit;
	char data[400] = "";
	size_t n = 0;

	for (unsigned i = 0; i < x->nr_data && i < G_N_ELEMENTS(x->data) && n < sizeof(data); i++)
		n += (size_t)snprintf(data + n, sizeof(data) - n, " 0x%llx",
				      (unsigned long long)x->data[i]);
	log_error("vCPU %u: %s: %s%s%s", c->v->index, c->g->vm.accel->name,
		  x->text[0] ? x->text : what, n ? "; data" : "", data);
	guest_close_gates(c->g);
	guest_post(c->g, failed, NULL);
}

/* ---- vCPU threads ---- */

/*
 * INIT and SIPI (SDM volume 3, 9.4). The target's own thread does what INIT does; a
 * SIPI that arrives before it got round to that starts the CPU right after it.
 */
void guest_cpu_signal(struct cpu_port *p, enum cpu_signal s, unsigned arg)
{
	struct guest_cpu *c = p->signal_opaque;
	struct guest *g = c->g;

	pthread_mutex_lock(&g->lock);
	if (s == CPU_SIGNAL_INIT) {
		c->init = true;
		c->sipi = false;
	} else if (c->init || c->power == CPU_STOPPED) {
		c->sipi = true;
		c->start_arg = arg;
	}
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
	if (s == CPU_SIGNAL_INIT)
		vcpu_kick(c->v, VCPU_REQ_PAUSE);
}

/* On the vCPU's thread, without the lock. */
static void take_init(struct guest_cpu *c)
{
	struct err e = { 0 };

	if (vcpu_pull(c->v, REGS_ALL, &e) < 0) {
		snprintf(c->exit.text, sizeof(c->exit.text), "INIT: %.140s", e.msg);
		fail(c, "INIT");
		return;
	}
	c->g->vm.isa->init(c->v->state);
}

/* How a vCPU begins that another one started. */
struct beginning { enum { GO_ON, BEGIN_CALLED, BEGIN_SIPI } how; uint64_t pc, arg; };

/*
 * A vCPU that came here by itself, before the kick, goes through run() once more: it comes back at
 * once, and an engine that has the local APIC takes note of its timer. Only then: one that has
 * been parked, under any engine, may wake late, when the next pause holds it for parked already,
 * and its state is being pulled or pushed.
 */
static bool leaves(struct guest_cpu *c)
{
	struct irqchip *chip = c->g->vm.machine->irqchip;
	bool ran = c->ran;

	c->ran = false;
	if (!ran || !chip || !irqchip_lapic_lent(chip))
		return false;
	atomic_fetch_or(&c->v->request, VCPU_REQ_PAUSE);
	return true;
}

/* Waits until this vCPU may run; false at the end. */
static bool gate(struct guest_cpu *c, struct beginning *b)
{
	struct guest *g = c->g;
	bool go;

	pthread_mutex_lock(&g->lock);
	while (!g->ending && (!g->running || g->throttled || c->power == CPU_STOPPED || c->held ||
			      c->init)) {
		if (g->running && c->init) {
			pthread_mutex_unlock(&g->lock);
			take_init(c);
			pthread_mutex_lock(&g->lock);
			c->init = false;
			/* the bootstrap processor goes on at the reset vector */
			c->power = c->v->index == 0 ? CPU_STARTED : CPU_STOPPED;
			continue;
		}
		if (g->running && c->sipi && c->power == CPU_STOPPED) {
			c->power = CPU_START_PENDING;
			continue;
		}
		if (leaves(c)) {
			pthread_mutex_unlock(&g->lock);
			*b = (struct beginning){ GO_ON, 0, 0 };
			return true;
		}
		if (++g->nr_parked == g->nr_threads)
			pthread_cond_signal(&g->parked_cond);
		pthread_cond_wait(&g->cond, &g->lock);
		g->nr_parked--;
	}
	go = !g->ending;
	/* all of it now: the next INIT may come before the first instruction */
	*b = (struct beginning){ GO_ON, c->start_pc, c->start_arg };
	if (c->power == CPU_START_PENDING)
		b->how = c->sipi ? BEGIN_SIPI : BEGIN_CALLED;
	c->sipi = false;
	if (go)
		c->power = CPU_STARTED;
	c->v->powered = c->power == CPU_STARTED;
	c->ran = true;
	atomic_store(&c->v->request, 0);
	pthread_mutex_unlock(&g->lock);
	return go;
}

static void start(struct guest_cpu *c, const struct beginning *b)
{
	const struct isa *isa = c->g->vm.isa;

	if (b->how == BEGIN_SIPI) {
		isa->sipi(c->v->state, (unsigned)b->arg);
		return;
	}
	vcpu_reset_lines(c->v);
	isa->reset(c->v->state);
	isa->boot(c->v->state, b->pc, c->v->index, b->arg, false);
}

static void set_power(struct guest_cpu *c, enum cpu_power p)
{
	pthread_mutex_lock(&c->g->lock);
	c->power = p;
	c->v->powered = p != CPU_STOPPED;
	pthread_mutex_unlock(&c->g->lock);
}

static void wait_for_line(struct guest_cpu *c)
{
	vcpu_wait(c->v, c->exit.nr_data ? c->exit.data[0] : UINT64_MAX);
}

static int serve_firmware(struct guest_cpu *c)
{
	struct guest *g = c->g;
	struct err e = { 0 };
	int r = vcpu_pull(c->v, REGS_ALL, &e);

	if (r < 0) {
		snprintf(c->exit.text, sizeof(c->exit.text), "%.150s", e.msg);
		return r;
	}
	switch (g->vm.isa->firmware(c->v->state, &g->fw)) {
	case FW_CONTINUE:
		break;
	case FW_HALT:
		set_power(c, CPU_SUSPENDED);
		vcpu_wait(c->v, UINT64_MAX);
		set_power(c, CPU_STARTED);
		break;
	case FW_STOP:
		set_power(c, CPU_STOPPED);
		break;
	case FW_POWEROFF:
		machine_event(g->vm.machine, MACHINE_POWEROFF, 0);
		break;
	case FW_RESET:
		machine_event(g->vm.machine, MACHINE_RESET, 0);
		break;
	case FW_PANIC:
		machine_event(g->vm.machine, MACHINE_PANIC, 0);
		break;
	}
	return 0;
}

static void serve_io(struct guest_cpu *c, struct space *s)
{
	struct vm_exit *x = &c->exit;

	x->io.val = x->io.write ? x->io.val : UINT64_MAX;
	if (s && x->io.write)
		region_write(s, x->io.addr, x->io.size, x->io.val);
	else if (s)
		region_read(s, x->io.addr, x->io.size, &x->io.val);
}

/* 0, or -errno where the guest cannot go on. */
static int serve(struct guest_cpu *c)
{
	struct guest *g = c->g;

	switch (c->exit.reason) {
	case VM_EXIT_NONE:
		return 0;
	case VM_EXIT_MMIO:
		serve_io(c, g->vm.machine->mmio);
		return 0;
	case VM_EXIT_PIO:
		serve_io(c, g->vm.machine->pio);
		return 0;
	case VM_EXIT_FIRMWARE:
		return g->vm.isa->firmware ? serve_firmware(c) : -ENOSYS;
	case VM_EXIT_HALT:
		if (gdbstub_stepping(g, c->v))
			gdbstub_stopped(g, c->v, &c->exit);
		else
			wait_for_line(c);
		return 0;
	case VM_EXIT_SHUTDOWN:
		/* a guest that does it again and again does not fill a log */
		if (atomic_fetch_add(&g->shutdowns, 1) < MAX_SHUTDOWN_LINES)
			log_info("vCPU %u shut down%s%s", c->v->index,
				 c->exit.text[0] ? ": " : "", c->exit.text);
		machine_event(g->vm.machine, MACHINE_RESET, 0);
		return 0;
	case VM_EXIT_DEBUG:
		guest_close_gates(g);
		gdbstub_stopped(g, c->v, &c->exit);
		return 0;
	case VM_EXIT_CANNOT_RUN:
		/* what the instruction leads to is served here, too; it is no CANNOT_RUN */
		return fallback_step(c) < 0 ? -EIO : serve(c);
	case VM_EXIT_ERROR:
	case VM_EXIT_COUNT:
		break;
	}
	return -EIO;
}

static void *cpu_thread(void *opaque)
{
	struct guest_cpu *c = opaque;
	struct vcpu *v = c->v;
	struct beginning b;
	char name[16];

	snprintf(name, sizeof(name), "cpu%u", v->index);
	os_thread_name(name);
	c->tid = os_thread_id();
	cpu_current = v->index;
	while (gate(c, &b)) {
		struct err e = { 0 };
		int r;

		if (b.how != GO_ON)
			start(c, &b);
		phase_mark(PHASE_FIRST_INSN);
		r = vcpu_push(v, &e);
		if (r < 0) {
			/* a state that KVM does not take: another one may be near */
			c->exit = (struct vm_exit){ .reason = VM_EXIT_CANNOT_RUN, .mode = true };
			snprintf(c->exit.text, sizeof(c->exit.text), "%.150s", e.msg);
		} else {
			r = v->vm->accel->run(v, &c->exit);
		}
		if (r < 0 && c->exit.reason != VM_EXIT_CANNOT_RUN) {
			fail(c, strerror(-r));
			continue;
		}
		if (c->exit.reason < VM_EXIT_COUNT)
			v->exits[c->exit.reason]++;
		r = serve(c);
		if (r < 0)
			fail(c, strerror(-r));
	}
	return NULL;
}

/* ---- events of the machine, on the main thread ---- */

struct event { enum machine_event ev; int code; };

static void event_serve(struct guest *g, void *data)
{
	struct event ev = *(struct event *)data;
	const char *why;

	g_free(data);
	if (g->ending || !(atomic_load(&g->events) & 1u << ev.ev))
		return;		/* a reset came first, and was for all */
	if (ev.ev != MACHINE_CRASHLOADED)
		atomic_fetch_and(&g->events, ~(1u << ev.ev));
	switch (ev.ev) {
	case MACHINE_POWEROFF:
		guest_shutdown(g, EXIT_OK, "guest-shutdown");
		break;
	case MACHINE_RESET:
		why = g->reset_by_host ? "host-qmp-system-reset" : "guest-reset";
		g->reset_by_host = false;
		if (g->plan->opt->no_reboot)
			guest_shutdown(g, EXIT_OK, why);
		else if (guest_reset(g))
			api_event_end(g, "RESET", why);
		break;
	case MACHINE_PANIC:
		log_info("guest panicked%s", ev.code ? "" : ", or failed and powered off");
		if (ev.code)
			log_info("its code is %d", ev.code);
		api_event(g, "GUEST_PANICKED", json_pack("{s:s}", "action", "poweroff"));
		guest_shutdown(g, EXIT_PANIC, "guest-panic");
		break;
	case MACHINE_BALLOON:
		api_balloon_changed(g);
		break;
	case MACHINE_CRASHLOADED:
		log_info("guest crashed and has loaded its crash kernel");
		api_event(g, "GUEST_PANICKED", json_pack("{s:s}", "action", "run"));
		break;
	}
}

/*
 * One of each kind is on its way at most: a guest can ask faster than the main thread
 * serves. A crash kernel's is told once until a reset.
 */
static void on_event(void *opaque, enum machine_event ev, int code)
{
	struct guest *g = opaque;
	struct event *data;

	/* after the store that asks for it no further instruction is run */
	if (ev != MACHINE_CRASHLOADED && ev != MACHINE_BALLOON)
		guest_close_gates(g);
	if (atomic_fetch_or(&g->events, 1u << ev) & 1u << ev)
		return;
	data = g_new(struct event, 1);
	*data = (struct event){ ev, code };
	guest_post(g, event_serve, data);
}

static int cpu_reset(struct guest_cpu *c, struct err *e)
{
	int r = vcpu_pull(c->v, REGS_ALL, e);

	if (r < 0)
		return r;
	vcpu_reset_lines(c->v);
	boot_vcpu(&c->g->boot, c->g->plan, c->v);
	c->power = c->v->powered ? CPU_STARTED : CPU_STOPPED;
	c->exit = (struct vm_exit){ 0 };
	c->init = c->sipi = false;
	return 0;
}

bool guest_reset(struct guest *g)
{
	struct err e = { 0 };
	int r = 0;

	if (g->frozen) {
		log_warn("no reset while the guest is being saved or moved");
		return false;
	}
	guest_pause(g);
	atomic_store(&g->events, 0);
	for (unsigned i = 0; !r && i < g->vm.nr_vcpus; i++)
		r = cpu_reset(&g->cpu[i], &e);
	guest_next_bootorder(g);
	/* until guest_resume: what is in flight must not end in rings and chips that are zero */
	guest_hold_back_ends(g, true);
	machine_reset(g->vm.machine, RESET_WARM);
	g->chips_stale = true;
	if (!r && g->vm.machine->type->ready)
		r = g->vm.machine->type->ready(g->vm.machine, &e);
	if (!r)
		r = plan_reload(g->plan, &e);
	if (!r)
		r = boot_load(&g->boot, g->plan, g->vm.machine, false, &e);
	plan_release(g->plan);
	if (r < 0) {
		log_error("reset: %s", e.msg);
		guest_shutdown(g, EXIT_ENGINE, "host-error");
		return false;
	}
	if (!g->stopped_by_user)
		guest_resume(g);
	return true;
}

static gboolean on_signal(gpointer opaque, int sig)
{
	guest_shutdown(opaque, 128 + sig, "host-signal");
	return G_SOURCE_CONTINUE;
}

static gboolean on_sigint(gpointer g) { return on_signal(g, SIGINT); }
static gboolean on_sigterm(gpointer g) { return on_signal(g, SIGTERM); }
static gboolean on_sighup(gpointer g) { return on_signal(g, SIGHUP); }

static int threads_start(struct guest *g, struct err *e)
{
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++) {
		int r = pthread_create(&g->cpu[i].v->thread, NULL, cpu_thread, &g->cpu[i]);

		if (r)
			return err_errno(e, r, "thread of vCPU %u", i);
		g->cpu[i].thread_up = true;
		pthread_mutex_lock(&g->lock);
		g->nr_threads++;
		pthread_mutex_unlock(&g->lock);
	}
	return 0;
}

static void threads_end(struct guest *g)
{
	pthread_mutex_lock(&g->lock);
	g->ending = true;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		vcpu_kick(g->vm.vcpu[i], VCPU_REQ_STOP);
	for (unsigned i = 0; i < g->vm.nr_vcpus; i++)
		if (g->cpu[i].thread_up)
			pthread_join(g->cpu[i].v->thread, NULL);
}

/* The guest stands still until it arrives; defer: until migrate-incoming says from where. */
static int incoming_start(struct guest *g, struct err *e)
{
	const char *uri = g->plan->opt->incoming;
	int r = g->plan->opt->loadvm ? err_set(e, EINVAL, "-incoming and -loadvm: one of them") :
				       guest_freeze(g, e);

	return r < 0 || !strcmp(uri, "defer") ? r : migrate_incoming(g, uri, e);
}

int guest_run(struct guest *g, struct err *e)
{
	guint sig[3];
	int r = 0;

	g->vm.machine->event = on_event;
	g->vm.machine->event_opaque = g;
	signal(SIGPIPE, SIG_IGN);	/* a peer that goes away is an error of its back end */
	signal(SIGXFSZ, SIG_IGN);	/* so is a file that may not grow further */
	g->loop = g_main_loop_new(NULL, FALSE);
	g->stopped_by_user = g->plan->opt->paused;
	if (g->plan->opt->gdb)
		r = gdbstub_start(g, g->plan->opt->gdb, e);
	if (!r)
		r = api_start(g, e);
	for (unsigned i = 0; !r && i < g->vm.nr_vcpus; i++)
		r = cpu_reset(&g->cpu[i], e);
	if (!r && g->plan->opt->loadvm)
		r = snapshot_loadvm(g, g->plan->opt->loadvm, e);
	if (!r && g->plan->opt->twin)
		r = twin_begin(g, g->plan->opt->twin, e);
	if (!r)
		r = threads_start(g, e);
	if (!r) {
		monitor_attach(g);
		sig[0] = g_unix_signal_add(SIGINT, on_sigint, g);
		sig[1] = g_unix_signal_add(SIGTERM, on_sigterm, g);
		sig[2] = g_unix_signal_add(SIGHUP, on_sighup, g);
		fallback_start(g);
		if (g->plan->opt->incoming)
			r = incoming_start(g, e);
		else if (!g->stopped_by_user)
			guest_resume(g);
		if (!r)
			g_main_loop_run(g->loop);
		migrate_end(g);
		for (unsigned i = 0; i < G_N_ELEMENTS(sig); i++)
			g_source_remove(sig[i]);
		chardev_guard_terminal();	/* the end may take a moment */
		r = r < 0 ? r : g->status;
	}
	threads_end(g);
	fallback_stay(g);
	gdbstub_end(g);
	api_end(g);
	g_main_loop_unref(g->loop);
	phase_mark(PHASE_END);
	phase_set(PHASE_FIRST_BYTE, chardev_first_output_ns(g->serial[0]));
	return r;
}
