# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""World files and rules as the oracle understands them, read anew from their text.

Only what generated worlds and the scenarios say is read; what is not understood
raises ValueError, so that nothing is skipped in silence.
"""

import ipaddress
import struct
from dataclasses import dataclass, field

from flows import SECOND, Flow, Settings, echo_ends

LOOPBACK = "lo"
NEWEST = (6, 18)  # kernel of a world that names none


@dataclass
class Interface:
    name: str
    addresses: list = field(default_factory=list)  # ipaddress interfaces: address and prefix
    known: bool = True  # addresses were recorded, perhaps none
    settings: bool = True
    raw: bool = False  # frames begin with the IP header
    ssh: bool = True
    echo: bool = False
    geneve: bool = False
    geneve_sources: list = field(default_factory=list)  # empty: from any
    protocols: set = field(default_factory=set)
    ethertypes: set = field(default_factory=set)
    track: bool = False
    egress_deny: bool = False
    named_rules: bool = False
    mark: tuple = (0x20, 0x20)  # value and mask

    def owns(self, address):
        return self.known and any(address == one.ip for one in self.addresses)

    def may_own(self, address):
        return not self.known or self.owns(address)

    def is_broadcast(self, address):
        """255.255.255.255, or the last address of an own prefix that has one (RFC 919, 3021)."""
        if address.version != 4:
            return False
        return address == ipaddress.IPv4Address("255.255.255.255") or any(
            one.version == 4
            and one.network.prefixlen < 31
            and address == one.network.broadcast_address
            for one in self.addresses
        )


@dataclass
class Socket:
    protocol: str
    state: str
    local: tuple  # address, port
    remote: "tuple | None" = None
    reuseport: bool = False
    v6only: bool = False


@dataclass
class World:
    interfaces: dict = field(default_factory=dict)
    sockets: list = field(default_factory=list)
    kernel: tuple = NEWEST
    track: Settings = field(default_factory=Settings)
    flows: dict = field(default_factory=dict)  # as in flows.Memory, times from the first packet on


@dataclass
class Rule:
    text: str
    action: str
    protocol: str
    destination: object
    source: object
    low: int
    high: int
    listener: "tuple | None" = None
    order: int = 0  # its number, from 1
    egress: bool = False
    interfaces: "list | None" = None  # None: all

    def matches(self, protocol, source, destination, port, interface):
        return (
            self.protocol == protocol
            and source.version == self.source.version
            and destination in self.destination
            and source in self.source
            and self.low <= port <= self.high
            and self.holds_on(interface)
        )

    def holds_on(self, interface):
        if self.interfaces is None:
            return not interface.named_rules
        return interface.settings and interface.name in self.interfaces


def endpoint(text):
    address, port = text.rsplit(":", 1)
    return ipaddress.ip_address(address.strip("[]")), int(port)


def _interface(words):
    one = Interface(words.pop(0))
    while words:
        word = words.pop(0)
        if word == "index":
            words.pop(0)
        elif word == "address":
            one.addresses.append(ipaddress.ip_interface(words.pop(0)))
        elif word == "addresses" and words.pop(0) == "unknown":
            one.known = False
        elif word == "no" and words.pop(0) == "settings":
            one.known = one.settings = False
        elif word == "link" and words.pop(0) == "raw":
            one.raw = True
        else:
            raise ValueError(f"interface ... {word}")
    return one


def _set(one, name, values):
    if name in ("ssh", "echo", "track", "named-rules"):
        setattr(one, name.replace("-", "_"), values == ["on"])
    elif name == "geneve":
        one.geneve = values[0] != "off"
        sources = values[1].split(",") if values[0] == "from" else []
        one.geneve_sources = [ipaddress.ip_network(text, strict=False) for text in sources]
    elif name == "pass-protocol":
        one.protocols = {int(n) for n in values[0].split(",") if n != "none"}
    elif name == "pass-ethertype":
        one.ethertypes = {int(n, 16) for n in values[0].split(",") if n != "none"}
    elif name == "egress-default":
        one.egress_deny = values == ["deny"]
    elif name == "mark":
        one.mark = int(values[0], 0), int(values[2], 0)
    elif name != "verbose":  # changes nothing
        raise ValueError(f"set ... {name}")


def _track(world, words):
    if words[0] == "timeout":
        world.track.timeouts[words[1]] = int(words[2])
    elif words[0] in ("pick-up", "liberal"):
        setattr(world.track, words[0].replace("-", "_"), words[1] == "on")
    elif words[0] != "flows":  # more room than any world here fills
        raise ValueError(f"track {words[0]}")


def _flow(world, words):
    """A flow that is known before the first packet; where its windows are nobody says."""
    protocol = words.pop(0)
    if protocol == "icmp":
        ends = ipaddress.ip_address(words[0]), ipaddress.ip_address(words[1])
        key, began = echo_ends(*ends, struct.pack("!H", int(words[3])), True)
        words, state = words[4:], "icmp-replied"
    else:
        began, other = endpoint(words[0]), endpoint(words[1])
        key = (protocol, frozenset([began, other]))
        words, state = words[2:], "established" if protocol == "tcp" else "udp-replied"
    flow = Flow(began, liberal=protocol == "tcp", forwarded="forwarded" in words)
    flow.no_peer = "no-peer" in words
    flow.sides[0].left = "came-in" not in words
    flow.sides[0].came_in = "came-in" in words
    given = dict(zip(words, words[1:]))
    flow.state = given.get("state", state)
    flow.since = -int(given.get("idle", 0)) * SECOND
    alive = world.track.timeouts[flow.state] - int(given.get("idle", 0))
    if alive > 0:
        flow.expires = alive * SECOND
        world.flows[key] = flow


def read_world(text):
    world = World()
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        kind = words.pop(0)
        if kind == "interface":
            one = _interface(words)
            world.interfaces[one.name] = one
        elif kind == "set":
            _set(world.interfaces[words[0]], words[1], words[2:])
        elif kind == "socket":
            flags = {word for word in words if word in ("reuseport", "v6only")}
            words = [word for word in words if word not in flags]
            remote = endpoint(words[3]) if len(words) > 3 else None
            world.sockets.append(
                Socket(
                    words[0],
                    words[1],
                    endpoint(words[2]),
                    remote,
                    "reuseport" in flags,
                    "v6only" in flags,
                )
            )
        elif kind == "track":
            _track(world, words)
        elif kind == "flow":
            _flow(world, words)
        elif kind == "kernel":
            world.kernel = tuple(int(part) for part in words[0].split("."))
        else:
            raise ValueError(line)
    return world


def read_rule(line, order):
    words = line.split()
    egress = words[0] == "egress"
    words = words[egress:]
    action, protocol = words.pop(0), words.pop(0)
    clauses = dict(zip(words[::2], words[1::2]))
    destination = ipaddress.ip_network(clauses["to"], strict=False)
    everywhere = "0.0.0.0/0" if destination.version == 4 else "::/0"
    low, _, high = clauses["port"].partition("-")
    return Rule(
        line,
        action,
        protocol,
        destination,
        ipaddress.ip_network(clauses.get("from", everywhere), strict=False),
        int(low),
        int(high or low),
        endpoint(clauses["via"]) if "via" in clauses else None,
        order,
        egress,
        clauses["on"].split(",") if "on" in clauses else None,
    )


def read_rules(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return [read_rule(line, order) for order, line in enumerate(lines, 1)]
