/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest: the plan made real. One thread per vCPU runs guest code; everything
 * that controls (pause, reset, gdb, monitor, the end) runs on the main thread,
 * which is glib's main loop. Other threads post to it.
 *
 * A vCPU's thread is either running (inside accel->run or serving an exit) or
 * parked at its gate, under `lock`. While all are parked the main thread may look
 * at and change vCPU state.
 */
#ifndef VMM_GUEST_H
#define VMM_GUEST_H

#include <glib.h>

#include "accel/accel.h"
#include "vmm/boot/boot.h"
#include "vmm/move/fallback.h"
#include "vmm/plan.h"

struct api_server;
struct block;
struct chardev;
struct gdbstub;
struct migration;
struct netdev;
struct snapshots;

enum exit_status { EXIT_OK = 0, EXIT_USAGE = 1, EXIT_ENGINE = 2, EXIT_PANIC = 3 };

enum { GUEST_MAX_SERIAL = 4, GUEST_MAX_BACKENDS = 64 };
/* Events after which the guest runs no further instruction until they are served. */
enum { GUEST_ENDINGS = 1u << MACHINE_POWEROFF | 1u << MACHINE_RESET | 1u << MACHINE_PANIC };

enum cpu_power {			/* SBI HSM's numbers */
	CPU_STARTED = 0, CPU_STOPPED = 1, CPU_START_PENDING = 2, CPU_SUSPENDED = 4
};

struct guest_cpu {
	struct guest *g;
	struct vcpu *v;
	enum cpu_power power;		/* under guest.lock */
	uint64_t start_pc, start_arg;	/* CPU_START_PENDING */
	/* INIT and SIPI from a local APIC in user space; under guest.lock */
	bool init, sipi;		/* sipi: start_arg is its vector, not an argument */
	bool thread_up;
	bool ran;			/* since the gate opened; under guest.lock */
	bool held;			/* gdb steps another CPU */
	int tid;			/* of its thread, for the host's tools; 0: not yet */
	struct vm_exit exit;		/* the engine's, kept between runs */
	struct fallback_cpu fallback;
};

struct backend {			/* of -drive and -netdev */
	char id[64];
	struct block *block;
	struct netdev *net;
	const char *plug;		/* device that it brings along; NULL: for -device */
	char mac[32];
	bool used;
};

struct guest {
	struct plan *plan;
	struct vm vm;
	struct boot boot;
	struct guest_cpu cpu[256];
	struct fw_ops fw;

	struct chardev *serial[GUEST_MAX_SERIAL];
	struct chardev *extra_char[GUEST_MAX_SERIAL];	/* of -device ...,chardev=SPEC */
	struct chardev *mon;		/* the first one with Ctrl-A, or NULL */
	char *cpu_features;	/* owned, state.c's: of the CPUs as built; or NULL */
	char *bootorder, *bootorder_next;	/* owned: firmware's file, and of the next boots */
	struct backend backend[GUEST_MAX_BACKENDS];
	unsigned nr_backends;

	pthread_mutex_t lock;
	pthread_cond_t cond;		/* of the gates */
	pthread_cond_t parked_cond;	/* of guest_pause */
	unsigned nr_parked, nr_threads;
	bool running;			/* gates are open */
	bool ending;			/* the vCPUs' threads, too */
	bool shut_down;			/* of the main loop: why is decided */
	_Atomic unsigned shutdowns;	/* triple faults so far */
	bool chips_stale;		/* canonical chips are to go to the engine */
	bool frozen, back_ends_held;	/* vmm/move/move.h; held: until it runs again */
	bool throttled;			/* guest_throttle; under lock */
	bool stopped_by_user;		/* -S, stop: stays stopped through a reset */
	bool reset_by_host;		/* the next one: system_reset, not the guest */
	unsigned balloon_src;		/* of the main loop: BALLOON_CHANGE is to be told */
	_Atomic unsigned events;	/* bits by machine_event: on their way to the main thread */

	GMainLoop *loop;
	int status;
	struct gdbstub *gdb;		/* NULL: none */
	struct migration *migration;	/* vmm/move/migrate_int.h; the last one; NULL: never any */
	struct snapshots *snapshots;	/* vmm/move/snapshot_int.h; NULL: never any */
	struct api_server *api;		/* vmm/api/; NULL: not started */
	struct fallback fallback;
	uint64_t switches;		/* of engines so far */
};

/* guest.c: builds everything that the plan asks for, up to loaded images. 0 or -errno. */
int  guest_build(struct guest *g, struct plan *p, struct err *e);
void guest_free(struct guest *g);

/* devices.c */
int  guest_add_serial(struct guest *g, struct machine_config *cfg, struct err *e);
/* Before the machine: files and sockets. */
int  guest_add_backends(struct guest *g, struct machine_config *cfg, struct err *e);
int  guest_add_devices(struct guest *g, struct err *e);		/* after machine_init */
/* Serial ports and the like get no input while it is on: part of guest_hold_back_ends. */
void guest_hold_ports(struct guest *g, bool on);
void guest_free_backends(struct guest *g);

/* run.c. Main thread only, unless said otherwise. */
int  guest_run(struct guest *g, struct err *e);		/* until the end; the exit status */
void guest_pause(struct guest *g);			/* all vCPUs are parked on return */
void guest_close_gates(struct guest *g);	/* any thread: the vCPUs come to a stop soon */
void guest_resume(struct guest *g);
void guest_throttle(struct guest *g, bool on);	/* any thread: the vCPUs wait, time goes on */
bool guest_reset(struct guest *g);		/* false: not while it is frozen, or it failed */
void guest_end(struct guest *g, int status);
/* With event SHUTDOWN; the first reason counts. */
void guest_shutdown(struct guest *g, int status, const char *reason);
/* Any thread: fn runs on the main thread. */
void guest_post(struct guest *g, void (*fn)(struct guest *g, void *data), void *data);
bool guest_is_running(struct guest *g);			/* any thread */
/* For cpu_port.signal; any thread. */
void guest_cpu_signal(struct cpu_port *p, enum cpu_signal s, unsigned arg);

/* firmware.c */
void guest_firmware_init(struct guest *g);

/* monitor.c: the commands of Ctrl-A c, also for gdb's `monitor`. */
void monitor_attach(struct guest *g);
/* Runs one line; the answer is malloc'ed text. */
char *monitor_command(struct guest *g, const char *line);

#endif
