# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the measurements rest on, without a network: rule sets, figures, targets, the page."""

import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "netns")]

import figures  # noqa: E402
import page  # noqa: E402
import rulesets  # noqa: E402
import simulator  # noqa: E402
import targets  # noqa: E402
from tracked import FlowSet  # noqa: E402


def matches(rules, dst, port):
    """The rules that hold a packet of the client."""
    source = int(rulesets.ipaddress.IPv4Address(rulesets.CLIENT))
    return [
        rule for rule in rules
        if rule.low <= port <= rule.high and rulesets.masked(dst, rule.dst_len) == rule.dst
        and rulesets.masked(source, rule.src_len) == rule.src
    ]


class RuleSets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sets = {name: make() for name, make in rulesets.SETS.items()}

    def test_worst_is_hit_and_nothing_else(self):
        for rules in self.sets.values():
            with self.subTest(rules.name):
                self.assertEqual([matches(rules.rules, *to) for to in rules.hit], [[rules.rules[-1]]])
                self.assertEqual([matches(rules.rules, *to) for to in rules.miss], [[]])

    def test_misses_are_within_a_prefix(self):
        for rules in self.sets.values():
            dst = rules.miss[0][0]
            within = [rule for rule in rules.rules if rulesets.masked(dst, rule.dst_len) == rule.dst]
            self.assertTrue(within, rules.name)

    def test_many_hit_one_rule_each(self):
        for rules in self.sets.values():
            for to in rules.many[:20]:
                self.assertEqual(len(matches(rules.rules, *to)), 1, (rules.name, to))

    def test_what_is_held_to_targets(self):
        pairs = {name: rules.pairs for name, rules in self.sets.items()}
        self.assertEqual(pairs["worst"], 33 * 33)
        self.assertFalse(self.sets["worst"].gated)
        for name in set(pairs) - {"worst"}:
            self.assertLessEqual(pairs[name], 8, name)
            self.assertTrue(self.sets[name].gated, name)

    def test_longest_prefix_first(self):
        for rules in self.sets.values():
            lengths = [(rule.dst_len, rule.src_len) for rule in rules.rules]
            self.assertEqual(lengths, sorted(lengths, reverse=True), rules.name)

    def test_every_engine_gets_every_rule(self):
        rules = self.sets["realistic"]
        count = len(rules.rules)
        self.assertEqual(rules.ifw().count("intercept "), count)
        self.assertEqual(rules.nft_linear().count("dport"), count)
        self.assertEqual(rules.iptables_linear().count("--dport"), count)
        self.assertEqual(rules.ipset()[0].count("add "), count)
        self.assertEqual(elements(rules.nft_by_source()), count)
        self.assertEqual(elements(rules.nft_concatenated()), count)


def elements(text):
    """How many members the sets of an nftables file have."""
    return sum(part.split("}")[0].count(",") + 1 for part in text.split("elements = {")[1:])


class Figures(unittest.TestCase):
    def test_summary(self):
        self.assertEqual(figures.summary([5]), {"low": 5, "median": 5, "high": 5})
        self.assertEqual(figures.summary([1, 9, 2, 3, 4]), {"low": 2, "median": 3, "high": 4})

    def test_over_is_of_the_same_round(self):
        self.assertEqual(figures.over([11, 25], [1, 15])["median"], 10)


def results(ifw, nft, ipset):
    """A run in which a hit cost so much above the floor, and the floor was 100."""
    engines = {
        name: {"title": name, "hit": {"cost": figures.summary([100 + ns]), "over": figures.summary([ns])}}
        for name, ns in (("ifw", ifw), ("nft-set", nft), ("ipset", ipset))
    }
    one = {"title": "1 rule", "rules": 1, "pairs": 1, "gated": True, "engines": engines, "left_out": {}}
    return {"machine": {"kernel": "6.18", "cpu": "a CPU", "cpus": 2}, "rounds": 1, "packets": {"one": one}}


class Targets(unittest.TestCase):
    def test_beside_the_better_peer(self):
        found = targets.reach(results(100, 200, 400))
        self.assertEqual([(t["measured"], t["ok"]) for t in found], [(0.5, True)])
        found = targets.reach(results(100, 400, 150))
        self.assertFalse(found[0]["ok"])
        self.assertIn("ipset", found[0]["what"])

    def test_not_gated(self):
        run = results(100, 200, 400)
        run["packets"]["one"]["gated"] = False
        self.assertEqual(targets.reach(run), [])


def tracked(ifw, nft, cost):
    """So much above the floor with each number of flows, and so much in all for ifw."""
    def engine(over, cost):
        return {kind: {"cost": figures.summary([cost]), "over": figures.summary([over])}
                for kind in ("hit", "many")}
    return {"title": "flows", "engines": {"ifw-track": engine(ifw, cost), "nft-ct": engine(nft, 0)}}


class Tracked(unittest.TestCase):
    def test_beside_nftables(self):
        found = targets.reach({"tracked": {"tracked-5": tracked(200, 500, 1)}})
        self.assertEqual([(t["measured"], t["ok"]) for t in found], [(0.4, True)] * 2)
        found = targets.reach({"tracked": {"tracked-5": tracked(300, 500, 1)}})
        self.assertEqual([t["ok"] for t in found], [False] * 2)

    def test_growth(self):
        few, many = tracked(1, 0, 1000), tracked(1, 0, 1400)
        found = targets.reach({"tracked": {targets.FEW_FLOWS: few, targets.MANY_FLOWS: many}})
        self.assertEqual([(t["measured"], t["ok"]) for t in found], [(1.4, False)] * 2)

    def test_flows_are_each_their_own(self):
        flows = FlowSet(120_000)
        every = set(flows.peers("all"))
        self.assertEqual(len(every), 120_000)
        many = list(flows.peers("many"))
        self.assertEqual(len(set(many)), len(many))
        self.assertLessEqual(set(many) | set(flows.peers("hit")), every)
        self.assertFalse(set(flows.peers("miss")) & every)


class Simulator(unittest.TestCase):
    def test_two_million_a_second(self):
        kinds = {kind: {"cost": figures.summary([cost]), "bytes": 1} for kind, cost in (("hit", 500), ("miss", 501))}
        found = targets.reach({"simulator": {"one": {"title": "1 rule", "kinds": kinds}}})
        self.assertEqual([t["ok"] for t in found], [True, False])

    def test_capture(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "some.pcap")
            rules = rulesets.one()
            simulator.write_capture(path, rules.many, 5000)
            self.assertEqual(path.stat().st_size, 24 + 5000 * (16 + simulator.FRAME))


class Page(unittest.TestCase):
    def test_between_marks(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "bench.md")
            path.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
            page.write_between_marks(path, page.figures(results(100, 400, 150)))
            text = path.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
            self.assertNotIn("old", text)
            self.assertIn("| 1 rule: hit over the floor, beside ipset | 0.5 | 0.67 | short |", text)
            path.write_text("no marks")
            with self.assertRaises(SystemExit):
                page.write_between_marks(path, "text")


if __name__ == "__main__":
    unittest.main()
