#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_debian.py AMBI TOOL CASE...

A whole Debian (tools/get-disk) on machine pc and a whole KVM: systemd to its
login prompt by the kernel directly, and through firmware and GRUB.
"""
import os
import re
import subprocess

import bed
import facts

LOGIN = "ambi-guest login:"
# for an emulated processor: security modules cost it seconds
QUICK = "mitigations=off quiet lsm=capability audit=0 rcupdate.rcu_expedited=1"
FIRMWARE = {"seabios": "/usr/share/seabios/bios-256k.bin", "vgabios": "/usr/share/seabios/vgabios-stdvga.bin",
            "code": "/usr/share/OVMF/OVMF_CODE_4M.fd", "vars": "/usr/share/OVMF/OVMF_VARS_4M.fd"}


def session(ambi, mem=2600):
    files = bed.tool_lines("get-disk")
    b = bed.Bed(ambi, mem=mem)
    b.disk(files["disk"])
    return b, files


def words_disk(b, files, name, words):
    """A disk with the image's EFI partition and words for its GRUB."""
    path = os.path.join(bed.scratch(), name)
    subprocess.run(["dd", "if=" + files["disk"], "of=" + path, "bs=1M", "skip=1", "count=32", "conv=sparse", "status=none"],
                   check=True)
    with open(path + ".cfg", "w") as f:
        f.write('set words="%s"\n' % words)
    subprocess.run(["mcopy", "-o", "-i", path, path + ".cfg", "::words.cfg"], check=True)
    b.disk(path)


def firmware(b, *names):
    for n in names:
        if not os.path.exists(FIRMWARE[n]):
            raise bed.Failure("no %s (packages seabios and ovmf)" % FIRMWARE[n])
        b.file(FIRMWARE[n], FIRMWARE[n])


# irqchip=off: QEMU (to 10.0 at least) aborts where its SVM guest writes CR8 without an exit while KVM
# waits for an interrupt window; KVM lets every such write exit only if it has no local APIC
OVMF = ["-M", "pc,irqchip=off", "-drive", "file=" + FIRMWARE["code"] + ",if=pflash,readonly=on",
        "-drive", "file=/tmp/vars.fd,if=pflash"]
# what KVM cannot give without a local APIC of its own, off for both engines
NO_KERNEL_APIC = "".join(",%s=off" % f for f in ("x2apic", "tsc-deadline", "kvm-pv-eoi", "kvm-pv-unhalt", "kvm-pv-ipi",
                                                 "kvm-pv-sched-yield"))
# beside disks
DEVICES = ["-nic", "user", "-device", "virtio-rng", "-drive", "file=/tmp/cd,media=cdrom", "-drive", "file=/tmp/nvme,if=nvme"]
# the console's input: Ctrl-A c is the monitor
BUTTON = ("rm -f /tmp/keys; mkfifo /tmp/keys; STDIN=/tmp/keys; (exec 4>/tmp/keys; until_log %s GUEST-OK; printf '\\001c' >&4; "
          "for i in 1 2 3 4 5 6; do echo system_powerdown >&4; sleep 10; done) & p1=$!")

READ = "find . -maxdepth 1 -type f -name '[a-p]*' | LC_ALL=C sort | xargs cat"
# as process 1, from 9p: programs with their libraries, reading, writing
NINE = r"""#!/bin/bash
cd /usr/bin
echo "NINE-READ $(@READ@ | md5sum)"
perl -e 'print "perl $]\n"'
cp perl /made && mv /made /root/made && truncate -s -1000 /root/made && chmod 640 /root/made
echo "NINE-MADE $(md5sum </root/made)"
sync
systemctl poweroff -ff
""".replace("@READ@", READ)


def direct(tap, ambi, tool):
    """Without firmware: root file system by 9p; AMBI_LONG: systemd to a login prompt, from virtio-blk, too"""
    b, files = session(ambi)
    b.file(files["kernel"], "/root/vmlinuz")
    b.file(files["small-initrd"], "/root/initrd")
    common = ["-m", "640", "-no-reboot", "-initrd", "initrd", "-kernel", "vmlinuz", "-append"]
    append = "console=ttyS0 rw ambi.test %s " % QUICK
    by_9p = append + "root=root rootfstype=9p rootflags=cache=loose "
    if bed.LONG:
        b.sh(BUTTON % "blk")
        b.ambi("blk", 600, "-drive", "file=/dev/vda", *common, append + "root=/dev/vda2")
        b.sh("kill $p1; STDIN=")
    b.sh("mkdir -p /mnt; mount -t ext4 /dev/vda2 /mnt || echo cannot mount the disk")
    b.sh("cat >/mnt/nine <<'END'\n%sEND\nchmod 755 /mnt/nine" % NINE)
    b.ambi("9p", 600, "-virtfs", "/mnt,mount_tag=root", *common, by_9p + "init=/nine")
    b.step("9p-host", 100, "sh", "-c", 'cd /mnt/usr/bin; echo "NINE-READ $(%s | md5sum)"; ' % READ +
           'echo "NINE-MADE $(md5sum </mnt/root/made)"; stat -c "mode %a" /mnt/root/made')
    if bed.LONG:
        b.ambi("9p-all", 1200, "-virtfs", "/mnt,mount_tag=root", *common, by_9p + "ambi.off")
    b.sh("umount /mnt")
    runs = b.go()
    if bed.LONG:
        for name, what in (("blk", "virtio-blk (PCI), power button"), ("9p-all", "9p, power-off")):
            tap.run(runs.get(name), "Debian from %s: login prompt, GUEST-OK" % what,
                    [LOGIN, "GUEST-OK x86_64", "reboot: Power down"])
    run, host = runs.get("9p"), runs.get("9p-host")
    tap.run(run, "programs from a root file system by 9p", [r"^perl 5\.", "^NINE-MADE", "reboot: Power down"])
    tap.run(host, "the host has what the guest wrote by 9p", ["^mode 640"])
    for word in ("READ", "MADE"):
        sums = [re.search(r"^NINE-%s (\w+)" % word, r.text, re.M) if r else None for r in (run, host)]
        tap.ok(all(sums) and sums[0].group(1) == sums[1].group(1), "9p, %s: checksums" % word.lower(), repr(sums))


def both(tap, ambi, tool, name, grub, roms, options, cpu=facts.CPU, prepare=""):
    """Firmware, GRUB, Debian from the disk image alone, by both engines: systemd to a login prompt, the power button;
    the machine that Debian finds is one, word for word (facts.py). The steps, by name."""
    files = bed.tool_lines("get-disk")
    archive = facts.carry(os.path.join(os.path.dirname(tool), "nested-dump"))
    # where this host's processor cannot be emulated the translator runs in the emulated host, too
    here = facts.as_here()
    runs, out = {}, {}
    beds = [(bed.Bed(ambi, mem=2600), ["kvm"]), (bed.Here(ambi), ["tcg"])] if here else [(bed.Bed(ambi, mem=2600), ["kvm", "tcg"])]
    for b, engines in beds:
        b.disk(files["disk"])
        b.file(archive, "/root/look.tar")
        folder = b.out(os.path.join(bed.scratch(), "out"))
        firmware(b, *roms)
        words_disk(b, files, "words", "ambi.run=carried,vdb ambi.test nokaslr " + QUICK)
        for engine in engines:
            b.sh("dd if=/dev/vdb of=/dev/vda bs=1M seek=1 conv=notrunc 2>/dev/null; sync")
            b.sh("cp /root/look.tar /tmp/look; truncate -s 2M /tmp/look; truncate -s 16M /tmp/cd /tmp/nvme")
            b.sh(prepare)
            b.sh(BUTTON % engine)
            b.step(engine, 800, "ambi", "-accel", engine, "-cpu", cpu, "-m", "640", "-no-reboot",
                   "-debugcon", "file:/tmp/debugcon", *options, "-drive", "file=/dev/vda", "-drive", "file=/tmp/look", *DEVICES)
            b.sh("kill $p1; STDIN=; cp /tmp/look /out/" + engine)
            b.step(engine + "-debugcon", 20, "cat", "/tmp/debugcon")
        runs.update(b.go())
        out.update((engine, os.path.join(folder, engine)) for engine in engines)
    for engine in sorted(out):
        tap.run(runs.get(engine), "%s: %s boots GRUB and Debian: login prompt, GUEST-OK, power button" % (engine, name),
                ["GRUB %s: loading Debian" % grub, LOGIN, "DUMP-OK", "GUEST-OK x86_64", "reboot: Power down"])
    text = {engine: facts.unpack(path) for engine, path in out.items()}
    facts.keep(text, name)
    facts.compare(tap, "Debian behind " + name, masks=facts.SIDE_BY_SIDE + (facts.ALLOCATED if grub == "efi" else []), **text)
    facts.compare_printed(tap, "Debian behind " + name, **text)
    return runs


def seabios(tap, ambi, tool):
    """SeaBIOS on both engines"""
    runs = both(tap, ambi, tool, "SeaBIOS", "pc", ["seabios", "vgabios"], [])
    for engine in ("kvm", "tcg"):
        tap.run(runs.get(engine + "-debugcon"), engine + ": SeaBIOS finds display and disk",
                ["SeaBIOS", "Turning on vga text mode console", "found virtio-blk at", "Booting from Hard Disk"])


def ovmf_both(tap, ambi, tool):
    """OVMF on both engines (not in CI: one more systemd in the emulated host)"""
    both(tap, ambi, tool, "OVMF", "efi", ["code", "vars", "vgabios"], OVMF, facts.CPU + NO_KERNEL_APIC,
         "cp %s /tmp/vars.fd" % FIRMWARE["vars"])


def ovmf(tap, ambi, tool):
    """OVMF, GRUB, Debian (AMBI_LONG: to a login prompt); the second start finds the variable that the first wrote"""
    b, files = session(ambi)
    firmware(b, "code", "vars", "vgabios")
    words_disk(b, files, "words1", "init=/usr/lib/ambi/efivar " + QUICK)
    words_disk(b, files, "words2", ("ambi.run=efivar,check ambi.test ambi.off " if bed.LONG else "init=/bin/sh ") + QUICK)
    b.sh("cp %s /tmp/vars.fd; md5sum /tmp/vars.fd" % FIRMWARE["vars"])
    start = ["-m", "640", "-no-reboot"] + OVMF + ["-drive", "file=/dev/vda"]
    for i, disk in ((1, "/dev/vdb"), (2, "/dev/vdc")):
        b.sh("dd if=%s of=/dev/vda bs=1M seek=1 conv=notrunc 2>/dev/null; sync" % disk)
        if i == 2 and not bed.LONG:
            b.sh("mkfifo /tmp/keys; STDIN=/tmp/keys; (exec 4>/tmp/keys; until_log start2 'job control turned off'; "
                 "echo 'modprobe efivarfs; /usr/lib/ambi/efivar check; systemctl poweroff -ff' >&4; sleep 1000) & p1=$!")
        b.ambi("start%d" % i, 900, *start)
        b.step("vars%d" % i, 20, "sh", "-c", "cmp %s /tmp/vars.fd; strings -n 6 /tmp/vars.fd | grep kept"
               % FIRMWARE["vars"])
    b.sh("kill $p1 2>/dev/null")
    runs = b.go()
    tap.run(runs.get("start1"), "OVMF boots GRUB and Debian; Linux writes a variable",
            ["GRUB efi: loading Debian", "EFIVAR-WRITTEN", "reboot: Power down"])
    tap.run(runs.get("start2"), "the second start finds the variable" + ("; login prompt, GUEST-OK, power-off" if bed.LONG else ""),
            ["GRUB efi: loading Debian", "EFIVAR kept over restarts", "reboot: Power down"] +
            ([LOGIN, "GUEST-OK x86_64"] if bed.LONG else []))
    run = runs.get("vars1")
    tap.ok(bool(run) and bool(run.has("differ")) and bool(run.has("kept over restarts")),
           "the variable is in the file of the variable store", run.text if run else "")


if __name__ == "__main__":
    bed.main({"direct": direct, "seabios": seabios, "ovmf": ovmf, "ovmf-both": ovmf_both})
