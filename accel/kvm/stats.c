/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info accel`: our counters by exit reason, and the kernel's own statistics. */
#include "accel/kvm/kvm.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NAME_MAX_LEN = 128, DESC_MAX = 1024 };

/* Calls fn for each single-valued statistic; stops when it returns true. */
static void each_stat(int fd, bool (*fn)(const char *name, uint64_t val, void *opaque),
		      void *opaque)
{
	uint8_t buf[sizeof(struct kvm_stats_desc) + NAME_MAX_LEN] __attribute__((aligned(8)));
	struct kvm_stats_desc *d = (struct kvm_stats_desc *)buf;
	struct kvm_stats_header h;
	size_t one;
	int s = ioctl(fd, KVM_GET_STATS_FD, 0);

	if (s < 0)
		return;
	if (pread(s, &h, sizeof(h), 0) == sizeof(h) && h.name_size <= NAME_MAX_LEN &&
	    h.num_desc <= DESC_MAX) {
		one = sizeof(struct kvm_stats_desc) + h.name_size;
		for (uint32_t i = 0; i < h.num_desc; i++) {
			uint64_t val = 0;

			if (pread(s, buf, one, h.desc_offset + i * one) != (ssize_t)one)
				break;
			buf[sizeof(buf) - 1] = '\0';
			if (d->size != 1 || pread(s, &val, 8, h.data_offset + d->offset) != 8)
				continue;
			if (fn(d->name, val, opaque))
				break;
		}
	}
	close(s);
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

	each_stat(fd, match, &w);
	return w.val;
}

static bool print_stat(const char *name, uint64_t val, void *opaque)
{
	if (val)
		fprintf(opaque, "    %-32s %" PRIu64 "\n", name, val);
	return false;
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
	fprintf(f, "  kernel's statistics of the VM\n");
	each_stat(k->fd, print_stat, f);
	for (unsigned i = 0; i < vm->nr_vcpus; i++) {
		struct kvm_cpu *c = vm->vcpu[i] ? kvm_cpu(vm->vcpu[i]) : NULL;

		if (!c)
			continue;
		fprintf(f, "  vCPU %u: exits to user space\n", i);
		for (unsigned x = 0; x < KVM_MAX_EXITS; x++)
			if (c->exits[x])
				fprintf(f, "    %-32s %" PRIu64 "\n", kvm_exit_name(x),
					c->exits[x]);
		fprintf(f, "    %-32s %" PRIu64 "\n    %-32s %" PRIu64 "\n", "interrupted by kicks",
			c->interrupted, "accesses to nothing", c->unmapped);
		fprintf(f, "  vCPU %u: kernel's statistics\n", i);
		each_stat(c->fd, print_stat, f);
	}
}
