# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The oracle says of every scenario's packets what the scenario expects.

  test_scenarios.py SCENARIOS      the folder that fixtures/generate.py wrote
"""

import pathlib
import struct
import sys
import unittest

from oracle import Oracle
from packet import Frame
from world import read_rules, read_world


def read_capture(path):
    """(microseconds, frame) of each packet."""
    data, at = path.read_bytes(), 24
    while at < len(data):
        seconds, micros, length, _ = struct.unpack_from("=IIII", data, at)
        yield seconds * 1_000_000 + micros, data[at + 16 : at + 16 + length]
        at += 16 + length


def decided(folder):
    """A line of the file expect for each packet, as the oracle would have it."""
    oracle = Oracle(
        read_world((folder / "world").read_text()), read_rules((folder / "rules").read_text())
    )
    expected = (folder / "expect").read_text().splitlines()
    packets = list(read_capture(folder / "packets.pcap"))
    for (now, frame), line in zip(packets, expected, strict=True):
        number, interface, *_, way = line.split("\t")
        said = oracle.decide(interface, Frame(frame), now, way == "out")
        rule = said.rule.text if said.rule else "-"
        marked = "marked" if said.marked else "-"
        words = [said.verdict, said.reason, said.assigned or "-", rule, marked]
        yield line, "\t".join([number, interface, *words, way])


class Scenarios(unittest.TestCase):
    folder = None

    def test_oracle_agrees(self):
        packets = 0
        for folder in sorted(self.folder.iterdir()):
            for expected, said in decided(folder):
                packets += 1
                with self.subTest(folder.name):
                    self.assertEqual(said, expected)
        self.assertGreater(packets, 1000)


if __name__ == "__main__":
    Scenarios.folder = pathlib.Path(sys.argv.pop(1))
    unittest.main()
