/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forms of the PC's interrupt chips: canonical (hw/core/irqchip.h) and KVM's. Pure
 * functions; to_kvm changes only what the canonical struct says, so that what only
 * KVM has stays as it was read.
 */
#ifndef ACCEL_KVM_X86_CHIPS_H
#define ACCEL_KVM_X86_CHIPS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/core/irqchip.h"

/* Redirection table entries (82093AA data sheet, 3.2.4). */
enum {
	X86_REDIR_STATUS = 1 << 12,
	X86_REDIR_LOW = 1 << 13,
	X86_REDIR_REMOTE_IRR = 1 << 14,
	X86_REDIR_LEVEL = 1 << 15,
	X86_REDIR_MASKED = 1 << 16,
};
enum { X86_MSI_LEVEL = 1 << 15 };
/* The message an entry sends (SDM volume 3, 11.11). */
uint32_t x86_redir_addr(uint64_t e);
uint32_t x86_redir_data(uint64_t e);

/*
 * The moment of a push or pull. KVM's clock is the host's monotonic one: base is
 * that minus virtual time. same: virtual time has not moved since the last push or
 * pull; the guest did not run, and what the structs say of time is still exact.
 */
struct x86_chip_time {
	uint64_t now, base;
	bool same;
};

void x86_pic_to_kvm(const struct pic_state *s, unsigned chip, uint8_t lines,
		    struct kvm_pic_state *k);
void x86_pic_from_kvm(const struct kvm_pic_state *k, struct pic_state *s);
void x86_ioapic_to_kvm(const struct ioapic_state *s, struct kvm_ioapic_state *k);
void x86_ioapic_from_kvm(const struct kvm_ioapic_state *k, struct ioapic_state *s);
/* s->base says which form the page has; from_kvm: set by the caller, as wait_sipi and
 * tsc_deadline are. */
void x86_lapic_to_kvm(const struct lapic_state *s, const struct x86_chip_time *t,
		      struct kvm_lapic_state *k);
void x86_lapic_from_kvm(const struct kvm_lapic_state *k, const struct x86_chip_time *t,
			struct lapic_state *s);
uint32_t x86_lapic_initial(const struct kvm_lapic_state *k); /* the timer's initial count */
uint32_t x86_lapic_count(const struct kvm_lapic_state *k);
void x86_lapic_timer_put(struct kvm_lapic_state *k, uint32_t initial, uint32_t count);
bool x86_lapic_counts(const struct kvm_lapic_state *k);	/* one-shot or periodic */
bool x86_lapic_over(const struct kvm_lapic_state *k);	/* one-shot, and the count is 0 */
bool x86_lapic_ticks(const struct kvm_lapic_state *k);	/* periodic, and not masked */
/* Of a counting timer: until its count is over, and from the initial count on; ns. */
uint64_t x86_lapic_left_ns(const struct kvm_lapic_state *k);
uint64_t x86_lapic_period_ns(const struct kvm_lapic_state *k);
void x86_lapic_tick(struct kvm_lapic_state *k);		/* its interrupt is requested */
void x86_pit_to_kvm(const struct pit_state *s, const struct x86_chip_time *t,
		    struct kvm_pit_state2 *k);
void x86_pit_from_kvm(const struct kvm_pit_state2 *k, const struct x86_chip_time *t,
		      struct pit_state *s);

#endif
