#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_twin.py AMBI: copies of a running Linux guest (vm-twin). Each goes its own way to the end: the original, a
copy that runs at once, one that is continued later on, and a copy of a copy."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AMBI = os.path.abspath(sys.argv[1])
PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))
bad = 0
done = 0


def ok(good, name, why=""):
    global bad, done
    done += 1
    bad += not good
    print("%s %d - %s%s" % ("ok" if good else "not ok", done, name, "" if good else "\n# " + str(why)), flush=True)


class Qmp:
    def __init__(self, path, seconds=20):
        end = time.monotonic() + seconds * PATIENCE
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.connect(path)
                break
            except OSError:
                self.sock.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.file = self.sock.makefile("rw")
        self.events = []
        self.line()
        self.run("qmp_capabilities")

    def line(self):
        text = self.file.readline()
        if not text:
            raise EOFError("the connection ended")
        return json.loads(text)

    def run(self, command, **args):
        json.dump({"execute": command, "arguments": args}, self.file)
        self.file.write("\n")
        self.file.flush()
        while True:
            answer = self.line()
            if "event" not in answer:
                return answer
            self.events.append(answer)

    def shutdown(self, seconds):
        """The reason in the guest's SHUTDOWN event."""
        self.sock.settimeout(seconds * PATIENCE)
        try:
            while not any(e["event"] == "SHUTDOWN" for e in self.events):
                self.events.append(self.line())
        except (OSError, EOFError) as e:
            return repr(e)
        return next(e["data"]["reason"] for e in self.events if e["event"] == "SHUTDOWN")


def number(of, path):
    """The guest's generation number, as its state has it."""
    r = of.run("snapshot-save", path=path)
    if "return" not in r:
        return str(r)
    with open(path, "rb") as f:
        data = f.read()
    at = data.index(b"\4guid", data.index(b"dev/vmgenid")) + 9
    return data[at:at + 16]


def iso():
    """The machine of an ISO that was given as the image has its drive in the copy, too."""
    with tempfile.TemporaryDirectory() as d:
        image = os.path.join(d, "a.iso")
        with open(image, "wb") as f:
            f.write(bytes(32768) + b"\x01CD001" + bytes(65536))
        p = subprocess.Popen([AMBI, image, "-accel", "tcg", "-m", "64", "-serial", "null",
                              "-qmp", "unix:" + os.path.join(d, "first")], stdin=subprocess.DEVNULL)
        q = Qmp(os.path.join(d, "first"))
        try:
            q.run("vm-twin", name="twin-iso-%d" % os.getpid(), qmp="unix:" + os.path.join(d, "copy"))
            copy = Qmp(os.path.join(d, "copy"))
            ok(copy.run("query-status")["return"]["status"] == "paused", "a copy of what an ISO boots")
            copy.run("quit")
        except OSError as e:
            ok(False, "a copy of what an ISO boots", e)
        q.run("quit")
        p.wait(30 * PATIENCE)


def main():
    files = subprocess.run([os.path.join(TOP, "tools", "get-guest"), "amd64"], check=True, stdout=subprocess.PIPE, text=True)
    files = dict(line.split("=", 1) for line in files.stdout.splitlines() if "=" in line)
    with tempfile.TemporaryDirectory() as d:
        serial = os.path.join(d, "serial")
        kept = [os.path.join(d, x) for x in ("console", "debugcon", "trace")]
        p = subprocess.Popen([AMBI, "-machine", "pc,accel=tcg,hpet=off", "-m", "512", "-smp", "2", "-no-reboot",
                              "-serial", "file:" + serial, "-device", "virtio-console,chardev=file:" + kept[0],
                              "-debugcon", "file:" + kept[1], "-d", "guest", "-D", kept[2],
                              "-qmp", "unix:" + os.path.join(d, "first"), "-nic", "user", "-kernel", files["kernel"],
                              "-initrd", files["initrd"], "-append", "console=ttyS0 quiet"], stdin=subprocess.DEVNULL)
        q = Qmp(os.path.join(d, "first"))
        end = time.monotonic() + 60 * PATIENCE
        while "ok md5" not in open(serial, errors="replace").read() and time.monotonic() < end:
            time.sleep(0.05)

        for path in kept:
            with open(path, "a") as f:
                f.write("kept")

        def twin(of, name, **args):
            r = of.run("vm-twin", name="twin-%s-%d" % (name, os.getpid()), qmp="unix:" + os.path.join(d, name), **args)
            ok("return" in r, "a copy (%s): pause %.1f ms" % (name, r.get("return", {}).get("pause", 0) * 1e3), r)
            return Qmp(os.path.join(d, name))
        running = twin(q, "running", run=True)
        waiting = twin(q, "waiting")
        ok(running.run("query-status")["return"]["status"] == "running", "it runs")
        ok(waiting.run("query-status")["return"]["status"] == "paused", "the other one waits")
        third = twin(waiting, "third")
        numbers = [number(g, os.path.join(d, "one.ambi")) for g in (q, waiting, third)]
        ok(len(set(numbers)) == 3, "each has a generation number of its own", numbers)
        text = third.run("human-monitor-command", **{"command-line": "info registers -a"})
        same = waiting.run("human-monitor-command", **{"command-line": "info registers -a"})
        ok(text == same, "a copy of a copy has the same registers", (text, same))
        third.run("quit")
        ok(all("kept" in open(path).read() for path in kept), "files of the original stay its own")
        ok(q.run("vm-twin", accel="hax").get("error") is not None, "an engine that there is not")
        ok(q.run("query-status")["return"]["status"] == "running", "the original goes on")
        why = running.shutdown(120)
        ok(why == "guest-shutdown", "the copy that ran has switched itself off", why)
        waiting.run("cont")
        why = waiting.shutdown(120)
        ok(why == "guest-shutdown", "the copy that waited has, too", why)
        try:
            status = p.wait(120 * PATIENCE)
        except subprocess.TimeoutExpired:
            p.kill()
            status = "time ran out"
        text = open(serial, errors="replace").read()
        ok(status == 0 and text.count("GUEST-OK x86_64") == 1, "the original, too; only its console is heard",
           "%s\n%s" % (status, text[-500:]))
    iso()
    print("1..%d" % done)
    return 1 if bad else 0


sys.exit(main())
