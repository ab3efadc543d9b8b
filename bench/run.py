#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Measures ifw beside nftables, iptables and next to nothing. See README.md.

    bench/run.py                      everything, some minutes; prints, changes no file
    bench/run.py --write docs         the same, and writes docs/bench.{json,md,svg}
    bench/run.py --quick              the least that shows that it works, below a minute
    bench/run.py --only packets --engines none,drop,ifw,nft-set,ipset --sets one,mixed10k

Needs root. Programs are taken from build/bin, or from where IFW_BIN says.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "netns")]

import connections  # noqa: E402
import lab as laboratory  # noqa: E402
import packets  # noqa: E402
import page  # noqa: E402
import processes  # noqa: E402
import report  # noqa: E402
import simulator  # noqa: E402
import tracked  # noqa: E402
from engines import ENGINES, Failed  # noqa: E402
from rulesets import SETS  # noqa: E402

PARTS = {
    "packets": packets.measure,  # with the time to load each set
    "connections": connections.measure,
    "tracked": tracked.measure,
    "processes": processes.measure,
    "simulator": simulator.measure,
}


class Bench:
    """What all parts need: the network, the programs, what was asked for, a place for files."""

    def __init__(self, lab, options, scratch):
        self.lab = lab
        self.options = options
        self.scratch = pathlib.Path(scratch)
        self.ifw = lab.program("ifw")
        self.cpu = options.cpu
        self.started = time.monotonic()

    def progress(self, text):
        """One line that is written over on a terminal, and a line each elsewhere."""
        passed = time.monotonic() - self.started
        if sys.stderr.isatty():
            print(f"\r\33[K{passed:5.0f} s  {text}", end="", file=sys.stderr, flush=True)
        else:
            print(f"{passed:5.0f} s  {text}", file=sys.stderr, flush=True)

    def clear_progress(self):
        if sys.stderr.isatty():
            print("\r\33[K", end="", file=sys.stderr, flush=True)

    @staticmethod
    def timed(namespace, *command):
        """Runs a program to its end in a namespace; seconds."""
        start = time.monotonic()
        namespace.run(*command, seconds=300)
        return time.monotonic() - start


def chosen(what, given, known):
    names = given.split(",")
    for name in names:
        if name not in known:
            sys.exit(f"bench: there is no {what} '{name}' (there are: {', '.join(known)})")
    return names


def flow_counts(given):
    counts = [int(word) if word.isdecimal() else 0 for word in given.split(",")]
    if not all(1 <= count <= tracked.MOST for count in counts):
        sys.exit(f"bench: --flows wants numbers from 1 to {tracked.MOST:,}, separated by commas")
    return counts


def read_options():
    parser = argparse.ArgumentParser(
        prog="run.py", description="Measures ifw beside nftables, iptables and next to nothing.")
    parser.add_argument("--engines", default=",".join(ENGINES), help="comma-separated; default: all")
    parser.add_argument("--sets", default=",".join(SETS), help="rule sets, comma-separated; default: all")
    parser.add_argument("--flows", default="1000,1000000",
                        help="how many are tracked, comma-separated (default 1000,1000000)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts: {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=9, help="samples of each engine (default 9)")
    parser.add_argument("--loads", type=int, default=3, help="times that each set is loaded (default 3)")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)),
                        help="what sends and what receives (default: the last)")
    parser.add_argument("--quick", action="store_true", help="little of everything: does it work?")
    parser.add_argument("--write", metavar="FOLDER", help="write bench.json, bench.md and bench.svg")
    parser.add_argument("--json", metavar="FILE", help="write the figures alone")
    options = parser.parse_args()
    if options.quick:
        options.engines, options.sets = "none,drop,bare,ifw,nft-set,ipset,nft-linear", "one,ranges100"
        options.rounds, options.loads, options.flows = 2, 1, "1000,20000"
    options.engines = chosen("engine", options.engines, ENGINES)
    options.sets = chosen("rule set", options.sets, SETS)
    options.flows = flow_counts(options.flows)
    options.parts = chosen("part", options.only, PARTS)
    if options.rounds < 1 or options.loads < 1:
        sys.exit("bench: --rounds and --loads want at least 1")
    return options


def drop_missing(bench):
    """Leaves out engines whose programs are not here, and says so."""
    names = []
    for name in bench.options.engines:
        reason = ENGINES[name].missing()
        if reason:
            print(f"{name} is left out: {reason}")
        else:
            names.append(name)
    if bench.options.quick and names != bench.options.engines:
        laboratory.skip("the quick run is to show that every engine works")
    bench.options.engines = names


def write_json(results, path):
    path.write_text(json.dumps(results, indent=1) + "\n")


def run(lab, options):
    with tempfile.TemporaryDirectory(prefix="ifw-bench-") as scratch:
        bench = Bench(lab, options, scratch)
        drop_missing(bench)
        results = {"machine": report.machine(), "rounds": options.rounds}
        for part in options.parts:
            results[part] = PARTS[part](bench)
            bench.clear_progress()
            report.show(part, results[part])
        report.show_targets(results)
        if options.write:
            folder = pathlib.Path(options.write)
            write_json(results, folder / "bench.json")
            page.write(results, folder)
        if options.json:
            write_json(results, pathlib.Path(options.json))
        laboratory.check(True, f"measured in {time.monotonic() - bench.started:.0f} s")


def main():
    options = read_options()

    def bench(lab):
        try:
            run(lab, options)
        except Failed as failed:
            print(f"bench: {failed}", file=sys.stderr)
            laboratory.check(False, "every engine does what it should")

    laboratory.main(bench)


main()
