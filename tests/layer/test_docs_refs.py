#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs-refs finds what a document says wrongly, and nothing else."""
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "docs-refs")
SOURCE = """#define LIMIT 3
enum colour { RED, GREEN };
struct box { int width, height; };	/* gone() was here */
static const struct box boxes[2];
static struct lid {
	int size;
} lids[] = { 3 };
static int
never(int a);
int open_box(struct box *b,
	     void (*fn)(int))
{
	return only_called(b);
}
"""


class DocsRefs(unittest.TestCase):
    def run_on(self, text):
        with tempfile.TemporaryDirectory() as d:
            os.makedirs(os.path.join(d, "docs"))
            os.makedirs(os.path.join(d, "hw", "core"))
            for name, content in (("docs/a.md", text), ("hw/core/box.c", SOURCE),
                                  ("hw/core/box.h", "int open_box(struct box *b);\n")):
                with open(os.path.join(d, name), "w") as f:
                    f.write(content)
            r = subprocess.run([sys.executable, SCRIPT, d], capture_output=True, text=True)
        return r.returncode, r.stdout

    def test_true(self):
        for text in ("`hw/core/box.c:open_box`", "`hw/core/box.h:open_box`",
                     "`hw/core/box.c:LIMIT`",
                     "`hw/core/box.c:GREEN`", "`hw/core/box.c:box.height`", "`hw/core/box.c:boxes`",
                     "`hw/core/box.c:lids`", "`hw/core/`", "`hw/*/box.{c,h}`", "[this](a.md#there)",
                     "[far](https://a.example/b)", "`/dev/kvm`, `a/b`, `x.c`, `build/ambi`",
                     "    `hw/core/none.c` is an example"):
            rc, out = self.run_on(text)
            self.assertEqual(rc, 0, text + out)

    def test_false(self):
        for text in ("`hw/core/box.c:only_called`", "`hw/core/box.c:gone`", "`hw/core/box.c:never`",
                     "`hw/core/box.c:box.depth`", "`hw/core/box.c:12`", "`hw/core/none.c`",
                     "`hw/none/`", "`hw/core/box.{c,S}`", "[this](none.md)"):
            rc, out = self.run_on("Line.\n\nIt is in %s.\n" % text)
            self.assertEqual(rc, 1, text)
            self.assertIn("docs/a.md:3:", out)


if __name__ == "__main__":
    unittest.main()
