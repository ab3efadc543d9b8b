# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The decision written a second time, from the design and docs/packets.md.

Nothing here is shared with datapath/ or ruleset/, and nothing is quick: rules
are a list, addresses are those of the ipaddress module. It says what the
simulator must say, so where the two differ one of them, or the page, is wrong.

Each question is a method; decide() asks them in order for what comes in,
Leaving.leave() for what leaves. Times are microseconds.
"""

import ipaddress
from dataclasses import replace

from flows import ORIGINAL, REPLY, Memory, echo_ends, echo_is_question
from leaving import ERRORS, Leaving
from outcome import REMEMBERED, Datagram, Outcome, drop
from packet import ARP, ETHERNET, IP4, IP6, Malformed, read_ip, read_link, read_quoted
from world import LOOPBACK

SHARED_PORTS = (6, 6)  # first kernel that assigns SO_REUSEPORT sockets
FAMILY_CHANGE = (6, 3)  # first kernel that removes headers of the other family
GENEVE_PORT = 6081
MOST_REMOVED = 4095  # bytes that bpf_skb_adjust_room takes off; none behind two VLAN tags
LEAST_LEFT = {4: 20, 6: 40}  # that it leaves behind the link header
ANY4, ANY6 = ipaddress.IPv4Address(0), ipaddress.IPv6Address(0)

MARTIAN_SOURCES = [
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32")
    + ("ff00::/8", "::1/128", "::ffff:0:0/96")
]
MARTIAN_DESTINATIONS = [
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128", "::ffff:0:0/96")
]
LINK_LOCAL = ipaddress.ip_network("fe80::/10")
ECHO_REQUEST = {4: 8, 6: 128}
DISCOVERY = (133, 134, 135, 136)
LISTENER_DISCOVERY = (130, 131, 132, 143)
LISTENER_REPORTS = (131, 143)
DHCP = {4: (67, 68), 6: (547, 546)}
ADMITTED = ("rule-pass", "local", "intercepted", "established", "ssh")  # and then remembered


def within(address, networks):
    return any(address in network for network in networks if network.version == address.version)


class Oracle(Leaving):
    def __init__(self, world, rules):
        self.world = world
        self.rules = rules
        self.datagrams = {}
        self.memory = Memory(world.track)
        self.started = False

    def decide(self, name, frame, now=0, leaves=False):
        """What becomes of a packet.Frame that comes in, or leaves, by this interface."""
        if not self.started:
            self.started = True
            for key, flow in self.world.flows.items():
                flow.expires += now
                self.memory.flows[key] = flow
        interface = self.world.interfaces[name]
        if leaves:
            return self.leave(interface, frame, now)
        return self._decide(interface, frame, now, stripped=False)

    def _decide(self, interface, frame, now, stripped):
        try:
            ethertype, at, tags = read_link(frame, interface.raw)
            if ethertype == ARP:
                return Outcome("pass", "arp")
            if ethertype not in (IP4, IP6):
                if ethertype in interface.ethertypes:
                    return Outcome("pass", "non-ip")
                return self._unless_loopback(interface, "non-ip")
            packet = read_ip(ethertype, frame, at)
        except Malformed as malformed:
            one = malformed.packet
            if one and one.fragment.first:
                self._first_fragment(interface, one, drop("malformed"), now)
            return drop("malformed")
        if self._is_martian(packet) and interface.name != LOOPBACK:
            return drop("martian")
        later = packet.fragment and not packet.fragment.first
        if packet.closed and not later:
            outcome = self._unless_loopback(interface, "extension-header")
        elif later:
            return self._later_fragment(interface, packet, now)
        elif packet.tiny:
            outcome = self._unless_loopback(interface, "fragment-tiny")
        else:
            outcome = self._geneve(interface, packet, frame, (at, tags), now, stripped)
            if outcome:
                return outcome
            outcome = self._whole(interface, packet, now)
        if packet.fragment:
            self._first_fragment(interface, packet, outcome, now)
        return outcome

    def _whole(self, interface, packet, now):
        if packet.icmp:
            outcome = self._icmp(interface, packet, now)
            if outcome:
                return outcome
        if not packet.transport:
            if packet.protocol in interface.protocols:
                return Outcome("pass", "protocol")
            return self._unless_loopback(interface, "protocol")
        outcome = self._ssh(interface, packet) or self._dhcp(interface, packet)
        answer = None
        if not outcome:
            answer = self._answer(interface, packet, now)
            if answer and (answer.flow.forwarded or answer.flow.no_peer):
                outcome = Outcome("pass", "tracked")
        outcome = outcome or self._established(packet)
        if not outcome and answer:
            outcome = Outcome("pass", "tracked")
        outcome = outcome or self._by_rule(interface, packet)
        if interface.track and not answer and outcome.reason in ADMITTED:
            self._remember_admitted(packet, outcome, now)
        return outcome

    # --- Tracked flows ---

    def _answer(self, interface, packet, now):
        """The flow that the packet is an answer in, told of it; None where it is none."""
        known = interface.track and self.memory.find(packet, now)
        if not known or known.side != REPLY or not known.flow.sides[ORIGINAL].left:
            return None
        if not self.memory.fits(packet, known):
            return None
        if self._may_be_question(interface, packet, known.flow):
            rule = self._rule(
                interface, packet.transport, packet.source, packet.destination, packet.port
            )
            if rule and rule.action == "intercept":
                return None
        self._has_come_in(packet, known, now)
        return known

    def _may_be_question(self, interface, packet, flow):
        """To what a socket here sent in another's name, perhaps an answer itself."""
        return packet.transport and not flow.forwarded and not interface.owns(packet.destination)

    def _has_come_in(self, packet, known, now):
        known.flow.sides[known.side].came_in = True
        self.memory.tell(packet, known, now)

    def _remember_admitted(self, packet, outcome, now):
        known = self.memory.find(packet, now)
        if known and not self.memory.begins_anew(packet, known):
            if self.memory.fits(packet, known):
                self._has_come_in(packet, known, now)
        elif outcome.reason != "established":
            flow = self.memory.begin(packet, now)
            if flow:
                flow.sides[ORIGINAL].came_in = True

    def _unless_loopback(self, interface, reason, rule=None):
        """What drops, but passes on loopback, where nothing came from outside."""
        return Outcome("pass" if interface.name == LOOPBACK else "drop", reason, rule)

    def _is_martian(self, packet):
        if packet.source != ANY4 and within(packet.source, MARTIAN_SOURCES):
            return True
        return within(packet.destination, MARTIAN_DESTINATIONS)

    # --- Fragments ---

    def _datagram_key(self, interface, packet):
        protocol = packet.protocol if packet.version == 4 else None
        where = (packet.source, packet.destination, packet.fragment.identification)
        return interface.name, *where, protocol

    def _first_fragment(self, interface, packet, outcome, now):
        key = self._datagram_key(interface, packet)
        self.datagrams.pop(key, None)
        if outcome.verdict == "pass":
            self.datagrams[key] = Datagram(now, outcome, packet.fragment.units())

    def _later_fragment(self, interface, packet, now):
        key = self._datagram_key(interface, packet)
        datagram = self.datagrams.get(key)
        if datagram is None or now - datagram.since > REMEMBERED:
            return self._unless_loopback(interface, "fragment")
        units = packet.fragment.units()
        if units & datagram.came:
            if units - datagram.came:
                del self.datagrams[key]
            return self._unless_loopback(interface, "fragment-overlap")
        datagram.came |= units
        first = datagram.outcome
        return Outcome("pass", "fragment", first.rule, marked=first.marked)

    # --- ICMP ---

    def _icmp(self, interface, packet, now):
        kind, code = packet.payload[0], packet.payload[1]
        if kind == ECHO_REQUEST[packet.version] and code == 0:
            if interface.echo and interface.owns(packet.destination):
                return Outcome("pass", "icmp-echo")
            return self._unless_loopback(interface, "icmp-echo")
        if echo_is_question(packet) is False:
            return Outcome("pass", "tracked") if self._answer(interface, packet, now) else None
        if packet.fragment:
            return None
        if packet.version == 6 and code == 0 and self._is_discovery(interface, packet, kind):
            return Outcome("pass", "neighbor-discovery")
        if kind in ERRORS[packet.version]:
            return self._icmp_error(interface, packet, now)
        return None

    def _is_discovery(self, interface, packet, kind):
        destination = packet.destination
        for_us = (
            destination.is_multicast
            or destination in LINK_LOCAL
            or interface.may_own(destination)
        )
        if kind in DISCOVERY:
            return for_us and packet.hops == 255
        if kind in LISTENER_DISCOVERY:
            sent_by = packet.source in LINK_LOCAL or (
                kind in LISTENER_REPORTS and packet.source == ANY6
            )
            return for_us and packet.hops == 1 and sent_by
        return False

    def _icmp_error(self, interface, packet, now):
        quoted = read_quoted(packet.version, packet.payload[8:])
        if quoted is None:
            return None
        local = (quoted.source, quoted.source_port)
        remote = (quoted.destination, quoted.port)
        if self._conversation(quoted.protocol, local, remote):
            return Outcome("pass", "icmp-related", marked=True)
        if quoted.protocol == "udp" and self._listener("udp", *local):
            return Outcome("pass", "icmp-related", marked=True)
        side = interface.track and self._quoted_side(quoted, now)
        to_sender = packet.destination == quoted.source
        if side is ORIGINAL:
            return Outcome("pass", "icmp-related") if to_sender else None
        rule = self._rule(
            interface, quoted.protocol, quoted.destination, quoted.source, quoted.source_port
        )
        if rule and rule.action == "intercept":
            return Outcome("pass", "icmp-related", rule, marked=True)
        return Outcome("pass", "icmp-related") if side is REPLY and to_sender else None

    def _quoted_side(self, quoted, now):
        """The side that the quoted packet is of, where packets of it have left."""
        if quoted.protocol == "echo":
            found = echo_ends(quoted.source, quoted.destination, quoted.identifier, True)
        else:
            here = (quoted.source, quoted.source_port)
            found = (quoted.protocol, frozenset([here, (quoted.destination, quoted.port)])), here
        known = self.memory.find_ends(*found, now)
        return known.side if known and known.flow.sides[known.side].left else None

    # --- GENEVE ---

    def _geneve(self, interface, packet, frame, link, now, stripped):
        """The outcome of what is inside, or None for what is not to be unpacked."""
        if (
            stripped
            or not interface.geneve
            or packet.transport != "udp"
            or packet.port != GENEVE_PORT
            or packet.fragment
            or not interface.owns(packet.destination)
        ):
            return None
        if interface.geneve_sources and not within(packet.source, interface.geneve_sources):
            return None
        at, tags = link
        tunnel = packet.payload[8:]
        if len(tunnel) < 8 or tunnel[0] >> 6 or tunnel[1] & 0xC0:
            return drop("geneve")
        announced = int.from_bytes(tunnel[2:4], "big")
        taken = 8 + (tunnel[0] & 63) * 4
        if announced == 0x6558:
            taken += ETHERNET
            announced = int.from_bytes(tunnel[taken - 2 : taken], "big")
        version = {IP4: 4, IP6: 6}.get(announced)
        if version is None or len(tunnel) <= taken or tunnel[taken] >> 4 != version:
            return drop("geneve")
        if version != packet.version and self.world.kernel < FAMILY_CHANGE:
            return drop("geneve-family")
        left = len(frame.data) - (packet.at + 8 + taken)
        if tags > 1 or packet.at - at + 8 + taken > MOST_REMOVED or left < LEAST_LEFT[version]:
            return drop("geneve")
        header = b"" if interface.raw else frame.data[:12] + announced.to_bytes(2, "big")
        inner = replace(frame, data=header + frame.data[packet.at + 8 + taken :])
        return self._decide(interface, inner, now, stripped=True)

    # --- This host ---

    def _ssh(self, interface, packet):
        if packet.transport == "tcp" and packet.port == 22 and interface.ssh:
            if interface.may_own(packet.destination):
                return Outcome("pass", "ssh")
        return None

    def _dhcp(self, interface, packet):
        if packet.transport != "udp":
            return None
        if (packet.source_port, packet.port) != DHCP[packet.version]:
            return None
        destination = packet.destination
        if (
            interface.may_own(destination)
            or destination.is_multicast
            or interface.is_broadcast(destination)
        ):
            return Outcome("pass", "dhcp")
        return None

    # --- Sockets ---

    def _conversation(self, protocol, local, remote):
        for one in self.world.sockets:
            if one.protocol == protocol and one.remote == remote and one.local == local:
                return one
        return None

    def _listener(self, protocol, address, port):
        """Who would take a packet to here from anybody: exactly here, anywhere, or both families."""
        waiting = [
            one
            for one in self.world.sockets
            if one.protocol == protocol and one.remote is None and one.local[1] == port
        ]
        anywhere = ANY4 if address.version == 4 else ANY6
        for wanted in (address, anywhere):
            for one in waiting:
                if one.local[0] == wanted:
                    return one
        for one in waiting:
            if address.version == 4 and one.local[0] == ANY6 and not one.v6only:
                return one
        return None

    def _assignable(self, one):
        return not one.reuseport or self.world.kernel >= SHARED_PORTS

    def _established(self, packet):
        local, remote = (packet.destination, packet.port), (packet.source, packet.source_port)
        one = self._conversation(packet.transport, local, remote)
        if one is None:
            return None
        assigned = "established" if self._assignable(one) else None
        return Outcome("pass", "established", assigned=assigned, marked=True)

    # --- Rules ---

    def _rule(self, interface, protocol, source, destination, port, egress=False):
        """Longest destination, then longest source, then first added."""
        best = None
        for rule in self.rules:
            if rule.egress != egress:
                continue
            if not rule.matches(protocol, source, destination, port, interface):
                continue
            length = (rule.destination.prefixlen, rule.source.prefixlen)
            if best is None or length > (best.destination.prefixlen, best.source.prefixlen):
                best = rule
        return best

    def _by_rule(self, interface, packet):
        rule = self._rule(
            interface, packet.transport, packet.source, packet.destination, packet.port
        )
        if rule is None:
            return self._unless_loopback(interface, "no-rule")
        if rule.action == "deny":
            return drop("rule-deny", rule)
        if rule.action == "pass":
            return Outcome("pass", "rule-pass", rule)
        if interface.owns(packet.destination):
            return Outcome("pass", "local", rule)
        listener = self._listener(packet.transport, *rule.listener)
        if listener is None:
            return drop("no-listener", rule)
        if not self._assignable(listener):
            return self._unless_loopback(interface, "assign-failed", rule)
        return Outcome("pass", "intercepted", rule, "listener", marked=True)
