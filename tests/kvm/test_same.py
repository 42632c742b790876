#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_same.py AMBI SAME64: one machine by both engines as bare software finds it
(same64.c), line by line."""
import difflib
import os
import subprocess
import sys
import tempfile

AMBI, GUEST = sys.argv[1:3]
# Where KVM has hardware nothing may differ. One that only interprets ring 0 has faults of its own; an entry
# that no longer occurs is a failure.
INTERPRETING = {
    "cpuid 00000001.00:": "it shows bits of the host's processor that CPUID was told to leave out",
    "cpuid 00000007.0": "the same",
    "msr 0000008b:": "it knows no microcode",
    "msr 00000179:": "recovery from machine checks is Intel's",
    "msr-written 00000179:": "the same",
    "wrmsr 00000277:": "it does not look at PAT's types",
    "msr-written 00000277:": "the same",
    "wrmsr 00000176:": "it does not ask for canonical addresses",
}


def dump(engine, cpu, args):
    r = subprocess.run([AMBI, "-accel", engine, "-machine", "pc", "-cpu", cpu, "-m", "64M", *args, GUEST],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
    if r.returncode or not r.stdout.endswith("end: of the dump\n"):
        sys.exit(f"{engine}, {cpu}: status {r.returncode}\n{r.stdout[-500:]}\n{r.stderr[-2000:]}")
    return r.stdout.split("\n"), "no hardware" in r.stderr


def main():
    if not os.path.exists("/dev/kvm"):
        print("*** SKIPPED: THIS MACHINE HAS NO /dev/kvm; NOTHING WAS COMPARED ***", file=sys.stderr)
        sys.exit(77)
    bad, met, allowed = 0, set(), {}
    with tempfile.TemporaryDirectory() as d:
        for name in ("disk", "cd"):
            with open(os.path.join(d, name), "wb") as f:
                f.truncate(1 << 20)
        every = ["-device", "virtio-rng", "-nic", "user", "-device", "virtio-balloon", "-device", "pcie-root-port,id=p",
                 "-device", "virtio-rng,bus=p", "-drive", "file=%s/disk,if=ahci" % d,
                 "-drive", "file=%s/cd,media=cdrom" % d]
        for cpu, args in (("x86-64-v1", ["-vga", "std"]), ("x86-64-v1", every), ("x86-64-v2", every), ("x86-64-v3", []),
                          ("qemu64", []), ("host", []), ("host,kvm=off", [])):
            if allowed and cpu != "x86-64-v1":
                break       # it has no other
            tcg, _ = dump("tcg", cpu, args)
            kvm, interpreting = dump("kvm", cpu, args)
            allowed = INTERPRETING if interpreting else {}
            print(f"{cpu}, {len(args) // 2} options: {len(tcg)} facts")
            for text in difflib.unified_diff(tcg, kvm, "tcg", "kvm", n=0, lineterm=""):
                if text[:2] in ("--", "++", "@@"):
                    continue
                why = [k for k in allowed if text[1:].startswith(k)]
                met.update(why)
                if not why:
                    bad += 1
                    print(f"  {'tcg' if text[0] == '-' else 'kvm'}: {text[1:]}")
    for k in allowed:
        if k not in met:
            bad += 1
            print(f"no longer a difference: {k} ({allowed[k]})")
    sys.exit(bad > 0)


main()
