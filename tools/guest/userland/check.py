# SPDX-License-Identifier: GPL-2.0-or-later
"""Python in the guest: integers, floats, decimals, threads, processes, regular
expressions and compression, against answers that hold on every machine."""
import cmath
import decimal
import fractions
import hashlib
import json
import math
import multiprocessing
import re
import struct
import threading
import zlib

assert pow(3, 10007, 2**521 - 1) == int(
    "0x" + hex(pow(9, 5003, 2**521 - 1) * 3 % (2**521 - 1))[2:], 16)
assert math.factorial(200) // math.factorial(198) == 39800
assert hashlib.sha1(str(math.factorial(500)).encode()).hexdigest() == hashlib.sha1(
    str(math.prod(range(1, 501))).encode()).hexdigest()
assert sum(1 for i in range(2, 20000) if all(i % j for j in range(2, math.isqrt(i) + 1))) == 2262
assert struct.pack("<d", 0.1).hex() == "9a9999999999b93f" and struct.pack("<f", 16777217.0).hex() == "0000804b"
assert (0.1 + 0.2).hex() == "0x1.3333333333334p-2" and math.fma(0.1, 10.0, -1.0) == 2.0**-54 if hasattr(math, "fma") else True
assert math.nextafter(1.0, 2.0).hex() == "0x1.0000000000001p+0" and 5e-324 / 2 == 0.0
assert round(math.gamma(10.5), 3) == 1133278.389 and abs(cmath.exp(1j * math.pi) + 1) < 1e-15
assert math.isnan(math.inf - math.inf) and int(-7.9) == -7 and round(2.5) == 2 and -7 // 2 == -4
decimal.getcontext().prec = 60
assert str(decimal.Decimal(2).sqrt()).startswith("1.41421356237309504880168872420969807856967187537694")
h = sum(fractions.Fraction(1, i) for i in range(1, 41))
assert (h.numerator, h.denominator) == (2078178381193813, 485721041551200)
text = json.dumps([{"n": i, "x": i / 7, "s": chr(0x3b1 + i % 20) * (i % 5)} for i in range(5000)])
assert json.loads(text)[4999] == {"n": 4999, "x": 4999 / 7, "s": chr(0x3b1 + 19) * 4}
assert zlib.decompress(zlib.compress(text.encode(), 9)).decode() == text
assert len(re.findall(r'"n": (\d*7), "x"', text)) == 500
table = {}
for i in range(100000):
    table[i * 2654435761 % 2**32] = i
assert len(table) == 100000 and table[99999 * 2654435761 % 2**32] == 99999

count, lock = [0], threading.Lock()


def add():
    for _ in range(5000):
        with lock:
            count[0] += 1


threads = [threading.Thread(target=add) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert count[0] == 40000


def digest(n):
    return hashlib.sha256(bytes(n)).hexdigest()


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(4) as pool:
        assert pool.map(digest, range(64)) == [digest(n) for n in range(64)]
