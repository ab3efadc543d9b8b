# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where and how a header can be broken: small edits, each with a name that outlives changes elsewhere.

A name is HEADER/OPERATOR/LINE/N: the line as it stands, without blanks at its ends,
and the Nth place on lines of that text where the operator fits, from 1. So it says
one place, whatever is added above it.
"""

import collections
import hashlib
import re

# Of helpers.h and maps.h user space compiles declarations alone: what they say is for
# the BPF program, and the tests with the kernel's. The numbers of abi.h are shared by
# all sides and right whatever they are, work.h is a place for things, and with another
# hash than that of filter.h the same is found, at another cost.
NOT_HERE = ("abi.h", "filter.h", "helpers.h", "maps.h", "work.h")


def swap(pattern, replacement):
    return re.compile(pattern), lambda match: replacement


def neighbour(match):
    """Another reason of the same verdict is what is hardest to notice."""
    others = {"NO_RULE": "RULE_DENY", "RULE_DENY": "NO_RULE", "MALFORMED": "FRAGMENT", "RULE_PASS": "LOCAL",
              "LOCAL": "RULE_PASS", "EGRESS_PASS": "TRACKED", "EGRESS_DENY": "EGRESS_DEFAULT",
              "EGRESS_DEFAULT": "EGRESS_DENY"}
    return "IFW_REASON_" + others.get(match[1], "MALFORMED" if match[1] != "MALFORMED" else "PROTOCOL")


def one_more(match):
    digits, suffix = re.fullmatch(r"(0x[0-9a-fA-F]+|\d+)([uUlL]*)", match[0]).groups()
    return f"{int(digits, 0) + 1:#x}{suffix}" if digits[:2] == "0x" else f"{int(digits) + 1}{suffix}"


OPERATORS = {
    # off by one at each bound
    "below-or-equal": [swap(r"(?<=[\w)\]] )<(?= )", "<="), swap(r"(?<=[\w)\]] )>(?= )", ">=")],
    "below": [swap(r"(?<= )<=(?= )", "<"), swap(r"(?<= )>=(?= )", ">")],
    "one-more": [(re.compile(r"(?<![\w.#\"])(0x[0-9a-fA-F]+|\d+)[uUlL]*(?![\w.])"), one_more)],
    # the opposite
    "opposite": [swap(r"(?<= )==(?= )", "!="), swap(r"(?<= )!=(?= )", "==")],
    "not": [swap(r"!(?=[\w(])", "")],
    "either": [swap(r"(?<= )&&", "||"), swap(r"(?<= )\|\|", "&&")],
    "verdict": [swap(r"\bifw_pass\b(?=\()", "ifw_drop"), swap(r"\bifw_drop\b(?=\()", "ifw_pass")],
    "reason": [(re.compile(r"\bIFW_REASON_(\w+)"), neighbour)],
    "answer": [swap(r"\breturn 0(?=;)", "return 1"), swap(r"\breturn 1(?=;)", "return 0"),
               swap(r"\breturn IFW_UNDECIDED(?=;)", "return ifw_drop(IFW_REASON_MALFORMED)")],
    # the other one
    "other-end": [swap(r"\bsrc", "dst"), swap(r"\bdst", "src"), swap(r"(?<=[.>])low\b", "high"),
                  swap(r"(?<=[.>])high\b", "low"), swap(r"\bdaddr\b", "saddr"), swap(r"\bsaddr\b", "daddr")],
    "other-family": [swap(r"\bIFW_FAMILY_IPV4\b", "IFW_FAMILY_IPV6"), swap(r"\bIFW_FAMILY_IPV6\b", "IFW_FAMILY_IPV4")],
    "other-protocol": [swap(r"\bIPPROTO_TCP\b", "IPPROTO_UDP"), swap(r"\bIPPROTO_UDP\b", "IPPROTO_TCP")],
    "other-side": [swap(r"\bIFW_ORIGINAL\b", "IFW_REPLY"), swap(r"\bIFW_REPLY\b", "IFW_ORIGINAL")],
    # arithmetic
    "sum": [swap(r"(?<=[\w)\]] )\+(?= )", "-"), swap(r"(?<=[\w)\]] )-(?= )", "+")],
    "shift": [swap(r"(?<= )<<(?= )", ">>"), swap(r"(?<= )>>(?= )", "<<")],
    "bits": [swap(r"(?<=[\w)\]] )&(?= )", "|"), swap(r"(?<=[\w)\]] )\|(?= )", "&")],
    "byte-order": [swap(r"\b__builtin_bswap(?:16|32|64)(?=\()", "")],
    # a statement that is missing: a release, a mark, a count, a check
    "missing": [swap(r"^\t+(?:\w+\(.*\)|[\w\->.\[\]]+ (?:[|&+\-]?=|\|=) .*|[\w\->.\[\]]+(?:\+\+|--));$", ";")],
    "no-check": [swap(r"(?<=\bif \()(?=.*\)$)", "0 && "), ],
    "no-step": [swap(r"^\tIFW_TRY\(.*;$", ";")],
}

Mutant = collections.namedtuple("Mutant", "name header line column end text")


def code_of(text):
    """The lines that are code, comments blanked out, with their numbers."""
    blanked = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    # A packet's work is never missing; the verifier wants it asked, and no test can say otherwise.
    blanked = re.sub(r"\n\tif \(!w\)\n.*", "\n\n", blanked)
    for number, line in enumerate(blanked.split("\n")):
        # What guards a header, includes and declares is no decision; a macro's value may be.
        if re.match(r"\s*#(?!define \w+ +\S)", line) or re.match(r"\s*(static_assert|_Static_assert)\b", line):
            continue
        yield number, line.rstrip()


def mutants_of(header, text):
    """All edits of a header, in the order of the file."""
    lines = text.split("\n")
    seen = collections.Counter()
    found = []
    for number, line in code_of(text):
        for operator, patterns in OPERATORS.items():
            for pattern, replacement in patterns:
                for match in pattern.finditer(line):
                    if operator == "one-more" and line.startswith("#define") and match.start() < 9:
                        continue
                    key = (operator, lines[number].strip())
                    seen[key] += 1
                    name = f"{header}/{operator}/{lines[number].strip()}/{seen[key]}"
                    found.append(Mutant(name, header, number, match.start(), match.end(), replacement(match)))
    return found


def apply(mutant, text):
    lines = text.split("\n")
    line = lines[mutant.line]
    lines[mutant.line] = line[:mutant.column] + mutant.text + line[mutant.end:]
    return "\n".join(lines)


def drawn(mutants, count):
    """So many of them, the same ones as long as they are there: drawn by name."""
    order = sorted(mutants, key=lambda m: hashlib.sha256(m.name.encode()).hexdigest())
    return order[:count]
