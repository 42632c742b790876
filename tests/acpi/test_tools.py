#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_tools.py DUMP

The tables of every sample through other people's programs: iasl disassembles and compiles
them again, without a remark and with the same bytes; acpiexec, the interpreter that Linux
has, runs the methods; dmidecode reads SMBIOS. TAP on stdout.
"""
import os
import re
import subprocess
import sys
import tempfile

dump = os.path.abspath(sys.argv[1])
CPUS = [1, 2, 255, 256]			# of sample.h
PORTS = [0, 8, 8, 29]
RAM_GIB = [0.5, 0.5, 600, 4]
HEADER_OF_COMPILER = {9, *range(28, 36)}	# checksum, compiler's name and revision
OSC = "5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66"
count, failed = 0, 0


class Failure(Exception):
    pass


def check(cond, text):
    if not cond:
        raise Failure(text)


def run(cwd, *args, stdin=None):
    p = subprocess.run(args, cwd=cwd, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=120, text=True, errors="replace")
    check(p.returncode == 0, "%s: exit status %d\n%s" % (" ".join(args), p.returncode, p.stdout[-2000:]))
    return p.stdout


def read(d, name):
    with open(os.path.join(d, name), "rb") as f:
        return f.read()


def case(name, fn, *args):
    global count, failed
    count += 1
    try:
        fn(*args)
        print("ok %d - %s" % (count, name), flush=True)
    except (Failure, subprocess.TimeoutExpired) as e:
        failed += 1
        print("not ok %d - %s" % (count, name))
        print("\n".join("# " + line for line in str(e).splitlines()), flush=True)


def body(dsl):
    """A disassembly without its heading, which has dates and sums."""
    return dsl[dsl.index(b"DefinitionBlock"):]


def disassemble_and_back(d, table):
    text = run(d, "iasl", "-d", table + ".dat")
    check("Disassembly completed" in text or "Formatted output" in text, text)
    check(not re.search(r"(?i)\b(warning|error|invalid)", text), text)
    text = run(d, "iasl", "-oa", "-p", "again", table + ".dsl")
    check("0 Errors, 0 Warnings, 0 Remarks" in text, text)
    if table == "DSDT":
        run(d, "iasl", "-d", "-p", "again", "again.aml")
        check(body(read(d, "DSDT.dsl")) == body(read(d, "again.dsl")), "another DSDT comes back")
        return
    ours, theirs = read(d, table + ".dat"), read(d, "again.aml")
    check(len(ours) == len(theirs), "%d bytes, not %d" % (len(ours), len(theirs)))
    differ = [i for i in range(len(ours)) if ours[i] != theirs[i] and i not in HEADER_OF_COMPILER]
    check(not differ or table == "FACS", "bytes %s differ" % differ)


def execute(d, *commands):
    """What each command of acpiexec says."""
    text = run(d, "acpiexec", "DSDT.dat", stdin="\n".join(commands) + "\nquit\n")
    # the tool's own end: it forgets to free strings in a package of _CID
    said = re.sub(r"(?m)^ACPI Error: \d+ \(0x\w+\) Outstanding cache allocations.*$", "", text)
    check(not re.search(r"ACPI (Error|Warning|Exception|BIOS)", said), text[-2000:])
    parts = re.split(r"(?m)^- ", text)[1:]
    check(len(parts) > len(commands), text)
    return parts


def integer(part):
    m = re.search(r"\[Integer\] = ([0-9A-F]+)", part)
    check(m, part)
    return int(m.group(1), 16)


def buffer(part):
    m = re.findall(r"[0-9A-F]{4}: ((?:[0-9A-F]{2} )+)", part)
    check(m, part)
    return bytes.fromhex("".join(m))


def pirq(slot, pin):
    return 4 + ((slot + pin) & 3) if slot < 25 else pin & 3


def routing(d):
    parts = execute(d, r"evaluate \_PIC 1", r"resources \_SB.PCI0")
    got = re.findall(r"Address : ([0-9A-F]+)\s+Pin : ([0-9A-F]+)\s+Source : (.*)\s+"
                     r"Source Index : ([0-9A-F]+)", parts[1])
    check(len(got) == 128 or got[128][0] == "0" * 16, "%d entries" % len(got))
    for i, (addr, pin, source, index) in enumerate(got[:128]):
        check([int(addr, 16), int(pin, 16), source, int(index, 16)] ==
              [i // 4 << 16 | 0xffff, i % 4, "[NULL NAMESTRING]", 16 + pirq(i // 4, i % 4)],
              "entry %d: %s %s %s %s" % (i, addr, pin, source, index))
    # The names of links exceed the debugger's buffers: by their text.
    text = re.sub(r"\s|/\*.*?\*/|//.*", "", read(d, "DSDT.dsl").decode())
    names = {"Zero": "0", "One": "1"}
    got = re.findall(r"Package\(0x04\)\{(\w+),(\w+),\\_SB\.LNK([A-H]),Zero\}", text)
    check(len(got) == 128, "%d entries" % len(got))
    for i, (addr, pin, link) in enumerate(got):
        check([int(addr, 0), int(names.get(pin, pin), 0), link] ==
              [i // 4 << 16 | 0xffff, i % 4, "ABCDEFGH"[pirq(i // 4, i % 4)]],
              "entry %d: %s %s %s" % (i, addr, pin, link))


def links(d):
    for link in "ABCDEFGH":
        name = r"evaluate \_SB.LNK%s." % link
        p = execute(d, name + "_DIS", name + "_STA", name + "_CRS",
                    name + "_SRS (89 06 00 09 01 0A 00 00 00 79 00)", name + "_STA", name + "_CRS")
        check(integer(p[1]) == 9 and integer(p[4]) == 11, "_STA")
        check(buffer(p[2])[5:9] == bytes(4), "_CRS of a link that is off")
        check(buffer(p[5]) == bytes.fromhex("89060009010a0000007900"), "_CRS")


def osc(d):
    def ask(uuid, revision, control):
        p = execute(d, r"evaluate \_SB.PCI0._OSC (%s) %d 3 (00 00 00 00 00 00 00 00 %s 00 00 00)" %
                    (uuid, revision, control))
        got = buffer(p[0])
        return got[0], got[8]

    check(ask(OSC, 1, "1D") == (0, 0x1d), "all that there is")
    check(ask(OSC, 1, "FF") == (0x10, 0x1d), "more")
    check(ask(OSC, 1, "04") == (0, 4), "less")
    check(ask(OSC, 2, "1D") == (8, 0x1d), "a revision that is not known")
    check(ask(OSC.replace("5B", "5C"), 1, "1D") == (4, 0x1d), "another UUID")


def devices(d):
    """What SeaBIOS and Linux look for: without PNP0303 the former leaves the keyboard alone."""
    text = read(d, "DSDT.dsl").decode()
    for what in "COM1", "PNP0501", "PNP0B00", "PNP0303", "PNP0F13", "QEMU0001", "QEMU0002":
        check(what in text, what)


def smbios(d, n):
    text = run(d, "dmidecode", "--from-dump", "smbios.bin")
    check(not re.search(r"(?i)<bad|<out of|invalid|broken|wrong|truncated|bogus", text), text)
    check("SMBIOS 3.0.0 present" in text and "End Of Table" in text, text)
    check("UUID: 00112233-4455-6677-8899-aabbccddeeff" in text, text)
    size = "%d GB" % RAM_GIB[n] if RAM_GIB[n] >= 1 else "512 MB"
    check(re.search(r"Size: %s$" % size, text, re.M), text)
    sockets = re.findall(r"Core Count: (\d+)", text)
    check(sockets == ["1"] if n == 0 else sockets == [str(CPUS[n] // 2)] * 2, str(sockets))


with tempfile.TemporaryDirectory() as top:
    for n in range(len(CPUS)):
        d = os.path.join(top, str(n))
        os.mkdir(d)
        run(top, dump, d, str(n))
        what = "%d CPUs, %d root ports" % (CPUS[n], PORTS[n])
        tables = ["APIC", "DSDT", "FACP", "FACS", "MCFG", "RSDT", "WAET", "XSDT"] + ["HPET"] * (n > 0)
        have = sorted(f[:-4] for f in os.listdir(d) if f.endswith(".dat"))
        case("%s: tables" % what, lambda: check(have == sorted(tables), " ".join(have)))
        for t in tables:
            case("%s: %s" % (what, t), disassemble_and_back, d, t)
        case("%s: PCI interrupt routing" % what, routing, d)
        case("%s: SMBIOS" % what, smbios, d, n)
    d = os.path.join(top, "pc")
    os.mkdir(d)
    run(top, dump, d, "pc")
    for t in sorted(f[:-4] for f in os.listdir(d) if f.endswith(".dat")):
        case("machine pc: %s" % t, disassemble_and_back, d, t)
    case("machine pc: devices", devices, d)
    case("machine pc: PCI interrupt routing", routing, d)
    case("machine pc: interrupt links", links, d)
    case("machine pc: _OSC", osc, d)
print("1..%d" % count)
sys.exit(failed > 0)
