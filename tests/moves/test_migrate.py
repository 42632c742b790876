#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_migrate.py AMBI LOAD64 LOAD_RV CASE...

Guests that work and check what they do move between two ambi: nothing may be lost or happen twice,
and whatever fails, never more than one side runs. AMBI_LONG=1: all cases, else the most telling
ones. TAP on stdout.
"""
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time

from migrate_lib import PATIENCE, Bench, Failed, Source, cases_of, check_whole, have_kvm, messages, refused, want
from tap import end     # noqa: E402 (migrate_lib knows where)

ambi, load64, load_rv = map(os.path.abspath, sys.argv[1:4])
LONG = os.environ.get("AMBI_LONG") == "1"
case = cases_of(ambi)
MB = 1 << 20
RV = ["-kernel", load_rv, "-machine", "virt", "-smp", "2", "-m", "64"]
PC = ["-kernel", load64, "-machine", "pc", "-smp", "2", "-m", "64"]


def rare(name, fn, *args):
    """One for the long run."""
    if LONG:
        case(name, fn, *args)


def disk(b, name="disk", size=8 * MB):
    with open(b.path(name), "wb") as f:
        f.truncate(size)
    return b.path(name)


def pair(b, args, uri=None, dst=None, src_env=None, dst_env=None, beats=2, **kw):
    uri = uri or "unix:" + b.path("m")
    s = b.start(args, env=src_env, **kw)
    s.wait_beats(beats, 60)
    d = b.start(dst or args, incoming=uri, env=dst_env)
    d.connect()
    return s, d, uri


def arrive(s, d, beats=4):
    i = s.wait_status("completed", "failed", "cancelled")
    want(i["status"] == "completed", i, s.err, d.err)
    d.wait_beats(beats, 60)
    want(not s.running(), "the source runs")
    want(s.cmd("query-migrate")["status"] == "completed", "status changed")
    check_whole(s, d)
    return i


def stays(s, d=None, beats=3):
    """The guest goes on at the source; the other side has ended or will."""
    if d is not None:
        want(d.ended() != 0, "the destination ends with status 0")
        want(not d.beats, "the guest ran at the destination")
    s.wait_beats(beats, 60)
    check_whole(s)


# ---- pairs ----

def simple(b, args, dst, options):
    s, d, uri = pair(b, args + ["-drive", "file=" + disk(b)], dst=dst and dst + ["-drive", "file=" + b.path("disk")])
    s.cmd("migrate", uri=uri, **options)
    i = arrive(s, d)
    want(0 < i["ram"]["duplicate"] < i["ram"]["normal"] + i["ram"]["duplicate"], i["ram"])
    return "downtime %d ms, %d of %d KB, %d rounds" % (i["downtime"], i["ram"]["transferred"] >> 10,
                                                       i["ram"]["total"] >> 10, i["ram"]["dirty-sync-count"])


def there_and_back(b, args, dst):
    """Three moves, and the disk with it each time."""
    dr = ["-drive", "file=" + disk(b)]
    guests = [b.start(args + dr)]
    guests[0].wait_beats(2, 60)
    for n in range(3):
        uri = "unix:" + b.path("m%d" % n)
        guests.append(b.start((args if n % 2 else dst) + dr, incoming=uri))
        guests[-1].connect()
        guests[-2].cmd("migrate", uri=uri, keep=False)
        want(guests[-2].ended() == 0, "the source's status is not 0", guests[-2].err)
        guests[-1].wait_beats(3, 60)
    check_whole(*guests)


def pairs():
    tcg, kvm = ["-accel", "tcg"], ["-accel", "kvm"]
    old = ["-cpu", "x86-64-v1"]
    case("riscv64, TCG to TCG", simple, RV, None, {})
    case("riscv64, four streams, not compressed", simple, RV, None, {"streams": 4, "level": -1})
    case("x86, TCG to TCG", simple, PC + tcg, None, {})
    rare("x86, four streams", simple, PC + tcg, None, {"streams": 4, "level": 3})
    rare("riscv64, three moves", there_and_back, RV, RV)
    if have_kvm():
        case("x86, KVM to TCG", simple, PC + kvm, PC + tcg, {})
        case("x86, TCG to KVM", simple, PC + old + tcg, PC + old + kvm, {})
        case("x86, KVM to KVM", simple, PC + kvm, None, {})
        rare("x86, KVM to TCG to KVM to TCG", there_and_back, PC + old + kvm, PC + old + tcg)


# ---- ways ----

def by_uri(b, uri_in, uri_out, **options):
    s, d, _ = pair(b, RV, uri=uri_in(b))
    s.cmd("migrate", uri=uri_out(b, d), **options)
    arrive(s, d)


def by_fd(b):
    one, two = socket.socketpair()
    s = b.start(RV, pass_fds=[one.fileno()])
    d = b.start(RV, incoming="fd:%d" % two.fileno(), pass_fds=[two.fileno()])
    s.wait_beats(2, 60)
    d.connect()
    src, _ = one.fileno(), two.close()
    s.cmd("migrate", uri="fd:%d" % src)
    one.close()
    arrive(s, d)


def fd_cancel(b):
    """The other end of a cancelled migration is told, whoever else has the descriptor."""
    one, two = socket.socketpair()
    dr = ["-drive", "file=" + disk(b)]
    s = b.start(RV + dr, pass_fds=[one.fileno()])
    d = b.start(RV + dr, incoming="fd:%d" % two.fileno(), pass_fds=[two.fileno()])
    s.wait_beats(2, 60)
    d.connect()
    two.close()
    s.cmd("migrate", uri="fd:%d" % one.fileno(), bandwidth=200000)
    time.sleep(0.5)
    s.cmd("migrate_cancel")
    want(s.wait_status("cancelled", "completed", "failed")["status"] == "cancelled", s.err)
    want(d.ended(10) == 1, "the destination waits on")
    # what it was is used up, and nothing else got its number
    s.cmd("migrate", uri="fd:%d" % one.fileno())
    want(s.wait_status("completed", "failed")["status"] == "failed", s.err)
    one.close()
    stays(s)


def by_pipe(b, phase=None):
    """One way, with somebody at its other end: the stream is whole when the source has decided, or never."""
    r, w = os.pipe()
    env = {"AMBI_TEST_MIGRATE_CUT": "src-" + phase} if phase else None
    s = b.start(RV, pass_fds=[w], env=env)
    d = b.start(RV, incoming="fd:%d" % r, pass_fds=[r])
    os.close(r)
    s.wait_beats(2, 60)
    d.connect()
    # the source has one of its own
    s.cmd("migrate", uri="fd:%d" % w)
    os.close(w)
    if not phase:
        # the source stays, its end of the pipe does not
        arrive(s, d, 3)
        return
    i = s.wait_status("completed", "failed")
    want(i["status"] == "failed", i)
    s.wait_beats(2, 60)
    s.close()
    want(d.ended() == 1 and not d.beats, "both ran", d.err)


BRIDGE = """exec:python3 -c '
import socket, sys, threading, os
s = socket.socket(socket.AF_UNIX); s.connect("%s")
def pump(a, b):
    while True:
        d = os.read(a, 65536)
        if not d: break
        while d: d = d[os.write(b, d):]
    s.shutdown(socket.SHUT_WR) if b == s.fileno() else os.close(b)
t = threading.Thread(target=pump, args=(s.fileno(), 1)); t.start()
pump(0, s.fileno()); t.join()'"""


def by_file(b, uri_out, uri_in, twice=False):
    """The source goes on with force; what is in the file begins again where it was saved."""
    s = b.start(RV)
    s.wait_beats(2, 60)
    s.cmd("migrate", uri=uri_out)
    i = s.wait_status("completed", "failed")
    want(i["status"] == "completed", i)
    want(not s.running(), "the source runs")
    saved = s.beats[-1]
    for _ in range(2 if twice else 1):
        d = b.start(RV, incoming=uri_in)
        d.wait_beats(3, 60)
        want(d.beats[0] == saved + 1, "begins with beat", d.beats[0], "after", saved)
        check_whole(d)
        d.close()
    if twice:
        refused("cont with force", s.cmd, "cont")
        s.cmd("cont", force=True)
        s.wait_beats(2, 60)
        check_whole(s)


def certificates(b, where, names=("server", "client"), ca=None):
    """By certtool's or openssl's hand: a CA, and a key and a certificate for each name."""
    os.makedirs(where, exist_ok=True)

    def run(*cmd):
        subprocess.run(cmd, check=True, cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    ca = ca or where
    if ca == where:
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca-key.pem", "-out", "ca-cert.pem",
            "-subj", "/CN=test CA", "-days", "2")
    for n in names:
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", n + "-key.pem", "-out", n + ".csr",
            "-subj", "/CN=" + n)
        with open(os.path.join(where, n + ".ext"), "w", encoding="utf-8") as f:
            f.write("subjectAltName=IP:127.0.0.1,DNS:there\n")
        run("openssl", "x509", "-req", "-in", n + ".csr", "-CA", ca + "/ca-cert.pem", "-CAkey", ca + "/ca-key.pem",
            "-CAcreateserial", "-days", "2", "-extfile", n + ".ext", "-out", n + "-cert.pem")
    return where


def by_tls(b, streams):
    creds = certificates(b, b.path("pki"))
    s, d, _ = pair(b, RV, uri="tcp:127.0.0.1:0,tls-creds=" + creds)
    s.cmd("migrate-set-parameters", tls_creds=creds)
    s.cmd("migrate", uri="tcp:127.0.0.1:%d" % d.port(), streams=streams)
    arrive(s, d)


def tls_parameter(b):
    """The parameter counts on both sides, and where there is no TLS nothing goes without."""
    creds = certificates(b, b.path("pki"))
    s, d, _ = pair(b, RV, uri="defer")
    for g in s, d:
        g.cmd("migrate-set-parameters", tls_creds=creds)
    refused("TLS goes over", s.cmd, "migrate", uri="file:" + b.path("state"))
    refused("TLS goes over", d.cmd, "migrate-incoming", uri="exec:cat")
    want(not [f for f in os.listdir(b.dir.name) if f.startswith("state")], os.listdir(b.dir.name))
    d.cmd("migrate-incoming", uri="tcp:127.0.0.1:0")
    uri = "tcp:127.0.0.1:%d" % d.port()
    s.cmd("migrate-set-parameters", tls_creds="")
    s.cmd("migrate", uri=uri)
    i = s.wait_status("completed", "failed")
    want(i["status"] == "failed", i)
    s.cmd("migrate-set-parameters", tls_creds=creds)
    s.cmd("migrate", uri=uri)
    arrive(s, d)


def tls_refused(b):
    """Another CA, another name, none at all: the guest goes on, and the destination goes on waiting."""
    creds = certificates(b, b.path("pki"))
    other = certificates(b, b.path("other"))
    s, d, _ = pair(b, RV, uri="tcp:127.0.0.1:0,tls-creds=" + creds)
    base = "tcp:127.0.0.1:%d" % d.port()
    for uri in (base + ",tls-creds=" + other, base + ",tls-creds=%s,tls-hostname=elsewhere" % creds, base,
                base + ",tls-creds=" + b.path("nothing")):
        s.cmd("migrate", uri=uri)
        i = s.wait_status("completed", "failed")
        want(i["status"] == "failed", uri, i)
        want(s.running() and d.alive(), "somebody has ended", d.err)
    s.cmd("migrate", uri=base + ",tls-creds=" + creds)
    arrive(s, d)


def full(b, how):
    s = b.start(RV)
    s.wait_beats(2, 60)
    uri = how
    if how == "limit":
        resource.prlimit(s.proc.pid, resource.RLIMIT_FSIZE, (1 * MB, 1 * MB))
        uri = "file:" + b.path("state")
    s.cmd("migrate", uri=uri)
    i = s.wait_status("completed", "failed")
    want(i["status"] == "failed", i)
    stays(s)
    want(not [f for f in os.listdir(b.dir.name) if f.startswith("state")], os.listdir(b.dir.name))
    return i.get("error-desc", "")[:60]


def ways():
    case("tcp", by_uri, lambda b: "tcp:127.0.0.1:0", lambda b, d: "tcp:127.0.0.1:%d" % d.port())
    rare("tcp, four streams", lambda b: by_uri(b, lambda b: "tcp:[::1]:0" if socket.has_ipv6 and ipv6() else
                                               "tcp:127.0.0.1:0",
                                               lambda b, d: "tcp:%s:%d" % ("[::1]" if ipv6() else "127.0.0.1", d.port()),
                                               streams=4))
    case("fd", by_fd)
    case("fd, cancelled", fd_cancel)
    case("a pipe", by_pipe)
    case("a pipe, cut before the decision", by_pipe, "ready")
    case("a pipe, cut behind the decision", by_pipe, "decided")
    case("exec", by_uri, lambda b: "unix:" + b.path("m"), lambda b, d: BRIDGE % b.path("m"))
    with Bench(ambi) as b:
        f = b.path("state")
        case("file, loaded twice; cont with force", by_file, "file:" + f, "file:" + f, True)
        rare("a file by commands", by_file, "file:|zstd -q > %s.zst" % f, "file:|zstd -dcq %s.zst" % f)
        case("a file that was cut", cut_file, f)
    case("full disk (limit of a file's size)", full, "limit")
    rare("full disk (a command that fails)", full, "file:|cat > /dev/full")
    rare("no such directory", full, "file:/nonexistent/state")
    rare("TLS", by_tls, 1)
    case("TLS, three streams", by_tls, 3)
    case("TLS of strangers", tls_refused)
    case("TLS by the parameter", tls_parameter)


def ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def cut_file(b, f):
    with open(f, "rb") as h:
        data = h.read()
    rnd = random.Random(1)
    for n in range(6):
        broken = bytearray(data)
        if n < 3:
            del broken[rnd.randrange(len(data) - 1):]
        elif n == 3:
            broken += b"x"
        else:
            broken[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
        with open(b.path("broken"), "wb") as h:
            h.write(broken)
        d = b.start(RV, incoming="file:" + b.path("broken"))
        want(d.ended() == 1 and not d.beats, "a broken file is loaded, or status", d.proc.returncode, d.err)
        want("error" in d.err, d.err)


# ---- control ----

def mismatch(b, args, dst, text):
    s, d, uri = pair(b, args, dst=dst)
    s.cmd("migrate", uri=uri)
    i = s.wait_status("completed", "failed")
    want(i["status"] == "failed" and text in i["error-desc"], i)
    stays(s, d)
    return i["error-desc"][:100]


def cancel(b):
    s, d, uri = pair(b, RV)
    s.cmd("migrate", uri=uri, bandwidth=200000)
    time.sleep(0.7)
    want(s.status() == "active", s.status())
    s.cmd("migrate_cancel")
    i = s.wait_status("cancelled", "completed", "failed")
    want(i["status"] == "cancelled", i)
    stays(s, d)
    # and once more, to another one
    uri = "unix:" + b.path("again")
    d = b.start(RV, incoming=uri)
    d.connect()
    s.cmd("migrate", uri=uri)
    arrive(s, d)


def limits(b):
    """Bandwidth, and a downtime: what the guest writes again and again, 4 MiB, goes in one second."""
    s, d, uri = pair(b, RV)
    s.cmd("migrate-set-parameters", max_bandwidth=4 * MB, downtime_limit=1300)
    s.cmd("migrate", uri=uri, level=-1, auto_converge=True)
    i = arrive(s, d)
    rate = i["ram"]["transferred"] / (i["total-time"] / 1000)
    want(1 * MB < rate < 5 * MB, "%d bytes a second" % rate)
    # the machine is shared with others
    want(i["downtime"] < 1300 + 800 * PATIENCE, i)
    return "%.1f MB/s, downtime %d ms, %d rounds, throttled to %s %%" % (
        rate / MB, i["downtime"], i["ram"]["dirty-sync-count"], i.get("cpu-throttle-percentage", 0))


def faster(b):
    """A limit that is lifted while the migration waits for it."""
    s, d, uri = pair(b, RV)
    s.cmd("migrate", uri=uri, bandwidth=2000)
    time.sleep(0.5)
    want(s.status() == "active", s.status())
    s.cmd("migrate-set-parameters", max_bandwidth=0)
    want(arrive(s, d)["total-time"] < 20000 * PATIENCE, "the old limit was waited for")


def stopped(b):
    s, d, uri = pair(b, RV)
    s.cmd("stop")
    want(not s.running(), "runs after stop")
    s.cmd("migrate", uri=uri)
    s.wait_status("completed")
    d.wait_status("completed")
    s.caught_up()		# what it said before the stop is out by now
    have = len(s.beats)
    time.sleep(0.5)
    want(not d.running() and not s.running() and not d.beats and len(s.beats) == have, "it runs")
    d.cmd("cont")
    d.wait_beats(3, 60)
    check_whole(s, d)


def deferred(b):
    uri = "tcp:127.0.0.1:0"
    s, d, _ = pair(b, RV, uri="defer")
    refused("not started with -incoming", s.cmd, "migrate-incoming", uri=uri)
    d.cmd("migrate-incoming", uri=uri)
    s.cmd("migrate", uri="tcp:127.0.0.1:%d" % d.port())
    arrive(s, d)


def garbage(b):
    """Who connects and speaks something else is sent away; the guest comes later."""
    s, d, uri = pair(b, RV)
    rnd = random.Random(2)
    for n in range(8):
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(b.path("m"))
            c.settimeout(5 * PATIENCE)
            c.sendall(bytes(rnd.randrange(256) for _ in range(1 << n)) + bytes(64))
            try:
                while c.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    want(d.alive(), d.err)
    s.cmd("migrate", uri=uri)
    arrive(s, d)


def in_the_way(b):
    """A file where the socket shall be stays; what is no file is not replaced by one."""
    path = b.path("precious")
    with open(path, "w", encoding="ascii") as f:
        f.write("precious")
    d = b.start(RV, incoming="unix:" + path)
    want(d.ended() == 1 and "in use" in d.err, d.err)
    with open(path, encoding="ascii") as f:
        want(f.read() == "precious", "the file was changed")
    os.mkfifo(b.path("fifo"))
    os.symlink("precious", b.path("link"))
    s = b.start(RV)
    s.wait_beats(1, 60)
    for name in "fifo", "link":
        s.cmd("migrate", uri="file:" + b.path(name))
        i = s.wait_status("completed", "failed")
        want(i["status"] == "failed" and "is not a file" in i["error-desc"], i)
    stays(s)
    want(not [f for f in os.listdir(b.dir.name) if ".part" in f], os.listdir(b.dir.name))


def no_way(b):
    s = b.start(RV)
    s.wait_beats(1, 60)
    for uri, text in (("unix:" + b.path("none"), "No such file"), ("tcp:127.0.0.1:1", "refused"), ("fd:99", "not an open"),
                      ("gopher:x", "there are unix:"), ("tcp:x", "HOST:PORT"), ("exec:false", "has gone")):
        try:
            s.cmd("migrate", uri=uri)
            i = s.wait_status("failed")
            want(text in i["error-desc"], uri, i)
        except Failed as e:
            want(text in str(e), uri, e)
    stays(s)


def one_at_a_time(b):
    s, d, uri = pair(b, RV)
    s.cmd("migrate", uri=uri, bandwidth=100000)
    refused("under way", s.cmd, "migrate", uri=uri)
    refused("without postcopy", s.cmd, "migrate-start-postcopy")
    s.cmd("migrate_cancel")
    s.wait_status("cancelled")
    stays(s, d)


def ends_meanwhile(b):
    """quit under way: nobody runs, nothing hangs."""
    s, d, uri = pair(b, RV)
    s.cmd("migrate", uri=uri, bandwidth=100000)
    time.sleep(0.3)
    s.cmd("quit")
    want(s.ended() == 0, "status", s.proc.returncode)
    want(d.ended() == 1 and not d.beats, "destination", d.proc.returncode)


def control():
    rare("other memory size", mismatch, RV, RV[:-1] + ["96"], "memory block 'ram' has 65536 KiB, here 98304")
    rare("other number of CPUs", mismatch, RV, RV[:5] + ["1"] + RV[6:], "-smp 2")
    rare("other machine", mismatch, PC + ["-accel", "tcg"], RV, "is not in this machine")
    case("other CPU", mismatch, PC + ["-accel", "tcg"], PC + ["-accel", "tcg", "-cpu", "x86-64-v1"], "-cpu")
    case("a disk less", lambda b: mismatch(b, RV + ["-drive", "file=" + disk(b)], RV, "disk0"))
    rare("a disk of another size", lambda b: mismatch(b, RV + ["-drive", "file=" + disk(b)],
                                                     RV + ["-drive", "file=" + disk(b, "other", 4 * MB)], "bytes"))
    case("a temporary disk here and not there", lambda b: mismatch(
        b, RV + ["-drive", "file=%s,snapshot=on" % disk(b)], RV + ["-drive", "file=" + b.path("disk")], "snapshot=on"))
    case("cancel", cancel)
    case("bandwidth and downtime", limits)
    rare("a limit that is lifted", faster)
    case("a stopped guest", stopped)
    case("-incoming defer", deferred)
    case("garbage on the socket", garbage)
    case("what is in the way", in_the_way)
    rare("no way there", no_way)
    rare("one at a time", one_at_a_time)
    rare("quit meanwhile", ends_meanwhile)


# ---- disks ----

def mirrored(b, args, dst_kind):
    """Disks that are not shared: both images hold the same at the end."""
    one, two = disk(b, "one"), disk(b, "two")
    s, d, uri = pair(b, args + ["-drive", "file=" + one], dst=args + ["-drive", "file=" + two])
    s.wait_beats(3)
    s.cmd("migrate", uri=uri, blk=True)
    i = s.wait_status("completed", "failed")
    want(i["status"] == "completed", i)
    with open(one, "rb") as f:
        was = f.read()
    d.wait_beats(4, 60)
    check_whole(s, d)
    want(i["disk"]["transferred"] >= 8 * MB, i["disk"])
    d.cmd("stop")
    with open(two, "rb") as f:
        now = f.read()
    with open(one, "rb") as f:
        want(f.read() == was, "the source's image was written afterwards")
    want(now != bytes(len(now)), "nothing arrived")
    s.close()
    return "%d KB of disk" % (i["disk"]["transferred"] >> 10)


def temporary(b, args):
    img = disk(b)
    with open(img, "rb") as f:
        before = f.read()
    s, d, uri = pair(b, args + ["-drive", "file=%s,snapshot=on" % img])
    s.wait_beats(3)
    s.cmd("migrate", uri=uri)
    arrive(s, d)
    with open(img, "rb") as f:
        want(f.read() == before, "the image was written")


def handed_over(b):
    """The lock goes with the guest, and comes back when the migration fails late."""
    args = RV + ["-drive", "file=" + disk(b)]
    s, d, uri = pair(b, args, dst_env={"AMBI_TEST_MIGRATE_DIE": "dst-loaded"})
    other = b.start(args)
    want(other.ended() == 1 and not other.beats, "two have the disk", other.err)
    s.cmd("migrate", uri=uri)
    i = s.wait_status("failed", "completed")
    want(i["status"] == "failed", i)
    s.wait_beats(3, 60)
    uri = "unix:" + b.path("second")
    d = b.start(args, incoming=uri)
    d.connect()
    s.cmd("migrate", uri=uri)
    arrive(s, d)


def disks():
    case("mirrored disk, riscv64", mirrored, RV, "")
    rare("mirrored disk, x86", mirrored, PC + ["-accel", "tcg"], "")
    rare("a mirrored disk that takes its time, two streams", slow_disk)
    case("a temporary disk", temporary, RV)
    case("a disk's lock", handed_over)


# ---- failures ----

# Where each side runs after it, given that the connection or one process ends there.
BEFORE = ["hello", "check", "disks", "round", "freeze", "rest", "state", "end", "ready", "decided"]


def dies_source(b, phase, args):
    s, d, uri = pair(b, args, src_env={"AMBI_TEST_MIGRATE_DIE": "src-" + phase})
    s.cmd("migrate", uri=uri)
    want(s.ended() == -signal.SIGKILL, "the source lives", s.proc.returncode)
    if phase in BEFORE:
        want(d.ended(60) == 1, "the destination", d.proc.returncode)
        want(not d.beats, "the destination ran")
    else:
        d.wait_beats(4, 60)
        check_whole(s, d)


def dies_destination(b, phase, args):
    s, d, uri = pair(b, args, dst_env={"AMBI_TEST_MIGRATE_DIE": "dst-" + phase})
    s.cmd("migrate", uri=uri)
    i = s.wait_status("failed", "completed", seconds=90)
    want(d.ended() == -signal.SIGKILL, "the destination lives", d.proc.returncode)
    if phase in ("hello", "check", "round", "state", "end", "loaded"):
        want(i["status"] == "failed", i)
        s.wait_beats(3, 60)
        check_whole(s)
        return
    if i["status"] == "completed":
        want(phase == "going", phase, i)
    s.caught_up()
    have = len(s.beats)
    time.sleep(1)
    want(not s.running() and len(s.beats) == have, "the source runs though the destination may have run")
    refused("cont with force", s.cmd, "cont")
    s.cmd("cont", force=True)
    s.wait_beats(3, 60)
    check_whole(s)


def cut(b, side, phase, args):
    env = {"AMBI_TEST_MIGRATE_CUT": "%s-%s" % (side, phase)}
    s, d, uri = pair(b, args, **{side + "_env": env})
    s.cmd("migrate", uri=uri)
    i = s.wait_status("failed", "completed", seconds=90)
    if i["status"] == "completed":
        d.wait_beats(4, 60)
        want(not s.running(), "both run")
        check_whole(s, d)
        want(phase in ("go", "going"), "completed after a cut at", phase)
    else:
        s.wait_beats(3, 60)
        want(d.ended(60) == 1 and not d.beats, "both run", d.err)
        check_whole(s)
        want(phase not in ("go", "going"), "failed after a cut at", phase, i)


def streams_break(b):
    """All streams of a destination end at once, whatever it does then."""
    met = 0
    for n in range(12 if LONG else 4):
        s, d, _ = pair(b, RV, uri="unix:" + b.path("s%d" % n), beats=1)
        s.cmd("migrate", uri="unix:" + b.path("s%d" % n), streams=8, bandwidth=16 * MB)
        time.sleep(0.02 + 0.02 * n)
        s.proc.kill()
        try:
            want(d.ended(5) == 1, "status", d.proc.returncode, d.err)
            met += 1
        except Failed:
            # the source had not come yet: it goes on waiting
            want(d.alive() and d.status() == "setup", d.proc.returncode, d.err)
    want(met, "no source came there in time")


def half_a_round(b, how):
    """One stream is at the end of a round, another one never comes there."""
    g = b.start(RV)
    g.wait_beats(1, 60)
    g.cmd("migrate", uri="file:" + b.path("state"))
    g.wait_status("completed")
    blocks = [data for kind, data in messages(b.path("state")) if kind == Source.BLOCKS][0]
    d = b.start(RV, incoming="unix:" + b.path("m"))
    d.connect()
    first, second = Source(b.path("m")), None
    first.hello(streams=2)
    second = Source(b.path("m"))
    second.stream(1)
    first.send(Source.BLOCKS, blocks)
    second.send(Source.ROUND, b"\1\0\0\0")
    time.sleep(0.3)
    if how == "quit":
        d.cmd("quit")
    else:
        first.close()
    want(d.ended(10) == (0 if how == "quit" else 1), "status", d.proc.returncode, d.err)
    first.close()
    second.close()


def slow_disk(b):
    """Disks go by the first stream, for longer than a stream may be silent while it is the only one."""
    two = disk(b, "two", 8 * MB)
    with open(b.path("disk"), "wb") as f:
        f.write(random.Random(3).randbytes(8 * MB))
    s, d, uri = pair(b, RV + ["-drive", "file=" + b.path("disk")], dst=RV + ["-drive", "file=" + two])
    s.cmd("migrate", uri=uri, blk=True, streams=2, bandwidth=8 * MB // 135)
    time.sleep(130)
    want(s.status() == "active", s.cmd("query-migrate"), d.err)
    s.cmd("migrate-set-parameters", max_bandwidth=0)
    arrive(s, d)


THERE = ["hello", "check", "round", "state", "end", "loaded", "ready", "go", "going"]


def failures():
    case("many streams end at once", streams_break)
    case("a stream ends while another waits for it", half_a_round, "cut")
    case("quit while a stream waits for another", half_a_round, "quit")
    for p in BEFORE + ["go", "going"]:
        (case if p in ("round", "decided", "go") else rare)("the source dies: " + p, dies_source, p, RV)
    for p in THERE:
        (case if p in ("loaded", "go") else rare)("the destination dies: " + p, dies_destination, p, RV)


def cuts():
    for p in BEFORE + ["go", "going"]:
        (case if p in ("freeze", "decided", "go") else rare)("cut by the source: " + p, cut, "src", p, RV)
    for p in THERE:
        (case if p in ("end", "ready") else rare)("cut by the destination: " + p, cut, "dst", p, RV)


# ---- post-copy ----

def post(b, args, dst, **options):
    s, d, uri = pair(b, args, dst=dst)
    s.cmd("migrate", uri=uri, postcopy=True, bandwidth=2 * MB, downtime=1, **options)
    time.sleep(0.4)
    s.cmd("migrate-start-postcopy")
    i = arrive(s, d, 8)
    want("postcopy-active" in [e["data"]["status"] for e in s.events if e["event"] == "MIGRATION"], s.events)
    return "downtime %d ms of %d" % (i["downtime"], i["total-time"])


def post_stopped(b):
    """Post-copy of a guest that writes nothing: no page is left to come after it."""
    s, d, uri = pair(b, RV)
    s.cmd("stop")
    s.cmd("migrate", uri=uri, postcopy=True, bandwidth=2 * MB)
    s.cmd("migrate-start-postcopy")
    i = s.wait_status("completed", "failed", "postcopy-paused")
    want(i["status"] == "completed", i, s.err, d.err)
    d.wait_status("completed")
    want(not d.running() and not s.running(), "it runs")
    d.cmd("cont")
    d.wait_beats(3, 60)
    check_whole(s, d)


def post_cut(b, side):
    """Half there and half here: the connection is made again."""
    phase = {"src": "src-postcopy"}[side]
    s, d, uri = pair(b, RV, src_env={"AMBI_TEST_MIGRATE_CUT": phase})
    s.cmd("migrate", uri=uri, postcopy=True, bandwidth=1 * MB, downtime=1)
    time.sleep(0.4)
    s.cmd("migrate-start-postcopy")
    arrive(s, d, 6)
    want("the source is back" in d.err, d.err)


def post_lost(b):
    """The destination dies with half of the guest: force goes on at the source, at once."""
    s, d, uri = pair(b, RV)
    s.cmd("migrate", uri=uri, postcopy=True, bandwidth=1 * MB, downtime=1)
    time.sleep(0.4)
    s.cmd("migrate-start-postcopy")
    s.wait_status("postcopy-active")
    d.proc.kill()
    s.wait_status("postcopy-paused")
    s.caught_up()
    have = len(s.beats)
    s.cmd("cont")
    time.sleep(0.5)
    want(not s.running() and len(s.beats) == have, "runs without force")
    s.cmd("cont", force=True)
    s.wait_status("failed")
    s.wait_beats(3, 60)
    check_whole(s)


def post_thanks(b):
    """All pages are there, and the connection ends before the source hears of it: it asks."""
    s, d, uri = pair(b, RV, dst_env={"AMBI_TEST_MIGRATE_CUT": "dst-whole"})
    s.cmd("migrate", uri=uri, postcopy=True, bandwidth=4 * MB, downtime=1)
    time.sleep(0.2)
    s.cmd("migrate-start-postcopy")
    arrive(s, d, 4)
    want("connecting again" in s.err, s.err)


def post_dead(b):
    """The source dies with pages that were not sent: the guest stands, and says so; quit works."""
    s, d, uri = pair(b, RV, src_env={"AMBI_TEST_MIGRATE_DIE": "src-postcopy"})
    s.cmd("snapshot-save", path=b.path("whole.ambi"))
    s.cmd("migrate", uri=uri, postcopy=True, bandwidth=1 * MB, downtime=1)
    time.sleep(0.4)
    s.cmd("migrate-start-postcopy")
    want(s.ended() == -signal.SIGKILL, "the source lives")
    d.wait_status("postcopy-paused")
    want("the guest waits" in d.err, d.err)
    # half of it is not here: it would be zero in these
    refused("a migration is under way", d.cmd, "snapshot-save", path=b.path("half.ambi"))
    refused("a migration is under way", d.cmd, "snapshot-load", path=b.path("whole.ambi"))
    refused("a migration is under way", d.cmd, "vm-twin")
    d.cmd("quit")
    want(d.ended() == 2, "status", d.proc.returncode)
    want(not d.bad, d.bad)


def postcopy():
    case("post-copy, riscv64", post, RV, None)
    case("post-copy, x86", post, PC + ["-accel", "tcg"], None)
    if have_kvm():
        case("post-copy, KVM to TCG", post, PC + ["-accel", "kvm"], PC + ["-accel", "tcg"])
    case("post-copy, a stopped guest", post_stopped)
    case("post-copy, a cut connection", post_cut, "src")
    case("post-copy, thanks that get lost", post_thanks)
    case("post-copy, a dead source", post_dead)
    case("post-copy, a dead destination", post_lost)


cases = {f.__name__: f for f in (pairs, ways, control, disks, failures, cuts, postcopy)}
for name in sys.argv[4:] or cases:
    cases[name]()
end()
