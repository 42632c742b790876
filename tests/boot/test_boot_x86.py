#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_boot_x86.py EMULATOR CASE...

Boots x86 software in EMULATOR by the translator (ambi -accel tcg; a
qemu-system-x86_64 to test the tests) and prints TAP. Cases: the functions named
case_* below, by the rest of their names. AMBI_ACCEL: another engine than tcg.
"""
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
import guest  # noqa: E402
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))
emulator, cases = sys.argv[1], sys.argv[2:]
qemu = "qemu" in os.path.basename(emulator)
LOGIN = "ambi-guest login:"
# what costs an emulated processor seconds and shows nothing
QUICK = "mitigations=off quiet lsm=capability audit=0"
SEABIOS = "/usr/share/seabios/bios-256k.bin"
OVMF = "/usr/share/OVMF/OVMF_%s_4M.fd"


def start(options, smp=1, mem="512M"):
    cmd = [emulator, "-accel", os.environ.get("AMBI_ACCEL", "tcg"), "-machine", "q35" if qemu else "pc", "-m", mem, "-smp", str(smp),
           "-nographic", "-no-reboot"] + options + os.environ.get("AMBI_EXTRA", "").split()
    log = os.environ.get("AMBI_LOG_DIR")
    return guest.Guest(cmd, log=os.path.join(log, "console-%d.log" % time.monotonic_ns()) if log else None)


def kernel(files, words=""):
    out = ["-kernel", files["kernel"], "-append", (files["append"] + " " + words).strip()]
    return out + (["-initrd", files["initrd"]] if "initrd" in files else [])


def complaints(g):
    for bad in ("Oops", "BUG:", "WARNING: CPU", "rcu_sched self-detected", "soft lockup", "Call Trace", "nobody cared"):
        if bad in g.text:
            g.fail("the kernel complains: %s" % bad)


def appears(g, pattern, seconds):
    m = g.wait_for(r"(%s)|(GUEST-FAIL.*|RUN-FAIL.*|Kernel panic.*|Oops.*)" % pattern, seconds * PATIENCE)
    if m.group(m.re.groups):
        g.fail("the guest says: " + m.group(m.re.groups))


def goes_off(g, seconds=60):
    status = g.wait_end(seconds * PATIENCE)
    if status != 0:
        g.fail("exit status %d after power off" % status)
    complaints(g)


def small(files, machine, smp, seconds):
    with start(kernel(files), smp) as g:
        appears(g, r"GUEST-OK %s \(\d+ tests, %d CPUs" % (machine, smp), seconds)
        goes_off(g)


def case_cloud_1():
    """Debian's cloud kernel, one vCPU: self-tests, power off"""
    small(guest.guest_files("amd64"), "x86_64", 1, 120)


def case_cloud_4():
    """Debian's cloud kernel, four vCPUs"""
    small(guest.guest_files("amd64"), "x86_64", 4, 180)


def case_full_1():
    """Debian's general amd64 kernel, one vCPU"""
    small(guest.guest_files("amd64", full=True), "x86_64", 1, 180)


def case_full_4():
    """Debian's general amd64 kernel, four vCPUs"""
    small(guest.guest_files("amd64", full=True), "x86_64", 4, 240)


def case_i386_1():
    """Debian's i386 kernel (PAE), one vCPU"""
    small(guest.guest_files("i386"), "i686", 1, 180)


def case_i386_4():
    """Debian's i386 kernel (PAE), four vCPUs"""
    small(guest.guest_files("i386"), "i686", 4, 240)


def installer(arch):
    """To the first menu of debian-installer, which newt draws on the serial console."""
    with start(kernel(guest.tool_files("get-installer", arch)), mem="1G") as g:
        appears(g, "Starting system log daemon", 180)
        appears(g, "Select a language", 120)
        appears(g, "English", 60)
        complaints(g)


def case_installer_amd64():
    """debian-installer for amd64 to its first menu"""
    installer("amd64")


def case_installer_i386():
    """debian-installer for i386 to its first menu"""
    installer("i386")


def disk_with_words(folder, words):
    """A copy of get-disk's image whose GRUB adds the words."""
    path = os.path.join(folder, "disk.img")
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", guest.tool_files("get-disk")["disk"], path], check=True)
    with open(path + ".cfg", "w") as f:
        f.write('set words="%s"\n' % words)
    subprocess.run(["mcopy", "-o", "-i", path + "@@1M", path + ".cfg", "::words.cfg"], check=True)
    return path


def debian(options, seconds, smp=1, words="", grub=None):
    with tempfile.TemporaryDirectory(dir=os.environ.get("AMBI_SCRATCH")) as d:
        disk = disk_with_words(d, "ambi.test ambi.off %s %s" % (QUICK, words))
        drive = ["-drive", "file=%s,format=raw" % disk + (",if=virtio" if qemu else "")]
        options = [o.replace("SCRATCH", d) for o in options]
        if "OVMF" in " ".join(options):
            subprocess.run(["cp", OVMF % "VARS", os.path.join(d, "vars.fd")], check=True)
        with start(options + drive, smp, "1G") as g:
            if grub:
                appears(g, grub, 120)
            appears(g, LOGIN, seconds)
            appears(g, "GUEST-OK x86_64", 120)
            goes_off(g, 120)


def case_seabios():
    """SeaBIOS, GRUB, Debian from the disk: systemd, login prompt, self-test, power off"""
    debian(["-bios", SEABIOS], 300, grub="GRUB pc: loading Debian")


def case_seabios_4():
    """the same with four vCPUs"""
    debian(["-bios", SEABIOS], 400, smp=4, grub="GRUB pc: loading Debian")


def case_ovmf():
    """OVMF with a variable store, GRUB, Debian from the disk"""
    debian(["-drive", "if=pflash,unit=0,readonly=on,format=raw,file=" + OVMF % "CODE",
            "-drive", "if=pflash,unit=1,format=raw,file=SCRATCH/vars.fd"], 400, grub="GRUB efi: loading Debian")


def case_userland():
    """Debian's userland, three vCPUs: python3, perl, gcc, openssl, files and network against known answers"""
    files = guest.guest_files("amd64", rootfs=True)
    extra = ["-accel", os.environ.get("AMBI_ACCEL", "tcg")] + os.environ.get("AMBI_EXTRA", "").split()
    cmd = guest.emulator_command(emulator, files, smp=3, mem="1G", disk=True, forward=(guest.free_port(), 22), words="net run=selftest", extra=extra)
    with guest.Guest(cmd) as g:
        appears(g, "RUN-OK", 400)
        goes_off(g)
        for name in ("python3", "perl", "gcc", "openssl", "files", "net"):
            if "ok %s " % name not in g.text:
                g.fail("no result of %s" % name)


def memtest(name, passes, seconds, options):
    with start(options, mem="32M") as g:
        if passes:
            appears(g, r"Pass: +%d" % passes, seconds)
        else:
            appears(g, r"#10 +\[Bit fade", seconds)
        if re.search(r"Errors: +[1-9]|FAILED|Failing", g.text):
            g.fail("memtest86+ found errors")


def case_memtest():
    """memtest86+ (64 bits) without errors to its last test, which waits"""
    f = guest.tool_files("get-memtest")
    memtest("x64", 0, 120, ["-kernel", f["kernel"], "-append", f["append"]])


def case_memtest_pass():
    """memtest86+ (64 bits), a full round"""
    f = guest.tool_files("get-memtest")
    memtest("x64", 1, 1200, ["-kernel", f["kernel"], "-append", f["append"]])


def case_memtest32_pass():
    """memtest86+ (32 bits), a full round"""
    f = guest.tool_files("get-memtest")
    memtest("ia32", 1, 1200, ["-kernel", f["kernel32"], "-append", f["append"]])


if __name__ == "__main__":
    tap.run_cases(cases, globals(), (guest.GuestError, subprocess.SubprocessError, OSError))
