#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_switch.py AMBI LOAD64 [-n SWITCHES] [--seed N] [CASE...]: load64 under load is switched between KVM and the
translator at random moments: no wrong sum, no interrupt or request lost or twice, no clock backwards, and the
host finds on the disks what the guest says that it wrote. Prints the pauses. TAP, a line for each case."""
import argparse
import os
import random
import statistics
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Failed, Guest, disk_check     # noqa: E402

MEDIAN_MS = 20
CPU = "x86-64-v1"               # which both engines have everywhere
BOTH = "kvm:tcg,prefer=kvm"     # irqchip=off
CASES = {}


def case(f):
    CASES[f.__name__.replace("_", "-")] = f
    return f


def start(o, folder, engine, cpus=2, words="", env=None, more=()):
    disks = []
    for i in range(2):
        path = os.path.join(folder, f"disk{i}-{len(os.listdir(folder))}")
        with open(path, "wb") as f:
            f.truncate(8 << 20)
        disks.append(path)
    engines = [x for e in engine.split("/") for x in ("-accel", e)]
    g = Guest(o.ambi, folder, ["-machine", "pc", "-m", "64M", "-smp", str(cpus), *engines, *more,
                               "-drive", f"file={disks[0]}", "-drive", f"file={disks[1]}",
                               "-append", words, o.load64], env)
    g.engine = "kvm" if "prefer=kvm" in engine else "tcg"
    g.disks, g.cpus, g.pauses = disks, cpus, {"kvm": [], "tcg": []}
    g.wait_beats(2, 60)
    return g


def end(g, o, beats=2):
    """It has got on with its work on the last engine, too."""
    g.wait_beats(beats, 60)
    sums = g.quit(120)
    for i, path in enumerate(g.disks):
        if not sums.get(i, (0, 0))[0]:
            g.fail(f"nothing was written to disk {i}")
        disk_check(path, g.cpus, sums[i])
    last = g.beats()[-1]
    for what in ("loops", "irq", "pit", "hpet", "ipi", "io", "ioirq"):
        if not last[what]:
            g.fail(f"no {what}")
    return last


def switch(g):
    g.engine = "tcg" if g.engine == "kvm" else "kvm"
    g.pauses[g.engine].append(g.switch(g.engine))
    g.check()


def report(g, last):
    every = sorted(g.pauses["kvm"] + g.pauses["tcg"])
    if not every:
        return ""
    text = (f"{len(every)} switches, pause ms: median {statistics.median(every):.2f}, "
            f"p99 {every[min(len(every) - 1, len(every) * 99 // 100)]:.2f}, max {every[-1]:.2f}; median "
            + ", ".join(f"to {k} {statistics.median(v):.2f}" for k, v in g.pauses.items() if v)
            + f"; io {last['io']}, irq {last['irq']}, ipi {last['ipi']}, loops {last['loops']}")
    if statistics.median(every) >= MEDIAN_MS:
        g.fail(f"median pause: {text}")
    return text


def to_and_fro(o, folder, engine, cpus=2, words="", least=1, most=50, n=None):
    r = random.Random(o.seed)
    g = start(o, folder, engine, cpus, words)
    try:
        for i in range(n or o.n):
            switch(g)
            time.sleep(r.uniform(least, most) / 1000)
            if not i % 50:
                g.wait_beats(1, 60)
        last = end(g, o)
        return report(g, last)
    finally:
        g.kill()


@case
def on(o, folder):
    return to_and_fro(o, folder, "kvm,irqchip=on/tcg")


@case
def off(o, folder):
    """The acceptance run with AMBI_LONG=1: 1,000 switches."""
    return to_and_fro(o, folder, BOTH, n=1000 if os.environ.get("AMBI_LONG") else o.n)


@case
def split(o, folder):
    return to_and_fro(o, folder, "kvm,irqchip=split/tcg")


def many(o, folder, engine, cpus=2):
    """Commands that lie ready: the next switch comes before the vCPUs have woken up from the last one's pause."""
    r = random.Random(o.seed)
    g = start(o, folder, engine, cpus)
    try:
        for i in range(o.n):
            engines = [("tcg", "kvm")[(g.engine == "tcg") ^ (k & 1)] for k in range(r.randrange(2, 6))]
            answers = g.ask_all([("vm-switch", {"accel": x}) for x in engines])
            for g.engine, m in zip(engines, answers):
                if "error" in m:
                    g.fail(f"vm-switch: {m}")
                g.pauses[g.engine].append(m["return"]["pause-ns"] / 1e6)
            g.check()
            time.sleep(r.uniform(1, 20) / 1000)
            if not i % 50:
                g.wait_beats(1, 60)
        last = end(g, o)
        return report(g, last)
    finally:
        g.kill()


@case
def bursts(o, folder):
    return many(o, folder, "kvm,irqchip=on/tcg")


@case
def bursts_split(o, folder):
    return many(o, folder, "kvm,irqchip=split/tcg")


@case
def bursts_off(o, folder):
    return many(o, folder, BOTH, 4)


@case
def pins(o, folder):
    return to_and_fro(o, folder, BOTH, 1, "intx")


@case
def four(o, folder):
    return to_and_fro(o, folder, BOTH, 4, "", 20, 80, max(10, o.n // 2))


@case
def x2apic(o, folder):
    return to_and_fro(o, folder, "kvm,irqchip=on/tcg", 2, "x2apic")


@case
def stops(o, folder):
    """Switched while it stands, stopped while it is switched, reset on either engine."""
    r = random.Random(o.seed)
    g = start(o, folder, BOTH)
    try:
        for i in range(max(6, o.n // 6)):
            if r.random() < 0.5:
                g.qmp("stop")
                switch(g)
                if r.random() < 0.3:
                    switch(g)
                if g.qmp("query-status")["running"]:
                    g.fail("a guest that stood runs after a switch")
                seen = len(g.beats())
                time.sleep(r.uniform(0, 0.4))
                if len(g.beats()) > seen + 1:       # one may have been under way
                    g.fail("a guest that stands goes on")
                g.qmp("cont")
            else:
                switch(g)
            time.sleep(r.uniform(0, 0.05))
        last = end(g, o)
        return report(g, last)
    finally:
        g.kill()


@case
def resets(o, folder):
    g = start(o, folder, BOTH)
    try:
        for moves in (1, 1, 0, 1, 2):
            for _ in range(moves):
                switch(g)
            g.check()
            g.qmp("system_reset")
            del g.lines[:]
            g.wait_beats(3, 60)
        last = end(g, o)
        return f"{last['loops']} loops after the last"
    finally:
        g.kill()


@case
def snapshots(o, folder):
    """Switched, saved and taken back to what was saved in any order; no disks, which would have to go back too."""
    r, done = random.Random(o.seed), {"switch": 0, "snapshot-save": 0, "snapshot-load": 0}
    path = os.path.join(folder, "s.ambi")
    g = Guest(o.ambi, folder, ["-machine", "pc", "-m", "64M", "-smp", "2", "-accel", BOTH, o.load64])
    g.engine, g.pauses = "kvm", {"kvm": [], "tcg": []}
    try:
        g.wait_beats(2, 60)
        for _ in range(max(8, o.n // 2)):
            what = r.choice(("switch", "switch", "snapshot-save", "snapshot-load"))
            if what == "snapshot-load" and not done["snapshot-save"]:
                what = "snapshot-save"
            done[what] += 1
            if what == "switch":
                switch(g)
            elif what == "snapshot-save":
                g.qmp(what, path=path)
            else:
                g.qmp(what, path=path, eager=r.random() < 0.5)
            time.sleep(r.uniform(0.005, 0.1))
            g.check()
        del g.lines[:]
        g.wait_beats(3, 60)
        g.type("q")
        if g.process.wait(60) or "DONE bad 0" not in g.lines:
            g.fail(f"status {g.process.returncode}")
        return str(done)
    finally:
        g.kill()


@case
def failures(o, folder):
    """A switch that fails at any step leaves the guest where it was, at work."""
    out = []
    for engine, step in (("tcg", "start"), ("kvm:tcg", "chips"), ("kvm:tcg", "push"), (BOTH, "chips"),
                         (BOTH, "push")):
        g = start(o, folder, engine, env={"AMBI_TEST_SWITCH_FAIL": step}, more=["-cpu", CPU])
        try:
            for _ in range(3):
                m = g.ask("vm-switch", accel="tcg" if g.engine == "kvm" else "kvm")
                if "error" not in m or step not in m["error"]["desc"]:
                    g.fail(f"{step}: {m}")
            g.wait_beats(1, 60)
            status = g.qmp("query-status")
            if not status["running"] or g.qmp("query-kvm")["enabled"] != (g.engine == "kvm"):
                g.fail(f"{step}: {status}")
            end(g, o, 1)
            out.append(f"{g.engine} {step}")
        finally:
            g.kill()
    return ", ".join(out)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("ambi")
    p.add_argument("load64")
    p.add_argument("-n", type=int, default=60)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("cases", nargs="*")
    o = p.parse_intermixed_args()
    names = o.cases or list(CASES)
    if not os.path.exists("/dev/kvm"):
        print("1..0 # SKIP THIS MACHINE HAS NO /dev/kvm; NOTHING WAS SWITCHED")
        return
    print(f"1..{len(names)}", flush=True)
    failed = 0
    for i, name in enumerate(names):
        with tempfile.TemporaryDirectory(prefix="ambi-switch-") as folder:
            at = time.time()
            try:
                text = CASES[name](o, folder)
                print(f"ok {i + 1} - {name}\n# {text} ({time.time() - at:.1f} s)", flush=True)
            except Exception as e:      # noqa: BLE001
                failed += 1
                print(f"not ok {i + 1} - {name}", flush=True)
                what = str(e) if isinstance(e, Failed) else traceback.format_exc()
                print("\n".join("# " + x for x in what.split("\n")), flush=True)
    sys.exit(failed > 0)


main()
