/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's keyboard controller (Intel UPI-41/8042 with IBM's program: PS/2 Hardware
 * Interface Technical Reference, "Keyboard and Auxiliary Device Controller").
 *
 * One output buffer. A byte of a device moves into it when it is empty and the
 * device's clock is not held; reading it takes the interrupt line down and lets the
 * next byte in, so every byte is an edge of its own.
 */
#include "hw/input/i8042.h"

#include <errno.h>

#include "hw/acpi/aml.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "hw/input/ps2.h"
#include "util/bits.h"

enum { STATUS_FULL = 0x01, STATUS_SYSTEM = 0x04, STATUS_COMMAND = 0x08, STATUS_UNLOCKED = 0x10,
       STATUS_AUX = 0x20 };
enum { CTR_KBD_INT = 0x01, CTR_AUX_INT = 0x02, CTR_SYSTEM = 0x04, CTR_KBD_OFF = 0x10,
       CTR_AUX_OFF = 0x20, CTR_TRANSLATE = 0x40 };
enum { OUT_NO_RESET = 0x01, OUT_A20 = 0x02, OUT_IDLE = 0xcc };	/* output port P2 */
enum {
	READ_RAM = 0x20, WRITE_RAM = 0x60, RAM_SIZE = 0x20,
	PASSWORD_THERE = 0xa4, AUX_OFF = 0xa7, AUX_ON = 0xa8, AUX_TEST = 0xa9, SELF_TEST = 0xaa,
	KBD_TEST = 0xab, KBD_OFF = 0xad, KBD_ON = 0xae, READ_INPUT = 0xc0, READ_OUTPUT = 0xd0,
	WRITE_OUTPUT = 0xd1, WRITE_KBD_BUFFER = 0xd2, WRITE_AUX_BUFFER = 0xd3, WRITE_AUX = 0xd4,
	A20_OFF = 0xdd, A20_ON = 0xdf, READ_TEST = 0xe0, PULSE = 0xf0,
};

struct i8042 {
	struct dev dev;
	uint8_t ram[RAM_SIZE];		/* [0]: the command byte (CTR_*) */
	uint8_t status;			/* STATUS_* but UNLOCKED */
	uint8_t output;			/* the buffer */
	uint8_t out_port;		/* P2, as written */
	uint8_t command;		/* that waits for a byte at the data port; 0: none */
	bool key_released;		/* translation: F0 was seen */
	struct ps2_kbd kbd;
	struct ps2_mouse mouse;
};

static void set_lines(struct i8042 *c)
{
	bool full = c->status & STATUS_FULL, aux = c->status & STATUS_AUX;

	irq_set(&c->dev.irq[0], full && !aux && c->ram[0] & CTR_KBD_INT);
	irq_set(&c->dev.irq[1], full && aux && c->ram[0] & CTR_AUX_INT);
}

static void put_output(struct i8042 *c, uint8_t byte, bool aux)
{
	c->output = byte;
	c->status = (uint8_t)((c->status & ~STATUS_AUX) | STATUS_FULL | (aux ? STATUS_AUX : 0));
}

/* Set 2 to set 1: the break prefix becomes the code's top bit. */
static bool translate(struct i8042 *c, uint8_t *byte)
{
	if (!(c->ram[0] & CTR_TRANSLATE))
		return true;
	if (*byte == 0xf0) {
		c->key_released = true;
		return false;
	}
	*byte = (uint8_t)(ps2_set1_from_set2(*byte) | (c->key_released ? 0x80 : 0));
	c->key_released = false;
	return true;
}

static void update(struct i8042 *c)
{
	uint8_t byte;

	while (!(c->status & STATUS_FULL) && !(c->ram[0] & CTR_KBD_OFF) &&
	       ps2_pop(&c->kbd.q, &byte))
		if (translate(c, &byte))
			put_output(c, byte, false);
	if (!(c->status & STATUS_FULL) && !(c->ram[0] & CTR_AUX_OFF) &&
	    ps2_mouse_pop(&c->mouse, &byte))
		put_output(c, byte, true);
	set_lines(c);
}

static uint64_t data_read(struct dev *d, uint64_t off, unsigned size)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);
	uint8_t v = c->output;

	c->status &= (uint8_t)~(STATUS_FULL | STATUS_AUX);
	set_lines(c);
	update(c);
	return v;
}

static uint64_t status_read(struct dev *d, uint64_t off, unsigned size)
{
	return DEV_STATE(struct i8042, d)->status | STATUS_UNLOCKED;
}

static void write_out_port(struct i8042 *c, uint8_t val)
{
	c->out_port = val;
	if (!(val & OUT_NO_RESET))
		machine_event(c->dev.machine, MACHINE_RESET, 0);
}

/* The interrupt bits of P2 follow the buffer. */
static uint8_t read_out_port(const struct i8042 *c)
{
	uint8_t full = c->status & STATUS_FULL ? c->status & STATUS_AUX ? 0x20 : 0x10 : 0;

	return (uint8_t)((c->out_port & ~0x30) | full);
}

static void write_ram(struct i8042 *c, unsigned at, uint8_t val)
{
	c->ram[at] = val;
	if (at)
		return;
	c->status = (uint8_t)((c->status & ~STATUS_SYSTEM) |
			      (val & CTR_SYSTEM ? STATUS_SYSTEM : 0));
	if (!(val & CTR_TRANSLATE))
		c->key_released = false;
}

static void run_command(struct i8042 *c, uint8_t cmd)
{
	switch (cmd) {
	case READ_RAM ... READ_RAM + RAM_SIZE - 1:
		put_output(c, c->ram[cmd - READ_RAM], false);
		break;
	case WRITE_RAM ... WRITE_RAM + RAM_SIZE - 1:
	case WRITE_OUTPUT: case WRITE_KBD_BUFFER: case WRITE_AUX_BUFFER: case WRITE_AUX:
		c->command = cmd;
		break;
	case PASSWORD_THERE: put_output(c, 0xf1, false); break;		/* none */
	case AUX_OFF: c->ram[0] |= CTR_AUX_OFF; break;
	case AUX_ON: c->ram[0] &= (uint8_t)~CTR_AUX_OFF; break;
	case AUX_TEST: case KBD_TEST: put_output(c, 0x00, false); break;
	case SELF_TEST:
		c->status |= STATUS_SYSTEM;
		c->ram[0] |= CTR_SYSTEM;
		put_output(c, 0x55, false);
		break;
	case KBD_OFF: c->ram[0] |= CTR_KBD_OFF; break;
	case KBD_ON: c->ram[0] &= (uint8_t)~CTR_KBD_OFF; break;
	case READ_INPUT: put_output(c, 0xbf, false); break;	/* P1: no lock, a colour display */
	case READ_OUTPUT: put_output(c, read_out_port(c), false); break;
	case A20_OFF: c->out_port &= (uint8_t)~OUT_A20; break;
	case A20_ON: c->out_port |= OUT_A20; break;
	case READ_TEST: put_output(c, 0x00, false); break;
	case PULSE ... 0xff:
		/* Low bits that are zero are pulsed low; bit 0 is the processor's reset. */
		if (!(cmd & OUT_NO_RESET))
			machine_event(c->dev.machine, MACHINE_RESET, 0);
		break;
	default: break;
	}
}

static void command_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);

	c->status |= STATUS_COMMAND;
	c->command = 0;
	/* A byte that replaces one nobody read is a new edge, too. */
	irq_set(&d->irq[0], 0);
	irq_set(&d->irq[1], 0);
	run_command(c, (uint8_t)val);
	update(c);
}

static void data_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);
	uint8_t cmd = c->command, byte = (uint8_t)val;

	c->status &= (uint8_t)~STATUS_COMMAND;
	c->command = 0;
	switch (cmd) {
	case 0:
		/* Data for the keyboard lets its clock go. */
		c->ram[0] &= (uint8_t)~CTR_KBD_OFF;
		ps2_kbd_write(&c->kbd, byte);
		break;
	case WRITE_OUTPUT: write_out_port(c, byte); break;
	case WRITE_KBD_BUFFER:
	case WRITE_AUX_BUFFER:
		irq_set(&d->irq[0], 0);
		irq_set(&d->irq[1], 0);
		put_output(c, byte, cmd == WRITE_AUX_BUFFER);
		break;
	case WRITE_AUX:
		c->ram[0] &= (uint8_t)~CTR_AUX_OFF;
		ps2_mouse_write(&c->mouse, byte);
		break;
	case WRITE_RAM ... WRITE_RAM + RAM_SIZE - 1:
		write_ram(c, cmd - WRITE_RAM, byte);
		break;
	}
	update(c);
}

/* ---- input ---- */

int i8042_key(struct dev *d, unsigned code, bool down)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);
	int rc;

	dev_lock(d);
	rc = ps2_kbd_key(&c->kbd, code, down);
	update(c);
	dev_unlock(d);
	return rc;
}

void i8042_motion(struct dev *d, int dx, int dy, int wheel)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);

	dev_lock(d);
	ps2_mouse_move(&c->mouse, dx, dy, wheel);
	update(c);
	dev_unlock(d);
}

void i8042_button(struct dev *d, unsigned button, bool down)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);

	dev_lock(d);
	ps2_mouse_button(&c->mouse, button, down);
	update(c);
	dev_unlock(d);
}

unsigned i8042_leds(struct dev *d)
{
	unsigned v;

	dev_lock(d);
	v = DEV_STATE(struct i8042, d)->kbd.leds;
	dev_unlock(d);
	return v;
}

static void repeat_due(void *opaque)
{
	struct i8042 *c = opaque;

	dev_lock(&c->dev);
	ps2_kbd_repeat(&c->kbd);
	update(c);
	dev_unlock(&c->dev);
}

/* ---- life ---- */

static int i8042_init(struct dev *d, struct err *e)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);

	ps2_kbd_init(&c->kbd, d->machine->clock, repeat_due, c);
	return 0;
}

/* As firmware leaves it: a guest that is entered directly looks at no more than this. */
static void i8042_reset(struct dev *d, enum reset_kind kind)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);

	c->ram[0] = CTR_KBD_INT | CTR_AUX_INT | CTR_SYSTEM | CTR_TRANSLATE;
	c->status = STATUS_SYSTEM;
	c->out_port = OUT_NO_RESET | OUT_A20 | OUT_IDLE;
	ps2_kbd_reset(&c->kbd);
	ps2_mouse_reset(&c->mouse);
	set_lines(c);
}

static int i8042_loaded(struct dev *d, struct err *e)
{
	struct i8042 *c = DEV_STATE(struct i8042, d);
	int rc;

	if (c->command && (c->command < WRITE_RAM || c->command >= WRITE_RAM + RAM_SIZE) &&
	    (c->command < WRITE_OUTPUT || c->command > WRITE_AUX))
		return err_set(e, EINVAL, "command %#x takes no byte", c->command);
	if (c->status & ~(STATUS_FULL | STATUS_SYSTEM | STATUS_COMMAND | STATUS_AUX))
		return err_set(e, EINVAL, "status %#x", c->status);
	rc = ps2_kbd_loaded(&c->kbd, e);
	return rc ? rc : ps2_mouse_loaded(&c->mouse, e);
}

static void i8042_fini(struct dev *d)
{
	timer_fini(&DEV_STATE(struct i8042, d)->kbd.timer);
}

/* Two devices to a guest: the keyboard has the ports. */
static void i8042_acpi(struct dev *d, struct aml *a)
{
	aml_device(a, "KBD");
	aml_id(a, "_HID", "PNP0303");
	aml_name(a, "_CRS");
	aml_template(a);
	aml_res_io(a, (uint16_t)d->base[0], 1);
	aml_res_io(a, (uint16_t)d->base[1], 1);
	aml_res_irq(a, d->irq_pin[0]);
	aml_end(a);
	aml_end(a);
	aml_device(a, "MOU");
	aml_id(a, "_HID", "PNP0F13");
	aml_name(a, "_CRS");
	aml_template(a);
	aml_res_irq(a, d->irq_pin[1]);
	aml_end(a);
	aml_end(a);
}

const struct dev_type dev_i8042 = {
	.name = "i8042",
	.help = "PS/2 keyboard and mouse",
	.size = sizeof(struct i8042),
	.regions = (const struct region[]){
		{ "data", 1, 1, 1, 0, data_read, data_write },
		{ "command", 1, 1, 1, 0, status_read, command_write } },
	.nr_regions = 2,
	.nr_irqs = 2,
	.state = (const struct field[]){
		FIELD_ARRAY(struct i8042, ram), FIELD(struct i8042, status),
		FIELD(struct i8042, output), FIELD(struct i8042, out_port),
		FIELD(struct i8042, command), FIELD(struct i8042, key_released),
		FIELD_SUB(struct i8042, kbd, struct ps2_kbd, ps2_kbd_fields),
		FIELD_SUB(struct i8042, mouse, struct ps2_mouse, ps2_mouse_fields),
		FIELD_END },
	.init = i8042_init,
	.reset = i8042_reset,
	.loaded = i8042_loaded,
	.fini = i8042_fini,
	.describe_acpi = i8042_acpi,
};
