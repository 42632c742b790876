/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What firmware calls (SBI) may do to the rest of the guest; on the calling vCPU's thread. */
#include <errno.h>

#include "io/char/char.h"
#include "vmm/guest.h"

static int fw_cpu_start(void *opaque, unsigned index, uint64_t pc, uint64_t arg)
{
	struct guest *g = opaque;
	struct guest_cpu *c;
	int r = -EALREADY;

	if (index >= g->vm.nr_vcpus)
		return -EINVAL;
	c = &g->cpu[index];
	pthread_mutex_lock(&g->lock);
	if (c->power == CPU_STOPPED) {
		c->start_pc = pc;
		c->start_arg = arg;
		c->power = CPU_START_PENDING;
		pthread_cond_broadcast(&g->cond);
		r = 0;
	}
	pthread_mutex_unlock(&g->lock);
	return r;
}

static int fw_cpu_state(void *opaque, unsigned index)
{
	struct guest *g = opaque;
	int r;

	if (index >= g->vm.nr_vcpus)
		return -EINVAL;
	pthread_mutex_lock(&g->lock);
	r = (int)g->cpu[index].power;
	pthread_mutex_unlock(&g->lock);
	return r;
}

static void fw_line(void *opaque, unsigned index, unsigned line, int level)
{
	struct guest *g = opaque;

	if (index < g->vm.nr_vcpus)
		cpu_port_set(&g->vm.vcpu[index]->port, line, level);
}

static void fw_remote_flush(void *opaque, const uint64_t *mask, const struct tlb_flush *f)
{
	struct guest *g = opaque;

	if (g->vm.accel->remote_flush)
		g->vm.accel->remote_flush(&g->vm, mask, f);
}

static void fw_remote_code_barrier(void *opaque, const uint64_t *mask)
{
	struct guest *g = opaque;

	if (g->vm.accel->remote_code_barrier)
		g->vm.accel->remote_code_barrier(&g->vm, mask);
}

static void fw_console_put(void *opaque, const void *buf, size_t n)
{
	struct guest *g = opaque;

	chardev_write(g->serial[0], buf, n);
}

/* Input belongs to the serial port, whose driver takes over from the firmware's console. */
static int fw_console_get(void *opaque)
{
	return -1;
}

void guest_firmware_init(struct guest *g)
{
	g->fw = (struct fw_ops){
		.cpu_start = fw_cpu_start, .cpu_state = fw_cpu_state, .line = fw_line,
		.remote_flush = fw_remote_flush, .remote_code_barrier = fw_remote_code_barrier,
		.console_put = fw_console_put, .console_get = fw_console_get,
		.nr_cpus = g->vm.nr_vcpus, .mem = &g->vm.machine->mem, .opaque = g,
	};
}
