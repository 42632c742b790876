#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_hostile.py AMBI HOSTILE64: a guest of random accesses that resets its machine again and again.

In each way to share the interrupt chips with KVM; ambi must come to the last start, end with
status 0, and give back what a reset took: file descriptors, threads, memory.
AMBI_HOSTILE_STARTS and AMBI_HOSTILE_SEED make it longer or repeat it.
"""
import os
import re
import subprocess
import sys
import threading

AMBI, GUEST = sys.argv[1:3]
STARTS = int(os.environ.get("AMBI_HOSTILE_STARTS", "20"))
SEED = int(os.environ.get("AMBI_HOSTILE_SEED", int.from_bytes(os.urandom(3), "big")))
WARM = 5                # starts until everything that stays is there
GROWTH_KIB = 8 << 10
TIME_S = 60 + STARTS


def usage(pid):
    """Descriptors, threads, private memory in KiB."""
    with open(f"/proc/{pid}/status") as f:
        status = dict(line.split(":", 1) for line in f)
    return len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"]), int(status["RssAnon"].split()[0])


def session(irqchip, cpus, disk):
    args = [AMBI, "-machine", "pc", "-accel", f"kvm,irqchip={irqchip}", "-smp", str(cpus), "-m", "32",
            "-serial", "stdio", "-device", "pcie-root-port,id=rp0", "-device", "virtio-rng,bus=rp0",
            "-device", "virtio-balloon", "-device", "virtio-net", "-device", "virtio-vsock,guest-cid=3",
            "-drive", f"file={disk},if=virtio", "-kernel", GUEST, "-append", f"{SEED} {STARTS} 300"]
    env = dict(os.environ)
    # a freed block that a sanitizer keeps is not a leak
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:malloc_context_size=3"
    name = f"irqchip={irqchip}, {cpus} CPUs, seed {SEED}"
    p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    watchdog = threading.Timer(TIME_S, p.kill)
    watchdog.start()
    said, warm, last = 0, None, None
    errors = []
    reader = threading.Thread(target=lambda: errors.append(p.stderr.read()))
    reader.start()
    for line in p.stdout:
        m = re.match(rb"hostile: start (\d+)", line)
        if not m:
            continue
        said = int(m[1])
        if said == WARM:
            warm = usage(p.pid)
        elif said == STARTS - 1:
            last = usage(p.pid)
    status = p.wait()
    watchdog.cancel()
    reader.join()
    err = errors[0].decode(errors="replace")
    if status or said != STARTS:
        sys.exit(f"{name}: status {status} after start {said} of {STARTS}\n{err}")
    if err.count(" shut down") > 10:
        sys.exit(f"{name}: a line in the log for every triple fault\n{err}")
    print(f"{name}: descriptors, threads, KiB at start {WARM} {warm}, at start {STARTS - 1} {last}")
    if last[0] > warm[0] or last[1] > warm[1] or last[2] > warm[2] + GROWTH_KIB:
        sys.exit(f"{name}: something is not given back\n{err}")


if not os.path.exists("/dev/kvm"):
    print("*** SKIPPED: THIS MACHINE HAS NO /dev/kvm; NOTHING WAS TESTED ***", file=sys.stderr)
    sys.exit(77)
DISK = f"/tmp/ambi-hostile-{os.getpid()}"
with open(DISK, "wb") as D:
    D.truncate(1 << 20)
try:
    for CHIPS in "on", "split", "off":
        for CPUS in 1, 2:
            session(CHIPS, CPUS, DISK)
finally:
    os.unlink(DISK)
