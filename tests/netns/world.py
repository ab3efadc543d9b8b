# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The world of a scenario, made real: interfaces, sockets, settings.

Each interface is a cable to the namespace "wire", whose ends have no addresses
and do not answer; frames sent there come in on the router. One without Ethernet
headers is a tun device, which gets its packets written. IPv6 is on in those
worlds only that have an address of it, and says nothing by itself. Sockets have the
addresses that the world says without packets (TCP_REPAIR, IP_TRANSPARENT), or
by a handshake with nobody for the states that only a packet brings about.
"""

import contextlib
import dataclasses
import fcntl
import ipaddress
import json
import os
import pathlib
import re
import socket
import struct

import world_flows
from lab import wait_for

IP_FREEBIND = 15
IP_TRANSPARENT = 19
IPV6_V6ONLY = 26
IPV6_TRANSPARENT = 75
IPV6_FREEBIND = 78
ADDR_GEN_MODE_NONE = 1  # linux/if_link.h: no link-local address
TCP_REPAIR = 19
TCP_REPAIR_ON = 1

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

TCP_STATES = {"syn-recv": "03", "time-wait": "06"}  # as /proc/net/tcp writes them

LO = "lo"
SINK = "sink"  # where packets to everywhere else go; nothing listens at its other end


class WorldError(Exception):
    """A statement that this file cannot make real."""


@dataclasses.dataclass
class Interface:
    name: str
    addresses: list
    known: bool = True  # addresses were recorded
    settings: bool = True
    raw: bool = False  # without Ethernet headers
    mark: "tuple | None" = None
    set: list = dataclasses.field(default_factory=list)  # words for `ifw iface set`, in order


@dataclasses.dataclass
class Socket:
    protocol: str
    state: str
    local: tuple
    remote: "tuple | None"
    reuseport: bool = False
    v6only: bool = False


def is_ipv6(address):
    return ":" in address


def is_loopback(address):
    return address == "::1" or address.startswith("127.")


def endpoint(text):
    address, port = text.rsplit(":", 1)
    return address.strip("[]"), int(port)


def parse(text):
    """Interfaces by name, sockets, settings of tracking, and flows, of a world file."""
    interfaces, sockets, settings, flows = {}, [], [], []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "interface":
            one = Interface(words[1], re.findall(r"address (\S+)", line))
            one.known = "addresses unknown" not in line and "no settings" not in line
            one.settings = "no settings" not in line
            one.raw = "link raw" in line
            interfaces[one.name] = one
        elif words[0] == "set" and words[2] == "mark":
            interfaces[words[1]].mark = (words[3], words[5])
        elif words[0] == "set":
            interfaces[words[1]].set.append(words[2:])
        elif words[0] == "track":
            settings.append(words[1:])
        elif words[0] == "flow":
            flows.append(words[1:])
        elif words[0] == "socket":
            flags = {word: word in words for word in ("reuseport", "v6only")}
            ends = [endpoint(word) for word in words[3:] if word not in flags]
            remote = ends[1] if len(ends) > 1 else None
            sockets.append(Socket(words[1], words[2], ends[0], remote, **flags))
        else:
            raise WorldError(f"'{line}' cannot be made real")
    return interfaces, sockets, settings, flows


# --- Sockets -------------------------------------------------------------------------


def open_socket(one):
    kind = socket.SOCK_STREAM if one.protocol == "tcp" else socket.SOCK_DGRAM
    # Any address can be its own, and a listener can get what is for others.
    if is_ipv6(one.local[0]):
        made = socket.socket(socket.AF_INET6, kind)
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_V6ONLY, int(one.v6only))
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    else:
        made = socket.socket(socket.AF_INET, kind)
        made.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
        made.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    if one.protocol == "tcp":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if one.reuseport:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return made


def listen(one):
    made = open_socket(one)
    made.bind(one.local)
    made.listen()
    return [made]


def send_syn(one):
    made = open_socket(one)
    made.bind(one.local)
    made.setblocking(False)
    made.connect_ex(one.remote)  # in progress, for ever: the sink does not answer
    return [made]


def bind(one):
    made = open_socket(one)
    made.bind(one.local)
    return [made]


def connect_udp(one):
    made = open_socket(one)
    made.bind(one.local)
    made.connect(one.remote)
    return [made]


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if is_ipv6(address) else socket.AF_INET, address)


def proc_endpoint(end):
    address = packed(end[0])
    words = struct.unpack(f"={len(address) // 4}I", address)
    return "".join(f"{word:08X}" for word in words) + f":{end[1]:04X}"


def has_state(one):
    ends = f"{proc_endpoint(one.local)} {proc_endpoint(one.remote)} {TCP_STATES[one.state]}"
    table = "/proc/net/tcp6" if is_ipv6(one.local[0]) else "/proc/net/tcp"
    return ends in pathlib.Path(table).read_text()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn_frame(mac, source, destination):
    """A SYN, complete enough for the TCP stack to take it."""
    ends = packed(source[0]) + packed(destination[0])
    segment = struct.pack("!HHIIBBHHH", source[1], destination[1], 1, 0, 0x50, 2, 1024, 0, 0)
    sum_tcp = checksum(ends + struct.pack("!HH", socket.IPPROTO_TCP, len(segment)) + segment)
    segment = segment[:16] + struct.pack("!H", sum_tcp) + segment[18:]
    if is_ipv6(source[0]):
        ethertype = b"\x86\xdd"
        header = struct.pack("!IHBB", 6 << 28, len(segment), socket.IPPROTO_TCP, 64) + ends
    else:
        ethertype = b"\x08\0"
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + ends
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return mac + b"\x02\0\0\0\0\x02" + ethertype + header + segment


class TunSender:
    """A tun device, and the way to have a packet come in by it."""

    def __init__(self, name):
        self.fd = os.open("/dev/net/tun", os.O_RDWR)
        request = struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI)
        fcntl.ioctl(self.fd, TUNSETIFF, request)

    def send(self, packet):
        os.write(self.fd, packet)


class World:
    """Everything is made in order: cables, sockets, then the program."""

    def __init__(self, lab, text):
        self.lab = lab
        self.router = lab.router
        self.interfaces, self.sockets, settings, flows = parse(text)
        addresses = [address for one in self.interfaces.values() for address in one.addresses]
        self.own = {ipaddress.ip_interface(address).ip for address in addresses}
        self.ipv6 = any(map(is_ipv6, addresses + [one.local[0] for one in self.sockets]))
        self.wire = lab.namespace("wire")
        self.kept = []  # open sockets
        self.senders = {}
        self._cables()
        self._sockets()
        self._program()
        self._senders()
        self.tracked = world_flows.Tracked(self, settings, flows)

    def cable(self, name, *addresses):
        self.lab.veth(self.router, name, self.wire, name)
        # Nobody answers at the other end, so that only the scenario's frames come in.
        self.wire.run("ip", "link", "set", name, "arp", "off")
        self.wire.configure(name)
        self.router.configure(name, *addresses)

    def _cables(self):
        if self.ipv6:
            self.router.enable_ipv6()
            self.router.sysctl("net.ipv6.conf.default.addr_gen_mode", ADDR_GEN_MODE_NONE)
        for one in self.interfaces.values():
            if one.raw:
                self.senders[one.name] = TunSender(one.name)
                self.router.configure(one.name, *one.addresses)
            elif one.name == LO:
                there = [a for a in one.addresses if not is_loopback(a.split("/")[0])]
                self.router.configure(LO, *there)
            else:
                self.cable(one.name, *one.addresses)
        self.cable(SINK)
        self.router.run("ip", "link", "set", SINK, "arp", "off")
        for family in ("-4", "-6") if self.ipv6 else ("-4",):
            self.router.run("ip", family, "route", "add", "default", "dev", SINK)

    # --- sockets ---

    def _sockets(self):
        makers = {
            ("tcp", "established"): self._establish,
            ("tcp", "syn-sent"): send_syn,
            ("tcp", "time-wait"): self._time_wait,
            ("udp", "bound"): bind,
            ("udp", "connected"): connect_udp,
            ("tcp", "listen"): listen,
            ("tcp", "syn-recv"): self._syn_recv,
        }
        # In this order a listener finds no port taken, whatever else has its address.
        for kind, make in makers.items():
            for one in self.sockets:
                if (one.protocol, one.state) == kind:
                    self.kept += make(one)

    @contextlib.contextmanager
    def _peer_here(self, one):
        """Within, the peer's address is the router's own, too."""
        ipv6 = is_ipv6(one.remote[0])
        address = [f"{one.remote[0]}/{128 if ipv6 else 32}", "dev", LO]
        self.router.run("ip", "address", "add", *address, *(["nodad"] if ipv6 else []))
        # The kernel gives an IPv6 address its route a little later.
        wait_for(lambda: self._is_here(one.remote[0]), f"{one.remote[0]} to be an own address")
        yield
        self.router.run("ip", "address", "del", *address)

    def _is_here(self, address):
        route = self.router.run("ip", "route", "get", address, ok=False).stdout
        return route.startswith(f"local {address} ")

    def _establish(self, one):
        """Connected without a packet; it stays in repair, so that it sends none either."""
        made = open_socket(one)
        made.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON)
        made.bind(one.local)
        if is_loopback(one.local[0]) and not is_loopback(one.remote[0]):
            # Only within the host is there a route from a loopback address.
            with self._peer_here(one):
                made.connect(one.remote)
        else:
            made.connect(one.remote)
        return [made]

    def _time_wait(self, one):
        """Closed first by the side that is to wait, while the peer's address is here."""
        with self._peer_here(one), open_socket(one) as listener, open_socket(one) as near:
            listener.bind(one.remote)
            listener.listen()
            near.bind(one.local)
            near.connect(one.remote)
            far = listener.accept()[0]
            near.close()
            far.close()
            wait_for(lambda: has_state(one), f"{one.local} to be in TIME_WAIT")
        return []

    def _syn_recv(self, one):
        """A SYN from the peer, whose answer ends in the sink."""
        kept = listen(dataclasses.replace(one, state="listen", remote=None))
        mac = pathlib.Path(f"/sys/class/net/{SINK}/address").read_text().strip()
        mac = bytes.fromhex(mac.replace(":", ""))
        with self.wire.packet_socket(SINK) as sender:
            sender.send(syn_frame(mac, one.remote, one.local))
        wait_for(lambda: has_state(one), f"{one.local} to be in SYN_RECV")
        return kept

    # --- program ---

    def _program(self):
        by_mark = {}
        for one in self.interfaces.values():
            by_mark.setdefault(one.mark, []).append(one.name)
        for mark, names in sorted(by_mark.items(), key=lambda item: item[0] is not None):
            options = ["--mark", mark[0], "--mask", mark[1]] if mark else []
            # What the host says by itself is not to be among the events.
            self.lab.ifw("up", *names, *options, "--track", "off")
        for one in self.interfaces.values():
            self.lab.ifw("iface", "set", one.name, "track", "off")
            for words in one.set:
                self.lab.ifw("iface", "set", one.name, *words)
            if not one.settings:
                self._map("update", "briefs", self._ifindex(one), bytes(32))
                self._map("delete", "ifaces", self._ifindex(one))
                continue
            if not one.known:
                self._forget_addresses(one)
            self.lab.ifw("iface", "set", one.name, "verbose", "on")

    def _ifindex(self, one):
        return struct.pack("=I", self.router.ifindex(one.name))

    def _map(self, verb, name, key, value=None):
        """bpftool on a pinned map; bytes in, the value's bytes out (by CPU: a list)."""
        path = next(pathlib.Path("/sys/fs/bpf").glob(f"ifw*/{name}"), None)
        if path is None:
            raise WorldError(f"no map {name} is pinned")
        command = ["bpftool", "-j", "map", verb, "pinned", str(path)]
        command += ["key", *(str(byte) for byte in key)]
        if value is not None:
            command += ["value", *(str(byte) for byte in value)]
        output = self.router.run(*command).stdout
        answer = json.loads(output) if verb == "lookup" else {}
        if "values" in answer:
            return [parse_bytes(each["value"]) for each in answer["values"]]
        return parse_bytes(answer.get("value", []))

    def _forget_addresses(self, one):
        """As though the addresses had never been recorded, which ifw up always does."""
        ADDRS_RECORDED = 1 << 2  # IFW_IFACE_ADDRS_RECORDED; the flags are the second word
        key = self._ifindex(one)
        value = self._map("lookup", "ifaces", key)
        flags = struct.unpack_from("=I", value, 4)[0] & ~ADDRS_RECORDED
        self._map("update", "ifaces", key, value[:4] + struct.pack("=I", flags) + value[8:])

    def apply(self, rules):
        """Puts a file of rules in force."""
        self.lab.ifw("apply", str(rules))
        self.egress_rules = any(line.startswith("egress ") for line in rules.read_text().splitlines())

    def watches(self, one):
        """Whether anything is to be told of what leaves by an interface."""
        return self.egress_rules or ["track", "on"] in one.set or ["egress-default", "deny"] in one.set

    # --- packets ---

    def _senders(self):
        for one in self.interfaces.values():
            where = self.router if one.name == LO else self.wire
            if not one.raw:
                self.senders[one.name] = where.packet_socket(one.name)

    def send(self, iface, frame):
        self.senders[iface].send(frame)

    def leave(self, iface, frame):
        self.tracked.leave(iface, frame, world_flows.source_of(frame))

    def slotless_counts(self, reasons):
        """{(verdict, reason): packets} of what came in by interfaces without settings.

        These are not verbose; their counters are those of slot 0.
        """
        counts = {}
        for cpu in self._map("lookup", "counters", struct.pack("=I", 0)):
            for number, reason in enumerate(reasons, 1):
                for index, verdict in enumerate(("drop", "pass")):
                    at = (number * 2 + index) * 16
                    packets = struct.unpack_from("=Q", cpu, at)[0]
                    key = (verdict, reason)
                    counts[key] = counts.get(key, 0) + packets
        return counts


def parse_bytes(words):
    return bytes(int(word, 16) for word in words)
