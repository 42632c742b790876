#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares what the x86 decoder makes of random bytes with GNU objdump: lengths and names."""
import collections
import os
import re
import subprocess
import sys
import tempfile

PREFIXES = re.compile(r'^((rep[nz]*e?|lock|data16|data32|addr16|addr32|rex(\.\w+)?|bnd|notrack|xacquire|xrelease|'
                      r'[c-g]s|es|ss|\{\w+\}) )+')
MODES = {64: 'x86-64', 32: 'i386', 16: 'i8086'}


def objdump(path, bits):
    arch = {'x86-64': 'i386:x86-64', 'i386': 'i386', 'i8086': 'i8086'}[MODES[bits]]
    out = subprocess.run(['objdump', '-D', '-b', 'binary', '-m', arch, '-M', 'intel,intel64', '--insn-width=16', path],
                         check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        m = re.match(r'\s*([0-9a-f]+):\t([0-9a-f ]+)(\t(.*))?$', line)
        if m and int(m[1], 16) % 32 == 0:
            yield int(m[1], 16), len(m[2].split()), (m[4] or '').strip(), m[2].strip()


def compare(text, bits, count, seed, verbose):
    seen = wrong = agreed = 0
    missing, extra = collections.Counter(), collections.Counter()
    with tempfile.NamedTemporaryFile(suffix='.bin') as f:
        ours = subprocess.run([text, f.name, str(bits), str(count), str(seed)], check=True,
                              capture_output=True, text=True).stdout
        theirs = {at: rest for at, *rest in objdump(f.name, bits)}
    for line in ours.splitlines():
        off, result, length, name = line.split('\t')
        n, want, raw = theirs.get(int(off, 16), (0, '(nothing)', ''))
        bare = PREFIXES.sub('', want + ' ').strip()
        seen += 1
        if bare.startswith('rex') or name.startswith('fwait'):   # prefixes of nothing
            continue
        if '(bad)' in want or not bare:
            if result == 'ok':
                extra[name.split()[0]] += 1
                if verbose and extra[name.split()[0]] < 3:
                    print(f'{bits}: {raw[:45]:45} ours {name}; objdump {want}')
            continue
        if result != 'ok':
            missing[bare.split()[0]] += 1
            if verbose and missing[bare.split()[0]] < 3:
                print(f'{bits}: {raw[:45]:45} {result}; objdump {want}')
            continue
        if int(length) != n:
            wrong += 1
            print(f'{bits}: {raw[:45]:45} ours {length} {name}; objdump {n} {want}')
            continue
        agreed += 1
    if verbose:
        print('we lack:', dict(missing))
        print('objdump lacks:', dict(extra))
    print(f'{bits} bits: {seen} instructions, {agreed} of the same length, {wrong} not')
    return wrong == 0 and agreed > count // 4


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    ok = [compare(sys.argv[1], bits, count, 7 + bits, os.environ.get('V')) for bits in MODES]
    return 0 if all(ok) else 1


if __name__ == '__main__':
    sys.exit(main())
