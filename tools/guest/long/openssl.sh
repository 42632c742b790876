#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# openssl.sh KEYS [new]: everything of openssl whose result is fixed, as lines that are
# the same on every machine: digests, MACs, ciphers in both directions, key
# derivation, signatures with fixed keys. OPENSSL_ia32cap selects its variants
# for processor features; none may change a line. new: makes the keys.
export OPENSSL_CONF=/dev/null
if [ "${2:-}" = new ]; then
	for k in rsa:RSA:rsa_keygen_bits:2048 ed25519:ED25519 ed448:ED448 x25519:X25519 x448:X448 p256:EC:ec_paramgen_curve:P-256 \
		p384:EC:ec_paramgen_curve:P-384 p521:EC:ec_paramgen_curve:P-521 k256:EC:ec_paramgen_curve:secp256k1; do
		f=$1/${k%%:*} a=${k#*:}
		# shellcheck disable=SC2046 # words are meant
		openssl genpkey -out "$f.pem" -algorithm "${a%%:*}" $([ "$a" = "${a#*:}" ] || echo -pkeyopt "${a#*:}") 2>/dev/null &&
			openssl pkey -in "$f.pem" -pubout -out "$f.pub" || exit 1
	done
	exit 0
fi
sum() { sha256sum | cut -c1-24; }
python3 -c '
x = 1
for i in range(30000):
    x = x * 16807 % 2147483647
    print(x, hex(i))' >fixed
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
for d in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-224 sha3-256 sha3-512 blake2b512 blake2s256 ripemd160 sm3; do
	echo "dgst $d $(openssl dgst -$d -r fixed | cut -c1-24) $(openssl dgst -$d -hmac key -r fixed | cut -c1-24)"
done
for m in "-macopt hexkey:$key POLY1305" "-macopt hexkey:${key:0:32} SIPHASH" "-macopt hexkey:$key KMAC128" \
	"-cipher AES-256-CBC -macopt hexkey:$key CMAC" "-cipher AES-128-GCM -macopt hexkey:${key:0:32} -macopt hexiv:${key:0:24} GMAC"; do
	# shellcheck disable=SC2086 # words are meant
	echo "mac ${m##* } $(openssl mac -in fixed $m)"
done
for c in $(openssl enc -list | tr ' ' '\n' | sed -n 's/^-//p'); do
	case $c in *wrap*|*gcm*|*ccm*|*siv*|*xts*|*-ocb|aes128|aes192|aes256|aria128|aria192|aria256|camellia128|camellia192|camellia256) continue ;; esac
	if openssl enc "-$c" -K "$key$key" -iv "$key" -in fixed -out coded 2>/dev/null; then
		r=lost
		openssl enc -d "-$c" -K "$key$key" -iv "$key" -in coded 2>/dev/null | cmp -s - fixed && r=back
		echo "enc $c $(sum <coded) $r"
	fi
done
for c in aes-128-xts aes-256-xts; do
	openssl enc -$c -K "${key}${key//0/f}" -iv "${key:0:32}" -in fixed -out coded 2>/dev/null
	echo "enc $c $(sum <coded) $(openssl enc -d -$c -K "${key}${key//0/f}" -iv "${key:0:32}" -in coded 2>/dev/null | cmp -s - fixed && echo back)"
done
echo "kdf $(openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt pass:x -kdfopt salt:salty -kdfopt iter:2000 PBKDF2 | sum)" \
	"$(openssl kdf -keylen 32 -kdfopt pass:x -kdfopt salt:salty -kdfopt n:1024 -kdfopt r:8 -kdfopt p:2 SCRYPT | sum)" \
	"$(openssl kdf -keylen 32 -kdfopt pass:x -kdfopt salt:saltysalt -kdfopt iter:2 -kdfopt memcost:1024 ARGON2ID | sum)"
# fixed keys; these schemes sign without chance
for k in rsa ed25519 ed448; do
	openssl pkeyutl -sign -rawin -inkey "$1/$k.pem" -in fixed -out sig
	r=bad
	openssl pkeyutl -verify -rawin -inkey "$1/$k.pem" -in fixed -sigfile sig >/dev/null 2>&1 && r=good
	echo "sign $k $(sum <sig) $r"
done
for k in p256 p384 p521 k256; do
	openssl pkeyutl -sign -rawin -inkey "$1/$k.pem" -in fixed -out sig
	r=bad
	openssl pkeyutl -verify -rawin -inkey "$1/$k.pem" -in fixed -sigfile sig >/dev/null 2>&1 && r=good
	echo "sign $k $r derive $(openssl pkeyutl -derive -inkey "$1/$k.pem" -peerkey "$1/$k.pub" 2>/dev/null | sum)"
done
for k in x25519 x448; do
	echo "derive $k $(openssl pkeyutl -derive -inkey "$1/$k.pem" -peerkey "$1/$k.pub" 2>/dev/null | sum)"
done
echo "primes $(for p in 2305843009213693951 170141183460469231731687303715884105727 170141183460469231731687303715884105729; do openssl prime $p; done | sum)"
