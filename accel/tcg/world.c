/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads and each other. A vCPU is "running" between world_enter and
 * world_leave; whoever stops the world waits until none is, and may then change
 * what running vCPUs read without locks (TLB tables, code regions). vCPUs that
 * wait for interrupts or sit in the VMM do not run, so stopping is cheap.
 */
#include "accel/tcg/tcg.h"
#include "util/bits.h"

void tcg_poke(struct tcg_cpu *c)
{
	atomic_store(&CPU_HEAD(c->state)->poll, 1);
}

void tcg_poke_all(struct tcg_vm *tv)
{
	unsigned i;

	for (i = 0; i < tv->vm->nr_vcpus; i++) {
		struct vcpu *v = tv->vm->vcpu[i];

		if (v && v->engines[ACCEL_TCG])
			atomic_store(&CPU_HEAD(v->state)->poll, 1);
	}
}

void world_enter(struct tcg_cpu *c)
{
	struct tcg_vm *tv = c->tv;

	pthread_mutex_lock(&tv->world_lock);
	while (atomic_load(&tv->exclusive))
		pthread_cond_wait(&tv->world_cond, &tv->world_lock);
	c->running = true;
	tv->nr_running++;
	pthread_mutex_unlock(&tv->world_lock);
}

void world_leave(struct tcg_cpu *c)
{
	struct tcg_vm *tv = c->tv;

	pthread_mutex_lock(&tv->world_lock);
	c->running = false;
	tv->nr_running--;
	pthread_cond_broadcast(&tv->world_cond);
	pthread_mutex_unlock(&tv->world_lock);
}

void world_pause_point(struct tcg_cpu *c)
{
	if (!atomic_load(&c->tv->exclusive))
		return;
	world_leave(c);
	world_enter(c);
}

void world_stop(struct tcg_vm *tv, struct tcg_cpu *self, bool inside)
{
	/* a locked access that stands alone reaches a device, which moves memory: tcg_mem_set */
	if (self && self->stop_depth++)
		return;
	pthread_mutex_lock(&tv->world_lock);
	/*
	 * self stays `running`: it goes on without a look at its mail, so
	 * senders must wait for it
	 */
	if (self)
		tv->nr_running--;
	tv->nr_inside += inside;
	atomic_fetch_add(&tv->exclusive, 1);
	tcg_poke_all(tv);
	pthread_cond_broadcast(&tv->world_cond);
	/*
	 * Who waits inside a block goes first, and is out of it when the others have their turn:
	 * they may evict the block and those that its return stack leads to, and take away
	 * the page that it looks at already.
	 */
	while (tv->held || tv->nr_running || (!inside && tv->nr_inside))
		pthread_cond_wait(&tv->world_cond, &tv->world_lock);
	tv->nr_inside -= inside;
	tv->held = true;
	tv->n_exclusive++;
	pthread_mutex_unlock(&tv->world_lock);
}

void world_resume(struct tcg_vm *tv, struct tcg_cpu *self)
{
	if (self && --self->stop_depth)
		return;
	pthread_mutex_lock(&tv->world_lock);
	tv->held = false;
	atomic_fetch_sub(&tv->exclusive, 1);
	if (self)
		tv->nr_running++;
	pthread_cond_broadcast(&tv->world_cond);
	pthread_mutex_unlock(&tv->world_lock);
}

void mail_process(struct tcg_cpu *c)
{
	struct tlb_flush mail[ARRAY_SIZE(c->mail)];
	unsigned n, i;
	bool all;
	uint64_t sent;

	if (atomic_load(&c->mail_sent) == atomic_load(&c->mail_done))
		return;
	pthread_mutex_lock(&c->mail_lock);
	sent = atomic_load(&c->mail_sent);
	n = c->nr_mail;
	memcpy(mail, c->mail, n * sizeof(mail[0]));
	all = c->mail_all;
	c->nr_mail = 0;
	c->mail_all = false;
	pthread_mutex_unlock(&c->mail_lock);
	if (all)
		tlb_flush_everything(c);
	else
		for (i = 0; i < n; i++)
			tlb_flush_local(c, &mail[i]);
	atomic_store(&c->mail_done, sent);
	if (sent) {
		pthread_mutex_lock(&c->tv->world_lock);
		pthread_cond_broadcast(&c->tv->world_cond);
		pthread_mutex_unlock(&c->tv->world_lock);
	}
}

static uint64_t send(struct tcg_cpu *c, const struct tlb_flush *f)
{
	uint64_t seq;

	pthread_mutex_lock(&c->mail_lock);
	if (f && c->nr_mail < ARRAY_SIZE(c->mail))
		c->mail[c->nr_mail++] = *f;
	else if (f)
		c->mail_all = true;
	seq = atomic_fetch_add(&c->mail_sent, 1) + 1;
	pthread_mutex_unlock(&c->mail_lock);
	tcg_poke(c);
	return seq;
}

/*
 * Sends to every vCPU in the mask and waits until each has obeyed or does not
 * run (it obeys before it runs again). The caller is not running.
 */
static void send_all(struct vm *vm, const uint64_t *mask, const struct tlb_flush *f)
{
	struct tcg_vm *tv = vm->engines[ACCEL_TCG];
	uint64_t seq[ARRAY_SIZE(vm->vcpu)] = { 0 };
	unsigned i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (mask[i / 64] >> (i % 64) & 1 && vm->vcpu[i] && vm->vcpu[i]->engines[ACCEL_TCG])
			seq[i] = send(vm->vcpu[i]->engines[ACCEL_TCG], f);
	pthread_mutex_lock(&tv->world_lock);
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct tcg_cpu *c = seq[i] ? vm->vcpu[i]->engines[ACCEL_TCG] : NULL;

		while (c && c->running && atomic_load(&c->mail_done) < seq[i])
			pthread_cond_wait(&tv->world_cond, &tv->world_lock);
	}
	pthread_mutex_unlock(&tv->world_lock);
}

void tcg_remote_flush(struct vm *vm, const uint64_t *mask, const struct tlb_flush *f)
{
	send_all(vm, mask, f);
}

/* Translations follow memory by themselves; leaving translated code once orders the fetches. */
void tcg_remote_barrier(struct vm *vm, const uint64_t *mask)
{
	send_all(vm, mask, NULL);
}
