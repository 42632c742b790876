#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""modules.py PACKAGE_ROOT OUT NAME...

Copies the named kernel modules and all that they depend on, decompressed,
from an unpacked Debian kernel package into the folder OUT and writes
OUT/order: their file names, each after what it needs. A name that is built
into the kernel is passed over, and so is one with a "?" before it that is not there. The package has no modules.dep (depmod makes
it at installation), so the dependencies come from the modules themselves.
"""
import lzma
import os
import re
import sys

root, out, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
files, builtin = {}, set()


def plain(name):
    return re.sub(r"\.ko(\.xz)?$", "", os.path.basename(name.strip())).replace("-", "_")


for folder, _, names in os.walk(root):
    for n in names:
        path = os.path.join(folder, n)
        if n == "modules.builtin":
            with open(path) as f:
                builtin.update(plain(line) for line in f)
        elif re.search(r"\.ko(\.xz)?$", n):
            files[plain(n)] = path


def load(path):
    with open(path, "rb") as f:
        data = f.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


order, data = [], {}


def visit(name, needed_by):
    name = name.replace("-", "_")
    if name in data or name in builtin:
        return
    if name not in files:
        sys.exit("modules.py: no module %s (for %s)" % (name, needed_by))
    data[name] = load(files[name])
    info = dict(re.findall(rb"(?:^|\0)(depends|softdep)=([^\0]*)", data[name]))
    for d in info.get(b"depends", b"").decode().split(","):
        if d:
            visit(d, name)
    # a soft dependency is wanted, not needed: "pre: a b post: c"
    soft = re.search(r"pre: ([^:]*?)(?: post:|$)", info.get(b"softdep", b"").decode())
    for d in soft.group(1).split() if soft else []:
        if d.replace("-", "_") in files:
            visit(d, name)
    order.append(name)


for w in wanted:
    if not w.startswith("?") or plain(w[1:]) in files:
        visit(w.lstrip("?"), "the command line")
os.makedirs(out, exist_ok=True)
for n in order:
    with open(os.path.join(out, n + ".ko"), "wb") as f:
        f.write(data[n])
with open(os.path.join(out, "order"), "w") as f:
    f.writelines(n + ".ko\n" for n in order)
