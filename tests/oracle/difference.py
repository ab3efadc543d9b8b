# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A case, what oracle and simulator say of it, and the smallest case in which they differ."""

import os
import select
import subprocess
import tempfile
from dataclasses import dataclass, replace

from oracle import Oracle
from packet import Frame
from world import read_rules, read_world

START = 1_000_000_000  # the clock at the first packet, microseconds
ANSWER_LIMIT = 60  # seconds that the simulator may take for one case
NAMES = ("verdict", "reason", "rule", "assigned", "mark")


class SimulatorFailed(Exception):
    pass


@dataclass(frozen=True)
class Packet:
    micros: int  # since the start
    interface: str
    leaves: bool
    mark: int  # that it has before
    frame: bytes
    aggregate: bool = False
    tags: int = 0  # VLAN tags that the stack has taken off

    def show(self):
        way = "out by" if self.leaves else "in by"
        mark = f", mark {self.mark:#x}" if self.mark else ""
        mark += ", an aggregate" * self.aggregate + ", a VLAN tag taken off" * self.tags
        frame = self.frame.hex() or "(empty)"
        return f"{self.micros / 1e6:.6f} s, {way} {self.interface}{mark}: {frame}"


@dataclass(frozen=True)
class NewRules:
    """From here on these, in place of the former."""

    lines: tuple

    def show(self):
        return "\n    ".join(["rules:", *self.lines])


@dataclass(frozen=True)
class Case:
    world: tuple  # lines
    rules: tuple
    steps: tuple  # Packet and NewRules


def make_oracle(world, rules):
    return Oracle(read_world("\n".join(world)), read_rules("\n".join(rules)))


def put_to_oracle(oracle, step):
    """What the simulator must say of a packet: NAMES; None where rules change."""
    if isinstance(step, NewRules):
        oracle.rules = read_rules("\n".join(step.lines))
        return None
    frame = Frame(step.frame, step.aggregate, step.tags)
    one = oracle.decide(step.interface, frame, step.micros, step.leaves)
    mark = step.mark
    if one.marked:
        value, mask = oracle.world.interfaces[step.interface].mark
        mark = (mark & ~mask) | value
    return one.verdict, one.reason, one.rule.order if one.rule else 0, one.assigned or "-", mark


def ask_oracle(case):
    oracle = make_oracle(case.world, case.rules)
    said = (put_to_oracle(oracle, step) for step in case.steps)
    return [one for one in said if one]


def _text(kind, lines):
    text = "".join(f"{line}\n" for line in lines)
    return f"{kind} {len(text)}\n{text}"


def _question(step):
    if isinstance(step, NewRules):
        return _text("rules", step.lines)
    way = "out" if step.leaves else "in"
    nanoseconds = (START + step.micros) * 1000
    offloaded = f"{2 * step.aggregate} {step.tags}"
    words = f"{step.interface} {way} {nanoseconds} {step.mark} {offloaded} {step.frame.hex()}"
    return f"packet {words}\n"


def _answer(line):
    words = line.split(" ")
    if words[0] == "fault":
        raise SimulatorFailed(line)
    verdict, reason, rule, assigned, mark = words
    return verdict, reason, int(rule), assigned, int(mark, 0)


class Simulator:
    """answers.c, started once and again where it ended."""

    def __init__(self, program):
        self.program = program
        self.process = None

    def ask(self, case):
        questions = [_text("world", case.world), _text("rules", case.rules)]
        questions += [_question(step) for step in case.steps]
        if self.process is None:
            self.errors = tempfile.TemporaryFile()
            self.process = subprocess.Popen(
                [self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
            )
        try:
            self.process.stdin.write(("".join(questions) + "end\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said is read below
        *lines, _ = self._read()
        return [_answer(line) for line in lines]

    def _read(self):
        """All lines up to `end`."""
        data, stdout = b"", self.process.stdout.fileno()
        while not data.endswith(b"end\n"):
            ready, _, _ = select.select([stdout], [], [], ANSWER_LIMIT)
            piece = os.read(stdout, 1 << 16) if ready else b""
            if not piece:
                raise SimulatorFailed(self._why())
            data += piece
        return data.decode().splitlines()

    def _why(self):
        self.process.kill()
        status = self.process.wait()
        self.close_pipes()
        self.errors.seek(0)
        return f"exit status {status}: {self.errors.read().decode(errors='replace')}"

    def close_pipes(self):
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        self.process = None

    def close(self):
        """Ends it; whether it ended well (no leak, no fault)."""
        if self.process is None:
            return True
        self.process.stdin.close()
        status = self.process.wait(ANSWER_LIMIT)
        self.errors.seek(0)
        errors = self.errors.read().decode(errors="replace")
        if status or errors:
            print(f"the simulator ended with {status}: {errors}")
        return status == 0 and not errors


def first_difference(case, simulator, expected=None):
    """(number of the packet, the oracle's word, the simulator's), or None."""
    expected = expected or ask_oracle(case)
    said = simulator.ask(case)
    if len(expected) != len(said):
        raise SimulatorFailed(f"{len(said)} answers for {len(expected)} packets")
    for number, (one, other) in enumerate(zip(expected, said), 1):
        if one != other:
            return number, one, other
    return None


def _differs(case, simulator):
    try:
        return first_difference(case, simulator) is not None
    except (SimulatorFailed, KeyError):
        return False  # a world that lost what it needs


def _without_the_rest(case, number):
    """Up to the packet of this number."""
    places = [at for at, step in enumerate(case.steps) if isinstance(step, Packet)]
    return replace(case, steps=case.steps[: places[number - 1] + 1])


def minimise(case, simulator):
    """Leaves out packets, rules, and statements of the world, as long as the two still differ."""
    found = first_difference(case, simulator)
    if found is None:
        return case
    case = _without_the_rest(case, found[0])
    for part in ("steps", "rules", "world"):
        for index in reversed(range(len(getattr(case, part)))):
            kept = getattr(case, part)
            smaller = replace(case, **{part: kept[:index] + kept[index + 1 :]})
            if any(isinstance(step, Packet) for step in smaller.steps) and _differs(
                smaller, simulator
            ):
                case = smaller
    return case


def describe(case, simulator):
    """The case as world file, rules and packets in hex: what a scenario is made of."""
    found = first_difference(case, simulator)
    lines = ["world:", *(f"  {line}" for line in case.world)]
    lines += ["rules:", *(f"  {line}" for line in case.rules)]
    lines += ["packets:", *(f"  {step.show()}" for step in case.steps)]
    if found:
        lines.append(f"packet {found[0]}:")
        for who, said in (("oracle", found[1]), ("simulator", found[2])):
            words = ", ".join(f"{name} {value}" for name, value in zip(NAMES, said))
            lines.append(f"  {who:9}  {words}")
    return "\n".join(lines)
