#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""apigen.py WHAT SCHEMA [-o FILE] [--version V] [--sources FILE...] [--handler NAME]
          [--ambi PROGRAM]

Makes of vmm/api/schema.json, by WHAT:

  table       the C table: names, argument checks, query-qmp-schema's answer
  md          docs/qmp.md
  man         ambi.1 (roff)
  completion  for bash

A command is served where one of the sources defines `int api_NAME(`; --handler
NAME: all of them by that function (tests). A mistake in the schema is an error.
"""
import argparse
import json
import re
import subprocess
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
        known = {"name", "help", "args", "returns", "cli", "builtin", "open"}
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
        out.append("\t{ .name = %s, .cli = %s, .args = args_%s, .fn = %s, .builtin = %s, .open = %s,\n\t  .help = %s }," % (
            c_str(c["name"]), c_str(c.get("cli")), c_name(c["name"]), served.get(c["name"], "NULL"),
            "true" if c.get("builtin") else "false", "true" if c.get("open") else "false", c_str(c["help"])))
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


# ---- for people ----

def cli_words(s, c):
    """How it is typed."""
    def placeholder(a):
        return a["name"].upper()
    words = [c.get("cli", c["name"])]
    words += ["[%s]" % placeholder(a) if a.get("optional") else placeholder(a)
              for a in c["args"] if a.get("positional")]
    for a in c["args"]:
        if not a.get("positional"):
            flag = "--" + a["name"] + ("" if a["type"] == "bool" else " VALUE")
            words.append("[%s]" % flag if a.get("optional") else flag)
    return words


def arg_notes(s, a):
    notes = []
    if a["type"] in s.enums if isinstance(a["type"], str) else False:
        notes.append(", ".join(s.enums[a["type"]]))
    if "min" in a or "max" in a:
        notes.append("%s to %s" % (a.get("min", "..."), a.get("max", "...")))
    if a.get("optional") and "default" not in a:
        notes.append("optional")
    if "default" in a:
        default = a["default"]
        notes.append("default " + (default if isinstance(default, str) else json.dumps(default)))
    return notes


MD_HEAD = """<!-- Made by tools/apigen.py of vmm/api/schema.json: `ninja docs-qmp` writes it anew. -->
# Control by QMP

A running guest is controlled by JSON in the wire format of QEMU's QMP, on sockets (`-qmp unix:PATH`, `-api-socket
PATH`), on standard input and output (`-qmp stdio`), and on the socket that every guest has unless `-qmp none` is
given: `$XDG_RUNTIME_DIR/ambi/NAME.sock`, else `/run/user/UID/ambi/NAME.sock`, else `/tmp/ambi-UID/NAME.sock`. Their
mode is 0600; the usual one's directory has mode 0700. `ambi ctl NAME COMMAND` speaks it for you: `ambi ctl help`.

`-qmp tcp:HOST:PORT` has no such guard: whoever reaches the port controls the guest, and may write files and start
programs as ambi's user. Without HOST only this machine reaches it.

    {"QMP": {"version": {"qemu": {"micro": 0, "minor": 1, "major": 0}, "package": "ambi 0.1.0"}, "capabilities": []}}
    -> {"execute": "qmp_capabilities"}
    <- {"return": {}}
    -> {"execute": "vm-switch", "arguments": {"accel": "tcg"}, "id": 1}
    <- {"return": {"from": "kvm", "to": "tcg", "pause-ns": 2115000, "code-pages": 0, "code-dropped": 0}, "id": 1}
    <- {"timestamp": {"seconds": 1795308210, "microseconds": 211716}, "event": "STOP"}

Requests need not end with a newline, and may come before the answers of others; they are served in order. `id`
comes back as it was. Errors have a `class` (`GenericError`, `CommandNotFound`, `DeviceNotFound`, `DeviceNotActive`)
and a `desc` for people. Events come to every client that has negotiated.

Limits: 16 clients; a request of 1 MiB, nested 64 deep; 4 MiB of answers and events that a client has not read, above
which it is cut off (no further request of its is served while more than 64 KiB wait). Numbers are signed 64-bit
ones. A member that is there twice, an argument that there is not and one of another type are errors. A line that is
no JSON is skipped.

Other than in QEMU: sockets always listen (`server=on`) and never wait; `query-version` has ambi's version; no machine
has hot plug yet, so `device_add` and its kind fail and say so; there is no `qmp_capabilities` with `oob`.
"""


def md_type(s, t):
    return type_text(t).replace("|", "\\|")


def md(s, args):
    out = [MD_HEAD, "## Commands", ""]
    for c in s.commands:
        out.append("### %s" % c["name"])
        out.append("")
        out.append(c["help"])
        if c["name"] not in ("qmp_capabilities", "vm-console"):
            out += ["", "    ambi ctl NAME " + " ".join(cli_words(s, c))]
        out.append("")
        if c["args"]:
            out += ["| argument | type | |", "|---|---|---|"]
            for a in c["args"]:
                notes = arg_notes(s, a)
                out.append("| `%s` | %s | %s%s |" % (a["name"], md_type(s, a["type"]), a["help"].replace("|", "\\|"),
                                                     " (%s)" % "; ".join(notes) if notes else ""))
            out += ["| ... | | the device's own |"] if c.get("open") else []
            out.append("")
        if "returns" in c:
            out += ["Returns %s." % md_type(s, c["returns"]), ""]
    out += ["## Events", ""]
    for e in s.events:
        data = ", ".join("`%s` (%s)" % (n, md_type(s, t)) for n, t in e.get("data", {}).items())
        out.append("* **%s**: %s%s" % (e["name"], e["help"], " Data: %s." % data if data else ""))
    out += ["", "## Types", "", "A `?` marks members that may be missing.", ""]
    for n in s.enums:
        out.append("* **%s**: %s" % (n, ", ".join(s.enums[n])))
    for n, members in s.types.items():
        out.append("* **%s**: %s" % (n, ", ".join("`%s` %s" % (m, md_type(s, t)) for m, t in members.items())))
    return "\n".join(out) + "\n"


def help_of(ambi):
    """(heading or None, left, right) of ambi --help."""
    text = subprocess.run([ambi, "--help"], capture_output=True, text=True, check=True).stdout
    rows, heading = [], None
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if line.endswith(":") and not line.startswith(" "):
            heading = line[:-1]
            rows.append((heading, None, None))
        m = re.match(r"  (-\S.*?)(?:  +(\S.*))?$", line)
        if m and heading:
            right = m[2] or (lines[i + 1].strip() if i + 1 < len(lines) else "")
            rows.append((None, m[1], right))
    return rows


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in ".'" else text


def man(s, args):
    out = ['.TH AMBI 1 "" "ambi %s" "User Commands"' % args.version, ".SH NAME",
           "ambi \\- runs virtual machines, on KVM and by translation", ".SH SYNOPSIS",
           ".B ambi", "[\\fIOPTION\\fR...] \\fIIMAGE\\fR [-- \\fIKERNEL ARGUMENTS\\fR]", ".br",
           ".B ambi ps", "[--json]", ".br", ".B ambi ctl", "\\fINAME COMMAND\\fR [\\fIARGUMENT\\fR...]", ".br",
           ".B ambi console", "\\fINAME\\fR [\\fIPORT\\fR]", ".br", ".B ambi disk", "\\fICOMMAND\\fR ...",
           ".SH DESCRIPTION",
           "IMAGE is a kernel (ELF, Linux Image or bzImage, also packed with gzip, zstd or xz), whose instruction set",
           "decides the machine and the engine, or an ISO image. A file that has the name of a command is given as",
           ".IR ./NAME ."]
    for heading, left, right in help_of(args.ambi):
        if heading:
            out += [".SH " + heading.upper()]
        else:
            out += [".TP", ".B " + roff(left), roff(right)]
    out += [".SH CONTROL", ".B ambi ps", "lists this user's guests,", ".B ambi console",
            "attaches the terminal to a guest's serial port (Ctrl-A x leaves), and", ".B ambi ctl",
            "gives it a command. The exit status is 1 where that fails. Instead of a command,", ".B -",
            "reads JSON (QMP) from standard input, and", ".B events", "prints events as they come."]
    for c in s.commands:
        if c["name"] in ("qmp_capabilities", "vm-console"):
            continue
        out += [".TP", ".B " + roff(" ".join(cli_words(s, c))), roff(c["help"])]
        for a in c["args"]:
            notes = arg_notes(s, a)
            out += [".br", "\\fI%s\\fR: %s" % (roff(a["name"]),
                                            roff(a["help"] + (" (%s)" % "; ".join(notes) if notes else "")))]
    out += [".SH FILES", ".TP", ".I $XDG_RUNTIME_DIR/ambi/NAME.sock",
            "a guest's control socket; else in /run/user/UID/ambi or /tmp/ambi\\-UID"]
    return "\n".join(out) + "\n"


COMPLETION = """# SPDX-License-Identifier: GPL-2.0-or-later
# Made by tools/apigen.py. bash completion of ambi.
_ambi_guests()
{
	local d="${XDG_RUNTIME_DIR:-/run/user/$UID}/ambi" s
	[[ -d $d ]] || d="/tmp/ambi-$UID"
	# compgen executes what stands in words, and /tmp is everybody's
	[[ -O $d ]] || return
	for s in "$d"/*.sock; do
		[[ -S $s && ${s##*/} =~ ^[[:alnum:]_][[:alnum:]._+@-]*$ ]] && s=${s##*/} && echo "${s%%.sock}"
	done
}

_ambi()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words=

	case ${COMP_WORDS[1]} in
	ps) words=--json ;;
	console) [[ $COMP_CWORD == 2 ]] && words=$(_ambi_guests) ;;
	disk) [[ $COMP_CWORD == 2 ]] && words="create info check snapshots convert" ;;
	ctl)
		case $COMP_CWORD in
		2) words="$(_ambi_guests) help" ;;
		3) words="%(commands)s help events -" ;;
		*)
			case ${COMP_WORDS[3]} in
%(cases)s
			esac ;;
		esac ;;
	*)
		[[ $COMP_CWORD == 1 ]] && words="ps ctl console disk"
		[[ $cur == -* ]] && words="%(options)s" ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	[[ ${#COMPREPLY[@]} == 0 ]] && compopt -o default
}
complete -F _ambi ambi
"""


def completion(s, args):
    cases, commands = [], []
    for c in s.commands:
        if c["name"] in ("qmp_capabilities", "vm-console"):
            continue
        names = [c["name"]] + ([c["cli"]] if "cli" in c else [])
        commands += names
        words = ["--" + a["name"] for a in c["args"] if not a.get("positional")]
        for a in c["args"]:
            if isinstance(a["type"], str) and a["type"] in s.enums:
                words += s.enums[a["type"]]
        if words:
            cases.append("\t\t\t%s) words=\"%s\" ;;" % ("|".join(names), " ".join(words)))
    options = sorted(w for _, left, _ in help_of(args.ambi) if left for w in re.findall(r"(?:^|, )(-[\w-]+)", left))
    return COMPLETION % {"commands": " ".join(commands), "cases": "\n".join(cases), "options": " ".join(options)}


MAKERS = {"table": table, "md": md, "man": man, "completion": completion}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=sorted(MAKERS))
    p.add_argument("schema")
    p.add_argument("-o", "--output")
    p.add_argument("--version", default="0.0.0")
    p.add_argument("--ambi", help="the program, for its --help")
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
