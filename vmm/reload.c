/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images between boots. A kernel and its initial RAM disk are copied into the guest
 * once and needed again only by a reset: keeping them would cost their size in host
 * memory for nothing. Their files are kept open instead, so that a name that goes
 * away or is reused changes nothing, and are read and checked anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/boot/dtb.h"
#include "vmm/plan.h"

enum { KERNEL, BIOS, INITRD, DTB };

static void keep(struct plan *p, unsigned which, const char *path, size_t size)
{
	if (size && path && p->file[which] <= 0)
		p->file[which] = open(path, O_RDONLY | O_CLOEXEC);
}

static void drop(uint8_t **data)
{
	free(*data);
	*data = NULL;
}

void plan_release(struct plan *p)
{
	if (!p->opt->no_reboot) {
		keep(p, KERNEL, p->opt->kernel, p->kernel.size);
		keep(p, BIOS, p->bios_path[0] ? p->bios_path : NULL, p->bios.size);
		keep(p, INITRD, p->opt->initrd, p->initrd.size);
		keep(p, DTB, p->opt->dtb, p->dtb.size);
	}
	drop(&p->kernel.data);
	drop(&p->bios.data);
	drop(&p->initrd.data);
	drop(&p->dtb.data);
}

/* Names for messages; the files themselves are read by their descriptors. */
static int again(int fd, char *path, size_t n, const char *name, struct err *e)
{
	if (fd <= 0)
		return err_set(e, ENOENT, "%s: cannot be read again", name);
	snprintf(path, n, "/proc/self/fd/%d", fd);
	return 0;
}

static int image_again(struct image *im, int fd, const char *name, struct err *e)
{
	struct image fresh;
	char path[64];
	int r;

	if (!im->size || im->data)
		return 0;
	r = again(fd, path, sizeof(path), name, e);
	if (!r)
		r = image_load(&fresh, path, e);
	if (r < 0)
		return err_prefix(e, "%s", name);
	if (fresh.format != im->format || fresh.elf_machine != im->elf_machine) {
		image_free(&fresh);
		return err_set(e, ESTALE, "%s: has become another kind of file", name);
	}
	*im = fresh;
	return 0;
}

static int blob_again(struct blob *b, int fd, const char *name, uint64_t max, struct err *e)
{
	char path[64];
	int r;

	if (!b->size || b->data)
		return 0;
	r = again(fd, path, sizeof(path), name, e);
	if (!r)
		r = image_read_file(path, max, &b->data, &b->size, e);
	return r < 0 ? err_prefix(e, "%s", name) : 0;
}

int plan_reload(struct plan *p, struct err *e)
{
	int r;

	if (p->deferred) {
		p->deferred = false;
		return plan_read_images(p, e);
	}
	r = image_again(&p->kernel, p->file[KERNEL], p->opt->kernel, e);
	if (!r)
		r = image_again(&p->bios, p->file[BIOS], p->bios_path, e);
	if (!r)
		r = blob_again(&p->initrd, p->file[INITRD], p->opt->initrd, PLAN_MAX_INITRD, e);
	if (!r)
		r = blob_again(&p->dtb, p->file[DTB], p->opt->dtb, DTB_MAX, e);
	if (!r && p->dtb.data)
		r = dtb_check(p->dtb.data, p->dtb.size, e);
	return r;
}

void plan_close(struct plan *p)
{
	for (unsigned i = 0; i < sizeof(p->file) / sizeof(p->file[0]); i++)
		if (p->file[i] > 0)
			close(p->file[i]);
}
