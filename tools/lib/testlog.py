#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""testlog.py FOLDER: counts what the meson logs (*.json) in a folder say.

A test that speaks TAP counts with every line of it, any other as one. Prints
the end of what failed, a line for each log, everything that failed or was
skipped, and last "N passed, N failed". Status 1 if anything failed or nothing
ran.
"""
import collections
import glob
import json
import os
import re
import sys

TAP = re.compile(r"^(not )?ok\b[ \t]*(\d*)[ \t]*(.*)$", re.M)
GOOD, SKIPPED = {"OK", "EXPECTEDFAIL"}, {"SKIP", "IGNORED"}


def count(test):
    """Passed, failed, skipped of one test, and what is to be said about it."""
    name, result, out = test["name"], test["result"], test.get("stdout") or ""
    n, notes = collections.Counter(), []
    if re.search(r"^1\.\.\d+", out, re.M):
        for bad, number, text in TAP.findall(out):
            if re.search(r"#\s*skip", text, re.I):
                n["skipped"] += 1
                notes.append("SKIPPED %s: %s" % (name, text))
            elif bad and not re.search(r"#\s*todo", text, re.I):
                n["failed"] += 1
                notes.append("FAILED  %s: %s %s" % (name, number, text))
            else:
                n["passed"] += 1
        # all of it, "1..0 # SKIP why"
        if result in SKIPPED and not n:
            n["skipped"] += 1
            notes.append("SKIPPED %s: %s" % (name, "".join(re.findall(r"^1\.\.0[ \t]*#[ \t]*skip[ \t]*(.*)$", out, re.M | re.I)[:1])))
        # it died, or promised more than it did
        if result not in GOOD | SKIPPED and not n["failed"]:
            n["failed"] += 1
            notes.append("FAILED  %s: %s" % (name, result))
    elif result in GOOD:
        n["passed"] += 1
    elif result in SKIPPED:
        n["skipped"] += 1
        notes.append("SKIPPED %s" % name)
    else:
        n["failed"] += 1
        notes.append("FAILED  %s: %s" % (name, result))
    return n, notes


def last_words(test, lines=25):
    """The end of what a failed test said: of TAP the first line that is not ok, and what explains it."""
    out = (test.get("stdout") or "").rstrip().split("\n")
    bad = [i for i, line in enumerate(out) if line.startswith("not ok")]
    if bad:
        end = bad[0] + 1
        while end < len(out) and out[end].startswith("#"):
            end += 1
        out = out[bad[0]:end]
    out = out[:1] + out[1:][1 - lines:] + (test.get("stderr") or "").rstrip().split("\n")[-lines:]
    return "\n".join("    " + line[:300] for line in out if line)


def main(folder):
    total = collections.Counter()
    notes = []
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        title, here, seconds = os.path.basename(path)[:-5], collections.Counter(), 0.0
        with open(path) as f:
            for line in f:
                test = json.loads(line)
                n, said = count(test)
                here.update(n)
                seconds += test.get("duration", 0)
                notes += ["%s: %s" % (title, s) for s in said]
                if n["failed"]:
                    print("--- %s: %s\n%s" % (title, test["name"], last_words(test)))
        print("%-14s %6d passed %4d failed %4d skipped %7.1f s" % (
            title, here["passed"], here["failed"], here["skipped"], seconds))
        total.update(here)
    for name, what in (("not-built", "configuration %s did not build"), ("no-tests", "%s has no tests")):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path) as f:
                for word in f.read().split():
                    notes.append("FAILED  " + what % word)
                    total["failed"] += 1
    for s in notes:
        print(s)
    print("%d passed, %d failed" % (total["passed"], total["failed"]), flush=True)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
