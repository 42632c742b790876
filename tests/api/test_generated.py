#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_generated.py AMBI APIGEN SCHEMA DOCS: what is made of the schema. TAP on stdout."""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile

ambi, apigen, schema, docs = sys.argv[1:5]
count = failed = 0


def result(ok, name, *why):
    global count, failed
    count += 1
    failed += not ok
    print("%sok %d - %s" % ("" if ok else "not ", count, name))
    for line in [] if ok else "\n".join(map(str, why)).splitlines()[:20]:
        print("# " + line)


def make(what, path=schema, *args):
    r = subprocess.run([sys.executable, apigen, what, path, "--ambi", ambi, *args], capture_output=True, text=True)
    return r.returncode, r.stdout, r.stderr


def main():
    r, text, err = make("md")
    with open(docs, encoding="utf-8") as f:
        result(r == 0 and f.read() == text, "docs/qmp.md is as the schema (ninja docs-qmp)", err)
    with open(schema, encoding="utf-8") as f:
        data = json.load(f)
    names = [c["name"] for c in data["commands"] if c["name"] not in ("qmp_capabilities", "vm-console")]
    cli = [c.get("cli", c["name"]) for c in data["commands"] if c["name"] in names]
    r, man, err = make("man")
    plain = man.replace("\\-", "-")
    missing = [c for c in cli if not re.search(r"^\.B %s\b" % re.escape(c), plain, re.M)]
    options = re.findall(r"^  (-[\w-]+)", subprocess.run([ambi, "--help"], capture_output=True, text=True).stdout, re.M)
    missing += [o for o in options if not re.search(r"^\.B %s\b" % re.escape(o), plain, re.M)]
    result(r == 0 and options and not missing, "the man page has all commands and options", err, missing)
    r, bash, err = make("completion")
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "c")
        with open(path, "w", encoding="utf-8") as f:
            f.write(bash)

        def complete(*words):
            script = ('source %s; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _ambi; '
                      'echo "${COMPREPLY[*]}"' % path)
            return subprocess.run(["bash", "-c", script, "x", *words], capture_output=True, text=True,
                                  cwd=d, env=dict(os.environ, XDG_RUNTIME_DIR=d)).stdout.split()
        result(r == 0 and set(names) <= set(complete("ambi", "ctl", "vm", "")), "completion: commands", err)
        result(complete("ambi", "ctl", "vm", "switch", "t") == ["tcg"], "completion: values")
        result("-accel" in complete("ambi", "-acc") and complete("ambi", "c") == ["ctl", "console"], "completion: options")
        result(set(complete("ambi", "ctl", "vm", "snap")) ==
               {"snapshot-save", "snapshot-load", "snapshot-list", "snapshot-delete"}, "completion: beginnings")
        os.mkdir(os.path.join(d, "ambi"))
        for name in ("good", "$(touch evil)"):
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(os.path.join(d, "ambi", name + ".sock"))
        got = complete("ambi", "ctl", "")
        result(got == ["good", "help"] and not os.path.exists(os.path.join(d, "evil")),
               "completion executes no name of a socket", got)
        for what, change in (
                ("an unknown type", lambda s: s["commands"][1].update(returns="Nothing")),
                ("a name for two", lambda s: s["commands"].append(dict(s["commands"][1]))),
                ("an unknown member", lambda s: s["commands"][1].update(retrns="int")),
                ("a range of a text", lambda s: s["commands"][1].update(
                    args=[{"name": "x", "type": "str", "min": 1, "help": "x"}])),
                ("a default of a required argument", lambda s: s["commands"][1].update(
                    args=[{"name": "x", "type": "int", "default": 1, "help": "x"}]))):
            bad = json.loads(json.dumps(data))
            change(bad)
            with open(path, "w", encoding="utf-8") as f:
                json.dump(bad, f)
            r, _, err = make("table", path)
            result(r == 1 and err.startswith("apigen: "), "schema: " + what, r, err)
        with open(path, "w", encoding="utf-8") as f:
            f.write("int api_no_such(struct guest *g, json_t *args, json_t **ret,\n\t\tstruct err *e)\n{\n")
        r, _, err = make("table", schema, "--sources", path)
        result(r == 1 and "api_no_such" in err, "a handler that is not in the schema", r, err)
    print("1..%d" % count)
    return failed > 0


sys.exit(main())
