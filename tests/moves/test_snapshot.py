#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_snapshot.py AMBI LOAD64 LOAD_RV CASE...

Guests that work and check what they do are saved and go on from their files: in the same process,
in new ones, twenty times from the same file, on both engines; whatever is wrong with a file, and
whenever a save is cut short, nothing is lost. TAP on stdout.
"""
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

from migrate_lib import PATIENCE, Bench, Failed, cases_of, have_kvm, refused, want
from tap import end     # noqa: E402 (migrate_lib knows where)

ambi, load64, load_rv = map(os.path.abspath, sys.argv[1:4])
case = cases_of(ambi)
MB = 1 << 20
RV = ["-kernel", load_rv, "-machine", "virt", "-smp", "2", "-m", "64", "-accel", "tcg"]
PC = ["-kernel", load64, "-machine", "pc", "-smp", "2", "-m", "64"]


def well(g):
    want(not g.bad, g.bad[:3])


def restore(b, args, file, **kw):
    return b.start([a for a in args] + ["-loadvm", file], **kw)


# ---- round trips ----

def in_image(b):
    out = subprocess.run([ambi, "disk", "snapshots", b.path("disk.qcow2")], capture_output=True, text=True, check=True)
    return out.stdout.count("ambi:")


def round_trip(b, args, there, disk):
    """Saved while it works; goes on; goes back; goes on elsewhere."""
    if disk == "qcow2":
        subprocess.run([ambi, "disk", "create", b.path("disk.qcow2"), "8M"], check=True)
        args = args + ["-drive", "file=%s,format=qcow2" % b.path("disk.qcow2")]
    elif disk:
        with open(b.path("disk"), "wb") as f:
            f.truncate(8 * MB)
        args = args + ["-drive", "file=%s,snapshot=on" % b.path("disk")]
    if disk:
        there = there + args[-2:]
    g = b.start(args)
    g.wait_beats(3)
    r = g.cmd("snapshot-save", path=b.path("one.ambi"))
    want(r["size"] == os.path.getsize(b.path("one.ambi")), r)
    g.wait_beats(3)
    g.cmd("snapshot-load", path=b.path("one.ambi"))
    g.wait_beats(3)
    well(g)
    g.close()
    for how in ("", ",eager=on", ",clock=advance"):
        h = restore(b, there, b.path("one.ambi") + how)
        h.wait_beats(4)
        well(h)
        if disk == "qcow2" and "clock" in how:
            h.cmd("snapshot-delete", path=b.path("one.ambi"))
        h.cmd("quit")
        want(h.ended() == 0, "status", h.proc.returncode, h.err)
        if disk == "qcow2":	# the image has just this one; in the end none
            n = in_image(b)
            want(n == (0 if "clock" in how else 1), n, "snapshots in the image")
    return "%.0f ms of pause" % (r["pause"] * 1000)


def stopped(b):
    """A load makes a stopped guest run, and it stays that: through a migration's pause, too."""
    g = b.start(RV)
    g.wait_beats(1)
    g.cmd("snapshot-save", path=b.path("one.ambi"), stop=True)
    want(not g.running(), "runs")
    g.cmd("snapshot-load", path=b.path("one.ambi"))
    g.wait_beats(1)
    g.cmd("migrate", uri="file:" + b.path("state"), bandwidth=100000)
    refused("a migration is under way", g.cmd, "snapshot-load", path=b.path("one.ambi"))
    g.wait_beats(2)
    g.cmd("migrate_cancel")
    g.wait_status("cancelled")
    g.cmd("snapshot-load", path=b.path("one.ambi"), stop=True)
    want(not g.running(), "runs")
    g.cmd("system_reset")
    time.sleep(0.3)
    want(not g.running(), "runs after a reset")
    well(g)


def twenty(b, args):
    g = b.start(args)
    g.wait_beats(2)
    g.cmd("snapshot-save", path=b.path("one.ambi"), stop=True)
    want(not g.running(), "runs")
    g.close()
    first = set()
    for _ in range(20):
        h = restore(b, args, b.path("one.ambi"))
        h.wait_beats(2)
        well(h)
        first.add(h.beats[0])
        h.close()
    want(len(first) == 1, "they began at beats", first)


def chain(b, args):
    """Three that build on each other; each one is a whole guest."""
    g = b.start(args)
    os.mkdir(b.path("d"))
    beats = []
    for n, parent in ((1, None), (2, 1), (3, 2)):
        g.wait_beats(2)
        more = {"parent": b.path("d/s%d.ambi" % parent)} if parent else {}
        g.cmd("snapshot-save", path=b.path("d"), name="s%d" % n, **more)
        beats.append(len(g.beats))
    sizes = [os.path.getsize(b.path("d/s%d.ambi" % n)) for n in (1, 2, 3)]
    listed = g.cmd("snapshot-list", path=b.path("d"))
    want([s["name"] for s in listed] == ["s1", "s2", "s3"], listed)
    want(listed[2]["parent-uuid"] == listed[1]["uuid"], listed)
    # each says who it builds on, and stays while others do
    refused("is the parent of s2", g.cmd, "snapshot-delete", path=b.path("d"), name="s1")
    refused("is the parent of s2", g.cmd, "snapshot-save", path=b.path("d"), name="s1")
    refused("not what this guest was saved to", g.cmd, "snapshot-save", path=b.path("d"), name="s4",
            parent=b.path("d/s1.ambi"))
    refused("no name", g.cmd, "snapshot-save", path=b.path("d"), name="../s4")
    well(g)
    g.close()
    for n in (3, 1, 2):
        h = restore(b, args, b.path("d") + ",name=s%d" % n)
        h.wait_beats(3)
        well(h)
        if n == 3:		# what was loaded can be built on
            h.cmd("snapshot-save", path=b.path("d"), name="s4", parent=b.path("d/s3.ambi"))
            refused("none", h.cmd, "snapshot-load", path=b.path("d"), name="none")
            h.cmd("snapshot-load", path=b.path("d"), name="s4")
            h.wait_beats(2)
            h.cmd("snapshot-delete", path=b.path("d"), name="s4")
        h.close()
    # a parent that is another one
    os.rename(b.path("d/s1.ambi"), b.path("d/s0.ambi"))
    h = restore(b, args, b.path("d/s2.ambi"))
    want(h.ended() == 1 and "parent of" in h.err, h.err)
    os.link(b.path("d/s3.ambi"), b.path("d/s1.ambi"))
    h = restore(b, args, b.path("d/s2.ambi"))
    want(h.ended() == 1 and "another snapshot" in h.err, h.err)
    return "KiB: " + " ".join(str(s >> 10) for s in sizes)


def dumped(b):
    """A core file that is asked for right after a load has all of the memory."""
    data = random.randbytes(64 * MB)
    with open(b.path("initrd"), "wb") as f:
        f.write(data)
    g = b.start(["128" if a == "64" else a for a in RV] + ["-initrd", b.path("initrd")])
    g.wait_beats(1)
    g.cmd("snapshot-save", path=b.path("one.ambi"))
    requests = (("snapshot-load", {"path": b.path("one.ambi"), "stop": True}),
                ("dump-guest-memory", {"paging": False, "protocol": "file:" + b.path("core")}))
    g.conn.sendall(b"".join(json.dumps({"execute": n, "arguments": a}).encode() for n, a in requests))
    got = [g.answers.get(timeout=60 * PATIENCE) for _ in requests]
    want(all("return" in r for r in got), got)
    with open(b.path("core"), "rb") as f:
        core = f.read()
    at = core.find(data[:4096])
    want(at > 0 and core[at:at + len(data)] == data, "what was in memory is not in the file", at)
    well(g)


def moved(b):
    """A chain whose files lie apart, have no suffix, and change their places."""
    for d in "old", "far":
        os.mkdir(b.path(d))
    g = b.start(RV)
    g.wait_beats(1)
    g.cmd("snapshot-save", path=b.path("old/one.ambi"))
    os.rename(b.path("old"), b.path("new"))
    g.wait_beats(1)
    one = b.path("new/one.ambi")
    g.cmd("snapshot-save", path=b.path("new/two"), parent=one)
    refused("is the parent of two", g.cmd, "snapshot-delete", path=one)
    refused("is the parent of two", g.cmd, "snapshot-save", path=one)
    g.wait_beats(1)
    g.cmd("snapshot-save", path=b.path("far/three"), parent=b.path("new/two"))
    # nobody next to it builds on it; what is to be written does
    refused("nor a parent's", g.cmd, "snapshot-save", path=b.path("new/two"), parent=b.path("far/three"))
    os.rename(one, b.path("new/uno.ambi"))
    os.link(b.path("new/uno.ambi"), one)
    refused("nor a parent's", g.cmd, "snapshot-save", path=one, parent=b.path("far/three"))
    g.wait_beats(1)
    well(g)
    g.close()
    for name in "new/two", "far/three":
        loads(b, RV, b.path(name))


def rounds():
    case("riscv64", round_trip, RV, RV, False)
    case("riscv64, with a disk", round_trip, RV, RV, True)
    case("riscv64, qcow2", round_trip, RV, RV, "qcow2")
    case("x86, with a disk", round_trip, PC + ["-accel", "tcg"], PC + ["-accel", "tcg"], True)
    case("loads of a stopped guest, and of one that moves", stopped)
    case("the same file 20 times", twenty, RV)
    case("a core file right after a load", dumped)
    case("a chain of three, riscv64", chain, RV)
    case("a chain of three, x86", chain, PC + ["-accel", "tcg"])
    case("a chain whose files move", moved)


def kvm():
    if have_kvm():
        k = ["-accel", "kvm"]
        case("KVM, with a disk", round_trip, PC + k, PC + k, True)
        case("a chain of three, KVM", chain, PC + k)


# ---- what cannot be loaded ----

def other_machine(b):
    g = b.start(RV)
    g.wait_beats(1)
    g.cmd("snapshot-save", path=b.path("one.ambi"))
    g.close()
    for args, text in ((["-smp", "1", "-m", "64"], "CPU"), (["-smp", "2", "-m", "96"], "ram"),
                       (["-machine", "pc", "-smp", "2", "-m", "64"], "no such machine")):
        h = b.start(["-accel", "tcg", "-loadvm", b.path("one.ambi"), *args])
        want(h.ended() == 1 and text in h.err, args, h.err)
    h = restore(b, RV, b.path("one.ambi") + ",clock=backwards")
    want(h.ended() == 1 and "continue|advance" in h.err, h.err)


def broken(b):
    """A running guest is asked to load damaged files: it goes on as it was. No file starts one."""
    g = b.start(RV)
    g.wait_beats(2)
    g.cmd("snapshot-save", path=b.path("one.ambi"))
    with open(b.path("one.ambi"), "rb") as f:
        data = bytearray(f.read())
    rnd = random.Random(5)
    places = [0, 9, 50, 130, len(data) - 500, len(data) - 3] + [rnd.randrange(len(data)) for _ in range(20)]
    for at in places:
        data[at] ^= 0x10
        with open(b.path("bad.ambi"), "wb") as f:
            f.write(data)
        refused("snapshot", g.cmd, "snapshot-load", path=b.path("bad.ambi"), eager=True)
        data[at] ^= 0x10
    for n in [0, 1, 127, 128, 600, len(data) - 1] + [rnd.randrange(len(data)) for _ in range(10)]:
        with open(b.path("bad.ambi"), "wb") as f:
            f.write(data[:n])
        refused("snapshot", g.cmd, "snapshot-load", path=b.path("bad.ambi"))
    h = restore(b, RV, b.path("bad.ambi"))
    want(h.ended() == 1 and "bad.ambi" in h.err, h.err)
    refused("one.ambi", g.cmd, "snapshot-load", path=b.path("none/one.ambi"))
    g.wait_beats(2)
    well(g)


def bad_page(b):
    """A page that turns out to be damaged when it is needed: the guest ends, status 2, and says why."""
    g = b.start(RV)
    g.wait_beats(2)
    g.cmd("snapshot-save", path=b.path("one.ambi"))
    g.close()
    with open(b.path("one.ambi"), "r+b") as f:
        data = f.read()
        # the chunks lie after META and the state; break them all but in their headers
        at, n = data.find(b"AMPG"), 0
        while at >= 0:
            f.seek(at + 40)
            f.write(b"\xff" * 8)
            at, n = data.find(b"AMPG", at + 1), n + 1
    want(n > 3, n, "chunks")
    h = restore(b, RV, b.path("one.ambi"))
    want(h.ended() == 2, "status", h.proc.returncode, h.err)
    want("a page of its memory cannot be had" in h.err and "checksum" in h.err, h.err)
    well(h)
    h = restore(b, RV, b.path("one.ambi") + ",eager=on")
    want(h.ended() == 1 and "checksum" in h.err, h.err)


def hostile():
    case("another machine", other_machine)
    case("damaged files and a running guest", broken)
    case("a damaged page", bad_page)


# ---- saves that are cut short ----

def loads(b, args, file):
    h = restore(b, args, file)
    h.wait_beats(2)
    well(h)
    h.close()


def killed(b):
    """kill -9 while it saves over an older one: that one, or the new one, is whole."""
    g = b.start(RV)
    g.wait_beats(2)
    g.cmd("snapshot-save", path=b.path("one.ambi"))
    took = time.monotonic()
    g.cmd("snapshot-save", path=b.path("one.ambi"))
    took = time.monotonic() - took
    g.close()
    rnd = random.Random(3)
    for _ in range(12):
        h = restore(b, RV, b.path("one.ambi"))
        h.wait_beats(1)
        h.connect()
        h.conn.sendall(b'{"execute":"snapshot-save","arguments":{"path":"%s"}}\n' % b.path("one.ambi").encode())
        time.sleep(rnd.random() * took * 1.5)
        h.close()
    loads(b, RV, b.path("one.ambi"))
    # what is left over is nobody's snapshot, and hidden
    left = [n for n in os.listdir(b.dir.name) if n.endswith(".ambi") or not n.startswith(".")]
    want([n for n in left if n.endswith(".ambi")] == ["one.ambi"], left)


def full(b):
    """A file system that is full, and a limit on the size of files."""
    mnt = b.path("small")
    os.mkdir(mnt)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", mnt]).returncode:
        raise Failed("no tmpfs")
    try:
        g = b.start(RV)
        g.wait_beats(2)
        g.cmd("snapshot-save", path=mnt + "/one.ambi")
        before = open(mnt + "/one.ambi", "rb").read()
        with open(mnt + "/filler", "wb") as f:
            f.truncate(0)
            try:
                while True:
                    f.write(b"x" * 65536)
                    f.flush()
            except OSError:
                pass
        for _ in range(3):
            refused("No space", g.cmd, "snapshot-save", path=mnt + "/one.ambi")
            g.wait_beats(1)
        want(open(mnt + "/one.ambi", "rb").read() == before, "the old one was changed")
        want(sorted(os.listdir(mnt)) == ["filler", "one.ambi"], os.listdir(mnt))
        loads(b, RV, mnt + "/one.ambi")
        resource.prlimit(g.proc.pid, resource.RLIMIT_FSIZE, (100000, 100000))
        refused("too large", g.cmd, "snapshot-save", path=b.path("two.ambi"))
        g.wait_beats(1)
        well(g)
        want(not os.path.exists(b.path("two.ambi")), "half a file")
        g.close()
    finally:
        subprocess.run(["umount", mnt])


def raw_disk(b):
    with open(b.path("disk"), "wb") as f:
        f.truncate(8 * MB)
    g = b.start(RV + ["-drive", "file=" + b.path("disk") + ",format=raw"])
    g.wait_beats(1)
    refused("cannot be part of a snapshot", g.cmd, "snapshot-save", path=b.path("one.ambi"))
    g.wait_beats(1)
    well(g)
    g.close()
    g = b.start(RV + ["-drive", "file=%s,snapshot=on" % b.path("disk")])
    g.wait_beats(1)
    g.cmd("snapshot-save", path=b.path("one.ambi"))
    g.close()
    with open(b.path("disk"), "r+b") as f:
        f.write(b"other")
    h = restore(b, RV + ["-drive", "file=%s,snapshot=on" % b.path("disk")], b.path("one.ambi"))
    want(h.ended() == 1 and "was changed since" in h.err, h.err)


def crashes():
    case("kill -9 while it saves", killed)
    case("no room", full)
    case("a disk without snapshots; a disk that was changed", raw_disk)


cases = {f.__name__: f for f in (rounds, kvm, hostile, crashes)}
for name in sys.argv[4:] or cases:
    cases[name]()
end()
