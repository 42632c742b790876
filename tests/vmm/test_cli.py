#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_cli.py AMBI GUEST

Bad options, images, disks and device trees: a clear message and status 1 before a
guest starts; and what --explain, --list and --help print. GUEST is a riscv64 ELF. TAP.
"""
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import end, result  # noqa: E402

ambi, guest = sys.argv[1], sys.argv[2]
tmp = tempfile.TemporaryDirectory()


def path(name, data=None):
    p = os.path.join(tmp.name, name)
    if data is not None:
        with open(p, "wb") as f:
            f.write(data)
    return p


def run(*args):
    p = subprocess.run([ambi, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=60)
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


def bad(says, *args):
    """Status 1, one message that has `says`, no guest."""
    status, out, err = run(*args)
    lines = [line for line in err.splitlines() if "error:" in line]
    result(status == 1 and len(lines) == 1 and says in err, "%s: %s" % (" ".join(args)[:70].replace("#", ""), says),
           "status %d" % status, out, err)


def good(says, *args):
    status, out, err = run(*args)
    result(status == 0 and all(s in out for s in says), " ".join(args)[:80], "status %d" % status, out, err)


# options
bad("nothing to boot")
bad("did you mean -kernel", "-kernell", guest)
bad("unknown option -monitor", "-monitor", "stdio", guest)
bad("unknown option -vnc", "-vnc", ":0", guest)
bad("two images", guest, guest)
bad("not a size", "-m", "lots", guest)
bad("between 1 and 256", "-smp", "0", guest)
bad("no such engine", "-accel", "hax", guest)
bad("name is wanted", "-accel", "", guest)
bad("name is wanted", "-M", "virt,accel=", guest)
bad("did you mean kvm", "-accel", "kvn", guest)
bad("properties are an engine's", "-accel", "auto,interp=on", guest)
bad("KVM runs this machine", "-accel", "kvm", guest)
bad("no such machine", "-M", "spike", guest)
bad("unknown property", "-M", "virt,aia=aplic", guest)
bad("are both given", "-M", "virt,accel=tcg", "-accel", "tcg", guest)
bad("cpu", "-cpu", "pentium", guest)
bad("-cpu", "-cpu", "rv64,frobnicate=on", guest)
bad("there are in_asm", "-d", "everything", guest)
bad("not of the form", "-dfilter", "x..y", guest)
bad("--list", "--list", "everything")
bad("-serial", "-serial", "carrier-pigeon", guest)
bad("has one serial port", "-serial", "null", "-serial", path("second"), guest)
bad("no debug port", "-debugcon", "null", guest)
bad("-gdb", "-gdb", "serial:1", guest)
bad("-gdb", "-gdb", "tcp::99999999", guest)
bad("no device type", "-device", "virtio-blkk", guest)
bad("no such -drive", "-device", "virtio-blk,drive=none", guest)
bad("has no property", "-device", "virtio-rng,colour=red", guest)
bad("no SATA controller", "-drive", "file=%s,if=ide" % path("disk", bytes(1 << 20)), guest)
bad("there are virtio, ahci, nvme", "-drive", "file=%s,if=scsi" % path("disk"), guest)
bad("did you mean nvme", "-drive", "file=%s,if=nvm" % path("disk"), guest)
bad("there are disk and cdrom", "-drive", "file=%s,media=tape" % path("disk"), guest)
bad("no firmware settings", "-boot", "d", guest)
bad("is no boot device", "-boot", "order=q", guest)
bad("-cdrom", "-cdrom", "/nonexistent/cd", guest)
bad("No such file", "-drive", "file=/nonexistent/disk", guest)
bad("given twice", "-drive", "file=%s,id=a" % path("disk"), "-drive", "file=%s,id=a,readonly=on" % path("disk"), guest)
bad("-nic", "-nic", "carrier", guest)
bad("id= is needed", "-netdev", "user", guest)
bad("only none", "-display", "gtk", guest)
bad("without a kernel", "-bios", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf", "-initrd", guest)

# images
elf = open(guest, "rb").read()
bad("No such file", "/nonexistent/kernel")
bad("not a regular file", "/dev/zero")
bad("is empty", path("empty", b""))
bad("cut off", path("short", elf[:100]))
bad("neither ELF nor a Linux kernel", path("noise", random.Random(1).randbytes(100000)))
bad("neither ELF nor a Linux kernel", path("text", b"#!/bin/sh\n"))
bad("aarch64", path("arm", elf[:18] + struct.pack("<H", 183) + elf[20:]))
bad("riscv32", path("rv32", b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 243, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
                    + struct.pack("<8I", 1, 0, 0, 0, 4, 4, 7, 4)))
bad("is damaged", path("broken.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\3" + random.Random(2).randbytes(1000)))
bad("device tree, not a kernel", path("tree", b"\xd0\x0d\xfe\xed" + bytes(60)))
bad("not a valid device tree", "-dtb", path("tree2", b"\xd0\x0d\xfe\xed" + bytes(60)), guest)
bad("device tree", "-dtb", path("noise"), guest)
bad("more than the 1 MiB allowed", "-dtb", path("long", bytes(2 << 20)), guest)
bad("-initrd", "-initrd", "/nonexistent", guest)
bad("no room", "-m", "4M", "-initrd", path("ramfs", bytes(8 << 20)), guest)
bad("do not lie in RAM", "-m", "2M", guest)
bad("is no firmware", "-bios", path("tree"), guest)
bad("nothing says for which ISA", "-bios", path("noise"), "-M", "nomachine")
if os.path.exists("/dev/kvm"):
    for machine in "pc", "q35", "q35,accel=kvm":
        good(["isa        x86_64", "machine    pc"], "-bios", path("noise"), "-M", machine, "--explain")

# cut anywhere: an error or, where only sections are lost, a guest that could start (--explain)
for n in range(1, len(elf), max(1, len(elf) // 40)):
    status, out, err = run("--explain", path("cut", elf[:n]))
    if status not in (0, 1) or (status == 1) != ("error:" in err):
        result(False, "cut at %d" % n, status, out, err)
result(True, "cut at any length")
rng = random.Random(3)
for n in range(60):
    b = bytearray(elf[:4096])
    for _ in range(rng.randrange(1, 8)):
        b[rng.randrange(0, 200)] = rng.randrange(256)
    status, out, err = run("--explain", path("mutant", bytes(b)))
    if status not in (0, 1) or (status == 1) != ("error:" in err):
        result(False, "mutant %d" % n, status, out, err)
result(True, "60 damaged ELF files")

# answers
good(["riscv64", "virt"], "--list", "machines")
good(["virtio-blk", "uart16550a"], "--list", "devices")
good(["rv64"], "--list", "cpus")
good(["tcg", "riscv64"], "--list", "accels")
good(["ambi "], "--version")
good(["-kernel", "Exit status"], "--help")
good(["riscv64", "virt", "tcg", "512 MiB"], "--explain", guest)
good(["a b=c"], "--explain", guest, "--", "a", "b=c")
good(["tcg,interp=on"], "--explain", "-accel", "tcg,interp=on", guest)
good(["engine     tcg"], "--explain", "-accel", "kvm:tcg", guest)
good(["engine     tcg"], "--explain", "-M", "virt,accel=kvm:tcg", guest)
end()
