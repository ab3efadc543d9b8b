#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Breaks the headers of datapath/ in small ways, one at a time, and sees the tests notice.

  run.py --scenarios DIR [--mutants N|all|every] [--headers NAME...] [--seed N] [--jobs N]

In a copy of the sources the header is edited, the unit tests that are closest to it
are built (without optimisation) and run, then the scenarios, then all other tests
of the decision, until one fails. What does not compile is no mutant. What no test
notices survives, and fails the run, unless equivalent.txt says why it decides nothing.

N mutants of those of all headers (the seed is printed), all: the 40 of each header that
their names draw, or all it has where it has fewer; every: each that the operators find.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import operators

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
FOLDERS = ("CMakeLists.txt", "ci/cmake", "datapath", "ruleset", "sim", "loader", "cli", "bench", "fixtures", "tests")
EACH = 40
TIMEOUT = 60  # seconds; a mutant may never end

# All of their mutants have been looked at: from these the ordinary run draws.
REVIEWED = ("addr.h", "decide.h", "exceptions.h", "flow.h", "flow_states.h")

# The tests closest to a header, where it is not test_NAME.
CLOSEST = {
    "decide.h": ("test_decide", "test_track"),
    "egress.h": ("test_egress",),
    "filter.h": ("test_iface",),
    "flow_states.h": ("test_flow_tcp", "test_sim_world"),
    "flow_table.h": ("test_track",),
    "parse.h": ("test_packet",),
    "verdict.h": ("test_decide",),
}
ALL = ("test_decide", "test_track", "test_egress", "test_packet", "test_ipv6", "test_rules", "test_fragment",
       "test_related", "test_geneve", "test_exceptions", "test_flow", "test_flow_tcp", "test_iface", "test_intercept",
       "test_lookup", "test_addr", "test_report", "test_reasons", "test_sim_strict", "test_fail_nth")


class Unbuildable(Exception):
    pass


class Copy:
    """A copy of the sources, configured, in which one header at a time is broken."""

    def __init__(self, folder, scenarios, jobs):
        self.source, self.build, self.jobs = folder / "source", folder / "build", jobs
        self.source.mkdir(parents=True)
        for name in FOLDERS:
            to = self.source / name
            to.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (TOP / name).is_dir() else shutil.copy)(TOP / name, to)
        self.environment = {**os.environ, "SCENARIO_DIR": str(scenarios)}
        # Without warnings: an edit may leave something unused, and is no less wrong.
        self.run("cmake", "-G", "Ninja", "-S", self.source, "-B", self.build, "-DCMAKE_BUILD_TYPE=Debug",
                 "-DCMAKE_C_FLAGS=-w -O0 -g0", "-DCMAKE_C_FLAGS_DEBUG=")

    def run(self, *command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=self.environment)
        if done.returncode:
            raise Unbuildable(done.stdout[-2000:] + done.stderr[-2000:])

    def passes(self, test):
        self.run("ninja", "-C", self.build, f"-j{self.jobs}", test)
        command = [str(self.build / "tests/unit" / test), "--fail-fast", f"--jobs={self.jobs}"]
        try:
            done = subprocess.run(command, capture_output=True, env=self.environment, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def caught_by(self, mutant):
        """The first test that fails; None: all pass."""
        path = self.source / "datapath" / mutant.header
        whole = path.read_text()
        path.write_text(operators.apply(mutant, whole))
        try:
            for test in tests_of(mutant.header):
                if not self.passes(test):
                    return test
            return None
        finally:
            path.write_text(whole)


def tests_of(header):
    own = f"test_{header.removesuffix('.h')}"
    closest = CLOSEST.get(header, (own,))
    return list(dict.fromkeys((*closest, "test_scenarios", *ALL)))


def equivalents():
    """{name: why}, of a file of blocks: why, as comments, then names."""
    known, why = {}, []
    for line in (HERE / "equivalent.txt").read_text().splitlines():
        if line.startswith("#"):
            why = [*why, line[1:].strip()] if why is not None else [line[1:].strip()]
        elif line.strip():
            known[line.strip()] = " ".join(why)
        else:
            why = []
    return known


def choose(args, found, known):
    if args.mutants == "every":
        return [m for header in found for m in found[header]]
    if args.mutants == "all":
        return [m for header in found for m in operators.drawn([m for m in found[header] if m.name not in known], EACH)]
    everything = [m for header in found if header in (args.headers or REVIEWED)
                  for m in operators.drawn([m for m in found[header] if m.name not in known], EACH)]
    return random.Random(args.seed).sample(everything, min(int(args.mutants), len(everything)))


def check(args, chosen, unsound):
    """Yields (mutant, test that noticed, or None; False where it does not compile).

    unsound: takes the tests among them that fail unbroken, which would notice anything.
    """
    noticed = set()
    workers = args.jobs if len(chosen) > 20 else 1
    copies, lock = {}, threading.Lock()
    with tempfile.TemporaryDirectory(prefix="ifw-mutants-") as folder:
        def one(mutant):
            with lock:
                me = threading.get_ident()
                if me not in copies:
                    copies[me] = Copy(pathlib.Path(folder, str(len(copies))), args.scenarios, args.jobs // workers)
                copy = copies[me]
            try:
                return mutant, copy.caught_by(mutant)
            except Unbuildable:
                return mutant, False

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for mutant, test in pool.map(one, chosen):
                noticed.add(test)
                yield mutant, test
        for copy in list(copies.values())[:1]:
            unsound.extend(test for test in noticed if test and not copy.passes(test))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenarios", type=pathlib.Path, required=True)
    parser.add_argument("--mutants", default=os.environ.get("IFW_MUTANTS", "8"))
    parser.add_argument("--headers", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=int(os.environ.get("IFW_SEED", time.time_ns() % 1000000)))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    found = {path.name: operators.mutants_of(path.name, path.read_text())
             for path in sorted((TOP / "datapath").glob("*.h"))
             if path.name not in operators.NOT_HERE and (not args.headers or path.name in args.headers)}
    known = equivalents()
    names = {m.name for header in found for m in found[header]}
    gone = [name for name in known if name not in names and (not args.headers or name.split("/")[0] in args.headers)]
    chosen = choose(args, found, known)
    print(f"seed {args.seed}: {len(chosen)} of {len(names)} mutants of {len(found)} headers", flush=True)
    survived, unsound, caught, not_built, begun = [], [], 0, 0, time.monotonic()
    for number, (mutant, test) in enumerate(check(args, chosen, unsound), 1):
        word = "not built" if test is False else "SURVIVED" if test is None else f"caught by {test}"
        print(f"{number:4} {time.monotonic() - begun:5.0f} s  {word:28} {mutant.name}  -> {mutant.text}", flush=True)
        not_built += test is False
        caught += bool(test)
        if test is None and mutant.name not in known:
            survived.append(mutant.name)
    for name in gone:
        print(f"equivalent.txt names what is not there (any more): {name}")
    if not caught:
        print("nothing was caught: do the tests run at all?")
    print(f"{caught} caught, {len(survived)} survived, {not_built} did not compile,"
          f" {time.monotonic() - begun:.0f} s")
    for name in survived:
        print(f"survived: {name}")
    for test in unsound:
        print(f"fails without being broken: {test}")
    return 1 if survived or gone or unsound or not_built == len(chosen) or not caught else 0


sys.exit(main())
