# SPDX-License-Identifier: GPL-2.0-or-later
"""Times of tools/kvm-figures on this machine's own /dev/kvm."""
import glob
import os
import select
import statistics
import struct
import subprocess
import time

EXITS = 100000


def rom():
    """64 KiB in real mode: 'A' to the serial line, EXITS writes of its scratch register, 'B', a halt."""
    code = (b"\xba\xf8\x03" b"\xb0A\xee" b"\xb2\xff" b"\x66\xb9" + struct.pack("<I", EXITS) +
            b"\xee" b"\x66\x49" b"\x75\xfb"          # 1: out %al, %dx; dec %ecx; jnz 1b
            b"\xb2\xf8" b"\xb0B\xee" b"\xfa\xf4" b"\xeb\xfc")
    jump = b"\xe9" + struct.pack("<H", 13)     # from fff0 past the end to 0
    return code.ljust(0xfff0, b"\xf4") + jump.ljust(16, b"\xf4")


def cpu_ns(pid):
    total = 0
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        try:
            with open(path) as f:
                total += int(f.read().split()[0])
        except OSError:
            pass
    return total


def wait_for(p, byte, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([p.stdout], [], [], 0.5)[0]:
            got = os.read(p.stdout.fileno(), 1)
            if got == byte or not got:
                return got == byte
    return False


def exit_ns(cmd):
    """CPU time of the whole process for an exit to user space."""
    with subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0) as p:
        try:
            if not wait_for(p, b"A", 20):
                raise ValueError("no first letter: " + " ".join(cmd))
            t0 = cpu_ns(p.pid)
            if not wait_for(p, b"B", 120):
                raise ValueError("no second letter: " + " ".join(cmd))
            return (cpu_ns(p.pid) - t0) / EXITS
        finally:
            p.kill()


def start_ms(folder, cmd):
    """From exec to the first KVM_RUN of the guest's vCPU."""
    out = os.path.join(folder, "first")
    if os.path.exists(out):
        os.unlink(out)
    with subprocess.Popen([folder + "/launch", folder + "/firstrun.so", out] + cmd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        try:
            for _ in range(1000):
                time.sleep(0.01)
                if os.path.exists(out):
                    break
            time.sleep(0.1)     # a VMM's trial of KVM comes before the guest
        finally:
            p.kill()
    with open(out) as f:
        return int(f.read().split()[-1]) / 1e6


def in_turns(rounds, what):
    """{name: median, least, most} of functions called in turns, so that a slower machine is slower for all."""
    got = {n: [] for n in what}
    for _ in range(rounds):
        for n, f in what.items():
            got[n].append(f())
    return {n: (statistics.median(v), min(v), max(v)) for n, v in got.items()}
