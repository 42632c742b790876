/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of the admin queue (5). */
#include "hw/block/nvme_int.h"

enum {
	DELETE_SQ = 0x00, CREATE_SQ = 0x01, GET_LOG = 0x02, DELETE_CQ = 0x04, CREATE_CQ = 0x05,
	IDENTIFY = 0x06, ABORT = 0x08, SET_FEATURES = 0x09, GET_FEATURES = 0x0a,
	ASYNC_EVENT = 0x0c,
};
enum { LOG_ERRORS = 1, LOG_HEALTH = 2, LOG_FIRMWARE = 3, LOG_SIZE = 512, ERROR_LOG_SIZE = 64 };
enum {				/* 5.21.1 */
	F_ARBITRATION = 0x01, F_POWER = 0x02, F_TEMPERATURE = 0x04, F_RECOVERY = 0x05,
	F_CACHE = 0x06, F_QUEUES = 0x07, F_COALESCING = 0x08, F_VECTOR = 0x09, F_ATOMICITY = 0x0a,
	F_EVENTS = 0x0b,
};
#define PHYSICALLY_CONTIGUOUS 1u
#define CQ_IRQ 2u

static unsigned io_queue(const struct nvme *s, unsigned id)
{
	return id && id <= s->nr_io;
}

static unsigned queue_size(uint32_t dw10, uint16_t *size)
{
	uint32_t n = (dw10 >> 16) + 1;

	*size = (uint16_t)n;
	return n < 2 || n > NVME_ENTRIES ? NVME_BAD_SIZE : NVME_OK;
}

static unsigned create_cq(struct nvme *s, const struct nvme_cmd *c)
{
	unsigned id = c->dw10 & 0xffff, vector = c->dw11 >> 16;
	unsigned iocqes = s->cc >> 20 & 15, status;
	uint16_t size;

	status = queue_size(c->dw10, &size);
	if (!io_queue(s, id) || s->cq[id].size)
		return NVME_BAD_QID;
	if (status)
		return status;
	if (!(c->dw11 & PHYSICALLY_CONTIGUOUS) || iocqes != 4)
		return NVME_BAD_FIELD;
	if (c->prp1 % NVME_PAGE)
		return NVME_BAD_PRP_OFFSET;
	if (vector > s->nr_io || (vector && !pci_msix_enabled(&s->fn)))
		return NVME_BAD_VECTOR;
	s->cq[id] = (struct nvme_cq){
		.base = c->prp1, .size = size, .vector = (uint16_t)vector, .phase = true,
		.irq = c->dw11 & CQ_IRQ,
	};
	return NVME_OK;
}

static unsigned create_sq(struct nvme *s, const struct nvme_cmd *c)
{
	unsigned id = c->dw10 & 0xffff, cqid = c->dw11 >> 16, iosqes = s->cc >> 16 & 15, status;
	struct nvme_sq *sq = &s->sq[id % NVME_QUEUES];
	uint16_t size;

	status = queue_size(c->dw10, &size);
	if (!io_queue(s, id) || sq->size)
		return NVME_BAD_QID;
	if (!io_queue(s, cqid) || !s->cq[cqid].size)
		return NVME_CQ_INVALID;
	if (status)
		return status;
	if (!(c->dw11 & PHYSICALLY_CONTIGUOUS) || iosqes != 6)
		return NVME_BAD_FIELD;
	if (c->prp1 % NVME_PAGE)
		return NVME_BAD_PRP_OFFSET;
	sq->base = c->prp1;
	sq->size = size;
	sq->head = sq->tail = 0;
	sq->cqid = (uint16_t)cqid;
	return NVME_OK;
}

/* What the queue has in flight is completed first, then this command. */
static unsigned delete_sq(struct nvme *s, const struct nvme_cmd *c)
{
	unsigned id = c->dw10 & 0xffff;
	struct nvme_sq *sq = &s->sq[id % NVME_QUEUES];

	if (!io_queue(s, id) || !sq->size || sq->h.deleting)
		return NVME_BAD_QID;
	if (sq->h.in_flight) {
		sq->h.deleting = true;
		sq->h.delete_cid = c->cid;
		return NVME_HELD;	/* with its place in the completion queue */
	}
	sq->size = 0;
	return NVME_OK;
}

static unsigned delete_cq(struct nvme *s, const struct nvme_cmd *c)
{
	unsigned id = c->dw10 & 0xffff;

	if (!io_queue(s, id) || !s->cq[id].size)
		return NVME_BAD_QID;
	for (unsigned i = 1; i < NVME_QUEUES; i++)
		if (s->sq[i].size && s->sq[i].cqid == id)
			return NVME_BAD_DELETION;
	s->cq[id].size = 0;
	return NVME_OK;
}

/* 5.14: nothing ever fails so that it would be logged; the disk is well. */
static unsigned get_log(struct nvme_req *r, const struct nvme_cmd *c)
{
	struct nvme *s = r->sq->h.ctrl;
	uint64_t len = ((c->dw10 >> 16) + ((uint64_t)(c->dw11 & 0xffff) << 16) + 1) * 4;
	uint64_t off = c->dw12 | (uint64_t)c->dw13 << 32;
	uint8_t log[LOG_SIZE] = { 0 };
	unsigned size = LOG_SIZE;

	switch (c->dw10 & 0xff) {
	case LOG_ERRORS:
		size = ERROR_LOG_SIZE;
		if (!(c->dw10 & 1u << 15))
			s->event_masked = false;
		break;
	case LOG_HEALTH:
		st_le16(log + 1, 300);	/* K */
		log[3] = 100;		/* spare, its threshold, % */
		log[4] = 10;
		break;
	case LOG_FIRMWARE:
		log[0] = 1;
		memcpy(log + 8, "1.0     ", 8);
		break;
	default:
		return NVME_BAD_LOG;
	}
	if (off > size || off & 3)
		return NVME_BAD_FIELD;
	if (len > NVME_MAX_BYTES)
		return NVME_BAD_FIELD;
	return nvme_reply(r, c, log + off, (uint32_t)MIN(size - off, len), (uint32_t)len);
}

void nvme_reset_features(struct nvme *s)
{
	memset(s->feature, 0, sizeof(s->feature));
	s->feature[F_ARBITRATION] = 7;	/* no limit of a burst */
	s->feature[F_TEMPERATURE] = 343;
	s->feature[F_CACHE] = nvme_has_cache(s);
}

static unsigned get_feature(struct nvme *s, const struct nvme_cmd *c, uint32_t *result)
{
	unsigned id = c->dw10 & 0xff;

	switch (id) {
	case F_ARBITRATION: case F_POWER: case F_TEMPERATURE: case F_RECOVERY: case F_CACHE:
	case F_COALESCING: case F_ATOMICITY: case F_EVENTS:
		*result = s->feature[id];
		return id == F_CACHE && !nvme_has_cache(s) ? NVME_BAD_FIELD : NVME_OK;
	case F_QUEUES:
		*result = (s->nr_io - 1) | (s->nr_io - 1) << 16;
		return NVME_OK;
	case F_VECTOR:
		if ((c->dw11 & 0xffff) > s->nr_io)
			return NVME_BAD_FIELD;
		*result = c->dw11 & 0xffff;
		return NVME_OK;
	default:
		return NVME_BAD_FIELD;
	}
}

static unsigned set_feature(struct nvme_req *r, const struct nvme_cmd *c, uint32_t *result)
{
	struct nvme *s = r->sq->h.ctrl;
	unsigned id = c->dw10 & 0xff;

	if (c->dw10 & 1u << 31)
		return NVME_NOT_SAVEABLE;
	switch (id) {
	case F_POWER:
		if (c->dw11 & 31)
			return NVME_BAD_FIELD;
		break;
	case F_TEMPERATURE:
		if (c->dw11 >> 16)	/* under, or of other sensors: kept by nobody */
			return NVME_OK;
		break;
	case F_CACHE:
		if (!nvme_has_cache(s))
			return NVME_BAD_FIELD;
		s->feature[id] = c->dw11 & 1;
		/* without a cache, what was answered is on the disk */
		return s->feature[id] ? NVME_OK : nvme_flush(r);
	case F_QUEUES:
		if ((c->dw11 & 0xffff) == 0xffff || c->dw11 >> 16 == 0xffff)
			return NVME_BAD_FIELD;
		*result = (s->nr_io - 1) | (s->nr_io - 1) << 16;
		return NVME_OK;
	case F_VECTOR:
		return (c->dw11 & 0xffff) > s->nr_io ? NVME_BAD_FIELD : NVME_OK;
	case F_ARBITRATION: case F_RECOVERY: case F_COALESCING: case F_ATOMICITY: case F_EVENTS:
		break;
	default:
		return NVME_BAD_FIELD;
	}
	s->feature[id] = c->dw11;
	return NVME_OK;
}

static unsigned async_event(struct nvme *s, const struct nvme_cmd *c)
{
	if (s->nr_aer == NVME_AERS)
		return NVME_AER_LIMIT;
	s->aer[s->nr_aer++] = c->cid;
	s->cq[0].h.reserved--;		/* it may wait for ever */
	return NVME_HELD;
}

/* 5.1: only a command that waits for an event is here long enough to be aborted. */
static unsigned abort_command(struct nvme *s, const struct nvme_cmd *c, uint32_t *result)
{
	uint16_t cid = (uint16_t)(c->dw10 >> 16);

	*result = 1;
	for (unsigned i = 0; !(c->dw10 & 0xffff) && i < s->nr_aer; i++) {
		if (s->aer[i] != cid || !nvme_post(s, &s->sq[0], cid, 0x07, 0))
			continue;
		s->aer[i] = s->aer[--s->nr_aer];
		*result = 0;
		break;
	}
	return NVME_OK;
}

unsigned nvme_admin(struct nvme_req *r, const struct nvme_cmd *c, uint32_t *result)
{
	struct nvme *s = r->sq->h.ctrl;

	switch (c->opcode) {
	case DELETE_SQ: return delete_sq(s, c);
	case CREATE_SQ: return create_sq(s, c);
	case GET_LOG: return get_log(r, c);
	case DELETE_CQ: return delete_cq(s, c);
	case CREATE_CQ: return create_cq(s, c);
	case IDENTIFY: return nvme_identify(r, c);
	case ABORT: return abort_command(s, c, result);
	case SET_FEATURES: return set_feature(r, c, result);
	case GET_FEATURES: return get_feature(s, c, result);
	case ASYNC_EVENT: return async_event(s, c);
	default: return NVME_BAD_OPCODE;
	}
}
