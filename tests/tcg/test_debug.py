#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_debug.py AMBI GUEST PAGING-GUEST CASE...

The translator's debug aids do what docs/debugging.md says; TAP on stdout.
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

ambi, guest, paging, cases = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))
ENGINE_FAILED, GUEST_FAILED = 2, 3


class Fail(Exception):
    pass


def symbols(path):
    """Addresses by name, from the ELF file itself."""
    data = open(path, "rb").read()
    shoff, = struct.unpack_from("<Q", data, 40)
    shentsize, shnum = struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + i * shentsize) for i in range(shnum)]
    found = {}
    for s in sections:
        if s[1] != 2:   # SHT_SYMTAB
            continue
        strings = sections[s[6]][4]
        for at in range(s[4], s[4] + s[5], 24):
            name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
            end = data.index(0, strings + name)
            found[data[strings + name:end].decode()] = value
    return found


def run(accel, *options, status=0, image=None):
    p = subprocess.run([ambi, "-nographic", "-no-reboot", "-accel", accel, *options, image or guest],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, errors="replace", timeout=60 * PATIENCE)
    if p.returncode != status:
        raise Fail("%s %s: status %d, wanted %d:\n%s" % (accel, " ".join(options), p.returncode, status, p.stdout))
    return p.stdout


def want(text, pattern, what):
    m = re.search(pattern, text, re.M)
    if not m:
        raise Fail("%s: nothing like \"%s\" in:\n%s" % (what, pattern, text))
    return m


# --- cases ---

def case_lockstep():
    """Nothing differs, and it was really looked at."""
    count = r"lockstep: (\d+) runs of blocks compared \((\d+) of a part\), (\d+) left out .*, (\d+) with device"
    for smp in "1", "2":
        m = want(run("tcg,lockstep=on", "-smp", smp), count, "counts")
        if int(m[1]) < 3000 or not int(m[2]) or int(m[3]) or not int(m[4]):
            raise Fail("too little was compared: " + m[0])
    m = want(run("tcg,lockstep=10"), count, "counts with lockstep=10")
    if not 100 < int(m[1]) < 1500 or int(m[3]) < 1500:
        raise Fail("lockstep=10 does not leave out what it should: " + m[0])
    m = want(run("tcg,lockstep=on", "-dfilter", "%#x" % symbols(guest)["loop"]), count, "counts with -dfilter")
    if int(m[1]) != 2999:
        raise Fail("the filter does not select the loop's runs: " + m[0])
    want(run("tcg,lockstep=on,interp=on", status=1), "lockstep needs emitted code", "lockstep with interp")


def case_sabotage():
    """A wrong translation is found, at the instruction that is wrong."""
    at = symbols(guest)
    for op, label, text in (
            ("XOR", "do_xor", "xor"), ("SUB", "do_sub", "sub"), ("AND", "do_and", "and"), ("OR", "do_or", "or"),
            ("SHL", "do_shl", "sll"), ("SHR", "do_shr", "srl"), ("MUL", "do_mul", "mul"), ("DIVU", "do_divu", "divu"),
            ("BRC", "do_brc", "bltu"), ("ADD", "do_add", "add"), ("FMUL", "do_fmul", "fmul.d")):
        said = run("tcg,lockstep=on,sabotage=" + op, status=ENGINE_FAILED)
        want(said, r"^lockstep: first difference with instruction \d+: %016x: %s\b" % (at[label], re.escape(text)),
             "sabotage=" + op)
        want(said, r"^ambi: error: .*lockstep: emitted code differs from the interpreter at %016x" % at[label],
             "sabotage=" + op)
        want(said, r"^insn 0x%x" % at[label], "its IR")
        want(said, r"^ host code, hot:\n  [0-9a-f]+", "its host code")
        if op == "FMUL":
            want(said, r"^  memory at [0-9a-f]{16}, 8 bytes: before 0, interpreter \w+, emitted code \w+$",
                 "what the block stored")
        if op != "BRC":
            want(said, r"^  \w+ +[0-9a-f]{16} +[0-9a-f]{16} +[0-9a-f]{16}$", "a register")
    want(run("tcg,lockstep=on,sabotage=NONSENSE", status=1), "no operation of that name", "an unknown operation")


def case_check():
    """Entries that outlive a fence are found; those the guest has not fenced yet are its own affair."""
    at = symbols(paging)
    count = r"^check: cpu 0: (\d+) accesses and (\d+) fetches by cached entries, (\d+) stale .*, (\d+) of unknown age"
    m = want(run("tcg,check=on", image=paging), count, "counts")
    if not int(m[1]) or not int(m[2]) or int(m[3]) != 1 or int(m[4]):
        raise Fail("the unfenced read is not counted as the only stale one: " + m[0])
    run("tcg,sabotage=flush", status=GUEST_FAILED, image=paging)
    said = run("tcg,check=on,sabotage=flush", status=ENGINE_FAILED, image=paging)
    want(said, r"^check: cpu 0: read of 0000000040000000, view \d, space 8\w+, pc %016x$" % at["fenced"], "where")
    want(said, r"covered by flush: number 1: address, address 0000000040000000", "the flush")
    want(said, r"^ambi: error: .*check: read entry for 0000000040000000 outlived a flush", "the error")
    m = want(run("tcg,check=on", "-smp", "2"), count, "counts")
    if int(m[1]) < 3000:
        raise Fail("too little was checked: " + m[0])


def lines(text, start):
    return [line for line in text.splitlines() if line.startswith(start)]


def case_trace():
    """Each -d category says what the documentation promises, of the addresses it is asked about."""
    at = symbols(guest)
    hexa = "%016x"
    block = "%#x" % at["_start"]

    for accel in "tcg", "tcg,interp=on":
        said = run(accel, "-d", "in_asm")
        want(said, r"^IN: cpu 0 key [0-9a-f]+\n  " + hexa % at["_start"] + ":  ", "in_asm with " + accel)
        want(said, r"^  " + hexa % at["do_xor"] + r":  xor a2,a0,a1$", "in_asm with " + accel)
        if len(lines(run(accel, "-d", "in_asm", "-dfilter", block), "IN:")) != 1:
            raise Fail("in_asm with %s: the filter does not select one block" % accel)
        want(run(accel, "-d", "ir"), r"^insn 0x%x \+4\n\ta2 = xor.i64 a0, a1$" % at["do_xor"], "ir with " + accel)
        said = run(accel, "-d", "exec", "-dfilter", "%#x+1" % at["loop"])
        if len(lines(said, "exec cpu 0 pc " + hexa % at["loop"])) != 2999:
            raise Fail("exec with %s does not show each run of a block:\n%s" % (accel, said[:1000]))
        want(run(accel, "-d", "int"), r"^int: cpu 0 pc %s S->S exception 5 load access fault tval 40$" %
             (hexa % at["fault_here"]), "int with " + accel)
        said = run(accel, "-d", "mmu", image=paging)
        want(said, r"^mmu: cpu 0 walk read va 0000000040000000 view \d -> ok pa [0-9a-f]+ rwx size 1000$", "mmu")
        want(said, r"^mmu: cpu 0 flush va va 0000000040000000 ", "mmu")
        said = run(accel, "-d", "mmu", "-dfilter", "0x40000000..0x40000fff", image=paging)
        if {line.split()[6] for line in lines(said, "mmu: cpu 0 walk")} != {"0000000040000000", "0000000040000008",
                                                                              "0000000040000040"}:
            raise Fail("mmu with %s: the filter does not work:\n%s" % (accel, said))
        want(run(accel, "-d", "dev"), r"^dev: read \S+ \S+\+0x5 size 1 value 0x[0-9a-f]+$", "dev with " + accel)
    said = run("tcg", "-d", "out_asm")
    want(said, r"^OUT: pc %s key [0-9a-f]+: \d+ guest instructions, \d+ bytes \(\d+ hot\), \d+ groups$" %
         (hexa % at["_start"]), "out_asm")
    want(said, r"^ %s:\n  [0-9a-f]+" % (hexa % at["do_xor"]), "out_asm by guest instruction")
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "log")
        if lines(run("tcg", "-d", "int", "-D", path), "int:") or not lines(open(path).read(), "int:"):
            raise Fail("-D does not move the trace to the file")


def case_perfmap():
    """perfmap=on leaves a map of blocks that perf reads."""
    p = subprocess.Popen([ambi, "-nographic", "-no-reboot", "-accel", "tcg,perfmap=on", guest],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = p.communicate(timeout=60 * PATIENCE)[0]
    path = "/tmp/perf-%d.map" % p.pid
    if not os.path.exists(path):
        raise Fail("no map: " + said)
    text = open(path).read()
    os.unlink(path)
    want(text, r"\A([0-9a-f]+ [0-9a-f]+ guest_[0-9a-f]+_[0-9a-f]+\n)+\Z", "the map's form")
    want(text, r" guest_%x_" % symbols(guest)["_start"], "the first block")


tap.run_cases(cases, globals(), (Fail, subprocess.TimeoutExpired))
