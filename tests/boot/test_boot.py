#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_boot.py EMULATOR CASE...

Boots Debian's riscv64 Linux in EMULATOR (ambi; a qemu-system-riscv64 to test
the tests) and prints TAP. Cases: the functions named case_* below, by the rest
of their names.
"""
import os
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
import guest  # noqa: E402

# A loaded machine of two cores takes several times what an idle one does.
PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))
emulator, cases = sys.argv[1], sys.argv[2:]


def boot(**kw):
    extra = os.environ.get("AMBI_EXTRA", "").split()
    files = guest.guest_files(rootfs=kw.get("disk", False))
    log = os.environ.get("AMBI_LOG_DIR")
    if log:
        log = os.path.join(log, "console-%d.log" % time.monotonic_ns())
    return guest.Guest(guest.emulator_command(emulator, files, extra=extra, **kw), log=log)


def ok_then_off(g, pattern, timeout):
    """`pattern` appears, no test failed before it, and the machine goes off with status 0."""
    m = g.wait_for(r"(%s)|(GUEST-FAIL.*|RUN-FAIL.*|Kernel panic.*|Oops.*)" % pattern, timeout * PATIENCE)
    if m.group(2):
        g.fail("the guest says: " + m.group(2))
    status = g.wait_end(30 * PATIENCE)
    if status != 0:
        g.fail("exit status %d after power off" % status)
    for bad in ("Oops", "BUG:", "WARNING: CPU", "rcu_sched self-detected", "soft lockup"):
        if bad in g.text:
            g.fail("the kernel complains: %s" % bad)


def case_small_1():
    """one hart, self-tests, power off"""
    with boot() as g:
        ok_then_off(g, "GUEST-OK riscv64", 120)


def case_small_4():
    """four harts, self-tests, power off"""
    with boot(smp=4) as g:
        ok_then_off(g, r"GUEST-OK riscv64 \(\d+ tests, 4 CPUs", 180)


def case_reset():
    """-no-reboot turns the guest's reset into the end, with status 0"""
    with boot(words="quick reboot") as g:
        ok_then_off(g, "GUEST-OK riscv64", 120)


def case_shell():
    """a shell on the console takes input, long lines too"""
    with boot(words="quick shell") as g:
        g.wait_for("GUEST-OK riscv64", 120 * PATIENCE)
        g.wait_for("guest# ", 20 * PATIENCE)
        g.send("echo answer-$((6 * 7))\n")
        g.wait_for(r"answer-42", 20 * PATIENCE)
        # more than a UART's FIFO at once: flow control must hold it back
        g.send("echo %s | md5sum\n" % ("abcdefghij" * 20))
        g.wait_for("1ccdfcc61667b692ce45ee9a19561736", 20 * PATIENCE)
        g.send("exit\n")
        if g.wait_end(30 * PATIENCE) != 0:
            g.fail("exit status not 0")


def userland(run, timeout, smp=2, words="net", forward=None):
    g = boot(smp=smp, mem="1G", disk=True, forward=forward or (guest.free_port(), 22), words="%s run=%s" % (words, run))
    with g:
        ok_then_off(g, "RUN-OK", timeout)
        return g.text


def case_userland():
    """python3, perl, gcc, openssl, files and network in a Debian userland on virtio-blk"""
    text = userland("selftest", 600)
    for name in ("python3", "perl", "gcc", "openssl", "files", "net"):
        if "ok %s " % name not in text:
            raise guest.GuestError("no result of %s" % name)


def case_network():
    """http and ssh from the host through virtio-net"""
    files = guest.guest_files(rootfs=True)
    web, ssh = guest.free_port(), guest.free_port()
    rule = ",hostfwd=tcp:127.0.0.1:%d-:22" % ssh
    cmd = guest.emulator_command(emulator, files, smp=2, mem="1G", disk=True, forward=(web, 8000),
                                 words="sshd run=python3 -m http.server -d /usr/lib 8000 & sleep 90; kill %1")
    cmd = [w + rule if "hostfwd" in w and not w.endswith("n0") else w.replace(",id=n0", rule + ",id=n0") for w in cmd]
    with guest.Guest(cmd) as g:
        g.wait_for("SSHD-UP", 180 * PATIENCE)
        got = b""
        for _ in range(30):
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/ambi/check.c" % web, timeout=10) as r:
                    got = r.read()
                break
            except OSError:
                time.sleep(1)
        with open(os.path.join(guest.TOP, "tools", "guest", "userland", "check.c"), "rb") as f:
            if got != f.read():
                g.fail("http gave %d bytes that are not the file" % len(got))
        if "ssh-key" in files:
            common = ["-i", files["ssh-key"], "-p", str(ssh), "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                      "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=30",
                      "root@127.0.0.1"]
            data = os.urandom(1 << 20)
            r = subprocess.run(["ssh"] + common + ["cat; uname -m >&2"], input=data, capture_output=True,
                               timeout=120 * PATIENCE)
            if r.stdout != data or b"riscv64" not in r.stderr:
                g.fail("ssh: status %d, %d bytes back, %r" % (r.returncode, len(r.stdout), r.stderr[:200]))


def case_stress():
    """stress-ng --verify with four harts, $STRESS_SECONDS a class"""
    seconds = os.environ.get("STRESS_SECONDS", "2")
    userland("STRESS_SECONDS=%s selftest stress" % seconds, 200 + 30 * int(seconds), smp=4)


def main():
    bad = 0
    print("1..%d" % len(cases), flush=True)
    for i, name in enumerate(cases, 1):
        f = globals()["case_" + name.replace("-", "_")]
        t0 = time.monotonic()
        try:
            f()
            print("ok %d - %s: %s (%.1f s)" % (i, name, f.__doc__, time.monotonic() - t0), flush=True)
        except (guest.GuestError, subprocess.SubprocessError, OSError) as e:
            bad += 1
            for line in str(e).split("\n"):
                print("# " + line)
            print("not ok %d - %s: %s" % (i, name, f.__doc__), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
