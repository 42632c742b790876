# SPDX-License-Identifier: GPL-2.0-or-later
"""TAP on stdout for tests in Python: single results, or a program's functions case_*."""
import sys
import time

count = failed = 0


def _say(text):
    for line in text.splitlines():
        print("# " + line, flush=True)


def result(ok, name, *why):
    """One result; why: what to show of one that failed."""
    global count, failed
    count += 1
    failed += not ok
    print("%sok %d - %s" % ("" if ok else "not ", count, name), flush=True)
    if not ok:
        _say("\n".join(map(str, why)))


def end():
    """After the last result."""
    print("1..%d" % count)
    sys.exit(failed != 0)


def run_cases(names, functions, errors):
    """Calls each name's case_* of functions, a globals(); errors: the exceptions that fail one. Ends the program."""
    bad = 0
    print("1..%d" % len(names), flush=True)
    for i, name in enumerate(names, 1):
        f = functions["case_" + name.replace("-", "_")]
        name = "%s: %s" % (name, f.__doc__) if f.__doc__ else name
        start = time.monotonic()
        try:
            f()
            print("ok %d - %s (%.1f s)" % (i, name, time.monotonic() - start), flush=True)
        except errors as e:
            bad += 1
            _say(str(e))
            print("not ok %d - %s" % (i, name), flush=True)
    sys.exit(bad != 0)
