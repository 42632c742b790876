#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_results.py EMULATOR

The benchmark programs with little work: every result must be the one that two
QEMUs and, for what is C, the host itself agreed on. A fast translator that is
wrong would otherwise look good in tools/bench. TAP.
"""
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools", "lib"))
from benchrun import run_once  # noqa: E402

# name, units, checksum of what it prints
BASE = [
    ("intmix", 40, "b962fca8"), ("fib", 2, "9eb09e05"), ("vm", 20, "f76f7a1b"), ("nbody", 2, "adbb50e7"),
    ("lu-d", 2, "82277359"), ("matmul-f", 1, "f85267f0"), ("libm", 4, "cb12d994"), ("memcpy", 2, "f085502f"),
    ("memcpy-pad", 2, "615198b1"), ("stream", 3, "7a3dc276"), ("chase", 100, "ad8621d2"),
    ("getpid", 2000, "f0c6d5f4"), ("pipe", 300, "93aca40b"), ("forkexec", 12, "2c43ffef"),
    ("mmapfault", 4, "08802f82"), ("signal", 500, "938fb9a7"),
]
FULL = [("gzip", 1, "9035a414"), ("sha256", 2, "88d4b879"), ("python", 1, "2be9e1c4"), ("lua", 1, "7672c819")]


def main():
    emulator = sys.argv[1]
    machine = ["-M", "virt"] if "qemu" in os.path.basename(emulator) else []
    built = subprocess.run([os.path.join(TOP, "tools", "benchkit", "build")], check=True, stdout=subprocess.PIPE, text=True)
    files = dict(line.split("=", 1) for line in built.stdout.splitlines())
    n = bad = 0
    print("1..%d" % (len(BASE) + len(FULL)), flush=True)
    for image, work in (("base", BASE), ("full", FULL)):
        with tempfile.TemporaryFile() as log:
            got = run_once([emulator] + machine + [
                "-m", "1024", "-smp", "1", "-nographic", "-no-reboot", "-kernel", files["kernel"], "-initrd", files[image], "-append",
                "console=ttyS0 quiet nokaslr rdinit=/init bench=" + ",".join("%s:%d" % w[:2] for w in work)], 250, log)
            log.seek(0)
            console = log.read().decode(errors="replace")
        for name, _, crc in work:
            n += 1
            cpu, _, status, has = got.get(name, (0, 0, "none", "none"))
            right = status == 0 and has == crc
            bad += not right
            print("%s %d - %s (%.2f s)%s" % ("ok" if right else "not ok", n, name, cpu, "" if right else ": status %s, %s" % (status, has)),
                  flush=True)
        if not all(w[0] in got for w in work):
            for line in console.replace("\r", "").split("\n")[-30:]:
                print("# " + line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
