# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Conversations: questions and answers, connections from SYN to RST, and what is beside them.

Where a segment is to lie at an edge of what fits, the edge is taken from the
oracle's own flow.
"""

import struct

import settings
import tcp
from flows import ends_of
from packet import Packet

ECHO = {4: (1, 8, 0), 6: (58, 128, 129)}
STARTS = [1000, 0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0]
WINDOWS = [1024, 1024, 1024, 65535, 0, 1, 200]
# Options of a SYN: with and without a window scale, at their end, behind it, and broken ones.
OPTIONS = ["", "", "03030000", "01030307", "020405b403030e00", "03030f01", "00030307", "01010303"]
OPTIONS += ["0800030307000000", "08090303", "0302030305000000", "0501030307000000"]
S, A, F, R = tcp.SYN, tcp.ACK, tcp.FIN, tcp.RST
ODD_FLAGS = [0, S | F, S | R, F, R, R | A, S, S | A, S | F | A, F | R, A, 0x28 | A]
# What is said next, by state: (side, flags). The first is the plainest.
NEXT = {
    None: [(0, S)] * 8 + [(0, A), (1, S | A), (0, F | A), (1, A)],
    "syn-sent": [(1, S | A)] * 8 + [(1, S), (1, S), (0, S), (1, R | A), (0, A), (1, A), (1, R)],
    "syn-crossed": [(0, S | A), (1, S | A)] * 4 + [(0, S), (1, S), (0, A), (1, R | A)],
    "syn-received": [(0, A)] * 8 + [(0, S), (1, S), (1, S | A), (0, S | A), (1, A), (0, F | A), (1, R)],
    "one-sided": [(1, A)] * 8 + [(0, A), (1, S | A), (1, F | A), (0, S), (1, R)],
    "closed": [(0, S), (1, S), (0, A), (1, A), (0, R)],
    "time-wait": [(1, F | A), (0, A), (0, S), (0, S), (1, S), (1, A)],
}
UNDER_WAY = [(1, A), (0, A)] * 6 + [(0, F | A), (1, F | A)] * 2 + [(0, R), (1, R), (0, S), (1, S | A)]


class Talk:
    def __init__(self, c, traffic):
        self.version = settings.family(c)
        self.traffic = traffic
        self.protocol, self.outgoing = c.pick(["tcp", "udp", "tcp", "echo"]), c.number(3) < 2
        client, server = self._near(c), self._far(c)
        if not self.outgoing:
            client, server = server, client
        self.ends = client, server
        self.near = c.pick(traffic.interfaces)
        self.starts = c.pick(STARTS), c.pick(STARTS)
        known = [flow for flow in traffic.flows[self.version] if flow[0] == self.protocol]
        if known and c.number(4) > 1:
            self._along(c, c.pick(known))

    def _near(self, c):
        if c.number(2):
            return c.pick(self.traffic.own[self.version]), c.pick(settings.PORTS)
        return c.pick(settings.READ["far"][self.version]), c.pick(settings.PORTS)

    def _far(self, c):
        return c.pick(settings.READ["far"][self.version]), c.pick([53, 80, *settings.PORTS])

    def _along(self, c, flow):
        """Where a socket is, or where a rule says something."""
        _, source, sport, destination, port = flow
        remote = source or self.ends[1][0], sport or self.ends[1][1]
        local = destination, port & 65535 if port is not None else 80
        self.ends = (local, remote) if self.outgoing else (remote, local)

    @property
    def flow(self):
        """As the oracle knows it."""
        (source, port), (destination, there) = self.ends
        number = {"tcp": 6, "udp": 17, "echo": ECHO[self.version][0]}[self.protocol]
        packet = Packet(self.version, source, destination, 64, number, source_port=port, port=there)
        packet.payload = self._echo(0) if self.protocol == "echo" else b""
        return self.traffic.oracle.memory.flows.get(ends_of(packet)[0])

    def frame(self, c):
        """(interface, whether it leaves, frame)."""
        number, side, payload = self._payload(c)
        (source, sport), (destination, port) = self.ends[side], self.ends[1 - side]
        leaves = self.outgoing == (side == 0)
        interface = self.near
        if c.rarely(12):
            interface = c.pick(self.traffic.interfaces)
        if c.rarely(16):
            leaves = not leaves
        if c.rarely(12):
            return interface, False, self._error(c, source, destination, number, payload)
        if c.rarely(32):
            source = self._far(c)[0]
        return interface, leaves, self._framed(c, interface, source, destination, number, payload)

    def _framed(self, c, interface, source, destination, number, payload):
        """Mostly without anything that would hide what it says."""
        plain = not c.rarely(6)
        packet = self._ip(c, plain, source, destination, number, payload)
        return self.traffic.framed(c, interface, self.version, packet, plain)

    def _ip(self, c, plain, source, destination, number, payload):
        if not plain:
            return self.traffic.ip(c, self.version, source, destination, 64, number, payload)
        ends = source.packed + destination.packed
        if self.version == 6:
            return struct.pack("!IHBB", 6 << 28, len(payload), number, 64) + ends + payload
        length = 20 + len(payload)
        return struct.pack("!BBHHHBBH", 0x45, 0, length, 7, 0, 64, number, 0) + ends + payload

    def _error(self, c, source, destination, number, payload):
        """Somebody on the way says what became of it."""
        kinds = [3, 11, 12] if self.version == 4 else [1, 2, 3, 4]
        quoted = self._ip(c, not c.rarely(4), source, destination, number, payload)
        if c.rarely(3):
            quoted = quoted[: max(0, len(quoted) - c.number(24))]
        error = struct.pack("!BBHI", c.pick(kinds), c.number(4), 0, 1280) + quoted
        router = c.pick([destination, *settings.READ["far"][self.version]])
        return self._framed(c, self.near, router, source, 1 if self.version == 4 else 58, error)

    # --- Behind the IP header ---

    def _payload(self, c):
        """Protocol number, side that sends it, bytes."""
        if self.protocol == "tcp":
            side, segment = self._segment(c)
            return 6, side, segment
        side = c.pick([0, 1, 1])
        if self.protocol == "udp":
            ports = self.ends[side][1], self.ends[1 - side][1]
            data = bytes(c.number(12))
            return 17, side, struct.pack("!HHHH", *ports, 8 + len(data), 0) + data
        return ECHO[self.version][0], side, self._echo(side)[: c.pick([12] * 12 + [8, 7, 6, 4])]

    def _echo(self, side):
        identifier = self.ends[0][1]
        kind = ECHO[self.version][1 + side]
        return struct.pack("!BBHHH", kind, 0, 0, identifier, 1) + b"ping"

    def _segment(self, c):
        flow = self.flow
        if flow and flow.began != self.ends[0]:
            self.ends = self.ends[1], self.ends[0]  # the other side began this one
            self.outgoing = not self.outgoing
        side, flags = c.pick(NEXT.get(flow and flow.state, UNDER_WAY))
        if c.rarely(16):
            flags = c.pick(ODD_FLAGS)
        data = bytes(c.pick([0, 5, 0, 1, 24])) if not flags & S or c.rarely() else b""
        options = bytes.fromhex(c.pick(OPTIONS)) if flags & S else b""
        sequence, acknowledgement = self.starts[side], self.starts[1 - side] + 1
        if flow:
            sequence, acknowledgement = self._numbers(c, flow, side, flags, len(data))
        words = 5 + len(options) // 4
        ports = self.ends[side][1], self.ends[1 - side][1]
        header = struct.pack(
            "!HHIIBBHHH",
            *ports,
            sequence % 2**32,
            acknowledgement % 2**32,
            words << 4,
            flags | c.pick([0, 8]),
            c.pick(WINDOWS),
            0,
            0,
        )
        return side, header + options + data

    def _numbers(self, c, flow, side, flags, length):
        """What the sender would say next, or the edges of what fits."""
        here, there = flow.sides[side], flow.sides[1 - side]
        fresh = flow.state in ("syn-sent", "syn-crossed") and side == 1
        sequence = self.starts[1] if fresh else here.end
        if flags & S and not fresh:
            sequence = here.end - 1
        acknowledgement = there.end
        length += bool(flags & S) + bool(flags & F)
        near = c.pick([0, 1, -1])
        if c.rarely(4):
            edges = [here.limit, here.end - there.window - length, sequence - length, here.end + 100]
            sequence = c.pick(edges) + near
        elif c.rarely(4):
            oldest = there.end - max(here.window, tcp.ACK_BACK)
            edges = [there.end, oldest, there.end - tcp.SYN_BACK, 0, 2**31]
            acknowledgement = c.pick(edges) + near
        return sequence, acknowledgement
