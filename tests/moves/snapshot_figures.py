#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""snapshot_figures.py AMBI [--login] [--restores N] [--boots N]

Debian's riscv64 kernel at the shell's prompt (1 GiB, 2 harts; tools/get-guest): how large snapshots
are, how soon a restored guest runs and answers, against a cold boot. Prints a table for
docs/performance.md; fails where a restored guest does not answer.

--login: Debian on a qcow2 disk, at getty's login prompt; whoever is restored logs in.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from migrate_lib import Bench, Failed

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
import guest

GUEST = os.path.expanduser("~/.cache/ambi/guests/riscv64/")
MACHINE = ["-accel", "tcg", "-machine", "virt", "-m", "1G", "-smp", "2"]
BOOT = ["-kernel", GUEST + "kernel", "-initrd", GUEST + "initramfs.cpio.gz", "-append", "console=ttyS0 shell"]
PROMPT = b"guest# "
# Linux, its command line's rest and the prompt of a whole Debian on a disk (tools/get-guest --rootfs)
GETTY = "run=setsid -c agetty -o -i -l /bin/bash -L console 115200 vt100 </dev/console >/dev/console 2>&1"
LOGIN = b" login: "


class Console:
    """A guest whose terminal is ours."""

    def __init__(self, ambi, args, cwd):
        self.began = time.monotonic()
        self.out, self.err, self.more = b"", b"", threading.Condition()
        self.proc = subprocess.Popen([ambi, *args, "-phases"], cwd=cwd, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.threads = [threading.Thread(target=self.read, args=(f, n), daemon=True)
                        for f, n in ((self.proc.stdout, "out"), (self.proc.stderr, "err"))]
        for t in self.threads:
            t.start()

    def read(self, f, name):
        while True:
            data = os.read(f.fileno(), 65536)
            if not data:
                return
            with self.more:
                setattr(self, name, getattr(self, name) + data)
                self.more.notify_all()

    def wait(self, text, seconds=120):
        """Seconds from the start until the text was there."""
        end = time.monotonic() + seconds
        with self.more:
            while text not in self.out:
                if time.monotonic() > end or self.proc.poll() is not None:
                    raise Failed("no %r: %r %r" % (text, self.out[-300:], self.err[-300:]))
                self.more.wait(0.1)
        return time.monotonic() - self.began

    def type(self, text):
        self.proc.stdin.write(text)
        self.proc.stdin.flush()

    def first_instruction(self):
        """Ends it; ms from the process's start."""
        self.type(b"\x01x")
        self.proc.wait(30)
        for t in self.threads:
            t.join(5)
        return float(re.search(rb"phase: +([\d.]+) ms +first guest", self.err).group(1))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("ambi")
    p.add_argument("--login", action="store_true")
    p.add_argument("--restores", type=int, default=100)
    p.add_argument("--boots", type=int, default=3)
    o = p.parse_args()
    ambi = os.path.abspath(o.ambi)
    boots, first, answer, eager = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="ambi-figures-") as d:
        machine, boot, prompt = MACHINE, BOOT, PROMPT
        if o.login:
            files = guest.guest_files(rootfs=True)
            subprocess.run([ambi, "disk", "create", d + "/disk.qcow2", "-b", files["disk"], "-F", "raw"],
                           check=True, stdout=subprocess.DEVNULL)
            machine = MACHINE + ["-drive", "file=%s/disk.qcow2" % d]
            boot = ["-kernel", files["kernel"], "-initrd", files["disk-initrd"],
                    "-append", files["disk-append"] + " " + GETTY]
            prompt = LOGIN
        for _ in range(o.boots):
            c = Console(ambi, machine + boot + ["-snapshot", "-qmp", "none"], d)
            boots.append(c.wait(prompt))
            c.proc.kill()
        with Bench(ambi) as b:
            g = b.start(machine + boot)
            time.sleep(statistics.median(boots) * 2 + 3)
            full = g.cmd("snapshot-save", path=d + "/full.ambi")
            time.sleep(10)
            idle = g.cmd("snapshot-save", path=d + "/idle.ambi", parent=d + "/full.ambi")
        for i in range(o.restores + 5):
            how = ",eager=on" if i >= o.restores else ""
            c = Console(ambi, machine + ["-qmp", "none", "-loadvm", d + "/idle.ambi" + how], d)
            if o.login:
                c.type(b"root\n")
                c.wait(b"# ")
            c.type(b"echo $((%d * 2))-yes\n" % i)
            t = c.wait(b"%d-yes" % (i * 2))
            (eager if how else answer).append(t * 1000)
            n = c.first_instruction()
            if not how:
                first.append(n)
    cold = statistics.median(boots)

    def spread(v):
        return "%.0f ms (%.0f to %.0f)" % (statistics.median(v), min(v), max(v))
    rows = [("cold boot to the prompt", "%.2f s" % cold),
            ("restore: first guest instruction", spread(first)),
            ("restore: the shell has answered a line", spread(answer)),
            ("the same with `eager=on`", spread(eager)),
            ("restore against cold boot", "1/%.0f" % (cold * 1000 / statistics.median(answer))),
            ("size of the full snapshot", "%.1f MiB" % (full["size"] / 2**20)),
            ("of an incremental one after 10 s idle", "%.0f KiB" % (idle["size"] / 1024)),
            ("pause of the full save", "%.0f ms" % (full["pause"] * 1000)),
            ("pause of the incremental save", "%.0f ms" % (idle["pause"] * 1000))]
    print("| Debian riscv64 at the %s, 1 GiB, 2 harts, %d restores | |\n|---|---|" %
          ("login prompt" if o.login else "prompt", len(answer)))
    for what, value in rows:
        print("| %s | %s |" % (what, value))


try:
    main()
except Failed as e:
    sys.exit(str(e))
