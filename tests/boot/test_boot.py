#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_boot.py EMULATOR CASE...

Boots Debian's riscv64 Linux in EMULATOR (ambi; a qemu-system-riscv64 to test
the tests) and prints TAP. Cases: the functions named case_* below, by the rest
of their names.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
import guest  # noqa: E402
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

# A loaded machine of two cores takes several times what an idle one does.
PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))
emulator, cases = sys.argv[1], sys.argv[2:]


def boot(**kw):
    extra = os.environ.get("AMBI_EXTRA", "").split()
    extra += kw.pop("more", [])
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


OPENSBI = "/usr/lib/riscv64-linux-gnu/opensbi/generic/"
UBOOT = "/usr/lib/u-boot/qemu-riscv64_smode/"


def case_fw_jump():
    """M-mode entry: Debian's OpenSBI fw_jump, then Linux, one hart"""
    with boot(words="quick", more=["-bios", OPENSBI + "fw_jump.bin"]) as g:
        g.wait_for(r"Boot HART ID +: \d", 60 * PATIENCE)
        g.wait_for(r"SBI implementation ID=0x1 ", 60 * PATIENCE)
        ok_then_off(g, "GUEST-OK riscv64", 120)


def case_fw_dynamic():
    """M-mode entry: Debian's OpenSBI fw_dynamic, then Linux, four harts"""
    with boot(smp=4, words="quick", more=["-bios", OPENSBI + "fw_dynamic.bin"]) as g:
        g.wait_for(r"SBI implementation ID=0x1 ", 60 * PATIENCE)
        ok_then_off(g, r"GUEST-OK riscv64 \(\d+ tests, 4 CPUs", 180)


def u_boot(options):
    with guest.Guest([emulator, "-m", "256M", "-nographic", "-no-reboot"] + options) as g:
        g.wait_for("Hit any key", 60 * PATIENCE)
        g.send("\n")
        g.wait_for("=> ", 60 * PATIENCE)
        g.send("echo value $arch; md.l 0x80200000 4; poweroff\n")
        g.wait_for("value riscv", 20 * PATIENCE)
        g.wait_for("80200000: ", 20 * PATIENCE)
        if g.wait_end(30 * PATIENCE) != 0:
            g.fail("exit status not 0")


def case_u_boot():
    """Debian's U-Boot on OpenSBI, and on ambi's own SBI: a prompt, memory, power off"""
    u_boot(["-bios", OPENSBI + "fw_jump.bin", "-kernel", UBOOT + "u-boot.bin"])
    u_boot(["-kernel", UBOOT + "uboot.elf"])


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


def case_console():
    """virtio console: /dev/hvc0, a channel to a socket of the host, and entropy"""
    with tempfile.TemporaryDirectory() as d:
        out, sock = os.path.join(d, "out"), os.path.join(d, "sock")
        more = ["-device", "virtio-console,chardev=file:%s,channel=org.ambi.test:unix:%s,,server=on" % (out, sock),
                "-device", "virtio-rng"]
        # until: Linux reads an end of file while the host's end is closed, and either may be first
        run = ("run=echo over hvc0 >/dev/hvc0; cat /sys/class/virtio-ports/*/name; exec 3<>$(echo /dev/vport*p1); "
               "until read -r x <&3; do sleep .1; done; echo $((x * 7)) >&3; read -r x <&3; dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c; echo $x")
        with boot(smp=2, disk=True, mem="1G", words=run, more=more) as g, socket.socket(socket.AF_UNIX) as s:
            g.wait_for("org.ambi.test", 120 * PATIENCE)
            s.settimeout(60 * PATIENCE)
            s.connect(sock)
            s.sendall(b"6\n")
            if s.recv(100).strip() != b"42":
                g.fail("no answer from the channel")
            s.sendall(b"thanks\n")
            g.wait_for(r"64\s+thanks", 30 * PATIENCE)
            ok_then_off(g, "RUN-OK", 60)
        with open(out, "rb") as f:
            if f.read().strip() != b"over hvc0":
                raise guest.GuestError("hvc0's output is not in the file")


def case_snapshot():
    """-snapshot keeps what the guest writes to itself, readonly=on is seen by it"""
    disk = guest.guest_files(rootfs=True)["disk"]
    before = os.stat(disk)
    userland("touch /here && sync && ! test -e /there", 120)
    with boot(smp=1, disk=True, words="run=if test -e /here; then false; else blockdev --getro /dev/vdb; ! echo x >/dev/vdb; fi",
              more=["-drive", "file=%s,format=raw,readonly=on" % (UBOOT + "u-boot.bin")]) as g:
        g.wait_for(r"\n1\r?\n", 120 * PATIENCE)
        ok_then_off(g, "RUN-OK", 60)
    after = os.stat(disk)
    if (before.st_mtime_ns, before.st_blocks) != (after.st_mtime_ns, after.st_blocks):
        raise guest.GuestError("the disk image was written to")


def case_qcow2():
    """a qcow2 image over the raw one: what is written stays, a snapshot brings it back"""
    files = guest.guest_files(rootfs=True)

    def run(words):
        cmd = guest.emulator_command(emulator, files, smp=2, disk=True, words="run=" + words)
        cmd.remove("-snapshot")
        cmd[cmd.index("-drive") + 1] = "file=" + image
        with guest.Guest(cmd) as g:
            ok_then_off(g, "RUN-OK", 120)

    def disk(*args):
        subprocess.run([emulator, "disk", *args], check=True, stdout=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory(dir="/var/tmp") as d:
        image = os.path.join(d, "disk.qcow2")
        disk("create", image, "-b", files["disk"], "-F", "raw")
        run("dd if=/dev/urandom of=/big bs=64k count=200 && md5sum /big >/big.md5 && sync")
        disk("check", image)
        disk("snapshots", image, "-c", "written")
        run("md5sum -c /big.md5 && rm /big && dd if=/dev/zero of=/other bs=64k count=100 && sync")
        disk("check", image)
        disk("snapshots", image, "-a", "written")
        run("md5sum -c /big.md5 && ! test -e /other")
        disk("check", image)


def case_stress():
    """stress-ng --verify with four harts, $STRESS_SECONDS a class"""
    seconds = os.environ.get("STRESS_SECONDS", "2")
    userland("STRESS_SECONDS=%s selftest stress" % seconds, 200 + 30 * int(seconds), smp=4)


if __name__ == "__main__":
    tap.run_cases(cases, globals(), (guest.GuestError, subprocess.SubprocessError, OSError))
