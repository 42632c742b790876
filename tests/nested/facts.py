# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest saw of its machine (tests/nested/look), by two engines: the
same, word for word."""
import collections
import difflib
import os
import re
import tarfile
import zlib

import bed

LOOK = os.path.join(bed.HERE, "look")

# Measured, or about time: hidden before the comparison.
N = r"[0-9][0-9.]*"
MASKS = [(re.compile(pattern), by) for pattern, by in [
    (r"^(cpuinfo cpu: (?:cpu MHz|bogomips)\s*:).*", r"\1"),
    (r"^(dmesg: tsc: Detected) %s" % N, r"\1 N"),
    (r"^(dmesg: Calibrating delay loop .*value\.\.).*", r"\1"),
    (r"^(dmesg: smpboot: Total of \d+ processors activated).*", r"\1"),
    (r"^(dmesg: clocksource: tsc(?:-early)?: mask: \w+).*", r"\1"),
    (r"^(dmesg: kvm-clock: using sched offset of) %s" % N, r"\1 N"),
    (r"^dmesg: hrtimer: interrupt took %s ns$" % N, ""),
    # of a host that is slow for a while
    (r"^dmesg: APIC (?:calibration not consistent with PM-Timer|delta adjusted to PM-Timer):.*", ""),
    (r"^dmesg: clocksource: Long readout interval, skipping watchdog check:.*", ""),
    (r"^dmesg: pci \S+: \w+\+0x\S+ took \d+ usecs$", ""),
    (r"^dmesg: workqueue: \w+ hogged CPU for >.*", ""),
    (r"^dmesg: (?:perf: interrupt took too long|INFO: NMI handler .* took too long to run).*", ""),
    # probed side by side
    (r"^((?:dmesg: input:|input :) .*/input/input)\d+", r"\1N"),
    # what programs write into the kernel's log: process numbers, and what was late
    (r"^dmesg: systemd(?:-\S+)?\[\d+\]: .*", ""),
    (r"^(dmesg: audit: type=2000) audit\(.*\)", r"\1"),
    (r"^(dmesg: rtc_cmos .*: setting system clock to).*", r"\1"),
    (r"^(dmesg: sched_clock: Marking stable).*", r"\1"),
    (r"^(dmesg: node \d+ deferred pages initialised in).*", r"\1"),
    (r"^(dmesg: Memory:) \d+K(/\d+K available \(.*), \d+K reserved", r"\1 N\2, N reserved"),
]]
# Linux numbers messages as drivers ask for them: where several load at once
SIDE_BY_SIDE = [(re.compile(r"^interrupt \d+(: PCI-MSI)"), r"interrupt N\1")]
# Where OVMF puts what it allocates below 640 MiB: some starts by one engine are not the same either (one of four)
ALLOCATED = [(re.compile(pattern), by) for pattern, by in [
    (r"^(?=dmesg|iomem|memmap)(.*)\b(?:0x)?0*2[0-6][0-9a-f]{6}\b(.*)\b(?:0x)?0*2[0-6][0-9a-f]{6}\b", r"\1A\2A"),
    (r"^(?=dmesg|iomem|memmap)(.*)\b(?:0x)?0*2[0-6][0-9a-f]{6}\b", r"\1A"),
    (r"^(dmesg: efi: Freeing EFI boot services memory:) \d+K", r"\1"),
    (r"^(acpi BGRT 0020: \w+ \w+) \w+", r"\1"),
    (r"^(acpi BGRT 0000: \w+ \w+ ..)..", r"\1"),
]]
# by programs other than ours
PRINTED = re.compile(r"(lspci|dmidecode): ?(.*)")


def lines(text, masks):
    """The facts, counted: where a line of the kernel's log stands depends on the speed."""
    out = collections.Counter()
    for line in text.split("\n"):
        for pattern, by in masks:
            line = pattern.sub(by, line)
        if line and not PRINTED.match(line):
            out[line.rstrip()] += 1
    return out


def compare_printed(tap, name, tcg, kvm):
    """What programs printed, in its order. Nothing may differ, and they have to have found something."""
    for program, entry, fact in (("lspci", r"[0-9a-f]{2}:\S+ \S", r"pci-config \S+ length:"),
                                 ("dmidecode", r"Handle 0x", None)):
        a, b = ([m.group(2) for m in map(PRINTED.match, text.split("\n")) if m and m.group(1) == program]
                for text in (tcg, kvm))
        found = sum(bool(re.match(entry, line)) for line in a)
        why = list(difflib.unified_diff(a, b, "tcg", "kvm", lineterm=""))[:60]
        if not found or fact and found != len(re.findall("(?m)^" + fact, tcg)):
            why.insert(0, "%d entries cannot be all" % found)
        tap.ok(not why, "%s: %s of %d entries prints the same %d lines" % (name, program, found, len(a)), "\n".join(why))


def compare(tap, name, tcg, kvm, allowed=(), met=None, masks=()):
    """allowed: pairs of a pattern and why; those that there were are noted by number in `met`. masks: more of them."""
    a, b = (lines(text, MASKS + list(masks)) for text in (tcg, kvm))
    bad = []
    for sign, rest in (("tcg", a - b), ("kvm", b - a)):
        for line in sorted(rest):
            for i, (pattern, _) in enumerate(allowed):
                if re.search(pattern, line):
                    met.add(i)
                    break
            else:
                bad.append("%s: %s" % (sign, line))
    tap.ok(not bad, "%s: %d facts, word for word" % (name, sum(a.values())), "\n".join(bad[:60]))


def unpack(path):
    """What look left on the disk."""
    try:
        with open(path, "rb") as f:
            text = zlib.decompressobj(31).decompress(f.read()).decode(errors="replace")
    except zlib.error as e:
        raise bed.Failure("%s: no dump: %s" % (path, e))
    if not text.endswith("end: of the dump\n"):
        raise bed.Failure("%s: no whole dump" % path)
    return text


def keep(text, name):
    """The whole of it, by engine, where the consoles are kept."""
    for engine in text:
        with open(os.path.join(os.environ.get("AMBI_LOG_DIR", bed.scratch()), "%s-%s.txt" % (engine, name)), "w") as f:
            f.write(text[engine])


def carry(dump):
    """A disk for a whole Debian, which does ambi.run=carried,DEVICE (tools/guest/disk/carried)."""
    path = os.path.join(bed.scratch(), "look.tar")
    with tarfile.open(path, "w") as tar:
        tar.add(LOOK, "carried")
        tar.add(dump, "dump")
    return path


# without what says that a processor is new enough to need no mitigation: that is the host's own
CPU = "x86-64-v2,autoibrs=off,srso-no=off,tsa-sq-no=off,tsa-l1-no=off"


def as_here():
    """Family, model and stepping of this host's processor for the emulated one: -cpu does not hide them."""
    with open("/proc/cpuinfo") as f:
        info = dict(re.findall(r"^(vendor_id|cpu family|model|stepping)\s*: (\S+)$", f.read(), re.M))
    if info.get("vendor_id") != "AuthenticAMD":
        return False
    os.environ["AMBI_TESTBED_CPU"] = "family=%s,model=%s,stepping=%s" % (
        info["cpu family"], info["model"], info["stepping"])
    return True
