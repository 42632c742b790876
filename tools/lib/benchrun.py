# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the benchmark guest (tools/benchkit) once in an emulator and stamps the
lines on its console with the host's clocks."""
import math
import os
import re
import select
import signal
import subprocess
import time


def cpu_seconds(pid):
    """CPU time of all threads of another process, as precise as the kernel has it."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return math.nan


def run_once(cmd, timeout, log):
    """Boots once. {name: (cpu, wall, status, crc)}, with "boot" for the way to /init. A guest that says nothing for
    a fifth of the time is lost (Debian 12's QEMU loses one in five)."""
    out, begun, text, lines_done = {}, {}, b"", 0
    start = said = time.monotonic()
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        while time.monotonic() < min(start + timeout, said + timeout / 5):
            if not select.select([p.stdout], [], [], 1)[0]:
                continue
            data = os.read(p.stdout.fileno(), 65536)
            wall, cpu = time.monotonic(), cpu_seconds(p.pid)
            if not data:
                break
            said = wall
            text += data
            lines = text.split(b"\n")
            for line in lines[lines_done:-1]:
                s = line.decode(errors="replace").strip()
                m = re.search(r"BENCH-(BEGIN|END) (\S+)", s)
                if "BENCH-UP" in s and "boot" not in out:
                    out["boot"] = (cpu, wall - start, 0, "")
                elif m and m.group(1) == "BEGIN":
                    begun[m.group(2)] = (cpu, wall)
                elif m and m.group(2) in begun:
                    c, w = begun[m.group(2)]
                    begun[m.group(2)] = (cpu - c, wall - w)
                m = re.search(r"RESULT (\S+) (\S+) (\d+) (\w+)", s)
                if m and m.group(1) in begun:
                    out[m.group(1)] = begun[m.group(1)] + (int(m.group(3)), m.group(4))
            lines_done = len(lines) - 1
    finally:
        if p.poll() is None:
            # an emulator that switched off may still be on its way out
            try:
                p.wait(10 if b"BENCH-DONE" in text else 0.1)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
        log.write(b"--- " + " ".join(cmd).encode() + b"\n" + text)
        log.flush()
    return out
