/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "hpet": high precision event timer.
 *
 *	region 0	registers, 1 KiB at HPET_BASE
 *	irq lines	HPET_LINE_*: connect HPET_GSI lines to irqchip_gsi of hpet_line_gsi(line)
 *
 * Messages (FSB delivery) go to machine_msi. The RTC's line goes through the HPET,
 * which cuts it off while legacy replacement is on:
 *	dev_connect(rtc, 0, hpet_rtc_line, hpet, 0)
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

struct dev;

#define HPET_BASE 0xfed00000u

enum {
	HPET_LINE_GSI0,		/* timer 0 in legacy mode; route 2 (the IOAPIC's pin of GSI 0) */
	HPET_LINE_GSI8,		/* timer 1 in legacy mode, else the RTC; route 8 */
	HPET_LINE_GSI16, HPET_LINE_GSI17, HPET_LINE_GSI18, HPET_LINE_GSI19,
	HPET_NR_GSI_LINES,
	/* High while legacy replacement is on: irqchip_pit_legacy_off(m, level). */
	HPET_LINE_PIT_OFF = HPET_NR_GSI_LINES,
	HPET_NR_LINES,
};

/* The GSI of a line below HPET_NR_GSI_LINES. */
static inline unsigned hpet_line_gsi(unsigned line)
{
	return line < 2 ? line * 8 : 14 + line;
}
/* Input: the RTC's interrupt. `hpet` is the struct dev. */
void hpet_rtc_line(void *hpet, unsigned pin, int level);
/* Low half of the capability register: the ACPI table's "event timer block ID". */
unsigned hpet_block_id(struct dev *d);

#endif
