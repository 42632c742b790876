# SPDX-License-Identifier: GPL-2.0-or-later
"""A QMP client for tests, and checks of values against query-qmp-schema."""
import json
import os
import socket
import subprocess
import time

PATIENCE = float(os.environ.get("AMBI_PATIENCE", "1"))


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error["desc"])
        self.error_class, self.desc = error["class"], error["desc"]


class Qmp:
    def __init__(self, path, negotiate=True):
        self.sock = socket.socket(socket.AF_UNIX if isinstance(path, str) else socket.AF_INET)
        self.sock.settimeout(30 * PATIENCE)
        self.sock.connect(path)
        self.buf = b""
        self.events = []
        self.greeting = self.read()
        if negotiate:
            self.cmd("qmp_capabilities")

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else json.dumps(data).encode())

    def read(self):
        """The next message; None at the end."""
        while b"\n" not in self.buf:
            try:
                got = self.sock.recv(65536)
            except ConnectionResetError:
                got = b""
            if not got:
                return None
            self.buf += got
        line, self.buf = self.buf.split(b"\n", 1)
        return json.loads(line)

    def answer(self):
        while True:
            m = self.read()
            if m is None or "event" not in m:
                return m
            self.events.append(m)

    def cmd(self, name, **args):
        """Underscores in arguments' names are dashes."""
        self.send({"execute": name, "arguments": {k.replace("_", "-"): v for k, v in args.items()}})
        m = self.answer()
        if m is None:
            raise EOFError(name)
        if "error" in m:
            raise Refused(m["error"])
        return m["return"]

    def event(self, name):
        """Waits for it; the ones before it are dropped."""
        while True:
            m = self.events.pop(0) if self.events else self.read()
            if m is None:
                raise EOFError(name)
            if m.get("event") == name:
                return m

    def close(self):
        self.sock.close()


class Guest:
    """An ambi that runs, with its control socket."""
    all = []            # whoever ends by an exception leaves none behind

    def __init__(self, ambi, runtime, name, *args, stdin=subprocess.DEVNULL, env=None):
        self.path = os.path.join(runtime, "ambi", name + ".sock")
        self.env = dict(os.environ, XDG_RUNTIME_DIR=runtime, **(env or {}))
        self.p = subprocess.Popen([ambi, "-name", name, *args], stdin=stdin, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=self.env)
        Guest.all.append(self.p)
        end = time.time() + 30 * PATIENCE
        while not self.listens():
            if self.p.poll() is not None or time.time() > end:
                raise RuntimeError("no socket: %s" % self.p.stderr.read())
            time.sleep(0.005)

    def listens(self):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.path)
            return True
        except OSError:         # not yet, or left over from another
            return False

    def qmp(self, **kw):
        return Qmp(self.path, **kw)

    def end(self):
        """Its exit status, what it wrote and what it said."""
        if self.p.poll() is None:
            try:
                q = self.qmp()
                q.cmd("quit")
                q.close()
            except (OSError, EOFError):
                pass                    # it was at its end already
        out, err = self.p.communicate(timeout=30 * PATIENCE)
        return self.p.returncode, out, err


def mismatches(schema, type_name, value, where=""):
    """What of a value is not as the schema says: a list of texts."""
    t = schema[type_name]
    kind = t["meta-type"]
    if kind == "builtin":
        python = {"string": str, "int": int, "number": (int, float), "boolean": bool, "value": object}[t["json-type"]]
        ok = isinstance(value, python) and (t["json-type"] == "boolean") == isinstance(value, bool)
        return [] if ok or t["json-type"] == "value" else ["%s: %r is no %s" % (where, value, type_name)]
    if kind == "enum":
        return [] if value in t["values"] else ["%s: %r is no %s" % (where, value, type_name)]
    if kind == "array":
        if not isinstance(value, list):
            return ["%s: no array" % where]
        return [m for i, v in enumerate(value) for m in mismatches(schema, t["element-type"], v, "%s[%d]" % (where, i))]
    if not isinstance(value, dict):
        return ["%s: no object" % where]
    members = {m["name"]: m for m in t["members"]}
    out = ["%s.%s is not in the schema" % (where, k) for k in value if k not in members]
    for n, m in members.items():
        if n in value:
            out += mismatches(schema, m["type"], value[n], "%s.%s" % (where, n))
        elif "default" not in m:
            out.append("%s.%s is missing" % (where, n))
    return out
