/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's interrupt chips in the kernel: making them, and moving the canonical
 * state (hw/core/irqchip.h) in and out. The forms of the state are x86_chips.c's.
 *
 * The order of a push. Lines first, with everything masked, so that no level makes
 * an interrupt of the old state's; then the local APICs, which what follows may
 * raise interrupts in; then PIC and IOAPIC, whose requests are overwritten by what
 * they shall be; the PIT last.
 *
 * The kernel's PIT pulses GSI 0 by itself: a level of ours there, beside it, would
 * hide the pulses, so that the line is only driven while it is the HPET's.
 */
#include "accel/kvm/x86_chips.h"

#include "accel/kvm/arch.h"
#include "accel/kvm/x86.h"
#include "target/x86/state.h"
#include "util/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

enum { APIC_BASE_BSP = 1 << 8 };
#define APIC_BASE_RESET UINT64_C(0xfee00800)

/* What one push or pull moves. */
struct kvm_chips {
	struct kvm_irqchip pic[2], ioapic;
	struct kvm_pit_state2 pit;
	unsigned nr_lapics;
	struct kvm_lapic_state lapic[];
};

static int vm_ioctl(struct vm *vm, unsigned long req, void *arg, const char *what, struct err *e)
{
	return ioctl(kvm_vm(vm)->fd, req, arg) < 0 ? err_errno(e, errno, "%s", what) : 0;
}

static int cpu_ioctl(struct vcpu *v, unsigned long req, void *arg, const char *what,
		     struct err *e)
{
	int r = kvm_x86_ioctl(v, req, arg);

	return r ? err_errno(e, -r, "vCPU %u: %s", v->index, what) : 0;
}

/* ---- making them ---- */

int kvm_arch_irqchip(struct vm *vm, struct err *e)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY }; /* with port 0x61 */
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { KVM_PINS } };
	struct kvm_enable_cap ids = { .cap = KVM_CAP_X2APIC_API,
				      .args = { KVM_X2APIC_API_USE_32BIT_IDS |
						KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK } };
	struct kvm_vm *k = kvm_vm(vm);
	int r;

	if (k->irq.home == IRQCHIP_SPLIT) {
		if (vm_ioctl(vm, KVM_ENABLE_CAP, &split, "KVM_CAP_SPLIT_IRQCHIP", e))
			return -e->code;
	} else {
		if (vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP", e) ||
		    vm_ioctl(vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2", e))
			return -e->code;
	}
	if (vm_ioctl(vm, KVM_ENABLE_CAP, &ids, "KVM_CAP_X2APIC_API", e))
		return -e->code;
	pthread_mutex_lock(&k->irq.lock);
	r = kvm_routes_set(vm);
	pthread_mutex_unlock(&k->irq.lock);
	return r ? err_errno(e, -r, "KVM_SET_GSI_ROUTING") : 0;
}

/* ---- routes of the input lines ---- */

static unsigned add_pin(struct kvm_irq_routing_entry *r, unsigned n, unsigned max, unsigned gsi,
			unsigned chip, unsigned pin)
{
	if (n == max)
		return n;
	r[n] = (struct kvm_irq_routing_entry){ .gsi = gsi,
					       .type = KVM_IRQ_ROUTING_IRQCHIP,
					       .u.irqchip = { .irqchip = chip, .pin = pin } };
	return n + 1;
}

/* GSI 2 is the cascade's: nothing drives it, and the IOAPIC's pin 2 is GSI 0's. */
static unsigned chip_routes(struct kvm_irq_routing_entry *r, unsigned max)
{
	unsigned n = 0;

	for (unsigned gsi = 0; gsi < KVM_PINS; gsi++) {
		if (gsi == 2)
			continue;
		if (gsi < 16)
			n = add_pin(r, n, max, gsi,
				    gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
				    gsi & 7);
		n = add_pin(r, n, max, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : 2);
	}
	return n;
}

static uint64_t redir_now(struct vm *vm, unsigned pin)
{
	/* the device writes it under its lock on another thread; it says so afterwards */
	return __atomic_load_n(&vm->machine->irqchip->ioapic->redir[pin], __ATOMIC_RELAXED);
}

/*
 * The part of a redirection entry that its route depends on. A level-triggered one
 * keeps its route while it is masked: the end of an interrupt may still be due. An
 * edge is nobody's business but irqfds'.
 */
static uint64_t route_part(struct vm *vm, unsigned pin)
{
	uint64_t e = redir_now(vm, pin);
	unsigned mode = e >> 8 & 7;

	if (mode > 1 || !(e & 0xff)) /* fixed and lowest priority have a vector */
		return 0;
	if (!(e & X86_REDIR_LEVEL) &&
	    (e & X86_REDIR_MASKED || !atomic_load(&kvm_vm(vm)->irq.nr_pin_fds)))
		return 0;
	return e & ~(uint64_t)(X86_REDIR_MASKED | X86_REDIR_STATUS | X86_REDIR_REMOTE_IRR |
			       X86_REDIR_LOW);
}

bool kvm_arch_pins_changed(struct vm *vm)
{
	for (unsigned pin = 0; pin < KVM_PINS; pin++)
		if (kvm_vm(vm)->irq.pin_route[pin] != route_part(vm, pin))
			return true;
	return false;
}

unsigned kvm_arch_pin_routes(struct vm *vm, struct kvm_irq_routing_entry *r, unsigned max)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	unsigned n = 0;

	if (q->home == IRQCHIP_KERNEL)
		return chip_routes(r, max);
	for (unsigned pin = 0; pin < KVM_PINS && n < max; pin++) {
		uint64_t e = q->pin_route[pin] = route_part(vm, pin);
		/* the reserved numbers 0 to 23 stand for pins; an irqfd of GSI 0 means pin 2 */
		unsigned gsi = pin == 2 ? 0 : pin == 0 ? 2 : pin;

		if (e)
			r[n++] = (struct kvm_irq_routing_entry){
				.gsi = gsi,
				.type = KVM_IRQ_ROUTING_MSI,
				.u.msi = { .address_lo = x86_redir_addr(e),
					   .data = x86_redir_data(e) },
			};
	}
	return n;
}

bool kvm_arch_msi_level(uint32_t data) { return data & X86_MSI_LEVEL; }

/* ---- moving state ---- */

/* For a pull: the structs of one moment keep what they say of time. */
static void sync_time(struct vm *vm, struct x86_chip_time *t)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	uint64_t now = clock_now(vm->machine->clock);

	t->same = q->synced && q->synced_at == now;
	if (!t->same)
		q->time_base = os_now_ns() - now;
	q->synced = true;
	q->synced_at = now;
	t->now = now;
	t->base = q->time_base;
}

static struct kvm_chips *chips_new(struct vm *vm, struct err *e)
{
	struct kvm_chips *c = calloc(1, sizeof(*c) + vm->nr_vcpus * sizeof(c->lapic[0]));

	if (!c) {
		err_set(e, ENOMEM, "no memory");
		return NULL;
	}
	c->pic[0].chip_id = KVM_IRQCHIP_PIC_MASTER;
	c->pic[1].chip_id = KVM_IRQCHIP_PIC_SLAVE;
	c->ioapic.chip_id = KVM_IRQCHIP_IOAPIC;
	c->nr_lapics = vm->nr_vcpus;
	return c;
}

static int chips_read(struct vm *vm, struct kvm_chips *c, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; !r && i < c->nr_lapics; i++)
		r = cpu_ioctl(vm->vcpu[i], KVM_GET_LAPIC, &c->lapic[i], "KVM_GET_LAPIC", e);
	if (r || kvm_vm(vm)->irq.home != IRQCHIP_KERNEL)
		return r;
	r = vm_ioctl(vm, KVM_GET_PIT2, &c->pit, "KVM_GET_PIT2", e);
	if (!r)
		r = vm_ioctl(vm, KVM_GET_IRQCHIP, &c->ioapic, "KVM_GET_IRQCHIP", e);
	for (unsigned i = 0; !r && i < 2; i++)
		r = vm_ioctl(vm, KVM_GET_IRQCHIP, &c->pic[i], "KVM_GET_IRQCHIP", e);
	return r;
}

static int mask_all(struct vm *vm, struct kvm_chips *c, struct err *e)
{
	struct kvm_irqchip quiet = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int r;

	quiet.chip.ioapic = c->ioapic.chip.ioapic;
	quiet.chip.ioapic.irr = 0;
	for (unsigned i = 0; i < KVM_PINS; i++)
		quiet.chip.ioapic.redirtbl[i].bits = X86_REDIR_MASKED;
	r = vm_ioctl(vm, KVM_SET_IRQCHIP, &quiet, "KVM_SET_IRQCHIP", e);
	for (unsigned i = 0; !r && i < 2; i++) {
		quiet = c->pic[i];
		quiet.chip.pic.imr = 0xff;
		r = vm_ioctl(vm, KVM_SET_IRQCHIP, &quiet, "KVM_SET_IRQCHIP", e);
	}
	return r;
}

/* KVM clears the timer's initial count when the timer's mode changes to or from "deadline". */
static int lapic_write(struct vcpu *v, struct kvm_lapic_state *page, struct err *e)
{
	struct kvm_lapic_state now;
	int r = cpu_ioctl(v, KVM_SET_LAPIC, page, "KVM_SET_LAPIC", e);

	if (!r)
		r = cpu_ioctl(v, KVM_GET_LAPIC, &now, "KVM_GET_LAPIC", e);
	if (!r && x86_lapic_initial(&now) != x86_lapic_initial(page))
		r = cpu_ioctl(v, KVM_SET_LAPIC, page, "KVM_SET_LAPIC", e);
	return r;
}

static int chips_write(struct vm *vm, struct kvm_chips *c, uint32_t lines, struct err *e)
{
	bool all = kvm_vm(vm)->irq.home == IRQCHIP_KERNEL;
	int r = all ? mask_all(vm, c, e) : 0;

	if (!r && all) {
		for (unsigned gsi = 0; gsi < KVM_PINS; gsi++)
			kvm_irq(vm, gsi, lines >> gsi & 1);
	}
	for (unsigned i = 0; !r && i < c->nr_lapics; i++)
		r = lapic_write(vm->vcpu[i], &c->lapic[i], e);
	if (r || !all)
		return r;
	for (unsigned i = 0; !r && i < 2; i++)
		r = vm_ioctl(vm, KVM_SET_IRQCHIP, &c->pic[i], "KVM_SET_IRQCHIP", e);
	if (!r)
		r = vm_ioctl(vm, KVM_SET_IRQCHIP, &c->ioapic, "KVM_SET_IRQCHIP", e);
	if (!r)
		r = vm_ioctl(vm, KVM_SET_PIT2, &c->pit, "KVM_SET_PIT2", e);
	return r;
}

/*
 * What the processor has of its local APIC: the base (which says how the page that
 * follows is read), and whether it waits for SIPI.
 */
static int cpu_push(struct vcpu *v, const struct lapic_state *s, struct err *e)
{
	struct kvm_mp_state mp;
	struct kvm_sregs sregs;
	int r = cpu_ioctl(v, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS", e);

	if (!r && sregs.apic_base != s->base) {
		sregs.apic_base = s->base;
		r = cpu_ioctl(v, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS", e);
	}
	if (!(v->resident & REGS_SYS))
		((struct x86_state *)v->state)->apic_base = s->base;
	if (!r)
		r = cpu_ioctl(v, KVM_GET_MP_STATE, &mp, "KVM_GET_MP_STATE", e);
	if (!r && s->wait_sipi && mp.mp_state != KVM_MP_STATE_UNINITIALIZED &&
	    mp.mp_state != KVM_MP_STATE_INIT_RECEIVED) {
		mp.mp_state = KVM_MP_STATE_INIT_RECEIVED;
		r = cpu_ioctl(v, KVM_SET_MP_STATE, &mp, "KVM_SET_MP_STATE", e);
		kvm_cpu(v)->mp_state = mp.mp_state;
	}
	return r;
}

static uint32_t lines_of(struct irqchip *c)
{
	uint32_t lines = atomic_load(&c->lines) & ~(uint32_t)BIT(2);

	return c->pit && !c->pit->legacy_off ? lines & ~1u : lines;
}

/* Canonical structs into c, which holds the kernel's: what has no canonical form stays. */
static int fill(struct vm *vm, struct kvm_chips *c, uint32_t lines, struct err *e)
{
	const struct irqchip *chip = vm->machine->irqchip;
	struct x86_chip_time t;
	int r = 0;

	sync_time(vm, &t);
	t.same = false;
	kvm_x86_clocks_armed(vm);
	for (unsigned i = 0; !r && i < c->nr_lapics; i++) {
		if (!chip->lapic[i])
			continue;
		r = cpu_push(vm->vcpu[i], chip->lapic[i], e);
		x86_lapic_to_kvm(chip->lapic[i], &t, &c->lapic[i]);
		kvm_x86_timer_push(vm->vcpu[i], chip->lapic[i], &c->lapic[i]);
	}
	if (r || kvm_vm(vm)->irq.home != IRQCHIP_KERNEL)
		return r;
	for (unsigned i = 0; chip->pic && i < 2; i++)
		x86_pic_to_kvm(&chip->pic[i], i, (uint8_t)(lines >> 8 * i), &c->pic[i].chip.pic);
	if (chip->ioapic)
		x86_ioapic_to_kvm(chip->ioapic, &c->ioapic.chip.ioapic);
	if (chip->pit)
		x86_pit_to_kvm(chip->pit, &t, &c->pit);
	return 0;
}

/*
 * A machine without chips of its own has no canonical state: the kernel's chips are
 * as they were made until the guest changes them, and go back to that at a reset.
 */
static int push_created(struct vm *vm, struct kvm_chips *now, struct err *e)
{
	struct kvm_irq *q = &kvm_vm(vm)->irq;
	int r = 0;

	if (!q->created) {
		q->created = now;
		return 0;
	}
	free(now);
	for (unsigned i = 0; !r && i < vm->nr_vcpus; i++) {
		struct lapic_state s = { .base = APIC_BASE_RESET | (i ? 0 : APIC_BASE_BSP) };

		r = cpu_push(vm->vcpu[i], &s, e);
	}
	/* a reset of the machine has lowered all lines */
	return r ? r : chips_write(vm, q->created, 0, e);
}

/* No line may move between the levels and the chips' memory of them: chip->lock. */
static int push_canonical(struct vm *vm, struct irqchip *chip, struct kvm_chips *c,
			  struct err *e)
{
	uint32_t lines;
	int r;

	pthread_mutex_lock(&chip->lock);
	if (kvm_vm(vm)->irq.home == IRQCHIP_KERNEL)
		irqchip_pushing(chip);
	lines = lines_of(chip);
	r = fill(vm, c, lines, e);
	if (!r)
		r = chips_write(vm, c, lines, e);
	pthread_mutex_unlock(&chip->lock);
	for (unsigned i = 0; !r && i < c->nr_lapics; i++)
		if (chip->lapic[i])
			r = kvm_x86_deadline_push(vm->vcpu[i], chip->lapic[i]->tsc_deadline, e);
	return r;
}

int kvm_arch_irqchip_push(struct vm *vm, struct err *e)
{
	struct irqchip *chip = vm->machine->irqchip;
	struct kvm_chips *c = chips_new(vm, e);
	int r;

	if (!c)
		return -e->code;
	r = chips_read(vm, c, e);
	if (!r && !chip)
		return push_created(vm, c, e);
	if (!r)
		r = push_canonical(vm, chip, c, e);
	free(c);
	if (!r)
		kvm_ioapic_pushed(vm); /* an end of interrupt may be due already */
	return r;
}

static int lapic_pull(struct vcpu *v, struct kvm_lapic_state *page,
		      const struct x86_chip_time *t, struct lapic_state *s, struct err *e)
{
	enum { GIVEN = 2 };
	struct kvm_mp_state mp;
	struct kvm_sregs sregs;
	int r = cpu_ioctl(v, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS", e);
	uint64_t start;
	bool over;

	if (!r)
		r = cpu_ioctl(v, KVM_GET_MP_STATE, &mp, "KVM_GET_MP_STATE", e);
	if (!r)
		r = kvm_x86_deadline_pull(v, &s->tsc_deadline, e);
	if (r)
		return r;
	s->base = sregs.apic_base;
	s->wait_sipi = mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
		       mp.mp_state == KVM_MP_STATE_INIT_RECEIVED;
	over = kvm_x86_timer_pull(v, page);
	start = s->timer_start;
	x86_lapic_from_kvm(page, t, s);
	/* not due any more; a start that was kept says so already */
	if (over && s->timer_start != start && s->timer_start > GIVEN)
		s->timer_start -= GIVEN;
	return 0;
}

int kvm_arch_irqchip_pull(struct vm *vm, struct err *e)
{
	struct irqchip *chip = vm->machine->irqchip;
	struct kvm_chips *c = chips_new(vm, e);
	struct x86_chip_time t;
	int r;

	if (!c)
		return -e->code;
	r = chips_read(vm, c, e);
	if (!r)
		sync_time(vm, &t);
	for (unsigned i = 0; !r && i < c->nr_lapics; i++)
		if (chip->lapic[i])
			r = lapic_pull(vm->vcpu[i], &c->lapic[i], &t, chip->lapic[i], e);
	if (!r && kvm_vm(vm)->irq.home == IRQCHIP_KERNEL) {
		for (unsigned i = 0; chip->pic && i < 2; i++)
			x86_pic_from_kvm(&c->pic[i].chip.pic, &chip->pic[i]);
		if (chip->ioapic)
			x86_ioapic_from_kvm(&c->ioapic.chip.ioapic, chip->ioapic);
		if (chip->pit)
			x86_pit_from_kvm(&c->pit, &t, chip->pit);
	}
	if (!r)
		irqchip_pulled(vm->machine);
	free(c);
	return r;
}

int kvm_arch_pit_legacy_off(struct vm *vm, bool off)
{
	struct kvm_pit_state2 s;
	struct kvm_vm *k = kvm_vm(vm);

	if (ioctl(k->fd, KVM_GET_PIT2, &s) < 0)
		return -errno;
	if (!!(s.flags & KVM_PIT_FLAGS_HPET_LEGACY) == off)
		return 0;
	s.flags ^= KVM_PIT_FLAGS_HPET_LEGACY;
	if (ioctl(k->fd, KVM_SET_PIT2, &s) < 0)
		return -errno;
	if (!off)
		kvm_irq(vm, 0, 0);
	return 0;
}
