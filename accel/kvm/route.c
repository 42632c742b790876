/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's table from GSI numbers to interrupts. Numbers below KVM_PINS are
 * input lines (arch fills them); each number above stands for one message.
 *
 * Setting the table costs the kernel a grace period, so it is set only when a
 * message is not in it yet: places are shared by equal messages, and one that
 * nobody uses any more keeps its route until its place is wanted. A driver that
 * masks and unmasks its vectors then changes nothing.
 */
#include "accel/kvm/kvm.h"

#include "accel/kvm/arch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { PIN_ROUTES_MAX = 2 * KVM_PINS };

int kvm_routes_set(struct vm *vm)
{
	struct kvm_vm *k = kvm_vm(vm);
	struct kvm_irq *q = &k->irq;
	size_t n = PIN_ROUTES_MAX + q->nr_messages;
	struct kvm_irq_routing *t = calloc(1, sizeof(*t) + n * sizeof(t->entries[0]));
	int r;

	if (!t)
		return -ENOMEM;
	t->nr = kvm_arch_pin_routes(vm, t->entries, PIN_ROUTES_MAX);
	for (unsigned i = 0; i < q->nr_messages; i++) {
		const struct kvm_message *m = &q->message[i];

		t->entries[t->nr++] = (struct kvm_irq_routing_entry){
			.gsi = KVM_PINS + i,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = (uint32_t)m->addr,
				   .address_hi = (uint32_t)(m->addr >> 32),
				   .data = m->data },
		};
	}
	q->routings++;
	r = ioctl(k->fd, KVM_SET_GSI_ROUTING, t) < 0 ? -errno : 0;
	free(t);
	return r;
}

/* A place nobody uses, at best one that already holds the message. */
static struct kvm_message *place(struct vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	struct kvm_message *unused = NULL, *grown;
	unsigned max;
	int n;

	for (unsigned i = 0; i < q->nr_messages; i++) {
		struct kvm_message *m = &q->message[i];

		if (m->addr == addr && m->data == data)
			return m;
		if (!m->users)
			unused = m;
	}
	if (unused)
		return unused;
	if (q->nr_messages == q->max_messages) {
		n = ioctl(kvm_vm(vm)->fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING);
		n = MIN(n > PIN_ROUTES_MAX ? n - PIN_ROUTES_MAX : 0, KVM_MAX_MESSAGES);
		max = MIN((unsigned)n, q->max_messages + 64);
		grown = max > q->max_messages ? realloc(q->message, max * sizeof(*grown)) : NULL;
		if (!grown)
			return NULL;
		q->message = grown;
		q->max_messages = max;
	}
	q->message[q->nr_messages] = (struct kvm_message){ 0 };
	return &q->message[q->nr_messages++];
}

int kvm_message_get(struct vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	unsigned had = q->nr_messages;
	struct kvm_message *m = place(vm, addr, data), old;
	int r;

	if (!m)
		return -ENOSPC;
	old = *m;
	if (q->nr_messages > had || old.addr != addr || old.data != data) {
		*m = (struct kvm_message){ .addr = addr, .data = data };
		r = kvm_routes_set(vm);
		if (r) { /* the table is the old one */
			*m = old;
			q->nr_messages = had;
			return r;
		}
	}
	m->users++;
	return KVM_PINS + (int)(m - q->message);
}

void kvm_message_put(struct vm *vm, unsigned gsi)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;

	if (gsi >= KVM_PINS && gsi - KVM_PINS < q->nr_messages)
		q->message[gsi - KVM_PINS].users--;
}
