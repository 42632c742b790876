#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes decoder, argument structures and instruction table from *.dec files.

    decodegen.py --isa riscv --include HEADER --out-h FILE --out-c FILE A.dec B.dec ...

A line is one of (# starts a comment):

  .width N                    instruction width in bits of the patterns that follow; a decoder per width
  .ext NAME | .ext -          the feature (FEAT_NAME) the patterns that follow need; - none
  %field  POS:LEN ... [<<N] [+N] KIND
                              bits, most significant part first; sLEN sign-extends; KIND as enum insn_kind
  &args   FIELD ...           an argument structure, struct ISA_arg_<args>
  @format &args NAME=%field|CONSTANT ...
  name BITS... @format "mnemonic {operand},..." [NAME!=CONSTANT ...]
                              a pattern. 0 and 1 are compared, . belongs to a field, - is ignored.
                              Calls ISA_trans_<name>(ctx, args).

Patterns may overlap: the first in file order wins; one whose feature is absent does not exist.
The generated decoder is a tree of switches over the bits that all candidates compare.
"""
import argparse
import re
import sys

KINDS = dict(x='INSN_X', f='INSN_F', imm='INSN_IMM', hex='INSN_HEX', upper='INSN_UPPER',
             pcrel='INSN_PCREL', csr='INSN_CSR', rm='INSN_RM', fence='INSN_FENCE', aqrl='INSN_AQRL')


class Field:
    def __init__(self, name, words):
        self.name, self.parts, self.sign, self.shift, self.add = name, [], False, 0, 0
        for w in words[:-1]:
            if w.startswith('<<'):
                self.shift = int(w[2:])
            elif w.startswith('+'):
                self.add = int(w[1:])
            else:
                pos, length = w.split(':')
                if length.startswith('s'):
                    if self.parts:
                        raise ValueError('only the first part may be signed')
                    self.sign, length = True, length[1:]
                self.parts.append((int(pos), int(length)))
        self.kind = KINDS[words[-1]]

    def mask(self):
        m = 0
        for pos, length in self.parts:
            m |= ((1 << length) - 1) << pos
        return m

    def expr(self):
        e = ''
        for i, (pos, length) in enumerate(self.parts):
            if i == 0 and self.sign:
                part = f'(int32_t)(insn << {32 - pos - length}) >> {32 - length}'
            else:
                part = f'(int32_t)(insn >> {pos} & {(1 << length) - 1:#x})'
            e = part if i == 0 else f'({e}) * {1 << length} + {part}'
        if self.shift:
            e = f'({e}) * {1 << self.shift}'
        return f'{e} + {self.add}' if self.add else e


class Pattern:
    def __init__(self, name, width, ext):
        self.name, self.width, self.ext = name, width, ext
        self.mask = self.match = self.free = 0
        self.require = []


class Spec:
    def __init__(self):
        self.fields, self.args, self.formats, self.patterns = {}, {}, {}, []
        self.width, self.ext = None, None

    def parse(self, path):
        for number, line in enumerate(open(path), 1):
            try:
                self.line(line.strip())
            except (ValueError, KeyError, IndexError) as e:
                sys.exit(f'{path}:{number}: {e!r}')

    def line(self, line):
        text = re.search(r'"([^"]*)"', line)
        head = re.sub(r'"[^"]*"', '"', line)
        words = head.split('#')[0].split()
        if not words:
            return
        first, rest = words[0], words[1:]
        if first == '.width':
            self.width = int(rest[0])
        elif first == '.ext':
            self.ext = None if rest[0] == '-' else rest[0]
        elif first[0] == '%':
            self.fields[first] = Field(first[1:], rest)
        elif first[0] == '&':
            self.args[first] = rest
        elif first[0] == '@':
            assign = dict(w.split('=') for w in rest[1:])
            if set(assign) != set(self.args[rest[0]]):
                raise ValueError(f'{first} does not assign exactly the members of {rest[0]}')
            self.formats[first] = (rest[0], assign)
        else:
            self.pattern(first, rest, text.group(1))

    def pattern(self, name, rest, text):
        p = Pattern(name, self.width, self.ext)
        at = next(i for i, w in enumerate(rest) if w[0] == '@')
        bits = ''.join(rest[:at])
        if len(bits) != self.width:
            raise ValueError(f'{len(bits)} bits, not {self.width}')
        for b in bits:
            p.mask = p.mask << 1 | (b in '01')
            p.match = p.match << 1 | (b == '1')
            p.free = p.free << 1 | (b == '.')
        p.args, p.assign = self.formats[rest[at]]
        covered = 0
        for v in p.assign.values():
            if v[0] == '%':
                covered |= self.fields[v].mask()
        # c.nop and the like fix bits that the format also reads: that is fine
        if p.free & ~covered:
            raise ValueError(f'bits {p.free & ~covered:#x} belong to no field')
        p.text, p.mnemonic = text, re.split(r'[ {]', text)[0]
        for operand in re.findall(r'{(\w+)}', text):
            if not p.assign[operand].startswith('%'):
                raise ValueError(f'operand {operand} is no field')
        for w in rest[at + 1:]:
            if w != '"':
                field, value = w.split('!=')
                p.require.append((field, int(value, 0)))
        self.patterns.append(p)


class Writer:
    def __init__(self, spec, isa):
        self.s, self.isa, self.out = spec, isa, []

    def put(self, depth, text):
        self.out.append('\t' * depth + text)

    def leaf(self, p, done, depth):
        tests = []
        if p.ext:
            tests.append(f'{self.isa}_has(ctx, FEAT_{p.ext})')
        if p.mask & ~done:
            tests.append(f'(insn & {p.mask & ~done:#x}) == {p.match & ~done:#x}')
        for field, value in p.require:
            tests.append(f'({self.s.fields[p.assign[field]].expr()}) != {value}')
        members = ', '.join(f'.{k} = {self.s.fields[v].expr() if v[0] == "%" else v}'
                            for k, v in p.assign.items())
        call = f'return {self.isa}_trans_{p.name}(ctx'
        lines = [f'{call});'] if not p.assign else \
            [f'{call}, &(struct {self.isa}_arg_{p.args[1:]}) {{ {members} }});']
        if tests:
            self.put(depth, f'if ({" && ".join(tests)})')
            self.put(depth + 1, lines[0])
            return False
        self.put(depth, lines[0])
        return True                     # what follows cannot be reached

    def tree(self, patterns, done, depth):
        common = ~done
        for p in patterns:
            common &= p.mask
        if len(patterns) == 1 or not common:
            if self.leaf(patterns[0], done, depth) or len(patterns) == 1:
                return
            self.tree(patterns[1:], done, depth)
            return
        low = (common & -common).bit_length() - 1
        groups = {}
        for p in patterns:
            groups.setdefault(p.match & common, []).append(p)
        self.put(depth, f'switch (insn >> {low} & {common >> low:#x}) {{')
        for value, group in sorted(groups.items()):
            self.put(depth, f'case {value >> low:#x}:')
            self.tree(group, done | common, depth + 1)
            self.put(depth + 1, 'break;')
        self.put(depth, '}')

    def header(self, include):
        isa = self.isa
        self.put(0, f'/* Made by tools/decodegen.py. */')
        self.put(0, f'#ifndef {isa.upper()}_DECODE_H\n#define {isa.upper()}_DECODE_H\n')
        self.put(0, '#include <stdbool.h>\n#include <stdint.h>\n\n#include "target/insn_gen.h"\n')
        self.put(0, f'struct {isa}_ctx;\n')
        for name, members in self.s.args.items():
            if members:
                self.put(0, f'struct {isa}_arg_{name[1:]} {{ int32_t {", ".join(members)}; }};')
        self.put(0, '\n/* Front end: emits IR; false: the encoding is reserved. */')
        seen = {}
        for p in self.s.patterns:
            if seen.setdefault(p.name, p.args) != p.args:
                sys.exit(f'{p.name}: two argument sets')
        for name, args in seen.items():
            arg = f', const struct {isa}_arg_{args[1:]} *a' if self.s.args[args] else ''
            self.put(0, f'bool {isa}_trans_{name}(struct {isa}_ctx *ctx{arg});')
        self.put(0, '\n/* Finds the pattern and calls its front end; false: illegal instruction. */')
        for w in sorted({p.width for p in self.s.patterns}):
            self.put(0, f'bool {isa}_decode{w}(struct {isa}_ctx *ctx, uint32_t insn);')
        self.put(0, f'\nextern const struct insn_gen {isa}_insns[];\n\n#endif')
        return self.flush()

    def source(self, include, header):
        isa = self.isa
        self.put(0, f'/* Made by tools/decodegen.py. */\n#include "{header}"\n#include "{include}"\n')
        for w in sorted({p.width for p in self.s.patterns}):
            self.put(0, f'bool {isa}_decode{w}(struct {isa}_ctx *ctx, uint32_t insn)\n{{')
            self.tree([p for p in self.s.patterns if p.width == w], 0, 1)
            self.put(1, 'return false;\n}\n')
        self.table()
        return self.flush()

    def table(self):
        isa = self.isa
        names = sorted({k for p in self.s.patterns for k in p.assign})
        for n in names:
            self.put(0, f'static const char name_{n}[] = "{n}";')
        used = {}
        for p in self.s.patterns:
            for k, v in p.assign.items():
                if v[0] == '%':
                    used[f'{v[1:]}_as_{k}'] = (k, self.s.fields[v])
        for ident, (k, f) in used.items():
            parts = ', '.join(f'{{ {a}, {b} }}' for a, b in f.parts)
            self.put(0, f'static const struct insn_field {ident} = {{ name_{k}, {f.kind}, {int(f.sign)}, '
                        f'{f.shift}, {f.add}, {len(f.parts)}, {{ {parts} }} }};')
        rows, lists = [], {}
        for p in self.s.patterns:
            fields = ', '.join(f'&{v[1:]}_as_{k}' for k, v in p.assign.items() if v[0] == '%')
            require = ', '.join(f'{{ name_{f}, {v} }}' for f, v in p.require)
            ids = []
            for kind, content in (('insn_field *const', fields), ('insn_require', require)):
                if content and (kind, content) not in lists:
                    lists[kind, content] = f'list{len(lists)}'
                    self.put(0, f'static const struct {kind} list{len(lists) - 1}[] = {{ {content} }};')
                ids.append(lists.get((kind, content), '0'))
            count = fields.count('&')
            ext = f'FEAT_BIT_{p.ext}' if p.ext else '-1'
            rows.append(f'{{ "{p.mnemonic}", "{p.text}", {p.mask:#x}, {p.match:#x}, {p.width // 8}, '
                        f'{count}, {ext}, {ids[0]}, {ids[1]}, {len(p.require)} }},')
        self.put(0, f'\nconst struct insn_gen {isa}_insns[] = {{')
        for r in rows:
            self.put(1, r)
        self.put(1, '{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }\n};')

    def flush(self):
        text, self.out = '\n'.join(self.out) + '\n', []
        return text


def main():
    ap = argparse.ArgumentParser()
    for o in ('isa', 'include', 'out-h', 'out-c'):
        ap.add_argument('--' + o, required=True)
    ap.add_argument('files', nargs='+')
    a = ap.parse_args()
    spec = Spec()
    for path in a.files:
        spec.parse(path)
    w = Writer(spec, a.isa)
    open(a.out_h, 'w').write(w.header(a.include))
    open(a.out_c, 'w').write(w.source(a.include, a.out_h.rsplit('/', 1)[-1]))


main()
