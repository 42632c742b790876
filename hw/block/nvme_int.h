/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "nvme": an NVMe controller (NVM Express Base 1.4, referred to by section) with one
 * namespace. nvme.c has registers and life, nvme_queue.c the queues, nvme_admin.c,
 * nvme_identify.c and nvme_io.c the commands.
 *
 * Everything is under `lock`, which nests inside the dev lock and is never held while
 * the back end is called: its completions take it, and may run in the submitting call.
 * A command is fetched only when its completion queue has room for the answer, so that
 * nothing waits outside of the queues.
 */
#ifndef HW_BLOCK_NVME_INT_H
#define HW_BLOCK_NVME_INT_H

#include "hw/block/sg.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "hw/pci/pci.h"
#include "io/block/block.h"
#include "util/bits.h"

enum {
	NVME_QUEUES = 17,		/* the admin queue and 16 for I/O; and vectors */
	NVME_ENTRIES = 1024,		/* most in a queue */
	NVME_REQS = 128,		/* in flight from one queue */
	NVME_PAGE = 4096, NVME_MDTS = 7, NVME_MAX_BYTES = NVME_PAGE << NVME_MDTS,
	NVME_AERS = 4, NVME_FEATURES = 16, NVME_RANGES = 256,
};

enum {				/* 4.6.1: code, type << 8, do not retry << 14 */
	NVME_OK = 0, NVME_DNR = 0x4000,
	NVME_BAD_OPCODE = 0x4001, NVME_BAD_FIELD = 0x4002, NVME_DATA_ERROR = 0x4004,
	NVME_INTERNAL = 0x0006, NVME_BAD_NAMESPACE = 0x400b, NVME_BAD_PRP_OFFSET = 0x4013,
	NVME_LBA_RANGE = 0x4080,
	NVME_CQ_INVALID = 0x4100, NVME_BAD_QID = 0x4101, NVME_BAD_SIZE = 0x4102,
	NVME_AER_LIMIT = 0x4105, NVME_BAD_VECTOR = 0x4108, NVME_BAD_LOG = 0x4109,
	NVME_BAD_DELETION = 0x410c, NVME_NOT_SAVEABLE = 0x410d, NVME_NOT_CHANGEABLE = 0x410e,
	NVME_READ_ONLY = 0x4182, NVME_WRITE_FAULT = 0x0280, NVME_READ_ERROR = 0x0281,
	/* our own: no answer now */
	NVME_SUBMIT = 0x10000,		/* r->io goes to the back end */
	NVME_HELD = 0x20000,		/* answered later by whoever holds it */
};

enum { CSTS_RDY = 1, CSTS_CFS = 2, CSTS_SHST = 3 << 2, CSTS_SHST_BUSY = 1 << 2,
       CSTS_SHST_DONE = 2 << 2 };

struct nvme;
struct nvme_sq;

struct nvme_cmd {			/* 4.2, parsed */
	uint8_t opcode, flags;
	uint16_t cid;
	uint32_t nsid;
	uint64_t prp1, prp2;
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};

struct nvme_req {
	struct block_req io;
	struct nvme_sq *sq;
	struct nvme_req *next_free;
	uint16_t cid;
	bool live;			/* its result is still wanted */
	bool to_guest, then_flush;
	struct sg sg;
	unsigned at, end;		/* of the ranges of a deallocation */
	uint8_t *ranges;		/* owned: NVME_RANGES of 16 bytes; NULL until needed */
};

struct nvme_cq_host { unsigned reserved; };	/* places for the answers of what is in flight */

struct nvme_cq {
	uint64_t base;
	uint16_t size;			/* entries; 0: no such queue */
	uint16_t head, tail, vector;
	bool phase, irq;
	struct nvme_cq_host h;
};

struct nvme_sq_host {
	struct nvme *ctrl;
	unsigned id;
	struct nvme_req *reqs, *free;	/* NVME_REQS, from the first use on */
	unsigned made, in_flight;
	bool running, again;
	bool deleting;			/* and delete_cid is to be told when it is empty */
	uint16_t delete_cid;
};

struct nvme_sq {
	uint64_t base;
	uint16_t size;			/* entries; 0: no such queue */
	uint16_t head, tail, cqid;
	struct nvme_sq_host h;
};

struct nvme {
	struct dev dev;
	struct pci_fn fn;
	struct block *drive;		/* property */
	char *serial;			/* property */
	uint32_t num_queues;		/* property: of I/O; 0: our choice */
	uint32_t cc, csts, aqa, intms;
	uint64_t asq, acq;
	struct nvme_sq sq[NVME_QUEUES];
	struct nvme_cq cq[NVME_QUEUES];
	uint32_t feature[NVME_FEATURES];
	uint16_t aer[NVME_AERS];	/* commands that wait for an event */
	uint8_t nr_aer;
	bool event_masked;		/* an error event was told, and its log not yet read */
	unsigned nr_io;			/* I/O queues */
	unsigned in_flight;		/* of all queues, and the shutdown's flush */
	bool draining;			/* disabled; RDY falls when in_flight is 0 */
	uint32_t owed;			/* vectors whose messages have not been sent */
	struct block_req shutdown;
	bool shutdown_live, shutdown_busy;
	pthread_mutex_t lock;
};

/* ---- nvme_queue.c, with the lock ---- */

/* Fetches and starts what is there; lets go of the lock while the back end is called. */
void nvme_sq_run(struct nvme_sq *sq);
void nvme_run_all(struct nvme *s);
void nvme_complete(struct nvme_req *r, unsigned status, uint32_t result);
/* An answer without a request: places it if there is room. */
bool nvme_post(struct nvme *s, struct nvme_sq *sq, uint16_t cid, unsigned status,
	       uint32_t result);
void nvme_update_irq(struct nvme *s);
void nvme_doorbell(struct nvme *s, unsigned index, uint32_t val);
void nvme_forget(struct nvme *s);	/* all queues are gone; what is in flight is nobody's */
/* PRPs (4.3): 0, or a status. */
unsigned nvme_map(struct nvme_req *r, const struct nvme_cmd *c, uint64_t len, bool to_guest);
/* A reply of `len` bytes: the first n from buf, then zeroes. */
unsigned nvme_reply(struct nvme_req *r, const struct nvme_cmd *c, const void *buf, uint32_t n,
		    uint32_t len);
void nvme_free_reqs(struct nvme_sq *sq);

/* ---- nvme.c ---- */

void nvme_drained(struct nvme *s);	/* in_flight has become 0 */
void nvme_fatal(struct nvme *s, const char *why);	/* CSTS.CFS */
/* Tells the driver of an error by an asynchronous event, 5.2: info of the error type. */
void nvme_error_event(struct nvme *s, unsigned info);

/* ---- commands: a status, NVME_SUBMIT or NVME_HELD ---- */

unsigned nvme_admin(struct nvme_req *r, const struct nvme_cmd *c, uint32_t *result);
unsigned nvme_identify(struct nvme_req *r, const struct nvme_cmd *c);
unsigned nvme_io(struct nvme_req *r, const struct nvme_cmd *c);
unsigned nvme_flush(struct nvme_req *r);
/* The back end is finished with r->io. */
unsigned nvme_io_next(struct nvme_req *r, int ret);
void nvme_reset_features(struct nvme *s);
bool nvme_has_cache(const struct nvme *s);	/* a volatile one, which flushes are for */

#endif
