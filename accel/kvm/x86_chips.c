/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel/kvm/x86_chips.h"

#include "util/bits.h"

#include <string.h>

uint32_t x86_redir_addr(uint64_t e)
{
	/* destination: bits 63:56 to 19:12; its mode: bit 11 to 2 */
	return 0xfee00000u | (uint32_t)(e >> 56) << 12 | (uint32_t)(e >> 11 & 1) << 2;
}

uint32_t x86_redir_data(uint64_t e)
{
	uint32_t level = e & X86_REDIR_LEVEL ? X86_MSI_LEVEL | 1 << 14 : 0;

	return level | (e & 0x7ff); /* vector, delivery mode */
}

/* ---- 8259A ---- */

/* ICW awaited, by KVM's init_state. */
static const uint8_t init_steps[4] = { 0, 2, 3, 4 };
static const uint8_t elcr_masks[2] = { 0xf8, 0xde };
enum { CASCADE = 1 << 2 };

void x86_pic_to_kvm(const struct pic_state *s, unsigned chip, uint8_t lines,
		    struct kvm_pic_state *k)
{
	/* the slave's request is made anew by KVM, as an edge: it must not look taken */
	k->last_irr = chip ? lines : lines & ~CASCADE;
	k->irr = s->irr;
	k->imr = s->imr;
	k->isr = s->isr;
	k->priority_add = s->priority;
	k->irq_base = s->vector_base;
	k->read_reg_select = s->read_isr;
	k->poll = s->poll;
	k->special_mask = s->special_mask;
	k->init_state = s->init_step ? s->init_step - 1 : 0;
	k->auto_eoi = s->auto_eoi;
	k->rotate_on_auto_eoi = s->rotate_on_auto_eoi;
	k->special_fully_nested_mode = s->special_fully_nested;
	k->init4 = s->icw4_wanted;
	k->elcr = s->elcr;
	k->elcr_mask = elcr_masks[chip];
}

void x86_pic_from_kvm(const struct kvm_pic_state *k, struct pic_state *s)
{
	s->irr = k->irr;
	s->imr = k->imr;
	s->isr = k->isr;
	s->priority = k->priority_add & 7;
	s->vector_base = k->irq_base;
	s->read_isr = k->read_reg_select;
	s->poll = k->poll;
	s->special_mask = k->special_mask;
	s->init_step = init_steps[k->init_state & 3];
	s->auto_eoi = k->auto_eoi;
	s->rotate_on_auto_eoi = k->rotate_on_auto_eoi;
	s->special_fully_nested = k->special_fully_nested_mode;
	s->icw4_wanted = k->init4;
	s->elcr = k->elcr;
}

/* ---- 82093AA ---- */

/*
 * Writing KVM's irr raises these pins, so that unmasked ones are delivered. For an
 * edge KVM's bit is the line, too, which it does not give back once delivered.
 */
void x86_ioapic_to_kvm(const struct ioapic_state *s, struct kvm_ioapic_state *k)
{
	k->base_address = s->base;
	k->ioregsel = s->select;
	k->id = s->id;
	k->irr = s->irr;
	k->pad = 0;
	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		k->redirtbl[i].bits = s->redir[i];
		if (s->redir[i] & X86_REDIR_LEVEL)
			k->irr |= s->lines & BIT(i);
	}
}

void x86_ioapic_from_kvm(const struct kvm_ioapic_state *k, struct ioapic_state *s)
{
	s->base = k->base_address;
	s->select = (uint8_t)k->ioregsel;
	s->id = k->id & 0xf;
	s->irr = k->irr;
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		s->redir[i] = k->redirtbl[i].bits;
}

/* ---- local APIC: the register page (SDM volume 3, table 11-1) ---- */

enum {
	REG_ID = 0x20, REG_TPR = 0x80, REG_LDR = 0xd0, REG_DFR = 0xe0, REG_SVR = 0xf0,
	REG_ISR = 0x100, REG_TMR = 0x180, REG_IRR = 0x200, REG_ESR = 0x280,
	REG_ICR = 0x300, REG_ICR2 = 0x310, REG_INITIAL = 0x380, REG_CURRENT = 0x390,
	REG_DIVIDE = 0x3e0,
};
static const uint16_t reg_lvt[LAPIC_NR_LVT] = {
	[LAPIC_LVT_CMCI] = 0x2f0,    [LAPIC_LVT_TIMER] = 0x320, [LAPIC_LVT_THERMAL] = 0x330,
	[LAPIC_LVT_PERF] = 0x340,    [LAPIC_LVT_LINT0] = 0x350, [LAPIC_LVT_LINT1] = 0x360,
	[LAPIC_LVT_ERROR] = 0x370,
};
enum { BASE_X2APIC = 1 << 10, LVT_TIMER_MODE = 3 << 17, TIMER_PERIODIC = 1 << 17,
       TIMER_DEADLINE = 2 << 17, LVT_MASKED = 1 << 16 };
#define VECTORS_ILLEGAL 0xffffu

static void put(struct kvm_lapic_state *k, unsigned reg, uint32_t val)
{
	memcpy(k->regs + reg, &val, sizeof(val));
}

static uint32_t get(const struct kvm_lapic_state *k, unsigned reg)
{
	uint32_t val;

	memcpy(&val, k->regs + reg, sizeof(val));
	return val;
}

uint32_t x86_lapic_initial(const struct kvm_lapic_state *k) { return get(k, REG_INITIAL); }
uint32_t x86_lapic_count(const struct kvm_lapic_state *k) { return get(k, REG_CURRENT); }

void x86_lapic_timer_put(struct kvm_lapic_state *k, uint32_t initial, uint32_t count)
{
	put(k, REG_INITIAL, initial);
	put(k, REG_CURRENT, count);
}

static uint32_t lvt_timer(const struct kvm_lapic_state *k)
{
	return get(k, reg_lvt[LAPIC_LVT_TIMER]);
}

bool x86_lapic_counts(const struct kvm_lapic_state *k)
{
	return get(k, REG_INITIAL) && (lvt_timer(k) & LVT_TIMER_MODE) < TIMER_DEADLINE;
}

bool x86_lapic_over(const struct kvm_lapic_state *k)
{
	return get(k, REG_INITIAL) && !get(k, REG_CURRENT) && !(lvt_timer(k) & LVT_TIMER_MODE);
}

/* Divide configuration: bits 3, 1, 0; 111 divides by one. The count's clock is 1 GHz, KVM's. */
static unsigned divide_shift(uint32_t divide)
{
	return (((divide & 3) | (divide >> 1 & 4)) + 1) & 7;
}

bool x86_lapic_ticks(const struct kvm_lapic_state *k)
{
	return get(k, REG_INITIAL) &&
	       (lvt_timer(k) & (LVT_TIMER_MODE | LVT_MASKED)) == TIMER_PERIODIC;
}

uint64_t x86_lapic_left_ns(const struct kvm_lapic_state *k)
{
	return (uint64_t)get(k, REG_CURRENT) << divide_shift(get(k, REG_DIVIDE));
}

uint64_t x86_lapic_period_ns(const struct kvm_lapic_state *k)
{
	return (uint64_t)get(k, REG_INITIAL) << divide_shift(get(k, REG_DIVIDE));
}

void x86_lapic_tick(struct kvm_lapic_state *k)
{
	unsigned vector = lvt_timer(k) & 0xff, reg = 16 * (vector / 32);

	put(k, REG_IRR + reg, get(k, REG_IRR + reg) | BIT(vector % 32));
	put(k, REG_TMR + reg, get(k, REG_TMR + reg) & ~BIT(vector % 32));
}

static uint32_t current_count(const struct lapic_state *s, uint64_t now)
{
	unsigned shift = divide_shift(s->timer_divide);
	uint64_t period = (uint64_t)s->timer_initial << shift, gone;

	if (!period || (s->lvt[LAPIC_LVT_TIMER] & LVT_TIMER_MODE) >= TIMER_DEADLINE)
		return 0;
	gone = now > s->timer_start ? now - s->timer_start : 0;
	if (s->lvt[LAPIC_LVT_TIMER] & TIMER_PERIODIC)
		gone %= period;
	else if (gone >= period)
		return 0;
	return (uint32_t)((period - gone + BIT(shift) - 1) >> shift);
}

void x86_lapic_to_kvm(const struct lapic_state *s, const struct x86_chip_time *t,
		      struct kvm_lapic_state *k)
{
	put(k, REG_ID, s->base & BASE_X2APIC ? s->id : s->id << 24);
	put(k, REG_TPR, s->tpr);
	put(k, REG_LDR, s->ldr);
	put(k, REG_DFR, s->dfr);
	put(k, REG_SVR, s->svr);
	put(k, REG_ESR, s->esr);
	put(k, REG_ICR, (uint32_t)s->icr);
	put(k, REG_ICR2, (uint32_t)(s->icr >> 32));
	for (unsigned i = 0; i < 8; i++) {
		put(k, REG_ISR + 16 * i, s->isr[i]);
		put(k, REG_TMR + 16 * i, s->tmr[i]);
		put(k, REG_IRR + 16 * i, s->irr[i]);
	}
	for (unsigned i = 0; i < LAPIC_NR_LVT; i++)
		put(k, reg_lvt[i], s->lvt[i]);
	put(k, REG_INITIAL, s->timer_initial);
	put(k, REG_CURRENT, current_count(s, t->now));
	put(k, REG_DIVIDE, s->timer_divide);
}

/*
 * A one-shot timer whose count is over has either interrupted or is about to: the page does not
 * say which. It is taken as due now: an interrupt too many does less harm than one too few. (KVM
 * does the same with such a page.) Who knows better says so (x86_clock.c).
 */
static uint64_t timer_start(const struct kvm_lapic_state *k, uint64_t now)
{
	uint32_t initial = get(k, REG_INITIAL), count = get(k, REG_CURRENT);
	uint64_t gone = (uint64_t)(initial - MIN(count, initial))
			<< divide_shift(get(k, REG_DIVIDE));

	if (initial && !count)
		gone--; /* still to come */
	return now > gone ? now - gone : 0;
}

void x86_lapic_from_kvm(const struct kvm_lapic_state *k, const struct x86_chip_time *t,
			struct lapic_state *s)
{
	uint32_t initial = get(k, REG_INITIAL), divide = get(k, REG_DIVIDE) & 0xb;
	uint32_t id = get(k, REG_ID);
	bool kept = t->same && s->timer_initial == initial && s->timer_divide == divide;
	unsigned waiting = 0;

	s->id = s->base & BASE_X2APIC ? id : id >> 24;
	s->tpr = get(k, REG_TPR) & 0xff;
	s->ldr = get(k, REG_LDR);
	s->dfr = get(k, REG_DFR);
	s->svr = get(k, REG_SVR);
	s->esr = get(k, REG_ESR);
	s->icr = get(k, REG_ICR) | (uint64_t)get(k, REG_ICR2) << 32;
	for (unsigned i = 0; i < 8; i++) {
		s->isr[i] = get(k, REG_ISR + 16 * i);
		s->tmr[i] = get(k, REG_TMR + 16 * i);
		s->irr[i] = get(k, REG_IRR + 16 * i);
		if (!i) { /* KVM takes vectors below 16, which are errors (11.5.2) */
			s->isr[i] &= ~VECTORS_ILLEGAL;
			s->irr[i] &= ~VECTORS_ILLEGAL;
		}
		waiting += (unsigned)__builtin_popcount(s->irr[i]);
	}
	s->nr_vectors = (uint8_t)waiting;
	for (unsigned i = 0; i < LAPIC_NR_LVT; i++)
		s->lvt[i] = get(k, reg_lvt[i]);
	s->timer_initial = initial;
	s->timer_divide = divide;
	if (!kept)
		s->timer_start = timer_start(k, t->now);
}

/* ---- 8254 ---- */

enum { RW_BOTH = 3, KVM_NO_MODE = 0xff, PIT_COUNT_MAX = 0x10000 };

/* Gate 0 holds the count in these modes (8254 data sheet, table 3 of gate operations). */
static bool stopped(unsigned gate, unsigned mode)
{
	return !gate && mode != 1 && mode != 5;
}

/*
 * KVM has no counter that waits: one without a count is given the longest, and
 * ticks once too often. A new count that is to follow the one that runs takes its
 * place at once, as KVM does when the guest writes it.
 */
static void channel_to_kvm(const struct pit_channel *s, const struct x86_chip_time *t,
			   struct kvm_pit_channel_state *k)
{
	uint64_t gone = stopped(s->gate, s->mode) ? s->start :
			t->now > s->start	  ? t->now - s->start :
						    0;

	if (s->start == UINT64_MAX || s->next_count)
		gone = 0;
	memset(k, 0, sizeof(*k));
	k->count = s->next_count ? s->next_count : s->count ? s->count : PIT_COUNT_MAX;
	k->latched_count = s->latched_count;
	k->count_latched = s->count_latched;
	k->status_latched = s->status_latched;
	k->status = s->status;
	k->read_state = s->rw_mode + (s->rw_mode == RW_BOTH && s->read_step);
	k->write_state = s->rw_mode + (s->rw_mode == RW_BOTH && s->write_step);
	k->write_latch = s->write_latch;
	k->rw_mode = s->rw_mode;
	k->mode = s->mode;
	k->bcd = s->bcd;
	k->gate = s->gate;
	k->count_load_time = (int64_t)(t->now + t->base - gone);
}

/* Channel 0 is a timer of KVM's, whose phase it keeps for itself: it counts from now. */
static void channel_from_kvm(const struct kvm_pit_channel_state *k, const struct x86_chip_time *t,
			     bool timer, struct pit_channel *s)
{
	uint64_t host = t->now + t->base, load = (uint64_t)k->count_load_time;
	uint64_t gone = timer || load > host ? 0 : host - load;

	memset(s, 0, sizeof(*s));
	s->rw_mode = k->rw_mode & RW_BOTH ? k->rw_mode & RW_BOTH : RW_BOTH;
	if (k->mode != KVM_NO_MODE) { /* else never programmed */
		s->mode = k->mode > 7 ? 0 : k->mode > 5 ? k->mode - 4 : k->mode;
		s->count = MIN(k->count, (uint32_t)PIT_COUNT_MAX);
	}
	s->latched_count = k->latched_count;
	s->count_latched = k->count_latched & RW_BOTH;
	s->status_latched = !!k->status_latched;
	s->status = k->status;
	s->read_step = k->read_state > RW_BOTH;
	s->write_step = k->write_state > RW_BOTH;
	s->write_latch = k->write_latch;
	s->bcd = k->bcd & 1;
	s->gate = k->gate & 1;
	if (!s->count)
		s->start = UINT64_MAX;
	else
		s->start = stopped(s->gate, s->mode) ? gone : t->now > gone ? t->now - gone : 0;
}

void x86_pit_to_kvm(const struct pit_state *s, const struct x86_chip_time *t,
		    struct kvm_pit_state2 *k)
{
	memset(k, 0, sizeof(*k));
	for (unsigned i = 0; i < 3; i++)
		channel_to_kvm(&s->channel[i], t, &k->channels[i]);
	k->flags = (s->legacy_off ? KVM_PIT_FLAGS_HPET_LEGACY : 0) |
		   (s->speaker_data ? KVM_PIT_FLAGS_SPEAKER_DATA_ON : 0);
}

void x86_pit_from_kvm(const struct kvm_pit_state2 *k, const struct x86_chip_time *t,
		      struct pit_state *s)
{
	struct kvm_pit_state2 known;

	if (t->same) { /* nothing has happened: phases stay known */
		x86_pit_to_kvm(s, t, &known);
		for (unsigned i = 0; i < 3; i++)
			known.channels[i].count_load_time = k->channels[i].count_load_time;
		if (!memcmp(known.channels, k->channels, sizeof(known.channels)) &&
		    known.flags == k->flags)
			return;
	}
	for (unsigned i = 0; i < 3; i++)
		channel_from_kvm(&k->channels[i], t, !i, &s->channel[i]);
	s->speaker_data = !!(k->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	s->legacy_off = !!(k->flags & KVM_PIT_FLAGS_HPET_LEGACY);
}
