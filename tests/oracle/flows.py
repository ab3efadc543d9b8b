# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The memory of what left and of what was let in: docs/decisions/0007-tracking.md.

One flow for both directions, kept by who began it and with whom. Times are
microseconds.
"""

import ipaddress
from dataclasses import dataclass, field

import tcp

SECOND = 1_000_000
TIMEOUTS = {
    "syn-sent": 120,
    "syn-crossed": 120,
    "syn-received": 60,
    "one-sided": 300,
    "established": 432_000,
    "fin-wait": 120,
    "close-wait": 60,
    "last-ack": 30,
    "time-wait": 120,
    "closed": 10,
    "udp-unreplied": 30,
    "udp-replied": 120,
    "icmp-unreplied": 30,
    "icmp-replied": 30,
}
ORIGINAL, REPLY = 0, 1
EVERYBODY = ipaddress.IPv4Address("255.255.255.255")
ECHO = {(4, 8): True, (4, 0): False, (6, 128): True, (6, 129): False}  # is it the question?
ECHO_HEADER = 8
GOES_ON = 2 * SECOND  # after its beginning: then UDP that was answered counts as replied


@dataclass
class Side:
    end: int = 0  # sequence number behind the last byte that it sent
    limit: int = 0  # up to where the other side has room
    window: int = 0  # the largest that it offered
    scale: "int | None" = None
    fin: "str | None" = None
    left: bool = False  # packets of it left an interface
    came_in: bool = False


@dataclass
class Flow:
    began: object  # the end that sent the first packet
    state: str = ""
    since: int = 0  # when its first packet was seen
    expires: int = 0
    forwarded: bool = False  # it left without a socket of this host
    no_peer: bool = False  # a UDP socket that is connected to nobody sent the last of it
    liberal: bool = False
    ended_by: int = ORIGINAL  # whose acknowledgement ends the handshake
    noted: "int | None" = None  # end of a SYN that the original side sent when there was another
    start: int = 0  # of one that was taken up under way
    sides: list = field(default_factory=lambda: [Side(), Side()])


@dataclass
class Settings:
    pick_up: bool = True
    liberal: bool = False
    timeouts: dict = field(default_factory=lambda: dict(TIMEOUTS))


@dataclass
class Known:
    """A packet's flow, and which side of it the packet comes from."""

    flow: Flow
    side: int


def echo_is_question(packet):
    """True, False for an answer, None for what is no echo at all."""
    if not packet.icmp or packet.payload[1] != 0:
        return None
    return ECHO.get((packet.version, packet.payload[0]))


def ends_of(packet):
    """(key, the end that it comes from); None for what belongs to no flow."""
    if packet.transport:
        here = (packet.source, packet.source_port)
        there = (packet.destination, packet.port)
        return (packet.transport, frozenset([here, there])), here
    question = echo_is_question(packet)
    if question is None or len(packet.payload) < ECHO_HEADER:
        return None
    return echo_ends(packet.source, packet.destination, packet.payload[4:6], question)


def echo_ends(source, destination, identifier, question):
    asks, answers = (source, destination) if question else (destination, source)
    if source == destination and not question:
        return None  # of two ends that are one, none answers
    return ("echo", asks, answers, bytes(identifier)), asks if question else None


class Memory:
    def __init__(self, settings):
        self.settings = settings
        self.flows = {}

    def _alive(self, key, now):
        flow = self.flows.get(key)
        return flow if flow and flow.expires > now else None

    def find(self, packet, now):
        """The packet's flow, whether the packet fits it or not; None."""
        found = ends_of(packet)
        return found and self.find_ends(*found, now)

    def find_ends(self, key, end, now):
        flow = self._alive(key, now)
        return flow and Known(flow, ORIGINAL if end == flow.began else REPLY)

    def fits(self, packet, known):
        if packet.transport != "tcp":
            return True
        segment = tcp.read_segment(packet.payload)
        return tcp.fits(known.flow, known.side, segment, self.settings.liberal)

    def begins_anew(self, packet, known):
        return (
            packet.transport == "tcp"
            and known.flow.state in ("closed", "time-wait")
            and tcp.read_segment(packet.payload).is_first
        )

    def _touch(self, flow, now):
        flow.expires = now + self.settings.timeouts[flow.state] * SECOND

    def tell(self, packet, known, now):
        flow = known.flow
        if packet.transport == "tcp":
            segment = tcp.read_segment(packet.payload)
            fragment = packet.fragment is not None
            tcp.advance(flow, known.side, segment, fragment, self.settings.pick_up)
        elif flow.state == "udp-unreplied":
            there = flow.sides[REPLY]
            if (there.left or there.came_in) and now - flow.since > GOES_ON:
                flow.state = "udp-replied"
        elif flow.state == "icmp-unreplied" and known.side == REPLY:
            flow.state = "icmp-replied"
        self._touch(flow, now)

    def begin(self, packet, now):
        """A flow with this packet as its first; None where none may begin."""
        key, end = ends_of(packet) or (None, None)
        if end is None or packet.destination.is_multicast or packet.destination == EVERYBODY:
            return None
        flow = Flow(end, since=now)
        if packet.transport == "tcp":
            segment = tcp.read_segment(packet.payload)
            if not tcp.begins(segment, self.settings.pick_up):
                return None
            tcp.begin(flow, segment, packet.fragment is not None)
        else:
            flow.state = "udp-unreplied" if packet.transport else "icmp-unreplied"
        self._touch(flow, now)
        self.flows[key] = flow
        return flow
