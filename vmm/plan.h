/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot plan: what will run, made from the options, the images and what this
 * host can do, before anything is started. `--explain` prints it.
 */
#ifndef VMM_PLAN_H
#define VMM_PLAN_H

#include <stdio.h>

#include "accel/accel.h"
#include "vmm/options.h"
#include "vmm/probe/image.h"

#define PLAN_MAX_INITRD (UINT64_C(4) << 30)

struct blob { uint8_t *data; size_t size; };

struct plan {
	const struct options *opt;	/* borrowed for the plan's life */
	struct options iso_opt;		/* the same without the image, where that is `cdrom` */
	const char *cdrom;		/* an ISO given as the image; NULL: none */
	const struct isa *isa;
	const struct machine_type *machine;
	const struct accel_ops *accel;	/* the guest starts on it */
	const struct accel_ops *other;	/* -accel kvm:tcg: and may go on with it; NULL: no */
	char accel_args[ACCEL_NR][256];	/* "interp=on,..." by slot; empty: none */
	bool native[ACCEL_NR];		/* accel_caps.mode_native */
	bool prefer_kvm;		/* prefer=kvm: starts there even where KVM interprets */
	char why[640];			/* why this engine, and why not the others */
	bool firmware_mode;		/* -bios: entered in the ISA's firmware mode */
	bool flash_boot;		/* its firmware lies in -drive if=pflash */
	char bios_path[256];		/* what -bios stands for, or the default */
	bool ovmf;			/* -bios ovmf: flash chips of the package's files */
	bool acpi_off, hpet_off, i8042_off;	/* -machine */
	bool vga;			/* -vga std, or its default */
	int64_t rtc_offset_s;
	uint8_t uuid[16];
	struct image kernel, bios;	/* size 0: none */
	struct blob initrd, dtb;	/* dtb: checked */
	bool deferred;			/* -loadvm: images are read by the first reset */
	struct { char isa[64], machine[64]; bool firmware; } loaded;	/* -loadvm: what it is */
	int file[4];			/* vmm/reload.c: open between boots; 0: not */
	uint64_t ram_size;
	unsigned phys_bits;		/* of guest addresses, by the engine; 0: not known */
	uint64_t tsc_hz;		/* x86: the engine's; 0: not known */
	unsigned nr_cpus;
	char cpu[256];			/* model and features */
	uint32_t features;
	uint64_t features2;
	void *cpu_model;		/* of isa->cpu_model; NULL: none */
	struct cpu_topology topology;
	char isa_string[256];
};

int  plan_make(struct plan *p, const struct options *o, struct err *e);
void plan_free(struct plan *p);		/* everything */
/* The images' bytes go (sizes and formats stay) until a reset needs them again. */
void plan_release(struct plan *p);
int  plan_reload(struct plan *p, struct err *e);
int  plan_read_images(struct plan *p, struct err *e);	/* for plan_reload */
void plan_close(struct plan *p);	/* for plan_free */
void plan_line(const struct plan *p, char *buf, size_t n);	/* one line: what and why */
void plan_explain(const struct plan *p, FILE *f);

/* --list WHAT */
int plan_list(const char *what, FILE *f, struct err *e);

#endif
