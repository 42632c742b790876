/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts images into guest memory and gives each vCPU its entry state. The same
 * steps serve the first start and every reset.
 */
#ifndef VMM_BOOT_BOOT_H
#define VMM_BOOT_BOOT_H

#include "vmm/plan.h"

enum boot_how { BOOT_DEFAULT, BOOT_X86_LINUX64, BOOT_X86_LINUX32, BOOT_X86_PVH };

struct boot {
	enum boot_how how;		/* entry state, where the ISA has several */
	uint64_t entry;			/* where CPUs begin */
	uint64_t dtb;			/* device tree or its like (zero page); 0: none */
	uint64_t fw_info;		/* argument block of firmware that takes one; 0: none */
};

/* `fresh`: RAM is known to be zero, so that zero-filled parts need no write. 0 or -errno. */
int boot_load(struct boot *b, const struct plan *p, struct machine *m, bool fresh, struct err *e);
/* Power-on state and entry registers of one vCPU that no engine holds. Sets v->powered. */
void boot_vcpu(const struct boot *b, const struct plan *p, struct vcpu *v);

/* Machine configuration that only the ISA's boot code knows. */
void boot_config(const struct plan *p, struct machine_config *cfg);

/* boot/load.c: an image at its place, bounded by RAM. `end` (may be NULL): first byte behind. */
int load_elf(const struct image *im, struct machine *m, int64_t slide, bool fresh, uint64_t *end,
	     struct err *e);
int load_bytes(struct machine *m, const char *what, uint64_t addr, const void *data, uint64_t size,
	       uint64_t mem_size, bool fresh, struct err *e);

/* One file an ISA. */
void boot_config_riscv(const struct plan *p, struct machine_config *cfg);
void boot_config_x86(const struct plan *p, struct machine_config *cfg);
int boot_load_riscv(struct boot *b, const struct plan *p, struct machine *m, bool fresh,
		    struct err *e);
int boot_load_x86(struct boot *b, const struct plan *p, struct machine *m, bool fresh,
		  struct err *e);
/* Entry states beyond isa->boot, on top of it. */
void boot_enter_x86(const struct boot *b, struct vcpu *v);

#endif
