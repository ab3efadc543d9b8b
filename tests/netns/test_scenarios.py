# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every scenario of fixtures/ through real interfaces and sockets.

What the program in the kernel decides is read from its own event stream and
compared packet by packet: verdict, reason, rule and assigned socket, and the mark
of those that pass; at the end the counters of interfaces and rules with what the
events said. The simulator answers the same files in tests/unit/test_scenarios.c.

  test_scenarios.py [NAME...]   only these scenarios
  test_scenarios.py --part=N/M  only the Nth of M parts of them
  SCENARIO_DIR                  where they are (default: build/fixtures/scenarios)
"""

import collections
import json
import os
import pathlib
import struct
import sys

import bpfcalls
import lab
import world

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCENARIOS = pathlib.Path(os.environ.get("SCENARIO_DIR", ROOT / "build/fixtures/scenarios"))
MINIMUM = 20  # scenarios; fewer means that they were not found
AT_ONCE = 2
MLD = ("ff02::16",)  # the kernel's own reports leave when they like (RFC 3810); no scenario has one

sys.path.insert(0, str(ROOT / "fixtures"))
from scenario import read_reasons  # noqa: E402

REASONS = list(read_reasons(ROOT / "datapath" / "reasons.h"))


def read_pcap(path):
    """The frames of a capture in this machine's byte order."""
    data, at, frames = path.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        frames.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return frames


def length_at_hook(frame, raw):
    """Bytes that the program gets to see: the kernel takes the outer VLAN tag off before."""
    tagged = not raw and frame[12:14] in (b"\x81\x00", b"\x88\xa8")
    return len(frame) - (4 if tagged else 0)


def outcome(of):
    return {key: of[key] for key in ("verdict", "reason", "rule", "assigned")}


class Stream:
    """What `ifw monitor -j` says, one event a packet."""

    def __init__(self, inside):
        self.count = collections.defaultdict(lambda: [0, 0])  # (interface or rule, ...): packets, bytes
        self.strays = set()  # keys that packets of nobody's were counted under
        self.process = inside.router.start(inside.program("ifw"), "monitor", "-j")

    def next(self, iface, length, direction):
        """The event of the one packet under way. Of another there is none: the wire is quiet."""
        while True:
            line = self.process.line()
            if line is None:
                raise AssertionError(f"no event came from {iface}")
            event = json.loads(line)
            key = event["interface"], event["reason"], event["verdict"]
            if event["dst"] not in MLD:
                break
            self.strays.add(key)
        found = event["interface"], event["length"], event["direction"]
        if found != (iface, length, direction):
            raise AssertionError(f"an event of another packet came: {line}")
        self.note(key, event["length"])
        self.note((event["rule"],), event["length"])
        return outcome(event)

    def note(self, key, length):
        self.count[key][0] += 1
        self.count[key][1] += length

    def differences(self, real):
        """Lines about counters that say something else than the events did."""
        shown = {}
        for iface in json.loads(real.lab.ifw("stats", "-j").stdout)["interfaces"]:
            for row in iface["reasons"]:
                shown[iface["name"], row["reason"], row["verdict"]] = [row["packets"], row["bytes"]]
        for rule in json.loads(real.lab.ifw("rule", "list", "-j").stdout):
            shown[rule["rule"],] = [rule["packets"], rule["bytes"]]
        for key in sorted({*self.count, *shown} - self.strays - {(None,)}):
            said, counted = self.count.get(key, [0, 0]), shown.get(key, [0, 0])
            # The kernel's own reports leave when they like.
            if said != counted and not (real.ipv6 and key[1:] == ("egress-pass", "pass")):
                yield f"counter of {' '.join(key)}: events say {said}, it says {counted}"


class Marks:
    """The mark that a packet has behind ifw."""

    def __init__(self, real):
        self.program = bpfcalls.MarkProgram()
        self.of = {}
        for one in real.interfaces.values():
            value, mask = (int(word, 0) for word in one.mark or ("0x20", "0x20"))
            self.of[one.name] = value & mask
            real.router.run("tc", "qdisc", "add", "dev", one.name, "clsact", ok=False)  # there already?
            self.program.attach(real.router, one.name)

    def difference(self, packet):
        """A line about a packet that came in and passed, or None."""
        expected = self.of[packet["iface"]] if packet["marked"] else 0
        if packet["leaves"] or packet["verdict"] != "pass":
            return None
        taken = []

        def came_by():
            taken[:] = [self.program.take()]
            return taken[0] is not None

        lab.wait_for(came_by, "the packet behind ifw")
        return None if taken == [expected] else f"its mark is {taken[0]:#x}, not {expected:#x}"


def decide_unseen(real, packet, frame):
    """Of an interface without settings there are only counts: verdict and reason."""
    before = real.slotless_counts(REASONS)
    real.send(packet["iface"], frame)

    def changed():
        after = real.slotless_counts(REASONS)
        return [key for key in after if after[key] != before[key]]

    (verdict, reason), = lab.wait_for(changed, "a count to change")
    return {**outcome(packet), "verdict": verdict, "reason": reason}


def put_through(real, packet, frame, stream):
    """What became of a packet that comes in or leaves."""
    iface = real.interfaces[packet["iface"]]
    real.tracked.wait(packet["wait"])
    if not iface.settings:
        stream.note((packet["rule"],), length_at_hook(frame, iface.raw))
        return decide_unseen(real, packet, frame)
    if packet["leaves"]:
        real.leave(iface.name, frame)
        if not real.watches(iface):
            return outcome(packet)  # an event that came all the same would be the next packet's
        return stream.next(iface.name, len(frame), "out")
    real.send(iface.name, frame)
    return stream.next(iface.name, length_at_hook(frame, iface.raw) - packet["stripped"], "in")


def run_scenario(inside, folder):
    """Returns [number of packets that agreed, lines about those that did not]."""
    expected = json.loads((folder / "expect.json").read_text())["packets"]
    frames = read_pcap(folder / "packets.pcap")
    if len(frames) != len(expected):
        return [0, [f"{len(frames)} packets, {len(expected)} expected"]]
    real = world.World(inside, (folder / "world").read_text())
    real.apply(folder / "rules")
    for iface in {packet["iface"] for packet in expected if packet["leaves"]}:
        real.tracked.prepare(iface)
    stream = Stream(inside)
    marks = Marks(real)
    agreed, differences = 0, []
    for packet, frame in zip(expected, frames):
        if packet["sim_only"]:
            continue
        got = put_through(real, packet, frame, stream)
        mark = marks.difference(packet) if got == outcome(packet) else None
        if mark:
            differences.append(f"packet {packet['packet']} on {packet['iface']}: {mark}")
        elif got == outcome(packet):
            agreed += 1
        else:
            differences.append(
                f"packet {packet['packet']} on {packet['iface']} ({packet['note']}):"
                f" expected {outcome(packet)}, got {got}"
            )
    return [agreed, [*differences, *stream.differences(real)]]


def result(child):
    try:
        return child.result()
    except AssertionError as error:
        return [0, [str(error)]]


def side_by_side(folders):
    """Yields (folder, result) in order; AT_ONCE run at a time, each in its own network."""
    under_way = []
    for folder in folders:
        if len(under_way) == AT_ONCE:
            first, child = under_way.pop(0)
            yield first, result(child)
        under_way.append((folder, lab.Child(lambda own, it=folder: run_scenario(own, it))))
    for folder, child in under_way:
        yield folder, result(child)


def part(folders):
    """Those of a part: every so many, so that what takes long is spread."""
    for word in sys.argv[1:]:
        if word.startswith("--part="):
            number, count = map(int, word.split("=")[1].split("/"))
            return folders[number - 1 :: count]
    return folders


def every_scenario(inside):
    folders = sorted(path.parent for path in SCENARIOS.glob("*/expect.json"))
    wanted = [name for name in sys.argv[1:] if not name.startswith("-")]
    lab.check(len(folders) >= MINIMUM, f"there are scenarios ({len(folders)} in {SCENARIOS.name})")
    for name in set(wanted) - {folder.name for folder in folders}:
        lab.check(False, f"there is a scenario {name}")
    chosen = []
    for folder in part(folders):
        sim_only = json.loads((folder / "expect.json").read_text())["sim_only"]
        if wanted and folder.name not in wanted:
            continue
        if sim_only:
            print(f"      {folder.name}: only in the simulator: {sim_only}")
            continue
        chosen.append(folder)
    for folder, (agreed, differences) in side_by_side(chosen):
        lab.check(agreed and not differences, f"{folder.name}: {agreed} packets as expected")
        for difference in differences:
            print(f"      {difference}")


if __name__ == "__main__":
    lab.main(every_scenario)
