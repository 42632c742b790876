#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_kvm_figures.py EMULATOR

tools/kvm-figures: its reading of the kernel's histograms and smaps against written ones, the shape of
what it published in docs/performance.md, and that no thread of the emulator pays for another's work. No
times. TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools", "figures"))
import bare  # noqa: E402
import kvmcounts  # noqa: E402

HIST = """# event histogram
#
# trigger info: hist:keys=port,rw:vals=hitcount:sort=hitcount:size=8192 [active]
#

{ port:       1016, rw:          1 } hitcount:          5
{ port:       3324, rw:          0 } hitcount:        559

Totals:
    Hits: %d
    Entries: 2
    Dropped: %d
"""
RAM, LIB = "7f0000000000-7f0020000000 rw-p 00000000 00:00 0 \n", "7f1000000000-7f1000100000 r-xp 00000000 fe:00 12   /lib/x\n"
SMAPS = RAM + "Size: 524288 kB\nPss:              102536 kB\nPss_Dirty:        102536 kB\n" + \
    LIB + "Size: 1024 kB\nPss:                1012 kB\nPss_Dirty:             0 kB\n"


def raises(f, *args):
    try:
        f(*args)
    except ValueError:
        return True
    return False


def parsing():
    got = kvmcounts.histogram(HIST % (564, 0))
    yield "histogram", got == {(1016, 1): 5, (3324, 0): 559}, got
    yield "a histogram that lost some is refused", raises(kvmcounts.histogram, HIST % (564, 1)), ""
    yield "and one that does not add up", raises(kvmcounts.histogram, HIST % (565, 0)), ""
    yield "and none", raises(kvmcounts.histogram, ""), ""
    got = kvmcounts.minus({1: 5, 2: 7, 3: 1}, {1: 5, 2: 3})
    yield "difference", got == {2: 4, 3: 1}, got
    got = kvmcounts.by_name({0x7b: 3, 0x400: 2, 0: 1, 4: 1, 0x999: 1}, kvmcounts.SVM)
    yield "names", got == {"port": 3, "page fault or memory access": 2, "control register": 2, "other (2457)": 1}, got
    got = kvmcounts.pss_beyond(SMAPS, 512)
    yield "smaps", got == (1012, 102536), got
    yield "smaps without guest RAM are refused", raises(kvmcounts.pss_beyond, SMAPS, 8192), ""
    rom = bare.rom()
    yield "ROM", len(rom) == 65536 and rom[0xfff0:0xfff3] == b"\xe9\x0d\x00", rom[0xfff0:].hex()


def folder():
    """One VMM's folder as the session leaves it."""
    with tempfile.TemporaryDirectory() as t:
        def put(name, text):
            with open(os.path.join(t, name), "w") as f:
                f.write(text)

        def counts(mark, user, every):
            for event, n, field in (("userspace_exit", user, "reason"), ("exit", every, "exit_reason")):
                put("%s.kvm_%s" % (mark, event), "{ %s: 2 } hitcount: %d\nTotals:\n    Hits: %d\n    Entries: 1\n"
                    "    Dropped: 0\n" % (field, n, n))
        put("console", "@@boot 4.2\r\n@@blk\r\n@@blk-end 1024\r\n@@done\r\n")
        put("smaps", SMAPS)
        put("received", "16777216\n")
        put("stderr", "")
        for mark, user, every in (("nothing", 10, 20), ("nothing-end", 17, 30), ("blk", 100, 1000), ("blk-end", 111, 3058)):
            counts(mark, user, every)
        v = kvmcounts.Vmm(t, 512)
        yield "requests and exits of a piece of work", v.work("blk") == (1024, 4, 2048), v.work("blk")
        put("received", "5\n")
        yield "a transfer that lost bytes is refused", raises(kvmcounts.Vmm, t, 512), ""


def published():
    """Two tables of exits and figures, one of times; every cell a number; the exits add up."""
    with open(os.path.join(TOP, "docs", "performance.md")) as f:
        text = f.read()
    m = re.search(r"<!-- kvm -->\n(.*?)<!-- /kvm -->", text, re.S)
    yield "its place in docs/performance.md", bool(m), ""
    if not m:
        return
    tables, rows = [], []
    for line in m.group(1).splitlines() + [""]:
        if line.startswith("|"):
            rows.append([c.strip().strip("*") for c in line.strip("|").split("|")])
        elif rows:
            tables.append(rows)
            rows = []
    yield "three tables", len(tables) == 3, len(tables)
    number = re.compile(r"-?[\d.]+( \([\d.]+ to [\d.]+\))?$|no exit$")
    for t in tables:
        bad = [r for r in t if len(r) != len(t[0])] + [r for r in t[2:] if not all(number.match(c) for c in r[1:])]
        yield "numbers in every row: " + t[0][0], len(t) > 4 and t[0][1] == "ambi" and not bad, bad
    if tables:
        exits, sums, of = tables[0][2:], {}, None
        for name, *cells in exits:
            if name in ("to user space", "of every kind"):
                of = sums[name] = [[int(c) for c in cells], [0] * len(cells)]
            else:
                of[1] = [a + int(b) for a, b in zip(of[1], cells)]
        yield "the reasons add up", len(sums) == 2 and all(a == b for a, b in sums.values()), sums
        yield "to user space go fewer than there are", all(
            a <= b for a, b in zip(sums["to user space"][0], sums["of every kind"][0])), sums


def threads(emulator):
    out = subprocess.run(["readelf", "-lW", emulator], stdout=subprocess.PIPE, text=True, check=True).stdout
    m = re.search(r"^\s+TLS\s+\S+ \S+ \S+ \S+ (0x\S+)", out, re.M)
    size = int(m.group(1), 16) if m else 0
    yield "thread-local memory is small (%d bytes)" % size, size < 65536, "util/scratch.h is for large objects"


def main():
    n = bad = 0
    for part in (parsing(), folder(), published(), threads(sys.argv[1])):
        for name, good, got in part:
            n += 1
            bad += not good
            print("%s %d - %s" % ("ok" if good else "not ok", n, name))
            if not good:
                print("# %s" % (got,))
    print("1..%d" % n)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
