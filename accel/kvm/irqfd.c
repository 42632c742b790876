/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts from file descriptors: the kernel raises them by itself when somebody
 * (vhost, VFIO, another process) signals an eventfd.
 *
 * A level-triggered line is lowered by the kernel at the guest's end of interrupt,
 * and `resample` is signalled: whoever still wants the line raises it again. The
 * kernel hears of that end only from an IOAPIC or PIC of its own.
 */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

static int assign(struct vm *vm, int fd, int resample, unsigned gsi, bool on)
{
	struct kvm_irqfd a = { .fd = (uint32_t)fd, .gsi = gsi };

	if (resample >= 0 && on) {
		a.flags |= KVM_IRQFD_FLAG_RESAMPLE;
		a.resamplefd = (uint32_t)resample;
	}
	if (!on)
		a.flags |= KVM_IRQFD_FLAG_DEASSIGN;
	return ioctl(kvm_vm(vm)->fd, KVM_IRQFD, &a) < 0 ? -errno : 0;
}

static struct kvm_bound_fd *find(struct kvm_irq *q, int fd)
{
	for (unsigned i = 0; i < q->nr_fds; i++)
		if (q->fd[i].fd == fd)
			return &q->fd[i];
	return NULL;
}

static int grow(struct kvm_irq *q)
{
	unsigned max = q->max_fds + 64;
	struct kvm_bound_fd *p;

	if (q->nr_fds < q->max_fds)
		return 0;
	p = realloc(q->fd, max * sizeof(*p));
	if (!p)
		return -ENOMEM;
	q->fd = p;
	q->max_fds = max;
	return 0;
}

static int bind(struct vm *vm, const struct irqfd *f)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	int gsi = (int)f->gsi, r;

	if (find(q, f->fd))
		return -EBUSY;
	r = grow(q);
	if (r)
		return r;
	if (f->msi) {
		gsi = kvm_message_get(vm, f->addr, f->data);
		if (gsi < 0)
			return gsi;
	} else {
		atomic_fetch_add(&q->nr_pin_fds, 1); /* before the look: the IOAPIC's next change */
		r = q->home == IRQCHIP_SPLIT ? kvm_routes_set(vm) : 0;
	}
	if (!r)
		r = assign(vm, f->fd, f->resample, (unsigned)gsi, true);
	if (r) {
		kvm_message_put(vm, (unsigned)gsi);
		if (!f->msi)
			atomic_fetch_sub(&q->nr_pin_fds, 1);
		return r;
	}
	q->fd[q->nr_fds++] = (struct kvm_bound_fd){ f->fd, f->resample, (unsigned)gsi };
	return 0;
}

static int unbind(struct vm *vm, const struct irqfd *f)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	struct kvm_bound_fd *p = find(q, f->fd);
	int r;

	if (!p)
		return -ENOENT;
	r = assign(vm, p->fd, p->resample, p->gsi, false);
	kvm_message_put(vm, p->gsi);
	if (p->gsi < KVM_PINS)
		atomic_fetch_sub(&q->nr_pin_fds, 1);
	*p = q->fd[--q->nr_fds];
	return r;
}

int kvm_irqfd(struct vm *vm, const struct irqfd *f, bool on)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	int r;

	if (q->home == IRQCHIP_USER)
		return -ENOTSUP;
	if (on && f->resample >= 0 && (f->msi || q->home == IRQCHIP_SPLIT))
		return -ENOTSUP;
	if (on && !f->msi && f->gsi >= KVM_PINS)
		return -EINVAL;
	pthread_mutex_lock(&q->lock);
	r = on ? bind(vm, f) : unbind(vm, f);
	pthread_mutex_unlock(&q->lock);
	return r;
}
