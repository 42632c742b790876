/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each operation of the input becomes a few instructions. Before each, ebp gets the
 * address of the next: where a fault ends up, the handler goes on from there.
 */
#include "tests/fuzz/pc_guest.h"

#include <stdlib.h>
#include <string.h>

#include "hw/machine/pc.h"
#include "hw/pci/pci.h"
#include "hw/pci/q35.h"
#include "tests/fuzz/pc_code.h"
#include "util/bits.h"

enum { CODE_MAX = 0xb0000, REAL_MAX = 0xf000, IDT = PCG_TABLES + 0x8000, IDTR = IDT + 0x1000,
       STARTS = IDTR + 16, REAL_STARTS = 0xfff0, REAL_STACK = 0xffe0 };
enum { AT_FAULT = 0x10, AT_IRQ = 0x20, AT_START = 0x50 };

/* ---- the input's choices ---- */

static uint64_t arena(struct emit *e) { return PCG_ARENA + in_u16(e->in) * 16u; }

static uint64_t value(struct emit *e)
{
	switch (in_u8(e->in) % 8) {
	case 0: case 1: return in_u8(e->in);
	case 2: return in_u32(e->in);
	case 3: return in_u64(e->in);
	case 4: return arena(e);
	case 5: return UINT64_MAX << in_u8(e->in) % 64;
	case 6: return UINT64_C(1) << in_u8(e->in) % 64;
	default: return 0xfee00000 + (in_u8(e->in) & 3) * 0x1000u;
	}
}

static unsigned size_of(struct emit *e, unsigned most) { return 1u << in_u8(e->in) % most; }

static uint64_t mmio(struct emit *e)
{
	static const uint64_t fixed[] = {
		PC_IOAPIC, PC_LAPIC, PC_HPET, Q35_ECAM_BASE, 0xfffc0000, 0xa0000, 0xfed40000,
		0xfffffff0, PC_HIGH_BASE, 0xc0000, 0xe0000, 0xf0000,
	};
	const struct pcg_places *pl = e->pl;
	unsigned n = in_u8(e->in), how = in_u8(e->in);
	uint64_t base, size = 0x1000;

	if (pl->nr_mmio && n & 0xc0) {
		base = pl->mmio[n % pl->nr_mmio].base;
		size = pl->mmio[n % pl->nr_mmio].size;
	} else {
		base = fixed[n % ARRAY_SIZE(fixed)];
	}
	switch (how % 4) {
	case 0: return base + in_u8(e->in) * 4u % size;
	case 1: return base + in_u16(e->in) * 4u % size;
	case 2: return base + in_u8(e->in) * UINT64_C(0x1000) % size + in_u8(e->in) % 16;
	default: return base + (in_u32(e->in) % size) - (how & 0x80 ? 3 : 0);
	}
}

static unsigned port(struct emit *e)
{
	static const uint16_t hot[] = { 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x42, 0x43, 0x61, 0x60, 0x64,
		0x70, 0x71, 0x92, 0x3f8, 0x3f9, 0x3fa, 0x3fc, 0x402, 0x4d0, 0x510, 0x511,
		0x514, 0x518, 0x600, 0x602, 0x604, 0x620, 0x628, 0x630, 0xb2, 0xcf8, 0xcfb, 0xcfc,
		0xcfe };
	unsigned n = in_u8(e->in);

	if (n & 0x80 && e->pl->nr_pio) {
		n %= e->pl->nr_pio;
		return (unsigned)(e->pl->pio[n].base + in_u8(e->in) % e->pl->pio[n].size);
	}
	return n & 0x40 ? in_u16(e->in) : hot[n % ARRAY_SIZE(hot)];
}

static unsigned devfn(struct emit *e)
{
	unsigned n = in_u8(e->in);

	return n & 0xc0 && e->pl->nr_devfn ? e->pl->devfn[n % e->pl->nr_devfn] : n;
}

/* ---- operations ---- */

static void op_string(struct emit *e)
{
	unsigned how = in_u8(e->in);
	uint64_t at = how & 8 ? mmio(e) : arena(e);

	if (!code_point(e, at))
		return;
	/* what lods and outs read: the arena, or the program's own segment */
	code_byte(e, 0xbe);
	if (e->bits == 16)
		code_16(e, in_u16(e->in));
	else
		code_32(e, (uint32_t)arena(e));
	code_load(e, ECX, in_u8(e->in) % 64);
	code_load(e, EDX, port(e));
	if (how & 0x80)
		code_byte(e, 0xfd);
	if (how & 0x40)
		code_byte(e, 0x66);
	code_byte(e, 0xf3);
	code_byte(e, (const uint8_t[8]){ 0x6c, 0x6d, 0x6e, 0x6f, 0xa4, 0xa5, 0xaa, 0xab }[how & 7]);
	code_byte(e, 0xfc);
}

/* Read-modify-write instructions on registers. */
static void op_rmw(struct emit *e)
{
	static const uint8_t ops[][2] = { { 0, 0x86 }, { 0x0f, 0xb0 }, { 0x0f, 0xc0 }, { 0, 0x08 },
					  { 0, 0x30 }, { 0, 0x00 }, { 0, 0x84 }, { 0, 0x38 } };
	unsigned n = in_u8(e->in), size = size_of(e, e->bits == 64 ? 4 : 3);

	if (!code_point(e, mmio(e)))
		return;
	code_load(e, EAX, value(e));
	if (e->bits == 16)
		code_byte(e, 0x26);
	if (n & 0x80 && n % 8 > 0 && n % 8 < 6)
		code_byte(e, 0xf0);
	code_operand(e, size);
	if (ops[n % 8][0])
		code_byte(e, ops[n % 8][0]);
	code_byte(e, ops[n % 8][1] | (size != 1));
	code_rm(e, ECX);
}

static void op_config(struct emit *e)
{
	static const uint8_t regs[] = { 4, 5, 6, 0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x19, 0x1a,
					0x30, 0x3c, 0x40, 0x44, 0x50, 0x54, 0x60, 0x64, 0x80 };
	unsigned how = in_u8(e->in), off = in_u8(e->in), size = size_of(e, 3);
	unsigned fn = devfn(e), bus = how & 0x20 ? in_u8(e->in) % 4 : 0;

	off = off & 0x80 ? off * 2 : regs[off % ARRAY_SIZE(regs)];
	if (how & 0x40) {
		uint64_t at = Q35_ECAM_BASE | bus << 20 | fn << 12 | off;

		if (how & 1)
			code_store(e, at, size, value(e));
		else
			code_fetch(e, at, size);
		return;
	}
	code_out(e, 0xcf8, 4, 0x80000000 | bus << 16 | fn << 8 | (off & 0xfc));
	if (how & 1)
		code_out(e, 0xcfc + (off & 3), size, (uint32_t)value(e));
	else
		code_in(e, 0xcfc + (off & 3), size);
}

static void wrmsr(struct emit *e, uint32_t msr, uint64_t v)
{
	code_load(e, ECX, msr);
	code_load(e, EAX, (uint32_t)v);
	code_load(e, EDX, (uint32_t)(v >> 32));
	CODE(e, "\x0f\x30");
}

static void op_msr(struct emit *e)
{
	static const uint32_t hot[] = { 0x10, 0x1b, 0x3a, 0x3b, 0xfe, 0x174, 0x179, 0x17a, 0x1a0,
		0x1d9, 0x200, 0x20f, 0x250, 0x26f, 0x277, 0x2ff, 0x400, 0x6e0, 0x6e0, 0x802, 0x808,
		0x80b, 0x80d, 0x80f, 0x830, 0x832, 0x838, 0x83e, 0x83f, 0xc0000080, 0xc0000081,
		0xc0000082, 0xc0000100, 0xc0000101, 0xc0000103, 0x4b564d00, 0x4b564d01, 0x4b564d02,
		0x4b564d03, 0x4b564d04, 0x40000000, 0x40000073 };
	unsigned n = in_u8(e->in);
	uint32_t msr = n & 0x40 ? 0x800u + in_u8(e->in) % 0x40 : hot[n % ARRAY_SIZE(hot)];

	if (n & 0x80) {
		code_load(e, ECX, msr);
		CODE(e, "\x0f\x32");
		return;
	}
	if (msr == 0x1b && in_u8(e->in) & 3)
		wrmsr(e, msr, 0xfee00000 | (in_u8(e->in) & 0xd) << 8);
	else
		wrmsr(e, msr, value(e));
}

/* Which timer, and a halt that it may end. */
static void op_halt(struct emit *e)
{
	unsigned how = in_u8(e->in), n = in_u8(e->in);

	switch (how % 6) {
	case 0: case 1:
		code_out(e, 0x21, 1, 0xfe);
		code_out(e, 0x43, 1, 0x30 | (n & 0xe));
		code_out(e, 0x40, 1, n);
		code_out(e, 0x40, 1, 1);
		break;
	case 2: case 3:
		code_store(e, PC_LAPIC + 0xf0, 4, 0x1ff);
		code_store(e, PC_LAPIC + 0x320, 4, 0x40 | (n & 3) << 17);
		code_store(e, PC_LAPIC + 0x3e0, 4, 0xb);
		code_store(e, PC_LAPIC + 0x380, 4, 1000u * n);
		break;
	case 4:		/* RTC, periodic; unmasked at the PIC */
		code_out(e, 0x70, 1, 0x0a);
		code_out(e, 0x71, 1, 0x20 | (3 + n % 6));
		code_out(e, 0x70, 1, 0x0b);
		code_out(e, 0x71, 1, 0x42 | (n & 0x30));
		code_out(e, 0xa1, 1, 0);
		code_out(e, 0x21, 1, 0xfb);
		break;
	default:
		code_store(e, PC_HPET + 0x10, 8, n & 3);
		code_store(e, PC_HPET + 0x100, 8, 0x4004 | (n & 0xa) | (uint64_t)(n & 0x1f) << 9);
		code_store(e, PC_HPET + 0x108, 8, 10000);
		break;
	}
	if (e->bits == 32)		/* KVM cannot emulate iret there */
		return;
	if (how & 0xc0)
		CODE(e, "\xfb\xf4\xfa");	/* sti; hlt; cli */
	else
		CODE(e, "\xfb\x90\x90\xfa");
}

static void op_ipi(struct emit *e)
{
	static const uint32_t icr[] = { 0x4500, 0x4600 | PCG_AP >> 12, 0x4600 | PCG_AP >> 12,
		0xc500, 0x8500, 0x4400, 0x4041, 0xc4500, 0xc4600 | PCG_AP >> 12, 0x80041, 0x40041,
		0x4500 };
	unsigned n = in_u8(e->in);
	uint32_t v = n & 0x80 ? in_u32(e->in) : icr[n % ARRAY_SIZE(icr)];
	uint32_t dest = in_u8(e->in) & 0x7f ? 1 : in_u8(e->in);

	if (n & 0x40) {
		wrmsr(e, 0x830, v | (uint64_t)dest << 32);
		return;
	}
	code_store(e, PC_LAPIC + 0x310, 4, dest << 24);
	code_store(e, PC_LAPIC + 0x300, 4, v);
}

static void op_ioapic(struct emit *e)
{
	unsigned n = in_u8(e->in) % 24, v = in_u8(e->in);

	code_store(e, PC_IOAPIC, 4, 0x11 + 2 * n);
	code_store(e, PC_IOAPIC + 0x10, 4, (in_u8(e->in) & 3u) << 24);
	code_store(e, PC_IOAPIC, 4, 0x10 + 2 * n);
	code_store(e, PC_IOAPIC + 0x10, 4,
		   v | (in_u8(e->in) & 0xff) << 8 | (in_u8(e->in) & 1) << 16);
}

static void op_fw_cfg(struct emit *e)
{
	uint64_t at = arena(e), to = value(e);
	uint32_t control = in_u8(e->in) | (uint32_t)in_u8(e->in) % 64 << 16;

	code_store(e, at, 4, __builtin_bswap32(control));
	code_store(e, at + 4, 4, __builtin_bswap32(in_u16(e->in)));
	code_store(e, at + 8, 8, __builtin_bswap64(to));
	code_out(e, 0x514, 4, 0);
	code_out(e, 0x518, 4, __builtin_bswap32((uint32_t)at));
}

/* ---- virtio 1.2 over PCI, 4.1.4 ---- */

enum { QUEUES = 4, QUEUE_BYTES = 0x8000, AVAIL = 0x2000, USED = 0x3000, BUFFERS = 0x4000,
       DEV_BYTES = QUEUES * QUEUE_BYTES };

static uint64_t queue_at(unsigned dev, unsigned q)
{
	return PCG_ARENA + dev * (uint64_t)DEV_BYTES + q * QUEUE_BYTES;
}

/* Mostly the same one, so that its requests add up. NULL: none that can be reached. */
static const struct pcg_virtio *pick_virtio(struct emit *e, unsigned *n)
{
	*n = in_u8(e->in);
	if (!e->pl->nr_virtio || e->bits == 16)
		return NULL;
	*n = (*n < 0x40 ? *n : e->favourite) % e->pl->nr_virtio;
	return e->pl->virtio[*n].common >> 32 && e->bits == 32 ? NULL : &e->pl->virtio[*n];
}

static void virtio_start(struct emit *e, unsigned n)
{
	const struct pcg_virtio *v = &e->pl->virtio[n];
	unsigned how = in_u8(e->in);
	uint32_t features = ~(1u << in_u8(e->in) % 32), packed = how & 3 ? 0 : 4;
	uint64_t c = v->common;

	e->started |= 1u << n;
	code_store(e, v->config + PCI_COMMAND, 2, how & 0xf0 ? 7 : how & 7);
	for (unsigned i = 0; i < 4; i++)
		code_store(e, c + 20, 1, (1u << i) - 1);
	for (unsigned i = 0; i < 2; i++) {	/* what it offers, less some */
		code_store(e, c, 4, i);
		code_store(e, c + 8, 4, i);
		code_fetch(e, c + 4, 4);
		code_byte(e, 0x25);			/* and eax, imm32 */
		code_32(e, i ? ~4u | packed : features);
		code_load(e, EDI, c + 12);
		code_mem(e, 0x88, 4);
	}
	code_store(e, c + 20, 1, 0xb);
	code_store(e, c + 16, 2, how & 4 ? 0xffff : 0);
	for (unsigned q = 0; q < QUEUES; q++) {
		uint64_t at = queue_at(n, q);

		code_store(e, c + 22, 2, q);
		if (how & 8)
			code_store(e, c + 24, 2, 1u << in_u8(e->in) % 9);
		code_store(e, c + 26, 2, how & 4 ? 0xffff : q + 1);
		code_store(e, c + 32, 8, at);
		code_store(e, c + 40, 8, at + AVAIL);
		code_store(e, c + 48, 8, at + USED);
		code_store(e, c + 28, 2, 1);
	}
	code_store(e, c + 20, 1, 0xf);
}

static void op_virtio_start(struct emit *e)
{
	unsigned n;

	if (pick_virtio(e, &n))
		virtio_start(e, n);
}

/* A chain that is nearly right: header, data, status; and the index that shows it. */
static void op_virtio_request(struct emit *e)
{
	static const uint8_t queues[8] = { 0, 0, 0, 0, 1, 1, 2, 3 };
	unsigned n, q = queues[in_u8(e->in) % 8], head = in_u8(e->in) % 14, how = in_u8(e->in);
	const struct pcg_virtio *v = pick_virtio(e, &n);
	uint64_t at = queue_at(n, q), d = at + head * 16u, hdr = at + BUFFERS + head * 64u;
	uint32_t len = in_u8(e->in) * 64u;

	if (!v)
		return;
	if (!(e->started & 1u << n))
		virtio_start(e, n);
	code_store(e, hdr, 8, in_u8(e->in) | (uint64_t)in_u8(e->in) << 32);
	code_store(e, hdr + 8, 8, how & 1 ? in_u16(e->in) : value(e));
	code_store(e, d, 8, how & 0xc ? hdr : value(e));
	code_store(e, d + 8, 8, (16 + (how >> 5)) | UINT64_C(1) << 32 | (uint64_t)(head + 1) << 48);
	code_store(e, d + 16, 8, how & 0x30 ? at + BUFFERS + 0x800 : value(e));
	code_store(e, d + 24, 8,
		   len | (uint64_t)(1 + (how & 2)) << 32 | (uint64_t)(head + 2) << 48);
	code_store(e, d + 32, 8, hdr + 48);
	code_store(e, d + 40, 8, (1 + (in_u8(e->in) & 0xf)) | UINT64_C(2) << 32);
	for (unsigned i = 0; i < 8; i++)
		code_store(e, at + AVAIL + 4 + i * 2, 2, head);
	/* one more is available, or a number of nonsense */
	if (code_point(e, at + AVAIL + 2)) {
		code_operand(e, 2);
		code_byte(e, 0x83);
		code_rm(e, 0);
		code_byte(e, how & 0xc0 ? 1 : in_u8(e->in));
	}
	code_store(e, v->notify + q * 4, 2, q);
}

static void op_virtio_reg(struct emit *e)
{
	unsigned n, how = in_u8(e->in), off = in_u8(e->in) & 63;
	const struct pcg_virtio *v = pick_virtio(e, &n);
	uint64_t at;

	if (!v)
		return;
	at = how & 1 ? v->common + off : how & 2 ? v->device + off : how & 4 ? v->isr :
	     v->notify + off * 2;
	if (how & 0x80)
		code_fetch(e, at, size_of(e, 4));
	else
		code_store(e, at, size_of(e, 4), value(e));
}

/* ---- what ends or changes the mode ---- */

static void op_end(struct emit *e)
{
	unsigned n = in_u8(e->in);

	switch (n / 2) {		/* few: what stands behind it is not run */
	case 0: code_out(e, 0xcf9, 1, 6); break;
	case 1: code_out(e, 0xcf9, 1, 0xe); break;
	case 2: code_out(e, 0x92, 1, 1); break;
	case 3: code_out(e, 0x64, 1, 0xfe); break;
	case 4: code_out(e, 0x604, 2, 0x2000 | in_u8(e->in) << 8); break;
	case 5: code_out(e, 0x505, 1, in_u8(e->in)); break;
	case 6:		/* triple fault */
		code_load(e, EDI, 0);
		if (e->bits != 16)
			CODE(e, "\x31\xc0\x0f\x22\xd8\x0f\x0b");
		break;
	case 7: CODE(e, "\xfa\xf4"); break;
	default: code_out(e, 0x80, 1, n); break;
	}
}

/* Flips a bit of a control register: one that leaves the program running, as a rule. */
static void op_control(struct emit *e)
{
	static const uint8_t bits[4][4] = { { 1, 16, 18, 30 }, { 3, 4, 3, 4 }, { 2, 7, 9, 10 },
					    { 0, 1, 2, 3 } };
	unsigned n = in_u8(e->in), cr = (const uint8_t[]){ 0, 3, 4, 8 }[n & 3], bit = in_u8(e->in);
	bool eighth = e->bits == 64 && cr == 8;

	if (cr == 8 && !eighth)
		return;
	bit = n >= 0xfe ? bit % (e->bits == 64 ? 64 : 32) : bits[n & 3][bit & 3];
	if (eighth)
		code_byte(e, 0x44);
	code_byte(e, 0x0f);
	code_byte(e, 0x20);
	code_byte(e, 0xc0 | (cr & 7) << 3);		/* mov eax, crN */
	code_byte(e, e->bits == 16 ? 0x66 : e->bits == 64 ? 0x48 : 0x90);
	CODE(e, "\x0f\xba\xf8");		/* btc eax, bit */
	code_byte(e, bit);
	if (eighth)
		code_byte(e, 0x44);
	code_byte(e, 0x0f);
	code_byte(e, 0x22);
	code_byte(e, 0xc0 | (cr & 7) << 3);
}

/* Bytes as instructions. Where faults are not delivered they would be the end too often. */
static void op_raw(struct emit *e)
{
	if (e->bits != 64 && in_u8(e->in) % 8)
		return;
	for (unsigned n = 1 + in_u8(e->in) % 12; n; n--)
		code_byte(e, in_u8(e->in));
}

static void op_data(struct emit *e)
{
	uint64_t at = arena(e);

	for (unsigned n = 1 + in_u8(e->in) % 4; n; n--, at += 8)
		code_store(e, at, 8, value(e));
}

static void op_misc(struct emit *e)
{
	static const struct { const char *s; uint8_t n; } list[] = {
		{ "\xfb\x90\xfa", 3 }, { "\x0f\xa2", 2 }, { "\x0f\x09", 2 }, { "\xf3\x90", 2 },
		{ "\x0f\x01\x38", 3 }, { "\x0f\x06", 2 }, { "\x9c\x9d", 2 }, { "\xfb", 1 },
		{ "\x0f\x0b", 2 },
	};
	unsigned n = in_u8(e->in) % ARRAY_SIZE(list);

	if (e->bits != 64 && n > 5)
		return;
	code_bytes(e, list[n].s, list[n].n);
}

static void operation(struct emit *e)
{
	switch (in_u8(e->in) % 32) {
	case 0: case 1: code_out(e, port(e), size_of(e, 3), (uint32_t)value(e)); break;
	case 2: code_in(e, port(e), size_of(e, 3)); break;
	case 3: op_string(e); break;
	case 4: case 5: case 6: code_store(e, mmio(e), size_of(e, 4), value(e)); break;
	case 7: case 8: code_fetch(e, mmio(e), size_of(e, 4)); break;
	case 9: op_rmw(e); break;
	case 10: case 11: op_config(e); break;
	case 12: case 13: op_msr(e); break;
	case 14: op_halt(e); break;
	case 15: case 16: op_ipi(e); break;
	case 17: op_ioapic(e); break;
	case 18: op_fw_cfg(e); break;
	case 19: case 20: op_virtio_start(e); break;
	case 21: case 22: case 23: case 24: op_virtio_request(e); break;
	case 25: op_virtio_reg(e); break;
	case 26: op_data(e); break;
	case 27: op_end(e); break;
	case 28: op_control(e); break;
	case 29: op_raw(e); break;
	case 30: code_store(e, PC_LAPIC + in_u8(e->in) % 64 * 16u, 4, value(e)); break;
	default: op_misc(e); break;
	}
}

/* ---- the program ---- */

static void pad(struct emit *e, unsigned to)
{
	while (e->len < to)
		code_byte(e, 0x90);
}

static void power_off(struct emit *e)
{
	code_out(e, 0x604, 2, 1 << 13 | ICH9_SLP_TYP_S5 << 10);
	code_out(e, 0x505, 1, 1);		/* a panic, where nobody set up power management */
	CODE(e, "\xfa\xf4");
}

/* jmp over the handlers; the fault handler goes on at ebp, the other ends the interrupt. */
static void prologue(struct emit *e)
{
	bool real = e->bits == 16;

	code_byte(e, 0xeb);
	code_byte(e, AT_START - 2);
	pad(e, AT_FAULT);
	code_byte(e, 0xbc);
	if (real)
		code_16(e, REAL_STACK);
	else
		code_32(e, PCG_STACK);
	CODE(e, "\xff\xe5");
	pad(e, AT_IRQ);
	CODE(e, "\x50\xb0\x20\xe6\x20\xe6\xa0");
	if (!real) {
		code_byte(e, 0x57);
		code_load(e, EDI, PC_LAPIC + 0xb0);
		CODE(e, "\xc7\x07\0\0\0\0\x5f");
	}
	code_byte(e, 0x58);
	if (e->bits == 64)
		code_byte(e, 0x48);
	code_byte(e, 0xcf);
	pad(e, AT_START);
}

/* Counts starts (resets come back here), and ends where there were enough. */
static void count_start(struct emit *e)
{
	uint32_t from;

	if (e->bits == 16) {
		CODE(e, "\x8c\xc8\x8e\xd8\x8e\xd0\xbc");	/* ds = ss = cs; sp */
		code_16(e, REAL_STACK);
		CODE(e, "\xff\x06");
		code_16(e, REAL_STARTS);
		CODE(e, "\x83\x3e");
		code_16(e, REAL_STARTS);
	} else {
		code_load(e, EDI, STARTS);
		CODE(e, "\xff\x07\x83\x3f");
	}
	code_byte(e, PCG_MAX_RUNS);
	CODE(e, "\x76\0");
	from = e->len;
	power_off(e);
	e->code[from - 1] = (uint8_t)(e->len - from);
}

static void enter(struct emit *e)
{
	if (e->bits == 16) {
		code_store(e, PCG_READY, 4, 1);
		return;
	}
	if (e->bits == 64) {
		code_load(e, EAX, PCG_TABLES);
		CODE(e, "\x0f\x22\xd8");
	}
	code_load(e, EDI, IDTR);
	CODE(e, "\x0f\x01\x1f");
	code_byte(e, 0xbc);
	code_32(e, PCG_STACK);
	code_store(e, PCG_READY, 4, 1);
}

static void program(struct emit *e)
{
	while (e->in->p < e->in->end && e->len + 2048 < e->max) {
		uint32_t at, next;

		code_byte(e, 0xbd);
		at = e->len;
		if (e->bits == 16)
			code_16(e, 0);
		else
			code_32(e, 0);
		operation(e);
		next = e->len + (e->bits == 16 ? 0 : e->base);
		if (e->bits == 16)
			st_le16(e->code + at, (uint16_t)next);
		else
			st_le32(e->code + at, next);
	}
	power_off(e);
}

static void put(struct machine *m, uint64_t at, const void *p, uint64_t n)
{
	if (mem_write(&m->mem, at, p, n, true))
		abort();
}

/* Identity of the low 4 GiB and of 2 GiB where 64-bit BARs are; interrupt gates. */
static void put_tables(struct machine *m, unsigned bits)
{
	enum { PT = 0x7, LARGE = 0x87, PD = PCG_TABLES + 0x2000 };
	static const unsigned gib[] = { 0, 1, 2, 3, 32, 33 };
	uint8_t page[4096] = { 0 }, idtr[10] = { 0xff, 0xf };

	st_le64(page, PCG_TABLES + 0x1000 + PT);
	put(m, PCG_TABLES, page, sizeof(page));
	memset(page, 0, sizeof(page));
	for (unsigned g = 0; g < ARRAY_SIZE(gib); g++)
		st_le64(page + gib[g] * 8, PD + g * 4096 + PT);
	put(m, PCG_TABLES + 0x1000, page, sizeof(page));
	for (unsigned g = 0; g < ARRAY_SIZE(gib); g++) {
		for (unsigned i = 0; i < 512; i++)
			st_le64(page + i * 8, ((uint64_t)gib[g] << 30 | i << 21) + LARGE);
		put(m, PD + g * 4096, page, sizeof(page));
	}
	memset(page, 0, sizeof(page));
	for (unsigned i = 0; i < 256; i++) {
		uint32_t at = PCG_PROGRAM + (i < 32 && i != 2 ? AT_FAULT : AT_IRQ);

		st_le64(page + i * (bits / 4), (at & 0xffff) | (bits == 64 ? 0x10u : 8u) << 16 |
			UINT64_C(0x8e00) << 32 | (uint64_t)(at >> 16) << 48);
	}
	put(m, IDT, page, sizeof(page));
	st_le64(idtr + 2, IDT);
	put(m, IDTR, idtr, sizeof(idtr));
}

static void put_vectors(struct machine *m)
{
	for (unsigned i = 0; i < 256; i++) {
		uint8_t v[4];

		st_le16(v, i < 32 && i != 8 && i != 2 ? AT_FAULT : AT_IRQ);
		st_le16(v + 2, PCG_REAL >> 4);
		put(m, i * 4, v, 4);
	}
}

static void put_program(struct machine *m, const struct pcg_places *pl, struct fuzz_in *in,
			unsigned bits, uint32_t at, bool first)
{
	struct emit e = { .pl = pl, .in = in, .bits = bits, .base = at,
			  .max = bits == 16 ? REAL_MAX : CODE_MAX };

	e.favourite = in_u8(in);
	e.code = malloc(e.max);
	if (!e.code)
		abort();
	prologue(&e);
	if (first)
		count_start(&e);
	else
		CODE(&e, "\x8c\xc8\x8e\xd8\x8e\xd0\xbc\xe0\xff");
	enter(&e);
	program(&e);
	put(m, at, e.code, e.len);
	free(e.code);
}

void pcg_write(struct machine *m, const struct pcg_places *pl, struct fuzz_in *in, unsigned bits)
{
	/* the second CPU takes the last eighth */
	struct fuzz_in ap = { in->end - (in->end - in->p) / 8, in->end };

	in->end = ap.p;
	if (bits == 16)
		put_vectors(m);
	else
		put_tables(m, bits);
	put_program(m, pl, &ap, 16, PCG_AP, false);
	put_program(m, pl, in, bits, bits == 16 ? PCG_REAL : PCG_PROGRAM, true);
}

/* ---- what there is ---- */

static void look_at_fn(struct pcg_places *pl, struct pci_fn *f, unsigned bus)
{
	struct pcg_virtio *v = &pl->virtio[pl->nr_virtio];
	unsigned cap = f->cfg[PCI_CAPABILITY_LIST];

	if (ld_le16(f->cfg) != 0x1af4 || pl->nr_virtio == PCG_MAX_VIRTIO)
		return;
	*v = (struct pcg_virtio){ .config = Q35_ECAM_BASE + ((uint64_t)bus << 20 |
							     (uint64_t)f->h.devfn << 12) };
	for (unsigned n = 0; cap >= 0x40 && n < 16; cap = f->cfg[cap + 1], n++) {
		unsigned bar = f->cfg[cap + 4] % 6;
		uint64_t base = pci_bar_addr(f, bar), at = base + ld_le32(f->cfg + cap + 8);

		if (f->cfg[cap] != PCI_CAP_ID_VNDR || base == UINT64_MAX)
			continue;
		switch (f->cfg[cap + 3]) {
		case 1: v->common = at; break;
		case 2: v->notify = at; break;
		case 3: v->isr = at; break;
		case 4: v->device = at; break;
		}
	}
	pl->nr_virtio++;
}

static void look_at_bus(struct pcg_places *pl, struct pci_bus *bus)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bus->fn); i++) {
		if (!bus->fn[i])
			continue;
		look_at_fn(pl, bus->fn[i], bus->bridge ? bus->bridge->cfg[PCI_SECONDARY_BUS] : 0);
		if (!bus->bridge && pl->nr_devfn < ARRAY_SIZE(pl->devfn))
			pl->devfn[pl->nr_devfn++] = (uint8_t)i;
		if (bus->fn[i]->h.secondary)
			look_at_bus(pl, bus->fn[i]->h.secondary);
	}
}

void pcg_look(struct pcg_places *pl, struct machine *m)
{
	const struct mapping *map;

	*pl = (struct pcg_places){ 0 };
	for (; pl->nr_mmio < PCG_MAX_PLACES && (map = space_nth(m->mmio, pl->nr_mmio));
	     pl->nr_mmio++) {
		pl->mmio[pl->nr_mmio].base = map->base;
		pl->mmio[pl->nr_mmio].size = map->size;
	}
	for (; pl->nr_pio < PCG_MAX_PLACES && (map = space_nth(m->pio, pl->nr_pio)); pl->nr_pio++) {
		pl->pio[pl->nr_pio].base = map->base;
		pl->pio[pl->nr_pio].size = map->size;
	}
	look_at_bus(pl, m->pci);
}
