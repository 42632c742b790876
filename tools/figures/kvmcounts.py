# SPDX-License-Identifier: GPL-2.0-or-later
"""What the emulated host brought back for tools/kvm-figures: the kernel's histograms of KVM's events and
/proc/PID/smaps; and what they say."""
import os
import re

# kvm_userspace_exit's reason: KVM_EXIT_ of <linux/kvm.h>
USER = {2: "port", 4: "debug", 5: "HLT", 6: "memory", 7: "window", 8: "shutdown", 10: "signal", 17: "internal error",
        24: "event", 26: "IOAPIC EOI", 29: "RDMSR", 30: "WRMSR"}
# kvm_exit's exit_reason under SVM: VMEXIT_ of AMD's manual, volume 2, appendix C
SVM = {0x4e: "#PF", 0x52: "#MF", 0x60: "interrupt of the host", 0x61: "NMI", 0x64: "window", 0x72: "CPUID", 0x73: "RSM",
       0x75: "INTn", 0x76: "INVD", 0x77: "PAUSE", 0x78: "HLT", 0x79: "INVLPG", 0x7a: "INVLPGA", 0x7b: "port", 0x7c: "MSR",
       0x7f: "shutdown", 0x81: "VMMCALL", 0x87: "RDTSCP", 0x88: "ICEBP", 0x89: "WBINVD", 0x8a: "MONITOR",
       0x8b: "MWAIT", 0x8d: "XSETBV", 0x400: "page fault or memory access"}
SVM.update({r: "control register" for r in range(0x20)})
SVM.update({r: "debug register" for r in range(0x20, 0x40)})


def histogram(text):
    """{key: count} of a hist trigger's text; a key of several fields is a tuple. A text that lost some
    is an error: its table was too small."""
    counts = {}
    for m in re.finditer(r"^\{ (.*?) \} hitcount: +(\d+)", text, re.M):
        values = [int(v.split("[")[0].strip(), 0) for v in re.findall(r"\w+: +([^,]+)", m.group(1))]
        key = values[0] if len(values) == 1 else tuple(values)
        counts[key] = counts.get(key, 0) + int(m.group(2))
    totals = re.search(r"Hits: (\d+)\s+Entries: \d+\s+Dropped: (\d+)", text)
    if not totals or int(totals.group(2)) or int(totals.group(1)) != sum(counts.values()):
        raise ValueError("no whole histogram: %r" % text[-200:])
    return counts


def minus(a, b):
    """What came between two counts."""
    return {k: v - b.get(k, 0) for k, v in a.items() if v != b.get(k, 0)}


def by_name(counts, names):
    out = {}
    for k, v in counts.items():
        n = names.get(k, "other (%d)" % k)
        out[n] = out.get(n, 0) + v
    return out


def pss_beyond(smaps, ram_mib):
    """(KiB of PSS beyond guest RAM, KiB of guest RAM): RAM are the mappings of at least an eighth of it."""
    beyond = ram = 0
    for m in re.finditer(r"^([0-9a-f]+)-([0-9a-f]+) (\S+).*?^Pss: +(\d+) kB", smaps, re.M | re.S):
        size, pss = int(m.group(2), 16) - int(m.group(1), 16), int(m.group(4))
        if m.group(3).startswith("rw") and size >= ram_mib << 17:
            ram += pss
        else:
            beyond += pss
    if not ram:
        raise ValueError("no guest RAM in smaps")
    return beyond, ram


class Vmm:
    """One VMM's folder of /out."""

    def __init__(self, folder, ram_mib):
        self.folder = folder
        self.console = self.read("console")
        self.marks = {m.group(1): m.group(2) for m in re.finditer(r"^@@(\S+) ?(.*?)\r?$", self.console, re.M)}
        if "FAILED" in self.console or "done" not in self.marks or self.read("received").strip() != str(16 << 20):
            raise ValueError("%s did not do its work:\n%s\n%s" % (
                os.path.basename(folder), self.console[-2000:], self.read("stderr")[-2000:]))
        self.pss, self.ram = pss_beyond(self.read("smaps"), ram_mib)

    def read(self, name):
        with open(os.path.join(self.folder, name), errors="replace") as f:
            return f.read()

    def event(self, event, mark, since=None):
        now = histogram(self.read("%s.kvm_%s" % (mark, event)))
        return minus(now, self.event(event, since)) if since else now

    def user(self, mark, since=None):
        return by_name(self.event("userspace_exit", mark, since), USER)

    def exits(self, mark, since=None):
        return by_name(self.event("exit", mark, since), SVM)

    def work(self, name):
        """(requests or packets, exits to user space, exits of every kind) of a piece of work, less what
        asking for the counts costs."""
        of = [sum(f(name + "-end", name).values()) - sum(f("nothing-end", "nothing").values())
              for f in (self.user, self.exits)]
        return int(self.marks[name + "-end"]), max(of[0], 0), max(of[1], 0)
