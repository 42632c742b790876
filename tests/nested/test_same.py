#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_same.py AMBI TOOL DUMP SAME64 CASE...

One machine, two engines: what a guest sees of it (tests/nested/look) by ambi
-accel tcg on this host and by ambi -accel kvm in an emulated one, word for
word. The command lines differ in that word only. (test_debian.py's seabios
does so with a whole Debian behind firmware.)
"""
import os
import subprocess
import sys

import bed
import facts

# What may differ, and why: lines of either dump. Each of them has to occur: one that no longer does goes away.
ALLOWED = [
    (r"^(?:wrmsr|msr-written) (?:c0000082|c0000102|00000176)",
     "QEMU, which is the hardware below that KVM, takes addresses that are not canonical"),
    (r"^msr-written 00000174", "the same, and 16 bits of SYSENTER_CS"),
]
APPEND = "console=ttyS0 mitigations=auto nokaslr iomem=relaxed quiet"


def machine(disks, smp, more, cpu=facts.CPU):
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
         "done; done" % (" ".join(BARE), facts.CPU[facts.CPU.index(","):]))


def bare_compare(tap, out, met):
    for cpu in BARE:
        text = []
        for engine in ("tcg", "kvm"):
            with open(os.path.join(out, "%s-%s" % (engine, cpu))) as f:
                text.append(f.read())
        if tap.ok(all(t.endswith("end: of the dump\n") for t in text), "without Linux, -cpu %s: whole dumps" % cpu,
                  "\n".join(bed.tail(t, 3) for t in text)):
            facts.compare(tap, "without Linux, -cpu %s" % cpu, *text, ALLOWED, met)


def host(d):
    return "mkdir -p %(d)s/share; truncate -s 1M %(d)s/dump; truncate -s 16M %(d)s/sata %(d)s/cd %(d)s/nvme" % {"d": d}


def direct(tap, ambi, tool, dump, same64):
    """Linux without firmware: one CPU and a disk; four and every device"""
    files = bed.cloud_guest(tool, ("ahci", "sd_mod", "sr_mod", "msr"), [(dump, "dump"), (facts.LOOK, "look")],
                            [bed.tool_lines("get-lspci")["root"]])
    here = facts.as_here()
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
            text["tcg"] = facts.unpack(os.path.join(d, "dump"))
        for engine in ("kvm",) if here else ("kvm", "tcg"):
            run = runs.get("%s-%s" % (engine, name))
            if tap.ok(run and run.status == 0 and run.has("^DUMP-OK") and not run.has("STEP-FAIL"), "%s, %s: Linux looks" % (engine, name),
                      bed.tail(run.text) if run else "it did not begin"):
                text[engine] = facts.unpack(os.path.join(out, "%s-%s" % (engine, name)))
        facts.keep(text, name)
        if len(text) == 2:
            facts.compare(tap, name, text["tcg"], text["kvm"], ALLOWED, met)
            facts.compare_printed(tap, name, text["tcg"], text["kvm"])
    for i, (pattern, why) in enumerate(ALLOWED):
        tap.ok(i in met, "still a difference: %s (%s)" % (pattern, why))


def main():
    tap = bed.Tap()
    for name in sys.argv[5:]:
        try:
            {"direct": direct}[name](tap, *sys.argv[1:5])
        except (bed.Failure, subprocess.SubprocessError, OSError) as e:
            tap.ok(False, name, str(e))
    sys.exit(tap.end())


if __name__ == "__main__":
    main()
