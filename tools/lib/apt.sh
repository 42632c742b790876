# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Sourced after common.sh: reads packages of any Debian suite and architecture
# through apt directories of its own inside the cache. The system's sources,
# lists and package state are neither read nor written, and no maintainer
# script ever runs. apt checks every file against the signed index.

debian_keyring=${AMBI_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

# debian_mirror: $AMBI_MIRROR, or the archive that this machine's apt uses
debian_mirror() {
	if [ -n "${AMBI_MIRROR:-}" ]; then echo "$AMBI_MIRROR"; return; fi
	# shellcheck disable=SC2016 # apt's own variable
	apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | sort -u |
		sed -n '/security\|backports/d; \|/debian/*$|{p;q}' >"$cache/mirror.$$"
	[ -s "$cache/mirror.$$" ] || cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
		sed -n 's|^deb [^#]*\(https*://[^ ]*/debian/*\) .*|\1|p; s|^URIs: *\(https*://[^ ]*/debian/*\)$|\1|p' |
		head -n 1 >"$cache/mirror.$$"
	m=$(cat "$cache/mirror.$$")
	rm -f "$cache/mirror.$$"
	echo "${m:-http://deb.debian.org/debian}"
}

# apt_open SUITE ARCH: apt_do and the functions below use it from now on. The
# index is fetched once; remove the folder to see newer packages.
apt_open() {
	apt_dir=$cache/apt/$1-$2
	[ ! -e "$apt_dir/ready" ] || return 0
	[ -r "$debian_keyring" ] || die "no $debian_keyring (package debian-archive-keyring)"
	mkdir -p "$apt_dir/lists/partial" "$apt_dir/archives/partial" "$apt_dir/empty"
	: >"$apt_dir/status"
	echo "deb [signed-by=$debian_keyring] $(debian_mirror) $1 main" >"$apt_dir/sources.list"
	cat >"$apt_dir/conf" <<-END
		APT { Architecture "$2"; Architectures "$2"; Install-Recommends "false"; Sandbox::User "root"; };
		Dir::State { lists "$apt_dir/lists"; status "$apt_dir/status"; };
		Dir::Cache "$apt_dir"; Dir::Cache::archives "$apt_dir/archives";
		Dir::Etc { sourcelist "$apt_dir/sources.list"; sourceparts "$apt_dir/empty";
			preferences "$apt_dir/empty/none"; preferencesparts "$apt_dir/empty"; };
		Acquire::Languages "none"; Acquire::Retries "3"; Debug::NoLocking "true";
	END
	say "reading the package index of Debian $1 for $2"
	patient "$apt_dir/log" apt_do get update || die "no package index for $1 $2"
	touch "$apt_dir/ready"
}
apt_do() {
	apt_verb=$1
	shift
	APT_CONFIG=$apt_dir/conf "apt-$apt_verb" -q "$@"
}
apt_has() { [ -n "$(apt_do cache madison "$1" 2>/dev/null)" ]; }

# apt_fetch DIR PACKAGE...: the packages and all that they depend on, into DIR
# (made only when complete, and again when other packages are wanted)
apt_fetch() {
	fetch_dir=$1
	shift
	# one from before the list was kept counts as what is wanted
	[ ! -d "$fetch_dir" ] || [ -f "$fetch_dir/wanted" ] || echo "$*" >"$fetch_dir/wanted"
	[ ! -d "$fetch_dir" ] || [ "$(cat "$fetch_dir/wanted")" != "$*" ] || return 0
	say "fetching $*"
	rm -rf "$fetch_dir.part"
	mkdir -p "$fetch_dir.part/partial"
	patient "$apt_dir/log" apt_do get -y --download-only -o Dir::Cache::archives="$fetch_dir.part" \
		-o APT::Get::AllowUnauthenticated=false install "$@" || die "cannot fetch $*"
	rm -rf "$fetch_dir.part/partial" "$fetch_dir.part/lock" "$fetch_dir"
	echo "$*" >"$fetch_dir.part/wanted"
	mv "$fetch_dir.part" "$fetch_dir"
}

# apt_fetch_one DIR PACKAGE: only the package itself, not what it depends on;
# prints the path of its file
apt_fetch_one() {
	mkdir -p "$1"
	one=$(find "$1" -name "${2}_*.deb" | head -n 1)
	if [ -z "$one" ]; then
		say "fetching $2"
		(cd "$1" && patient "$apt_dir/log" apt_do get download "$2") || die "cannot fetch $2"
		one=$(find "$1" -name "${2}_*.deb" | head -n 1)
	fi
	[ -s "$one" ] || die "nothing came for $2"
	echo "$one"
}

# deb_unpack DEB ROOT [TAR OPTION...]
deb_unpack() {
	unpack_deb=$1 unpack_root=$2
	shift 2
	dpkg-deb --fsys-tarfile "$unpack_deb" |
		tar -x -C "$unpack_root" --keep-directory-symlink --no-same-owner "$@"
}

# deb_unpack_all DIR ROOT: every package in DIR, over the merged-/usr links
deb_unpack_all() {
	mkdir -p "$2/usr/bin" "$2/usr/sbin" "$2/usr/lib" "$2/usr/lib64"
	for unpack_link in bin sbin lib lib64; do
		ln -sfn "usr/$unpack_link" "$2/$unpack_link"
	done
	for unpack_each in "$1"/*.deb; do
		deb_unpack "$unpack_each" "$2" --exclude='./dev/*' || die "cannot unpack $unpack_each"
	done
}
