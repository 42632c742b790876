/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What passed through the queues, for `info virtio` and the figures in docs/performance.md. */
#include <stdio.h>

#include "hw/virtio/virtio.h"

static void print_queue(FILE *f, struct virtio_dev *vd, unsigned i)
{
	struct virtqueue *q = &vd->q[i];

	if (!q->ready && !q->h.requests)
		return;
	fprintf(f, "  queue %u: %u entries, %s, %s; "
		"requests %llu, notifies %llu, interrupts %llu\n",
		i, q->num, vd->driver_features & VIRTIO_F_RING_PACKED ? "packed" : "split",
		!q->ready ? "not in use" : vd->h.bell[i].bound ? "doorbell" : "register",
		(unsigned long long)q->h.requests, (unsigned long long)q->h.notifies,
		(unsigned long long)q->h.interrupts);
}

char *virtio_info(struct machine *m)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (struct dev *d = m->devs; d; d = d->next) {
		struct virtio_dev *vd = virtio_dev_of(d);

		if (!vd || !d->ready)
			continue;
		dev_lock(d);
		fprintf(f, "%s: status %#x, features %#llx of %#llx\n", d->id, virtio_status(vd),
			(unsigned long long)vd->driver_features,
			(unsigned long long)vd->h.features);
		for (unsigned i = 0; i < vd->h.nr_queues; i++)
			print_queue(f, vd, i);
		dev_unlock(d);
	}
	fclose(f);
	return text;
}
