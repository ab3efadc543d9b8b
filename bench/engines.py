# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The engines that are measured: how each is put between sender and listener.

An engine under a rule set is a Bed: a client and a router in namespaces of
their own, with a traffic program that plays sender and listener. Beds stand
side by side, so that they can be measured by turns without loading anything anew.
"""

import subprocess

import lab as laboratory
from rulesets import CLIENT, CLIENT_PORT, LISTENER_PORT, MARK, text

ROUTER = "172.31.1.1"
TABLE = 100
KINDS = ("hit", "many", "miss")
PATIENCE = 120.0  # seconds; a linear list is slow


class Failed(Exception):
    """An engine cannot be set up, or does not do what it should."""


class Bed:
    """One engine under one rule set."""

    def __init__(self, bench, engine, rules):
        self.bench = bench
        self.engine = engine
        self.rules = rules
        self.name = f"{engine.name}-{rules.name}"
        lab = bench.lab
        self.client = lab.namespace(f"c-{self.name}")
        self.router = lab.namespace(f"r-{self.name}")
        lab.veth(self.client, "c0", self.router, "e0")
        self.client.configure("c0", f"{CLIENT}/24")
        self.router.configure("e0", f"{ROUTER}/24")
        self.client.run("ip", "route", "add", "default", "via", ROUTER)
        self.traffic = None
        self.counts = {}  # packets a sample, by kind

    def start(self):
        """The traffic program, its listener and its targets."""
        program = self.bench.lab.program("bench_traffic")
        command = [program, str(self.bench.cpu), self.client.path, "c0", self.router.path, "e0"]
        self.traffic = laboratory.Process(command, stdin=subprocess.PIPE)
        if self.rules.protocol == "udp":
            self.ask("listen", self.engine.listens_at(), LISTENER_PORT)
        else:
            self.ask("serve", self.engine.listens_at(), LISTENER_PORT)
        for kind in KINDS:
            path = self.bench.scratch / f"{self.name}-{kind}"
            path.write_text("".join(self.packets(kind)))
            self.ask("targets", kind, path)

    def packets(self, kind):
        """Lines that say from where to where each goes."""
        return (f"{CLIENT} {CLIENT_PORT} {address} {port}\n" for address, port in self.targets(kind))

    def targets(self, kind):
        targets = [(text(dst), port) for dst, port in getattr(self.rules, kind)]
        return self.engine.targets(kind, targets)

    def ask(self, *words):
        """Has the traffic program do something; its answer's words."""
        try:
            self.traffic.popen.stdin.write(" ".join(str(word) for word in words) + "\n")
            self.traffic.popen.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and has said why
        answer = (self.traffic.line(PATIENCE) or "no answer").split()
        if answer[0] != "ok":
            raise Failed(f"{self.name}: {' '.join(answer)}")
        return answer[1:]

    def file(self, name, content):
        path = self.bench.scratch / f"{self.name}.{name}"
        path.write_text(content)
        return str(path)

    def policy_route(self, *match):
        self.router.run("ip", "rule", "add", *(match or ("fwmark", MARK)), "lookup", TABLE)
        self.router.run("ip", "route", "add", "local", "default", "dev", "lo", "table", TABLE)

    def close(self):
        if self.traffic:
            self.traffic.stop()
        self.engine.leave(self)
        for namespace in (self.client, self.router):
            self.bench.lab.router.run("ip", "netns", "delete", namespace.name)


class Engine:
    """What all have in common. kinds: the traffic that it can be asked about."""

    name = title = ""
    kinds = KINDS
    needs = ()  # programs
    most = None  # rules: beyond it would take too long
    loads = False  # reads a rule set, so loading can be timed
    protocols = ("udp", "tcp")

    def missing(self):
        """Why it cannot run here, or None."""
        for program in self.needs:
            try:
                subprocess.run([program, "--version"], capture_output=True, check=False)
            except FileNotFoundError:
                return f"{program} is not installed"
        return None

    def refuses(self, rules):
        """Why it is not measured with these rules, or None."""
        if rules.protocol not in self.protocols:
            return f"does not do {rules.protocol}"
        if self.most is not None and len(rules.rules) > self.most:
            return f"left out above {self.most:,} rules: it would take minutes"
        return None

    def listens_at(self):
        return "127.0.0.1"

    def targets(self, kind, targets):
        return targets

    def setup(self, bed):
        """Before the traffic program starts."""

    def started(self, bed):
        """When it listens."""

    def load(self, bed):
        """Puts the rules in force in place of none."""

    def unload(self, bed):
        """Takes them away."""

    def leave(self, bed):
        """What does not go with the namespace."""


class Floor(Engine):
    """What every way to intercept needs on top of itself: the route that delivers here what is
    addressed elsewhere. Without it the floor would be lower, and equally so for all.
    """

    name, title = "none", "no program (floor)"
    kinds = ("hit", "many")

    def setup(self, bed):
        bed.policy_route("iif", "e0")

    def listens_at(self):
        return "0.0.0.0"

    def targets(self, kind, targets):
        return [(address, LISTENER_PORT) for address, _ in targets]


class Direct(Engine):
    name, title = "direct", "no program, no policy route, the proxy at its own address"
    kinds = ("hit", "many")

    def listens_at(self):
        return ROUTER

    def targets(self, kind, targets):
        """The proxy at its own address; as many frames as the others send in turn."""
        return [(ROUTER, LISTENER_PORT)] * len(targets)


class DropFloor(Engine):
    name, title = "drop", "program that only drops (drop floor)"
    kinds = ("miss",)
    protocols = ("udp",)

    def started(self, bed):
        bed.ask("attach", "drop", "127.0.0.1", LISTENER_PORT, MARK)


class Bare(Engine):
    name, title = "bare", "program that looks up one socket and assigns it"
    kinds = ("hit", "many")
    protocols = ("udp",)

    def setup(self, bed):
        bed.policy_route()

    def started(self, bed):
        bed.ask("attach", "bare", "127.0.0.1", LISTENER_PORT, MARK)


class Ifw(Engine):
    """Rules alone, as the peers: what tracking adds is measured apart."""

    name, title = "ifw", "ifw, tracking off"
    loads = True
    options = ("--track", "off")

    def setup(self, bed):
        bed.rules_file = bed.file("ifw", bed.rules.ifw())
        bed.nothing_file = bed.file("nothing", "")
        bed.router.run(bed.bench.ifw, "up", "e0", *self.options)

    def load(self, bed):
        return bed.bench.timed(bed.router, bed.bench.ifw, "apply", bed.rules_file)

    def unload(self, bed):
        bed.router.run(bed.bench.ifw, "apply", bed.nothing_file)

    def leave(self, bed):
        bed.router.run(bed.bench.ifw, "down", "--all")


class IfwUncounted(Ifw):
    name, title = "ifw-uncounted", "ifw, without counters of rules"
    options = (*Ifw.options, "--rule-counters", "off")


class IfwTracking(Ifw):
    name, title = "ifw-tracking", "ifw, and each flow that a rule lets in is tracked"
    options = ()


class Nft(Engine):
    needs = ("nft",)
    loads = True

    def text(self, rules):
        raise NotImplementedError

    def setup(self, bed):
        bed.policy_route()
        bed.rules_file = bed.file("nft", self.text(bed.rules))

    def load(self, bed):
        return bed.bench.timed(bed.router, "nft", "-f", bed.rules_file)

    def unload(self, bed):
        bed.router.run("nft", "flush", "ruleset")


FEW_SOURCES = 8  # above that a set for each is slower than one set


class NftSet(Nft):
    """The form that measured best of those tried for each kind of rule set."""

    name, title = "nft-set", "nftables, sets in the best form"

    def text(self, rules):
        if len(rules.prefixes) == 1 and not rules.sourced:
            return rules.nft_ports()
        if len(rules.by_source()) > FEW_SOURCES:
            return rules.nft_concatenated()
        return rules.nft_by_source()


class NftConcatenated(Nft):
    """As one writes it first."""

    name, title = "nft-concat", "nftables, one set of (source,) destination and port"

    def text(self, rules):
        return rules.nft_concatenated()


class NftLinear(Nft):
    name, title = "nft-linear", "nftables, a line a rule"
    most = 10000

    def text(self, rules):
        return rules.nft_linear()


class Iptables(Engine):
    """Through the kernel's own tables where it still has them: that is faster than through nft's."""

    needs = ("iptables-restore",)
    loads = True

    def choose(self, bed):
        old = "iptables-legacy"
        try:
            there = bed.router.run(old, "-t", "mangle", "-S", ok=False).returncode == 0
        except FileNotFoundError:
            there = False
        bed.iptables = old if there else "iptables"

    def rules_text(self, bed):
        return bed.rules.iptables_linear()

    def setup(self, bed):
        self.choose(bed)
        bed.policy_route()
        bed.rules_file = bed.file("iptables", self.rules_text(bed))

    def load(self, bed):
        return bed.bench.timed(bed.router, f"{bed.iptables}-restore", bed.rules_file)

    def unload(self, bed):
        bed.router.run(bed.iptables, "-t", "mangle", "-P", "PREROUTING", "ACCEPT")
        bed.router.run(bed.iptables, "-t", "mangle", "-F", "PREROUTING")


class IptablesLinear(Iptables):
    name, title = "ipt-linear", "iptables, a line a rule"
    most = 10000


class Ipset(Iptables):
    name, title = "ipset", "iptables with ipset"
    needs = ("ipset", "iptables-restore")

    def rules_text(self, bed):
        sets, rules = bed.rules.ipset()
        bed.sets_file = bed.file("ipset", sets)
        return rules

    def load(self, bed):
        return (bed.bench.timed(bed.router, "ipset", "restore", "-file", bed.sets_file) +
                super().load(bed))

    def unload(self, bed):
        super().unload(bed)
        bed.router.run("ipset", "destroy")


ENGINES = {
    engine.name: engine
    for engine in (Floor(), Direct(), DropFloor(), Bare(), Ifw(), IfwUncounted(), IfwTracking(), NftSet(),
                   NftConcatenated(), Ipset(), NftLinear(), IptablesLinear())
}
