#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Transparent proxies as Debian ships them work behind ifw, with the files of docs/proxies/.

Of each, both families: what the client asks for comes from the server that he meant, and the
proxy's log names it. Without the option that makes its listener transparent nothing comes
through, and `ifw explain` says why. Where the server sees the client's address, its answers
need ifw on the interface that they come in by.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import signal

import lab as laboratory
from lab import check, equal, wait_for
from network import FAMILIES, IPV4, QUIET, Network, where
from proxies import (CONFIGURATIONS, SQUID_LOGS, TCP_PORT, UDP_PORT, Servers, ask, configuration,
                     fetch, need, own_folders, server_says, wait_listening)


@dataclasses.dataclass(frozen=True)
class Proxy:
    """Words of a command that name a file of docs/proxies/ stand for its path."""

    name: str
    commands: tuple  # on the router
    log: str  # what it says of a connection, {} being the destination
    plain: tuple  # what it needs before it works behind ifw, and what to write instead
    outside: tuple = ("transparent",)  # what explain then names
    protocols: tuple = ("tcp",)
    brackets: bool = False  # the log has them around IPv6 addresses
    log_file: str = ""  # else its output
    at_server: tuple = ()
    spoofing: tuple = ()  # as plain, for what gives its connections the client's address

    def start(self, net, edit=()):
        files = os.listdir(CONFIGURATIONS)

        def start(namespace, words):
            words = (words.replace(*edit) if edit else words).split()
            return namespace.start(*(configuration(word, edit) if word in files else word
                                     for word in words))

        running = [start(net.server, words) for words in self.at_server]
        running += [start(net.lab.router, words) for words in self.commands]
        wait_listening(*self.protocols)
        return running

    def logged(self, running, family):
        """Waits for its line about a connection to the server."""
        host = f"[{family.far}]" if ":" in family.far and self.brackets else family.far
        words = self.log.format(f"{host}:{TCP_PORT}")
        if self.log_file:
            path = pathlib.Path(self.log_file)
            wait_for(lambda: path.exists() and words in path.read_text(), f"'{words}' in {path}")
        else:
            # Where there is one a family, the second is for IPv6.
            processes = running[len(self.at_server):]
            processes[-1 if ":" in family.far else 0].wait_line(words)
        return words


# What the services of shadowsocks-libev and v2ray may do; haproxy's and squid's start as root.
CAPS = "-all,+net_admin,+net_bind_service"
AS_SERVICE = (f"setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs --bounding-set {CAPS}"
              f" --inh-caps {CAPS} --ambient-caps {CAPS}")
ABLE_V2RAY = "/run/v2ray-able"  # a copy that may do what docs/proxies.md lets it

PROXIES = (
    Proxy("haproxy", ("haproxy -db -f haproxy.cfg",), "wanted {}", ("43321 transparent", "43321"),
          spoofing=("    source 0.0.0.0 usesrc clientip\n", "")),
    Proxy("squid", ("squid -N -f squid.conf",), "wanted {}", ("43321 tproxy", "43321"),
          log_file=f"{SQUID_LOGS}/access.log",
          spoofing=("# Servers are to see the router's address: ", "")),
    Proxy("ss-redir", tuple(f"{AS_SERVICE} ss-redir -v -c ss-redir.json -b {one}" for one in ("127.0.0.1", "::1")),
          "redir to {}", ('"tcp_tproxy": true', '"tcp_tproxy": false'), protocols=("tcp", "udp"),
          at_server=("ss-server -v -c ss-server.json",)),
    Proxy("v2ray", (f"{AS_SERVICE} {ABLE_V2RAY} -config v2ray.json",), "accepted tcp:{}", ('"tproxy": "tproxy"', ""),
          outside=(), protocols=("tcp", "udp"), brackets=True),
)


def stop(running):
    for process in running:
        process.stop(signal.SIGINT)  # at SIGTERM squid waits for its clients, for half a minute


def seen_from(proxy, family):
    """The address that a server sees."""
    if proxy.at_server:
        return family.far  # the far end of the tunnel is the same machine
    return family.client if proxy.spoofing else family.router_wan


def check_works(net, proxy):
    running = proxy.start(net)
    for family in FAMILIES:
        saw = seen_from(proxy, family)
        equal(fetch(net, family), server_says((family.far, TCP_PORT), saw),
              f"{proxy.name}, {family.name}: the server answers by TCP, and saw {saw}")
        check(proxy.logged(running, family), f"{proxy.name}, {family.name}: its log names him")
        if "udp" in proxy.protocols:
            destination = (family.far, UDP_PORT)
            equal(ask(net, family), (server_says(destination, saw), destination),
                  f"{proxy.name}, {family.name}: the server answers by UDP")
    stop(running)


def outside(net, family):
    """What `ifw explain` says is in the way of a connection, and its exit status where it must not be."""
    flow = ("--in", "eth0", "tcp", where((family.client, 50000)), where((family.far, TCP_PORT)))
    said = json.loads(net.lab.ifw("explain", "-j", *flow).stdout)
    status = net.lab.ifw("explain", "--expect", "intercepted", *flow, ok=False).returncode
    return said["reason"], [one["what"] for one in said["outside"]], status


def check_plain(net, proxy):
    """Without the option for transparent use. IPv6 asks for none of its listeners.

    The listener of v2ray is transparent all the same; it then asks for what iptables had in mind.
    """
    equal(outside(net, IPV4)[::2], ("no-listener", 3), f"{proxy.name}: where it has ended, explain misses it")
    running = proxy.start(net, proxy.plain)
    equal(outside(net, IPV4), ("intercepted", list(proxy.outside), 3 if proxy.outside else 0),
          f"{proxy.name}: without '{proxy.plain[0]}' explain says {' '.join(proxy.outside) or 'nothing'}")
    equal(fetch(net, IPV4, QUIET), None, f"{proxy.name}: without it nothing comes through")
    stop(running)


def check_spoofing(net, proxy):
    """Answers to the client's address come in by eth1, and have to be taken off there."""
    net.lab.ifw("down", "eth1")
    running = proxy.start(net)
    for family in FAMILIES:
        equal(fetch(net, family, QUIET), None,
              f"{proxy.name}, {family.name}: without ifw on eth1 the answers go past it")
    stop(running)
    running = proxy.start(net, proxy.spoofing)
    for family in FAMILIES:
        equal(fetch(net, family), server_says((family.far, TCP_PORT), family.router_wan),
              f"{proxy.name}, {family.name}: with the router's own address it is not needed")
    stop(running)
    net.lab.ifw("up", "eth1")


def check_v2ray_service(net, proxy):
    """Its file has a capability of its own, and with that loses those that its service gives."""
    shipped = dataclasses.replace(proxy, commands=tuple(one.replace(ABLE_V2RAY, "v2ray") for one in proxy.commands))
    running = shipped.start(net)
    equal(outside(net, IPV4), ("intercepted", ["transparent"], 3),
          f"{proxy.name}: as Debian's service starts it its listener is not transparent, says explain")
    stop(running)


def check_same_port(net, proxy):
    """From the client's address and port: one flow of tracking then holds two connections."""
    running = proxy.start(net, ("usesrc clientip", "usesrc client"))
    for family in FAMILIES:
        answers = [fetch(net, family) for _ in range(3)]
        equal(answers, 3 * [server_says((family.far, TCP_PORT), family.client)],
              f"{proxy.name}, {family.name}: and from the client's port, three times")
    stop(running)


def test(lab):
    need("haproxy", "squid", "ss-redir", "ss-server", "v2ray", "setcap")
    own_folders()
    shutil.copy(shutil.which("v2ray"), ABLE_V2RAY)
    lab.router.run("setcap", "cap_net_admin,cap_net_bind_service=ep", ABLE_V2RAY)
    net = Network(lab, proxies=(), devices=lambda _: ["eth1"])
    Servers(net)
    net.intercept("tcp", TCP_PORT)
    net.intercept("udp", UDP_PORT)
    for proxy in PROXIES:
        check_works(net, proxy)
        check_plain(net, proxy)
        if proxy.spoofing:
            check_spoofing(net, proxy)
    check_same_port(net, PROXIES[0])
    check_v2ray_service(net, PROXIES[-1])


laboratory.main(test)
