#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_api.py AMBI GUEST [SCHEMA]: the control interface of a running ambi. TAP on stdout.

GUEST is a riscv64 ELF file that needs no devices (tests/api/echo.S): it sends back what it gets
on its serial port, and powers off at "q".
"""
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import tap  # noqa: E402
from tap import result  # noqa: E402
from qmp import PATIENCE, Guest, Qmp, Refused, mismatches  # noqa: E402

ambi, image, schema_json = map(os.path.abspath, sys.argv[1:4])
tmp = tempfile.mkdtemp(prefix="ambi-api-")
runtime = os.path.join(tmp, "run")
os.mkdir(runtime, 0o700)
env = dict(os.environ, XDG_RUNTIME_DIR=runtime)


def refused(fn, *args, **kw):
    try:
        return "not refused: %r" % (fn(*args, **kw),)
    except Refused as r:
        return r


def guest(name, *args, **kw):
    return Guest(ambi, runtime, name, "-serial", "null", *args, image, **kw)


def run(*args, **kw):
    return subprocess.run([ambi, *args], capture_output=True, text=True, env=env, timeout=60 * PATIENCE, **kw)


def error_of(q, data):
    q.send(data)
    m = q.answer()
    return m.get("error", {"class": "none", "desc": str(m)}) if m else {"class": "end", "desc": ""}


def protocol(g):
    q = g.qmp(negotiate=False)
    hello = q.greeting.get("QMP", {})
    result(set(hello) == {"version", "capabilities"} and hello["capabilities"] == [] and
           set(hello["version"]["qemu"]) == {"major", "minor", "micro"}, "greeting", q.greeting)
    e = error_of(q, {"execute": "query-status", "id": 7})
    result(e["class"] == "CommandNotFound" and "negotiation" in e["desc"], "nothing before qmp_capabilities", e)
    e = error_of(q, {"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}})
    result(e["class"] == "GenericError", "a capability that there is not", e)
    q.send({"execute": "qmp_capabilities", "id": {"a": [1, None, "x"]}})
    m = q.answer()
    result(m == {"return": {}, "id": {"a": [1, None, "x"]}}, "id comes back as it is", m)
    e = error_of(q, {"execute": "qmp_capabilities"})
    result(e["class"] == "CommandNotFound", "negotiation only once", e)
    e = error_of(q, {"execute": "no-such", "id": 3})
    result(e["class"] == "CommandNotFound" and "no-such" in e["desc"], "unknown command", e)
    q.send(b'{"execute":"query-name"}{"execute":"query-status","id":2}\n{"execute"\r\n:\t"query-kvm"}  ')
    got = [q.answer() for _ in range(3)]
    result("name" in got[0]["return"] and got[1]["id"] == 2 and "present" in got[2]["return"],
           "several requests in one piece, without newlines, over lines", got)
    for piece in (b'{"exec', b'ute":"query-name', b'","id":"', b'\xc3', b'\xa4\\"{"', b'}'):
        q.send(piece)
        time.sleep(0.01)
    m = q.answer()
    result(m["id"] == 'ä"{', "a request in pieces, braces and quotes in strings", m)
    for name, data in (
            ("no object", b'[1]\n'), ("a number", b'12\n'), ("a bare word", b'hello {}\n'),
            ("not JSON", b'{"execute" "x"}'), ("a trailing comma", b'{"execute":"query-name",}'),
            ("duplicate members", b'{"execute":"query-name","execute":"stop"}'),
            ("invalid UTF-8", b'{"execute":"query-name","id":"\xff\xfe"}'),
            ("a NUL", b'{"execute":"query-name\\u0000"}'),
            ("a newline in a string", b'{"execute":"query\n'),
            ("a brace that closes nothing", b'}\n'), ("other brackets", b'{]}\n'),
            ("a number too large", b'{"execute":"query-name","id":1e999}'),
            ("no execute", b'{"arguments":{}}'), ("execute is no text", b'{"execute":1}'),
            ("arguments are no object", b'{"execute":"stop","arguments":[]}'),
            ("another member", b'{"execute":"stop","control":{}}'),
            ("an argument that there is not", b'{"execute":"stop","arguments":{"now":true}}'),
            ("an argument is missing", b'{"execute":"balloon"}'),
            ("an argument of another type", b'{"execute":"balloon","arguments":{"value":"1G"}}'),
            ("an argument out of range", b'{"execute":"balloon","arguments":{"value":-1}}'),
            ("an enumeration's value", b'{"execute":"vm-switch","arguments":{"accel":"xen"}}'),
            ("an array's element", b'{"execute":"send-key","arguments":{"keys":[{"type":"qcode"}]}}')):
        e = error_of(q, data)
        if not data.endswith(b"\n"):
            q.send(b"\n")
        q.send({"execute": "query-name", "id": name})
        m = q.answer()
        while m and m.get("id") != name:
            m = q.answer()
        result(e["class"] == "GenericError" and m and "return" in m, name, e, m)
    q.close()


def limits(g):
    q = g.qmp()
    deep = b'{"execute":"query-name","id":' + b"[" * 63 + b"]" * 63 + b"}"
    q.send(deep)
    result("return" in q.answer(), "63 arrays deep")
    e = error_of(q, b'{"execute":"query-name","id":' + b"[" * 100000 + b"]" * 100000 + b"}\n")
    result("deep" in e["desc"], "100,000 arrays deep", e)
    result("name" in q.cmd("query-name"), "and the connection lives")
    q.send(b'{"execute":"query-name","id":"' + b"x" * 1000000 + b'"}')
    m = q.answer()
    result(m and len(m.get("id", "")) == 1000000, "a request of 1 MB")
    try:
        q.send(b'{"execute":"query-name","id":"' + b"x" * 1100000)
        m = q.answer()
        end = q.answer() if m else None
    except OSError as x:
        m, end = {"error": {"desc": "1 MiB: %s" % x}}, None
    result((m is None or "1 MiB" in m["error"]["desc"]) and end is None, "a longer one is the connection's end", m, end)
    q.close()

    last = g.qmp()
    last.cmd("query-name")          # those that are closed have been noticed by now
    many, told = [last], None
    for i in range(1, 100):
        c = g.qmp(negotiate=False)
        many.append(c)
        if "error" in c.greeting:
            told = told or (i, c.greeting["error"]["desc"])
    result(told == (16, "too many clients"), "100 clients: 16 are served, the others told", told)
    many[3].cmd("qmp_capabilities")
    result(many[3].cmd("query-status")["status"] in ("running", "paused", "prelaunch"), "the first ones work")
    for c in many:
        c.close()
    for _ in range(200):
        c = g.qmp(negotiate=False)
        ok = "QMP" in c.greeting
        c.close()
        if ok:
            break
        time.sleep(0.01)
    result(ok, "places are free again")

    # Requests without end whose answers nobody reads: they wait, and nothing else does.
    q = g.qmp()
    q.sock.settimeout(2)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += q.sock.send(b'{"execute":"query-qmp-schema"}' * 1000)
    except (socket.timeout, OSError):
        pass
    other = g.qmp()
    t = time.time()
    other.cmd("query-status")
    took = time.time() - t
    with open("/proc/%d/status" % g.p.pid) as f:
        rss = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
    result(sent < 64 << 20 and took < 5 * PATIENCE, "a client that does not read waits alone", sent, took)
    # Events cannot wait: it is cut off.
    q2 = g.qmp()
    gone = False
    for _ in range(60000):
        other.send(b'{"execute":"cont"}{"execute":"stop"}')
        other.answer()
        other.answer()
        other.events.clear()
        try:
            q.sock.send(b" ", socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        except OSError:
            gone = True
            break
    with open("/proc/%d/status" % g.p.pid) as f:
        rss2 = int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
    result(gone, "a client that does not read events is cut off")
    result(rss2 - rss < 20000, "what waits for it is bounded", rss, rss2)
    for data in (b'{"exec', b'{"execute":"query-name","id":"', b"\\", b"[" * 64, b'{"execute":"query-name"}'):
        for _ in range(40):
            half = g.qmp(negotiate=False)
            half.send(data)
            half.close()
    dump = g.qmp()
    dump.send({"execute": "dump-guest-memory", "arguments": {"paging": False, "protocol": "file:%s/left" % tmp}})
    dump.close()
    result(other.cmd("query-status")["status"] == "paused", "half requests, clients that leave before the answer")
    q2.close()
    q.close()
    other.close()


def events(g):
    q, quiet = g.qmp(), g.qmp(negotiate=False)
    q.cmd("cont")
    e = q.event("RESUME")
    now = time.time()
    at = e["timestamp"]["seconds"] + e["timestamp"]["microseconds"] / 1e6
    result(abs(now - at) < 30 and set(e) == {"timestamp", "event"}, "RESUME with a time", e)
    q.cmd("stop")
    result(q.event("STOP") and q.cmd("query-status") == {"running": False, "singlestep": False, "status": "paused"},
           "STOP")
    q.cmd("stop")
    q.cmd("query-name")
    result(not [e for e in q.events if e["event"] == "STOP"], "stopped already: no event")
    q.cmd("system_reset")
    data = q.event("RESET")["data"]
    result(data == {"guest": False, "reason": "host-qmp-system-reset"}, "RESET", data)
    result(q.cmd("query-status")["running"] is False, "a reset leaves it stopped")
    quiet.sock.settimeout(0.2)
    try:
        got = quiet.read()
    except socket.timeout:
        got = None
    result(got is None, "no events before the negotiation", got)
    quiet.close()
    q.close()


def by_guest():
    """Events that a guest causes."""
    g = Guest(ambi, runtime, "acts", "-m", "64M", "-accel", "tcg,block-insns=32", "-device", "virtio-balloon", image,
              stdin=subprocess.PIPE)
    q = g.qmp()
    plan = q.cmd("vm-plan")
    result(plan["engine-args"] == "block-insns=32", "vm-plan has the engine's arguments", plan)

    def types(keys):
        g.p.stdin.write(keys)
        g.p.stdin.flush()
    types(b"BBB")
    sizes = [q.event("BALLOON_CHANGE")["data"]["actual"]]
    if sizes[0] != (64 << 20) - 3 * 4096:
        sizes.append(q.event("BALLOON_CHANGE")["data"]["actual"])
    result(sizes[-1] == (64 << 20) - 3 * 4096, "BALLOON_CHANGE", sizes)
    types(b"r")
    data = q.event("RESET")["data"]
    result(data == {"guest": True, "reason": "guest-reset"}, "RESET by the guest", data)
    types(b"q")
    data = q.event("SHUTDOWN")["data"]
    result(data == {"guest": True, "reason": "guest-shutdown"} and q.read() is None, "SHUTDOWN is the last word", data)
    result(g.end()[0] == 0, "powered off")


def once():
    """Two reasons at once to end: one is told."""
    g = guest("twice", "-S")
    q = [g.qmp() for _ in range(3)]
    os.kill(g.p.pid, signal.SIGSTOP)
    for c in q[:2]:
        c.send({"execute": "quit"})
    os.kill(g.p.pid, signal.SIGCONT)
    ends = 0
    while True:
        m = q[2].read()
        if m is None:
            break
        ends += m.get("event") == "SHUTDOWN"
    result(ends == 1 and g.end()[0] == 0, "SHUTDOWN is told once", ends)


def moves():
    """Events of a migration, at both ends."""
    here = guest("from")
    there = guest("to", "-incoming", "unix:%s/mig" % tmp)
    a, b = here.qmp(), there.qmp()
    try:
        a.cmd("migrate", uri="unix:%s/mig" % tmp)
        a.event("STOP")
        b.event("RESUME")
        data = a.event("SHUTDOWN")["data"]
        result(data == {"guest": False, "reason": "moved"}, "STOP, SHUTDOWN here; RESUME there", data)
        result(b.cmd("query-status")["status"] == "running", "it runs there")
        while b.event("MIGRATION")["data"]["status"] != "completed":
            pass
        b.cmd("migrate", uri="unix:%s/mig" % tmp)
        while True:
            data = b.event("MIGRATION")["data"]
            if data["status"] == "failed":
                break
        result(data.get("error-desc"), "a migration that fails says why", data)
    except EOFError as x:
        result(False, "an event is missing", x)
    result(here.end()[0] == 0 and there.end()[0] == 0, "both end well")


def moved_by_keys():
    """-qmp none is no socket whose owner would want to ask afterwards."""
    try:
        r = subprocess.run([ambi, "-qmp", "none", "-S", image], input=b"\x01cmigrate file:%s/gone\n" % tmp.encode(),
                           env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20 * PATIENCE)
    except subprocess.TimeoutExpired as x:
        r = x
    result(getattr(r, "returncode", None) == 0, "a guest moved by the monitor ends with -qmp none", r)


# Each command once, with the event or refusal that is expected where it is no plain answer.
CALLS = [
    ("query-version", {}, None), ("query-name", {}, None), ("query-status", {}, None), ("query-commands", {}, None),
    ("query-qmp-schema", {}, None), ("query-machines", {}, None), ("query-cpus-fast", {}, None),
    ("query-kvm", {}, None), ("query-block", {}, None), ("query-target", {}, None), ("query-uuid", {}, None),
    ("stop", {}, None), ("cont", {}, None), ("system_reset", {}, None),
    ("system_powerdown", {}, "power button"), ("inject-nmi", {}, "no NMI"),
    ("balloon", {"value": 256 << 20}, None), ("query-balloon", {}, None),
    ("screendump", {"filename": "@/x.png"}, "display"),
    ("send-key", {"keys": [{"type": "qcode", "data": "a"}]}, "no keyboard"),
    ("dump-guest-memory", {"paging": False, "protocol": "file:@/core"}, None),
    ("query-dump-guest-memory-capability", {}, None),
    ("human-monitor-command", {"command-line": "info registers", "cpu-index": 1}, None),
    ("device_add", {"driver": "nvme", "serial": "s", "drive": "d0"}, "hot plug"), ("device_del", {"id": "nothing"}, "not found"),
    ("blockdev-add", {"driver": "raw"}, "hot plug"), ("blockdev-del", {"node-name": "x"}, "hot plug"),
    ("netdev_add", {"type": "user", "id": "x"}, "hot plug"), ("netdev_del", {"id": "x"}, "hot plug"),
    ("chardev-add", {"id": "x", "backend": {}}, "hot plug"),
    ("vm-info", {}, None), ("vm-plan", {}, None), ("vm-phases", {}, None), ("vm-stats", {}, None),
    ("vm-switch", {"accel": "tcg"}, None),
    ("vm-twin", {"name": "twin"}, None),
    ("snapshot-save", {"path": "@/s.ambi"}, None), ("snapshot-list", {"path": "@"}, None),
    ("snapshot-load", {"path": "@/s.ambi"}, None), ("snapshot-delete", {"path": "@/s.ambi"}, None),
    ("query-migrate", {}, None), ("query-migrate-capabilities", {}, None), ("query-migrate-parameters", {}, None),
    ("migrate-set-parameters", {"downtime-limit": 200}, None),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "auto-converge", "state": False}]}, None),
    ("migrate-incoming", {"uri": "unix:@/nobody"}, ""), ("migrate-start-postcopy", {}, ""),
    ("migrate_cancel", {}, None), ("migrate", {"uri": "unix:@/nobody"}, ""),
]


def commands():
    disk = os.path.join(tmp, "disk.qcow2")
    r = run("disk", "create", disk, "1M")
    result(r.returncode == 0, "ambi disk create", r)
    g = guest("each", "-smp", "2", "-device", "virtio-balloon", "-drive", "file=%s,id=d0" % disk)
    q = g.qmp()
    with open(schema_json) as f:
        wanted = {c["name"] for c in json.load(f)["commands"]}
    served = {c["name"] for c in q.cmd("query-commands")}
    result(served == wanted, "every command of the schema is served", sorted(wanted ^ served))
    schema = {e["name"]: e for e in q.cmd("query-qmp-schema")}
    result({n for n, e in schema.items() if e["meta-type"] == "command"} == served, "query-qmp-schema has them, too")
    called = {"qmp_capabilities", "vm-console", "quit"} | {c[0] for c in CALLS}
    result(called >= served, "each is called here", sorted(served - called))

    def here(v):
        if isinstance(v, str):
            return v.replace("@", tmp)
        return {k: here(x) for k, x in v.items()} if isinstance(v, dict) else v
    for name, args, refusal in CALLS:
        if name not in served:
            continue
        q.send({"execute": name, "arguments": here(args)})
        m = q.answer()
        if m is None:
            result(False, name, "the connection ended", g.end())
            return
        if refusal is not None:
            ok = "error" in m and refusal in m["error"]["desc"] or (refusal == "" and m.get("return") == {})
            result(ok, name + " (refused)", m)
            continue
        wrong = [str(m)] if "return" not in m else mismatches(schema, schema[name]["ret-type"], m["return"], name)
        result(not wrong, name, *wrong)
    core = os.path.join(tmp, "core")
    notes = subprocess.run(["readelf", "-hlW", core], capture_output=True, text=True).stdout
    result("CORE" in notes and "LOAD" in notes and stat.S_IMODE(os.stat(core).st_mode) == 0o600 and
           os.stat(core).st_blocks * 512 < 64 << 20, "the core file", notes)
    block = q.cmd("query-block")
    result(len(block) == 1 and block[0]["device"] == "d0" and block[0]["inserted"]["file"] == disk and
           block[0]["inserted"]["image"]["virtual-size"] == 1 << 20, "the disk in query-block", block)
    told = [e["data"] for e in q.events if e["event"] == "SNAPSHOT"]
    result(told == [{"action": a, "path": here("@/s.ambi")} for a in ("save", "load")], "event SNAPSHOT", told)
    known = {n for n, e in schema.items() if e["meta-type"] == "event"}
    wrong = [e for e in q.events if e["event"] not in known]
    for e in q.events:
        if e["event"] in known:
            wrong += mismatches(schema, schema[e["event"]]["arg-type"], e.get("data", {}), e["event"])
    result(not wrong, "events are as the schema says", *wrong)
    twin, end = os.path.join(runtime, "ambi", "twin.sock"), time.time() + 20 * PATIENCE
    while not os.path.exists(twin) and time.time() < end:
        time.sleep(0.01)
    r = run("ctl", "twin", "quit")
    result(r.returncode == 0, "the twin is a guest like others", r)
    q.close()
    r, _, err = g.end()
    result(r == 0, "quit is status 0", r, err)


def sockets():
    g = guest("perm", "-S", env={"X": "1"})
    st, d = os.stat(g.path), os.stat(os.path.dirname(g.path))
    result(stat.S_IMODE(st.st_mode) == 0o600 and stat.S_IMODE(d.st_mode) == 0o700, "0600 in a directory of 0700",
           oct(st.st_mode), oct(d.st_mode))
    again = run("-name", "perm", "-serial", "null", "-S", image)
    result(again.returncode == 1 and "in use" in again.stderr, "a name that is taken", again)
    result(g.qmp().cmd("query-name") == {"name": "perm"}, "and the first guest still has it")
    g.p.kill()
    g.p.wait()
    result(os.path.exists(g.path), "a guest that was killed leaves its socket")
    result(run("ps").stdout == "" and not os.path.exists(g.path), "ps removes it")
    open(g.path, "w").close()
    other = run("-name", "perm", "-serial", "null", "-S", image)
    result(other.returncode == 1 and "no socket" in other.stderr and os.path.exists(g.path),
           "what is no socket is left alone", other)
    os.unlink(g.path)
    s = socket.socket(socket.AF_UNIX)
    s.bind(g.path)
    s.close()
    g = guest("perm", "-S")
    result(g.qmp().cmd("query-name") == {"name": "perm"}, "a stale socket is taken over")
    r = g.end()
    result(r[0] == 0 and not os.path.exists(g.path), "the end removes the socket", r)
    own = os.path.join(tmp, "own.sock")
    old = os.umask(0)
    p = subprocess.Popen([ambi, "-qmp", "unix:%s,server=on,wait=off" % own, "--api-socket", own + "2", "-qmp", "none",
                          "-serial", "null", "-S", image], env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.umask(old)
    while not os.path.exists(own + "2") and p.poll() is None:
        time.sleep(0.005)
    modes = [stat.S_IMODE(os.stat(x).st_mode) for x in (own, own + "2")]
    result(modes == [0o600, 0o600] and os.listdir(os.path.dirname(g.path)) == [],
           "-qmp unix, --api-socket, -qmp none: 0600 whatever umask says", modes, os.listdir(os.path.dirname(g.path)))
    Qmp(own + "2").close()
    Qmp(own).cmd("quit")
    result(p.wait(30 * PATIENCE) == 0, "both serve")
    p.stderr.close()
    for bad, say in (("udp:1:2", "unix:PATH"), ("unix:", "a path"), ("unix:/x,server=on,tls=on", "tls=on"),
                     ("unix:/" + "x" * 200, "at most "), ("tcp::0", "port number"), ("tcp::65536", "port number"),
                     ("tcp::x", "port number"), ("tcp:", "port number")):
        r = run("-qmp", bad, "-serial", "null", image)
        result(r.returncode == 1 and say in r.stderr, "-qmp " + bad[:30], r)
    r = run("-name", "../x", image)
    result(r.returncode == 1 and "-name" in r.stderr, "-name ../x", r)
    bad = os.path.join(tmp, "open")
    os.mkdir(bad)
    os.mkdir(os.path.join(bad, "ambi"), 0o755)
    os.chmod(os.path.join(bad, "ambi"), 0o755)
    r = subprocess.run([ambi, "-S", "-serial", "null", "-qmp", "stdio", image], env=dict(env, XDG_RUNTIME_DIR=bad),
                       input='{"execute":"qmp_capabilities"}{"execute":"quit"}', capture_output=True, text=True)
    result(r.returncode == 0 and "this user alone" in r.stderr and "SHUTDOWN" in r.stdout,
           "a directory for others is not used; -qmp stdio", r)
    r = run("-qmp", "stdio", "-serial", "stdio", image)
    result(r.returncode == 1 and "serial port" in r.stderr, "stdio for two", r)
    r = run("-qmp", "stdio", "-qmp", "stdio", image)
    result(r.returncode == 1 and "twice" in r.stderr, "stdio twice", r)


def tcp():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    g = guest("net", "-S", "-qmp", "tcp:127.0.0.1:%d,server=on,wait=off" % port)
    q = Qmp(("127.0.0.1", port))
    result(q.cmd("query-name") == {"name": "net"}, "-qmp tcp:")
    q.cmd("quit")
    result(g.end()[0] == 0, "and quit")


def slow_readers():
    """Nobody waits for a client: not on standard output, nor for one that was stopped."""
    g = guest("stdio", "-S", "-qmp", "stdio", stdin=subprocess.PIPE)
    g.p.stdin.write(b'{"execute":"qmp_capabilities"}' + b'{"execute":"query-qmp-schema"}' * 50)
    g.p.stdin.flush()
    t = time.time()
    r = [run("ctl", "stdio", "status").returncode for _ in range(5)]
    result(r == [0] * 5 and time.time() - t < 20 * PATIENCE, "standard output that is not read", r)
    answers = 0
    while answers < 51:
        answers += b"return" in g.p.stdout.readline()
    result(g.end()[0] == 0, "all of it comes")

    g = guest("stands", "-S")
    os.kill(g.p.pid, signal.SIGSTOP)
    waiting = []
    for _ in range(40):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(g.path)
        except BlockingIOError:
            break
        waiting.append(s)
    r = run("ps")
    result(len(waiting) < 40 and r.returncode == 0 and "does not answer" in r.stdout, "ps and a stopped process",
           len(waiting), r)
    r = run("-name", "stands", "-serial", "null", "-S", image)
    result(r.returncode == 1 and "in use" in r.stderr, "its name is taken", r)
    os.kill(g.p.pid, signal.SIGCONT)
    for s in waiting:
        s.close()
    end = time.time() + 30 * PATIENCE
    while run("ctl", "stands", "status").returncode and time.time() < end:
        pass                            # those that left take its places until it has looked
    result(g.end()[0] == 0, "it goes on")

    # consoles whose guest takes nothing, and whose ends have gone
    g = guest("deaf", "-S")
    for _ in range(16):
        c = g.qmp()
        c.cmd("vm-console")
        c.send(b"x" * 1000)
        c.close()
    q = g.qmp()
    result(q.cmd("query-name") == {"name": "deaf"}, "places of consoles that were left are free")
    q.close()
    g.end()

    # output while its reader looks away: all of it comes, and input goes on
    g = Guest(ambi, runtime, "talks", "-serial", "file:" + os.path.join(tmp, "talks"), image)
    c = g.qmp()
    c.cmd("vm-console")
    text = b"F" + bytes((0x46 + i) & 0x7f for i in range(400000))
    end = time.time() + 60 * PATIENCE
    for more in (b"F", b"b" * 500):
        c.send(more)
        text += more.strip(b"F")
        while os.path.getsize(os.path.join(tmp, "talks")) < len(text) and time.time() < end:
            time.sleep(0.01)
    result(os.path.getsize(os.path.join(tmp, "talks")) == len(text), "input goes on while output waits",
           os.path.getsize(os.path.join(tmp, "talks")))
    got = c.buf
    c.sock.settimeout(5 * PATIENCE)
    try:
        while len(got) < len(text):
            got += c.sock.recv(65536)
    except socket.timeout:
        pass
    result(got == text, "all of it comes", len(got), len(text))
    q = g.qmp()
    q.cmd("quit")
    q.close()
    g.end()


def crowd():
    """Many want the name that a dead process has left, while others look for dead ones."""
    for turn in range(5):
        path = os.path.join(runtime, "ambi", "crowd.sock")
        s = socket.socket(socket.AF_UNIX)
        s.bind(path)
        s.close()
        ps = [subprocess.Popen([ambi, "ps"], env=env, stdout=subprocess.DEVNULL) for _ in range(4)]
        all_ = [subprocess.Popen([ambi, "-name", "crowd", "-serial", "null", "-S", "-m", "8M", image], env=env,
                                 stderr=subprocess.PIPE) for _ in range(4)]
        ps += [subprocess.Popen([ambi, "ps"], env=env, stdout=subprocess.DEVNULL) for _ in range(4)]
        end = time.time() + 30 * PATIENCE
        while sum(p.poll() is None for p in all_) > 1 and time.time() < end:
            time.sleep(0.01)
        for p in ps:
            p.wait()
        live = [p for p in all_ if p.poll() is None]
        try:
            q = Qmp(path)
            pid = q.cmd("vm-info")["pid"]
            q.cmd("quit")
            ok = [p.pid for p in live] == [pid]
        except OSError as x:
            ok, pid = False, x
        for p in all_:
            if not ok:
                p.kill()
            p.wait()
            p.stderr.close()
        if not ok:
            break
    result(ok, "one of many gets a dead one's name", pid, live)
    # while somebody else is about to remove a dead one it stays
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    lock = os.open(os.path.dirname(path), os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    dead = os.stat(path).st_ino
    p = subprocess.Popen([ambi, "ps"], env=env, stdout=subprocess.DEVNULL)
    try:
        early = p.wait(0.5)
    except subprocess.TimeoutExpired:
        early = None
    kept = os.path.exists(path) and os.stat(path).st_ino == dead
    os.close(lock)
    p.wait()
    result(early is None and kept and not os.path.exists(path), "one process at a time removes dead ones", early, kept)


def programs():
    g = guest("vm1", "-S", "-m", "64M")
    r = run("ps")
    result(re.search(r"^vm1 +%d +riscv64/virt +tcg +1 +64M +prelaunch +0:00:" % g.p.pid, r.stdout, re.M) and
           r.returncode == 0, "ps", r.stdout)
    one = json.loads(run("ps", "--json").stdout)
    result(len(one) == 1 and one[0]["pid"] == g.p.pid and one[0]["memory"] == 64 << 20, "ps --json", one)
    r = run("ctl", "vm1", "status")
    result(r.returncode == 0 and json.loads(r.stdout)["status"] == "prelaunch", "ctl vm1 status", r)
    r = run("ctl", "vm1", "query-status")
    result(r.returncode == 0 and not json.loads(r.stdout)["running"], "by its long name", r)
    r = run("ctl", "vm1", "cont")
    result(r.returncode == 0 and r.stdout == "" and json.loads(run("ctl", "vm1", "status").stdout)["running"],
           "ctl vm1 cont says nothing", r)
    r = run("ctl", g.path, "hmp", "info status")
    result(r.returncode == 0 and "running" in r.stdout, "a path; text as text", r)
    r = run("ctl", "vm1", "switch", "kvm")
    result(r.returncode == 1 and "riscv64" in r.stderr and r.stdout == "", "a refusal is status 1 and its text", r)
    r = run("ctl", "vm1", "switch", "tcg")
    result(r.returncode == 0 and json.loads(r.stdout)["to"] == "tcg", "ctl vm1 switch tcg", r)
    r = run("ctl", "vm1", "dump", "rel.core", "--begin", "0x80000000", "--length=1M", cwd=tmp)
    result(r.returncode == 0 and 1 << 20 < os.path.getsize(os.path.join(tmp, "rel.core")) < 2 << 20,
           "a relative path, a size, options", r)
    r = run("ctl", "vm1", "twin", "copy", "--qmp", "copy.sock", cwd=tmp)
    end = time.time() + 30 * PATIENCE
    while not os.path.exists(os.path.join(tmp, "copy.sock")) and time.time() < end:
        time.sleep(0.01)
    told = None
    if os.path.exists(os.path.join(tmp, "copy.sock")):
        q = Qmp(os.path.join(tmp, "copy.sock"))
        told = q.cmd("query-name")
        q.cmd("quit")
        q.close()
    result(r.returncode == 0 and told == {"name": "copy"}, "a twin with a socket by its path", r, told)
    before = run("ctl", "vm1", "query-migrate-parameters")
    r = run("ctl", "vm1", "migrate-set-parameters", "--tls-creds=keys", cwd=tmp)
    have = json.loads(run("ctl", "vm1", "query-migrate-parameters").stdout)["tls-creds"]
    r2 = run("ctl", "vm1", "migrate-set-parameters", "--tls-creds", "", cwd=tmp)
    after = run("ctl", "vm1", "query-migrate-parameters")
    result(r.returncode == r2.returncode == 0 and have == os.path.join(tmp, "keys") and
           after.stdout == before.stdout, "no path is not this directory", r, r2, have, after)
    r = run("ctl", "vm1", "migrate", "--help")
    result(r.returncode == 0 and "downtime" in r.stdout, "ctl vm1 migrate --help", r)
    for args, say in ((["swtch", "tcg"], "did you mean switch"), (["switch"], "missing"), (["stop", "now"], "too many"),
                      (["balloon", "12Q"], "no size"), (["dump", "x", "--paging=maybe"], "neither on nor off"),
                      (["dump", "x", "--wrong"], "has no --wrong"), (["dump", "x", "--begin"], "needs a value")):
        r = run("ctl", "vm1", *args)
        result(r.returncode == 1 and say in r.stderr, "ctl vm1 " + " ".join(args), r)
    r = run("ctl", "nobody", "status")
    result(r.returncode == 1 and "no guest is named nobody" in r.stderr, "ctl nobody", r)
    r = run("ctl", "vm1", "-", input='{"execute":"query-name","id":1} {"execute":"no"}\n\n')
    lines = [json.loads(x) for x in r.stdout.splitlines()]
    result(r.returncode == 1 and lines[0] == {"return": {"name": "vm1"}, "id": 1} and "error" in lines[1],
           "JSON from standard input", r)
    r = run("ctl", "vm1", "help")
    r2 = run("ctl", "help", "switch")
    result("snapshot-save" in r.stdout and "ACCEL" in r2.stdout and "vm-switch" in r2.stdout, "help", r2)
    watch = subprocess.Popen([ambi, "ctl", "vm1", "events"], env=env, stdout=subprocess.PIPE, text=True)
    deadline = time.time() + 20 * PATIENCE
    while time.time() < deadline:     # until it has negotiated: the guest is stopped and resumed again
        run("ctl", "vm1", "stop")
        run("ctl", "vm1", "cont")
        if os.path.exists("/proc/%d" % watch.pid) and select_read(watch.stdout):
            break
    first = json.loads(watch.stdout.readline())
    result(first["event"] in ("STOP", "RESUME"), "ctl vm1 events", first)
    r = run("ctl", "vm1", "quit")
    rest = watch.stdout.read()
    result(r.returncode == 0 and "SHUTDOWN" in rest and watch.wait(30) == 0, "ctl vm1 quit; events end with it", r, rest)
    watch.stdout.close()
    result(g.end()[0] == 0, "the guest has ended")
    with open(os.path.join(tmp, "ps"), "wb") as f, open(image, "rb") as i:
        f.write(i.read())
    r = run("-explain", "./ps", cwd=tmp)
    r2 = run("-explain", "-kernel", "ps", cwd=tmp)
    result(r.returncode == 0 and r2.returncode == 0 and "riscv64" in r.stdout, "an image of the name ps", r, r2)


def select_read(f):
    import select
    return bool(select.select([f], [], [], 0.05)[0])


def consoles():
    g = Guest(ambi, runtime, "con", image, stdin=subprocess.PIPE)
    c = [subprocess.Popen([ambi, "console", "con"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, bufsize=0) for _ in range(2)]
    q = g.qmp()
    end = time.time() + 20 * PATIENCE
    got = [b"", b""]
    # both are attached when what one types comes back to both
    while not all(b"a" in x for x in got) and time.time() < end:
        c[0].stdin.write(b"a")
        for i in (0, 1):
            while select_read(c[i].stdout):
                got[i] += os.read(c[i].stdout.fileno(), 4096)
    result(all(b"a" in x for x in got), "two consoles see what one types", got)
    text = bytes(range(0x62, 0x71)) * 300
    c[1].stdin.write(text)
    back = b""
    while len(back.lstrip(b"a")) < len(text) and time.time() < end:
        if select_read(c[0].stdout):
            back += os.read(c[0].stdout.fileno(), 65536)
    result(back.lstrip(b"a") == text, "4,500 bytes at once, none lost", len(back), back[:40])
    g.p.stdin.write(b"zz")
    g.p.stdin.flush()
    seen = b""
    while b"zz" not in seen and time.time() < end:
        if select_read(c[0].stdout):
            seen += os.read(c[0].stdout.fileno(), 4096)
    result(b"zz" in seen, "the port's own end types, too")
    c[1].stdin.write(b"\x01x")
    result(c[1].wait(20 * PATIENCE) == 0 and q.cmd("query-status")["running"], "Ctrl-A x leaves, the guest goes on")
    master, tty = os.openpty()
    p = subprocess.Popen([ambi, "console", "con"], env=env, stdin=tty, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    modes = [termios.tcgetattr(tty)[3] & termios.ICANON]
    while termios.tcgetattr(tty)[3] & termios.ICANON and time.time() < end:
        time.sleep(0.01)
    modes.append(termios.tcgetattr(tty)[3] & termios.ICANON)
    p.terminate()
    r = p.wait()
    modes.append(termios.tcgetattr(tty)[3] & termios.ICANON)
    result(r == -signal.SIGTERM and modes == [termios.ICANON, 0, termios.ICANON], "a killed console leaves the terminal "
           "as it was", r, modes)
    os.close(tty)
    os.close(master)
    r = run("console", "con", "0x")
    result(r.returncode == 1 and "number" in r.stderr, "console con 0x", r)
    c[0].stdin.write(b"q")
    result(c[0].wait(20 * PATIENCE) == 0, "the guest's end is the console's")
    r, out, _ = g.end()
    result(r == 0 and text[:100] in out.replace(b"\r", b""), "its own end has seen all", out[:200])
    for p in c:
        for f in (p.stdin, p.stdout, p.stderr):
            f.close()
    # Ctrl-A k and the monitor
    g = Guest(ambi, runtime, "keys", image, stdin=subprocess.PIPE)
    q = g.qmp()
    g.p.stdin.write(b"\x01k\x01cdump\ncont\nquery-name\nstop\nhelp\nquit\n")
    g.p.stdin.flush()
    e = q.event("STOP"), q.event("SHUTDOWN")
    r, out, _ = g.end()
    result(r == 0 and b"not riscv64" in out and b"'protocol' is missing" in out and b'"name": "keys"' in out and
           b"snapshot-save" in out and e[1]["data"]["reason"] == "host-ui", "Ctrl-A k; ctl's words in the monitor", out)


def impatient():
    """Asked to end again and again, while output that nobody reads holds up the end: the terminal is restored."""
    master, tty = os.openpty()
    p = subprocess.Popen([ambi, "-serial", "stdio", "-qmp", "none", image], env=env, stdin=tty, stdout=tty,
                         stderr=subprocess.DEVNULL)
    end = time.time() + 20 * PATIENCE
    while termios.tcgetattr(tty)[3] & termios.ICANON and time.time() < end:
        time.sleep(0.01)
    os.write(master, b"F")
    time.sleep(0.5)
    while p.poll() is None:
        p.terminate()
        time.sleep(0.05)
    result(p.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM) and termios.tcgetattr(tty)[3] & termios.ICANON,
           "signals to end, one after another", p.returncode)
    os.close(tty)
    os.close(master)


def cost():
    """What the usual socket costs at the start: with and without, in turns."""
    times = {"none": [], "usual": []}
    for _ in range(15):
        for how in times:
            args = ["-qmp", "none"] if how == "none" else []
            r = subprocess.run([ambi, *args, "-qmp", "stdio", "-S", "-m", "8M", image], env=env, capture_output=True,
                               text=True, input='{"execute":"qmp_capabilities"}{"execute":"vm-phases"}'
                                                '{"execute":"quit"}')
            marks = re.search(r'"name": "machine built[^}]*"ms": ([\d.]+)', r.stdout)
            cost_ms = re.search(r'"name": "control[^}]*"ms": ([\d.]+)', r.stdout)
            times[how].append(float(cost_ms[1]) - float(marks[1]))
    none, usual = min(times["none"]), min(times["usual"])
    result(usual - none < 1.0 * PATIENCE, "the socket costs %.3f ms" % (usual - none), times)


def main():
    g = guest("proto", "-S")
    protocol(g)
    limits(g)
    events(g)
    r = g.end()
    result(r[0] == 0, "after all that quit is status 0", r)
    by_guest()
    once()
    moves()
    moved_by_keys()
    commands()
    sockets()
    tcp()
    slow_readers()
    crowd()
    programs()
    consoles()
    impatient()
    cost()


try:
    main()
finally:
    for p in Guest.all:
        p.kill()
    shutil.rmtree(tmp, ignore_errors=True)
tap.end()
