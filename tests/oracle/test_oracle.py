# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Random worlds, rules and packets: the oracle and the simulator say the same of each.

  test_oracle.py --simulator build/tests/oracle/oracle-answers [--packets N] [--seed N]

Without options, IFW_ORACLE_PACKETS and IFW_ORACLE_SEED are asked; the long run
is --packets 1000000, and one that is interrupted says what it saw. A difference is
shrunk and shown as world, rules and packets; the same seed finds it again.
"""

import argparse
import os
import random
import sys
import time
from collections import Counter

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

import settings
from choices import Choices
from difference import (
    Case,
    NewRules,
    Packet,
    Simulator,
    describe,
    first_difference,
    make_oracle,
    minimise,
    put_to_oracle,
)
from talks import Talk
from traffic import Traffic

ORDINARY = 40_000
MOST_PACKETS = 110  # in one world
PACKET_BYTES = 64  # of choices
WORLD_BYTES, RULES_BYTES = 256, 320
CASE_BYTES = 8192  # hypothesis takes no more
TALKS = 3  # conversations at a time
STEPS = [1_000] * 30 + [15_000_000, 29_900_000, 30_100_000]  # microseconds between packets

# Each has to come up in a run of the ordinary length: no test of what never happens.
OUTCOMES = {
    ("pass", reason)
    for reason in ("arp", "neighbor-discovery", "icmp-echo", "icmp-related", "ssh", "dhcp")
    + ("established", "rule-pass", "local", "intercepted", "tracked", "egress-pass")
} | {("drop", reason) for reason in ("malformed", "martian", "geneve", "geneve-family")}
OUTCOMES |= {("drop", reason) for reason in ("rule-deny", "no-listener", "icmp-echo")}
OUTCOMES |= {("drop", reason) for reason in ("egress-deny", "egress-default")}
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


class Steps:
    """Packets of one world. The oracle decides each as it is made."""

    def __init__(self, name, world, rules):
        self.name, self.world, self.rules = name, world, rules
        self.oracle = make_oracle(world, rules.values())
        self.traffic = Traffic(self.oracle, name)
        self.talks = []
        self.micros = 0
        self.steps, self.expected = [], []

    def add(self, c):
        kind = c.number(64)
        if kind == 63:
            self._put(NewRules(tuple(self._other_rules(c).values())))
            return
        if kind < 36:
            talk = self._talk(c)
            interface, leaves, frame = talk.frame(c)
            self._wait(c, talk.flow)
        else:
            interface, leaves, frame = self.traffic.frame(c)
            self._wait(c, None)
        mark = c.pick([0] * 6 + [1, 0xFFFFFFFF])
        aggregate, tags = c.rarely(16), int(c.rarely(24) and not self.traffic.is_raw(interface))
        if aggregate and c.number(2):
            frame = self.traffic.without_length(interface, frame)
        self._put(Packet(self.micros, interface, leaves, mark, frame, aggregate, tags))

    def _talk(self, c):
        if not self.talks or c.rarely(16):
            self.talks = [Talk(c, self.traffic), *self.talks[: TALKS - 1]]
        return c.pick(self.talks + self.talks[:1] * 3)

    def _wait(self, c, flow):
        """To the next packet: mostly not for long, or just until a flow is forgotten."""
        until = self.micros + c.pick(STEPS)
        if flow and c.rarely(10):
            until = flow.expires + c.pick([0, -1, 1])
        self.micros = max(self.micros, until)

    def _other_rules(self, c):
        settled = "no settings" not in self.world[0]
        self.rules = settings.other_rules(c, self.name, settled, self.rules)
        return self.rules

    def _put(self, step):
        self.steps.append(step)
        said = put_to_oracle(self.oracle, step)
        if said:
            self.expected.append(said)


@st.composite
def cases(draw):
    """A case, and what the oracle says of it."""
    choices = Choices(draw(st.binary(min_size=WORLD_BYTES, max_size=WORLD_BYTES)))
    name, world = settings.world(choices)
    choices = Choices(draw(st.binary(min_size=RULES_BYTES, max_size=RULES_BYTES)))
    rules = settings.rules(choices, name, "no settings" not in world[0])
    steps = Steps(name, world, rules)
    for _ in range(draw(st.integers(1, MOST_PACKETS))):
        steps.add(Choices(draw(st.binary(min_size=PACKET_BYTES, max_size=PACKET_BYTES))))
    return Case(tuple(world), tuple(rules.values()), tuple(steps.steps)), steps.expected


def make_test(simulator, seen):
    """Fails with Difference; what it was fed then is found again, and shrunk, by calling it."""

    @hypothesis.settings(
        deadline=None,
        database=InMemoryExampleDatabase(),
        report_multiple_bugs=False,
        print_blob=False,
        phases=[Phase.reuse, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
    )
    @hypothesis.given(cases())
    def same(made):
        case, expected = made
        if first_difference(case, simulator, expected):
            raise Difference(case)
        seen.update(said[:2] for said in expected)

    return same


def try_one(test, seed):
    """One world, of this seed. Fresh bytes for each: hypothesis alone varies what it had."""
    try:
        test.hypothesis.fuzz_one_input(random.Random(seed).randbytes(CASE_BYTES))
    except Difference:
        test()
        raise


def parse_arguments():
    parser = argparse.ArgumentParser(description="oracle against simulator")
    parser.add_argument("--simulator", required=True)
    parser.add_argument("--ordinary", type=int, default=ORDINARY, help="packets, where nothing says how many")
    parser.add_argument("--packets", type=int, default=os.environ.get("IFW_ORACLE_PACKETS"))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("IFW_ORACLE_SEED", 1)))
    options = parser.parse_args()
    if options.packets is None:
        options.packets = options.ordinary
    return options


def report(seen, started):
    for (verdict, reason), count in sorted(seen.items(), key=lambda item: item[0][::-1]):
        print(f"{count:9}  {verdict}  {reason}")
    print(f"{seen.total():9}  packets, no difference, {time.monotonic() - started:.1f} s")


def compare(simulator, arguments, seen):
    """World after world until there were packets enough, or somebody stops it. 0 or 1."""
    test = make_test(simulator, seen)
    seed = arguments.seed
    try:
        while (packets := seen.total()) < arguments.packets:
            try_one(test, seed)
            seed += 1
            if sys.stderr.isatty():
                print(f"\r{packets} of {arguments.packets} packets", end="", file=sys.stderr)
    except Difference as difference:
        case = minimise(difference.case, simulator)
        print(f"After {packets} packets (--seed {seed}) they differ:")
        print(describe(case, simulator))
        return 1
    except KeyboardInterrupt:
        print(f"stopped at --seed {seed}")
        return 0
    return 0 if simulator.close() else 1


def main():
    arguments = parse_arguments()
    started, seen = time.monotonic(), Counter()
    if compare(Simulator(arguments.simulator), arguments, seen):
        return 1
    report(seen, started)
    missing = sorted(OUTCOMES - set(seen)) if arguments.packets >= ORDINARY else []
    if missing:
        print("never seen: " + ", ".join(f"{verdict} {reason}" for verdict, reason in missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
