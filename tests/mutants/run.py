#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Breaks the headers of datapath/ in small ways, one at a time, and sees the tests notice.

  run.py --scenarios DIR [--mutants N|all|every] [--headers NAME...] [--seed N] [--jobs N]

In a copy of the sources the header is edited, and what depends on it is built (without
optimisation, and with plain/ for Criterion): the tests that are closest to it and the
scenarios in one program, then, where these notice nothing, all tests of the decision.
What does not compile is no mutant: the next one is drawn. What no test notices survives,
and fails the run, unless equivalent.txt says why it decides nothing.

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
FOLDERS = ("datapath", "ruleset", "sim", "tests/unit", "tests/mutants/plain")
EACH = 40
# Without warnings, for an edit may leave something unused and is no less wrong; nothing is inlined, for a
# mutant is compiled once and run for moments; what is not set must not look as if it were.
FLAGS = ('-w -O0 -Dalways_inline=unused -ftrivial-auto-var-init=pattern -std=gnu11 -D_GNU_SOURCE'
         ' -DIFW_VERSION=\\"0\\" -DSCENARIO_DIR=NULL -I. -Itests/mutants/plain')

# The tests closest to a header, where it is not test_NAME.
CLOSEST = {
    "decide.h": ("test_decide", "test_steps", "test_track", "test_track_rules"),
    "egress.h": ("test_egress", "test_steps"),
    "flow_table.h": ("test_track", "test_track_rules", "test_track_icmp"),
    "flow_tcp.h": ("test_flow_tcp", "test_flow_windows", "test_flow_pickup"),
    "parse.h": ("test_packet",),
    "track.h": ("test_track", "test_track_rules", "test_track_icmp"),
    "verdict.h": ("test_decide",),
    "watch.h": ("test_report",),
}
ALL = ("test_decide", "test_track", "test_egress", "test_packet", "test_ipv6", "test_rules", "test_fragment",
       "test_related", "test_geneve", "test_exceptions", "test_filter", "test_flow", "test_flow_states",
       "test_flow_tcp", "test_flow_windows", "test_flow_pickup", "test_track_rules", "test_track_icmp", "test_iface",
       "test_intercept", "test_lookup", "test_addr", "test_report", "test_reasons",
       "test_sim_world", "test_sim_strict", "test_steps", "test_scenarios", "test_fail_nth")

# What these tests need, of the libraries they are linked with elsewhere.
LINKED = {
    "ruleset": ("compile", "grammar", "grammar_set", "line", "rule", "rule_print", "run", "values"),
    "sim": ("decide", "flow", "flows", "fragments", "helpers", "packet", "scan", "sockets",
            "world", "world_event", "world_flow", "world_parse", "world_set", "world_socket"),
    "sim/capture": ("capture", "capture_ng"),
    "tests/mutants/plain": ("main",),
}


class Unbuildable(Exception):
    pass


class Copy:
    """A copy of the sources in which one header at a time is broken."""

    def __init__(self, folder, scenarios):
        self.folder = folder
        for name in FOLDERS:
            shutil.copytree(TOP / name, folder / name)
        self.environment = {**os.environ, "SCENARIO_DIR": str(scenarios)}
        (folder / "build.ninja").write_text("\n".join(self.rules()) + "\n")

    def rules(self):
        """What ninja is to build: what cmake would look for each time is known here."""
        def built(path):
            return f"o/{path.parent.name}/{path.stem}.o"

        sources = [pathlib.Path(folder, f"{name}.c") for folder, names in LINKED.items() for name in names]
        tests = [pathlib.Path("tests/unit", name + ".c") for name in ALL]
        yield f"rule cc\n  command = cc {FLAGS} -MD -MF $out.d -c $in -o $out\n  depfile = $out.d\n  deps = gcc"
        yield "rule link\n  command = cc $in -lpcap -o $out"
        for path in (*sources, *tests):
            yield f"build {built(path)}: cc {path}"
        common = " ".join(built(path) for path in sources)
        for name, linked in programs().items():
            yield f"build {name}: link {' '.join(f'o/unit/{test}.o' for test in linked)} {common}"

    def failed(self, program):
        """The test that fails in a program of them; None: all pass."""
        done = subprocess.run(["ninja", "-C", self.folder, "-j1", program], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unbuildable(done.stdout[-2000:] + done.stderr[-2000:])
        done = subprocess.run([self.folder / program], capture_output=True, text=True, env=self.environment, check=False)
        return None if done.returncode == 0 else pathlib.Path(done.stdout.split()[-1]).stem

    def caught_by(self, mutant):
        """The first test that fails; None: all pass."""
        path = self.folder / "datapath" / mutant.header
        whole = path.read_text()
        path.write_text(operators.apply(mutant, whole))
        try:
            return self.failed(program_of(mutant.header)) or self.failed("all")
        finally:
            path.write_text(whole)


def program_of(header):
    return f"near_{header.removesuffix('.h')}"


def programs():
    """The tests that are linked with each other, in the order in which they run."""
    near = {header.name: CLOSEST.get(header.name, (f"test_{header.stem}",)) for header in headers()}
    return {"all": ALL, **{program_of(name): (*closest, "test_scenarios") for name, closest in near.items()}}


def headers():
    return [path for path in sorted((TOP / "datapath").glob("*.h")) if path.name not in operators.NOT_HERE]


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
    """The mutants of each header that are wanted, and those that may stand in for what does not compile."""
    if args.mutants not in ("all", "every"):
        everything = [m for header in found for m in operators.drawn(found[header], EACH) if m.name not in known]
        shuffled = random.Random(args.seed).sample(everything, len(everything))
        return [(shuffled[:int(args.mutants)], shuffled[int(args.mutants):])]
    each = EACH if args.mutants == "all" else len(max(found.values(), key=len))
    drawn = {header: operators.drawn([m for m in found[header] if m.name not in known], len(found[header]))
             for header in found}
    return [(drawn[header][:each], drawn[header][each:]) for header in found]


class Bench:
    """Copies of the sources, one a thread, in which mutants are tried."""

    def __init__(self, args, folder):
        self.scenarios, self.folder = args.scenarios, pathlib.Path(folder)
        self.copies, self.lock = {}, threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(args.jobs)

    def copy(self):
        with self.lock:
            me = threading.get_ident()
            if me not in self.copies:
                self.copies[me] = Copy(self.folder / str(len(self.copies)), self.scenarios)
            return self.copies[me]

    def unsound(self):
        """The test that fails unbroken, which would notice anything."""
        return self.copy().failed("all")

    def try_one(self, mutant):
        """The test that noticed it, or None; False where it does not compile."""
        try:
            return mutant, self.copy().caught_by(mutant)
        except Unbuildable:
            return mutant, False

    def try_all(self, chosen):
        """Yields what try_one() says of each, and of those that stand in for what does not compile."""
        while chosen:
            again = []
            running = [(self.pool.map(self.try_one, wanted), spare) for wanted, spare in chosen if wanted]
            for results, spare in running:
                missing = 0
                for mutant, test in results:
                    missing += test is False
                    yield mutant, test
                again.append((spare[:missing], spare[missing:]))
            chosen = [(wanted, spare) for wanted, spare in again if wanted]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenarios", type=pathlib.Path, required=True)
    parser.add_argument("--mutants", default=os.environ.get("IFW_MUTANTS", "8"))
    parser.add_argument("--headers", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=int(os.environ.get("IFW_SEED", time.time_ns() % 1000000)))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    args.scenarios = args.scenarios.resolve()
    found = {path.name: operators.mutants_of(path.name, path.read_text())
             for path in headers() if not args.headers or path.name in args.headers}
    known = equivalents()
    names = {m.name for header in found for m in found[header]}
    gone = [name for name in known if name not in names and (not args.headers or name.split("/")[0] in args.headers)]
    chosen = choose(args, found, known)
    print(f"seed {args.seed}: {sum(len(wanted) for wanted, spare in chosen)} of {len(names)} mutants"
          f" of {len(found)} headers", flush=True)
    for name in gone:
        print(f"equivalent.txt names what is not there (any more): {name}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ifw-mutants-") as folder:
        bench = Bench(args, folder)
        if unsound := bench.unsound():
            print(f"fails without being broken: {unsound}")
            return 1
        survived, counts = report(bench, chosen, begun)
    table(counts, found, known)
    for name in survived:
        print(f"survived: {name}")
    caught = sum(row["caught"] for row in counts.values())
    print(f"{caught} caught, {len(survived)} survived, {time.monotonic() - begun:.0f} s")
    if not caught:
        print("nothing was caught: do the tests run at all?")
    return 1 if survived or gone or not caught else 0


def report(bench, chosen, begun):
    """Prints each mutant as it is tried; what survived, and {header: {what became of it: how many}}."""
    survived, counts = [], {}
    for number, (mutant, test) in enumerate(bench.try_all(chosen), 1):
        row = counts.setdefault(mutant.header, {"caught": 0, "survived": 0, "not built": 0})
        row["not built" if test is False else "survived" if test is None else "caught"] += 1
        word = "not built" if test is False else "SURVIVED" if test is None else f"caught by {test}"
        text = " ".join(mutant.text.split())
        print(f"{number:4} {time.monotonic() - begun:5.0f} s  {word:26} {mutant.name}  -> {text[:60]}", flush=True)
        if test is None:
            survived.append(mutant.name)
    return survived, counts


def table(counts, found, known):
    print(f"{'header':14} {'places':>7} {'tried':>6} {'caught':>7} {'survived':>9} {'decide nothing':>15}")
    for header, row in sorted(counts.items()):
        nothing = sum(m.name in known for m in found[header])
        print(f"{header:14} {len(found[header]):7} {row['caught'] + row['survived']:6} {row['caught']:7}"
              f" {row['survived']:9} {nothing:15}")


sys.exit(main())
