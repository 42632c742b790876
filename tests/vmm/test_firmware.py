#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_firmware.py AMBI GUEST-1 OPENSBI UBOOT UBOOT-S

Debian's OpenSBI and U-Boot as -bios, and what they start. OPENSBI is the folder of
fw_dynamic and fw_jump; GUEST-1 is guest.S with HOW=1. TAP on stdout.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
import guest  # noqa: E402

ambi, hello, opensbi, uboot, uboot_s = sys.argv[1:]
PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))
count, failed = 0, 0


def case(name, fn, *args):
    global count, failed
    count += 1
    try:
        with guest.Guest([ambi, *args]) as g:
            fn(g)
        print("ok %d - %s" % (count, name), flush=True)
    except guest.GuestError as e:
        failed += 1
        print("not ok %d - %s" % (count, name))
        print("\n".join("# " + line for line in str(e).splitlines()), flush=True)


def uboot_prompt(g):
    """The boot loader stops for a key, takes a command and powers off."""
    g.wait_for("Hit any key", 60 * PATIENCE)
    g.send(" ")
    g.wait_for("=> ", 30 * PATIENCE)
    g.send("echo six times $hostname seven\n")
    g.wait_for("six times +seven", 30 * PATIENCE)
    g.send("poweroff\n")
    status = g.wait_end(30 * PATIENCE)
    if status != 0:
        g.fail("exit status %d" % status)


def opensbi_then(pattern, end=None):
    def fn(g):
        g.wait_for("OpenSBI v", 60 * PATIENCE)
        g.wait_for(pattern, 60 * PATIENCE)
        if end:
            end(g)
        elif g.wait_end(30 * PATIENCE) != 0:
            g.fail("exit status not 0")
    return fn


def fw(name):
    return os.path.join(opensbi, name)


for n in "fw_dynamic.bin", "fw_dynamic.elf", "fw_jump.bin", "fw_jump.elf":
    # OpenSBI 1.1 has no debug console, so the guest is silent; it powers off by SRST
    case("%s starts an ELF kernel" % n, opensbi_then("Domain0 Next Address +: 0x0000000080200000"),
         "-smp", "2", "-bios", fw(n), hello)
case("fw_dynamic.bin starts U-Boot in S-mode", opensbi_then("Next Mode +: S-mode", uboot_prompt),
     "-bios", fw("fw_dynamic.bin"), "-kernel", uboot_s)
case("U-Boot in M-mode", uboot_prompt, "-bios", uboot)
case("U-Boot in M-mode, four harts, raw bytes", uboot_prompt, "-smp", "4", "-bios",
     os.path.join(os.path.dirname(uboot), "u-boot.bin"))

# a reset goes back to the firmware
def reset(g):
    for _ in range(2):
        g.wait_for("Hit any key", 60 * PATIENCE)
        g.send(" ")
        g.wait_for("=> ", 30 * PATIENCE)
        g.send("reset\n")
    g.wait_for("Hit any key", 60 * PATIENCE)


case("reset from U-Boot", reset, "-bios", uboot)
r = subprocess.run([ambi, "-m", "2M", "-bios", fw("fw_jump.elf"), "-kernel", uboot_s], timeout=60, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
count += 1
failed += r.returncode != 1
print("%s %d - firmware that does not fit" % ("ok" if r.returncode == 1 else "not ok", count))
print("1..%d" % count)
sys.exit(failed != 0)
