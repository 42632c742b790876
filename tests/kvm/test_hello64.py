#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hello64 under ambi: test_hello64.py AMBI HELLO64. What tools/demo shows, with checks."""
import os
import subprocess
import sys

AMBI, GUEST = sys.argv[1:3]
FIRST = "hello64: hello from vCPU 0 in long mode"
SECOND = "hello64: vCPU 1 is in long mode, too"
LAST = ["hello64: 5 timer interrupts at 200 Hz", "hello64: GUEST-OK x86_64"]


def run(*args):
    return subprocess.run([AMBI, *args, GUEST], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)


def check(cond, what, r):
    if not cond:
        sys.exit(f"{what}: status {r.returncode}\n--- stdout\n{r.stdout}\n--- stderr\n{r.stderr}")


def hello(cpus, *args):
    r = run("-smp", str(cpus), *args)
    want = [FIRST] + ([SECOND] if cpus > 1 else []) + LAST
    check(r.returncode == 0 and r.stdout.split("\n")[:-1] == want, f"{cpus} vCPUs {args}", r)
    check("engine kvm" in r.stderr and "testpc" in r.stderr, "plan", r)


if not os.path.exists("/dev/kvm"):
    print("*** SKIPPED: THIS MACHINE HAS NO /dev/kvm; NOTHING WAS TESTED ***", file=sys.stderr)
    sys.exit(77)
hello(1)
for _ in range(5):          # INIT and SIPI meet the second vCPU's start in many ways
    hello(2, "-accel", "kvm")
hello(4, "-accel", "kvm", "-m", "64M")
# an explicit choice binds: the translator runs it to where it waits for testpc's chips, which are KVM's
try:
    R = subprocess.run([AMBI, "-accel", "tcg", GUEST], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3)
    check(False, "-accel tcg", R)
except subprocess.TimeoutExpired as E:
    if FIRST not in (E.stdout or b"").decode() or "engine tcg" not in (E.stderr or b"").decode():
        sys.exit(f"-accel tcg: {E.stdout} {E.stderr}")
