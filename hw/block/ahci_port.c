/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One port: takes commands from its list, brings data and FISes into memory.
 *
 * Whoever finds something to do (a register write, a completion) calls
 * ahci_port_run; one thread at a time is in it, the others leave word. Commands that
 * the driver no longer wants (ST cleared, a reset) go on at the back end and are
 * forgotten here; until the last of them is back, PxCMD.CR says that the engine has
 * not stopped, and nothing new starts. No vCPU waits for the host's disk.
 */
#include <errno.h>
#include <string.h>

#include "hw/block/ahci_int.h"
#include "util/log.h"

enum { FIS_H2D = 0x27, FIS_D2H = 0x34, FIS_PIO_SETUP = 0x5f, FIS_SDB = 0xa1 };	/* SATA 10.5 */
enum { RX_PIO_SETUP = 0x20, RX_D2H = 0x40, RX_SDB = 0x58 };	/* AHCI 4.2.1 */
enum { FIS_I = 0x40, FIS_D = 0x20, FIS_C = 0x80, SRST = 4 };
enum { TABLE_ACMD = 0x40, TABLE_PRDT = 0x80, PRD_SIZE = 16, PRD_CHUNK = 64 };	/* 4.2.3 */
enum { READ_FPDMA = 0x60, WRITE_FPDMA = 0x61 };
#define SERR_X (1u << 26)		/* 3.3.12: the device came */
#define SERR_N (1u << 16)		/* PhyRdy changed */
#define SSTS_UP 0x133u			/* device, 6 Gb/s, active */
#define PRD_IRQ (1u << 31)

bool ahci_dma_ok(const struct ahci_port *p) { return pci_is_master(&p->h.hba->fn); }

/* ---- FISes to memory ---- */

static void receive(struct ahci_port *p, unsigned off, const uint8_t *fis, unsigned n)
{
	gpa_t fb = p->fb | (uint64_t)p->fbu << 32;

	/* A bad address loses the FIS, as it would on the bus. */
	if ((p->cmd & CMD_FRE) && ahci_dma_ok(p))
		dma_write(&p->h.hba->dev, fb + off, fis, n);
}

static void put_tf(uint8_t *fis, const struct ata_tf *tf)
{
	fis[2] = tf->status;
	fis[3] = tf->error;
	fis[7] = tf->device;
	for (unsigned i = 0; i < 3; i++) {
		fis[4 + i] = (uint8_t)(tf->lba >> 8 * i);
		fis[8 + i] = (uint8_t)(tf->lba >> (24 + 8 * i));
	}
	st_le16(fis + 12, tf->count);
}

static void post_d2h(struct ahci_port *p, const struct ata_tf *tf, bool irq)
{
	uint8_t fis[20] = { FIS_D2H, irq ? FIS_I : 0 };

	put_tf(fis, tf);
	receive(p, RX_D2H, fis, sizeof(fis));
	p->tfd = tf->status | (uint32_t)tf->error << 8;
	if (irq)
		ahci_raise(p, PORT_IRQ_DHR);
	if (tf->status & ATA_ERR)
		ahci_raise(p, PORT_IRQ_TFE);
}

/* All data of a PIO read is there: one FIS for all of its blocks. */
static void post_pio_setup(struct ahci_port *p, const struct ata_tf *tf, uint64_t bytes, bool irq)
{
	uint8_t fis[20] = { FIS_PIO_SETUP, (uint8_t)(FIS_D | (irq ? FIS_I : 0)) };

	put_tf(fis, tf);
	fis[2] |= ATA_DRQ;
	fis[15] = tf->status;
	st_le16(fis + 16, (uint16_t)MIN(bytes, UINT64_C(0xfffe)));
	receive(p, RX_PIO_SETUP, fis, sizeof(fis));
	if (irq) {
		p->tfd = tf->status | (uint32_t)tf->error << 8;
		ahci_raise(p, PORT_IRQ_PS);
	}
}

static void post_sdb(struct ahci_port *p, uint8_t status, uint8_t error)
{
	uint8_t fis[8] = { FIS_SDB, FIS_I, status & 0x77, error };

	if (!p->h.finished && !(status & ATA_ERR))
		return;
	st_le32(fis + 4, p->h.finished);
	receive(p, RX_SDB, fis, sizeof(fis));
	p->sact &= ~p->h.finished;
	p->h.finished = 0;
	p->tfd = (p->tfd & (ATA_BSY | ATA_DRQ)) | (status & 0x77) | (uint32_t)error << 8;
	ahci_raise(p, PORT_IRQ_SDB | (status & ATA_ERR ? PORT_IRQ_TFE : 0));
}

/* ---- link, stop and reset ---- */

static void post_signature(struct ahci_port *p)
{
	struct ata_tf tf = { .status = ATA_READY, .error = 1 };

	ata_signature(p, &tf);
	p->sig = (tf.count & 0xff) | (uint32_t)tf.lba << 8;
	post_d2h(p, &tf, false);
}

static void link_up(struct ahci_port *p)
{
	p->h.link_due = false;
	p->ssts = 0;
	p->sig = UINT32_MAX;
	p->tfd = 0x7f;
	if (!p->h.drive)
		return;
	p->ssts = SSTS_UP;
	p->serr |= SERR_X | SERR_N;
	ahci_raise(p, PORT_IRQ_PC | PORT_IRQ_PRC);
	post_signature(p);
}

static void drained(struct ahci_port *p)
{
	p->h.draining = false;
	if (p->h.link_due)
		link_up(p);
	else if ((p->tfd & ATA_BSY) && !p->srst)
		p->tfd = ATA_READY;	/* the drive is through with what it was given */
}

/* Nobody waits any more for what is in flight. */
static void forget(struct ahci_port *p)
{
	for (unsigned i = 0; i < AHCI_SLOTS; i++)
		p->h.req[i].live = false;
	p->h.queued = p->h.finished = 0;
	p->h.draining = p->h.in_flight > 0;
}

void ahci_port_stop(struct ahci_port *p)
{
	forget(p);
	p->ci = p->sact = 0;
	p->halted = false;
	p->cmd &= ~(uint32_t)CMD_CCS;
}

void ahci_port_comreset(struct ahci_port *p, bool hold)
{
	forget(p);
	p->halted = p->srst = false;
	p->h.link_due = false;
	ata_device_reset(p, false);
	p->ssts = 0;
	p->tfd = p->h.drive ? ATA_BSY : 0x7f;
	if (hold)
		return;
	p->h.link_due = true;
	if (!p->h.draining)
		link_up(p);
}

void ahci_port_reset(struct ahci_port *p)
{
	p->is = p->ie = p->serr = p->sact = p->ci = p->sctl = 0;
	p->cmd = CMD_SUD | CMD_POD;
	ahci_port_comreset(p, false);
}

/* ---- data ---- */

int ahci_map(struct ahci_req *r, uint64_t want, bool to_guest)
{
	struct dev *d = &r->port->h.hba->dev;
	uint8_t prd[PRD_CHUNK * PRD_SIZE];
	int ret;

	sg_clear(&r->sg);
	r->to_guest = to_guest;
	for (unsigned i = 0; i < r->nr_prds && r->sg.bytes < want; i++) {
		const uint8_t *e = prd + i % PRD_CHUNK * PRD_SIZE;
		unsigned n = MIN((unsigned)PRD_CHUNK, r->nr_prds - i);
		uint64_t len;

		if (i % PRD_CHUNK == 0 && dma_read(d, r->prdt + i * PRD_SIZE, prd, n * PRD_SIZE))
			return -EFAULT;
		len = (ld_le32(e + 12) & 0x3fffff) + UINT64_C(1);
		r->prd_irq |= (ld_le32(e + 12) & PRD_IRQ) != 0;
		ret = sg_add(&r->sg, d, ld_le64(e) & ~UINT64_C(1), MIN(len, want - r->sg.bytes),
			     to_guest);
		if (ret < 0)
			return ret;
	}
	return r->sg.bytes < want ? -ENOSPC : 0;
}

int ahci_reply(struct ahci_req *r, const void *buf, uint32_t len)
{
	const uint8_t *from = buf;
	int ret = ahci_map(r, len, true);

	if (ret && ret != -ENOSPC)
		return ret;
	for (unsigned i = 0; i < r->sg.nr; i++) {
		memcpy(r->sg.iov[i].iov_base, from, r->sg.iov[i].iov_len);
		from += r->sg.iov[i].iov_len;
	}
	r->moved = r->sg.bytes;
	return 0;
}

/* ---- the end of a command ---- */

static void halt(struct ahci_port *p, unsigned slot)
{
	p->halted = true;
	p->cmd = (p->cmd & ~(uint32_t)CMD_CCS) | slot << CMD_CCS_SHIFT;
	p->h.queued = 0;
	for (unsigned i = 0; i < AHCI_SLOTS; i++)
		p->h.req[i].live = false;
}

/* What READ LOG EXT page 10h says of it (ACS, "NCQ Command Error log"). */
static void log_ncq_error(struct ahci_port *p, const struct ahci_req *r)
{
	uint8_t fis[16] = { 0 };

	put_tf(fis, &r->out);
	fis[0] = r->slot;
	memcpy(p->ncq_log, fis, sizeof(p->ncq_log));
}

static void finish_queued(struct ahci_req *r)
{
	struct ahci_port *p = r->port;

	p->h.queued &= ~(uint32_t)BIT(r->slot);
	if (!(r->out.status & ATA_ERR)) {
		p->h.finished |= (uint32_t)BIT(r->slot);
		return;
	}
	post_sdb(p, ATA_READY, 0);
	log_ncq_error(p, r);
	halt(p, r->slot);
	post_sdb(p, r->out.status, r->out.error);
}

static void finish(struct ahci_req *r, enum ata_result how)
{
	struct ahci_port *p = r->port;
	struct dev *d = &p->h.hba->dev;
	uint8_t count[4];

	if (r->to_guest)	/* all of it: a read that failed may have brought a part */
		sg_written(&r->sg, d, r->sg.bytes);
	if (r->prd_irq)
		ahci_raise(p, PORT_IRQ_DP);
	if (how == ATA_BUS_ERROR) {
		/* AHCI 6.2.2.2: fatal, until the driver restarts the port */
		log_guest("%s: port %u: command %02x: bad memory", d->id, p->h.nr, r->in.command);
		halt(p, r->slot);
		ahci_raise(p, PORT_IRQ_HBF);
		return;
	}
	if (r->queued) {
		finish_queued(r);
		return;
	}
	st_le32(count, (uint32_t)r->moved);
	if (ahci_dma_ok(p))
		dma_write(d, r->header + 4, count, sizeof(count));
	if (r->out.status & ATA_ERR) {
		halt(p, r->slot);
		post_d2h(p, &r->out, true);
		return;
	}
	p->ci &= ~(uint32_t)BIT(r->slot);
	p->cmd = (p->cmd & ~(uint32_t)CMD_CCS) | (uint32_t)r->slot << CMD_CCS_SHIFT;
	if (r->pio_in && !r->atapi_cmd) {
		post_pio_setup(p, &r->out, r->moved, true);
		return;
	}
	if (r->pio_in && r->moved)
		post_pio_setup(p, &r->out, r->moved, false);
	post_d2h(p, &r->out, true);
}

static void io_done(struct block_req *io, int ret)
{
	struct ahci_req *r = container_of(io, struct ahci_req, io);
	struct ahci_port *p = r->port;
	struct ahci *s = p->h.hba;
	bool more = io->more;
	enum ata_result how;

	pthread_mutex_lock(&s->lock);
	if (r->live) {
		how = ata_next(r, ret);
		if (how == ATA_SUBMIT) {
			if (!more)
				ahci_port_run(p);	/* those before it count on this one */
			pthread_mutex_unlock(&s->lock);
			io->next = NULL;
			block_submit(p->h.drive, io);
			return;
		}
		r->live = false;
		finish(r, how);
	} else if (r->to_guest) {
		/* for nobody, but it was written */
		sg_written(&r->sg, &s->dev, r->sg.bytes);
	}
	r->busy = false;
	if (!--p->h.in_flight && p->h.draining)
		drained(p);
	if (!more)
		ahci_port_run(p);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the start of a command ---- */

static bool fetch(struct ahci_port *p, unsigned slot, uint8_t *table, unsigned table_size)
{
	struct ahci_req *r = &p->h.req[slot];
	struct dev *d = &p->h.hba->dev;
	uint8_t header[16];
	uint64_t at;

	r->header = (p->clb | (uint64_t)p->clbu << 32) + slot * 32;
	if (dma_read(d, r->header, header, sizeof(header)))
		return false;
	at = ld_le64(header + 8) & ~UINT64_C(0x7f);
	if (dma_read(d, at, table, table_size))
		return false;
	r->port = p;
	r->slot = (uint8_t)slot;
	r->nr_prds = ld_le16(header + 2);
	r->prdt = at + TABLE_PRDT;
	r->moved = 0;
	r->queued = r->pio_in = r->prd_irq = r->to_guest = r->then_flush = r->atapi_cmd = false;
	sg_clear(&r->sg);
	memcpy(r->cdb, table + TABLE_ACMD, sizeof(r->cdb));
	return true;
}

static void parse_fis(struct ahci_req *r, const uint8_t *fis)
{
	struct ata_tf *tf = &r->in;

	*tf = (struct ata_tf){
		.command = fis[2], .control = fis[15], .device = fis[7],
		.features = (uint16_t)(fis[3] | fis[11] << 8), .count = ld_le16(fis + 12),
	};
	for (unsigned i = 0; i < 3; i++)
		tf->lba |= (uint64_t)fis[4 + i] << 8 * i | (uint64_t)fis[8 + i] << (24 + 8 * i);
	r->out = *tf;
	r->out.status = ATA_READY;
	r->out.error = 0;
	r->queued = tf->command == READ_FPDMA || tf->command == WRITE_FPDMA;
}

/* A FIS that only brings the control register: software reset (SATA 11.4). */
static void control(struct ahci_port *p, struct ahci_req *r)
{
	p->ci &= ~(uint32_t)BIT(r->slot);
	p->tfd &= ~(uint32_t)(ATA_BSY | ATA_DRQ);
	if (r->in.control & SRST) {
		forget(p);
		p->srst = true;
	} else if (p->srst) {
		p->srst = false;
		ata_device_reset(p, true);
		post_signature(p);
	}
}

static bool tag_ok(struct ahci_port *p, const struct ahci_req *r)
{
	return (r->in.count >> 3 & 31) == r->slot && (p->sact & BIT(r->slot));
}

/* false: it has to wait for what is in flight. */
static bool issue(struct ahci_port *p, unsigned slot, struct block_req ***tail)
{
	struct ahci_req *r = &p->h.req[slot];
	enum ata_result how = ATA_BUS_ERROR;
	uint8_t table[TABLE_ACMD + 16];

	if (!fetch(p, slot, table, sizeof(table))) {
		halt(p, slot);
		ahci_raise(p, PORT_IRQ_HBF);
		return true;
	}
	parse_fis(r, table);
	if (table[0] != FIS_H2D) {
		log_guest("%s: port %u: FIS of type %02x", p->h.hba->dev.id, p->h.nr, table[0]);
		halt(p, slot);
		ahci_raise(p, PORT_IRQ_IF);
		return true;
	}
	if (!(table[1] & FIS_C)) {
		control(p, r);
		return true;
	}
	if (p->srst) {
		p->tfd = ATA_BSY;	/* nobody listens */
		return true;
	}
	if (!r->queued && p->h.queued)
		return false;
	if (r->queued && tag_ok(p, r)) {
		p->ci &= ~(uint32_t)BIT(slot);	/* SATA 13.6.4: the drive has let go of the bus */
		p->h.queued |= (uint32_t)BIT(slot);
		how = ata_start(r);
	} else if (r->queued) {
		r->queued = false;
		how = ata_fail(r, ATA_ABRT);
	} else {
		how = ata_start(r);
	}
	if (how != ATA_SUBMIT) {
		finish(r, how);
		return true;
	}
	if (!r->queued)
		p->tfd |= ATA_BSY;
	r->busy = r->live = true;
	p->h.in_flight++;
	r->io.done = io_done;
	r->io.next = NULL;
	**tail = &r->io;
	*tail = &r->io.next;
	return true;
}

static bool ready(const struct ahci_port *p)
{
	return (p->cmd & CMD_ST) && !p->halted && !p->h.draining && p->ssts == SSTS_UP &&
	       !(p->tfd & (ATA_BSY | ATA_DRQ)) && ahci_dma_ok(p);
}

/* AHCI 5.3.2.3: in turn, from behind the last one. A slot whose tag is with the drive waits. */
static int next_slot(const struct ahci_port *p)
{
	unsigned ccs = p->cmd >> CMD_CCS_SHIFT & 31;

	for (unsigned i = 1; i <= AHCI_SLOTS; i++) {
		unsigned slot = (ccs + i) % AHCI_SLOTS;

		if ((p->ci & BIT(slot)) && !p->h.req[slot].busy)
			return (int)slot;
	}
	return -1;
}

void ahci_port_run(struct ahci_port *p)
{
	struct ahci *s = p->h.hba;
	struct block_req *list, **tail;
	int slot;

	if (p->h.running) {
		p->h.again = true;
		return;
	}
	p->h.running = true;
	do {
		list = NULL;
		tail = &list;
		p->h.again = false;
		while (ready(p) && (slot = next_slot(p)) >= 0) {
			p->cmd = (p->cmd & ~(uint32_t)CMD_CCS) | (uint32_t)slot << CMD_CCS_SHIFT;
			if (!issue(p, (unsigned)slot, &tail))
				break;
		}
		if (list) {
			pthread_mutex_unlock(&s->lock);
			block_submit(p->h.drive, list);
			pthread_mutex_lock(&s->lock);
		}
	} while (list || p->h.again);
	p->h.running = false;
	post_sdb(p, ATA_READY, 0);
	ahci_update_irq(s);
}
