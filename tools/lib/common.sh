# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Sourced by the scripts in tools/: messages, the cache folder, packages of
# this machine. The caller sets $top to the root of the source tree.

prog=${0##*/}
cache=${AMBI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ambi}

say() { echo "$prog: $*" >&2; }
die() { echo "$prog: error: $*" >&2; exit 1; }

# step TEXT: names a long step and tells how long the one before it took
step_t0= step_name=
step() {
	step_now=$(date +%s)
	[ -z "$step_name" ] || say "    done in $((step_now - step_t0)) s"
	step_t0=$step_now step_name=$1
	[ -z "$1" ] || say "--- $1"
}

# patient LOG COMMAND...: runs a command with its output in LOG and a dot on a
# terminal's standard error every two seconds. On failure shows the log's end.
patient() {
	patient_log=$1
	shift
	"$@" >"$patient_log" 2>&1 </dev/null &
	patient_pid=$!
	if [ -t 2 ]; then
		while kill -0 $patient_pid 2>/dev/null; do printf . >&2; sleep 2; done
		echo >&2
	fi
	patient_rc=0
	wait $patient_pid || patient_rc=$?
	[ $patient_rc = 0 ] || { tail -n 30 "$patient_log" >&2; say "failed: $*"; say "whole log: $patient_log"; }
	return $patient_rc
}

# packages_missing NAME...: those that dpkg does not have installed
packages_missing() {
	for p in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || printf ' %s' "$p"
	done
}

# packages_install WHY NAME...: installs what is missing, as root; says what
# to install if not root
packages_install() {
	why=$1
	shift
	command -v dpkg-query >/dev/null || die "this is no Debian system; $why needs (by Debian's names): $*"
	lack=$(packages_missing "$@")
	[ -n "$lack" ] || return 0
	[ "$(id -u)" = 0 ] || die "$why needs packages that are not installed. As root: apt-get install$lack"
	say "installing for $why:$lack"
	mkdir -p "$cache/log"
	patient "$cache/log/apt-update.log" apt-get -q update || die "apt-get update failed"
	# shellcheck disable=SC2086 # words are meant
	DEBIAN_FRONTEND=noninteractive patient "$cache/log/apt-install.log" apt-get -q -y \
		-o DPkg::Lock::Timeout=600 --no-install-recommends install $lack || die "cannot install$lack"
}
