/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "accel/kvm/counts.h"

#include "accel/kvm/kvm.h"
#include "util/log.h"
#include "util/os.h"

#include <errno.h>
#include <inttypes.h>

_Static_assert((int)KVM_EXIT_COUNTERS == (int)KVM_MAX_EXITS, "as many counters as a vCPU has");

void kvm_counts_start(struct vm *vm)
{
	pthread_mutex_init(&kvm_vm(vm)->counts.lock, NULL);
}

static bool add_kernel(const char *name, uint64_t val, void *opaque)
{
	struct kvm_counts *n = opaque;
	unsigned i;

	for (i = 0; i < n->nr_kernel; i++)
		if (!strcmp(n->kernel[i].name, name))
			break;
	if (i == KVM_MAX_KERNEL_STATS)
		return true;
	if (i == n->nr_kernel)
		snprintf(n->kernel[n->nr_kernel++].name, KVM_STAT_NAME, "%s", name);
	n->kernel[i].val += val;
	return false;
}

void kvm_counts_vcpu(struct vcpu *v)
{
	struct kvm_counts *n = &kvm_vm(v->vm)->counts;
	struct kvm_cpu *c = kvm_cpu(v);

	pthread_mutex_lock(&n->lock);
	for (unsigned i = 0; i < KVM_MAX_EXITS; i++) {
		n->exits[i] += c->exits[i];
		n->serve_ns[i] += c->serve_ns[i];
	}
	n->interrupted += c->interrupted;
	n->unmapped += c->unmapped;
	if (*n->file)
		kvm_each_stat(c->stats_fd, add_kernel, n);
	pthread_mutex_unlock(&n->lock);
}

void kvm_counts_msr(struct vm *vm, uint32_t index, bool write, uint64_t val)
{
	struct kvm_counts *n = &kvm_vm(vm)->counts;
	unsigned i;

	pthread_mutex_lock(&n->lock);
	for (i = 0; i < n->nr_msrs && n->msr[i].index != index; i++)
		;
	if (i == KVM_MAX_SEEN_MSRS) {
		n->other_msrs++;
	} else {
		if (i == n->nr_msrs)
			n->msr[n->nr_msrs++] = (struct kvm_seen_msr){ .index = index };
		n->msr[i].reads += !write;
		n->msr[i].writes += write;
		if (write)
			n->msr[i].last = val;
	}
	pthread_mutex_unlock(&n->lock);
	if (log_on(LOG_GUEST))
		log_trace("kvm: unknown MSR %#x %s\n", index, write ? "written" : "read");
}

void kvm_counts_msr_info(struct vm *vm, FILE *f)
{
	struct kvm_counts *n = &kvm_vm(vm)->counts;

	pthread_mutex_lock(&n->lock);
	if (n->nr_msrs)
		fprintf(f, "  MSRs that this KVM does not have: %s\n",
			n->ignore_msrs ? "read as zero" : "#GP");
	for (unsigned i = 0; i < n->nr_msrs; i++) {
		fprintf(f, "    %#-10x %" PRIu64 " reads, %" PRIu64 " writes", n->msr[i].index,
			n->msr[i].reads, n->msr[i].writes);
		if (n->msr[i].writes)
			fprintf(f, ", last of %#" PRIx64, n->msr[i].last);
		fputc('\n', f);
	}
	if (n->other_msrs)
		fprintf(f, "    %" PRIu64 " accesses to others\n", n->other_msrs);
	pthread_mutex_unlock(&n->lock);
}

/* {"NAME":value,...} of the exits that happened. */
static void by_reason(FILE *f, const uint64_t *val)
{
	bool first = true;

	fputc('{', f);
	for (unsigned i = 0; i < KVM_MAX_EXITS; i++) {
		if (!val[i])
			continue;
		if (*kvm_exit_name(i) == '?')
			fprintf(f, "%s\"%u\":%" PRIu64, first ? "" : ",", i, val[i]);
		else
			fprintf(f, "%s\"%s\":%" PRIu64, first ? "" : ",", kvm_exit_name(i),
				val[i]);
		first = false;
	}
	fputc('}', f);
}

static void write_json(struct vm *vm, FILE *f)
{
	struct kvm_counts *n = &kvm_vm(vm)->counts;
	uint64_t all = n->interrupted;

	for (unsigned i = 0; i < KVM_MAX_EXITS; i++)
		all += n->exits[i];
	fprintf(f, "{\"engine\":\"kvm\",\"vcpus\":%u,\"user_exits\":%" PRIu64 ",\"exits\":",
		vm->nr_vcpus, all);
	by_reason(f, n->exits);
	fputs(",\"serve_ns\":", f);
	by_reason(f, n->serve_ns);
	fprintf(f, ",\"interrupted\":%" PRIu64 ",\"unmapped\":%" PRIu64 ",\"cpu_ns\":%" PRIu64
		",\"doorbells\":%u,\"coalesced\":%" PRIu64 ",\"unknown_msrs\":{",
		n->interrupted, n->unmapped, os_cpu_ns(), kvm_vm(vm)->irq.doorbells,
		kvm_vm(vm)->coalesce.writes);
	for (unsigned i = 0; i < n->nr_msrs; i++)
		fprintf(f, "%s\"%#x\":%" PRIu64, i ? "," : "", n->msr[i].index,
			n->msr[i].reads + n->msr[i].writes);
	fputs("},\"kernel\":{", f);
	for (unsigned i = 0; i < n->nr_kernel; i++)
		fprintf(f, "%s\"%s\":%" PRIu64, i ? "," : "", n->kernel[i].name,
			n->kernel[i].val);
	fputs("}}\n", f);
}

void kvm_counts_stop(struct vm *vm)
{
	struct kvm_counts *n = &kvm_vm(vm)->counts;
	FILE *f;

	if (*n->file && kvm_vm(vm)->fd >= 0) {
		kvm_each_stat(kvm_vm(vm)->stats_fd, add_kernel, n);
		f = fopen(n->file, "ae");
		if (f) {
			write_json(vm, f);
			fclose(f);
		} else {
			log_error("kvm: stats=%s: %s", n->file, strerror(errno));
		}
	}
	pthread_mutex_destroy(&n->lock);
}
