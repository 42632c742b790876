#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/layercheck finds what it is there to find, and nothing in clean code."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPDX = "// SPDX-License-Identifier: GPL-2.0-or-later\n"
GUARD = "#pragma once\n"


class Layercheck(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="layercheck-test.")
        self.addCleanup(shutil.rmtree, self.top)
        os.mkdir(os.path.join(self.top, "tools"))
        shutil.copy(os.path.join(TOP, "tools", "layercheck"), os.path.join(self.top, "tools"))

    def put(self, name, text):
        path = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(SPDX + text)

    def run_it(self, *args):
        # no git above: the tree as the disk has it
        env = dict(os.environ, GIT_CEILING_DIRECTORIES=os.path.dirname(self.top))
        r = subprocess.run([sys.executable, os.path.join(self.top, "tools", "layercheck"), *args],
                           capture_output=True, text=True, env=env)
        return r.returncode, r.stdout

    def fails(self, what, *args):
        rc, out = self.run_it(*args)
        self.assertEqual(rc, 1, out)
        self.assertIn(what, out)

    def passes(self, *args):
        rc, out = self.run_it(*args)
        self.assertEqual(rc, 0, out)

    def test_allowed(self):
        self.put("util/a.h", GUARD)
        self.put("tcg/a.c", '#include "util/a.h"\n')
        self.put("accel/tcg/a.c", '#include "tcg/a.h"\n#include "hw/core/region.h"\n')
        self.put("accel/kvm/a.c", '#include "target/x86/regs.def"\n#include "target/isa.h"\n')
        self.put("vmm/a.c", '#include "hw/char/uart.h"\n#include "accel/accel.h"\n')
        self.passes()

    def test_forbidden(self):
        for name, inc in (("util/a.c", "io/a.h"), ("tcg/a.c", "target/isa.h"), ("target/a.c", "accel/accel.h"),
                          ("io/a.c", "hw/core/dev.h"), ("hw/char/a.c", "target/isa.h"), ("hw/a.c", "vmm/vm.h"),
                          ("accel/a.c", "hw/char/uart.h"), ("accel/tcg/a.c", "accel/kvm/kvm.h"),
                          ("accel/kvm/a.c", "target/riscv/mmu.h"), ("accel/kvm/a.c", "tcg/ir.h"),
                          ("hw/core/a.c", "hw/char/uart.h")):
            with self.subTest(name=name, inc=inc):
                self.put(name, '#include "%s"\n' % inc)
                self.fails("%s:2: may not include %s" % (name, inc))
                os.unlink(os.path.join(self.top, name))

    def test_comments_and_strings_do_not_count(self):
        self.put("hw/a.c", '/* #include "vmm/vm.h"\n * clock_gettime() */\nconst char *s = "rand()"; // time(0)\n')
        self.passes()

    def test_host_time(self):
        for text in ("int f(void) { return rand(); }\n", "#include <time.h>\n", "void f(void) { clock_gettime(0, 0); }\n"):
            with self.subTest(text=text):
                self.put("hw/a.c", text)
                self.fails("no host time and no chance in hw/")
        self.put("hw/a.c", "void f(void) { dev_time(d); x->time = strtime(1); }\n")
        self.passes()

    def test_lines(self):
        self.put("util/a.c", "int a; " + "\t" * 12 + "int b;\n")
        self.fails("columns")
        self.put("util/a.c", "int a; \n")
        self.fails("not ok 7")
        self.put("util/a.c", "/* TO" + "DO */\n")
        self.fails("not ok 8")

    def test_own_header_first(self):
        self.put("util/a.h", GUARD)
        self.put("util/b.h", GUARD)
        self.put("util/a.c", '#include "util/b.h"\n#include "util/a.h"\n')
        self.fails("its own header comes first")

    def test_headers(self):
        self.put("util/a.h", GUARD + "struct a { int x; };\n")
        self.passes("--headers")
        self.put("util/b.h", GUARD + "uint32_t b(void);\n")
        self.fails("not ok 2 - util/b.h", "--headers")

    def test_sizes(self):
        self.put("util/a.c", "int a;\n" * 100)
        self.passes("--sizes")
        self.put("util/b.c", "\n" * 1600)
        self.fails("util/b.c: 1601", "--sizes")


if __name__ == "__main__":
    unittest.main()
