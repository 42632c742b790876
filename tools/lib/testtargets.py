#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""testtargets.py BUILD SUITE...: what ninja has to build for the tests of these suites, and ambi."""
import json
import os
import subprocess
import sys


def main():
    build, suites = os.path.realpath(sys.argv[1]), set(sys.argv[2:])
    got = json.loads(subprocess.check_output(["meson", "introspect", "--tests", "--targets", build]))
    files = {t["id"]: t["filename"] for t in got["targets"]}
    wanted = {"ambi"}
    for t in got["tests"]:
        if suites & {s.split(":")[-1] for s in t["suite"]}:
            for d in t["depends"]:
                wanted.update(os.path.relpath(f, build) for f in files[d])
    print("\n".join(sorted(wanted)))


if __name__ == "__main__":
    main()
