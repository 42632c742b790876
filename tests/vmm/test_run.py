#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_run.py AMBI GUEST-1 GUEST-2...

How guests end and what ambi's exit status says of it; resets, the monitor,
--phases, signals. GUEST-n is guest.S with HOW=n. TAP on stdout.
"""
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import end, result  # noqa: E402

ambi, guests = sys.argv[1], [None] + sys.argv[2:]
PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))


def run(how, *args, keys=b""):
    p = subprocess.run([ambi, *args, guests[how]], input=keys, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=60 * PATIENCE)
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


def ends(name, how, status, *args, said="hi\n", err=""):
    r, out, e = run(how, *args)
    result(r == status and out.replace("\r", "") == said and err in e, name, "status %d" % r, repr(out), e)


ends("power off by SBI", 1, 0)
ends("power off by the test device", 5, 0)
ends("reset with -no-reboot", 2, 0, "-no-reboot")
ends("reset, then power off", 2, 0, said="hi\nhi\n")
ends("failure by the test device", 3, 3, err="its code is 7")
ends("pvpanic", 4, 3, err="panicked")
ends("power off for a failure", 6, 3)
r, out, err = run(10)
result(r == 0 and err.count("crash kernel") == 1, "what a guest says again and again is told once", r, err)
ends("harts start, stop and start again", 7, 0, "-smp", "2")
ends("SBI timer and WFI", 8, 0)
ends("SBI timer without Sstc", 8, 0, "-cpu", "rv64,sstc=off")
ends("an IPI to itself", 9, 0)
ends("the interpreter", 8, 0, "-accel", "tcg,interp=on")

r, out, err = run(1, "--phases")
times = [float(t) for t in re.findall(r"phase: +([0-9.]+) ms", err)]
result(r == 0 and len(times) == 7 and times == sorted(times), "--phases", err)


def monitor(name, how, keys, *want, status=0, args=()):
    """keys typed on the console; Ctrl-A c is \\x01c."""
    r, out, err = run(how, "-S", *args, keys=keys)
    at = 0
    for w in want:
        at = out.find(w, at)
        if at < 0:
            break
    result(r == status and at >= 0, "monitor: " + name, "status %d" % r, "wanted %s" % (want,), out, err)


# Input comes from a pipe that ends: what was typed is served before the end of file.
monitor("info, cont", 1, b"\x01cinfo status\ninfo mtree\ninfo qtree\ncont\n", "stopped", "ram", "serial0", "hi")
monitor("info registers", 1, b"\x01cinfo registers\nquit\n", "pc", "80200000")
monitor("info accel", 1, b"\x01cinfo accel\ninfo phases\nq\n", "engine tcg", "phase:")
monitor("unknown and help", 1, b"\x01cfrobnicate\nhelp\ninfo\nquit\n", "unknown command", "system_reset", "info qtree")
monitor("Ctrl-A x", 1, b"\x01x", "")
monitor("on another console", 1, b"\x01cinfo status\nquit\n", "stopped",
        args=("-serial", "null", "-device", "virtio-console,chardev=mon:stdio"))
monitor("a reset keeps a stopped guest stopped", 1, b"\x01csystem_reset\ninfo status\nquit\n", "stopped")

# a guest's sockets and files must not use up what the process may open by default
p = subprocess.Popen([ambi, "-S", guests[1]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2048)))
p.stderr.readline()
limits = resource.prlimit(p.pid, resource.RLIMIT_NOFILE)
p.terminate()
p.communicate()
result(limits == (2048, 2048), "as many descriptors as allowed", limits)

# what is said while standard error is closed does not go into a file that was opened since
with tempfile.TemporaryDirectory() as d:
    disks = [os.path.join(d, "disk%d" % i) for i in range(3)]
    for disk in disks:
        with open(disk, "wb") as f:
            f.write(b"D" * 65536)
    r = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", ambi, "-serial", "null", guests[4]] +
                       [w for disk in disks for w in ("-drive", "file=" + disk)], timeout=60 * PATIENCE).returncode
    held = []
    for disk in disks:
        with open(disk, "rb") as f:
            held.append(f.read())
    result(r == 3 and held == [b"D" * 65536] * 3, "closed standard files", r, [h[:80] for h in held])

for sig in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    p = subprocess.Popen([ambi, "-S", guests[1]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    p.stderr.readline()		# the plan
    for _ in range(500):	# until it takes signals
        with open("/proc/%d/status" % p.pid) as f:
            caught = re.search(r"^SigCgt:\s*(\w+)", f.read(), re.M)
        if int(caught[1], 16) >> sig - 1 & 1:	# blocked it is also for moments, where threads begin
            break
        time.sleep(0.02)
    time.sleep(0.1)
    p.send_signal(sig)
    try:
        r = p.wait(20 * PATIENCE)
    except subprocess.TimeoutExpired:
        p.kill()
        r = None
    result(r == 128 + sig, "ends by %s" % sig.name, "status %s" % r)
    p.communicate()

end()
