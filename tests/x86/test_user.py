#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_user.py AMBI PROGRAM

PROGRAM (user.c) provokes faults and single steps as a process and says what its
signal handlers saw. It runs on this machine's processor and, as init of Debian's
general kernel, in AMBI's translator: both must say the same. TAP.
"""
import difflib
import gzip
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
import guest  # noqa: E402

PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))


def cpio(name, data):
    """An archive of one executable, in the format that kernels unpack (newc)."""
    def entry(name, data, mode):
        fields = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
    return entry(name, data, 0o100755) + entry("TRAILER!!!", b"", 0)


def lines(text):
    """What the program said, without what kernels may leave out."""
    out = [s.rstrip() for s in text.replace("\r", "").split("\n")]
    first = next(i for i, s in enumerate(out) if s.startswith("ud2:"))
    out = out[first:out.index("USER-END")]
    return [s for s in out if not s.startswith("[")]


def main():
    ambi, program = sys.argv[1:]
    files = guest.guest_files("amd64", full=True)
    here = subprocess.run([program], stdout=subprocess.PIPE, timeout=60, check=True).stdout.decode()
    with tempfile.TemporaryDirectory() as tmp:
        initrd = os.path.join(tmp, "initrd.gz")
        with open(program, "rb") as f, gzip.open(initrd, "wb") as g:
            g.write(cpio("init", f.read()))
        run = subprocess.run([ambi, "-accel", "tcg", "-machine", "pc", "-m", "512", "-nographic", "-kernel",
                              files["kernel"], "-initrd", initrd, "-append", "console=ttyS0 quiet"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=200 * PATIENCE)
    there = run.stdout.decode(errors="replace")
    if "USER-END" not in there:
        print("1..1\nnot ok 1 - the guest got to its end")
        print("# " + "\n# ".join(there.split("\n")[-40:]))
        return
    a, b = lines(here), lines(there)
    if any("no 16-bit segments" in s for s in a + b):
        a, b = ([s for s in x if "16-bit" not in s] for x in (a, b))
    print("1..1")
    for s in difflib.unified_diff(a, b, "processor", "translator", lineterm="", n=0):
        print("# " + s)
    print("%s 1 - %d lines of faults and steps" % ("ok" if a == b else "not ok", len(a)))


main()
