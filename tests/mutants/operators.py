# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where and how a header can be broken: small edits, each with a name that outlives changes elsewhere.

A name is HEADER/OPERATOR/LINE/N: the line as it stands, without blanks at its ends,
and the Nth place on lines of that text where the operator fits, from 1. So it says
one place, whatever is added above it.
"""

import collections
import functools
import hashlib
import itertools
import pathlib
import re

DATAPATH = pathlib.Path(__file__).resolve().parents[2] / "datapath"

# Of helpers.h and maps.h user space compiles declarations alone: what they say is for
# the BPF program, and the tests with the kernel's. The numbers of abi.h are shared by
# all sides and right whatever they are, work.h is a place for things, and with another
# hash than that of filter.h the same is found, at another cost.
NOT_HERE = ("abi.h", "helpers.h", "maps.h", "work.h")


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
    "one-less": [(re.compile(r"sizeof\([\w>.\- ]+\)"), lambda match: f"({match[0]} - 1)")],
    # the opposite
    "opposite": [swap(r"(?<= )==(?= )", "!="), swap(r"(?<= )!=(?= )", "==")],
    "not": [swap(r"!(?=[\w(])", "")],
    "turned": [(re.compile(r"(?<=\breturn )(?!.*\?.*\?)(.+) \? (.+) : (.+)(?=;$)"), lambda match: f"{match[1]} ? {match[3]} : {match[2]}")],
    "either": [swap(r"(?<= )&&", "||"), swap(r"(?<= )\|\|", "&&")],
    "verdict": [swap(r"\bifw_pass\b(?=\()", "ifw_drop"), swap(r"\bifw_drop\b(?=\()", "ifw_pass")],
    "reason": [(re.compile(r"\bIFW_REASON_(?!ENUM|ROW|END|NONE)(\w+)"), neighbour)],
    "answer": [swap(r"\breturn 0(?=;)", "return 1"), swap(r"\breturn -?1(?=;)", "return 0"),
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
    "no-check": [(re.compile(r"(?<=\bif \()(.*)(?=\)$)"), lambda match: f"0 && ({match[1]})")],
    "always": [(re.compile(r"(?<=\bif \()(.*)(?=\)$)"), lambda match: f"1 || ({match[1]})")],
    # rows of the tables of reasons and states: others know their names and what they mean
    "name": [(re.compile(r'(?<=^\tX\()(\w+, "[\w-]+)'), lambda match: f"{match[1]}s")],
    "class": [swap(r"(?<=, )EITHER(?=,)", "PASS"), swap(r"(?<=, )PASS(?=,)", "EITHER"), swap(r"(?<=, )DROP(?=,)", "PASS")],
}

# What stands in an order that matters: steps of the decision, rows of a table whose numbers are ABI.
ORDERED = (re.compile(r"^\t(?:if \(.*\)\n\t\t)?IFW_TRY\(.*$", re.M),
           re.compile(r'^\tX\(\w+, "[^"]*",.*?"\)', re.M | re.S))

# Two arguments of a call that may be each other's.
ARGUMENTS = re.compile(r"(?:(?<=\()|(?<=, )|(?<=_OF\(ctx\) ))(?=(?!ctx\b)([\w.>-]+), ([\w.>-]+)[,)])")

DECLARED = re.compile(r"(?:\bstruct \w+|\b__\w+|\bifw_answer) \*?$")

Mutant = collections.namedtuple("Mutant", "name header start end text")


@functools.cache
def flags():
    """Members that are 0 or 1, as the comments of the structures say."""
    return {name for header in ("abi.h", "work.h")
            for name in re.findall(r"\b(\w+);\s*/\* 1: ", (DATAPATH / header).read_text())}


def code_of(text):
    """The lines that are code, comments blanked out, with their numbers."""
    blanked = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    # A packet's work is never missing; the verifier wants it asked, and no test can say otherwise.
    blanked = re.sub(r"\n\tif \(!w\)\n.*", "\n\n", blanked)
    blanked = re.sub(r"(?<=\treturn w \? )(.*) : .*;", r"\1;", blanked)
    for number, line in enumerate(blanked.split("\n")):
        # What guards a header, includes and declares is no decision; a macro's value may be.
        if re.match(r"\s*#(?!define \w+ +\S)", line) or re.match(r"\s*(static_assert|_Static_assert)\b", line):
            continue
        yield number, line.rstrip()


def body_around(number, text):
    """Of the function that this line is of."""
    lines = text.split("\n")
    begin = max(n for n in range(number) if lines[n] == "{")
    return "\n".join(lines[begin:lines.index("}", begin)])


def decides_nothing(operator, number, line, match, text):
    """Whether it can be told that an edit changes nothing, or what another operator changes."""
    if operator in ("other-end", "verdict") and DECLARED.search(line[:match.start()]):
        return True  # of what is declared another name would not compile
    if operator == "bits" and line[:match.start()].endswith("_OF(ctx) "):
        return True  # an address
    if operator == "one-less":  # where it is no bound
        return not re.search(r"ifw_load|[<>]=? ", line)
    if operator == "answer":  # a function that has but one says nothing with it
        return len(set(re.findall(r"\breturn ([^;]*);", body_around(number, text)))) < 2
    if operator != "one-more":
        return False
    if line.startswith("#define") and match.start() < 9 or line[:match.start()].count('"') % 2:
        return True
    if re.search(r"\breturn (0|-1);$", line):  # "answer"; callers ask whether it is 0
        return True
    if re.search(r"\breturn 1;$", line):  # the same, where no more than yes and no is answered
        return not re.search(r"\breturn [^;]*\b2\b", body_around(number, text))
    if flag := re.search(r"(\w+) = 1;$", line):  # "missing"; what is a flag says so
        return bool(re.search(rf"\bint (?:\w+(?: = \w+)?, )*{flag[1]}\b", text) or flag[1] in flags())
    return False


def parts_of(line):
    """Each operand of && and || with its operator, (start, end), where the line holds all of it."""
    operators = list(re.finditer(r"&&|\|\|", line))
    left = re.match(r"\s*(?:(?:\} )?(?:else )?if \(|return |[\w>.-]+ = )?", line).end()
    if "?" in line or line.startswith("#"):
        return
    for operator in operators:
        part = line[left:operator.start()]
        if part.strip() not in ("", "!w") and part.count("(") == part.count(")"):
            yield left, min(operator.end() + 1, len(line))
        left = min(operator.end() + 1, len(line))
    last = line[left:].removesuffix(";").removesuffix(" {")
    last = last[:-1] if last.count(")") > last.count("(") and last.endswith(")") else last
    if operators and last.strip() and last.count("(") == last.count(")"):
        yield operators[-1].start() - 1, left + len(last)


def mutants_of(header, text):
    """All edits of a header: by the order of the file, then what stands in a wrong order."""
    lines = text.split("\n")
    starts = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
    seen = collections.Counter()
    found = []

    def add(operator, number, start, end, new):
        key = (operator, lines[number].strip())
        seen[key] += 1
        found.append(Mutant(f"{header}/{operator}/{key[1]}/{seen[key]}", header, start, end, new))

    for number, line in code_of(text):
        for operator, patterns in OPERATORS.items():
            for pattern, replacement in patterns:
                for match in pattern.finditer(line):
                    if not decides_nothing(operator, number, line, match, text):
                        add(operator, number, starts[number] + match.start(), starts[number] + match.end(),
                            replacement(match))
        for start, end in parts_of(line):
            add("no-part", number, starts[number] + start, starts[number] + end, "")
        for match in ARGUMENTS.finditer(line):
            if not line.startswith(("#", "\tX(")):
                add("arguments", number, starts[number] + match.start(1), starts[number] + match.end(2),
                    f"{match[2]}, {match[1]}")
    for unit in ORDERED:
        rows = list(unit.finditer(text))
        for a, b in zip(rows, rows[1:]):
            between = text[a.end():b.start()]
            if not re.sub(r"/\*.*?\*/|[\s\\\\]", "", between):
                add("swapped", text.count("\n", 0, a.start()), a.start(), b.end(), b[0] + between + a[0])
    return found


def apply(mutant, text):
    return text[:mutant.start] + mutant.text + text[mutant.end:]


def drawn(mutants, count):
    """So many of them, the same ones as long as they are there: drawn by name."""
    order = sorted(mutants, key=lambda m: hashlib.sha256(m.name.encode()).hexdigest())
    return order[:count]
