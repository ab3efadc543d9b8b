# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A case, what oracle and simulator say of it, and the smallest case in which they differ."""

import contextlib
import json
import os
import struct
import subprocess
from dataclasses import dataclass, replace

from oracle import Oracle
from world import read_rules, read_world

ETHERNET, RAW_IP = 1, 101  # link types of a capture
START = 1_000_000_000
RUN_LIMIT = 60  # seconds that the simulator may take for one case


class SimulatorFailed(Exception):
    pass


@dataclass(frozen=True)
class Case:
    interface: str
    world: tuple  # lines
    rules: tuple
    packets: tuple  # (microseconds since the start, frame)


def make_oracle(case):
    return Oracle(read_world("\n".join(case.world)), read_rules("\n".join(case.rules)))


def ask_oracle(case):
    oracle = make_oracle(case)
    said = []
    for micros, frame in case.packets:
        one = oracle.decide(case.interface, frame, micros / 1e6)
        said.append((one.verdict, one.reason, one.rule.text if one.rule else None, one.assigned))
    return said


def capture(case, raw):
    parts = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, RAW_IP if raw else ETHERNET)]
    for micros, frame in case.packets:
        seconds, rest = divmod(micros, 1_000_000)
        parts.append(struct.pack("=IIII", START + seconds, rest, len(frame), len(frame)))
        parts.append(frame)
    return b"".join(parts)


@contextlib.contextmanager
def in_memory(lines):
    """A file that another program can open by its path and no folder holds: quick to make."""
    fd = os.memfd_create("ifw-oracle")
    try:
        os.write(fd, "".join(f"{line}\n" for line in lines).encode())
        yield f"/proc/{os.getpid()}/fd/{fd}"
    finally:
        os.close(fd)


class Simulator:
    def __init__(self, program):
        self.program = program

    def ask(self, case):
        raw = any("link raw" in line for line in case.world if f"interface {case.interface} " in line)
        with in_memory(case.world) as world, in_memory(case.rules) as rules:
            ran = subprocess.run(
                [self.program, "run", "-j", "-i", case.interface, "-w", world, "-r", rules, "-"],
                input=capture(case, raw),
                capture_output=True,
                timeout=RUN_LIMIT,
            )
        if ran.returncode != 0:
            raise SimulatorFailed(f"exit status {ran.returncode}: {ran.stderr.decode()}")
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        return [(one["verdict"], one["reason"], one["rule"], one["assigned"]) for one in lines]


def first_difference(case, simulator, expected=None):
    """(index, the oracle's word, the simulator's), or None."""
    expected = expected or ask_oracle(case)
    said = simulator.ask(case)
    if len(expected) != len(said):
        raise SimulatorFailed(f"{len(said)} answers for {len(expected)} packets")
    for index, (one, other) in enumerate(zip(expected, said)):
        if one != other:
            return index, one, other
    return None


def _differs(case, simulator):
    try:
        return first_difference(case, simulator) is not None
    except (SimulatorFailed, KeyError):
        return False  # a world that lost what it needs


def minimise(case, simulator):
    """Leaves out packets, rules, and statements of the world, as long as the two still differ."""
    found = first_difference(case, simulator)
    if found is None:
        return case
    case = replace(case, packets=case.packets[: found[0] + 1])
    for part in ("packets", "rules", "world"):
        for index in reversed(range(len(getattr(case, part)))):
            kept = getattr(case, part)
            smaller = replace(case, **{part: kept[:index] + kept[index + 1 :]})
            if (part != "packets" or smaller.packets) and _differs(smaller, simulator):
                case = smaller
    return case


def describe(case, simulator):
    """The case as world file, rules and packets in hex: what a scenario is made of."""
    found = first_difference(case, simulator)
    lines = ["world:", *(f"  {line}" for line in case.world)]
    lines += ["rules:", *(f"  {line}" for line in case.rules)]
    lines += [f"packets, in by {case.interface}:"]
    before = 0
    for micros, frame in case.packets:
        wait = f"after {(micros - before) / 1e6} s: " if before else ""
        lines.append(f"  {wait}{frame.hex() or '(empty)'}")
        before = micros
    if found:
        names = ("verdict", "reason", "rule", "assigned")
        lines.append(f"packet {found[0] + 1}:")
        for who, said in (("oracle", found[1]), ("simulator", found[2])):
            words = ", ".join(f"{name} {value}" for name, value in zip(names, said) if value)
            lines.append(f"  {who:9}  {words}")
    return "\n".join(lines)
