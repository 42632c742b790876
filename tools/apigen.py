#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""apigen.py WHAT SCHEMA [-o FILE] [--version V] [--sources FILE...] [--handler NAME]

Makes of vmm/api/schema.json, by WHAT:

  table       the C table: names, argument checks, query-qmp-schema's answer
  md          docs/qmp.md
  man         ambi.1 (roff), the part about `ambi ctl`
  completion  for bash

A command is served where one of the sources defines `int api_NAME(`; --handler
NAME: all of them by that function (tests). A mistake in the schema is an error.
"""
import argparse
import json
import re
import sys

BUILTINS = {"str": "string", "int": "int", "number": "number", "bool": "boolean", "any": "value"}
KINDS = {"str": "API_STR", "int": "API_INT", "number": "API_NUMBER", "bool": "API_BOOL", "any": "API_ANY"}
TEXTS = {"plain", "size", "keys", "path", "file"}
HANDLER = r"^int (api_\w+)\(struct guest \*g, json_t \*args, json_t \*\*ret,\s+struct err \*e\)"
INT64 = (-(1 << 63), (1 << 63) - 1)


def fail(text):
    sys.exit("apigen: " + text)


def c_name(name):
    return re.sub(r"\W", "_", name)


def c_str(text):
    return "NULL" if text is None else '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Schema:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            d = json.load(f, object_pairs_hook=self.no_duplicates)
        self.enums, self.types = d["enums"], d["types"]
        self.commands, self.events = d["commands"], d["events"]
        known = {"name", "help", "args", "returns", "cli", "builtin"}
        words = set()
        for c in self.commands:
            if set(c) - known:
                fail("%s: %s" % (c.get("name"), ", ".join(sorted(set(c) - known))))
            for w in [c["name"]] + ([c["cli"]] if "cli" in c else []):
                if w in words:
                    fail("%s stands for two commands" % w)
                words.add(w)
            if not c["help"].endswith("."):
                fail("%s: help is a sentence" % c["name"])
            for a in c.setdefault("args", []):
                self.check_arg(c["name"], a)
            self.check_type(c.get("returns", "any"))
        for e in self.events:
            for t in e.get("data", {}).values():
                self.check_type(t)
        for members in self.types.values():
            for t in members.values():
                self.check_type(t)

    @staticmethod
    def no_duplicates(pairs):
        names = [p[0] for p in pairs]
        if len(names) != len(set(names)):
            fail("a member is there twice: %s" % names)
        return dict(pairs)

    def check_type(self, t):
        if isinstance(t, list) and len(t) == 1:
            return self.check_type(t[0])
        if t not in BUILTINS and t not in self.enums and t not in self.types:
            fail("no type %s" % (t,))

    def check_arg(self, command, a):
        where = "%s.%s" % (command, a.get("name"))
        if set(a) - {"name", "type", "optional", "default", "min", "max", "help", "positional", "text"}:
            fail("%s: %s" % (where, sorted(a)))
        self.check_type(a["type"])
        if ("min" in a or "max" in a) and a["type"] != "int":
            fail("%s: a range needs an int" % where)
        if a.get("text", "plain") not in TEXTS:
            fail("%s: text %s" % (where, a["text"]))
        if "default" in a and not a.get("optional"):
            fail("%s: has a default, but is not optional" % where)

    def members(self, name):
        """(name, type, optional) of an object type."""
        return [(n.rstrip("?"), t, n.endswith("?")) for n, t in self.types[name].items()]


def type_text(t):
    """For people."""
    return "array of " + type_text(t[0]) if isinstance(t, list) else BUILTINS.get(t, t)


# ---- introspection, in the form of QEMU's SchemaInfo ----

def wire_name(t):
    return "[%s]" % wire_name(t[0]) if isinstance(t, list) else t


def introspection(s, served):
    found, out = set(), []

    def need(t):
        name = wire_name(t)
        if name in found:
            return name
        found.add(name)
        if isinstance(t, list):
            out.append({"name": name, "meta-type": "array", "element-type": need(t[0])})
        elif t in s.enums:
            out.append({"name": name, "meta-type": "enum", "values": s.enums[t],
                        "members": [{"name": v} for v in s.enums[t]]})
        elif t in BUILTINS:
            out.append({"name": name, "meta-type": "builtin", "json-type": BUILTINS[t]})
        else:
            obj(name, s.members(t))
        return name

    def obj(name, members):
        out.append({"name": name, "meta-type": "object", "members": [
            dict({"name": n, "type": need(t)}, **({"default": None} if optional else {}))
            for n, t, optional in members]})
        return name

    obj("q_empty", [])
    for c in s.commands:
        if c["name"] not in served:
            continue
        args = [(a["name"], a["type"], a.get("optional", False)) for a in c["args"]]
        out.append({"name": c["name"], "meta-type": "command",
                    "arg-type": obj("q_obj_%s-arg" % c["name"], args) if args else "q_empty",
                    "ret-type": need(c["returns"]) if "returns" in c else "q_empty"})
    for e in s.events:
        data = [(n.rstrip("?"), t, n.endswith("?")) for n, t in e.get("data", {}).items()]
        out.append({"name": e["name"], "meta-type": "event",
                    "arg-type": obj("q_obj_%s-arg" % e["name"], data) if data else "q_empty"})
    return out


# ---- the C table ----

def table(s, args):
    served = handlers(s, args)
    out = ["/* SPDX-License-Identifier: GPL-2.0-or-later */",
           "/* Made by tools/apigen.py of vmm/api/schema.json. */",
           '#include "vmm/api/table.h"', ""]
    done = {}

    def type_ref(t):
        if isinstance(t, list):
            name = type_ref(t[0]) + "_list"
            if name not in done:
                done[name] = True
                out.append('static const struct api_type %s = { .name = "array", .kind = API_ARRAY,'
                           ' .element = &%s };' % (name, type_ref(t[0])))
            return name
        name = "type_" + c_name(t)
        if name in done:
            return name
        done[name] = True
        if t in KINDS:
            out.append("static const struct api_type %s = { .name = %s, .kind = %s };" % (name, c_str(t), KINDS[t]))
        elif t in s.enums:
            values = ", ".join(c_str(v) for v in s.enums[t])
            out.append("static const char *const values_%s[] = { %s, NULL };" % (c_name(t), values))
            out.append("static const struct api_type %s = { .name = %s, .kind = API_ENUM, .values = values_%s };"
                       % (name, c_str(t), c_name(t)))
        else:
            members("members_" + c_name(t), [{"name": n, "type": ty, "optional": o} for n, ty, o in s.members(t)])
            out.append("static const struct api_type %s = { .name = %s, .kind = API_OBJECT, .members = members_%s };"
                       % (name, c_str(t), c_name(t)))
        return name

    def members(name, entries):
        refs = [type_ref(m["type"]) for m in entries]
        out.append("static const struct api_member %s[] = {" % name)
        for m, ref in zip(entries, refs):
            low, high = m.get("min", INT64[0]), m.get("max", INT64[1])
            fields = [".name = %s" % c_str(m["name"]), ".type = &%s" % ref]
            if m["type"] == "int" or isinstance(m["type"], list):
                fields += [".min = %s" % ("INT64_MIN" if low == INT64[0] else "INT64_C(%d)" % low),
                           ".max = %s" % ("INT64_MAX" if high == INT64[1] else "INT64_C(%d)" % high)]
            for flag in ("optional", "positional"):
                if m.get(flag):
                    fields.append(".%s = true" % flag)
            if m.get("text"):
                fields.append(".text = API_TEXT_" + m["text"].upper())
            if m.get("default") is not None:
                default = m["default"]
                fields.append(".def = %s" % c_str(default if isinstance(default, str) else json.dumps(default)))
            if m.get("help"):
                fields.append(".help = %s" % c_str(m["help"]))
            out.append("\t{ %s }," % ", ".join(fields))
        out.append("\t{ .name = NULL }\n};")

    for c in s.commands:
        members("args_" + c_name(c["name"]), c["args"])
    out.append("")
    fns = sorted({served[n] for n in served if served[n] != "NULL"})
    out += ["api_fn %s;" % f for f in fns]
    out.append("\nstatic const struct api_command commands[] = {")
    for c in s.commands:
        out.append("\t{ .name = %s, .cli = %s, .args = args_%s, .fn = %s, .builtin = %s,\n\t  .help = %s }," % (
            c_str(c["name"]), c_str(c.get("cli")), c_name(c["name"]), served.get(c["name"], "NULL"),
            "true" if c.get("builtin") else "false", c_str(c["help"])))
    out.append("\t{ .name = NULL }\n};")
    out.append("static const char *const events[] = { %s, NULL };" % ", ".join(c_str(e["name"]) for e in s.events))
    text = json.dumps(introspection(s, served), separators=(",", ":"))
    out.append("static const char schema[] =")
    out += ["\t%s" % c_str(text[i:i + 90]) for i in range(0, len(text), 90)]
    out[-1] += ";"
    out.append("\nconst struct api_table api_table = {\n\t.commands = commands, .events = events, .schema = schema,"
               "\n\t.version = %s,\n};" % c_str(args.version))
    return "\n".join(out) + "\n"


def handlers(s, args):
    """Command name -> C function, of those that are served."""
    found = set()
    for path in args.sources or []:
        with open(path, encoding="utf-8") as f:
            found |= set(re.findall(HANDLER, f.read(), re.M))
    served, wanted = {}, set()
    for c in s.commands:
        fn = "api_" + c_name(c["name"])
        wanted.add(fn)
        if c.get("builtin"):
            served[c["name"]] = "NULL"
        elif args.handler:
            served[c["name"]] = args.handler
        elif fn in found:
            served[c["name"]] = fn
    if found - wanted:
        fail("not in the schema: %s" % ", ".join(sorted(found - wanted)))
    return served


MAKERS = {"table": table}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=sorted(MAKERS))
    p.add_argument("schema")
    p.add_argument("-o", "--output")
    p.add_argument("--version", default="0.0.0")
    p.add_argument("--handler")
    p.add_argument("--sources", nargs="*")
    args = p.parse_args()
    text = MAKERS[args.what](Schema(args.schema), args)
    if args.output:
        with open(args.output, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        sys.stdout.write(text)


main()
