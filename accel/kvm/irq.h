/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine keeps of interrupts and of writes that the kernel takes by
 * itself: part of struct kvm_vm.
 */
#ifndef ACCEL_KVM_IRQ_H
#define ACCEL_KVM_IRQ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/core/irqchip.h"

enum { KVM_PINS = IOAPIC_PINS, KVM_MAX_MESSAGES = 2048, KVM_MAX_ZONES = 64 };

/* A message behind a GSI number of its own (KVM_PINS + index in the table). */
struct kvm_message {
	uint64_t addr;
	uint32_t data;
	unsigned users;		/* irqfds; 0: kept until the place is wanted */
};

struct kvm_bound_fd {		/* an irqfd */
	int fd, resample;
	unsigned gsi;
};

struct kvm_irq {
	bool chosen;			/* home is settled */
	enum irqchip_home home;		/* after take; USER: no chip of the kernel's */
	_Atomic bool pins_stale;	/* SPLIT: the IOAPIC changed since its routes were set */
	_Atomic unsigned nr_pin_fds;	/* irqfds of GSIs below KVM_PINS */
	pthread_rwlock_t quiet;		/* held for writing: nobody raises an interrupt; a leaf */
	pthread_mutex_t lock;		/* the rest; a leaf */
	uint64_t pin_route[KVM_PINS];	/* SPLIT: table entries that have routes; 0: none */
	unsigned nr_messages, max_messages;
	struct kvm_message *message;
	unsigned nr_fds, max_fds;
	struct kvm_bound_fd *fd;
	uint64_t routings;		/* KVM_SET_GSI_ROUTING, how often */
	unsigned doorbells, doorbells_refused;
	/* The kernel's time (monotonic) minus virtual time, as of the virtual time `synced_at`. */
	bool synced;
	uint64_t synced_at, time_base;
	struct kvm_chips *created;	/* no canonical chips: the kernel's, as it made them */
};

struct kvm_zone {
	uint64_t addr;
	uint32_t size;
	bool pio;
};

struct kvm_coalesce {
	size_t ring;			/* offset in a vCPU's mapping; 0: not offered */
	bool pio;			/* ports, too */
	_Atomic bool used;		/* a zone was registered: the ring may hold something */
	pthread_mutex_t lock;		/* emptying the ring */
	pthread_mutex_t zones_lock;
	unsigned nr;
	struct kvm_zone zone[KVM_MAX_ZONES];
	uint64_t writes, refused;	/* served from the ring; zones that got no place */
};

#endif
