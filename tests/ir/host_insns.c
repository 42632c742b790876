/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Apart from the rest: Capstone's names of x86 are ours, too. */
#include "tests/ir/host_insns.h"

#include <stdio.h>
#ifdef CONFIG_CAPSTONE
#include <capstone/capstone.h>
#endif

unsigned host_insns(const uint8_t *code, size_t size, bool show)
{
#ifdef CONFIG_CAPSTONE
	cs_insn *list;
	size_t n, i;
	csh cs;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs))
		return 0;
	cs_option(cs, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	n = cs_disasm(cs, code, size, 0, 0, &list);
	for (i = 0; show && i < n; i++)
		printf("    %s %s\n", list[i].mnemonic, list[i].op_str);
	cs_free(list, n);
	cs_close(&cs);
	return (unsigned)n;
#else
	return 0;
#endif
}
