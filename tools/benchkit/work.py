# SPDX-License-Identifier: GPL-2.0-or-later
"""Interpreter work: calls, attributes, dictionaries, lists, strings, closures,
exceptions. No imports but sys, so that little else is timed."""
import sys


class Node:
    __slots__ = ("key", "left", "right")

    def __init__(self, key):
        self.key = key
        self.left = self.right = None

    def insert(self, key):
        node = self
        while True:
            side = "left" if key < node.key else "right"
            below = getattr(node, side)
            if below is None:
                setattr(node, side, Node(key))
                return
            node = below

    def depth(self):
        return 1 + max(self.left.depth() if self.left else 0, self.right.depth() if self.right else 0)


def collatz(n, memo):
    if n in memo:
        return memo[n]
    memo[n] = r = 1 + collatz(n // 2 if n % 2 == 0 else 3 * n + 1, memo)
    return r


def parse(text):
    out, stack = [], []
    rank = {"+": 1, "-": 1, "*": 2}
    for tok in text.split():
        if tok.isdigit():
            out.append(int(tok))
        else:
            while stack and rank[stack[-1]] >= rank[tok]:
                out.append(stack.pop())
            stack.append(tok)
    out += reversed(stack)
    values = []
    for x in out:
        if isinstance(x, int):
            values.append(x)
        else:
            b, a = values.pop(), values.pop()
            values.append({"+": a + b, "-": a - b, "*": a * b % 1000003}[x])
    return values[0]


def safe(f, *a):
    try:
        return f(*a)
    except (ZeroDivisionError, KeyError, ValueError):
        return 1


total = 0
for r in range(int(sys.argv[1])):
    seed = 12345 + r
    root = Node(1 << 30)
    for _ in range(400):
        seed = (seed * 1103515245 + 12345) & 0x7fffffff
        root.insert(seed)
    total += root.depth()
    memo = {1: 1}
    total += max(collatz(i, memo) for i in range(1, 600))
    expr = " ".join("%d %s" % (seed % (i + 7), "+-*"[i % 3]) for i in range(150)) + " 5"
    total += parse(expr)
    words = {}
    for w in (expr * 3).split():
        words[w] = words.get(w, 0) + 1
    total += sorted(words.items(), key=lambda t: (-t[1], t[0]))[0][1]
    add = [lambda x, i=i: x * i % 7 for i in range(8)]
    total += sum(f(x) for x in range(300) for f in add)
    total += sum(safe(lambda x: 100 // (x % 5), x) for x in range(400))
    total += int(sum(x * 0.25 for x in range(1500)))
    total %= 1000000007
print(total)
