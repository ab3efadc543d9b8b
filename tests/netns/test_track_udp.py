#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tracking: sockets that nothing is connected to get their answers, and nothing else.

A forwarder and a server of DNS (dnsmasq), clients that ask for A and AAAA from one
port, hosts that speak from port 123 to port 123 as NTP does, and WireGuard's way:
whichever side has something to say says it.
"""

import contextlib
import shutil
import socket
import struct
import time

import lab as laboratory
import tracking
from commands import parts
from lab import check, equal
from network import FAMILIES, IPV4, IPV6, QUIET
from tracking import arrives, decided, drops, passes, udp

NAME = "www.test"
ADDRESSES = {"A": "203.0.113.7", "AAAA": "2001:db8:113::7"}
KINDS = {"A": 1, "AAAA": 28}  # RFC 1035 3.2.2, RFC 3596
SHORT = 1  # seconds
GOES_ON = 2  # seconds; what is answered and goes on longer counts as replied
OTHER = {IPV4: "172.16.240.3", IPV6: "2001:db8:240::3"}  # of the machine outside, too


# --- DNS --------------------------------------------------------------------------


def dnsmasq(namespace, address, *options):
    process = namespace.start(
        "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
        "--bind-interfaces", f"--listen-address={address}", "--user=root", "--cache-size=0",
        "--pid-file=", *options)
    process.wait_line("started")
    return process


def question(number, kind):
    """RFC 1035 4.1: one question, recursion desired."""
    name = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + name + b"\0" + struct.pack(
        "!HH", KINDS[kind], 1)


def both(namespace, server):
    """Kinds that are answered when both are asked from one port before any answer is read."""
    af = socket.AF_INET6 if ":" in server else socket.AF_INET
    with namespace.socket(af, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        for number, kind in enumerate(KINDS):
            s.sendto(question(number, kind), (server, 53))
        answered = set()
        with contextlib.suppress(TimeoutError):
            while len(answered) < len(KINDS):
                data, _ = s.recvfrom(2048)
                kind = list(KINDS)[struct.unpack_from("!H", data)[0]]
                if socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6,
                                    ADDRESSES[kind]) in data:
                    answered.add(kind)
        return answered


def dig(namespace, server):
    done = namespace.run("dig", "+short", "+tries=1", "+time=2", f"@{server}", NAME, "A", NAME,
                         "AAAA", ok=False)
    return [] if done.returncode else done.stdout.split()


def dns(host):
    for program in ("dnsmasq", "dig"):
        if not shutil.which(program):
            laboratory.skip(f"the program {program} is missing (dnsmasq-base, bind9-dnsutils)")
    net = tracking.start(host.lab)
    for f in FAMILIES:
        server = dnsmasq(net.outside, f.client, *(f"--address=/{NAME}/{a}" for a in ADDRESSES.values()))
        forwarder = dnsmasq(net.lab.router, f.router_wan, f"--server={f.client}")
        for text, ask in (
                ("through a forwarder on the router", lambda f=f: both(net.inside, f.router_wan)),
                ("through the router", lambda f=f: both(net.inside, f.client)),
                ("by the router itself", lambda f=f: both(net.lab.router, f.client))):
            got, more = decided(net, ask)
            equal((got, more), (set(KINDS), {("tracked", "pass"): 2}),
                  f"{f.name}: A and AAAA asked {text} from one port are both answered")
        equal(sorted(dig(net.inside, f.router_wan)), sorted(ADDRESSES.values()),
              f"{f.name}: dig gets both through the forwarder")
        server.stop()
        equal(both(net.lab.router, f.client), set(), f"{f.name}: it is the server that answers them")
        server = dnsmasq(net.outside, f.client, *(f"--address=/{NAME}/{a}" for a in ADDRESSES.values()))
        net.set("track", "off")
        equal([both(net.inside, f.router_wan), both(net.inside, f.client), dig(net.inside, f.router_wan)],
              [set(), set(), []], f"{f.name}: without tracking none of them is answered")
        net.set("track", "on")
        forwarder.stop()
        server.stop()


# --- From one port to one port ------------------------------------------------------


def unconnected(host):
    """As NTP and WireGuard do: both sides speak from and to a fixed port."""
    net = tracking.start(host.lab)
    for f in FAMILIES:
        net.outside.configure("eth0", f"{OTHER[f]}/{net.length(OTHER[f])}")
        for text, namespace, here in (("the router", net.lab.router, f.router),
                                      ("a machine inside", net.inside, f.server)):
            one_pair(net, f"{f.name}, {text}", namespace, here, f)


def one_pair(net, text, namespace, here, f):
    there = f.client
    with udp(namespace, here, 123) as near, udp(net.outside, there, 123) as far, \
            udp(net.outside, there, 124) as other_port, udp(net.outside, OTHER[f], 123) as other, \
            udp(namespace, here, 124) as wrong_port:
        to = (here, 123)
        drops(net, f"{text}: before anything has left nothing gets in",
              lambda: far.sendto(b"early", to), near)
        near.sendto(b"ask", (there, 123))
        check(arrives(far, b"ask"), f"{text}: the question leaves and arrives")
        passes(net, f"{text}: an answer gets in", lambda: far.sendto(b"answer", to), near)

        def three():
            for number in range(3):
                far.sendto(b"more %d" % number, to)

        passes(net, f"{text}: and three more, which nobody asked for", three, near, count=3)
        drops(net, f"{text}: what comes from another port there does not",
              lambda: other_port.sendto(b"x", to), near)
        drops(net, f"{text}: nor from another address", lambda: other.sendto(b"x", to), near)
        drops(net, f"{text}: nor what is for another port here",
              lambda: far.sendto(b"x", (here, 124)), wrong_port)
        with net.outside.socket(f.af, socket.SOCK_STREAM) as tcp:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((there, 123))
            tcp.setblocking(False)
            drops(net, f"{text}: nor TCP with the same ports", lambda: tcp.connect_ex(to))
        passes(net, f"{text}: and nothing of this has hurt the flow",
               lambda: far.sendto(b"again", to), near)


def connected(host):
    """A socket that is connected is found before the flow, as without tracking."""
    net = tracking.start(host.lab)
    for f in FAMILIES:
        with udp(net.outside, f.client, 700) as far, \
                udp(net.lab.router, f.router, 700, (f.client, 700)) as near:
            near.send(b"ask")
            check(arrives(far, b"ask"), f"{f.name}: a connected socket asks")
            passes(net, f"{f.name}: its answer is for the socket",
                   lambda: far.sendto(b"answer", (f.router, 700)), near, "established")


# --- Time ---------------------------------------------------------------------------


def timeouts(host):
    net = tracking.start(host.lab)
    tracking.timeout(net, "udp-unreplied", SHORT)
    tracking.timeout(net, "udp-replied", 2 * SHORT)
    f = IPV4
    with udp(net.inside, f.server, 500) as near, udp(net.outside, f.client, 500) as far:
        to, back = (f.client, 500), (f.server, 500)
        near.sendto(b"ask", to)
        check(arrives(far, b"ask"), "a question leaves")
        equal(tracking.states(net, "udp"), ["udp-unreplied"], "which waits for its answer")
        time.sleep(SHORT + QUIET)
        drops(net, "after the time for unreplied ones its answer is too late",
              lambda: far.sendto(b"late", back), near)
        equal(tracking.states(net, "udp"), [], "and the flow is not listed any more")
        tracking.timeout(net, "udp-unreplied", 10 * SHORT)
        near.sendto(b"ask", to)
        check(arrives(far, b"ask"), "asked again")
        passes(net, "answered at once", lambda: far.sendto(b"answer", back), near)
        equal(tracking.states(net, "udp"), ["udp-unreplied"], "a question and its answer may be all of it")
        time.sleep(GOES_ON + QUIET)
        passes(net, "after 2 s another answer", lambda: far.sendto(b"answer", back), near)
        equal(tracking.states(net, "udp"), ["udp-replied"], "makes it a replied one, since it goes on")
        time.sleep(SHORT + QUIET)
        near.sendto(b"more", to)
        check(arrives(far, b"more"), "the side that asked says more")
        time.sleep(SHORT + QUIET)
        passes(net, "and the time begins anew with each, from either side",
               lambda: far.sendto(b"answer", back), near)
        time.sleep(2 * SHORT + QUIET)
        drops(net, "after the time for replied ones it is too late",
              lambda: far.sendto(b"late", back), near)


laboratory.main(parts(dns, unconnected, connected, timeouts))
