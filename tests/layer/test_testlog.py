#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/lib/testlog.py counts what meson's log says, and hides nothing."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Testlog(unittest.TestCase):
    def run_on(self, *tests, not_built=""):
        with tempfile.TemporaryDirectory() as d:
            with open(os.path.join(d, "gcc-fast.json"), "w") as f:
                for name, result, out in tests:
                    f.write(json.dumps({"name": name, "result": result, "stdout": out, "duration": 1}) + "\n")
            if not_built:
                with open(os.path.join(d, "not-built"), "w") as f:
                    f.write(not_built + "\n")
            r = subprocess.run([sys.executable, os.path.join(TOP, "tools", "lib", "testlog.py"), d],
                               capture_output=True, text=True)
        return r.returncode, r.stdout, r.stdout.rstrip("\n").split("\n")[-1]

    def test_exit_codes(self):
        rc, out, last = self.run_on(("a", "OK", ""), ("b", "FAIL", "x"), ("c", "TIMEOUT", ""))
        self.assertEqual((rc, last), (1, "1 passed, 2 failed"))
        self.assertIn("FAILED  c: TIMEOUT", out)

    def test_tap_counts_every_line(self):
        tap = "TAP version 13\n1..3\nok 1 - x\n# not ok 9\nok 2 y # SKIP no kvm\nok 3\n"
        rc, out, last = self.run_on(("a", "OK", tap))
        self.assertEqual((rc, last), (0, "2 passed, 0 failed"))
        self.assertIn("SKIPPED", out)
        rc, _, last = self.run_on(("a", "FAIL", "ok 1\nnot ok 2 - bad\n1..2\n"))
        self.assertEqual((rc, last), (1, "1 passed, 1 failed"))

    def test_what_failed_is_shown(self):
        _, out, _ = self.run_on(("a", "FAIL", "ok 1\nnot ok 2 - bad\n# why\nok 3\n1..3\n"), ("b", "OK", "fine"))
        self.assertIn("not ok 2 - bad\n    # why\n", out)
        self.assertNotIn("fine", out)
        self.assertNotIn("    ok 3", out)

    def test_a_tap_test_that_dies_has_failed(self):
        for result in ("ERROR", "TIMEOUT", "FAIL"):
            rc, _, last = self.run_on(("a", result, "1..9\nok 1\n"))
            self.assertEqual((rc, last), (1, "1 passed, 1 failed"))

    def test_skipped_is_not_passed(self):
        rc, out, last = self.run_on(("a", "SKIP", ""))
        self.assertEqual((rc, last), (1, "0 passed, 0 failed"))
        self.assertIn("SKIPPED a", out)
        rc, out, last = self.run_on(("a", "SKIP", "1..0 # SKIP this machine has no /dev/kvm\n"), ("b", "OK", ""))
        self.assertEqual((rc, last), (0, "1 passed, 0 failed"))
        self.assertIn("SKIPPED a: this machine has no /dev/kvm", out)
        self.assertRegex(out, r"1 passed +0 failed +1 skipped")

    def test_nothing_and_not_built(self):
        self.assertEqual(self.run_on()[0], 1)
        self.assertEqual(self.run_on(("a", "OK", ""), not_built="clang")[2], "1 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
