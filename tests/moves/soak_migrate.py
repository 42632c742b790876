#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""soak_migrate.py AMBI GUEST [-n N] [--kill K] [--seed S] [-- AMBI'S OPTIONS]

Moves a guest under load N times, from process to process, by ways and options at random; in K of
the moves one side is killed (SIGKILL) at a random moment. Nothing may be lost: the guest's beats go
on one by one, its checksums and its disk are right, and never do both sides run. GUEST is load64.elf
or load-rv.elf. TAP on stdout.
"""
import argparse
import random
import sys
import time

from migrate_lib import PATIENCE, Bench, Failed, check_whole, want

parser = argparse.ArgumentParser()
parser.add_argument("ambi")
parser.add_argument("guest")
parser.add_argument("-n", type=int, default=200)
parser.add_argument("--kill", type=int)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("options", nargs="*")
opt = parser.parse_args()
rnd = random.Random(opt.seed)
kills = set(rnd.sample(range(opt.n), opt.n // 10 if opt.kill is None else opt.kill))
counts = {"moved": 0, "failed, went on": 0, "source killed, lost": 0, "source killed, moved": 0,
          "destination killed, went on": 0, "destination killed, moved before": 0, "by force": 0}
downtimes, longest = [], 0


def options():
    o = {"keep": True, "streams": rnd.choice([1, 1, 2, 4]), "level": rnd.choice([-1, 1, 1, 3])}
    if rnd.randrange(2):
        o["bandwidth"] = rnd.choice([4, 8, 16]) << 20
        o["downtime"] = 600
    if rnd.randrange(6) == 0:
        o["postcopy"] = True
    return o


def runs(g):
    try:
        return g.alive() and g.running()
    except Failed:
        return False


def status(g):
    try:
        return g.status()
    except Failed:
        return "ended"


def settle(b, i, chain, s, d, victim, migrated):
    """After a kill: who has the guest now? The process list of its life; empty: it died with its process."""
    victim.proc.kill()
    victim.ended()
    if victim is s:
        end = time.monotonic() + 60 * PATIENCE
        while d.alive() and not d.beats and time.monotonic() < end:
            time.sleep(0.05)
            if d.alive() and status(d) == "setup":
                time.sleep(0.2)
                if status(d) == "setup":
                    d.proc.kill()	# it waits: the source has never been there
                    counts["source killed, lost"] += 1
                    return []
        if d.alive():
            if migrated.get("postcopy") and d.status() == "postcopy-paused":
                counts["source killed, lost"] += 1
                d.cmd("quit")
                d.ended()
                return []
            d.wait_beats(2, 60)
            check_whole(*chain, d)
            counts["source killed, moved"] += 1
            return chain + [d]
        want(d.ended() == 1 and not d.beats, "move", i, "the destination ran and has ended", d.proc.returncode, d.err)
        counts["source killed, lost"] += 1
        return []
    st = s.wait_status("failed", "completed", seconds=120)
    if st["status"] == "failed" and s.running():
        s.wait_beats(2, 60)
        check_whole(*chain)
        counts["destination killed, went on"] += 1
        return chain
    want(not s.running(), "move", i, "the source runs though the guest has gone")
    if st["status"] == "completed":
        counts["destination killed, moved before"] += 1
        return []
    s.cmd("cont", force=True)
    s.wait_beats(2, 60)
    check_whole(*chain)
    counts["by force"] += 1
    return chain


def move(b, i, chain, args):
    global longest
    s = chain[-1]
    uri = "unix:" + b.path("m%d" % i)
    if rnd.randrange(3) == 0:
        uri = "tcp:127.0.0.1:0"
    d = b.start(args, incoming=uri)
    d.connect()
    if uri.startswith("tcp"):
        uri = "tcp:127.0.0.1:%d" % d.port()
    o = options()
    # with all processors at work for both sides' guests nothing else makes it end
    o["auto-converge"] = True
    s.cmd("migrate", uri=uri, **o)
    if o.get("postcopy"):
        time.sleep(rnd.random() * 0.2)
        try:
            s.cmd("migrate-start-postcopy")
        except Failed:
            pass			# it was over already
    if i in kills:
        time.sleep(rnd.random() * rnd.choice([0.02, 0.2, 1]))
        return settle(b, i, chain, s, d, rnd.choice([s, d]), o)
    st = s.wait_status("completed", "failed", seconds=180)
    if st["status"] == "failed":
        raise Failed("move %d: %r" % (i, st))
    want(not s.running(), "move", i, "the source runs")
    downtimes.append(st["downtime"])
    longest = max(longest, st["total-time"])
    d.wait_beats(1, 60)
    want(not s.running() and d.running(), "move", i, "who runs?")
    check_whole(*chain[-2:], d)
    counts["moved"] += 1
    s.close()
    return chain + [d]


def main():
    x86 = "load64" in opt.guest
    with Bench(opt.ambi) as b:
        with open(b.path("disk"), "wb") as f:
            f.truncate(8 << 20)
        args = ["-kernel", opt.guest, "-machine", "pc" if x86 else "virt", "-smp", "2", "-m", "64",
                "-drive", "file=" + b.path("disk")] + (opt.options or (["-accel", "tcg"]))
        chain = []
        for i in range(opt.n):
            if not chain:
                with open(b.path("disk"), "wb") as f:
                    f.truncate(8 << 20)
                chain = [b.start(args)]
                chain[0].wait_beats(1, 60)
            chain = move(b, i, chain, args)
            if i % 20 == 19:
                print("# %d moves: %s" % (i + 1, ", ".join("%s %d" % kv for kv in counts.items() if kv[1])), flush=True)
        if chain:
            chain[-1].wait_beats(3, 60)
            check_whole(*chain)
    downtimes.sort()
    print("# downtime: median %d ms, 95 %% %d ms, longest %d ms; longest move %d ms" % (
        downtimes[len(downtimes) // 2], downtimes[len(downtimes) * 95 // 100], downtimes[-1], longest))


print("1..1")
try:
    main()
    print("ok 1 - %d moves: %s" % (opt.n, ", ".join("%s %d" % kv for kv in counts.items() if kv[1])))
except Failed as e:
    print("not ok 1 - moves (seed %d)\n# %s\n# %s" % (opt.seed, e, counts))
    sys.exit(1)
