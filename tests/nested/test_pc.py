#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_pc.py AMBI TOOL CASE...

Debian's amd64 cloud kernel on machine pc and a whole KVM.
"""
import hashlib
import os
import re
import sys

import bed

sys.path.insert(0, os.path.join(bed.TOP, "tests", "vmm"))
import bootable  # noqa: E402

SEABIOS = "/usr/share/seabios/bios-256k.bin"
QUIET = "console=ttyS0 mitigations=off quiet"


def machine(files, smp=1, irqchip="on", words="", initrd="/root/lab", more=(), append=QUIET):
    return ["-m", "384", "-smp", str(smp), "-M", "pc,irqchip=" + irqchip, "-no-reboot", "-initrd", initrd] + \
        list(more) + ["-kernel", "/root/vmlinuz", "-append", (append + " " + words).strip()]


def session(ambi, tool, modules=(), **kw):
    files = bed.cloud_guest(tool, modules)
    b = bed.bed(ambi, **kw)
    b.file(files["kernel"], "/root/vmlinuz")
    b.file(files["lab"], "/root/lab")
    b.file(files["initrd"], "/root/initrd")
    b.file(tool, "/bin/tool")
    return b, files


def routing(run):
    m = re.search(r"IRQ-BEGIN\n(.*?)IRQ-END", run.text, re.S) if run else None
    return m.group(1) if m else "none"


def boot(tap, ambi, tool):
    """GUEST-OK with 2 vCPUs (AMBI_LONG: 1, too), every irqchip mode, the same interrupt routing in all"""
    vcpus = (1, 2) if bed.LONG else (2,)
    b, files = session(ambi, tool, smp=2)
    every = ["-nic", "user", "-device", "virtio-rng", "-drive", "file=/tmp/disk", "-device", "virtio-balloon",
             "-device", "virtio-console,chardev=file:/tmp/hvc"]
    b.sh("truncate -s 16M /tmp/disk")
    b.ambi("plain", 400, *machine(files, initrd="/root/initrd", append="console=ttyS0 mitigations=off"))
    for smp in vcpus:
        for irqchip in ("on", "split", "off"):
            b.ambi("%s-%d" % (irqchip, smp), 400,
                   *machine(files, smp, irqchip, "do=interrupts,selftest quick", more=every))
    runs = b.go()
    tap.run(runs.get("plain"), "cloud kernel and initramfs to GUEST-OK, ACPI power-off",
            [r"GUEST-OK x86_64 \(\d+ tests, 1 CPUs", "reboot: Power down", "ACPI: PM: Preparing to enter system sleep state S5"])
    for smp in vcpus:
        first = routing(runs.get("on-%d" % smp))
        for irqchip in ("on", "split", "off"):
            run = runs.get("%s-%d" % (irqchip, smp))
            tap.run(run, "irqchip %s, %d vCPUs: GUEST-OK, clean log, ACPI power-off" % (irqchip, smp),
                    [r"GUEST-OK x86_64 \(\d+ tests, %d CPUs" % smp])
            want = [r"^4: .*IO-APIC.* ttyS0$", r"^9: .*IO-APIC.*acpi$", r"^\d+: .*PCI-MSIX.*virtio\d+-.*req"]
            mine = routing(run)
            lack = [w for w in want if not re.search(w, mine, re.M)]
            tap.ok(mine == first and not lack, "irqchip %s, %d vCPUs: interrupt routing" % (irqchip, smp),
                   "lacks %r\n%s\n--- irqchip on:\n%s" % (lack, mine, first))


def disk(tap, ambi, tool):
    """Written, read back and compared: thread pool, libaio, two queues, packed rings"""
    mib, small = 96, 32
    b, files = session(ambi, tool)
    image = os.path.join(bed.scratch(), "disk.img")
    with open(image, "wb") as f:
        f.truncate((mib + 16) << 20)
    for _ in range(4):
        b.disk(image)
    cases = [
        # name, vCPUs, disk, options of the drive, of the device, MiB, threads in the guest, queues
        ("threads", 1, "/dev/vda", "aio=threads", "", mib, 2, 1),
        ("libaio", 1, "/dev/vdb", "aio=native,cache=none", "", mib, 2, 1),
        ("queues", 2, "/dev/vdc", "aio=native,cache=none", "", small, 4, 2),
        ("packed", 2, "/dev/vdd", "aio=threads", ",packed=on", small, 4, 2),
    ]
    for name, smp, path, drive, dev, size, threads, _ in cases:
        b.ambi(name, 300, *machine(files, smp, words="do=blk:vda:%d:%d" % (size, threads), more=[
            "-drive", "file=%s,if=none,id=d,%s" % (path, drive), "-device", "virtio-blk,drive=d" + dev]))
        b.step(name + "-sum", 200, "tool", "sum", path, str(size))
    runs = b.go()
    for name, smp, path, drive, dev, size, threads, queues in cases:
        run, host = runs.get(name), runs.get(name + "-sum")
        tap.run(run, "virtio-blk %s, %d MiB, %s: guest reads what it wrote" % (name, size, drive + dev),
                ["^BLK-OK %d MiB" % size, "^queues %d, features %d" % (queues, "packed=on" in dev),
                 "^GUEST-OK x86_64 %d CPUs" % smp])
        if tap.run(host, "virtio-blk %s: the host's disk has it" % name, ["^SUM-OK %d MiB" % size]) and run:
            sums = [re.search(r"-OK %d MiB (\w+)" % size, r.text) for r in (run, host)]
            tap.ok(all(sums) and sums[0].group(1) == sums[1].group(1), "virtio-blk %s: checksums" % name)


def drives(tap, ambi, tool):
    """SATA disk, CD-ROM and NVMe: written, read back and compared; an ISO boots by firmware"""
    mib = 24
    b, files = session(ambi, tool, modules=("ahci", "sd_mod", "sr_mod"), smp=2)
    cd = os.path.join(bed.scratch(), "cd.img")
    with open(cd, "wb") as f:
        for i in range(3000):
            f.write(i.to_bytes(4, "little") * 512)
    boot = bootable.iso(bed.scratch(), "boot.iso")
    b.file(cd, "/root/cd.img")
    b.file(boot, "/root/boot.iso")
    b.file(SEABIOS, SEABIOS)
    cases = [("msi", 2, "on", ""), ("intx", 1, "on", " pci=nomsi"), ("off", 1, "off", "")]
    for name, smp, irqchip, append in cases:
        b.sh("rm -f /tmp/sata /tmp/nvme; truncate -s %dM /tmp/sata /tmp/nvme" % (mib + 16))
        b.ambi(name, 400, *machine(files, smp, irqchip, "do=" + ",".join(
            ["interrupts", "sum:sr0", "sum:sda", "blk:sda:%d:4" % mib, "blk:nvme0n1:%d:4" % mib, "messages:ata",
             "messages:nvme"]), append=QUIET + append, more=[
                "-drive", "file=/tmp/sata,if=ahci", "-drive", "file=/root/cd.img,media=cdrom",
                "-drive", "file=/tmp/nvme,if=nvme"]))
        for kind in ("sata", "nvme"):
            b.step("%s-%s" % (name, kind), 100, "tool", "sum", "/tmp/" + kind, str(mib))
    b.ambi("iso", 100, "-m", "64", "/root/boot.iso", "-drive", "file=/tmp/sata,if=ahci")
    b.ambi("order", 100, "-m", "64", "-cdrom", "/root/boot.iso", "-drive", "file=/tmp/nvme,if=nvme", "-boot", "d")
    runs = b.go()
    digest = hashlib.md5(open(cd, "rb").read()).hexdigest()
    for name, smp, irqchip, append in cases:
        run = runs.get(name)
        tap.run(run, "%s, irqchip %s, %d vCPUs: Linux finds the drives" % (name, irqchip, smp),
                ["^SUM sr0 %s 12000 1" % digest, r"^SUM sda [0-9a-f]+ %d 0" % ((mib + 16) * 2048),
                 "^GUEST-OK x86_64 %d CPUs" % smp])
        bad = run and re.search(r"failed command|exception Emask|I/O error|timeout|hard resetting", run.text)
        tap.ok(run and not bad, "%s: no errors of the drivers" % name, bad.group(0) if bad else "")
        sums = re.findall(r"^BLK-OK %d MiB (\w+)" % mib, run.text, re.M) if run else []
        for i, kind in enumerate(("sata", "nvme")):
            host = runs.get("%s-%s" % (name, kind))
            m = host and re.search(r"^SUM-OK %d MiB (\w+)" % mib, host.text, re.M)
            tap.ok(len(sums) == 2 and m and m.group(1) == sums[i], "%s, %s: checksums" % (name, kind),
                   "%r, host %r" % (sums, m and m.group(1)))
    for name in ("iso", "order"):
        tap.run(runs.get(name), "SeaBIOS boots the CD-ROM (%s)" % name, ["^FROM boot.iso"])


def net(tap, ambi, tool):
    """TCP both ways through slirp; vsock, console, balloon and entropy in the same guest"""
    mib = 2
    b, files = session(ambi, tool)
    for irqchip, smp in (("on", 2), ("off", 1)):
        n = "net-" + irqchip
        b.sh("rm -f /tmp/vs* /tmp/ch; tool serve tcp:127.0.0.1:7000 %d 1 >/tmp/s1 & p1=$!" % mib)
        b.sh("tool serve unix:/tmp/vs_8000 %d 1 >/tmp/s2 & p2=$!" % mib)
        b.sh("(until_log %s SERVING; tool call tcp:127.0.0.1:7001 %d; until_log %s vsock-next; "
             "tool call guest:/tmp/vs:8001 %d; tool ask unix:/tmp/ch 6) >/tmp/s3 2>&1 & p3=$!" % (n, mib, n, mib))
        # the console's input: Ctrl-A c is the monitor
        b.sh("mkfifo /tmp/keys 2>/dev/null; STDIN=/tmp/keys; (exec 4>/tmp/keys; until_log %s BALLOON-READY; "
             "printf '\\001cballoon 256M\\n' >&4; until_log %s BALLOON-TAKEN; printf 'balloon 384M\\ninfo balloon\\n\\001c' >&4; "
             "until_log %s 'Power down') & p4=$!" % (n, n, n))
        words = ["net", "call:%d:tcp/10.0.2.2/7000" % mib, "serve:%d:tcp/0.0.0.0/7001" % mib, "mark:vsock-next",
                 "call:%d:vsock/2/8000" % mib, "serve:%d:vsock/0xffffffff/8001" % mib, "rng", "console",
                 "balloon"]
        b.ambi(n, 300, *machine(files, smp, irqchip, "do=" + ",".join(words), more=[
            "-nic", "user,hostfwd=tcp:127.0.0.1:7001-:7001", "-device", "virtio-vsock,guest-cid=5,socket=/tmp/vs",
            "-device", "virtio-rng", "-device", "virtio-balloon", "-device",
            "virtio-console,chardev=file:/tmp/hvc,channel=org.ambi.test:unix:/tmp/ch,,server=on"]))
        b.sh("STDIN=")
        b.step(n + "-host", 60, "sh", "-c", "cat /tmp/s1 /tmp/s2 /tmp/s3 /tmp/hvc")
        b.sh("kill $p1 $p2 $p3 $p4 2>/dev/null")
    runs = b.go()
    for irqchip, smp in (("on", 2), ("off", 1)):
        run, host = runs.get("net-" + irqchip), runs.get("net-%s-host" % irqchip)
        tap.run(run, "irqchip %s: DHCP, TCP and vsock both ways, entropy, console" % irqchip,
                ["inet 10.0.2.15/24", "CALL-OK %d MiB" % mib, "SERVE-OK %d MiB" % mib,
                 r"(?s)CALL-OK.*SERVE-OK.*CALL-OK.*SERVE-OK", r"^rng virtio_rng\.0 (4[89]\d|50\d|51[012])$",
                 "^BALLOON-GIVEN", "GUEST-OK x86_64"])
        tap.run(host, "irqchip %s: the host's ends" % irqchip,
                [r"(?s)SERVE-OK.*SERVE-OK.*CALL-OK.*CALL-OK", "^ANSWER 42", "^over hvc0"])


def endings(tap, ambi, tool):
    """Panic, reset and second boot, by exit status"""
    b, files = session(ambi, tool)
    again_modes = (("on", 2), ("split", 2), ("off", 1))
    b.sh("truncate -s 1M /tmp/count")
    b.ambi("panic", 200, *machine(files, words="do=panic"))
    ways = {"a": "ACPI's reset register", "k": "the keyboard controller", "p": "port 0xcf9", "t": "a triple fault"}
    for way in ways:
        b.ambi("no-reboot-" + way, 200, *machine(files, words="do=reboot reboot=" + way))
    for irqchip, smp in again_modes:
        b.sh("truncate -s 0 /tmp/count; truncate -s 1M /tmp/count")
        again = machine(files, smp, irqchip, "do=count:vda,reboot-once", more=["-drive", "file=/tmp/count"])
        again.remove("-no-reboot")
        b.ambi("again-" + irqchip, 300, *again)
    runs = b.go()
    run = runs.get("panic")
    tap.ok(bool(run) and run.status == 3 and bool(run.has("sysrq triggered crash")),
           "a panic is exit status 3 (pvpanic)", bed.tail(run.text) if run else "")
    for way, name in ways.items():
        tap.run(runs.get("no-reboot-" + way), "a reset by %s is the end with -no-reboot, status 0" % name, ["^REBOOTING"])
    for irqchip, smp in again_modes:
        tap.run(runs.get("again-" + irqchip), "irqchip %s: a reset boots again, the second boot powers off" % irqchip,
                [r"(?s)COUNT 1\b.*REBOOTING.*COUNT 2\b.*GUEST-OK x86_64 %d CPUs" % smp])


if __name__ == "__main__":
    bed.main({"boot": boot, "disk": disk, "drives": drives, "net": net, "endings": endings})
