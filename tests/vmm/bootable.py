# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks and CD-ROMs for a PC's firmware: a boot sector that says its name on the serial port ("FROM NAME") and
switches off by ACPI, or resets."""
import os

SECTOR = 2048
OFF = bytes([0xba, 0x04, 0x06, 0xb8, 0x00, 0x3c, 0xef])     # PM1 control: S5, sleep
RESET = bytes([0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0x90])   # port 0xcf9


def code(banner, end):
    """Real-mode code for 0x7c00; the text follows at 0x7c1e."""
    start = bytes([0xfc, 0x31, 0xc0, 0x8e, 0xd8, 0xbe, 0x1e, 0x7c,     # cld; ds = 0; si = text
                   0xba, 0xf8, 0x03, 0xac, 0x84, 0xc0, 0x74, 0x03,     # dx = 0x3f8; lodsb; until 0
                   0xee, 0xeb, 0xf8]) + end + bytes([0xf4, 0xeb, 0xfd, 0x90])
    assert len(start) == 0x1e
    return start + banner.encode() + b"\r\n\0"


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def disk(folder, name, end=OFF):
    return write(folder, name, code("FROM " + name, end).ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))


def iso(folder, name, end=OFF):
    """A CD-ROM that boots without emulation (El Torito)."""
    image = bytearray(24 * SECTOR)

    def put(at, data):
        image[at:at + len(data)] = data
    put(16 * SECTOR, b"\x01CD001\x01")
    put(17 * SECTOR, b"\x00CD001\x01EL TORITO SPECIFICATION")
    put(17 * SECTOR + 0x47, (19).to_bytes(4, "little"))
    put(18 * SECTOR, b"\xffCD001\x01")
    entry = b"\x01".ljust(30, b"\0") + b"\x55\xaa"
    total = -sum(int.from_bytes(entry[i:i + 2], "little") for i in range(0, 32, 2)) & 0xffff
    put(19 * SECTOR, entry[:28] + total.to_bytes(2, "little") + entry[30:])
    put(19 * SECTOR + 32, b"\x88\0\0\0\0\0\x04\0" + (20).to_bytes(4, "little"))
    put(20 * SECTOR, code("FROM " + name, end))
    return write(folder, name, image)
