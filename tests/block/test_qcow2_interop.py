#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_qcow2_interop.py AMBI POKE: qcow2 images and qemu-img, both ways. TAP.

Images that qemu-img makes, in all the ways that it can, are read and written
(by POKE, which does the same to a raw file) and then checked and compared by
qemu-img; images of our own are checked, compared and changed by it.
"""
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

ambi, poke = [os.path.abspath(p) for p in sys.argv[1:3]]
number = failed = 0
SIZE = 3 * 1024 * 1024 + 512 * 7


def run(*args, ok=True):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       stdin=subprocess.DEVNULL, timeout=60)
    if ok and r.returncode:
        raise AssertionError("%s: status %d: %s" % (" ".join(args), r.returncode, r.stdout))
    return r


def disk(*args, ok=True):
    return run(ambi, "disk", *args, ok=ok)


def case(name, fn, *args):
    global number, failed
    number += 1
    work = tempfile.mkdtemp(prefix="ambi-interop-", dir="/var/tmp")
    here = os.getcwd()
    try:
        os.chdir(work)
        fn(*args)
        print("ok %d - %s" % (number, name))
    except Exception as e:      # a failed step of any kind is a failed test
        failed += 1
        print("not ok %d - %s" % (number, name))
        for line in str(e).splitlines():
            print("# " + line)
    finally:
        os.chdir(here)
        shutil.rmtree(work)
    sys.stdout.flush()


def content(seed, size=SIZE):
    """Random bytes with holes, some of it easy to compress."""
    r = random.Random(seed)
    out = bytearray()
    while len(out) < size:
        n = r.choice([512, 4096, 65536, 200000])
        out += r.choice([bytes(n), r.randbytes(n), bytes([r.randrange(256)]) * n])
    return bytes(out[:size])


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def sound(image, how="-f"):
    run("qemu-img", "check", how, "qcow2", image)
    disk("check", image, "-f", "qcow2")


def same(raw, image):
    run("qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, image)
    disk("convert", image, "back.raw", "-f", "qcow2", "-y")
    if get(raw) != get("back.raw"):
        raise AssertionError("%s and %s differ for us" % (raw, image))


def theirs(options, *convert):
    put("model", content(1))
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", *convert, "-o", options, "model",
        "image")
    same("model", "image")
    sound("image")
    run(poke, "image", "model", "1", "60")
    sound("image")
    same("model", "image")


def preallocated(how):
    run("qemu-img", "create", "-f", "qcow2", "-o", "preallocation=" + how, "image", str(SIZE))
    put("model", bytes(SIZE))
    same("model", "image")
    run(poke, "image", "model", "2", "60")
    sound("image")
    same("model", "image")


def on_backing(fmt, version):
    data = content(3, SIZE - 100 * 512)
    put("base.raw", data)
    base = "base.raw"
    if fmt == "qcow2":
        run("qemu-img", "convert", "-O", "qcow2", "-c", "base.raw", "base.img")
        base = "base.img"
    run("qemu-img", "create", "-f", "qcow2", "-o", "compat=" + version, "-b", base, "-F", fmt,
        "image", str(SIZE))
    put("model", data + bytes(SIZE - len(data)))
    same("model", "image")
    run(poke, "image", "model", "3", "60")
    sound("image")
    same("model", "image")
    if get("base.raw") != data:
        raise AssertionError("the backing file was written")


def chain():
    put("l0", content(4))
    put("model", get("l0"))
    below, fmt = "l0", "raw"
    for i in range(1, 6):
        disk("create", "l%d" % i, "-f", "qcow2", "-b", below, "-F", fmt)
        below, fmt = "l%d" % i, "qcow2"
        run(poke, below, "model", str(i), "20")
    same("model", below)
    sound(below)


def refused_chain():
    for a, b in (("a", "b"), ("b", "a")):
        run("qemu-img", "create", "-f", "qcow2", "-u", "-b", b, "-F", "qcow2", a, "1M")
    r = disk("info", "a", "-f", "qcow2", ok=False)
    assert r.returncode == 1 and "backing files" in r.stdout, r.stdout
    run("qemu-img", "create", "-f", "qcow2", "-u", "-b", "/dev/null", "-F", "raw", "c", "1M")
    data = bytearray(get("c"))
    at = data.index(struct.pack(">I", 0xe2792aca))
    data[at:at + 4] = struct.pack(">I", 0x12345678)      # a format that is not said
    put("c", data)
    r = disk("info", "c", "-f", "qcow2", ok=False)
    assert r.returncode == 1 and "of what format" in r.stdout, r.stdout


def their_snapshots(version):
    put("model", content(5))
    run("qemu-img", "convert", "-O", "qcow2", "-o", "compat=" + version, "model", "image")
    run("qemu-img", "snapshot", "-c", "one", "image")
    shutil.copy("model", "one")
    run(poke, "image", "model", "5", "40")
    sound("image")
    run("qemu-img", "snapshot", "-c", "two", "image")
    shutil.copy("model", "two")
    run(poke, "image", "model", "6", "40")
    sound("image")
    same("model", "image")
    for name in ("one", "two"):
        disk("snapshots", "image", "-f", "qcow2", "-a", name)
        sound("image")
        same(name, "image")
    run("qemu-img", "snapshot", "-d", "one", "image")
    sound("image")
    disk("snapshots", "image", "-f", "qcow2", "-d", "two")
    sound("image")
    same("two", "image")


def our_snapshots(version, cluster):
    put("model", content(6))
    disk("create", "image", str(SIZE), "-f", "qcow2", "-V", version, "-C", cluster)
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "qcow2", "model", "image")
    sound("image")
    for name in ("one", "two"):
        disk("snapshots", "image", "-f", "qcow2", "-c", name)
        sound("image")
        shutil.copy("model", name)
        run(poke, "image", "model", "7", "40")
        sound("image")
    for name in ("one", "two"):
        run("qemu-img", "snapshot", "-a", name, "image")
        sound("image")
        same(name, "image")
    run(poke, "image", "two", "8", "40")
    sound("image")
    same("two", "image")


def refused(options, words, *more):
    for i in range(20):
        # it measures the processor for LUKS, and gives up where that is busy with others
        r = run("qemu-img", "create", *more, "-f", "qcow2", "-o", options, "image", "4M", ok=i == 19)
        if not r.returncode:
            break
    r = disk("info", "image", "-f", "qcow2", ok=False)
    assert r.returncode == 1 and words in r.stdout, r.stdout


def not_closed():
    run("qemu-img", "create", "-f", "qcow2", "-o", "lazy_refcounts=on", "image", "8M")
    run("qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 3M", "-c", "flush", "-c", "abort", "image",
        ok=False)
    assert "was not closed" in disk("info", "image", "-f", "qcow2").stdout
    put("model", bytes(1 << 20) + b"\7" * (3 << 20) + bytes(4 << 20))
    run(poke, "image", "model", "9", "30")
    sound("image")
    same("model", "image")


def with_bitmap():
    put("model", content(10))
    run("qemu-img", "convert", "-O", "qcow2", "model", "image")
    run("qemu-img", "bitmap", "--add", "image", "changes")
    sound("image")
    disk("snapshots", "image", "-f", "qcow2", "-c", "one")
    sound("image")
    run(poke, "image", "model", "10", "40")
    sound("image")
    same("model", "image")


def damaged():
    put("model", content(11))
    run("qemu-img", "convert", "-O", "qcow2", "model", "image")
    data = bytearray(get("image"))
    data[79] |= 2
    put("image", data)
    r = disk("snapshots", "image", "-f", "qcow2", "-c", "x", ok=False)
    assert r.returncode == 1 and "damaged" in r.stdout, r.stdout
    same("model", "image")                      # readable all the same
    # no user is counted for the first data cluster: an error that can be repaired
    data = bytearray(get("image"))
    table, = struct.unpack(">Q", data[48:56])
    block, = struct.unpack(">Q", data[table:table + 8])
    data[block + 10:block + 12] = b"\0\0"
    data[block + 2 * 30000] = 1
    put("image", data)
    r = disk("check", "image", "-f", "qcow2", ok=False)
    assert r.returncode == 2 and "counted" in r.stdout, r.stdout
    disk("check", "image", "-f", "qcow2", "-r")
    sound("image")
    same("model", "image")


def ours(version, cluster):
    put("model", content(12))
    disk("convert", "model", "image", "-f", "raw", "-O", "qcow2")
    sound("image")
    same("model", "image")
    disk("create", "other", str(SIZE), "-f", "qcow2", "-V", version, "-C", cluster)
    put("zeros", bytes(SIZE))
    sound("other")
    run(poke, "other", "zeros", "12", "60")
    sound("other")
    same("zeros", "other")
    run("qemu-img", "resize", "other", "+4M")   # their tools go on with it
    sound("other")


def large():
    for cluster, size in (("512", "16G"), ("64k", "50T"), ("2M", "1000T")):
        disk("create", "image", size, "-f", "qcow2", "-C", cluster, "-y")
        sound("image")


def hint():
    """What a disk is follows from its name or from what is said, never from its bytes."""
    run("qemu-img", "create", "-f", "qcow2", "disk.img", "1M")
    r = disk("info", "disk.img", ok=False)
    assert r.returncode == 1 and "format=qcow2 or format=raw" in r.stdout, r.stdout
    assert "qcow2" in disk("info", "file=disk.img,format=qcow2").stdout
    assert "raw" in disk("info", "disk.img", "-f", "raw").stdout
    os.rename("disk.img", "disk.qcow2")
    assert "qcow2" in disk("info", "disk.qcow2").stdout
    put("x.qcow2", bytes(4096))
    r = disk("info", "x.qcow2", ok=False)
    assert r.returncode == 1 and "not a qcow2" in r.stdout, r.stdout
    r = disk("create", "x.qcow2", "1M", ok=False)
    assert r.returncode == 1 and "exists" in r.stdout, r.stdout


if not shutil.which("qemu-img"):
    print("1..0 # SKIP qemu-img is not installed (tools/deps test)")
    sys.exit(0)
for version in ("0.10", "1.1"):
    for cluster in ("512", "4096", "65536", "2M"):
        case("theirs %s %s" % (version, cluster), theirs,
             "compat=%s,cluster_size=%s" % (version, cluster))
for bits in ("1", "8", "64"):
    case("theirs with counts of %s bits" % bits, theirs, "refcount_bits=" + bits)
for kind in ("zlib", "zstd"):
    for cluster in ("4096", "65536", "2M"):
        case("theirs compressed by %s, %s" % (kind, cluster), theirs,
             "compression_type=%s,cluster_size=%s" % (kind, cluster), "-c")
case("theirs compressed, version 2", theirs, "compat=0.10", "-c")
for how in ("metadata", "falloc", "full"):
    case("theirs preallocated: " + how, preallocated, how)
for version in ("0.10", "1.1"):
    case("on a raw backing file, " + version, on_backing, "raw", version)
    case("on a qcow2 backing file, " + version, on_backing, "qcow2", version)
    case("their snapshots " + version, their_snapshots, version)
case("chain", chain)
case("wrong chains", refused_chain)
for version, cluster in (("2", "64k"), ("3", "64k"), ("3", "512"), ("3", "4k")):
    case("ours v%s %s" % (version, cluster), ours, version, cluster)
    case("our snapshots v%s %s" % (version, cluster), our_snapshots, version, cluster)
case("subclusters are refused", refused, "extended_l2=on", "subclusters")
case("data files are refused", refused, "data_file=data.raw", "external data file")
case("encryption is refused", refused, "encrypt.format=luks,encrypt.key-secret=s", "encrypted",
     "--object", "secret,id=s,data=abc")
case("not closed", not_closed)
case("bitmaps", with_bitmap)
case("damaged", damaged)
case("large", large)
case("the format is said", hint)
print("1..%d" % number)
sys.exit(1 if failed else 0)
