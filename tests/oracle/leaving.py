# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What leaves: docs/packets.md, "What leaves", row by row."""

from flows import ORIGINAL, REPLY, echo_is_question
from outcome import REMEMBERED, Datagram, Outcome, drop
from packet import ARP, ICMP, ICMP6, IGMP, IP4, IP6, TCP, UDP, Malformed, read_ip, read_link
from world import LOOPBACK

ERRORS = {4: (3, 11, 12), 6: (1, 2, 3, 4)}
NEIGHBOURS = (*range(130, 137), 143)  # discovery and MLD
DHCP = {4: (67, 68), 6: (546, 547)}
PASS = "egress-pass"


class Leaving:
    """One half of the oracle; the other has rules, sockets and memory."""

    def leave(self, interface, frame, now):
        if interface.name == LOOPBACK:
            return Outcome("pass", PASS)
        packet = None
        try:
            ethertype, at, _ = read_link(frame, interface.raw)
            if ethertype == ARP:
                return Outcome("pass", PASS)
            if ethertype not in (IP4, IP6):
                return self._by_default(interface, ethertype in interface.ethertypes)
            packet = read_ip(ethertype, frame, at)
            if packet.fragment and not packet.fragment.first:
                return self._as_its_first(interface, packet, now)
            outcome = self._whole_leaves(interface, packet, now)
        except Malformed as malformed:
            packet = malformed.packet
            outcome = self._by_default(interface)
        if packet and packet.fragment and packet.fragment.first:
            key = self._leaving_key(interface, packet)
            self.datagrams[key] = Datagram(now, outcome)
        return outcome

    def _by_default(self, interface, excepted=False):
        if interface.egress_deny and not excepted:
            return drop("egress-default")
        return Outcome("pass", PASS)

    def _leaving_key(self, interface, packet):
        return ("out", *self._datagram_key(interface, packet))

    def _as_its_first(self, interface, packet, now):
        datagram = self.datagrams.get(self._leaving_key(interface, packet))
        if datagram is None or now - datagram.since > REMEMBERED:
            return self._by_default(interface)
        return datagram.outcome

    def _whole_leaves(self, interface, packet, now):
        if packet.closed or packet.tiny:
            return self._unread_leaves(interface, packet)
        if self._never_cut(packet):
            return Outcome("pass", PASS)
        if not packet.transport and echo_is_question(packet) is None:
            return self._by_default(interface, packet.protocol in interface.protocols)
        if not interface.track:
            return self._may_leave(interface, packet, None)
        known = self.memory.find(packet, now)
        if known and self.memory.begins_anew(packet, known):
            known = None
        elif known and not self.memory.fits(packet, known):
            return self._may_leave(interface, packet, None)  # and the flow is left as it was
        outcome = self._may_leave(interface, packet, known)
        if outcome.verdict == "pass":
            self._has_left(interface, packet, known, now)
        return outcome

    def _unread_leaves(self, interface, packet):
        """Its ports are hidden: any rule that might speak of them keeps it in."""
        hidden = {TCP: ("tcp",), UDP: ("udp",), ICMP: (), ICMP6: ()}
        protocols = hidden.get(packet.protocol, ("tcp", "udp"))
        for rule in self.rules:
            if rule.egress and rule.protocol in protocols:
                if rule.destination.version == packet.version:
                    return drop("egress-default")
        return self._by_default(interface)

    def _never_cut(self, packet):
        if packet.version == 4 and packet.protocol == IGMP:
            return True
        if not packet.icmp:
            return False
        kind = packet.payload[0]
        if packet.version == 6 and kind in NEIGHBOURS:
            return True
        return kind in ERRORS[packet.version] and not packet.fragment

    def _is_dhcp(self, packet):
        ports = DHCP[packet.version]
        return packet.transport == "udp" and packet.source_port in ports and packet.port in ports

    def _may_leave(self, interface, packet, known):
        if known and known.side == REPLY or self._is_dhcp(packet):
            return Outcome("pass", PASS)
        if packet.transport is None:
            answer = echo_is_question(packet) is False
            return self._by_default(interface, answer or packet.protocol in interface.protocols)
        if packet.transport == "tcp" and self._under_way(packet):
            return Outcome("pass", PASS)
        answered = known and known.side == ORIGINAL and known.flow.sides[REPLY].came_in
        if packet.transport == "udp" and answered and self._under_way(packet):
            return Outcome("pass", PASS)
        rule = self._rule(
            interface, packet.transport, packet.source, packet.destination, packet.port, True
        )
        if rule is None:
            return self._by_default(interface)
        if rule.action == "deny":
            return drop("egress-deny", rule)
        return Outcome("pass", PASS, rule)

    def _has_left(self, interface, packet, known, now):
        if known is None:
            flow = self.memory.begin(packet, now)
            if flow:
                self._note_sender(interface, packet, flow, ORIGINAL)
            return
        self._note_sender(interface, packet, known.flow, known.side)
        self.memory.tell(packet, known, now)

    def _note_sender(self, interface, packet, flow, side):
        had_left = flow.sides[side].left
        flow.sides[side].left = True
        here = self._is_sent_here(packet)
        if side == ORIGINAL:
            if here or not had_left:  # the kernel resets without a socket, too
                flow.forwarded = not here
            flow.no_peer = self._has_no_peer(packet) and interface.owns(packet.source)
        elif here:
            flow.forwarded = False  # of an answer without a socket nothing is known

    # --- Who sent it ---

    def _sender(self, packet):
        local, remote = (packet.source, packet.source_port), (packet.destination, packet.port)
        return packet.transport and self._conversation(packet.transport, local, remote)

    def _under_way(self, packet):
        """A connection of this host, behind its first SYN."""
        socket = self._sender(packet)
        return socket is not None and socket.state != "syn-sent"

    def _has_no_peer(self, packet):
        return packet.transport == "udp" and not self._sender(packet) and bool(
            self._listener("udp", packet.source, packet.source_port)
        )

    def _is_sent_here(self, packet):
        if self._sender(packet):
            return True
        if any(one.owns(packet.source) for one in self.world.interfaces.values()):
            return True
        return any(
            one.remote is None
            and one.protocol == packet.transport
            and one.local == (packet.source, packet.source_port)
            for one in self.world.sockets
        )
