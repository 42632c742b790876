#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares our RISC-V disassembly of random instructions with that of GNU objdump."""
import os
import re
import subprocess
import sys
import tempfile

TOOLS = 'riscv64-linux-gnu-'
ARCH = 'rv64gc_zba_zbb_zbs_zicbom_zicbop_zicboz_svinval_zicsr_zifencei_zihintpause'
# Newer than the oldest objdump the tests are to pass with (2.40).
UNKNOWN_TO_OBJDUMP = ('czero.',)
# It decodes these only with the rounding mode that assemblers write.
EXACT = ('fcvt.d.s ', 'fcvt.d.w ', 'fcvt.d.wu ')


def objdump(path):
    elf = path + '.o'
    source = f'.option norelax\n.text\n.incbin "{path}"\n'
    subprocess.run([TOOLS + 'as', '-march=' + ARCH, '-o', elf, '-'], input=source, text=True, check=True)
    out = subprocess.run([TOOLS + 'objdump', '-D', '-j', '.text', '-M', 'no-aliases', elf],
                         check=True, capture_output=True, text=True).stdout
    os.unlink(elf)
    for line in out.splitlines():
        m = re.match(r'\s*([0-9a-f]+):\t([0-9a-f]+)\s*\t(.*)$', line)
        if m:
            yield int(m[1], 16), m[3]


def normal(text):
    text = re.sub(r'\s*(#.*|<.*>)$', '', text)
    text = re.sub(r'\s+', ' ', text).strip()
    return text.replace('0x', '')


def same(ours, theirs):
    if ours.startswith(UNKNOWN_TO_OBJDUMP):
        return True
    if ours.startswith(EXACT) and theirs.startswith('.4byte'):
        return True
    if ours.startswith('csr') and '0x' in ours:     # we name fewer
        return ours.split()[0] == theirs.split()[0]
    if ours == 'c.nop' or ours.endswith(',0x0'):    # hints with names of their own
        return theirs.startswith(('c.addi', ours.split()[0]))
    return normal(ours) == normal(theirs)


def main():
    with tempfile.NamedTemporaryFile(suffix='.bin') as f:
        ours = subprocess.run([sys.argv[1], f.name, '60'], check=True, capture_output=True, text=True).stdout
        theirs = dict(objdump(f.name))
    seen = wrong = 0
    for line in ours.splitlines():
        off, _, text = line.split('\t')
        want = theirs.get(int(off, 16), '(nothing)')
        seen += 1
        if not same(text, want):
            wrong += 1
            if wrong <= 40:
                print(f'{off}: ours "{text}", objdump "{want}"')
    print(f'{seen} instructions, {wrong} differ')
    return 1 if wrong or seen < 5000 else 0


sys.exit(main())
