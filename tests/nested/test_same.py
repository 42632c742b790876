#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_same.py AMBI TOOL DUMP SAME64 CASE...

One machine, two engines: what a guest sees of it (tests/nested/dump.c, and what
Debian's lspci and dmidecode print) by ambi -accel tcg on this host and by
ambi -accel kvm in an emulated one, word for word. The command lines differ in
that word only.
"""
import collections
import difflib
import os
import re
import subprocess
import sys
import zlib

import bed

# What may differ, and why: lines of either dump. Each of them has to occur: one that no longer does goes away.
ALLOWED = [
    (r"^(?:wrmsr|msr-written) (?:c0000082|c0000102|00000176)",
     "QEMU, which is the hardware below that KVM, takes addresses that are not canonical"),
    (r"^msr-written 00000174", "the same, and 16 bits of SYSENTER_CS"),
]
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
    (r"^dmesg: clocksource: Long readout interval, skipping watchdog check:.*", ""),
    # probed side by side
    (r"^((?:dmesg: input:|input :) .*/input/input)\d+", r"\1N"),
    (r"^(dmesg: audit: type=2000) audit\(.*\)", r"\1"),
    (r"^(dmesg: rtc_cmos .*: setting system clock to).*", r"\1"),
    (r"^(dmesg: sched_clock: Marking stable).*", r"\1"),
    (r"^(dmesg: node \d+ deferred pages initialised in).*", r"\1"),
    (r"^(dmesg: Memory:) \d+K(/\d+K available \(.*), \d+K reserved", r"\1 N\2, N reserved"),
]]


def lines(text):
    """The facts, counted: where a line of the kernel's log stands depends on the speed."""
    out = collections.Counter()
    for line in text.split("\n"):
        for pattern, by in MASKS:
            line = pattern.sub(by, line)
        if line and not PRINTED.match(line):
            out[line.rstrip()] += 1
    return out


PRINTED = re.compile(r"(lspci|dmidecode): ?(.*)")


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


def compare(tap, name, tcg, kvm, met):
    """Notes in `met` which of the allowed differences there were."""
    a, b = lines(tcg), lines(kvm)
    bad = []
    for sign, rest in (("tcg", a - b), ("kvm", b - a)):
        for line in sorted(rest):
            for i, (pattern, _) in enumerate(ALLOWED):
                if re.search(pattern, line):
                    met.add(i)
                    break
            else:
                bad.append("%s: %s" % (sign, line))
    tap.ok(not bad, "%s: %d facts, word for word" % (name, sum(a.values())), "\n".join(bad[:60]))


def unpack(path):
    """The dump that guest-init left on the disk."""
    with open(path, "rb") as f:
        text = zlib.decompressobj(31).decompress(f.read()).decode(errors="replace")
    if not text.endswith("end: of the dump\n"):
        raise bed.Failure("%s: no whole dump" % path)
    return text


APPEND = "console=ttyS0 mitigations=auto nokaslr iomem=relaxed quiet"


# without what says that a processor is new enough to need no mitigation: that is the host's own
CPU = "x86-64-v2,autoibrs=off,srso-no=off,tsa-sq-no=off,tsa-l1-no=off"


def machine(disks, smp, more, cpu=CPU):
    """The command line behind -accel ENGINE; disks: where the host has them."""
    return ["-cpu", cpu, "-m", "384", "-smp", smp, "-no-reboot"] + [m % disks for m in more] + \
        ["-drive", "file=%(dir)s/dump" % disks,
         "-initrd", disks["lab"], "-kernel", disks["kernel"], "-append", APPEND + " do=dump:vda"]


CONFIGS = {
    "plain-1": ("1", []),
    "rich-4": ("4,sockets=1,cores=2,threads=2", [
        "-nic", "user", "-device", "virtio-rng", "-device", "virtio-balloon",
        "-device", "virtio-console,chardev=file:%(dir)s/hvc",
        "-virtfs", "%(dir)s/share,mount_tag=root",
        "-drive", "file=%(dir)s/sata,if=ahci", "-drive", "file=%(dir)s/cd,media=cdrom,if=ahci",
        "-drive", "file=%(dir)s/nvme,if=nvme"]),
}


# without Linux (tests/kvm/same64.c), both in the emulated host, so that "host" is the same for both
BARE = ["x86-64-v1", "x86-64-v2", "x86-64-v3", "qemu64", "host", "host,kvm=off"]


def bare(b, same64):
    b.file(same64, "/root/same64.elf")
    b.sh("truncate -s 1M /tmp/d1 /tmp/d2")
    b.sh("for c in %s; do for e in tcg kvm; do timeout 100 ambi -accel $e -machine pc -cpu $c%s -m 64M "
         "-device virtio-rng -nic user -device virtio-balloon -device pcie-root-port,id=p -device virtio-rng,bus=p "
         "-drive file=/tmp/d1,if=ahci -drive file=/tmp/d2,media=cdrom same64.elf >/out/$e-$c 2>/tmp/err || cat /tmp/err; "
         "done; done" % (" ".join(BARE), CPU[CPU.index(","):]))


def bare_compare(tap, out, met):
    for cpu in BARE:
        text = []
        for engine in ("tcg", "kvm"):
            with open(os.path.join(out, "%s-%s" % (engine, cpu))) as f:
                text.append(f.read())
        if tap.ok(all(t.endswith("end: of the dump\n") for t in text), "without Linux, -cpu %s: whole dumps" % cpu,
                  "\n".join(bed.tail(t, 3) for t in text)):
            compare(tap, "without Linux, -cpu %s" % cpu, *text, met)


def host(d):
    return "mkdir -p %(d)s/share; truncate -s 1M %(d)s/dump; truncate -s 16M %(d)s/sata %(d)s/cd %(d)s/nvme" % {"d": d}


def as_here():
    """Family, model and stepping of this host's processor for the emulated one: -cpu does not hide them."""
    with open("/proc/cpuinfo") as f:
        info = dict(re.findall(r"^(vendor_id|cpu family|model|stepping)\s*: (\S+)$", f.read(), re.M))
    if info.get("vendor_id") != "AuthenticAMD":
        return False
    os.environ["AMBI_TESTBED_CPU"] = "family=%s,model=%s,stepping=%s" % (
        info["cpu family"], info["model"], info["stepping"])
    return True


def direct(tap, ambi, tool, dump, same64):
    """Linux without firmware: one CPU and a disk; four and every device"""
    files = bed.cloud_guest(tool, ("ahci", "sd_mod", "sr_mod", "msr"), [(dump, "dump")],
                            [bed.tool_lines("get-lspci")["root"]])
    keep = os.environ.get("AMBI_LOG_DIR", bed.scratch())
    here = as_here()
    out = os.path.join(bed.scratch(), "out")

    def linux(which, first):
        b = bed.Bed(ambi, smp=2)
        b.file(files["kernel"], "/root/vmlinuz")
        b.file(files["lab"], "/root/lab")
        b.out(out)
        if first:
            bare(b, same64)
        for engine, name in which:
            smp, more = CONFIGS[name]
            d = "/tmp/%s-%s" % (engine, name)
            b.sh(host(d))
            b.step("%s-%s" % (engine, name), 400, "ambi", "-accel", engine, *machine(
                {"dir": d, "lab": "/root/lab", "kernel": "/root/vmlinuz"}, smp, more))
            b.sh("cp %s/dump /out/%s-%s" % (d, engine, name))
        return b.go()
    wanted = [(engine, name) for engine in (("kvm",) if here else ("kvm", "tcg")) for name in CONFIGS]
    runs = linux(wanted, True)
    # the emulated processor loses a guest as it loses its host (bed.HostEnded): not twice
    lost = [w for w in wanted if "%s-%s" % w in runs and runs["%s-%s" % w].has("^ambi: vCPU .* shut down: ")]
    if lost:
        print("# once more: %s\n# %s" % (lost, bed.tail(runs["%s-%s" % lost[0]].text).replace("\n", "\n# ")), flush=True)
        runs.update(linux(lost, False))
    met = set()
    bare_compare(tap, out, met)
    for name, (smp, more) in CONFIGS.items():
        text = {}
        if here:
            d = os.path.join(bed.scratch(), name)
            subprocess.run(["sh", "-c", host(d)], check=True)
            p = subprocess.run([ambi, "-accel", "tcg"] + machine(
                {"dir": d, "lab": files["lab"], "kernel": files["kernel"]}, smp, more),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=120 * bed.PATIENCE, text=True, errors="replace")
            if not tap.ok(p.returncode == 0 and "\nDUMP-OK" in p.stdout and "STEP-FAIL" not in p.stdout, "tcg, %s: Linux looks" % name, bed.tail(p.stdout)):
                continue
            text["tcg"] = unpack(os.path.join(d, "dump"))
        for engine in ("kvm",) if here else ("kvm", "tcg"):
            run = runs.get("%s-%s" % (engine, name))
            if tap.ok(run and run.status == 0 and run.has("^DUMP-OK") and not run.has("STEP-FAIL"), "%s, %s: Linux looks" % (engine, name),
                      bed.tail(run.text) if run else "it did not begin"):
                text[engine] = unpack(os.path.join(out, "%s-%s" % (engine, name)))
        for engine in text:
            with open(os.path.join(keep, "%s-%s.txt" % (engine, name)), "w") as f:
                f.write(text[engine])
        if len(text) == 2:
            compare(tap, name, text["tcg"], text["kvm"], met)
            compare_printed(tap, name, text["tcg"], text["kvm"])
    for i, (pattern, why) in enumerate(ALLOWED):
        tap.ok(i in met, "still a difference: %s (%s)" % (pattern, why))


def main():
    tap = bed.Tap()
    for name in sys.argv[5:]:
        try:
            {"direct": direct}[name](tap, *sys.argv[1:5])
        except (bed.Failure, subprocess.SubprocessError, OSError, zlib.error) as e:
            tap.ok(False, name, str(e))
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
