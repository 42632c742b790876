#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_moves.py AMBI TOOL CASE...

Debian on two vCPUs of a whole KVM, with stress-ng --verify, a loop that writes files and reads them back from the
disk and a TCP stream: switched to the translator and back again and again, saved, restored on the translator,
migrated to KVM and back. $AMBI_SWITCHES: how often (6; the issue's 100 take an hour of an emulated host).
"""
import os
import re

import bed

QUICK = "mitigations=off quiet lsm=capability audit=0 rcupdate.rcu_expedited=1"
SWITCHES = int(os.environ.get("AMBI_SWITCHES", "6"))

# process 1 of the guest
INIT = r"""#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp; mkdir -p /dev/shm /run; mount -t tmpfs shm /dev/shm; mount -t tmpfs run /run
mount -o remount,rw /
for m in virtio_net; do modprobe $m; done
i=0; while [ $i -lt 50 ] && [ -z "$(ls /sys/class/net | grep -v lo)" ]; do sleep 0.1; i=$((i + 1)); done
nic=$(ls /sys/class/net | grep -v lo | head -n 1)
ip link set lo up; ip link set $nic up; ip addr add 10.0.2.15/24 dev $nic; ip route add default via 10.0.2.2
echo 0 >/tmp/disk; echo 0 >/tmp/tcp; echo 0 >/tmp/again
stress-ng --cpu 1 --matrix 1 --vm 1 --vm-bytes 16M --verify --timeout 100000 --temp-path /tmp >/tmp/stress 2>&1 &
stress=$!
(n=0; while [ ! -e /tmp/stop ]; do
	n=$((n + 1)); f=/var/moves.$((n % 8))
	head -c 256K /dev/urandom >/tmp/r; s=$(md5sum </tmp/r); cp /tmp/r $f; sync $f
	echo 1 >/proc/sys/vm/drop_caches
	[ "$(md5sum <$f)" = "$s" ] || echo "MOVES-BAD disk $n"
	echo $n >/tmp/disk
done) &
disk=$!
# another process of ambi's is another network: the stream is taken up again where it was
(n=0; while [ ! -e /tmp/stop ]; do
	if exec 3<>/dev/tcp/10.0.2.2/5555; then
		while [ ! -e /tmp/stop ]; do
			n=$((n + 1)); line="$n $RANDOM abcdefghijklmnopqrstuvwxyz"
			echo "$line" >&3 || break
			read -r -t 60 back <&3 || break
			[ "$line" = "$back" ] || echo "MOVES-BAD tcp $n: $back"
			echo $n >/tmp/tcp
		done
		exec 3>&-
	fi 2>/dev/null
	[ -e /tmp/stop ] || { echo $(($(cat /tmp/again) + 1)) >/tmp/again; sleep 1; }
done) &
tcp=$!
while ! (exec 4<>/dev/tcp/10.0.2.2/5556) 2>/dev/null; do
	sleep 2
	echo "MOVES beat $(cut -d' ' -f1 /proc/uptime) disk $(cat /tmp/disk) tcp $(cat /tmp/tcp) again $(cat /tmp/again)"
done
touch /tmp/stop
kill -INT $stress
wait $disk $tcp $stress
grep -iE 'fail|error|corrupt' /tmp/stress | grep -v 'failed: 0' | sed 's/^/MOVES-BAD /'
dmesg | grep -E 'BUG|WARNING:|Call Trace|Oops|nobody cared|[Cc]locksource.*unstable|soft lockup|rcu.*stall|unchecked MSR' |
	sed 's/^/DMESG-BAD: /'
echo "MOVES-OK disk $(cat /tmp/disk) tcp $(cat /tmp/tcp) again $(cat /tmp/again)"
sync; mount -o remount,ro /
systemctl poweroff -ff
sleep 20
"""

# the host's part; MODEL and GUEST are the machine's options
HOST = r"""
exec 2>&1
export XDG_RUNTIME_DIR=/tmp
ambi disk create /tmp/d.qcow2 -b /dev/vda -F raw || exit 1
nc -ll -p 5555 -e cat >/dev/null 2>&1 &
nc1=$!
GUEST="-cpu x86-64-v2 -m 384 -smp 2 -no-reboot -drive file=/tmp/d.qcow2,format=qcow2 -nic user -kernel vmlinuz -initrd initrd"
start() { # NAME ACCEL OPTION...
	s_name=$1 s_accel=$2
	shift 2
	: >/tmp/con.$s_name
	ambi -name $s_name -accel $s_accel $GUEST -append "$APPEND" -serial file:/tmp/con.$s_name "$@" >/tmp/log.$s_name 2>&1 &
}
fail() {
	echo "STEP-FAIL $*"
	for f in /tmp/log.* /tmp/con.*; do echo "== $f"; tail -n 20 $f; done
	kill $nc1 $nc2 $p1 $p2 $p3 $p4 $p5 2>/dev/null
	exit 1
}
# so many more beats on the console of NAME
beats() {
	b_n=$(grep -c 'MOVES beat' /tmp/con.$1) b_i=0
	while [ $(grep -c 'MOVES beat' /tmp/con.$1) -lt $((b_n + $2)) ]; do
		sleep 1; b_i=$((b_i + 1))
		[ $b_i -lt 600 ] || fail "$1 stands still"
		grep -q 'MOVES-BAD' /tmp/con.$1 && fail "$1: $(grep MOVES-BAD /tmp/con.$1)"
		kill -0 $3 2>/dev/null || fail "$1 has ended"
	done
	echo "$1: $(tail -n 1 /tmp/con.$1)"
}
start m1 kvm:tcg; p1=$!
beats m1 2 $p1
i=0
while [ $i -lt @N@ ]; do
	i=$((i + 1))
	ambi ctl m1 switch tcg || fail "switch $i to tcg"
	sleep 0.5
	ambi ctl m1 switch kvm || fail "switch $i to kvm"
	sleep 1
	[ $((i % 10)) != 0 ] || beats m1 1 $p1
done
beats m1 2 $p1
grep 'MOVES beat' /tmp/con.m1 | tail -n 1 | grep -q 'again 0[^0-9]*$' || fail "the stream was cut by a switch"
echo "PHASE switched $((2 * i)) times"
ambi ctl m1 snapshot-save /tmp/s1.ambi || fail save
ambi ctl m1 quit; wait $p1
ls -l /tmp/s1.ambi
start m2 tcg -loadvm /tmp/s1.ambi; p2=$!
beats m2 1 $p2
echo "PHASE restored on tcg"
start m3 kvm -incoming unix:/tmp/mig3; p3=$!
sleep 2
ambi ctl m2 migrate unix:/tmp/mig3 || fail "migrate to kvm"
beats m3 2 $p3
echo "PHASE migrated to kvm"
start m4 tcg -incoming unix:/tmp/mig4; p4=$!
sleep 2
ambi ctl m3 migrate unix:/tmp/mig4 || fail "migrate to tcg"
beats m4 1 $p4
echo "PHASE migrated to tcg"
ambi ctl m2 quit 2>/dev/null; ambi ctl m3 quit 2>/dev/null
start m5 kvm -incoming unix:/tmp/mig5; p5=$!
sleep 2
ambi ctl m4 migrate unix:/tmp/mig5 || fail "migrate to kvm again"
nc -ll -p 5556 -e cat >/dev/null 2>&1 &
nc2=$!
i=0
while ! grep -qE 'MOVES-OK|MOVES-BAD' /tmp/con.m5 && [ $i -lt 300 ]; do sleep 1; i=$((i + 1)); done
i=0
while kill -0 $p5 2>/dev/null && [ $i -lt 60 ]; do sleep 1; i=$((i + 1)); done
tail -n 4 /tmp/con.m5
grep -E 'MOVES-BAD|DMESG-BAD' /tmp/con.*
grep -h 'engine .* now' /tmp/log.m1 | sed 's/.*: //' | sort -n | awk '{ t[NR] = $1 } END { print "pauses: median " t[int((NR + 1) / 2)] " ms, longest " t[NR] " ms" }'
ambi disk check /tmp/d.qcow2 || fail "the image"
kill $nc1 $nc2 $p2 $p3 $p4 2>/dev/null
exit 0
"""


def moves(tap, ambi, tool):
    """switches under load, snapshot, restore, migrations"""
    files = bed.tool_lines("get-disk")
    b = bed.Bed(ambi, smp=2, mem=3000)
    b.disk(files["disk"])
    b.file(files["kernel"], "/root/vmlinuz")
    b.file(files["small-initrd"], "/root/initrd")
    b.sh("mkdir -p /mnt; mount -t ext4 /dev/vda2 /mnt || echo cannot mount the disk")
    b.sh("cat >/mnt/moves <<'END-OF-INIT'\n%sEND-OF-INIT\nchmod 755 /mnt/moves; umount /mnt" % INIT)
    b.sh("cat >/root/host.sh <<'END-OF-HOST'\nAPPEND='console=ttyS0 root=/dev/vda2 rw init=/moves %s'\n%sEND-OF-HOST"
         % (QUICK, HOST.replace("@N@", str((SWITCHES + 1) // 2))))
    b.step("moves", 900 + 30 * SWITCHES, "sh", "/root/host.sh")
    run = b.go().get("moves")
    tap.run(run, "Debian under load on both engines: %d switches, saved, restored, migrated" % SWITCHES,
            [r"PHASE switched", r"PHASE restored on tcg", r"PHASE migrated to kvm", r"PHASE migrated to tcg", r"^MOVES-OK"])
    for line in re.findall(r"^(?:PHASE|pauses:|MOVES-OK|m\d: ).*", run.text if run else "", re.M):
        print("# " + line)


if __name__ == "__main__":
    bed.main({"moves": moves})
