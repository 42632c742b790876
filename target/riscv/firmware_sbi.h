/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Supervisor Binary Interface: isa_riscv64.firmware. */
#ifndef TARGET_RISCV_FIRMWARE_SBI_H
#define TARGET_RISCV_FIRMWARE_SBI_H

#include "target/isa.h"

extern const struct isa isa_riscv64;

/* The engine has moved pc behind the ecall. */
enum fw_result riscv_firmware_sbi(void *state, const struct fw_ops *fw);

#endif
