/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers (3.1), enabling and disabling, shutdown, the PCI function. What the back
 * end has in flight when the controller is disabled is waited for without a thread:
 * CSTS.RDY falls with the last of it.
 *
 * A doorbell's value is the queue's new tail or head, so that an engine that only says
 * "somebody wrote here" (struct doorbell) cannot take the write: it comes to the vCPU's
 * thread, which hands what it finds to the back end and goes on.
 */
#include <errno.h>
#include <stdlib.h>

#include "hw/block/nvme_int.h"
#include "util/log.h"

enum { R_REGS, R_DOORBELLS, R_TABLE, R_PBA, NR_REGIONS };
enum { BAR_SIZE = 0x4000, AT_DOORBELLS = 0x1000, AT_TABLE = 0x2000, AT_PBA = 0x3000 };
enum {
	CAP = 0x00, VS = 0x08, INTMS = 0x0c, INTMC = 0x10, CC = 0x14, CSTS = 0x1c, AQA = 0x24,
	ASQ = 0x28, ACQ = 0x30,
};
enum { CC_EN = 1, CC_SHN_SHIFT = 14, CC_MASK = 0x00fffff1 };
/* 20 * 500 ms to get ready, queues are contiguous, the NVM command set, pages of 4 KiB */
#define CAP_VALUE (UINT64_C(1) << 37 | 20u << 24 | 1u << 16 | (NVME_ENTRIES - 1))
enum { DEFAULT_QUEUES = 8 };

static struct nvme *nvme_of(struct dev *d) { return DEV_STATE(struct nvme, d); }

void nvme_fatal(struct nvme *s, const char *why)
{
	if (!(s->csts & CSTS_CFS))
		log_guest("%s: %s; the controller waits for a reset", s->dev.id, why);
	s->csts |= CSTS_CFS;
}

void nvme_error_event(struct nvme *s, unsigned info)
{
	if (s->event_masked || !s->nr_aer ||
	    !nvme_post(s, &s->sq[0], s->aer[s->nr_aer - 1], NVME_OK, info << 8 | 1u << 16))
		return;
	s->nr_aer--;
	s->event_masked = true;
}

/* ---- life ---- */

static void enable(struct nvme *s)
{
	unsigned asqs = (s->aqa & 0xfff) + 1, acqs = (s->aqa >> 16 & 0xfff) + 1;

	nvme_reset_features(s);
	s->event_masked = false;
	s->csts = CSTS_RDY;
	/* memory pages, arbitration, command set */
	if (s->cc >> 4 & 0x3ff || asqs < 2 || acqs < 2 || asqs > NVME_ENTRIES ||
	    acqs > NVME_ENTRIES) {
		s->csts = 0;
		nvme_fatal(s, "enabled with a bad configuration");
		return;
	}
	s->sq[0].base = s->asq;
	s->sq[0].size = (uint16_t)asqs;
	s->sq[0].head = s->sq[0].tail = s->sq[0].cqid = 0;
	s->cq[0] = (struct nvme_cq){
		.base = s->acq, .size = (uint16_t)acqs, .phase = true, .irq = true,
	};
}

static void disable(struct nvme *s)
{
	nvme_forget(s);
	if (!s->draining)
		s->csts = 0;
}

void nvme_drained(struct nvme *s)
{
	s->draining = false;
	s->csts = 0;
	if (s->cc & CC_EN)
		enable(s);
}

static void shutdown_done(struct block_req *io, int ret)
{
	struct nvme *s = container_of(io, struct nvme, shutdown);

	pthread_mutex_lock(&s->lock);
	s->shutdown_busy = false;
	if (s->shutdown_live)
		s->csts = (s->csts & ~(uint32_t)CSTS_SHST) | CSTS_SHST_DONE;
	if (!--s->in_flight && s->draining)
		nvme_drained(s);
	pthread_mutex_unlock(&s->lock);
}

/* 7.6.2: the cache goes to the disk first. Lets go of the lock. */
static void begin_shutdown(struct nvme *s)
{
	if (s->csts & CSTS_SHST || s->shutdown_busy)
		return;
	if (!nvme_has_cache(s)) {
		s->csts |= CSTS_SHST_DONE;
		return;
	}
	s->csts |= CSTS_SHST_BUSY;
	s->shutdown = (struct block_req){ .op = BLOCK_FLUSH, .done = shutdown_done };
	s->shutdown_live = s->shutdown_busy = true;
	s->in_flight++;
	pthread_mutex_unlock(&s->lock);
	block_submit(s->drive, &s->shutdown);
	pthread_mutex_lock(&s->lock);
}

static void write_cc(struct nvme *s, uint32_t v)
{
	uint32_t old = s->cc;

	s->cc = v & CC_MASK;
	if (!(v & CC_EN) && (old & CC_EN))
		disable(s);
	else if ((v & CC_EN) && !(old & CC_EN) && !s->draining)
		enable(s);
	if ((v >> CC_SHN_SHIFT & 3) && !(old >> CC_SHN_SHIFT & 3))
		begin_shutdown(s);
	else if (!(v >> CC_SHN_SHIFT & 3) && !s->shutdown_busy)
		s->csts &= ~(uint32_t)CSTS_SHST;
	nvme_update_irq(s);
}

/* ---- registers ---- */

static void set_half(uint64_t *reg, bool high, uint32_t v)
{
	*reg = high ? (*reg & UINT32_MAX) | (uint64_t)v << 32 :
		      (*reg & ~(uint64_t)UINT32_MAX) | (v & ~(NVME_PAGE - 1u));
}

static uint64_t regs_read(struct dev *d, uint64_t off, unsigned size)
{
	struct nvme *s = nvme_of(d);
	uint32_t v = 0;

	pthread_mutex_lock(&s->lock);
	switch (off) {
	case CAP: v = (uint32_t)CAP_VALUE; break;
	case CAP + 4: v = (uint32_t)(CAP_VALUE >> 32); break;
	case VS: v = 0x00010400; break;
	case INTMS:
	case INTMC: v = s->intms; break;
	case CC: v = s->cc; break;
	case CSTS: v = s->csts; break;
	case AQA: v = s->aqa; break;
	case ASQ: v = (uint32_t)s->asq; break;
	case ASQ + 4: v = (uint32_t)(s->asq >> 32); break;
	case ACQ: v = (uint32_t)s->acq; break;
	case ACQ + 4: v = (uint32_t)(s->acq >> 32); break;
	}
	pthread_mutex_unlock(&s->lock);
	return v;
}

static void regs_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct nvme *s = nvme_of(d);
	uint32_t v = (uint32_t)val;

	pthread_mutex_lock(&s->lock);
	switch (off) {
	case INTMS: s->intms |= v; break;
	case INTMC: s->intms &= ~v; break;
	case CC: write_cc(s, v); break;
	case AQA: s->aqa = v & 0x0fff0fff; break;
	case ASQ:
	case ASQ + 4: set_half(&s->asq, off & 4, v); break;
	case ACQ:
	case ACQ + 4: set_half(&s->acq, off & 4, v); break;
	}
	nvme_update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

static void doorbell_write(struct dev *d, uint64_t off, uint64_t val, unsigned size)
{
	struct nvme *s = nvme_of(d);

	pthread_mutex_lock(&s->lock);
	nvme_doorbell(s, (unsigned)off / 4, (uint32_t)val);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the PCI function ---- */

static void config_written(struct pci_fn *f, unsigned off, unsigned n)
{
	struct nvme *s = container_of(f, struct nvme, fn);

	pthread_mutex_lock(&s->lock);
	nvme_run_all(s);		/* it may be bus master now */
	pthread_mutex_unlock(&s->lock);
}

static const struct pci_type nvme_pci = {
	.vendor = 0x1af4, .device = 0x10f0, .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
	.class = 0x010802, .revision = 1, .intx_pin = 1, .config_written = config_written,
};

static int nvme_init(struct dev *d, struct err *e)
{
	struct nvme *s = nvme_of(d);
	int ret;

	if (!s->drive)
		return err_set(e, EINVAL, "has no drive");
	if (s->num_queues >= NVME_QUEUES)
		return err_set(e, EINVAL, "num-queues=%u: at most %u", s->num_queues,
			       NVME_QUEUES - 1);
	s->nr_io = s->num_queues ? s->num_queues : MIN(d->machine->cfg.nr_cpus,
						       (unsigned)DEFAULT_QUEUES);
	ret = pci_init(&s->fn, d, &nvme_pci, e);
	if (ret < 0)
		return ret;
	pci_set_bar(&s->fn, 0, BAR_SIZE, PCI_BAR_64);
	pci_bar_part(&s->fn, 0, R_REGS, 0);
	pci_bar_part(&s->fn, 0, R_DOORBELLS, AT_DOORBELLS);
	pci_add_msix(&s->fn, s->nr_io + 1, 0, AT_TABLE, R_TABLE, AT_PBA, R_PBA);
	pci_add_pm(&s->fn);
	pci_add_express(&s->fn, true);
	pthread_mutex_init(&s->lock, NULL);
	for (unsigned i = 0; i < NVME_QUEUES; i++) {
		s->sq[i].h.ctrl = s;
		s->sq[i].h.id = i;
	}
	return 0;
}

static void nvme_fini(struct dev *d)
{
	struct nvme *s = nvme_of(d);

	pci_fini(&s->fn);
	block_drain(s->drive);
	for (unsigned i = 0; i < NVME_QUEUES; i++)
		nvme_free_reqs(&s->sq[i]);
	pthread_mutex_destroy(&s->lock);
}

static void nvme_quiesce(struct dev *d)
{
	block_drain(nvme_of(d)->drive);
}

static void nvme_reset(struct dev *d, enum reset_kind kind)
{
	struct nvme *s = nvme_of(d);

	pci_reset(&s->fn);
	pthread_mutex_lock(&s->lock);
	s->cc = s->csts = s->aqa = s->intms = 0;
	s->asq = s->acq = 0;
	nvme_forget(s);
	nvme_reset_features(s);
	pthread_mutex_unlock(&s->lock);
}

static bool queue_ok(uint64_t base, unsigned size, unsigned head, unsigned tail)
{
	return !size || (size <= NVME_ENTRIES && size >= 2 && head < size && tail < size &&
			 base % NVME_PAGE == 0);
}

static int check_loaded(struct nvme *s, struct err *e)
{
	bool ok = s->nr_aer <= NVME_AERS && !(s->csts & ~(CSTS_RDY | CSTS_CFS | CSTS_SHST));

	for (unsigned i = 0; i < NVME_QUEUES; i++) {
		const struct nvme_sq *sq = &s->sq[i];
		const struct nvme_cq *cq = &s->cq[i];

		ok = ok && queue_ok(sq->base, sq->size, sq->head, sq->tail) &&
		     queue_ok(cq->base, cq->size, cq->head, cq->tail) && cq->vector <= s->nr_io &&
		     sq->cqid < NVME_QUEUES && (!sq->size || s->cq[sq->cqid].size);
	}
	return ok ? 0 : err_set(e, EINVAL, "queues have impossible values");
}

static int nvme_loaded(struct dev *d, struct err *e)
{
	struct nvme *s = nvme_of(d);
	int ret = pci_loaded(&s->fn, e);

	pthread_mutex_lock(&s->lock);
	if (!ret)
		ret = check_loaded(s, e);
	s->cc &= CC_MASK;
	s->asq &= ~(NVME_PAGE - UINT64_C(1));
	s->acq &= ~(NVME_PAGE - UINT64_C(1));
	s->draining = false;
	s->owed = 0;
	for (unsigned i = 0; i < NVME_QUEUES; i++) {
		s->cq[i].h.reserved = 0;
		s->sq[i].h.deleting = false;
	}
	if (!ret)
		nvme_update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static void nvme_resume(struct dev *d)
{
	struct nvme *s = nvme_of(d);

	pthread_mutex_lock(&s->lock);
	nvme_run_all(s);
	pthread_mutex_unlock(&s->lock);
}

static const struct field cq_fields[] = {
	FIELD(struct nvme_cq, base), FIELD(struct nvme_cq, size), FIELD(struct nvme_cq, head),
	FIELD(struct nvme_cq, tail), FIELD(struct nvme_cq, vector), FIELD(struct nvme_cq, phase),
	FIELD(struct nvme_cq, irq), FIELD_SKIP(struct nvme_cq, h, "drained before a save"),
	FIELD_END
};

static const struct field sq_fields[] = {
	FIELD(struct nvme_sq, base), FIELD(struct nvme_sq, size), FIELD(struct nvme_sq, head),
	FIELD(struct nvme_sq, tail), FIELD(struct nvme_sq, cqid),
	FIELD_SKIP(struct nvme_sq, h, "drained before a save"), FIELD_END
};

const struct dev_type dev_nvme = {
	.name = "nvme", .help = "NVMe disk",
	.size = sizeof(struct nvme),
	.regions = (const struct region[]){
		[R_REGS] = { "regs", 0x1000, 4, 4, REGION_UNLOCKED, regs_read, regs_write },
		[R_DOORBELLS] = { "doorbells", NVME_QUEUES * 8, 4, 4, REGION_UNLOCKED, NULL,
				  doorbell_write },
		[R_TABLE] = { "msix-table", 16 * PCI_MAX_MSIX, 4, 8, 0, pci_msix_table_read,
			      pci_msix_table_write },
		[R_PBA] = { "msix-pba", 8, 4, 8, 0, pci_msix_pba_read, NULL } },
	.nr_regions = NR_REGIONS,
	.props = (const struct prop[]){
		PROP(struct nvme, drive, PROP_PTR, "the disk behind it", NULL),
		PROP(struct nvme, serial, PROP_STR, "serial number, 20 characters", NULL),
		{ .name = "num-queues", .help = "I/O queues; 0: one a vCPU, at most 8",
		  .kind = PROP_U32, .off = offsetof(struct nvme, num_queues) },
		PROP_END },
	.state = (const struct field[]){
		PCI_FIELDS(struct nvme, fn),
		FIELD(struct nvme, cc), FIELD(struct nvme, csts), FIELD(struct nvme, aqa),
		FIELD(struct nvme, intms), FIELD(struct nvme, asq), FIELD(struct nvme, acq),
		FIELD_SUB(struct nvme, sq, struct nvme_sq, sq_fields),
		FIELD_SUB(struct nvme, cq, struct nvme_cq, cq_fields),
		FIELD_ARRAY(struct nvme, feature), FIELD_ARRAY(struct nvme, aer),
		FIELD(struct nvme, nr_aer), FIELD(struct nvme, event_masked),
		FIELD_SKIP(struct nvme, nr_io, "follows from the properties"),
		FIELD_SKIP(struct nvme, in_flight, "drained before a save"),
		FIELD_SKIP(struct nvme, draining, "drained before a save"),
		FIELD_SKIP(struct nvme, owed, "for the length of one access"),
		FIELD_SKIP(struct nvme, shutdown, "drained before a save"),
		FIELD_SKIP(struct nvme, shutdown_live, "drained before a save"),
		FIELD_SKIP(struct nvme, shutdown_busy, "drained before a save"),
		FIELD_SKIP(struct nvme, lock, "the host's"), FIELD_END },
	.init = nvme_init, .quiesce = nvme_quiesce, .resume = nvme_resume, .reset = nvme_reset,
	.loaded = nvme_loaded, .fini = nvme_fini,
};
