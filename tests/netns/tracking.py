# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of tracking share: a router that tracks, on network.py's network.

    outside 172.16.240.2 --- eth0 router eth1 --- inside 192.0.2.2

ifw is up on eth0 and tracks there; eth1 is not its business. So what the machine
inside or the router itself asks leaves by eth0, and its answers come in there.
No rule lets anything in.
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import struct

import bpfcalls
from lab import check, equal
from network import BACKGROUND, QUIET, Network

ABI = pathlib.Path(__file__).resolve().parents[2] / "datapath" / "abi.h"
SECOND = 1_000_000_000
EXPIRES, BEGAN = 0, 96  # bytes into struct ifw_flow


def start(lab, *options, track=True):
    """The network; options are those of `ifw up`."""
    net = Network(lab, proxies=(), options=options)
    net.outside, net.inside = net.client, net.server
    net.set("track", "on" if track else "off")
    return net


def decided(net, action, iface="eth0"):
    """What action() returns, and what was counted meanwhile: packets by (reason, verdict).

    Without what comes by itself, and what leaves as it may: so do ARP and neighbour discovery.
    """
    before = net.reasons(iface)
    value = action()
    return value, {key: count - before.get(key, 0) for key, count in net.reasons(iface).items()
                   if count > before.get(key, 0) and key[0] not in (*BACKGROUND, "egress-pass")}


def timeout(net, state, seconds):
    net.lab.ifw("flow", "set", "timeout", state, seconds)


def flows(net):
    """What `ifw flow list` says."""
    return json.loads(net.lab.ifw("flow", "list", "-j").stdout)["flows"]


def states(net, protocol):
    return sorted(flow["state"] for flow in flows(net) if flow["protocol"] == protocol)


@contextlib.contextmanager
def udp(namespace, address, port=0, peer=None):
    """An unconnected socket; peer: connected."""
    with namespace.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                          socket.SOCK_DGRAM) as made:
        made.bind((address, port))
        if peer:
            made.connect(peer)
        made.settimeout(QUIET)
        yield made


def arrives(receiver, said, seconds=QUIET):
    """Whether the next datagram that comes is this one."""
    receiver.settimeout(seconds)
    try:
        return receiver.recvfrom(65535)[0] == said
    except TimeoutError:
        return False


def passes(net, text, send, receiver, reason="tracked", count=1, iface="eth0"):
    """send() has count datagrams come to receiver, each let in for this reason."""
    def ask():
        send()
        return [receiver.recvfrom(65535) for _ in range(count)]

    receiver.settimeout(5)
    try:
        got, more = decided(net, ask, iface)
    except TimeoutError:
        return check(False, f"{text}: nothing came ({net.reasons(iface)})")
    return equal((len(got), more.get((reason, "pass"))), (count, count), text)


def drops(net, text, send, receiver=None, reason="no-rule", iface="eth0"):
    """send() makes one packet, which is dropped for this reason."""
    _, more = decided(net, send, iface)
    good = more == {(reason, "drop"): 1}
    if receiver is not None and good:
        good = not arrives(receiver, b"", QUIET / 4)
    return check(good, text if good else f"{text}: {more}")


# --- TCP ---------------------------------------------------------------------------


def listen(namespace, address, port):
    made = namespace.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                            socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen(64)
    made.settimeout(5)
    return made


@contextlib.contextmanager
def connection(source, listener, address=None, port=0, seconds=5):
    """A connection from source to listener: (the side that began, the other)."""
    to = listener.getsockname()[:2]
    with source.socket(listener.family, socket.SOCK_STREAM) as near:
        near.settimeout(seconds)
        if address:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            near.bind((address, port))
        near.connect(to)
        far, _ = listener.accept()
        with far:
            far.settimeout(seconds)
            yield near, far


def read(sock, count):
    """So many bytes; None where they do not come."""
    got = b""
    try:
        while len(got) < count and (more := sock.recv(count - len(got))):
            got += more
    except (TimeoutError, ConnectionResetError):
        return None
    return got


def talk(a, b, said=b"hello"):
    """Whether bytes get from socket a to socket b."""
    a.sendall(said)
    return read(b, len(said)) == said


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# --- The maps of flows ----------------------------------------------------------------


def size_of(name):
    """Bytes of a struct of the ABI, which asserts it."""
    return int(re.search(rf"IFW_ASSERT_SIZE\(struct {name}, (\d+)\)", ABI.read_text())[1])


class Flows:
    """The elements of the pinned maps, by themselves."""

    def __init__(self):
        self.sizes = size_of("ifw_flow_key"), size_of("ifw_flow")
        pins = sorted(pathlib.Path("/sys/fs/bpf").glob("ifw*/flows_*"))
        self.maps = [bpfcalls.open_pin(pin) for pin in pins]

    def close(self):
        for fd in self.maps:
            os.close(fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def elements(self, fd):
        """(key, value) of each; the map is not to change meanwhile."""
        key, elements = None, []
        while (key := bpfcalls.next_key(fd, key, self.sizes[0])) is not None:
            elements.append((key, bpfcalls.lookup(fd, key, self.sizes[1])))
        return elements

    def sequence_numbers(self):
        """Of each established connection: where either side's next byte is."""
        ends = [value for _, value in self.elements(self.maps[2])]
        return [tuple(struct.unpack_from("=I", value, at)[0] for at in (24, 40)) for value in ends]

    def put(self, number, key, value):
        assert (len(key), len(value)) == self.sizes
        bpfcalls.update(self.maps[number], key, value)

    def pass_time(self, seconds):
        """What is in the maps gets older by so much: as though the clock had gone on."""
        past = round(seconds * SECOND)
        for fd in self.maps:
            for key, value in self.elements(fd):
                value = bytearray(value)
                for at in (EXPIRES, BEGAN):
                    then, = struct.unpack_from("=Q", value, at)
                    struct.pack_into("=Q", value, at, max(then - past, 0))
                bpfcalls.update(fd, key, bytes(value))
