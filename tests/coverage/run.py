#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Which lines and branches of datapath/ the scenarios reach, and which they do not.

  run.py --build DIR --scenarios DIR

Builds the scenarios' test in DIR with clang's coverage, runs it, and prints a table.
A line that never ran, and a condition that was never true or never false, must stand
in unreached.txt with the reason; what stands there and is reached must not. 0 where
both hold, else 1.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
# Declarations, what the BPF program alone compiles, and events for who watches, of whom no
# scenario knows (tests/unit/test_report.c, tests/netns/test_monitor.py).
NOT_HERE = ("abi.h", "helpers.h", "maps.h", "work.h", "watch.h")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"'{command[0]}' failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def measure(build, scenarios):
    """What llvm-cov says of each file, as JSON carries it."""
    run("cmake", "-G", "Ninja", "-S", TOP, "-B", build, "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_COMPILER=clang",
        "-DCMAKE_C_FLAGS=-w -O0 -fprofile-instr-generate -fcoverage-mapping")
    run("ninja", "-C", build, "test_scenarios")
    program, profiles, merged = build / "tests/unit/test_scenarios", build / "profiles", build / "merged.profdata"
    profiles.mkdir(exist_ok=True)
    for old in profiles.iterdir():
        old.unlink()
    # Each scenario is decided in a process of its own.
    run(program, env={**os.environ, "SCENARIO_DIR": str(scenarios), "LLVM_PROFILE_FILE": f"{profiles}/%p.profraw"})
    run("llvm-profdata", "merge", "-o", merged, *profiles.iterdir())
    return json.loads(run("llvm-cov", "export", "-format=text", f"-instr-profile={merged}", program))["data"][0]["files"]


def lines_of(segments, count):
    """{line: how often it ran}: the most of the regions that begin on it and of the one that goes on there."""
    ran = {}
    for this, following in zip(segments, [*segments[1:], [count + 1]]):
        line, _, hits, has_count, is_entry, is_gap = this
        if has_count:
            begins = is_entry and not is_gap
            for number in range(line if begins else line + 1, following[0] + 1):
                ran[number] = max(ran.get(number, 0), hits)
    return ran


def text_of(source, branch):
    first, start, last, end = branch[:4]
    if first == last:
        return source[first - 1][start - 1:end - 1]
    return " ".join([source[first - 1][start - 1:], *source[first:last - 1], source[last - 1][:end - 1]])


def unreached(file):
    """What was not reached: {what: where}, and how many lines and branches there are."""
    path = pathlib.Path(file["filename"])
    source = path.read_text().split("\n")
    found, lines = {}, lines_of(file["segments"], len(source))
    # A packet's work is never missing; the verifier wants it asked.
    for number, line in enumerate(source, 1):
        if line == "\tif (!w)":
            lines.pop(number + 1, None)
    lines = {n: hits for n, hits in lines.items() if re.search(r"[\w]", source[n - 1].split("/*")[0])}
    for number, hits in sorted(lines.items()):
        if hits == 0:
            found.setdefault(f"{path.name}: never run: {source[number - 1].strip()}", number)
    branches = {}
    for branch in file["branches"]:
        counts = branches.setdefault(tuple(branch[:4]), [0, 0])
        counts[0] += branch[4]
        counts[1] += branch[5]
    for place, counts in sorted(branches.items()):
        # Of what never ran its line tells.
        if any(counts) and not all(counts):
            word = "false" if counts[0] else "true"
            text = re.sub(r"\s+", " ", text_of(source, place))
            found.setdefault(f"{path.name}: never {word}: {text}", place[0])
    return found, lines, branches


def explained():
    """{what: why}. A * in the place of the header stands for all."""
    known, why = {}, []
    for line in (HERE / "unreached.txt").read_text().splitlines():
        if line.startswith("#"):
            why.append(line[1:].strip())
        elif line.strip():
            known[line.strip()] = " ".join(why)
        else:
            why = []
    return known


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--scenarios", type=pathlib.Path, required=True)
    args = parser.parse_args()
    known, used, missing = explained(), set(), []
    print(f"{'HEADER':16} {'LINES':>6} {'REACHED':>8} {'BRANCHES':>9} {'REACHED':>8} {'EXPLAINED':>10}")
    totals = [0] * 5
    for file in sorted(measure(args.build.resolve(), args.scenarios.resolve()), key=lambda f: f["filename"]):
        path = pathlib.Path(file["filename"])
        if path.parent != TOP / "datapath" or path.name in NOT_HERE:
            continue
        found, lines, branches = unreached(file)
        explanations = 0
        for what, number in found.items():
            everywhere = re.sub(r"^[\w.]+:", "*:", what)
            name = what if what in known else everywhere
            used.add(name)
            explanations += name in known
            if name not in known:
                missing.append(f"{path.name}:{number}: {what.split(': ', 1)[1]}")
        ways = [way for counts in branches.values() for way in counts]
        row = [len(lines), sum(hits > 0 for hits in lines.values()), len(ways), sum(hits > 0 for hits in ways),
               explanations]
        totals = [a + b for a, b in zip(totals, row)]
        print(f"{path.name:16} {row[0]:6} {row[1]:8} {row[2]:9} {row[3]:8} {row[4]:10}")
    print(f"{'all':16} {totals[0]:6} {totals[1]:8} {totals[2]:9} {totals[3]:8} {totals[4]:10}")
    stale = [name for name in known if name not in used]
    for line in missing:
        print(f"not reached, and not explained: {line}")
    for name in stale:
        print(f"unreached.txt explains what is reached, or is not there: {name}")
    return 1 if missing or stale else 0


sys.exit(main())
