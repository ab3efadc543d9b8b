# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a world says of tracked flows, made real: those that are known, time, and what leaves.

A packet that leaves by an interface with an own address as its source is sent
there by a packet socket. Any other is forwarded, as only then it has no socket:
it comes in by a cable of its own, which is not ifw's business, and is routed out.

Time is made to pass by making the flows older. Of the seconds between two packets
those that have passed by themselves are left out.
"""

import errno
import ipaddress
import pathlib
import re
import struct
import time

import lab
import tracking

ROOT = pathlib.Path(__file__).resolve().parents[2]
IPV4, IPV6 = 4, 6  # enum ifw_family
TCP, UDP = 6, 17
ICMP = {IPV4: 1, IPV6: 58}
SCALE_NONE = 0xFF
CLASSES = {"established": 2, "fin-wait": 2, "close-wait": 2, "last-ack": 2, "udp-replied": 1,
           "icmp-replied": 1}  # all others: 0
USUAL = {"tcp": "established", "udp": "udp-replied", "icmp": "icmp-replied"}
TABLE = 7200  # and up; routes of what is forwarded


def known_states():
    """{name: (number, seconds)}, from the table in flow_states.h."""
    rows = re.findall(r'X\(\w+,\s*"([^"]+)",\s*(\d+),', (ROOT / "datapath/flow_states.h").read_text())
    return {name: (number, int(seconds)) for number, (name, seconds) in enumerate(rows, 1)}


def split(end):
    """(address, port) of ADDRESS:PORT or a bare address."""
    found = re.fullmatch(r"\[(.+)\]:(\d+)|([\d.]+):(\d+)", end)
    if not found:
        return ipaddress.ip_address(end), None
    address, port = found[1] or found[3], found[2] or found[4]
    return ipaddress.ip_address(address), int(port)


def left_aligned(address):
    """struct ifw_addr as one number."""
    return int(address) << (128 - address.max_prefixlen)


def address_bytes(number):
    return struct.pack("=QQ", number >> 64, number & (1 << 64) - 1)


class Flow:
    """The statement `flow`, whose words these are."""

    def __init__(self, words):
        self.protocol, original, reply = words[:3]
        rest = words[3:]
        self.ends = [split(original), split(reply)]
        self.state, self.idle, self.id = USUAL[self.protocol], 0, None
        self.flags = set()
        while rest:
            word = rest.pop(0)
            if word in ("forwarded", "came-in", "no-peer"):
                self.flags.add(word)
            elif word == "state":
                self.state = rest.pop(0)
            else:  # idle, id
                setattr(self, word, int(rest.pop(0)))

    def key(self):
        """(struct ifw_flow_key, whether the high end began)"""
        family = self.ends[0][0].version
        (original, sport), (reply, dport) = self.ends
        began = (left_aligned(original), sport or 0)
        other = (left_aligned(reply), dport or 0)
        low, high = min(began, other), max(began, other)
        if self.protocol == "icmp":
            number, ports = ICMP[family], (self.id, int(low == began))
        else:
            number, ports = (TCP if self.protocol == "tcp" else UDP), (low[1], high[1])
        key = address_bytes(low[0]) + address_bytes(high[0]) + struct.pack("=HHBBH", *ports, family, number, 0)
        return key, high == began

    def value(self, number, seconds, began_high):
        """struct ifw_flow."""
        now = time.monotonic_ns()
        came_in = "came-in" in self.flags
        sides = struct.pack("=IIIBBBB", 0, 0, 0, SCALE_NONE, came_in, not came_in, 0)
        sides += struct.pack("=IIIBBBB", 0, 0, 0, SCALE_NONE, 0, 0, 0)
        expires = now + round((seconds - self.idle) * tracking.SECOND)
        return (struct.pack("=QQQ", expires, 0, 0) + sides +
                struct.pack("=BBBB", number, began_high, "forwarded" in self.flags,
                            self.protocol == "tcp") +
                bytes(32) +  # no rule has let it in
                struct.pack("=B3xQII", "no-peer" in self.flags, now - self.idle * tracking.SECOND, 0, 0))


class Tracked:
    """The part of a world that has to do with tracking; settings and flows are lists of words."""

    def __init__(self, world, settings, flows):
        self.world = world
        self.feeds = {}
        self.last = None  # when the packet before was sent
        states = known_states()
        for words in settings:
            if words[0] == "timeout":
                states[words[1]] = (states[words[1]][0], int(words[2]))
            if words[0] == "liberal":
                words = ["windows", "off" if words[1] == "on" else "on"]
            world.lab.ifw("flow", "set", *words)
        with tracking.Flows() as maps:
            for words in flows:
                flow = Flow(words)
                number, seconds = states[flow.state]
                key, began_high = flow.key()
                if flow.idle < seconds:
                    maps.put(CLASSES.get(flow.state, 0), key, flow.value(number, seconds, began_high))

    # --- what leaves ---

    def feed(self, iface):
        """A cable whose packets the router forwards out by an interface; made when first needed."""
        if iface in self.feeds:
            return self.feeds[iface]
        world, name, table = self.world, f"f-{iface}", str(TABLE + len(self.feeds))
        router = world.router
        world.cable(name)
        router.sysctl("net.ipv4.ip_forward", 1)
        if world.ipv6:
            router.sysctl("net.ipv6.conf.all.forwarding", 1)
        for version in ("-4", "-6") if world.ipv6 else ("-4",):
            router.run("ip", version, "rule", "add", "iif", name, "lookup", table)
            router.run("ip", version, "route", "add", "default", "dev", iface, "table", table)
        # What is sent into a cable before both ends know that it is there, is lost.
        state = pathlib.Path(f"/sys/class/net/{name}/operstate")
        lab.wait_for(lambda: state.read_text().strip() == "up", f"the cable {name}")
        mac = pathlib.Path(f"/sys/class/net/{name}/address").read_text().strip()
        self.feeds[iface] = (world.wire.packet_socket(name), bytes.fromhex(mac.replace(":", "")))
        return self.feeds[iface]

    def prepare(self, iface):
        """What leaves by it wants no neighbour."""
        self.world.router.run("ip", "link", "set", iface, "arp", "off")

    def leave(self, iface, frame, source):
        if source in self.world.own:
            with self.world.router.packet_socket(iface) as raw:
                try:
                    raw.send(frame)
                except OSError as error:
                    if error.errno != errno.ENOBUFS:  # so it is told of a drop
                        raise
        else:
            sender, mac = self.feed(iface)
            self.last = time.monotonic()  # not before the cable was made, which may take its time
            sender.send(mac + frame[6:])

    # --- time ---

    def wait(self, seconds):
        """Has so much time passed since the packet before was sent."""
        if seconds:
            with tracking.Flows() as maps:
                maps.pass_time(seconds - (time.monotonic() - self.last))
        self.last = time.monotonic()


def source_of(frame):
    """Of an IP packet behind an Ethernet header."""
    at, size = (14 + 8, 16) if frame[12:14] == b"\x86\xdd" else (14 + 12, 4)
    return ipaddress.ip_address(frame[at : at + size])
