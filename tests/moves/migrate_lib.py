# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests of migration and snapshots: cases, guests with a control socket, and what they say."""
import array
import fcntl
import json
import os
import queue
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import result  # noqa: E402

PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))
BEAT = re.compile(r"^beat (\d+) .*?checksum (\w+).* bad (\d+)")


class Failed(Exception):
    pass


def want(cond, *what):
    if not cond:
        raise Failed(" ".join(map(str, what)))


def refused(text, fn, *args, **kw):
    """fn fails, and says this."""
    try:
        fn(*args, **kw)
    except Failed as e:
        want(text in str(e), "refused, but by:", e)
        return
    raise Failed("not refused: " + text)


def cases_of(ambi):
    """case(name, fn, *args): fn(bench, *args) with a Bench of its own, which may return a note; TAP."""
    def case(name, fn, *args):
        try:
            with Bench(ambi) as b:
                note = fn(b, *args)
            result(True, name + (" # " + note if note else ""))
        except Failed as e:
            result(False, name, e)
        except Exception:       # noqa: BLE001: the other cases are tried, too
            result(False, name, traceback.format_exc())
    return case


def have_kvm():
    """What needs KVM is told as skipped where there is none."""
    there = os.path.exists("/dev/kvm")
    if not there:
        result(True, "with KVM # SKIP THIS MACHINE HAS NO /dev/kvm")
    return there


class Guest:
    """One ambi process. lines: what the guest wrote, by this process."""
    number = 0

    def __init__(self, ambi, args, incoming=None, env=None, cwd=None, extra=(), pass_fds=()):
        Guest.number += 1
        self.dir = cwd
        self.name = "g%d" % Guest.number
        self.sock = os.path.join(cwd, self.name + ".qmp")
        cmd = [ambi, *args, "-serial", "stdio", "-qmp", "unix:%s,server=on,wait=off" % self.sock, *extra]
        if incoming:
            cmd += ["-incoming", incoming]
        self.proc = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     env=dict(os.environ, **(env or {})), cwd=cwd, pass_fds=pass_fds)
        self.lines, self.err, self.beats, self.bad = [], "", [], []
        self.partial = ""	# of a line: the rest may come from the next process
        self.changed = threading.Condition()
        self.conn, self.events, self.answers = None, [], queue.Queue()
        self.readers = [threading.Thread(target=f, daemon=True) for f in (self.read_out, self.read_err)]
        for t in self.readers:
            t.start()

    def read_out(self):
        fd = self.proc.stdout.fileno()
        while True:
            select.select([fd], [], [])
            with self.changed:	# what was read is taken before anybody looks: caught_up
                raw = os.read(fd, 65536).decode(errors="replace").replace("\r", "")
                if not raw:
                    break
                *lines, self.partial = (self.partial + raw).split("\n")
                for line in lines:
                    self.take(line)
                self.changed.notify_all()

    def caught_up(self):
        """All that the process has written so far is in lines."""
        left = array.array("i", [1])
        self.wait(lambda: not fcntl.ioctl(self.proc.stdout.fileno(), termios.FIONREAD, left) and not left[0], 20,
                  "reader")

    def take(self, line):
        self.lines.append(line)
        m = BEAT.match(line)
        if m:
            self.beats.append(int(m.group(1)))
            if m.group(2) != "ok" or m.group(3) != "0":
                self.bad.append(line)
        elif line.startswith("BAD"):
            self.bad.append(line)

    def read_err(self):
        for raw in self.proc.stderr:
            with self.changed:
                self.err += raw.decode(errors="replace")
                self.changed.notify_all()

    def wait(self, cond, seconds, what):
        end = time.monotonic() + seconds * PATIENCE
        with self.changed:
            while not cond():
                left = end - time.monotonic()
                if left <= 0:
                    raise Failed("%s: no %s; said %r, errors %r" % (self.name, what, self.lines[-3:], self.err[-600:]))
                self.changed.wait(min(left, 0.2))

    def wait_beats(self, n, seconds=30):
        """n more beats than now."""
        have = len(self.beats)
        self.wait(lambda: len(self.beats) >= have + n, seconds, "%d more beats" % n)

    # ---- control ----

    def connect(self, seconds=20):
        end = time.monotonic() + seconds * PATIENCE
        while self.conn is None:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.sock)
                self.conn = s
            except OSError:
                s.close()
                if time.monotonic() > end or self.proc.poll() is not None:
                    raise Failed("%s: no control socket: %r" % (self.name, self.err[-600:])) from None
                time.sleep(0.02)
        threading.Thread(target=self.read_qmp, args=(self.conn.makefile("r"),), daemon=True).start()
        self.cmd("qmp_capabilities")
        return self

    def read_qmp(self, f):
        try:
            for line in f:
                msg = json.loads(line)
                if "event" in msg:
                    with self.changed:
                        self.events.append(msg)
                        self.changed.notify_all()
                elif "QMP" not in msg:
                    self.answers.put(msg)
        except (OSError, ValueError):
            pass
        self.answers.put(None)

    def cmd(self, name, /, **args):
        """The answer; an error becomes Failed with its text."""
        if self.conn is None:
            self.connect()
        try:
            self.conn.sendall(json.dumps({"execute": name, "arguments":
                                          {k.replace("_", "-"): v for k, v in args.items()}}).encode() + b"\n")
            r = self.answers.get(timeout=60 * PATIENCE)
        except (OSError, queue.Empty) as e:
            raise Failed("%s: %s: %s" % (self.name, name, e or "no answer")) from None
        if r is None:
            raise Failed("%s: %s: the connection ended" % (self.name, name))
        if "error" in r:
            raise Failed(r["error"]["desc"])
        return r["return"]

    def status(self):
        return self.cmd("query-migrate").get("status", "none")

    def wait_status(self, *wanted, seconds=60):
        end = time.monotonic() + seconds * PATIENCE
        while True:
            i = self.cmd("query-migrate")
            if i.get("status") in wanted:
                return i
            if time.monotonic() > end:
                raise Failed("%s: migration is %r, not %s; %r" % (self.name, i, wanted, self.err[-600:]))
            time.sleep(0.02)

    def running(self):
        return self.cmd("query-status")["running"]

    def port(self):
        """Of -incoming tcp:...:0."""
        self.wait(lambda: "waits at tcp:" in self.err, 20, "port")
        return int(re.search(r"waits at tcp:.*:(\d+)", self.err).group(1))

    def ended(self, seconds=30):
        try:
            r = self.proc.wait(seconds * PATIENCE)
            for t in self.readers:
                t.join(5)
            return r
        except subprocess.TimeoutExpired:
            raise Failed("%s: does not end; errors %r" % (self.name, self.err[-600:])) from None

    def alive(self):
        return self.proc.poll() is None

    def close(self):
        if self.alive():
            self.proc.kill()
        self.proc.wait()
        if self.conn:
            self.conn.close()


class Bench:
    """Guests in a directory of their own, all of them ended with it."""

    def __init__(self, ambi, base=None):
        self.ambi = ambi
        self.dir = tempfile.TemporaryDirectory(prefix="ambi-migrate-", dir=base)
        self.guests = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for g in self.guests:
            g.close()
        self.dir.cleanup()

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def start(self, args, **kw):
        g = Guest(self.ambi, args, cwd=self.dir.name, **kw)
        self.guests.append(g)
        return g


def crc32c(data):
    """RFC 3720's."""
    c = 0xffffffff
    for x in data:
        c ^= x
        for _ in range(8):
            c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
    return c ^ 0xffffffff


class Source:
    """A source of our own making: vmm/move/wire.h's messages on one connection."""
    HELLO, STREAM, BLOCKS, ROUND, OK, ERROR = 1, 2, 3, 8, 64, 65
    SESSION = b"session of tests"

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20 * PATIENCE)
        self.socket.connect(path)

    def send(self, kind, data):
        head = struct.pack("<IHHI", 0x4d424d41, kind, 0, len(data))
        self.socket.sendall(head + struct.pack("<I", crc32c(head + data)) + data)

    def hello(self, streams=1, flags=0):
        self.send(self.HELLO, struct.pack("<III", 1, flags, streams) + self.SESSION)
        self.expect(self.OK)

    def stream(self, number):
        self.send(self.STREAM, self.SESSION + struct.pack("<H", number))
        self.expect(self.OK)

    def receive(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            want(more, "the destination has gone")
            data += more
        return data

    def expect(self, kind):
        _, got, _, length, _ = struct.unpack("<IHHII", self.receive(16))
        data = self.receive(length)
        want(got == kind, "message", got, data)
        return data

    def close(self):
        self.socket.close()


def messages(path):
    """Of a stream in a file: type and payload."""
    with open(path, "rb") as f:
        while True:
            head = f.read(16)
            if not head:
                return
            _, kind, _, length, _ = struct.unpack("<IHHII", head)
            yield kind, f.read(length)


def joined(guests):
    """Their beats; a line may have begun in one process and end in the next."""
    beats, begun = [], ""
    for g in guests:
        g.caught_up()
        with g.changed:
            m = BEAT.match(begun + g.lines[0]) if begun and g.lines else None
            if m:
                beats.append(int(m.group(1)))
            beats += g.beats[1:] if m and BEAT.match(g.lines[0]) else g.beats
            begun = g.partial
    return beats


def check_whole(*guests):
    """The beats of one guest that lived in these processes, one after the other: none lost, none twice."""
    beats = joined(guests)
    bad = [b for g in guests for b in g.bad]
    if bad:
        raise Failed("the guest found %r" % bad[:5])
    for a, b in zip(beats, beats[1:]):
        if b != a + 1:
            raise Failed("beat %d is followed by %d; %r" % (
                a, b, [(g.name, g.lines[:1], g.lines[-1:], g.partial) for g in guests]))
