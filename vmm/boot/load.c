/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <string.h>

#include "hw/core/irqchip.h"
#include "util/bits.h"
#include "util/os.h"

enum { LARGE = 1 << 20 };

int load_bytes(struct machine *m, const char *what, uint64_t addr, const void *data, uint64_t size,
	       uint64_t mem_size, bool fresh, struct err *e)
{
	struct mem_block *b;
	uint8_t *p;

	mem_size = MAX(mem_size, size);
	p = mem_ptr(&m->mem, addr, mem_size);
	if (!p)
		return err_set(e, ENOMEM, "%s: 0x%llx bytes at 0x%llx do not lie in RAM "
			       "(more memory: -m)", what, (unsigned long long)mem_size,
			       (unsigned long long)addr);
	/* through the file a large image costs no page fault for each of its pages */
	b = mem_find(&m->mem, addr);
	if (size < LARGE || b->fd < 0 || os_write_at(b->fd, data, size, addr - b->base) < 0)
		memcpy(p, data, size);
	if (!fresh)
		memset(p + size, 0, mem_size - size);
	mem_mark(&m->mem, addr, fresh ? size : mem_size);
	return 0;
}

int load_elf(const struct image *im, struct machine *m, int64_t slide, bool fresh, uint64_t *end,
	     struct err *e)
{
	uint64_t last = 0;
	int r;

	for (unsigned i = 0; i < im->nr_segments; i++) {
		const struct image_segment *s = &im->seg[i];
		uint64_t at = s->paddr + (uint64_t)slide;

		r = load_bytes(m, "ELF segment", at, im->data + s->file, s->file_size, s->mem_size,
			       fresh, e);
		if (r < 0)
			return r;
		last = MAX(last, at + s->mem_size);
	}
	if (end)
		*end = last;
	return 0;
}

static const struct loader {
	const char *isa;
	int (*load)(struct boot *b, const struct plan *p, struct machine *m, bool fresh,
		    struct err *e);
	void (*config)(const struct plan *p, struct machine_config *cfg);
} loaders[] = {
	{ "riscv64", boot_load_riscv, boot_config_riscv },
	{ "x86_64", boot_load_x86, boot_config_x86 },
};

void boot_config(const struct plan *p, struct machine_config *cfg)
{
	for (size_t i = 0; i < ARRAY_SIZE(loaders); i++)
		if (!strcmp(loaders[i].isa, p->isa->name))
			loaders[i].config(p, cfg);
}

int boot_load(struct boot *b, const struct plan *p, struct machine *m, bool fresh, struct err *e)
{
	*b = (struct boot){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(loaders); i++)
		if (!strcmp(loaders[i].isa, p->isa->name))
			return loaders[i].load(b, p, m, fresh, e);
	return err_set(e, ENOTSUP, "no loader for %s", p->isa->name);
}

void boot_vcpu(const struct boot *b, const struct plan *p, struct vcpu *v)
{
	const struct isa *isa = p->isa;
	const struct reg *r;

	isa->reset(v->state);
	isa->boot(v->state, b->entry, v->index, b->dtb, p->firmware_mode);
	if (b->how != BOOT_DEFAULT)
		boot_enter_x86(b, v);
	/* firmware that finds its argument block in the third argument (OpenSBI's fw_dynamic) */
	r = b->fw_info ? isa_reg(isa, "x12") : NULL;
	if (r)
		isa_reg_set(r, v->state, b->fw_info);
	/* with firmware calls the other CPUs are started by one; without, they start themselves */
	v->powered = v->index == 0 || p->firmware_mode || !isa->firmware;
	/* nobody in the engine sends it INIT and SIPI: the VMM starts it (guest_cpu_signal) */
	if (v->index && isa->sipi && v->vm->machine->irqchip &&
	    !irqchip_lapic_lent(v->vm->machine->irqchip))
		v->powered = false;
}
