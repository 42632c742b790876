# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests for the tests and tools: where tools/get-guest has put them, the
command line that boots one, and a process whose console is watched."""
import os
import re
import select
import signal
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tool_files(tool, *args):
    """What tools/get-... prints, as a dictionary. It makes what is not there yet."""
    out = subprocess.run([os.path.join(TOP, "tools", tool)] + list(args), check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(line.split("=", 1) for line in out.splitlines())


def guest_files(arch="riscv64", rootfs=False, full=False):
    """The small guest of an architecture (full: with the general kernel, amd64)."""
    return tool_files("get-guest", *(["--rootfs"] if rootfs else []), *(["--full"] if full else []), arch)


def emulator_command(emulator, files, smp=1, mem="512M", words="", disk=False, forward=None, extra=()):
    """The command that boots the guest in `emulator` (the path of ambi, or of a
    qemu-system-riscv64, whose machine has to be named). `forward` is a pair
    (port of the host, port of the guest)."""
    append = " ".join(filter(None, [files["disk-append" if disk else "append"], words]))
    cmd = [emulator, "-m", mem, "-smp", str(smp), "-nographic", "-no-reboot",
           "-kernel", files["kernel"], "-initrd", files["disk-initrd" if disk else "initrd"], "-append", append]
    qemu = "qemu" in os.path.basename(emulator)
    if qemu:
        cmd[1:1] = ["-M", "virt" if files["arch"] == "riscv64" else "q35"]
    if disk:
        cmd += ["-snapshot"]
        if qemu:
            cmd += ["-drive", "file=%s,format=raw,if=none,id=d0" % files["disk"], "-device", "virtio-blk-device,drive=d0"]
        else:
            cmd += ["-drive", "file=%s,format=raw" % files["disk"]]
    if forward:
        rule = "user,hostfwd=tcp:127.0.0.1:%d-:%d" % forward
        cmd += ["-netdev", rule + ",id=n0", "-device", "virtio-net-device,netdev=n0"] if qemu else ["-nic", rule]
    return cmd + list(extra)


class GuestError(Exception):
    """What the guest or its emulator did instead; the text ends with the console's last lines."""


class Guest:
    """A running emulator whose standard output is the guest's console."""

    def __init__(self, cmd, log=None, echo=False):
        self.cmd, self.text, self.seen, self.echo = cmd, "", 0, echo
        self.log = open(log, "wb") if log else None
        self.start = time.monotonic()
        self.process = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.fd = self.process.stdout.fileno()
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()
        if self.log:
            self.log.close()

    def elapsed(self):
        return time.monotonic() - self.start

    def fail(self, what):
        tail = "\n".join(self.text.replace("\r", "").split("\n")[-25:])
        raise GuestError("%s\n--- %s\n%s" % (what, " ".join(self.cmd), tail))

    def _pump(self, timeout):
        """Reads what is there, waiting up to `timeout` seconds for some of it."""
        if self.closed or not select.select([self.fd], [], [], max(0, timeout))[0]:
            return
        data = os.read(self.fd, 65536)
        if not data:
            self.closed = True
            return
        if self.log:
            self.log.write(data)
            self.log.flush()
        text = data.decode(errors="replace")
        if self.echo:
            print(text, end="", flush=True)
        self.text += text

    def wait_for(self, pattern, timeout):
        """The match of `pattern` in what came since the last match. GuestError
        if the console closes or time runs out before it."""
        deadline = time.monotonic() + timeout
        while True:
            m = re.compile(pattern).search(self.text, self.seen)
            if m:
                self.seen = m.end()
                return m
            if self.closed:
                self.fail("ended before %r came" % pattern)
            left = deadline - time.monotonic()
            if left <= 0:
                self.fail("no %r within %d s" % (pattern, timeout))
            self._pump(min(left, 1))

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_end(self, timeout):
        """The exit status, once the emulator has ended by itself."""
        deadline = time.monotonic() + timeout
        while not self.closed and time.monotonic() < deadline:
            self._pump(1)
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.fail("still running %d s after it should have ended" % timeout)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_port():
    """A TCP port of the loopback interface that nobody uses just now."""
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
