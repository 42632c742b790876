#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_diskboot.py AMBI [OPTION...]: what SeaBIOS boots from, by -drive, -cdrom, -boot and an ISO as image. TAP."""
import os
import subprocess
import sys
import tempfile

import bootable

ambi, options = sys.argv[1], sys.argv[2:]
scratch = tempfile.TemporaryDirectory(prefix="ambi-diskboot.")
number = failed = 0


def boots(what, want, *args):
    """The banners come in that order, and the guest switches off."""
    global number, failed
    number += 1
    debug = os.path.join(scratch.name, "debugcon")
    try:
        p = subprocess.run([ambi, *options, "-m", "64", "-debugcon", "file:" + debug, *args], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        out, status = p.stdout.decode(errors="replace"), p.returncode
    except subprocess.TimeoutExpired as e:
        out, status = (e.stdout or b"").decode(errors="replace"), "time ran out"
    said = [line.split("FROM ", 1)[1].strip() for line in out.splitlines() if "FROM " in line]
    if said == want.split() and status == 0:
        print("ok %d - %s" % (number, what), flush=True)
        return
    failed += 1
    print("not ok %d - %s" % (number, what), flush=True)
    print("# said %r, status %s; wanted %r\n# %s" % (said, status, want, " ".join(args)))
    log = open(debug, errors="replace").read() if os.path.exists(debug) else ""
    for line in (out + log).splitlines()[-30:]:
        print("# " + line)


cd = bootable.iso(scratch.name, "cd")
hd, hd2 = bootable.disk(scratch.name, "hd"), bootable.disk(scratch.name, "hd2")
again = bootable.iso(scratch.name, "again", bootable.RESET)
boots("an ISO as the image", "cd", cd)
boots("an ISO as the image, before a disk", "cd", cd, "-drive", "file=" + hd)
boots("-cdrom alone", "cd", "-cdrom", cd)
boots("a disk before -cdrom", "hd", "-cdrom", cd, "-drive", "file=" + hd)
boots("-boot d", "cd", "-cdrom", cd, "-drive", "file=" + hd, "-boot", "d")
boots("-boot order=dc", "cd", "-cdrom", cd, "-drive", "file=%s,if=ahci" % hd, "-boot", "order=dc")
for kind in ("virtio", "ahci", "ide,index=5", "nvme"):
    boots("if=" + kind, "hd", "-drive", "file=%s,if=%s" % (hd, kind))
    boots("if=%s, readonly" % kind, "hd", "-drive", "file=%s,if=%s,readonly=on" % (hd, kind))
boots("media=cdrom at a port", "cd", "-drive", "file=%s,media=cdrom,if=ide,index=2" % cd)
boots("the first of two SATA disks", "hd2", "-drive", "file=%s,if=ahci,index=1" % hd, "-drive",
      "file=%s,if=ahci,index=0" % hd2)
boots("-device nvme behind a root port", "hd", "-device", "pcie-root-port,id=p", "-drive", "file=%s,if=none,id=d" % hd,
      "-device", "nvme,drive=d,bus=p,serial=x")
boots("-boot order=c,once=d: once, then the order", "again hd", "-cdrom", again, "-drive",
      "file=%s,if=nvme" % hd, "-boot", "order=c,once=d")
boots("-boot menu=on", "hd", "-drive", "file=%s,if=ahci" % hd, "-boot", "menu=on,splash-time=100")
number += 1
shown = "for boot menu" in open(os.path.join(scratch.name, "debugcon"), errors="replace").read()
failed += not shown
print("%s %d - the menu is offered" % ("ok" if shown else "not ok", number))
print("1..%d" % number)
sys.exit(failed > 0)
