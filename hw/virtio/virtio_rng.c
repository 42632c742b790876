/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entropy device (virtio 1.2, 5.4). */
#include <errno.h>

#include "hw/virtio/virtio.h"
#include "io/rng.h"

#define MAX_BYTES 65536u	/* of one request: what a guest may ask at once */

struct virtio_rng {
	struct dev dev;
	struct virtio_dev vd;
};

static void rng_config(struct virtio_dev *vd, uint8_t *cfg) { }

static void rng_handle(struct virtio_dev *vd, struct virtqueue *q)
{
	/* only while here: the device's lock is held */
	static _Thread_local struct vq_chain c;

	do {
		vq_notify_off(q);
		while (vq_pop(q, &c)) {
			uint32_t done = 0;

			for (unsigned i = c.nr_out;
			     i < (unsigned)c.nr_out + c.nr_in && done < MAX_BYTES; i++) {
				uint32_t n = (uint32_t)MIN(c.iov[i].iov_len, MAX_BYTES - done);

				if (rng_read(c.iov[i].iov_base, n) < 0)
					break;
				done += n;
			}
			vq_push(q, &c, done);
		}
		vq_signal(q);
	} while (vq_notify_on(q));
}

static void rng_quiesce(struct virtio_dev *vd) { }

static const struct virtio_type rng_type = {
	.id = VIRTIO_ID_RNG, .config_read = rng_config, .handle = rng_handle, .brief = true,
	.quiesce = rng_quiesce,
};

static int rng_init(struct dev *d, struct err *e)
{
	return virtio_init(&DEV_STATE(struct virtio_rng, d)->vd, d, &rng_type, 1, 0, e);
}

static void rng_fini(struct dev *d) { virtio_fini(&DEV_STATE(struct virtio_rng, d)->vd); }
static void rng_reset(struct dev *d, enum reset_kind kind)
{
	virtio_reset(&DEV_STATE(struct virtio_rng, d)->vd);
}

static int rng_loaded(struct dev *d, struct err *e)
{
	return virtio_loaded(&DEV_STATE(struct virtio_rng, d)->vd, e);
}

const struct dev_type dev_virtio_rng = {
	.name = "virtio-rng", .help = "virtio source of random numbers",
	.size = sizeof(struct virtio_rng),
	.props = (const struct prop[]){ VIRTIO_PROPS(struct virtio_rng), PROP_END },
	.state = (const struct field[]){ VIRTIO_FIELDS(struct virtio_rng), FIELD_END },
	.init = rng_init, .fini = rng_fini, .reset = rng_reset, .loaded = rng_loaded,
};
