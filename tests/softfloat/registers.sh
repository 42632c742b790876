#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The library must leave the host's FP state alone and call nobody: no vector,
# x87 or MMX register in its code, no symbol it does not define itself.
set -e
lib=$1
code=$(objdump -d "$lib")
case $code in
*'<sf64_fma>:'*) ;;
*) echo "no code found in $lib"; exit 1 ;;
esac
if echo "$code" | grep -E '%([xyz]?mm[0-9]|st|k[0-7]\b)|\s(fld|fst|ldmxcsr|emms)'; then
	echo "FP registers used"
	exit 1
fi
# Sanitizers, coverage, position independence and the stack protector are the builder's own choice.
foreign=$(nm -u "$lib" | awk '$1 == "U" { print $2 }' |
	grep -vE '^(__asan_|__ubsan_|__gcov_|__sanitizer_|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|sf[0-9]+_)' || true)
if [ -n "$foreign" ]; then
	echo "calls outside: $foreign"
	exit 1
fi
