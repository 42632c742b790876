/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A SATA driver of a few lines against the AHCI controller: identification, transfers
 * with scattered PRDs, NCQ, TRIM, errors of all kinds, a CD-ROM drive, resets with
 * commands in flight, save and load, INTx and MSI.
 */
#include "hw/block/ahci.h"

#include "tests/block/rig.h"

enum { CLB = 0, FB = 8, IS = 0x10, IE = 0x14, CMD = 0x18, TFD = 0x20, SIG = 0x24, SSTS = 0x28,
       SCTL = 0x2c, SERR = 0x30, SACT = 0x34, CI = 0x38 };
enum { DHR = 1, PS = 2, SDB = 8, DP = 0x20, PC = 0x40 };
#define HBF (1u << 29)
#define TFE (1u << 30)
enum { SECTORS = 4096, PORT_DISK = 0, PORT_CD = 2, CD_BLOCKS = 64, DATA = 0x40000 };

static uint8_t model[SECTORS * 512], cd_model[CD_BLOCKS * 2048];
static struct block *disk, *cd;
static uint64_t list, rfis, tables, data;	/* of the port in use */
static unsigned port;

static uint32_t hba(unsigned off)
{
	return (uint32_t)bus_read(rig_bus, pci_bar_addr(rig_fn, 5) + off, 4);
}
static void hba_set(unsigned off, uint32_t v)
{
	bus_write(rig_bus, pci_bar_addr(rig_fn, 5) + off, 4, v);
}
static uint32_t reg(unsigned off) { return hba(0x100 + port * 0x80 + off); }
static void reg_set(unsigned off, uint32_t v) { hba_set(0x100 + port * 0x80 + off, v); }

static void start_port(unsigned n)
{
	port = n;
	rig_next = BUS_RAM;
	list = rig_alloc(1024, 1024);
	rfis = rig_alloc(256, 256);
	tables = rig_alloc(32 * 0x1000, 0x1000);
	data = rig_alloc(DATA, 4096);
	reg_set(CLB, (uint32_t)list);
	reg_set(FB, (uint32_t)rfis);
	reg_set(CMD, reg(CMD) | 0x10);
	reg_set(SERR, UINT32_MAX);
	reg_set(IS, UINT32_MAX);
	reg_set(CMD, reg(CMD) | 1);
	CHECK_EQ(reg(CMD) & 0xc011, 0xc011);
}

static void stop_port(void)
{
	reg_set(CMD, reg(CMD) & ~1u);
	WAIT_FOR(!(reg(CMD) & 0x8000));
}

static void restart(void)
{
	stop_port();
	reg_set(SERR, UINT32_MAX);
	reg_set(IS, UINT32_MAX);
	reg_set(CMD, reg(CMD) | 1);
}

struct cmd { uint8_t command, device; uint16_t features, count; uint64_t lba; const uint8_t *cdb; };

/* Writes slot's header and table; its data are `len` bytes at `at`, in n pieces. */
static void put(unsigned slot, struct cmd c, uint64_t at, uint32_t len, unsigned n)
{
	uint64_t table = tables + 0x1000 * slot;
	uint8_t *h = ram(list + 32 * slot), *t = ram(table);

	memset(h, 0, 32);
	memset(t, 0, 0x1000);
	t[0] = 0x27;
	t[1] = 0x80;
	t[2] = c.command;
	t[3] = (uint8_t)c.features;
	t[7] = c.device | 0x40;
	t[11] = (uint8_t)(c.features >> 8);
	for (unsigned i = 0; i < 3; i++) {
		t[4 + i] = (uint8_t)(c.lba >> 8 * i);
		t[8 + i] = (uint8_t)(c.lba >> (24 + 8 * i));
	}
	st_le16(t + 12, c.count);
	if (c.cdb)
		memcpy(t + 0x40, c.cdb, 12);
	st_le16(h, (uint16_t)(5 | (c.cdb ? 0x20 : 0)));
	st_le64(h + 8, table);
	for (unsigned i = 0; i < n; i++) {
		uint32_t piece = i + 1 < n ? len / n / 2 * 2 + rnd(8) * 2 : len;
		uint8_t *prd = t + 0x80 + 16 * i;

		st_le64(prd, at);
		st_le32(prd + 12, (piece - 1) | (i + 1 == n ? 1u << 31 : 0));
		at += piece;
		len -= piece;
	}
	st_le16(h + 2, (uint16_t)n);
}

/* One command in slot 3; its end: the status register. */
static unsigned run(struct cmd c, uint64_t at, uint32_t len, unsigned n)
{
	put(3, c, at, len, n);
	reg_set(IS, UINT32_MAX);
	reg_set(CI, 8);
	WAIT_FOR(!(reg(CI) & 8) || (reg(IS) & (TFE | HBF)));
	return reg(TFD);
}

#define RUN(...) run((struct cmd){ __VA_ARGS__ }, data, DATA / 2, 3)

static void identify(void)
{
	uint8_t *p = ram(data), sum = 0;

	CHECK_EQ(run((struct cmd){ 0xec, 0, 0, 0, 0, NULL }, data, 512, 1), 0x50);
	CHECK(reg(IS) & PS, "the end of PIO");
	CHECK(reg(IS) & DP);
	for (unsigned i = 0; i < 512; i++)
		sum = (uint8_t)(sum + p[i]);
	CHECK_EQ(sum, 0);
	CHECK(!memcmp(p + 54, "MAIBD SI K", 10), "swapped model");
	CHECK_EQ(ld_le64(p + 200), SECTORS);
	CHECK_EQ(ld_le32(p + 120), SECTORS);
	CHECK_EQ(ld_le16(p + 150), 31);
	CHECK_EQ(((uint8_t *)ram(rfis))[0x20], 0x5f);
	CHECK_EQ(((uint8_t *)ram(rfis))[0x2f], 0x50);
	CHECK_EQ(ld_le32((uint8_t *)ram(list + 96) + 4), 512);	/* PRDBC */
	CHECK_EQ(RUN(0xa1), 0x451);	/* not a packet device */
	CHECK(reg(IS) & TFE);
	CHECK_EQ(reg(CI), 8);
	restart();
	CHECK_EQ(reg(CI), 0);
}

/* Every command that moves sectors, at random places and in random pieces. */
static void transfers(void)
{
	static const struct { uint8_t command; bool write, ext; } kinds[] = {
		{ 0xc8, 0, 0 }, { 0xca, 1, 0 }, { 0x25, 0, 1 }, { 0x35, 1, 1 }, { 0x3d, 1, 1 },
		{ 0x20, 0, 0 }, { 0x30, 1, 0 }, { 0x24, 0, 1 }, { 0x34, 1, 1 }, { 0xc4, 0, 0 },
		{ 0xc5, 1, 0 }, { 0x29, 0, 1 }, { 0x39, 1, 1 }, { 0xce, 1, 1 },
	};

	for (unsigned round = 0; round < 200; round++) {
		unsigned k = rnd(ARRAY_SIZE(kinds)), n = 1 + rnd(kinds[k].ext ? 300 : 255);
		uint32_t lba = rnd(SECTORS - n), len = n * 512;
		uint8_t *p = ram(data + 2);
		struct cmd c = { kinds[k].command, 0, 0, (uint16_t)n, lba, NULL };

		fill(p, len);
		if (kinds[k].write)
			memcpy(model + 512 * lba, p, len);
		CHECK_EQ(run(c, data + 2, len, 1 + rnd(40)), 0x50);
		CHECK(!memcmp(model + 512 * lba, p, len), "command %02x", c.command);
		CHECK_EQ(ld_le32((uint8_t *)ram(list + 96) + 4), len);
	}
	/* no count is the largest one */
	CHECK_EQ(run((struct cmd){ 0xc8, 0, 0, 0, 7, NULL }, data, 256 * 512, 2), 0x50);
	CHECK(!memcmp(model + 7 * 512, ram(data), 256 * 512));
	CHECK_EQ(RUN(0xe7), 0x50);
	CHECK_EQ(RUN(0xea), 0x50);
	CHECK_EQ(RUN(0x42, 0, 0, 5, SECTORS - 5), 0x50);
}

static void queued(void)
{
	for (unsigned round = 0; round < 100; round++) {
		uint32_t tags = 0, lba[32], len = 4096;
		bool write[32];

		for (unsigned t = 0; t < 32; t++) {
			uint64_t at = data + t * len;

			if (!rnd(3))
				continue;
			tags |= 1u << t;
			write[t] = rnd(2);
			lba[t] = t * 128 + rnd(120);
			fill(ram(at), len);
			if (write[t])
				memcpy(model + 512 * lba[t], ram(at), len);
			put(t, (struct cmd){ write[t] ? 0x61 : 0x60, rnd(2) ? 0x80 : 0, 8,
					     (uint16_t)(t << 3), lba[t], NULL },
			    at, len, 1 + rnd(4));
		}
		reg_set(IS, UINT32_MAX);
		reg_set(SACT, tags);
		reg_set(CI, tags);
		WAIT_FOR(!reg(SACT));
		CHECK_EQ(reg(CI), 0);
		CHECK(!tags || (reg(IS) & SDB));
		CHECK(!(reg(IS) & TFE));
		for (unsigned t = 0; t < 32; t++)
			if (tags & 1u << t)
				CHECK(!memcmp(model + 512 * lba[t], ram(data + t * len), len),
				      "tag %u", t);
	}
}

/* A queued command fails: which, the log says; the rest is the driver's to send again. */
static void queued_error(void)
{
	uint8_t *p = ram(data);

	put(4, (struct cmd){ 0x60, 0, 8, 4 << 3, 0, NULL }, data, 4096, 1);
	put(9, (struct cmd){ 0x60, 0, 8, 9 << 3, SECTORS - 7, NULL }, data + 4096, 4096, 1);
	reg_set(IS, UINT32_MAX);
	reg_set(SACT, 1u << 9);
	reg_set(CI, 1u << 9);
	WAIT_FOR(reg(IS) & TFE);
	CHECK_EQ(reg(SACT), 1u << 9);
	CHECK_EQ(reg(TFD), 0x1051);
	reg_set(SACT, 1u << 4);
	reg_set(CI, 1u << 4);		/* the port is halted */
	CHECK_EQ(reg(CI), 1u << 4);
	restart();
	CHECK_EQ(reg(CI) | reg(SACT), 0);
	CHECK_EQ(RUN(0x2f, 0, 0, 1, 0x10), 0x50);
	CHECK_EQ(p[0], 9);
	CHECK_EQ(p[2] | p[3] << 8, 0x1051);
	CHECK_EQ(ld_le16(p + 4), SECTORS - 7);
	CHECK_EQ(RUN(0x47, 0, 0, 1, 0), 0x50);
	CHECK_EQ(ld_le16(p + 0x20), 1);
	/* a tag that is not the slot */
	put(4, (struct cmd){ 0x60, 0, 8, 5 << 3, 0, NULL }, data, 4096, 1);
	reg_set(SACT, 1u << 4);
	reg_set(CI, 1u << 4);
	WAIT_FOR(reg(IS) & TFE);
	restart();
}

static void trim(bool overlay)
{
	uint8_t *p = ram(data);

	memset(p, 0, 1024);
	st_le64(p, 100 | UINT64_C(9) << 48);
	st_le64(p + 16, 300 | UINT64_C(1) << 48);
	st_le64(p + 1016, 4000 | UINT64_C(96) << 48);
	CHECK_EQ(RUN(0x06, 0, 1, 2), 0x50);
	memset(model + 100 * 512, 0, 9 * 512);
	memset(model + 300 * 512, 0, 512);
	memset(model + 4000 * 512, 0, 96 * 512);
	if (overlay) {			/* keeps what it has: TRIM is a hint */
		CHECK_EQ(run((struct cmd){ 0x25, 0, 0, 300, 90, NULL }, data, 300 * 512, 5), 0x50);
		memcpy(model + 90 * 512, p, 300 * 512);
		CHECK_EQ(run((struct cmd){ 0x25, 0, 0, 96, 4000, NULL }, data, 96 * 512, 5), 0x50);
		memcpy(model + 4000 * 512, p, 96 * 512);
	}
	CHECK_EQ(run((struct cmd){ 0x25, 0, 0, 300, 90, NULL }, data, 300 * 512, 5), 0x50);
	CHECK(!memcmp(model + 90 * 512, p, 300 * 512), "TRIM erases what it names");
	memset(p, 0, 512);
	st_le64(p, 4090 | UINT64_C(9) << 48);
	CHECK_EQ(RUN(0x06, 0, 1, 1), 0x1051);
	restart();
	CHECK_EQ(RUN(0x06, 0, 1, 9), 0x451);
	restart();
}

static void settings(void)
{
	uint8_t *p = ram(data);

	CHECK_EQ(RUN(0xef, 0, 0x82), 0x50);
	CHECK_EQ(RUN(0xec), 0x50);
	CHECK_EQ(ld_le16(p + 170) & 0x20, 0);
	CHECK_EQ(run((struct cmd){ 0xca, 0, 0, 1, 5, NULL }, data, 512, 1), 0x50);
	memcpy(model + 5 * 512, p, 512);
	CHECK_EQ(RUN(0xef, 0, 0x02), 0x50);
	CHECK_EQ(RUN(0xef, 0, 0x03, 0x45), 0x50);
	CHECK_EQ(RUN(0xec), 0x50);
	CHECK_EQ(ld_le16(p + 176), 0x207f);
	CHECK_EQ(RUN(0xb0, 0, 0xda, 0, 0xc24f00), 0x50);
	CHECK_EQ(((uint8_t *)ram(rfis))[0x45], 0x4f);
	CHECK_EQ(RUN(0xb0, 0, 0xd0, 0, 0xc24f00), 0x50);
	CHECK_EQ(RUN(0xe5), 0x50);
	CHECK_EQ(((uint8_t *)ram(rfis))[0x4c], 0xff);
	CHECK_EQ(RUN(0xe0), 0x50);
	CHECK_EQ(RUN(0xe5), 0x50);
	CHECK_EQ(((uint8_t *)ram(rfis))[0x4c], 0);
	CHECK_EQ(RUN(0x27), 0x50);
	CHECK_EQ(ld_le16((uint8_t *)ram(rfis) + 0x44), SECTORS - 1);
	CHECK_EQ(RUN(0xf8), 0x50);
	CHECK_EQ(ld_le16((uint8_t *)ram(rfis) + 0x44), SECTORS - 1);
	CHECK_EQ(RUN(0xc6, 0, 0, 16), 0x50);
	CHECK_EQ(RUN(0xc6, 0, 0, 3), 0x451);
	restart();
	for (unsigned i = 0; i < 3; i++) {
		static const uint8_t bad[] = { 0x00, 0xf1, 0x99 };

		CHECK_EQ(RUN(bad[i]), 0x451);
		restart();
	}
}

/* Memory that is none, lists that are too short, addresses beyond the end. */
static void bad_memory(void)
{
	static const struct cmd rd = { 0x25, 0, 0, 8, 0, NULL }, wr = { 0x35, 0, 0, 8, 0, NULL };

	CHECK_EQ(run((struct cmd){ 0x25, 0, 0, 8, SECTORS - 7, NULL }, data, 4096, 1), 0x1051);
	restart();
	CHECK_EQ(run((struct cmd){ 0x35, 0, 0, 8, mask_bits(48), NULL }, data, 4096, 1), 0x1051);
	restart();
	CHECK_EQ(run(rd, data, 2048, 1), 0x451);
	restart();
	CHECK_EQ(run(wr, data, 2048, 1), 0x451);
	restart();
	for (unsigned i = 0; i < 4; i++) {
		static const uint64_t at[] = { 0x1000, BUS_RAM + BUS_RAM_SIZE - 512, ~UINT64_C(1),
					       UINT64_C(1) << 63 };

		run(i & 1 ? wr : rd, at[i], 4096, 1);
		CHECK(reg(IS) & HBF, "%u", i);
		CHECK_EQ(reg(CI), 8);
		restart();
	}
	st_le64((uint8_t *)ram(list + 96) + 8, UINT64_C(0xffffffffffffff80));	/* the table */
	reg_set(CI, 8);
	WAIT_FOR(reg(IS) & HBF);
	restart();
	reg_set(CLB, 0x1000);		/* the list */
	reg_set(CI, 1);
	WAIT_FOR(reg(IS) & HBF);
	reg_set(CLB, (uint32_t)list);
	reg_set(FB, 0x1000);		/* nowhere to be told, but done */
	restart();
	CHECK_EQ(RUN(0xe5), 0x50);
	reg_set(FB, (uint32_t)rfis);
	put(3, (struct cmd){ 0xec }, data, 512, 1);
	*(uint8_t *)ram(tables + 0x3000) = 0x99;	/* no FIS of the host's */
	reg_set(CI, 8);
	WAIT_FOR(reg(IS) & 1u << 27);
	restart();
	put(3, wr, data, 4096, 2);
	/* more PRDs than there are: not looked at */
	st_le16((uint8_t *)ram(list + 96) + 2, 65535);
	memcpy(ram(data), model, 4096);
	reg_set(CI, 8);
	WAIT_FOR(!reg(CI));
	CHECK_EQ(reg(TFD), 0x50);
}

static void soft_reset(void)
{
	uint8_t *h = ram(list + 96), *t = ram(tables + 0x3000);

	CHECK_EQ(RUN(0xef, 0, 0x82), 0x50);
	CHECK_EQ(RUN(0xef, 0, 0x66), 0x50);
	for (unsigned i = 0; i < 2; i++) {
		put(3, (struct cmd){ 0 }, data, 2, 1);
		st_le16(h, 5 | 1 << 8 | (i ? 0 : 1 << 10));
		st_le16(h + 2, 0);
		t[1] = 0;
		t[15] = i ? 0 : 4;
		reg_set(CI, 8);
		WAIT_FOR(!reg(CI));
	}
	CHECK_EQ(reg(TFD) & 0xff, 0x50);
	/* the cache is not on again behind the guest's back */
	CHECK_EQ(RUN(0xec), 0x50);
	CHECK_EQ(ld_le16((uint8_t *)ram(data) + 170) & 0x20, 0);
	CHECK_EQ(RUN(0xef, 0, 0x02), 0x50);
}

/* Reads go on while the port is stopped, reset, and the controller reset. */
static void in_flight(void)
{
	for (unsigned round = 0; round < 60; round++) {
		for (unsigned t = 0; t < 32; t++)
			put(t, (struct cmd){ t & 1 ? 0x61 : 0x60, 0, 16, (uint16_t)(t << 3),
					     t * 16, NULL },
			    data + t * 8192, 8192, 3);
		for (unsigned t = 1; t < 32; t += 2)
			memcpy(ram(data + t * 8192), model + t * 8192, 8192);
		reg_set(SACT, UINT32_MAX);
		reg_set(CI, UINT32_MAX);
		switch (round % 4) {
		case 0: restart(); break;
		case 1:
			reg_set(SCTL, 1);
			CHECK_EQ(reg(SSTS), 0);
			reg_set(SCTL, 0);
			WAIT_FOR(reg(SSTS) == 0x133);
			restart();
			break;
		case 2:
			hba_set(4, 1);
			WAIT_FOR(!(hba(4) & 1));
			WAIT_FOR(reg(SSTS) == 0x133);
			start_port(PORT_DISK);
			break;
		case 3:
			machine_reset(rig_bus->m, RESET_WARM);
			CHECK_EQ(pci_bar_addr(rig_fn, 5), UINT64_MAX);
			rig_place();
			start_port(PORT_DISK);
			break;
		}
		CHECK_EQ(reg(CI) | reg(SACT), 0);
		CHECK_EQ(reg(TFD) & 0xff, 0x50);
		CHECK_EQ(RUN(0xe5), 0x50);
	}
	CHECK_EQ(reg(SIG), 0x101);
	/* without a bus master nothing moves, and goes on with one */
	put(3, (struct cmd){ 0xec }, data, 512, 1);
	cfg_set(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	reg_set(CI, 8);
	CHECK_EQ(reg(CI), 8);
	cfg_set(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	WAIT_FOR(!reg(CI));
}

static void interrupts(void)
{
	unsigned cap = rig_cap(PCI_CAP_ID_MSI), before;

	hba_set(4, 2);
	reg_set(IS, UINT32_MAX);
	hba_set(8, UINT32_MAX);
	reg_set(IE, DHR);
	CHECK_EQ(rig_level, 0);
	CHECK_EQ(RUN(0xe5), 0x50);
	WAIT_FOR(rig_level == 1);
	CHECK_EQ(hba(8), 1u << PORT_DISK);
	hba_set(8, UINT32_MAX);		/* the port's is first to go */
	CHECK_EQ(rig_level, 1);
	reg_set(IS, UINT32_MAX);
	hba_set(8, UINT32_MAX);
	CHECK_EQ(rig_level, 0);
	CHECK_EQ(RUN(0xec), 0x50);	/* tells by another bit */
	CHECK_EQ(rig_level, 0);

	cfg_set(cap + 4, RIG_MSG_ADDR, 4);
	cfg_set(cap + 12, 33, 2);
	cfg_set(cap + 2, 1, 2);
	before = rig_messages[33];
	for (unsigned i = 1; i < 4; i++) {
		CHECK_EQ(RUN(0xe5), 0x50);
		WAIT_FOR(rig_messages[33] >= before + i);
	}
	CHECK_EQ(rig_level, 0);
	before = rig_messages[33];
	reg_set(IS, UINT32_MAX);
	hba_set(8, UINT32_MAX);
	CHECK_EQ(rig_messages[33], before);
	cfg_set(cap + 2, 0, 2);
	hba_set(4, 0);
}

static void save_and_load(void)
{
	struct state_buf s = { 0 };

	reg_set(IE, 0x55);
	CHECK_EQ(RUN(0xef, 0, 0x03, 0x42), 0x50);
	CHECK(state_save(rig_dev, &s, &rig_bus->err) == 0, "%s", rig_bus->err.msg);
	machine_reset(rig_bus->m, RESET_COLD);
	CHECK(state_load(rig_dev, s.data, s.len, &rig_bus->err) == 0, "%s", rig_bus->err.msg);
	free(s.data);
	CHECK_EQ(reg(IE), 0x55);
	CHECK_EQ(reg(CLB), list);
	CHECK_EQ(RUN(0xec), 0x50);
	CHECK_EQ(ld_le16((uint8_t *)ram(data) + 176), 0x47f);
	/* a command that was not begun is begun by who loads, not before all of it is there */
	cfg_set(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	put(3, (struct cmd){ 0x25, 0, 0, 8, 64, NULL }, data, 4096, 2);
	reg_set(CI, 8);
	rig_fn->cfg[PCI_COMMAND] |= PCI_COMMAND_MASTER;
	s = (struct state_buf){ 0 };
	CHECK(state_save(rig_dev, &s, &rig_bus->err) == 0);
	memset(ram(data), 0, 4096);
	CHECK(state_load(rig_dev, s.data, s.len, &rig_bus->err) == 0, "%s", rig_bus->err.msg);
	block_drain(ahci_drive(rig_dev, 0, &(bool){ 0 }));
	CHECK(reg(CI) == 8 && !*(uint8_t *)ram(data) && !memcmp(ram(data), ram(data) + 1, 4095));
	rig_resume();
	WAIT_FOR(!reg(CI));
	CHECK(!memcmp(ram(data), model + 64 * 512, 4096));
	for (unsigned i = 0; i < 3000; i++) {	/* of a stranger: refused, or harmless */
		uint8_t *copy = malloc(s.len);

		memcpy(copy, s.data, s.len);
		for (unsigned n = 1 + rnd(4); n; n--)
			copy[rnd((unsigned)s.len)] = (uint8_t)rnd(256);
		if (!state_load(rig_dev, copy, s.len, &rig_bus->err))
			rig_resume();
		free(copy);
	}
	free(s.data);
	machine_reset(rig_bus->m, RESET_COLD);
	rig_place();
	start_port(PORT_DISK);
	CHECK_EQ(RUN(0xec), 0x50);
}

/* ---- the CD-ROM drive ---- */

static unsigned packet_dma(const uint8_t *cdb, uint32_t len, bool dma)
{
	struct cmd c = { .command = 0xa0, .features = dma, .lba = 0x080000, .cdb = cdb };

	return run(c, data, len ? len : 2, 2);
}

#define PACKET(len, ...) packet_dma((const uint8_t[12]){ __VA_ARGS__ }, len, rnd(2))

static void check_sense(unsigned key, unsigned asc, unsigned ascq)
{
	uint8_t *p = ram(data);

	restart();
	CHECK_EQ(PACKET(18, 0x03, 0, 0, 0, 18), 0x50);
	CHECK_EQ(p[2], key);
	CHECK_EQ(p[12], asc);
	CHECK_EQ(p[13], ascq);
}

static void cdrom(void)
{
	uint8_t *p;

	start_port(PORT_CD);
	p = ram(data);
	CHECK_EQ(reg(SIG), 0xeb140101);
	CHECK_EQ(RUN(0xec), 0x451);
	CHECK_EQ(((uint8_t *)ram(rfis))[0x45] | ((uint8_t *)ram(rfis))[0x46] << 8, 0xeb14);
	restart();
	CHECK_EQ(RUN(0xa1), 0x50);
	CHECK_EQ(ld_le16(p), 0x85c0);
	CHECK_EQ(PACKET(0, 0x00), 0x6051);	/* unit attention: power on */
	CHECK_EQ(((uint8_t *)ram(rfis))[0x4c], 3);
	check_sense(6, 0x29, 0);
	CHECK_EQ(PACKET(0, 0x00), 0x50);
	CHECK_EQ(PACKET(36, 0x12, 0, 0, 0, 36), 0x50);
	CHECK_EQ(p[0] | p[1] << 8, 0x8005);
	CHECK_EQ(PACKET(8, 0x25), 0x50);
	CHECK_EQ(ld_be32(p), CD_BLOCKS - 1);
	CHECK_EQ(ld_be32(p + 4), 2048);
	for (unsigned i = 0; i < 50; i++) {
		unsigned n = 1 + rnd(20), lba = rnd(CD_BLOCKS - n);

		if (i & 1)
			CHECK_EQ(PACKET(n * 2048, 0x28, 0, 0, 0, 0, (uint8_t)lba, 0, 0,
					(uint8_t)n), 0x50);
		else
			CHECK_EQ(PACKET(n * 2048, 0xa8, 0, 0, 0, 0, (uint8_t)lba, 0, 0, 0,
					(uint8_t)n), 0x50);
		CHECK(!memcmp(p, cd_model + 2048 * lba, n * 2048));
	}
	CHECK_EQ(PACKET(20, 0x43, 0, 0, 0, 0, 0, 0, 0, 20), 0x50);
	CHECK_EQ(ld_be16(p), 18);
	CHECK_EQ(p[14], 0xaa);
	CHECK_EQ(ld_be32(p + 16), CD_BLOCKS);
	CHECK_EQ(PACKET(64, 0x46, 0, 0, 0, 0, 0, 0, 0, 64), 0x50);
	CHECK_EQ(ld_be16(p + 6), 8);
	CHECK_EQ(PACKET(8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0x50);
	CHECK_EQ(p[4], 2);
	CHECK_EQ(PACKET(8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0x50);
	CHECK_EQ(p[4], 0);
	CHECK_EQ(p[5], 2);
	CHECK_EQ(PACKET(64, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64), 0x50);
	CHECK_EQ(p[8] | p[9] << 8, 0x122a);
	CHECK_EQ(PACKET(8, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8), 0x50);
	CHECK_EQ(PACKET(34, 0x51, 0, 0, 0, 0, 0, 0, 0, 34), 0x50);
	CHECK_EQ(p[2], 0x0e);
}

static void cdrom_errors(void)
{
	uint8_t *p = ram(data);

	CHECK_EQ(PACKET(2048, 0x28, 0, 0, 0, 0, CD_BLOCKS, 0, 0, 1), 0x5451);
	check_sense(5, 0x21, 0);
	CHECK_EQ(PACKET(2048, 0xa8, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff), 0x5451);
	check_sense(5, 0x21, 0);
	CHECK_EQ(PACKET(2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 2), 0xb451);	/* too short */
	check_sense(11, 0x4b, 0);
	CHECK_EQ(PACKET(0, 0x2a), 0x5451);	/* there is no writing */
	check_sense(5, 0x20, 0);
	CHECK_EQ(PACKET(20, 0x43, 0, 2, 0, 0, 0, 0, 0, 20), 0x5451);
	check_sense(5, 0x24, 0);
	CHECK_EQ(PACKET(0, 0x1e, 0, 0, 0, 1), 0x50);
	CHECK_EQ(PACKET(0, 0x1b, 0, 0, 0, 2), 0x5451);
	check_sense(5, 0x53, 2);
	CHECK_EQ(PACKET(0, 0x1e), 0x50);
	CHECK_EQ(PACKET(0, 0x1b, 0, 0, 0, 2), 0x50);
	CHECK_EQ(PACKET(8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0x50);
	CHECK_EQ(p[4] | p[5] << 8, 0x103);
	CHECK_EQ(PACKET(0, 0x00), 0x2051);
	check_sense(2, 0x3a, 2);
	CHECK_EQ(PACKET(0, 0x1b, 0, 0, 0, 3), 0x50);
	CHECK_EQ(PACKET(0, 0x00), 0x50);
	CHECK_EQ(run((struct cmd){ 0x25, 0, 0, 8, 0, NULL }, data, 4096, 1), 0x451);
	restart();
	CHECK_EQ(RUN(0x08), 0x50);	/* DEVICE RESET */
	CHECK_EQ(PACKET(0, 0x00), 0x6051);
	restart();
}

static void plug(const char *options)
{
	fill(model, sizeof(model));
	fill(cd_model, sizeof(cd_model));
	disk = rig_disk(model, sizeof(model), options);
	cd = rig_disk(cd_model, sizeof(cd_model), ",readonly=on");
	rig_new("ich9-ahci");
	ahci_set_drive(rig_dev, PORT_DISK, disk, false);
	ahci_set_drive(rig_dev, PORT_CD, cd, true);
	rig_plug();
}

static void unplug(void)
{
	rig_free();
	block_close(disk);
	block_close(cd);
}

int main(void)
{
	static const char *const options[] = { "", ",snapshot=on", ",cache=directsync" };

	for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
		plug(options[i]);
		CHECK_EQ(hba(0) & 31, 5);
		CHECK_EQ(hba(0xc), 1u << PORT_DISK | 1u << PORT_CD);
		CHECK_EQ(hba(0x10), 0x10301);
		start_port(PORT_DISK);
		CHECK_EQ(reg(SIG), 0x101);
		CHECK_EQ(reg(SSTS), 0x133);
		identify();
		transfers();
		queued();
		queued_error();
		trim(strstr(options[i], "snapshot"));
		settings();
		bad_memory();
		soft_reset();
		interrupts();
		in_flight();
		save_and_load();
		transfers();
		cdrom();
		cdrom_errors();
		unplug();
	}
	plug(",readonly=on");
	start_port(PORT_DISK);
	CHECK_EQ(run((struct cmd){ 0x35, 0, 0, 8, 0, NULL }, data, 4096, 1), 0x451);
	restart();
	CHECK_EQ(run((struct cmd){ 0x25, 0, 0, 8, 0, NULL }, data, 4096, 1), 0x50);
	unplug();
	return check_done();
}
