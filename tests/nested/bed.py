# SPDX-License-Identifier: GPL-2.0-or-later
"""Sessions of the emulated host (tools/testbed) with several runs of ambi each,
the guests for them, and TAP."""
import glob
import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TOOLS = os.path.join(TOP, "tools")
# A loaded machine of two cores takes several times what an idle one does.
PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))
# Also what other tests show in part, for machines that are faster than those of CI.
LONG = bool(os.environ.get("AMBI_LONG"))
# What a kernel says when the machine is not as it should be.
COMPLAINTS = re.compile(r"BUG[: ]|WARNING:|Call Trace|Oops|ACPI (?:BIOS )?Error|nobody cared|"
                        r"[Cc]locksource.*unstable|soft lockup|rcu.*stall|DMESG-BAD|MOVES-BAD|STEP-FAIL|TOOL-FAIL|GUEST-FAIL")
MODULES = ["virtio_blk", "virtio_net", "virtio_rng", "virtio_balloon", "vmw_vsock_virtio_transport",
           "button", "pvpanic_mmio"]


class Failure(Exception):
    """What cannot go on; the text ends with what was printed last."""


class HostEnded(Failure):
    """The emulated host has gone: QEMU's SVM with several threads loses it once in some twenty runs (docs/testing.md)."""


def tool_lines(*cmd):
    """What tools/get-* print, as a dictionary; they make it if need be."""
    p = subprocess.run([os.path.join(TOOLS, cmd[0])] + list(cmd[1:]), stdout=subprocess.PIPE, text=True)
    if p.returncode:
        raise Failure("tools/%s: status %d (its message is above)" % (" ".join(cmd), p.returncode))
    return dict(line.split("=", 1) for line in p.stdout.splitlines() if "=" in line)


def scratch():
    """A folder that goes away with the process."""
    if not hasattr(scratch, "dir"):
        scratch.dir = tempfile.TemporaryDirectory(prefix="ambi-nested.")
    return scratch.dir.name


def cpio(root, out):
    """The folder as an initramfs archive, a little packed: an emulated guest unpacks it."""
    names = subprocess.run(["find", "."], cwd=root, check=True, stdout=subprocess.PIPE).stdout
    data = subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=root, input=names,
                          check=True, stdout=subprocess.PIPE).stdout
    with gzip.open(out, "wb", compresslevel=1) as f:
        f.write(data)


def cloud_guest(tool, more=(), programs=(), folders=()):
    """Debian's cloud kernel and get-guest's initramfs, plain ("initrd") and with drivers (and `more` modules),
    guest-init, `tool` and other static programs, pairs of path and name, and what is in `folders` ("lab")."""
    files = tool_lines("get-guest", "amd64")
    lab = os.path.join(scratch(), "-".join(["lab"] + list(more)))
    if not os.path.exists(lab):
        root = lab + "-root"
        unpacked = os.path.join(scratch(), "kernel-package")
        os.makedirs(os.path.join(root, "bin"))
        os.makedirs(unpacked)
        cache = os.path.dirname(os.path.dirname(os.path.dirname(files["kernel"])))
        debs = glob.glob(os.path.join(cache, "pool", "trixie-amd64", "linux-image-*cloud-amd64_*.deb"))
        if not debs:
            raise Failure("the kernel's package is not in %s: run tools/get-guest -f amd64" % cache)
        subprocess.run("dpkg-deb --fsys-tarfile %s | tar -x -C %s --wildcards '*/kernel/*.ko*' '*/modules.builtin'"
                       % (shlex.quote(debs[0]), shlex.quote(unpacked)), shell=True, check=True)
        subprocess.run([sys.executable, os.path.join(TOOLS, "guest", "modules.py"), unpacked,
                        os.path.join(root, "modules")] + MODULES + list(more), check=True)
        shutil.rmtree(unpacked)
        for src, dst in ((os.path.join(HERE, "guest-init"), "init"), (tool, "bin/tool"),
                         *((p, "bin/" + name) for p, name in programs),
                         (os.path.join(TOOLS, "guest", "init"), "init.selftest"),
                         (os.path.join(TOOLS, "guest", "udhcpc-script"), "udhcpc-script")):
            shutil.copyfile(src, os.path.join(root, dst))
            os.chmod(os.path.join(root, dst), 0o755)
        for folder in folders:
            shutil.copytree(folder, root, dirs_exist_ok=True)
        cpio(root, lab + ".extra")
        # two archives one after the other are one file system; what comes later counts
        with open(lab, "wb") as out:
            for part in (files["initrd"], lab + ".extra"):
                with open(part, "rb") as f:
                    shutil.copyfileobj(f, out)
    files["lab"] = lab
    return files


class Run:
    """What one step of a session printed, its exit status and its time in the host."""

    def __init__(self, name, text, status, seconds):
        self.name, self.text, self.status, self.seconds = name, text, status, seconds

    def has(self, pattern):
        return re.search(pattern, self.text, re.M)


class Bed:
    """Collects steps, then runs them in one emulated host."""
    engine = "kvm"

    def __init__(self, ambi, smp=1, mem=2048):
        self.args = ["--mem", str(mem), "--smp", str(smp)]
        self.script = [". /root/steps"]
        self.limit = 60
        self.file(ambi, "/root/ambi")
        self.file(os.path.join(HERE, "steps"), "/root/steps")

    def file(self, src, dst):
        self.args += ["--file", "%s:%s" % (src, dst)]

    def out(self, path):
        """What is in /out at the end comes back into this folder, which is returned."""
        self.args += ["--out", path]
        return path

    def disk(self, path, keep=False):
        """The next of /dev/vda, /dev/vdb...; what is written to it is thrown away."""
        self.args += ["--disk-rw" if keep else "--disk", path]

    def sh(self, text):
        """Shell commands of the host between the steps."""
        self.script.append(text)

    def step(self, name, seconds, *command):
        """A command as a step of its own; ended after that time."""
        seconds = int(seconds * PATIENCE)
        self.limit += seconds
        self.script.append("step %s %d %s" % (name, seconds, " ".join(shlex.quote(w) for w in command)))

    def ambi(self, name, seconds, *args):
        self.step(name, seconds, "ambi", "-accel", self.engine, *args)

    @staticmethod
    def runs(data):
        text = data.decode(errors="replace").replace("\r", "")
        runs = {}
        for m in re.finditer(r"^@@BEGIN (\S+)\n(.*?)(?:^@@END \1 (\d+) (\d+)$|\Z)", text, re.M | re.S):
            runs[m.group(1)] = Run(m.group(1), m.group(2), int(m.group(3) or -1), int(m.group(4) or -1))
        return runs

    def go(self):
        """Runs it all. {name: Run}; a step that did not begin is not there."""
        try:
            return self.try_once()
        except HostEnded as e:
            print("# once more: " + str(e).replace("\n", "\n# "), flush=True)
            return self.try_once()

    def try_once(self):
        path = os.path.join(scratch(), "script")
        with open(path, "w") as f:
            f.write("\n".join(self.script) + "\nexit 0\n")
        cmd = [os.path.join(TOOLS, "testbed"), "--timeout", str(self.limit)] + self.args + \
            ["--file", path + ":/root/script", "--", "sh", "/root/script"]
        log = os.environ.get("AMBI_LOG_DIR")
        p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        chunks = []
        echo = open(os.path.join(log, "bed-%d.log" % time.monotonic_ns()), "wb") if log else None

        def pump():
            for data in iter(lambda: os.read(p.stdout.fileno(), 65536), b""):
                chunks.append(data)
                if echo:
                    echo.write(data)
                    echo.flush()
        t = threading.Thread(target=pump)
        t.start()
        status = p.wait()
        t.join()
        runs = self.runs(b"".join(chunks))
        if status or not runs:
            raise (HostEnded if status == 125 else Failure)("testbed: status %d (124 time ran out, 125 it failed, 126 no KVM)\n%s"
                          % (status, tail(b"".join(chunks).decode(errors="replace"), 60)))
        return runs


class Here(Bed):
    """The same steps on this machine, by the translator: what lies in the emulated host's folders lies in one of
    its own, so the paths are written anew."""
    engine = "tcg"

    def __init__(self, ambi, smp=1, mem=2048):
        self.dir = tempfile.mkdtemp(dir=scratch())
        self.disks = 0
        for d in ("root", "tmp", "dev", "out", "bin"):
            os.mkdir(os.path.join(self.dir, d))
        super().__init__(ambi, smp, mem)
        self.sh("PATH=/root:/bin:$PATH; cd /root")

    def at(self, text):
        return re.sub(r"(?<![\w./-])/(root|tmp|out|bin|dev/vd[a-z])\b", self.dir + r"/\1", text)

    def file(self, src, dst):
        dst = self.at(dst)
        if os.path.exists(dst):
            return      # firmware: where it is anyhow
        if dst.endswith("/steps"):
            with open(src) as f, open(dst, "w") as out:
                out.write(self.at(f.read()))
            return
        os.symlink(os.path.abspath(src), dst)

    def disk(self, path, keep=False):
        copy = os.path.join(self.dir, "dev", "vd" + chr(ord("a") + self.disks))
        self.disks += 1
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", path, copy], check=True)

    def out(self, path):
        return os.path.join(self.dir, "out")

    def go(self):
        script = os.path.join(self.dir, "script")
        with open(script, "w") as f:
            f.write(self.at("\n".join(self.script)) + "\nexit 0\n")
        p = subprocess.run(["sh", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=self.limit)
        runs = self.runs(p.stdout)
        if p.returncode or not runs:
            raise Failure("the steps: status %d\n%s" % (p.returncode, tail(p.stdout.decode(errors="replace"), 60)))
        return runs


def bed(ambi, **kw):
    """Where this process's steps run (see main)."""
    return (Here if main.engine == "tcg" else Bed)(ambi, **kw)


def tail(text, lines=40):
    return "\n".join(text.split("\n")[-lines:])


class Tap:
    """Counts; a failed test shows the end of its run's console."""

    def __init__(self):
        self.n, self.bad = 0, 0

    def ok(self, good, name, why=""):
        self.n += 1
        self.bad += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.n, name), flush=True)
        if not good:
            for line in why.split("\n"):
                print("# " + line)
        return good

    def run(self, run, name, want, status=0):
        """The step printed every pattern of `want`, ended with that status and nothing complained."""
        if run is None:
            return self.ok(False, name, "it did not begin")
        why = ["no %r" % w for w in want if not run.has(w)]
        bad = COMPLAINTS.search(run.text)
        if bad:
            why.append("a complaint: " + bad.group(0))
        if run.status != status:
            why.append("status %d, not %d" % (run.status, status))
        return self.ok(not why, "%s (%d s)" % (name, run.seconds), "; ".join(why) + "\n" + tail(run.text))

    def end(self):
        print("1..%d" % self.n, flush=True)
        return 1 if self.bad else 0


def main(cases):
    """test_X.py AMBI TOOL CASE...; "tcg:CASE": by the translator, without an emulated host."""
    tap = Tap()
    for name in sys.argv[3:]:
        main.engine, _, name = name.rpartition(":")
        try:
            cases[name](tap, sys.argv[1], sys.argv[2])
        except (Failure, subprocess.SubprocessError, OSError) as e:
            tap.ok(False, name, str(e))
    sys.exit(tap.end())
