# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of moves share: an ambi with a load guest, its console and its control socket, and a look
at what the guest left on its disks."""
import json
import os
import socket
import struct
import subprocess
import threading
import time

MASK = (1 << 64) - 1
MAGIC = 0x616d6269206c6f61
SECTOR, WORDS, PLACE, PLACES, SLOTS = 512, 64, 32, 16, 2    # tests/moves/load64/work_disk.c


class Failed(Exception):
    pass


class Guest:
    """guest.lines grows by the console's lines; a BAD among them is a failure at the next check()."""

    def __init__(self, ambi, folder, args, env=None):
        self.path = os.path.join(folder, f"qmp-{os.getpid()}-{id(self):x}")
        self.lines, self.events, self.ids, self.rest = [], [], 0, b""
        self.errors = open(os.path.join(folder, f"stderr-{id(self):x}"), "w+")
        self.process = subprocess.Popen([ambi, "-serial", "stdio", "-qmp", f"unix:{self.path},server=on,wait=off", *args],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.socket = None

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode("latin-1").rstrip("\n"))

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read()

    def fail(self, what):
        tail = "\n".join(self.lines[-8:])
        raise Failed(f"{what}\n--- console\n{tail}\n--- stderr\n{self.stderr()[-2000:]}")

    def connect(self):
        end = time.time() + 30
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(self.path)
                break
            except OSError:
                if time.time() > end or self.process.poll() is not None:
                    self.fail("no control socket")
                time.sleep(0.05)
        self.socket.settimeout(60)
        self.message()
        self.qmp("qmp_capabilities")

    def message(self):
        while b"\n" not in self.rest:
            try:
                more = self.socket.recv(65536)
            except OSError as e:
                self.fail(f"control socket: {e}")
            if not more:
                self.fail("the control socket was closed")
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command, **arguments):
        """The whole answer, with "return" or "error"."""
        return self.ask_all([(command, arguments)])[0]

    def ask_all(self, commands):
        """(command, arguments) at a stroke; the whole answers, in their order."""
        if not self.socket:
            self.connect()
        requests = [{"execute": c, "id": self.ids + i + 1, **({"arguments": a} if a else {})}
                    for i, (c, a) in enumerate(commands)]
        self.ids += len(commands)
        self.socket.sendall(b"".join(json.dumps(x).encode() + b"\r\n" for x in requests))
        answers = []
        while len(answers) < len(requests):
            m = self.message()
            if "event" in m:
                self.events.append(m)
            elif m.get("id") == requests[len(answers)]["id"]:
                answers.append(m)
        return answers

    def qmp(self, command, **arguments):
        m = self.ask(command, **arguments)
        if "error" in m:
            self.fail(f"{command}: {m['error']}")
        return m["return"]

    def switch(self, engine):
        """The pause in ms."""
        return self.qmp("vm-switch", accel=engine)["pause-ns"] / 1e6

    def bad(self):
        return [x for x in self.lines if x.startswith("BAD") or "DONE bad" in x and not x.endswith("bad 0")]

    def check(self):
        if self.bad():
            self.fail("the guest found: " + "; ".join(self.bad()[:5]))
        if self.process.poll() is not None:
            self.fail(f"ended with status {self.process.returncode}")

    def beats(self):
        """Numbers of each line that begins with "beat"."""
        out = []
        for x in list(self.lines):
            w = x.split()
            if x.startswith("beat ") and len(w) > 20 and w[-2] == "bad":
                out.append({w[i]: int(w[i + 1]) for i in range(0, len(w) - 1, 2) if w[i + 1].isdigit()})
        return out

    def wait_beats(self, n, seconds):
        """n more beats than there are now."""
        want, end = len(self.beats()) + n, time.time() + seconds
        while len(self.beats()) < want:
            self.check()
            if time.time() > end:
                self.fail(f"no beat for {seconds} s")
            time.sleep(0.02)

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def quit(self, seconds=60):
        """By the guest's own power-off: status and the disks' sums {disk: (places, sum)}."""
        self.check()
        self.type("q")
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.fail("no end")
        self.reader.join(10)
        if self.process.returncode or "DONE bad 0" not in self.lines:
            self.fail(f"status {self.process.returncode}")
        self.check_beats()
        sums = {}
        for x in self.lines:
            w = x.split()
            if x.startswith("disk ") and len(w) == 6:
                sums[int(w[1])] = (int(w[3]), int(w[5], 16))
        return sums

    def check_beats(self):
        """No line of the console is lost or comes twice."""
        numbers = [b["beat"] for b in self.beats()]
        if numbers != list(range(1, len(numbers) + 1)):
            self.fail(f"beats {numbers}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.socket:
            self.socket.close()
        self.errors.close()


def mix(z):
    z = (z + 0x9e3779b97f4a7c15) & MASK
    z = ((z ^ z >> 30) * 0xbf58476d1ce4e5b9) & MASK
    z = ((z ^ z >> 27) * 0x94d049bb133111eb) & MASK
    return z ^ z >> 31


def disk_check(path, cpus, sums):
    """The image at path holds what the guest said that it wrote: sums is (places, sum)."""
    places = total = 0
    with open(path, "rb") as f:
        for at in range(0, cpus * SLOTS * PLACES * PLACE, PLACE):
            f.seek(at * SECTOR)
            data = f.read(PLACE * SECTOR)
            sequence = struct.unpack_from("<Q", data, 8)[0]
            if not any(data):
                continue
            places += 1
            total += mix((at << 40 ^ sequence) & MASK)
            for i in range(PLACE):
                sector = at + i
                want = [MAGIC ^ sector, sequence]
                want += [mix((sector << 40 ^ sequence << 8 ^ j) & MASK) for j in range(2, WORDS)]
                if struct.unpack_from("<64Q", data, i * SECTOR) != tuple(want):
                    raise Failed(f"{path}: sector {sector} is not of sequence {sequence}")
    if (places, total & MASK) != sums:
        raise Failed(f"{path}: {places} places, sum {total & MASK:x}; the guest says {sums[0]}, {sums[1]:x}")
