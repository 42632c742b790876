#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_screen.py AMBI SECTOR ENGINE

SeaBIOS and VGA: what the boot sector (screen.S) shows, by the monitor's screentext and
screendump; and its own words on ramfb and bochs-display. Exits 77 where ENGINE is kvm and there is none.
"""
import os
import struct
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
import guest  # noqa: E402

AMBI, SECTOR, ENGINE = sys.argv[1:4]
PATIENCE = 60 * float(os.environ.get("AMBI_PATIENCE", "1"))


class Picture:
    """A PNG file of ours: width, height, at(x, y)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        at, packed = 8, b""
        while at < len(data):
            n, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + n]
            assert struct.unpack(">I", data[at + 8 + n:at + 12 + n])[0] == zlib.crc32(kind + body)
            if kind == b"IHDR":
                self.width, self.height = struct.unpack(">II", body[:8])
            elif kind == b"IDAT":
                packed += body
            at += 12 + n
        raw, self.line = zlib.decompress(packed), []
        for y in range(self.height):
            line = raw[y * (3 * self.width + 1):(y + 1) * (3 * self.width + 1)]
            assert line[0] == 1     # each byte is the difference to the one 3 before
            out = bytearray(3) + bytearray(line[1:])
            for i in range(3, len(out)):
                out[i] = (out[i] + out[i - 3]) & 255
            self.line.append(out[3:])

    def at(self, x, y):
        r, g, b = self.line[y][3 * x:3 * x + 3]
        return r << 16 | g << 8 | b


class Screen:
    def __init__(self, g, path):
        self.g, self.path, self.count = g, path, 0

    def command(self, line):
        """What the monitor says; it answers an unknown word, which marks the end."""
        self.count += 1
        start = len(self.g.text)
        self.g.send("%s\nmark%d\n" % (line, self.count))
        m = self.g.wait_for('unknown command "mark%d"' % self.count, PATIENCE)
        return self.g.text[start:m.start()].replace("\r", "")

    def shoot(self):
        self.command("screendump " + self.path)
        return Picture(self.path)

    def next(self, name):
        self.command("sendkey a")
        self.g.wait_for(name + "-ready", PATIENCE)


def check(g, cond, what):
    if not cond:
        g.fail(what)


def session(g, path):
    s = Screen(g, path)
    g.wait_for("text-ready", PATIENCE)
    g.send("\x01c")
    text = s.command("screentext")
    check(g, "TEXT by the BIOS\nand more\n\n" in text and "\nR\u2591\n" in text, "screentext: %r" % text)
    p = s.shoot()
    check(g, (p.width, p.height) == (720, 400), "%dx%d" % (p.width, p.height))
    cell = {p.at(x, y) for x in range(9) for y in range(160, 176)}
    check(g, cell == {0xaa0000, 0xffffff}, "R: %r" % cell)
    check(g, {p.at(x, y) for x in range(18, 27) for y in range(160, 176)} == {0xaa0000}, "blank")
    check(g, {p.at(x, 8) for x in range(720)} == {0, 0xaaaaaa}, "the BIOS's grey on black")

    s.next("vbe")
    p = s.shoot()
    check(g, (p.width, p.height) == (640, 480), "%dx%d" % (p.width, p.height))
    lit = {(x, y): p.at(x, y) for y in range(480) for x in range(640) if p.at(x, y)}
    check(g, lit == {(0, 0): 0xaa0000, (7, 400): 0xffffff}, "VBE: %r" % lit)
    check(g, "graphics" in s.command("screentext"), "no text there")
    for name, width, height in ("planar", 640, 480), ("packed", 320, 200), ("doubled", 320, 200):
        s.next(name)
        p = s.shoot()
        check(g, (p.width, p.height) == (width, height), "%s: %dx%d" % (name, p.width, p.height))
        lit = {(x, y): p.at(x, y) for y in range(height) for x in range(width) if p.at(x, y)}
        check(g, lit == {(123, 45): 0xffff55}, "%s: %r" % (name, lit))
    s.g.send("sendkey a\n")
    check(g, g.wait_end(PATIENCE) == 0, "exit status")


def framebuffer(g, path):
    """SeaBIOS writes in its own font."""
    s = Screen(g, path)
    g.send("\x01c")
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        s.command("screendump " + path)     # refused before the firmware has set it up
        p = Picture(path) if os.path.exists(path) else None
        if p and {p.at(x, y) for x in range(320) for y in range(16)} == {0, 0xaaaaaa}:
            break
        check(g, time.monotonic() < deadline, "no text")
    check(g, (p.width, p.height) == (1024, 768), "%dx%d" % (p.width, p.height))
    check(g, "graphics" in s.command("screentext"), "no text there")


if ENGINE == "kvm" and not os.path.exists("/dev/kvm"):
    print("*** SKIPPED: THIS MACHINE HAS NO /dev/kvm; NOTHING WAS TESTED ***", file=sys.stderr)
    sys.exit(77)
with tempfile.TemporaryDirectory() as tmp:
    disk = os.path.join(tmp, "disk")
    with open(SECTOR, "rb") as f:
        sector = f.read()
    with open(disk, "wb") as f:
        f.write(sector + bytes((1 << 20) - len(sector)))
    for what, words in (session, []), (framebuffer, ["-vga", "none", "-device", "ramfb"]), \
            (framebuffer, ["-vga", "none", "-device", "bochs-display"]):
        with guest.Guest([AMBI, "-accel", ENGINE, "-no-reboot", "-drive", "file=" + disk, *words]) as g:
            try:
                what(g, os.path.join(tmp, "picture.png"))
            except guest.GuestError as e:
                sys.exit(str(e))
