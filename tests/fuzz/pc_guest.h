/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs of a hostile guest for the PC, made from a fuzzer's input: x86 machine code
 * that goes for the devices a board has, in long, protected and real mode.
 */
#ifndef TESTS_FUZZ_PC_GUEST_H
#define TESTS_FUZZ_PC_GUEST_H

#include <stdbool.h>

#include "hw/core/machine.h"
#include "tests/fuzz/fuzz.h"

/* Where things are in the guest's RAM, of which there are PCG_RAM bytes. */
enum {
	PCG_RAM = 32 << 20,
	PCG_READY = 0x28000,		/* 32 bits: 1 when an NMI comes back */
	PCG_AP = 0x30000,		/* real-mode code that a SIPI starts */
	PCG_REAL = 0x40000,		/* real-mode program of the first CPU */
	PCG_PROGRAM = 0x200000,		/* the program in the other modes */
	PCG_TABLES = 0x2c0000,		/* page tables, IDT */
	PCG_STACK = 0x2f8000,
	PCG_ARENA = 0x300000,		/* rings and buffers */
	PCG_ARENA_SIZE = 0x800000,
};

enum { PCG_MAX_PLACES = 64, PCG_MAX_VIRTIO = 8, PCG_MAX_RUNS = 3 };

/* Addresses (0: not decoded), of its configuration space last. */
struct pcg_virtio { uint64_t common, isr, device, notify, config; };

/* What the board has, where the guest finds it. */
struct pcg_places {
	struct { uint64_t base, size; } mmio[PCG_MAX_PLACES], pio[PCG_MAX_PLACES];
	unsigned nr_mmio, nr_pio;
	struct pcg_virtio virtio[PCG_MAX_VIRTIO];
	unsigned nr_virtio;
	uint8_t devfn[16];		/* of functions on the root bus */
	unsigned nr_devfn;
};

void pcg_look(struct pcg_places *pl, struct machine *m);

/*
 * Writes the program and its tables into the machine's RAM. bits: the mode the first CPU begins
 * in (16, 32, 64); it enters at PCG_REAL or PCG_PROGRAM. After PCG_MAX_RUNS starts the program
 * powers off at once.
 */
void pcg_write(struct machine *m, const struct pcg_places *pl, struct fuzz_in *in, unsigned bits);

#endif
