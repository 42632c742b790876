/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info accel`: our counters by exit reason, and the kernel's own statistics. */
#include "accel/kvm/kvm.h"

#include <inttypes.h>
#include <unistd.h>

enum { NAME_MAX_LEN = 128, DESC_MAX = 1024 };

void kvm_each_stat(int fd, bool (*fn)(const char *name, uint64_t val, void *opaque), void *opaque)
{
	uint8_t buf[sizeof(struct kvm_stats_desc) + NAME_MAX_LEN] __attribute__((aligned(8)));
	struct kvm_stats_desc *d = (struct kvm_stats_desc *)buf;
	struct kvm_stats_header h;
	size_t one;

	if (fd < 0)
		return;
	if (pread(fd, &h, sizeof(h), 0) == sizeof(h) && h.name_size <= NAME_MAX_LEN &&
	    h.num_desc <= DESC_MAX) {
		one = sizeof(struct kvm_stats_desc) + h.name_size;
		for (uint32_t i = 0; i < h.num_desc; i++) {
			uint64_t val = 0;

			if (pread(fd, buf, one, h.desc_offset + i * one) != (ssize_t)one)
				break;
			buf[sizeof(buf) - 1] = '\0';
			if (d->size != 1 || pread(fd, &val, 8, h.data_offset + d->offset) != 8)
				continue;
			if (fn(d->name, val, opaque))
				break;
		}
	}
}

struct wanted {
	const char *name;
	uint64_t val;
};

static bool match(const char *name, uint64_t val, void *opaque)
{
	struct wanted *w = opaque;

	if (strcmp(name, w->name))
		return false;
	w->val = val;
	return true;
}

uint64_t kvm_stat(int fd, const char *name)
{
	struct wanted w = { .name = name };

	kvm_each_stat(fd, match, &w);
	return w.val;
}

static bool print_stat(const char *name, uint64_t val, void *opaque)
{
	if (val)
		fprintf(opaque, "    %-32s %" PRIu64 "\n", name, val);
	return false;
}

static void print_exits(FILE *f, const struct kvm_cpu *c, unsigned reason)
{
	fprintf(f, "    %-32s %" PRIu64, kvm_exit_name(reason), c->exits[reason]);
	if (c->serve_ns[reason])
		fprintf(f, ", %" PRIu64 " ns each", c->serve_ns[reason] / c->exits[reason]);
	fputc('\n', f);
}

void kvm_info(struct vm *vm, FILE *f)
{
	struct kvm_vm *k = kvm_vm(vm);

	if (!k)
		return;
	fprintf(f, "kvm: %s\n", kvm_caps()->why);
	kvm_irq_info(vm, f);
	for (unsigned i = 0; i < k->nr_slots; i++)
		if (k->slot[i].size)
			fprintf(f, "  slot %u: %#" PRIx64 ", %#" PRIx64 " bytes%s%s\n", i,
				k->slot[i].gpa, k->slot[i].size,
				k->slot[i].flags & MEM_ROM ? ", read-only" : "",
				k->slot[i].flags & SLOT_LOG ? ", dirty log" : "");
	if (k->dirty.ring)
		fprintf(f,
			"  dirty rings: %u entries, %" PRIu64 " collected, %" PRIu64
			" times full\n",
			k->dirty.ring, k->dirty.collected, k->dirty.full);
	else
		fprintf(f, "  dirty bitmaps%s\n", k->dirty.clear ? ", cleared in pieces" : "");
	kvm_counts_msr_info(vm, f);
	fprintf(f, "  kernel's statistics of the VM\n");
	kvm_each_stat(k->stats_fd, print_stat, f);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct kvm_cpu *c = vm->vcpu[i] ? kvm_cpu(vm->vcpu[i]) : NULL;

		if (!c)
			continue;
		fprintf(f, "  vCPU %u: exits to user space\n", i);
		for (unsigned x = 0; x < KVM_MAX_EXITS; x++)
			if (c->exits[x])
				print_exits(f, c, x);
		fprintf(f, "    %-32s %" PRIu64 "\n    %-32s %" PRIu64 "\n", "interrupted by kicks",
			c->interrupted, "accesses to nothing", c->unmapped);
		fprintf(f, "  vCPU %u: kernel's statistics\n", i);
		kvm_each_stat(c->stats_fd, print_stat, f);
	}
}
