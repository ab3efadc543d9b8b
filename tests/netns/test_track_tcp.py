#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tracking: connections of a machine behind the router, from the first SYN to the last ACK."""

import errno
import select
import socket
import threading
import time

import lab as laboratory
import tracking
from commands import parts
from lab import check, equal, wait_for
from network import FAMILIES, IPV4, QUIET, link_address
from tracking import Flows, connection, decided, drops, listen, read, reset_on_close, talk
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

SHORT = 1  # seconds
PORT = 80
FAR_OFF = 1 << 30  # in sequence space
MANY = bytes(3_000_000)


def end_of(sock):
    """What ends the stream: '' or the error's name; None where nothing does."""
    try:
        while sock.recv(65536):
            pass
        return ""
    except TimeoutError:
        return None
    except OSError as error:
        return errno.errorcode[error.errno]


def only_tracked(net, text, action):
    """Nothing of it was dropped, and something was tracked."""
    value, more = decided(net, action)
    equal(set(more), {("tracked", "pass")}, text)
    return value


# --- A connection's life ----------------------------------------------------------------


def ordinary(host):
    net = tracking.start(host.lab)
    for f in FAMILIES:
        with listen(net.outside, f.client, PORT) as listener:
            def life():
                with connection(net.inside, listener) as (near, far):
                    equal(talk(near, far) and talk(far, near), True, f"{f.name}: both sides speak")
                    equal(tracking.states(net, "tcp"), ["established"], "and it is established")
                    got = 0
                    far.settimeout(None)
                    sender = threading.Thread(target=far.sendall, args=(MANY,))
                    sender.start()
                    while got < len(MANY) and (data := near.recv(1 << 16)):
                        got += len(data)
                    sender.join()
                    equal(got, len(MANY), "3,000,000 bytes come in, through every window")

            only_tracked(net, f"{f.name}: nothing of a whole connection is dropped", life)
            wait_for(lambda: tracking.states(net, "tcp") == ["time-wait"], "both FINs")
            check(True, f"{f.name}: at last it is in time-wait")
        net.lab.ifw("flow", "flush")
    with listen(net.inside, IPV4.server, PORT), \
            net.outside.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(QUIET)
        got, more = decided(net, lambda: s.connect_ex((IPV4.server, PORT)))
        equal((got, more), (errno.EAGAIN, {("no-rule", "drop"): 1}), "none is opened from outside")


def half_closed(host):
    net = tracking.start(host.lab)
    for state in ("fin-wait", "close-wait"):
        tracking.timeout(net, state, 2 * SHORT)
    tracking.timeout(net, "last-ack", SHORT)
    tracking.timeout(net, "time-wait", SHORT)
    with listen(net.outside, IPV4.client, PORT) as listener, \
            connection(net.inside, listener) as (near, far):
        near.shutdown(socket.SHUT_WR)
        equal(end_of(far), "", "one side has finished")
        wait_for(lambda: tracking.states(net, "tcp") == ["close-wait"], "the ACK of its FIN")
        check(True, "and the other knows")
        for _ in range(3):
            time.sleep(SHORT)
            check(talk(far, near, bytes(100_000)), "the other goes on sending")
        time.sleep(2 * SHORT + QUIET)
        _, more = decided(net, lambda: talk_in_vain(far))
        check(("no-rule", "drop") in more and ("tracked", "pass") not in more,
              f"until it has been silent for longer than this state lasts ({more})")
    with listen(net.outside, IPV4.client, PORT + 1) as listener, \
            connection(net.inside, listener) as (near, far):
        near.shutdown(socket.SHUT_WR)
        equal(end_of(far), "", "one side has finished")
        far.shutdown(socket.SHUT_WR)
        equal(end_of(near), "", "and then the other")
        wait_for(lambda: "time-wait" in tracking.states(net, "tcp"), "the last ACK")
        time.sleep(SHORT + QUIET)
        equal(tracking.states(net, "tcp"), [], "of which nothing is left after that")


def talk_in_vain(sock):
    sock.sendall(b"late")
    time.sleep(QUIET)


def resets(host):
    net = tracking.start(host.lab)
    tracking.timeout(net, "closed", SHORT)
    for who in ("the far", "the near"):
        with listen(net.outside, IPV4.client, PORT) as listener, \
                connection(net.inside, listener) as (near, far):
            first, second = (far, near) if who == "the far" else (near, far)
            reset_on_close(first)
            first.close()
            equal(end_of(second), "ECONNRESET", f"{who} side resets, and the other is told")
            equal(tracking.states(net, "tcp"), ["closed"], "the flow knows")
            time.sleep(SHORT + QUIET)
            equal(tracking.states(net, "tcp"), [], "and is gone soon")
    with net.inside.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        equal(s.connect_ex((IPV4.client, 9)), errno.ECONNREFUSED, "a refused one is refused at once")


# --- What does not belong ------------------------------------------------------------------


def forged(host):
    """Segments of an attacker who knows the ends, and not where the sequence numbers are."""
    net = tracking.start(host.lab)
    mac = link_address(net.lab.router)
    for f in FAMILIES:
        with listen(net.outside, f.client, PORT) as listener, \
                connection(net.inside, listener) as (near, far), \
                net.outside.packet_socket("eth0") as raw:
            check(talk(near, far) and talk(far, near), f"{f.name}: a connection")
            here = near.getsockname()[1]
            with Flows() as flows:
                (ends,) = flows.sequence_numbers()
            header = IPv6 if ":" in f.client else IP
            for text, flags, port in (("a reset", "R", PORT), ("data", "PA", PORT), ("a SYN", "S", PORT),
                                      ("a SYN-ACK", "SA", PORT), ("an end", "FA", PORT),
                                      ("a segment with no flags", "", PORT),
                                      ("a segment with SYN and FIN", "SF", PORT),
                                      ("a segment from another port", "PA", PORT + 1)):
                segment = TCP(sport=port, dport=here, flags=flags, seq=ends[1] + FAR_OFF & 0xFFFFFFFF,
                              ack=ends[0])
                frame = bytes(Ether(dst=mac) / header(src=f.client, dst=f.server) / segment)
                drops(net, f"{f.name}: {text} out of nowhere is dropped", lambda: raw.send(frame))
            check(talk(near, far) and talk(far, near), f"{f.name}: and the connection lives on")


def idle(host):
    net = tracking.start(host.lab)
    tracking.timeout(net, "established", SHORT)
    for pick_up in ("on", "off"):
        net.lab.ifw("flow", "set", "pick-up", pick_up)
        tracking.timeout(net, "established", SHORT)
        with listen(net.outside, IPV4.client, PORT) as listener, \
                connection(net.inside, listener) as (near, far):
            time.sleep(SHORT + QUIET)
            _, more = decided(net, lambda: talk_in_vain(far))
            check(("no-rule", "drop") in more and ("tracked", "pass") not in more,
                  f"pick-up {pick_up}: after too long a silence the far side is not heard ({more})")
            if pick_up == "on":
                near.sendall(b"hello")
                equal((read(far, 5), read(near, 4)), (b"hello", b"late"),
                      "the near side speaks, and what the far one had to say comes, too")
                equal(tracking.states(net, "tcp"), ["established"], "in an established flow")
            else:
                near.sendall(b"x")
                far.settimeout(QUIET)
                equal(read(far, 1), b"x", "the near side is heard, for nothing forbids it")
                near.settimeout(2 * QUIET)
                equal(read(near, 1), None, "and gets no answer")
            reset_on_close(near)
            reset_on_close(far)
        net.lab.ifw("flow", "flush")


def simultaneous(host):
    """Both sides open, as FTP once did. The first SYNs are kept from the other side, so that both are on the way."""
    net = tracking.start(host.lab)
    with net.inside.socket(socket.AF_INET, socket.SOCK_STREAM) as near, \
            net.outside.socket(socket.AF_INET, socket.SOCK_STREAM) as far:
        for sock, address in ((near, (IPV4.server, 2020)), (far, (IPV4.client, 2021))):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.setblocking(False)
        rule = "table ip t { chain c { type filter hook input priority 0; tcp dport 2021 drop; }; }"
        net.outside.run("nft", "-f", "-", input=rule)
        drops(net, "a SYN from outside, before one has left, is dropped",
              lambda: far.connect_ex(near.getsockname()))
        near.connect_ex(far.getsockname())
        equal(tracking.states(net, "tcp"), ["syn-sent"], "one has left, and was lost")
        # The far side says its SYN again.
        wait_for(lambda: select.select([], [near], [], 0)[1] or "syn-crossed" in tracking.states(net, "tcp")
                 or "syn-received" in tracking.states(net, "tcp"), "the far side's SYN", 8)
        check(True, "the far side's SYN passes now: both have one on the way")
        net.outside.run("nft", "flush", "ruleset")
        for sock in (near, far):
            wait_for(lambda s=sock: select.select([], [s], [], 0)[1], "the connection", 8)
            sock.setblocking(True)
            sock.settimeout(5)
        check(talk(near, far) and talk(far, near), "and they meet in one connection")
        equal(tracking.states(net, "tcp"), ["established"], "of which the flow knows")


laboratory.main(parts(ordinary, half_closed, resets, forged, idle, simultaneous))
