#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_classes.py AMBI CLASSES64: what the bare KVM cannot interpret in ring 0 is executed by the translator
(-accel kvm:tcg), with right results, and ambi's counters say what the guest did. TAP."""
import os
import re
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Failed, Guest     # noqa: E402

TIMES = 8               # classes64.c
# Instructions a time, of which an engine may lack any; and the classes that every x86-64 has.
INSNS = {"rdtsc": 1, "sse": 4, "sse2": 4, "double": 4, "x87": 5, "mmx": 4, "cmpxchg16b": 1, "popcnt": 1, "crc32": 1,
         "movbe": 1, "bswap": 1, "fxsave": 4, "mxcsr": 2, "string": 2, "divide": 1, "aes": 3, "pclmul": 3}
ALWAYS = {"rdtsc", "sse", "sse2", "double", "x87", "mmx", "bswap", "fxsave", "mxcsr", "string", "divide"}


def hmp(g, text):
    return g.qmp("human-monitor-command", **{"command-line": text})


def counts(g):
    """Steps of CPU 0 and 1, moves of the whole guest, engine."""
    text = hmp(g, "info accel")
    steps = [int(x) for x in re.findall(r"cpu \d+: (\d+) fallbacks", text)]
    stays = re.search(r"fallback to the translator: (\d+) times", text)
    return steps, int(stays.group(1)) if stays else 0, re.search(r"engine (\w+)", text).group(1)


def wait_line(g, start, seconds=60):
    end = time.time() + seconds
    seen = 0
    while time.time() < end:
        for x in g.lines[seen:]:
            seen += 1
            if x.startswith(start):
                return x
        if g.process.poll() is not None:
            g.fail(f"ended: {g.process.returncode}")
        time.sleep(0.005)
    g.fail(f"no {start}")


def begin(o, folder, engine, *more):
    g = Guest(o[0], folder, ["-machine", "pc", "-m", "64M", "-smp", "2", "-accel", engine, *more, o[1]])
    wait_line(g, "classes64: ready")
    g.type("?")
    wait_line(g, "end")
    g.classes = {x.split()[1]: x.split()[2] for x in g.lines if x.startswith("has ")}
    if set(g.classes.values()) != set(INSNS):
        g.fail(f"classes {g.classes}")
    counts(g)
    return g


def ask(g, key, name, seconds=60):
    del g.lines[:]
    g.type(key)
    return wait_line(g, f"class {name} ", seconds).split()


def finish(g):
    g.type("q")
    if g.process.wait(30):
        g.fail(f"status {g.process.returncode}")


def each(o, folder, cpu):
    """One class at a time: right, and counted exactly. Times a second are few, so nobody moves house."""
    g = begin(o, folder, "kvm:tcg,prefer=kvm", "-cpu", cpu)
    told = []
    try:
        native = "no hardware" not in g.stderr()
        for key, name in g.classes.items():
            before, stays, _ = counts(g)
            word = ask(g, key, name)
            after, stays_after, engine = counts(g)
            if word[3] == "none" and name in ALWAYS or word[3] not in ("none", "ok"):
                g.fail(f"{name}: {word}")
            if stays != stays_after or engine != "kvm":
                g.fail(f"{name}: the guest was moved to the translator: {g.stderr()}")
            n = after[0] - before[0]
            if n % TIMES and word[3] == "ok" or n > TIMES * INSNS[name] or native and n:
                g.fail(f"{name}: {n} fallbacks for {TIMES} times")
            told.append(f"{name} {n // TIMES if word[3] == 'ok' else word[3]}")
            time.sleep(0.1)
        fell = sum(counts(g)[0])
        if not native and fell < 10 * TIMES:
            g.fail(f"an interpreting KVM lacked only {fell} instructions: {told}")
        if any(counts(g)[0][1:]):
            g.fail("CPU 1 has done nothing yet")
        before, _, engine = counts(g)
        before = before[1]
        if engine != "kvm":
            g.switch("kvm")
        word = ask(g, "p", "paging32")
        if word[3] != "ok":
            g.fail(f"32-bit paging: {word}")
        n = counts(g)[0][1] - before
        if not native and not n:
            g.fail("32-bit paging without a fallback")
        told.append(f"32-bit paging {n} fallbacks")
        finish(g)
        return "; ".join(told)
    finally:
        g.kill()


def loop(o, folder):
    """All of them as fast as they go: the guest is taken to the translator, which is said, and gets on there."""
    g = begin(o, folder, "kvm:tcg,prefer=kvm")
    try:
        word = ask(g, "L", "all", 120)
        if word[3] != "ok":
            g.fail(f"the loop: {word}")
        steps, stays, engine = counts(g)
        if "no hardware" in g.stderr():
            if not stays or "VM_FALLBACK" not in [e["event"] for e in g.events] or not steps[0]:
                g.fail(f"{steps} steps, {stays} stays, events {g.events}")
        # KVM is tried again, and the guest goes on there
        for _ in range(20):
            if counts(g)[2] == "kvm":
                break
            time.sleep(0.5)
        else:
            g.fail("it stays in the translator")
        for key, name in g.classes.items():
            word = ask(g, key, name)
            if word[3] not in ("ok", "none"):
                g.fail(f"{name} after the loop: {word}")
        finish(g)
        return f"{word and stays} stays, {steps[0]} steps"
    finally:
        g.kill()


def main():
    o = sys.argv[1:3]
    if not os.path.exists("/dev/kvm"):
        print("1..0 # SKIP THIS MACHINE HAS NO /dev/kvm; NOTHING FELL BACK")
        return
    tests = [("each", lambda f: each(o, f, "host")), ("each-v1", lambda f: each(o, f, "x86-64-v1")),
             ("loop", lambda f: loop(o, f))]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for i, (name, f) in enumerate(tests):
        with tempfile.TemporaryDirectory(prefix="ambi-classes-") as folder:
            try:
                print(f"ok {i + 1} - {name}\n# {f(folder)}".replace("\n# \n", "\n"), flush=True)
            except Exception as e:      # noqa: BLE001
                failed += 1
                what = str(e) if isinstance(e, Failed) else traceback.format_exc()
                print(f"not ok {i + 1} - {name}\n" + "\n".join("# " + x for x in what.split("\n")), flush=True)
    sys.exit(failed > 0)


main()
