# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Random worlds, rules and packets: the oracle and the simulator say the same of each.

  test_oracle.py --simulator build/bin/ifw-sim [--packets N] [--seed N]

Without options, IFW_ORACLE_PACKETS and IFW_ORACLE_SEED are asked; the long run
is --packets 1000000. A difference is shrunk and shown as world, rules and
packets; the same seed finds it again.
"""

import argparse
import os
import sys
import time
from collections import Counter

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

import settings
from choices import Choices
from difference import (
    Case,
    Simulator,
    ask_oracle,
    describe,
    first_difference,
    make_oracle,
    minimise,
)
from traffic import Traffic

ORDINARY = 20_000
EXAMPLES = 100  # worlds in one call of hypothesis
MOST_PACKETS = 110  # in one world
PACKET_BYTES = 64  # of choices
WORLD_BYTES, RULES_BYTES = 192, 320
STEPS = [1_000] * 30 + [15_000_000, 29_900_000, 30_100_000]  # microseconds between packets

# Each has to come up in a run of the ordinary length: no test of what never happens.
OUTCOMES = {
    ("pass", reason)
    for reason in ("arp", "neighbor-discovery", "icmp-echo", "icmp-related", "ssh", "dhcp")
    + ("established", "rule-pass", "local", "intercepted")
} | {("drop", reason) for reason in ("malformed", "martian", "geneve", "geneve-family")}
OUTCOMES |= {("drop", reason) for reason in ("rule-deny", "no-listener", "icmp-echo")}
OUTCOMES |= {
    (verdict, reason)
    for verdict in ("pass", "drop")
    for reason in ("non-ip", "extension-header", "fragment", "fragment-overlap", "fragment-tiny")
    + ("protocol", "assign-failed", "no-rule")
}


class Difference(Exception):
    def __init__(self, case):
        super().__init__("oracle and simulator differ")
        self.case = case


@st.composite
def cases(draw):
    choices = Choices(draw(st.binary(min_size=WORLD_BYTES, max_size=WORLD_BYTES)))
    name, world = settings.world(choices)
    choices = Choices(draw(st.binary(min_size=RULES_BYTES, max_size=RULES_BYTES)))
    rules = settings.rules(choices, name, "no settings" not in world[0])
    case = Case(name, tuple(world), tuple(rules), ())
    oracle = make_oracle(case)
    traffic = Traffic(oracle, oracle.world.interfaces[name])
    packets, micros = [], 0
    for _ in range(draw(st.integers(1, MOST_PACKETS))):
        choices = Choices(draw(st.binary(min_size=PACKET_BYTES, max_size=PACKET_BYTES)))
        frame = traffic.frame(choices)
        micros += choices.pick(STEPS)
        packets.append((micros, frame))
    return Case(name, tuple(world), tuple(rules), tuple(packets))


def run(simulator, seed, seen):
    """One call of hypothesis; raises Difference. seen counts (verdict, reason)."""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
    @hypothesis.given(cases())
    def same(case):
        expected = ask_oracle(case)
        if first_difference(case, simulator, expected):
            raise Difference(case)
        seen.update((verdict, reason) for verdict, reason, _, _ in expected)

    same()


def parse_arguments():
    parser = argparse.ArgumentParser(description="oracle against simulator")
    parser.add_argument("--simulator", required=True)
    parser.add_argument(
        "--packets", type=int, default=int(os.environ.get("IFW_ORACLE_PACKETS", ORDINARY))
    )
    parser.add_argument("--seed", type=int, default=int(os.environ.get("IFW_ORACLE_SEED", 1)))
    return parser.parse_args()


def report(seen, started):
    for (verdict, reason), count in sorted(seen.items(), key=lambda item: item[0][::-1]):
        print(f"{count:9}  {verdict}  {reason}")
    print(f"{seen.total():9}  packets, no difference, {time.monotonic() - started:.1f} s")


def main():
    arguments = parse_arguments()
    started, seen, seed = time.monotonic(), Counter(), arguments.seed
    simulator = Simulator(arguments.simulator)
    while seen.total() < arguments.packets:
        try:
            run(simulator, seed, seen)
        except Difference as difference:
            case = minimise(difference.case, simulator)
            print(f"After {seen.total()} packets (--seed {seed}) they differ:")
            print(describe(case, simulator))
            return 1
        seed += 1
        if sys.stderr.isatty():
            print(f"\r{seen.total()} of {arguments.packets} packets", end="", file=sys.stderr)
    report(seen, started)
    missing = sorted(OUTCOMES - set(seen)) if arguments.packets >= ORDINARY else []
    if missing:
        print("never seen: " + ", ".join(f"{verdict} {reason}" for verdict, reason in missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
