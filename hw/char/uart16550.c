/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART (National Semiconductor PC16550D data sheet; section numbers are
 * its). The line has no speed: a transmitted byte has left when the write
 * returns, so THRE and TEMT always read as set, and a receive time-out is bounded
 * by a millisecond whatever the divisor says.
 *
 * Two ways to the same eight registers: "mmio" spaced by 1 << reg_shift bytes,
 * and "ports" for the PC.
 */
#include <errno.h>

#include "hw/acpi/aml.h"
#include "hw/core/fdt.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "io/char/char.h"
#include "util/bits.h"

#define FIFO_SIZE	   16
#define TIMEOUT_MAX_NS	   UINT64_C(1000000)
#define MMIO_SIZE	   0x100

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };
enum { IER_RDA = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_MODEM = 0, IIR_NONE = 1, IIR_THRE = 2, IIR_RDA = 4, IIR_LINE = 6, IIR_TIMEOUT = 12,
       IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_KEPT = 0xc9 };
enum { LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_PE = 4, LSR_FE = 8, LSR_BI = 16, LSR_THRE = 32, LSR_TEMT = 64,
       LSR_FIFO_ERR = 128, LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI };
enum { MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128, MSR_DELTAS = 15, MSR_TERI = 4 };

struct uart {
	struct dev dev;
	struct chardev *chardev;
	uint32_t clock_hz, reg_shift;
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t lsr;			/* error bits only; the rest is computed */
	uint8_t msr;
	uint16_t divisor;
	bool thre_pending;		/* the THRE interrupt has not been seen (table IV) */
	bool timed_out;			/* 8.0: four character times without a read */
	uint8_t head, count;
	uint8_t fifo[FIFO_SIZE];
	uint8_t errors[FIFO_SIZE];	/* LSR bits that come with the character */
	struct timer timeout;
};

static unsigned fifo_depth(struct uart *u)
{
	return u->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned fifo_trigger(struct uart *u)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* 8.4 and table IV: the interrupt of highest priority. */
static uint8_t uart_iir(struct uart *u)
{
	if ((u->ier & IER_LINE) && u->lsr)
		return IIR_LINE;
	if ((u->ier & IER_RDA) && u->count >= fifo_trigger(u))
		return IIR_RDA;
	if ((u->ier & IER_RDA) && u->timed_out)
		return IIR_TIMEOUT;
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && (u->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

static void uart_update(struct uart *u)
{
	irq_set(&u->dev.irq[0], uart_iir(u) != IIR_NONE);
}

/* Restarts the time-out: four characters of ten bits of 16 clocks a divisor step. */
static void uart_arm_timeout(struct uart *u)
{
	uint64_t ns = (uint64_t)u->divisor * 16 * 10 * 4 * 1000000000 / u->clock_hz;

	u->timed_out = false;
	if (!(u->fcr & FCR_ENABLE) || !u->count)
		timer_set(&u->timeout, TIMER_NEVER);
	else
		timer_set(&u->timeout, dev_now(&u->dev) + MIN(ns, TIMEOUT_MAX_NS));
}

static void uart_timed_out(void *opaque)
{
	struct uart *u = opaque;

	dev_lock(&u->dev);
	if (u->count && (u->fcr & FCR_ENABLE)) {
		u->timed_out = true;
		uart_update(u);
	}
	dev_unlock(&u->dev);
}

static void fifo_push(struct uart *u, uint8_t byte, uint8_t errors)
{
	unsigned at;

	if (u->count == fifo_depth(u)) {
		u->lsr |= LSR_OE;
		if (u->fcr & FCR_ENABLE)
			return;		/* the FIFO keeps, the shift register is lost (8.6.2) */
		u->count = 0;		/* without FIFO the new character replaces the old */
	}
	at = (u->head + u->count) % FIFO_SIZE;
	u->fifo[at] = byte;
	u->errors[at] = errors;
	if (!u->count++)
		u->lsr |= errors;	/* errors are told when the character comes on top */
}

static uint8_t fifo_pop(struct uart *u)
{
	uint8_t byte;

	if (!u->count)
		return u->fifo[(u->head + FIFO_SIZE - 1) % FIFO_SIZE];	/* the chip's latch */
	byte = u->fifo[u->head];
	u->head = (u->head + 1) % FIFO_SIZE;
	if (--u->count)
		u->lsr |= u->errors[u->head];
	return byte;
}

static void fifo_clear(struct uart *u)
{
	u->head = u->count = 0;
	u->timed_out = false;
	timer_set(&u->timeout, TIMER_NEVER);
}

static uint8_t uart_lsr(struct uart *u)
{
	uint8_t v = u->lsr | LSR_THRE | LSR_TEMT | (u->count ? LSR_DR : 0);

	if (u->fcr & FCR_ENABLE)
		for (unsigned i = 0; i < u->count; i++)
			if (u->errors[(u->head + i) % FIFO_SIZE])
				v |= LSR_FIFO_ERR;
	return v;
}

/* The modem lines: a peer that is always ready, or the own outputs in loopback (8.7). */
static void uart_modem(struct uart *u)
{
	uint8_t now = MSR_CTS | MSR_DSR | MSR_DCD, was = u->msr & ~MSR_DELTAS, delta;

	if (u->mcr & MCR_LOOP)
		now = (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
		      (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
	delta = (now ^ was) >> 4;
	if (now & MSR_RI)
		delta &= ~MSR_TERI;	/* the trailing edge only */
	u->msr = now | (u->msr & MSR_DELTAS) | delta;
}

/* A character has come. A time-out that was told stays until a read (FIFO interrupt mode, C). */
static void uart_received(struct uart *u)
{
	if (!u->timed_out)
		uart_arm_timeout(u);
	uart_update(u);
}

static void uart_transmit(struct uart *u, uint8_t byte)
{
	if (u->mcr & MCR_LOOP) {
		fifo_push(u, byte, 0);
		uart_received(u);
	} else {
		chardev_write(u->chardev, &byte, 1);
	}
	u->thre_pending = true;
}

static uint8_t uart_read_reg(struct uart *u, unsigned reg)
{
	uint8_t v;

	switch (reg) {
	case REG_DATA:
		if (u->lcr & LCR_DLAB)
			return (uint8_t)u->divisor;
		v = fifo_pop(u);
		uart_arm_timeout(u);
		uart_update(u);
		if (!(u->mcr & MCR_LOOP))
			chardev_accept_more(u->chardev);
		return v;
	case REG_IER:
		return u->lcr & LCR_DLAB ? u->divisor >> 8 : u->ier;
	case REG_IIR_FCR:
		v = uart_iir(u);
		if (v == IIR_THRE) {
			u->thre_pending = false;
			uart_update(u);
		}
		return v | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		v = uart_lsr(u);
		u->lsr = 0;
		if (u->count)
			u->errors[u->head] = 0;	/* told */
		uart_update(u);
		return v;
	case REG_MSR:
		v = u->msr;
		u->msr &= ~MSR_DELTAS;
		uart_update(u);
		return v;
	default:
		return u->scr;
	}
}

static void uart_write_fcr(struct uart *u, uint8_t val)
{
	/* A change of the enable bit empties the FIFOs; the other bits count only with it (8.3). */
	if ((val ^ u->fcr) & FCR_ENABLE || (val & FCR_CLEAR_RX))
		fifo_clear(u);
	u->fcr = val & FCR_ENABLE ? val & FCR_KEPT : 0;
	chardev_accept_more(u->chardev);
}

static void uart_write_reg(struct uart *u, unsigned reg, uint8_t val)
{
	switch (reg) {
	case REG_DATA:
		if (u->lcr & LCR_DLAB)
			u->divisor = (u->divisor & 0xff00) | val;
		else
			uart_transmit(u, val);
		break;
	case REG_IER:
		if (u->lcr & LCR_DLAB) {
			u->divisor = (uint16_t)((u->divisor & 0xff) | val << 8);
			break;
		}
		/* The transmitter is empty: enabling its interrupt raises it at once. */
		if (val & ~u->ier & IER_THRE)
			u->thre_pending = true;
		u->ier = val & 0x0f;
		break;
	case REG_IIR_FCR:
		uart_write_fcr(u, val);
		break;
	case REG_LCR:
		u->lcr = val;
		break;
	case REG_MCR:
		if (u->mcr & ~val & MCR_LOOP)
			chardev_accept_more(u->chardev);
		u->mcr = val & 0x1f;
		uart_modem(u);
		break;
	case REG_SCR:
		u->scr = val;
		break;
	default:		/* LSR and MSR: writes are for the factory (8.6) */
		break;
	}
	uart_update(u);
}

static uint64_t mmio_read(struct dev *d, uint64_t off, unsigned size)
{
	struct uart *u = DEV_STATE(struct uart, d);

	if (off >> u->reg_shift > REG_SCR || off & mask_bits(u->reg_shift))
		return 0;
	return uart_read_reg(u, (unsigned)(off >> u->reg_shift));
}

static void mmio_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct uart *u = DEV_STATE(struct uart, d);

	if (off >> u->reg_shift <= REG_SCR && !(off & mask_bits(u->reg_shift)))
		uart_write_reg(u, (unsigned)(off >> u->reg_shift), (uint8_t)val);
}

static uint64_t port_read(struct dev *d, uint64_t off, unsigned size)
{
	return uart_read_reg(DEV_STATE(struct uart, d), (unsigned)off);
}

static void port_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	uart_write_reg(DEV_STATE(struct uart, d), (unsigned)off, (uint8_t)val);
}

/* The back end's side, on its thread. */

static size_t uart_can_receive(void *opaque)
{
	struct uart *u = opaque;
	size_t n;

	dev_lock(&u->dev);
	n = u->mcr & MCR_LOOP ? 0 : fifo_depth(u) - u->count;
	dev_unlock(&u->dev);
	return n;
}

static void uart_receive(void *opaque, const uint8_t *buf, size_t n)
{
	struct uart *u = opaque;

	dev_lock(&u->dev);
	for (size_t i = 0; i < n && !(u->mcr & MCR_LOOP); i++)
		fifo_push(u, buf[i], 0);
	uart_received(u);
	dev_unlock(&u->dev);
}

static void uart_event(void *opaque, enum chardev_event ev)
{
	struct uart *u = opaque;

	if (ev != CHARDEV_BREAK)
		return;
	dev_lock(&u->dev);
	if (!(u->mcr & MCR_LOOP)) {
		fifo_push(u, 0, LSR_BI);	/* one zero character, however long (8.6.5) */
		uart_received(u);
	}
	dev_unlock(&u->dev);
}

static int uart_init(struct dev *d, struct err *e)
{
	struct uart *u = DEV_STATE(struct uart, d);

	if (u->reg_shift > 5)
		return err_set(e, EINVAL, "reg_shift=%u: 0 to 5 are possible", u->reg_shift);
	if (!u->clock_hz)
		return err_set(e, EINVAL, "clock_hz must not be zero");
	timer_init(&u->timeout, d->machine->clock, uart_timed_out, u);
	if (u->chardev)
		chardev_attach(u->chardev, uart_can_receive, uart_receive, uart_event, u);
	return 0;
}

static void uart_reset(struct dev *d, enum reset_kind kind)
{
	struct uart *u = DEV_STATE(struct uart, d);

	u->divisor = 1;
	uart_modem(u);
	u->msr &= ~MSR_DELTAS;
	uart_update(u);
	if (u->chardev)
		chardev_accept_more(u->chardev);
}

static int uart_loaded(struct dev *d, struct err *e)
{
	struct uart *u = DEV_STATE(struct uart, d);

	if (u->head >= FIFO_SIZE || u->count > fifo_depth(u))
		return err_set(e, EINVAL, "the receive FIFO is out of range");
	u->lsr &= LSR_ERRORS;
	for (unsigned i = 0; i < FIFO_SIZE; i++)
		u->errors[i] &= LSR_ERRORS;
	return 0;
}

static void uart_fini(struct dev *d)
{
	struct uart *u = DEV_STATE(struct uart, d);

	if (u->chardev)
		chardev_attach(u->chardev, NULL, NULL, NULL, NULL);
	timer_fini(&u->timeout);
}

static void uart_fdt(struct dev *d, struct fdt *f)
{
	struct uart *u = DEV_STATE(struct uart, d);

	if (!d->space[0])
		return;
	fdt_dev_node(f, d, "serial", "ns16550a");
	fdt_prop_u32(f, "clock-frequency", u->clock_hz);
	if (u->reg_shift)
		fdt_prop_u32(f, "reg-shift", u->reg_shift);
	fdt_node_end(f);
}

/* COM1 to COM4, by their ports. */
static void uart_acpi(struct dev *d, struct aml *a)
{
	static const uint16_t com[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

	for (unsigned i = 0; i < ARRAY_SIZE(com); i++) {
		char name[] = { 'C', 'O', 'M', (char)('1' + i), 0 };

		if (d->base[1] != com[i])
			continue;
		aml_dev(a, d, name, "PNP0501");
		aml_name_int(a, "_UID", i + 1);
		aml_end(a);
	}
}

const struct dev_type dev_uart16550a = {
	.name = "uart16550a",
	.help = "16550A serial port",
	.size = sizeof(struct uart),
	.props = (const struct prop[]){
		PROP(struct uart, chardev, PROP_PTR, "back end", NULL),
		PROP(struct uart, clock_hz, PROP_U32, "input clock in Hz", "3686400"),
		PROP(struct uart, reg_shift, PROP_U32, "log2 of the distance of registers", NULL),
		PROP_END },
	.regions = (const struct region[]){
		{ "mmio", MMIO_SIZE, 1, 4, 0, mmio_read, mmio_write },
		{ "ports", 8, 1, 1, 0, port_read, port_write } },
	.nr_regions = 2,
	.nr_irqs = 1,
	.state = (const struct field[]){
		FIELD(struct uart, ier), FIELD(struct uart, fcr), FIELD(struct uart, lcr),
		FIELD(struct uart, mcr), FIELD(struct uart, scr), FIELD(struct uart, lsr),
		FIELD(struct uart, msr), FIELD(struct uart, divisor),
		FIELD(struct uart, thre_pending), FIELD(struct uart, timed_out),
		FIELD(struct uart, head), FIELD(struct uart, count),
		FIELD_ARRAY(struct uart, fifo), FIELD_ARRAY(struct uart, errors),
		FIELD(struct uart, timeout),
		FIELD_END },
	.init = uart_init,
	.reset = uart_reset,
	.loaded = uart_loaded,
	.fini = uart_fini,
	.describe_fdt = uart_fdt,
	.describe_acpi = uart_acpi,
};
