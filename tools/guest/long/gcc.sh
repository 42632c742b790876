#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# gcc.sh: compiles big.c (in the current folder) in several ways, runs each,
# prints the hash of object files and outputs. Every machine must say the same.
while read -r name flags; do
	# shellcheck disable=SC2086 # words are meant
	gcc -w $flags -c big.c -o big.o && gcc big.o -o big -lm && ./big >big.out || { echo "$name failed"; continue; }
	echo "$name object $(sha256sum <big.o | cut -c1-32) output $(sha256sum <big.out | cut -c1-32)"
done <<-END
	O0 -O0
	O2 -O2
	O3 -O3 -march=x86-64
	O3-v3 -O3 -march=x86-64-v3
	O2-x87 -O2 -mfpmath=387
	O2-v2-x87 -O1 -march=x86-64-v2 -mfpmath=both -fno-inline
END
