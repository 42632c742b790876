#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_gdb.py AMBI GUEST CASE...

Drives ambi with gdb-multiarch and compares what gdb prints; TAP on stdout. What
a case expects is a list of patterns that must appear in this order.
"""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

ambi, guest, cases = sys.argv[1], sys.argv[2], sys.argv[3:]
PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))


class Fail(Exception):
    pass


def start(path, *extra):
    p = subprocess.Popen([ambi, "-gdb", "unix:" + path, "-serial", "null", *extra, guest],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 20 * PATIENCE
    while not os.path.exists(path):
        if p.poll() is not None or time.monotonic() > end:
            raise Fail("ambi did not wait for gdb: " + p.communicate()[0])
        time.sleep(0.02)
    return p


def session(commands, expected, extra=(), status=0):
    """Runs gdb with `commands`; afterwards ambi ends with `status`."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "gdb")
        p = start(path, *extra)
        try:
            args = ["gdb-multiarch", "-nx", "-batch", "-ex", "set confirm off", "-ex", "set width 0",
                    "-ex", "set remotetimeout 60", "-ex", "file " + guest, "-ex", "target remote " + path]
            for c in commands:
                args += ["-ex", c]
            out = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, timeout=100 * PATIENCE).stdout
            at = 0
            for e in expected:
                m = re.compile(e).search(out, at)
                if not m:
                    raise Fail("gdb does not say \"%s\" after %d characters of:\n%s" % (e, at, out))
                at = m.end()
            said = p.communicate(timeout=60 * PATIENCE)[0]
            if p.returncode != status:
                raise Fail("ambi ended with %d, wanted %d: %s\n%s" % (p.returncode, status, said, out))
        finally:
            if p.poll() is None:
                p.kill()
                p.communicate()


RISCV = ("-smp", "2", "-S")


def case_break():
    """breakpoints, steps, registers of all groups"""
    session(["p/x $pc", "info threads", "b work", "c", "p/x $ra == again + 4 || 1", "stepi", "p (long)$pc - (long)work",
             "set $t3=0x1234", "p/x $t3", "p $priv", "p/x $ft0.double", "p/x $mstatus != 0", "delete",
             "b again", "c", "bt 1", "delete", "set *(long*)&counter=100000000", "c"],
            [r"\$1 = 0x80200000", r"Thread 1 \(CPU 0\)", r"Thread 2 \(CPU 1 \(stopped\)\)",
             r"Breakpoint 1, work \(\)", r"\$3 = 4", r"\$4 = 0x1234", r"\$5 = 1", r"\$7 = 0x1",
             r"Breakpoint 2, again \(\)", r"exited normally"], RISCV)


def case_steps():
    """a breakpoint that a jump inside a block leads to; a step over a firmware call is one instruction"""
    session(["b sbi", "c", "delete", "stepi", "p $pc == (long)again", "stepi", "p $pc", "b hop_end", "c", "c",
             "p *(long*)&counter > 1", "stepi", "p $pc == $ra", "delete", "set *(long*)&counter=100000000", "c"],
            [r"Breakpoint 1", r"\$1 = 1", r"Breakpoint 2, .*hop_end", r"Breakpoint 2, .*hop_end", r"\$4 = 1",
             r"exited normally"], RISCV)


LINUX_ARGS = "console=ttyS0 quiet"


def case_linux():
    """Debian's kernel: Ctrl-C, its trap vector, steps that no timer diverts, memory through its page tables"""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
    import guest as files
    f = files.guest_files()
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "gdb")
        log = os.path.join(d, "console")
        p = subprocess.Popen([ambi, "-gdb", "unix:" + path, "-serial", "file:" + log, "-kernel", f["kernel"],
                              "-initrd", f["initrd"], "-append", LINUX_ARGS, "-m", "512", "-smp", "2", "-no-reboot"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            end = time.monotonic() + 60 * PATIENCE
            while not os.path.exists(log) or "GUEST" not in open(log, errors="replace").read() and \
                    "ok " not in open(log, errors="replace").read():
                if p.poll() is not None or time.monotonic() > end:
                    raise Fail("the guest does not start")
                time.sleep(0.05)
            commands = ["target remote " + path, "p $pc != 0", "p (unsigned long)$satp >> 60 == 8", "info threads"]
            # the first instruction of the trap vector, in whatever the hart does now
            commands += ["p *(int*)($stvec & ~3) != 0", "tb *($stvec & ~3)", "c", "p $pc == ($stvec & ~3)",
                         "p $priv"]
            commands += ["stepi"] * 3 + ["p ($pc - $stvec) > 0 && ($pc - $stvec) < 1024"]
            commands += ["b *($stvec & ~3)"] + ["c"] * 20 + ["p $pc == ($stvec & ~3)", "delete", "detach"]
            args = ["gdb-multiarch", "-nx", "-batch", "-ex", "set confirm off", "-ex", "set architecture riscv:rv64",
                    "-ex", "set remotetimeout 60"]
            for c in commands:
                args += ["-ex", c]
            out = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, timeout=100 * PATIENCE).stdout
            for e in (r"\$1 = 1", r"\$2 = 1", r"Thread 2", r"\$3 = 1", r"\$4 = 1", r"\$5 = 1", r"\$6 = 1",
                      r"\$7 = 1", r"Detach|detach"):
                if not re.search(e, out):
                    raise Fail("gdb does not say \"%s\":\n%s" % (e, out))
            p.wait(200 * PATIENCE)
            if p.returncode or "GUEST-OK" not in open(log, errors="replace").read():
                raise Fail("the guest ended with %d after gdb was gone:\n%s" %
                           (p.returncode, open(log, errors="replace").read()))
        finally:
            if p.poll() is None:
                p.kill()
            p.communicate()


def case_watch():
    """write, read and access watchpoints"""
    session(["watch *(int*)&watched", "c", "c", "delete", "rwatch *(long*)&counter", "c", "delete",
             "awatch *(int*)&watched", "c", "delete", "set *(long*)&counter=100000000", "c"],
            [r"Old value = 0", r"New value = 1", r"New value = 2", r"Hardware read watchpoint", r"Value = ",
             r"Hardware access \(read/write\) watchpoint", r"exited normally"], RISCV)


def case_threads():
    """each hart is a thread; a step is one instruction of one hart"""
    session(["b hart1_entry", "c", "p $_thread", "delete",
             "p *(long*)&counter", "stepi", "stepi", "stepi", "p $_thread", "thread 1", "p/x $sp != 0",
             "set *(long*)&counter=100000000", "c"],
            [r"hit Breakpoint 1, .*hart1_entry", r"\$1 = 2", r"\$3 = 2",
             r"\$4 = 0x1", r"exited normally"], RISCV)


def case_monitor():
    """the monitor's commands through gdb; kill ends the guest"""
    session(["monitor info status", "monitor info mtree", "monitor nonsense", "kill"],
            [r"riscv64", r"stopped", r"ram", r"unknown command"], RISCV)


def case_reset():
    """a reset and `cont` leave a guest alone that gdb has stopped"""
    session(["b work", "c", "monitor system_reset", "monitor info status", "maintenance flush register-cache", "p/x $pc", "monitor cont",
             "monitor info status", "c", "delete", "set *(long*)&counter=100000000", "c"],
            [r"Breakpoint 1, work", r"stopped", r"\$1 = 0x80200000", r"gdb has stopped the guest", r"stopped",
             r"Breakpoint 1, work", r"exited normally"], RISCV)


def case_detach():
    """breakpoints do not stay behind; the guest runs on until it ends by itself"""
    session(["b work", "c", "set *(long*)&counter=100000000", "detach"], [r"Breakpoint 1", r"[Dd]etach"], RISCV)


def case_interrupt():
    """a running guest stops when gdb attaches, and for Ctrl-C"""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "gdb")
        p = start(path, "-smp", "2")
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.settimeout(20 * PATIENCE)

            def packet(text):
                s.sendall(b"$%s#%02x" % (text, sum(text) & 255))

            def answer():
                data = b""
                while not re.search(rb"\$[^#]*#..", data):
                    more = s.recv(4096)
                    if not more:
                        raise Fail("connection lost")
                    data += more
                s.sendall(b"+")
                return re.search(rb"\$([^#]*)#", data).group(1)
            packet(b"?")
            if not answer().startswith(b"T05"):
                raise Fail("no stop after attaching")
            packet(b"vCont;c")
            time.sleep(0.2)
            s.sendall(b"\x03")
            stop = answer()
            if not stop.startswith(b"T02"):
                raise Fail("Ctrl-C gave %r" % stop)
            packet(b"m80200000,4")
            if len(answer()) != 8:
                raise Fail("no memory after Ctrl-C")
            s.close()		# not even a farewell: the guest goes on
            time.sleep(0.2)
            if p.poll() is not None:
                raise Fail("ambi ended with gdb")
            p.terminate()
            if p.wait(20 * PATIENCE) != 143:
                raise Fail("SIGTERM gave status %d" % p.returncode)
        finally:
            if p.poll() is None:
                p.kill()
            p.communicate()


def case_kvm():
    """an x86-64 guest on /dev/kvm: registers, breakpoint, step, memory"""
    session(["p/x $pc == (long)_start", "p/x $efer & 0x400", "p $cs", "b hello", "c", "p $pc == (long)hello",
             "stepi", "p $pc > (long)hello", "p *(int*)hello != 0", "p $fctrl", "delete", "c"],
            [r"\$1 = 0x1", r"\$2 = 0x400", r"\$3 = 24", r"Breakpoint 1", r"\$4 = 1", r"\$5 = 1", r"\$6 = 1",
             r"\$7 = 895", r"exited normally"], ("-S", "-accel", "kvm"))


def case_kvm_smp():
    """two vCPUs on /dev/kvm: a breakpoint of the second one's, registers written, run to the end"""
    session(["info threads", "b hello", "c", "set $r15=0x1234567", "stepi", "p/x $r15", "p $_thread", "delete",
             "b second", "c", "p $_thread", "p $pc == (long)second", "delete", "c"],
            [r"Thread 2 \(CPU 1", r"Breakpoint 1", r"\$1 = 0x1234567", r"\$2 = 1", r"Breakpoint 2, .*second",
             r"\$3 = 2", r"\$4 = 1", r"exited normally"], ("-S", "-accel", "kvm", "-smp", "2"))


tap.run_cases(cases, globals(), (Fail, subprocess.TimeoutExpired, OSError))
