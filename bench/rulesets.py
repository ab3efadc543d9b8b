# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The sets of rules that are measured, and each as the text that an engine reads.

All rules of a set intercept one protocol to one listener. No two of a set hold
the same packet, so that every engine answers alike whatever its order; within
a file longer prefixes stand first, which is what a linear list needs.
"""

import ipaddress
import random
from typing import NamedTuple

CLIENT = "172.31.1.2"
CLIENT_PORT = 40000
LISTENER_PORT = 43321
MARK = 1
MANY = 4096  # destinations of the kind "many"


def text(address):
    return str(ipaddress.IPv4Address(address))


def masked(address, length):
    return address & (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF


class Rule(NamedTuple):
    dst: int
    dst_len: int
    low: int
    high: int
    src: int = 0
    src_len: int = 0

    def to(self):
        return f"{text(self.dst)}/{self.dst_len}"

    def source(self):
        return f"{text(self.src)}/{self.src_len}"

    def ports(self):
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


class RuleSet:
    """rules, and the packets that hit the worst of them, hit any, and miss all."""

    def __init__(self, name, title, rules, miss, gated, protocol="udp"):
        self.name = name
        self.title = title
        self.rules = rules
        self.gated = gated  # the targets hold for it
        self.protocol = protocol
        self.prefixes = {(rule.dst, rule.dst_len) for rule in rules}
        self.pairs = len({(rule.dst_len, rule.src_len) for rule in rules})
        self.sourced = any(rule.src_len for rule in rules)
        # Every rule is one address and one port.
        self.exact = all(rule.dst_len == 32 and rule.low == rule.high for rule in rules)
        worst = rules[-1]
        self.hit = [(worst.dst, worst.low)]
        self.miss = [miss]
        chosen = random.Random(name)
        some = [chosen.choice(rules) for _ in range(MANY)]
        self.many = [
            (rule.dst + chosen.getrandbits(32 - rule.dst_len), chosen.randint(rule.low, rule.high))
            for rule in some
        ]

    def by_source(self):
        """Rules by (source, length), in the order of the first of each."""
        found = {}
        for rule in self.rules:
            found.setdefault((rule.src, rule.src_len), []).append(rule)
        return found

    # --- As text ------------------------------------------------------------------

    def ifw(self):
        lines = []
        for rule in self.rules:
            source = f" from {rule.source()}" if rule.src_len else ""
            lines.append(f"intercept {self.protocol} to {rule.to()} port {rule.ports()} "
                         f"via {LISTENER_PORT}{source}\n")
        return "".join(lines)

    def _nft(self, before, matches):
        """A table whose chain intercepts what a match of matches holds, and drops the rest."""
        action = f"tproxy to 127.0.0.1:{LISTENER_PORT} meta mark set {MARK} accept"
        # Later packets of a connection have a socket; it is the documented first rule.
        kept = ""
        if self.protocol == "tcp":
            kept = f"meta l4proto tcp socket transparent 1 meta mark set {MARK} accept\n"
        # What a TCP client gets back, and lo, is not what is intercepted here.
        rules = "".join(f"{match} {action}\n" for match in matches)
        return ("table ip bench {\n" + before + "chain prerouting {\n"
                "type filter hook prerouting priority mangle; policy drop;\n" + kept + rules +
                "}\n}\n")

    def nft_linear(self):
        def match(rule):
            source = f"ip saddr {rule.source()} " if rule.src_len else ""
            to = f"ip daddr {rule.to()} " if rule.dst_len else ""
            return f"{source}{to}{self.protocol} dport {rule.ports()}"
        return self._nft("", (match(rule) for rule in self.rules))

    def nft_concatenated(self):
        """One set of (source,) destination and port; without intervals where none is needed."""
        types, key = ["ipv4_addr", "inet_service"], ["ip daddr", f"{self.protocol} dport"]
        if self.sourced:
            types.insert(0, "ipv4_addr")
            key.insert(0, "ip saddr")
        elements = []
        for rule in self.rules:
            to = text(rule.dst) if self.exact else rule.to()
            source = f"{rule.source()} . " if self.sourced else ""
            elements.append(f"{source}{to} . {rule.ports()}")
        flags = "" if self.exact else "flags interval;"
        before = (f"set s {{ type {' . '.join(types)}; {flags}\n"
                  f"elements = {{ " + ",\n".join(elements) + " }\n}\n")
        match = f"meta l4proto {self.protocol} {' . '.join(key)} @s"
        return self._nft(before, [match])

    def nft_by_source(self):
        """A set of port and destination for each source prefix; ports first ends misses sooner."""
        sets, matches = [], []
        kind, flags = "inet_service . ipv4_addr", "" if self.exact else "flags interval;"
        for number, ((src, length), rules) in enumerate(self.by_source().items()):
            elements = ",\n".join(
                f"{rule.ports()} . {text(rule.dst) if self.exact else rule.to()}" for rule in rules)
            sets.append(f"set s{number} {{ type {kind}; {flags}\nelements = {{ {elements} }}\n}}\n")
            source = f"ip saddr {text(src)}/{length} " if length else ""
            matches.append(f"{source}meta l4proto {self.protocol} {self.protocol} dport . ip daddr "
                           f"@s{number}")
        return self._nft("".join(sets), matches)

    def nft_ports(self):
        """A set of ports for the one prefix that there is."""
        assert len(self.prefixes) == 1 and not self.sourced
        before = ("set s { type inet_service; flags interval;\nelements = { " +
                  ", ".join(rule.ports() for rule in self.rules) + " }\n}\n")
        return self._nft(before, [f"ip daddr {self.rules[0].to()} {self.protocol} dport @s"])

    def _iptables(self, matches):
        kept = ""
        if self.protocol == "tcp":
            kept = (f"-A PREROUTING -p tcp -m socket --transparent -j MARK --set-mark {MARK}\n"
                    "-A PREROUTING -p tcp -m socket --transparent -j ACCEPT\n")
        action = (f"-j TPROXY --on-ip 127.0.0.1 --on-port {LISTENER_PORT} "
                  f"--tproxy-mark {MARK}/{MARK}")
        rules = "".join(f"-A PREROUTING -p {self.protocol} {match} {action}\n" for match in matches)
        return f"*mangle\n:PREROUTING DROP [0:0]\n{kept}{rules}COMMIT\n"

    def iptables_linear(self):
        def match(rule):
            source = f"-s {rule.source()} " if rule.src_len else ""
            to = f"-d {rule.to()} " if rule.dst_len else ""
            ports = rule.ports().replace("-", ":")
            return f"{source}{to}-m {self.protocol} --dport {ports}"
        return self._iptables(match(rule) for rule in self.rules)

    def ipset(self):
        """(for `ipset restore`, for `iptables-restore`). A hash expands ranges to ports; for one
        prefix a bitmap of ports does better. There is a set a source prefix: hash:net,port,net is
        not in every kernel.
        """
        if len(self.prefixes) == 1 and not self.sourced:
            sets = ["create s bitmap:port range 0-65535\n"]
            sets += [f"add s {rule.ports()}\n" for rule in self.rules]
            matches = [f"-d {self.rules[0].to()} -m set --match-set s dst"]
            return "".join(sets), self._iptables(matches)
        kind = "hash:ip,port" if self.exact else "hash:net,port"
        sets, matches = [], []
        for number, ((src, length), rules) in enumerate(self.by_source().items()):
            ports = sum(rule.high - rule.low + 1 for rule in rules)
            sets.append(f"create s{number} {kind} maxelem {max(ports, 64)} "
                        f"hashsize {1 << max(6, (ports // 4).bit_length())}\n")
            for rule in rules:
                # 0.0.0.0/0 is no member of hash:net; its two halves are.
                nets = [rule.to()] if rule.dst_len else ["0.0.0.0/1", "128.0.0.0/1"]
                sets += [f"add s{number} {net},{self.protocol}:{rule.ports()}\n" for net in nets]
            source = f"-s {text(src)}/{length} " if length else ""
            matches.append(f"{source}-m set --match-set s{number} dst,dst")
        return "".join(sets), self._iptables(matches)


# --- The sets ---------------------------------------------------------------------

FIRST = int(ipaddress.IPv4Address("11.0.0.0"))
# Lengths and their share of a mixed set; eight, all from any source.
MIXED = {32: 0.20, 30: 0.10, 28: 0.10, 26: 0.10, 24: 0.355, 22: 0.10, 20: 0.04, 16: 0.005}


def some_ports(chosen):
    """One port in half of the rules, up to eight in the others."""
    low = chosen.randint(1024, 60000)
    return low, low + (chosen.randint(1, 7) if chosen.getrandbits(1) else 0)


def disjoint(chosen, lengths):
    """Prefixes side by side, longest first in the answer (and largest first in the space)."""
    rules, at = [], FIRST
    for length in sorted(lengths):
        rules.append(Rule(at, length, *some_ports(chosen)))
        at += 1 << (32 - length)
    return rules[::-1]


def one(protocol="udp"):
    rules = [Rule(FIRST, 16, 5000, 5009)]
    return RuleSet("one", "1 rule", rules, (FIRST, 9), True, protocol)


def hosts(count=1000):
    chosen = random.Random("hosts")
    rules = [Rule(FIRST + 7 * i, 32, *2 * (chosen.randint(1024, 60000),)) for i in range(count)]
    return RuleSet("hosts1k", f"{count:,} addresses (/32)", rules, (rules[-1].dst, 9), True)


def mixed(name, count, protocol="udp"):
    chosen = random.Random(name)
    lengths = [length for length, share in MIXED.items() for _ in range(round(share * count))]
    rules = disjoint(chosen, lengths)
    title = f"{len(rules):,} mixed prefixes"
    return RuleSet(name, title, rules, (rules[-1].dst, 9), True, protocol)


def ranges(name, count, width, step):
    rules = [Rule(FIRST, 16, 2000 + i * step, 2000 + i * step + width - 1) for i in range(count)]
    miss = (FIRST, rules[-1].low - 1)
    return RuleSet(name, f"1 prefix, {count:,} ranges", rules, miss, True)


def realistic():
    """Services of a site: 500 rules, four lengths, each for anyone or for one's own networks."""
    chosen = random.Random("realistic")
    lengths = [32] * 250 + [28] * 100 + [24] * 130 + [16] * 20
    own = int(ipaddress.IPv4Address("172.16.0.0"))
    rules = []
    for number, rule in enumerate(disjoint(chosen, lengths)):
        rules.append(rule._replace(src=own, src_len=12) if number % 2 else rule)
    rules.sort(key=lambda rule: (-rule.dst_len, -rule.src_len))
    return RuleSet("realistic", "500 rules, 4 lengths x 2 sources", rules, (rules[-1].dst, 9), True)


def worst():
    """Every pair of lengths; the packet is in all of the prefixes, and the last holds its port."""
    dst = int(ipaddress.IPv4Address("11.22.33.44"))
    src = int(ipaddress.IPv4Address(CLIENT))
    rules = []
    for dst_len in range(32, -1, -1):
        for src_len in range(32, -1, -1):
            port = 2000 + len(rules)
            rules.append(Rule(masked(dst, dst_len), dst_len, port, port, masked(src, src_len), src_len))
    whole = RuleSet("worst", "every length pair (1,089)", rules, (dst, 9), False)
    whole.hit = [(dst, rules[-1].low)]
    whole.many = whole.hit
    return whole


SETS = {
    "one": one,
    "hosts1k": hosts,
    "mixed10k": lambda: mixed("mixed10k", 10000),
    "mixed100k": lambda: mixed("mixed100k", 100000),
    "ranges100": lambda: ranges("ranges100", 100, 10, 20),
    "ranges10k": lambda: ranges("ranges10k", 10000, 3, 6),
    "realistic": realistic,
    "worst": worst,
}
