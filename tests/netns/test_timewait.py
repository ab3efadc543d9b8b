#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client may use its port again at once, though the proxy's end is in TIME_WAIT.

The SYN meets the TIME_WAIT socket of the conversation before, and the stack then
looks for a listener at the intercepted address, where there is none; the
sk_lookup program leads it to the rule's. Without it the client has to reset the
old conversation first, or, where tcp_rfc1337 is 1, waits for a minute.
"""

import pathlib
import socket
import time

import lab as laboratory
from lab import check, equal, wait_for
from network import FAMILIES, IPV6, Network, detach_lookup, proxy_says

FROM = 40000  # the client's port
AT_ONCE = 0.1  # seconds; a SYN that is sent again takes a second


def converse(net, family, port):
    """One conversation from port FROM, which the proxy ends; seconds that connecting took."""
    with net.client.socket(family.af, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(2.5)
        s.bind((family.client, FROM))
        began = time.monotonic()
        try:
            s.connect((family.far, port))
        except TimeoutError:
            return None
        took = time.monotonic() - began
        s.sendall(b"hello")
        with s.makefile() as answer:
            if answer.readline() != proxy_says((family.far, port)) or answer.read():
                return None
        return took


def has_time_wait(net, family, port):
    """Whether the router has a TIME_WAIT socket (state 06) at the intercepted address."""
    table = pathlib.Path("/proc/net/tcp6" if family is IPV6 else "/proc/net/tcp").read_text()
    rows = [line.split() for line in table.splitlines()[1:]]
    return any(row[3] == "06" and row[1].endswith(f":{port:04X}") and
               row[2].endswith(f":{FROM:04X}") for row in rows)


def again(net, family, port):
    """Seconds that a SYN took which met TIME_WAIT; None: it got nowhere."""
    wait_for(lambda: has_time_wait(net, family, port), "TIME_WAIT")
    time.sleep(0.005)  # its timestamp has to be a later one
    return converse(net, family, port)


def check_reuse(net, family, port, setting):
    net.lab.router.sysctl("net.ipv4.tcp_rfc1337", setting)
    check(converse(net, family, port) is not None, f"{family.name}: a first conversation")
    took = []
    for _ in range(5):
        took.append(again(net, family, port))
    good = all(one is not None and one < AT_ONCE for one in took)
    longest = "never" if None in took else f"{1000 * max(took):.1f} ms"
    check(good, f"{family.name}, tcp_rfc1337={setting}: a SYN that meets TIME_WAIT connects "
          f"five times of five (longest: {longest})")


def test(lab):
    net = Network(lab)
    net.intercept("tcp", "80-90")
    for family in FAMILIES:
        for port, setting in ((80, 0), (81, 1)):
            check_reuse(net, family, port, setting)
    check(detach_lookup(), "the sk_lookup program is taken off")
    for family in FAMILIES:
        net.lab.router.sysctl("net.ipv4.tcp_rfc1337", 1)
        check(converse(net, family, 82) is not None, f"{family.name}: a conversation without it")
        equal(again(net, family, 82), None, f"{family.name}: the next one then gets nowhere")


laboratory.main(test)
