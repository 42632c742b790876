/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_IR_HOST_INSNS_H
#define TESTS_IR_HOST_INSNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Host instructions in code (show: printed); 0 where no disassembler was built in. */
unsigned host_insns(const uint8_t *code, size_t size, bool show);

#endif
