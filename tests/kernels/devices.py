# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Devices that the kernel of a build host often lacks: real ones, end to end.

Each connects client and router, over a cable of its own or through the tunnels'
one; behind the router's address there is a far one that nobody has, and the
client's TCP and UDP to it are to reach the proxy.
"""

import base64
import dataclasses
import json
import os
import platform
import re

from lab import check, equal
from network import FAMILIES, IPV4, IPV6, link_address, proxy_says

SOON = 0.1  # seconds, for what is not to be answered; its count shows that it came
CARRIER = {"router": "10.54.0.1", "client": "10.54.0.2"}  # what tunnels go through
WG_PORT = 51820


@dataclasses.dataclass
class Device:
    name: str  # for people
    iface: str
    number: int  # of its networks: 10.NUMBER.0.0/24 between, 10.NUMBER.9.0/24 behind
    router: list  # commands of `ip`, there
    client: list
    client_iface: str = ""
    ipv6: bool = False
    since: tuple = (0, 0)  # older kernels do not let ifw see what it carries

    def address(self, host, far=False):
        if self.ipv6:
            return f"2001:db8:{self.number}{'9' if far else ''}::{host}"
        return f"10.{self.number}.{9 if far else 0}.{host}"

    def length(self):
        return 64 if self.ipv6 else 24

    def far(self):
        return self.address(7, far=True)

    def family(self):
        return IPV6 if self.ipv6 else IPV4


def tunnel(kind, name, number, options="", ipv6=False):
    iface = f"{kind}7"
    ends = [f"link add {iface} type {kind} {options} local {here} remote {there}"
            for here, there in ((CARRIER["router"], CARRIER["client"]),
                                (CARRIER["client"], CARRIER["router"]))]
    since = (5, 14) if kind in ("ipip", "sit") else (0, 0)
    return Device(name, iface, number, [ends[0]], [ends[1]], ipv6=ipv6, since=since)


def cabled(name, iface, number, commands):
    """Over a cable whose router's end `cable` is; the client's end is plain."""
    return Device(name, iface, number, commands, [], f"to-{iface}")


DEVICES = (
    Device("VLAN", "vlan7", 61, ["link add link cable name vlan7 type vlan id 7"],
           ["link add link cable name vlan7 type vlan id 7"]),
    Device("WireGuard", "wg7", 62, ["link add wg7 type wireguard"], ["link add wg7 type wireguard"]),
    tunnel("vxlan", "VXLAN", 63, "id 7 dstport 4789"),
    tunnel("gretap", "GRE with Ethernet", 64),
    tunnel("ipip", "IP in IP", 65),
    tunnel("sit", "IPv6 in IP", 66, ipv6=True),
    cabled("bond", "bond7", 67, ["link add bond7 type bond mode active-backup",
                                 "link set at-bond7 down", "link set at-bond7 master bond7"]),
    cabled("bridge", "bridge7", 68, ["link add bridge7 type bridge", "link set at-bridge7 master bridge7",
                                     "link set at-bridge7 up"]),
    # Or else the cable's end answers ARP for it.
    cabled("macvlan", "macvlan7", 69, ["link set at-macvlan7 arp off up",
                                       "link add link at-macvlan7 name macvlan7 type macvlan"]),
)
RUNNING = tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])
WORKING = [one for one in DEVICES if one.since <= RUNNING]
REFUSED = [one for one in DEVICES if one.since > RUNNING]
GENEVE = {"client": "10.70.0.2", "gateway": "10.70.0.1", "far": "10.70.9.7"}
GENEVE6 = {"client": "2001:db8:70::2", "gateway": "2001:db8:70::1", "far": "2001:db8:709::7"}
OTHER_FAMILY = (6, 3)  # from then on the kernel removes headers of another one
ONLY_UP = "dummy7"


def batch(namespace, lines):
    namespace.run("ip", "-batch", "-", input="".join(f"{line}\n" for line in lines))


def rules():
    """Of the ordinary interception, and of all devices."""
    lines = []
    for family in FAMILIES:
        lines += [f"intercept tcp to {family.prefix} port 80 {family.via()}",
                  f"intercept udp to {family.prefix} port 53 {family.via()}"]
    for one in DEVICES:
        for protocol, port in (("tcp", 80), ("udp", 53)):
            lines.append(f"intercept {protocol} to {one.far()} port {port}"
                         f" {one.family().via()} on {one.iface}")
    lines.append(f"intercept tcp to {GENEVE['far']} port 80 {IPV4.via()}")
    lines.append(f"intercept tcp to {GENEVE6['far']} port 80 {IPV6.via()}")
    return "".join(f"{line}\n" for line in lines)


def make_wireguard(net):
    ends = {"router": net.lab.router, "client": net.client}
    keys = {name: base64.b64encode(os.urandom(32)).decode() for name in ends}
    public = {name: ends[name].run("wg", "pubkey", input=key).stdout.strip()
              for name, key in keys.items()}
    for here, there in (("router", "client"), ("client", "router")):
        ends[here].run("wg", "set", "wg7", "listen-port", WG_PORT, "private-key", "/dev/stdin",
                       "peer", public[there], "allowed-ips", "0.0.0.0/0",
                       "endpoint", f"{CARRIER[there]}:{WG_PORT}", input=keys[here])


def make(net):
    """All of them; the interfaces for `ifw up`."""
    lab, router, client = net.lab, net.lab.router, net.client
    there = "netns client"
    at_router = [f"link add cable type veth peer name cable {there}",
                 f"address add {CARRIER['router']}/24 dev cable", "link set cable up"]
    at_client = [f"address add {CARRIER['client']}/24 dev cable", "link set cable up"]
    for one in DEVICES:
        if one.client_iface:
            at_router.append(f"link add at-{one.iface} type veth peer name {one.client_iface} {there}")
        at_router += one.router
        at_client += one.client
        nodad = " nodad" if one.ipv6 else ""
        for lines, iface, host in ((at_router, one.iface, 1),
                                   (at_client, one.client_iface or one.iface, 2)):
            lines += [f"address add {one.address(host)}/{one.length()} dev {iface}{nodad}",
                      f"link set {iface} up"]
        at_client.append(f"route add {one.far()} via {one.address(1)}")
    at_router += [f"link add {ONLY_UP} type dummy", f"address add 10.71.0.1/24 dev {ONLY_UP}",
                  f"link set {ONLY_UP} up", f"route add {GENEVE['client']} via {IPV4.client}",
                  f"route add {GENEVE6['client']} via {IPV6.client}"]
    # At the client alone: at the router, ifw takes the outer headers off.
    at_client += [f"link add gnv7 type geneve id 77 remote {IPV4.router}",
                  f"address add {GENEVE['client']}/24 dev gnv7",
                  f"address add {GENEVE6['client']}/64 dev gnv7 nodad", "link set gnv7 up"]
    for ends in (GENEVE, GENEVE6):
        at_client += [f"neigh add {ends['gateway']} lladdr {link_address(lab.router)} dev gnv7",
                      f"route add {ends['far']} via {ends['gateway']} src {ends['client']}"]
    batch(router, at_router)
    batch(client, at_client)
    make_wireguard(net)
    return [one.iface for one in WORKING] + [ONLY_UP]


def counts(net):
    """{interface: {(reason, verdict): packets}}"""
    stats = json.loads(net.lab.ifw("stats", "-j").stdout)["interfaces"]
    return {one["name"]: {(r["reason"], r["verdict"]): r["packets"] for r in one["reasons"]}
            for one in stats}


def check_one(net, one):
    tcp, udp = (one.far(), 80), (one.far(), 53)
    got = [net.tcp(tcp), net.udp(udp), net.udp((one.far(), 54), seconds=SOON)]
    return equal(got, [proxy_says(tcp), (proxy_says(udp), udp), None],
                 f"{one.name}: TCP and UDP reach the proxy, and not one port above")


def check_geneve(net):
    net.set("geneve", "from", f"{IPV4.client}/32")
    equal(net.tcp((GENEVE["far"], 80)), proxy_says((GENEVE["far"], 80)),
          "GENEVE: TCP inside reaches the proxy")
    far6 = (GENEVE6["far"], 80)
    if RUNNING >= OTHER_FAMILY:
        equal(net.tcp(far6), proxy_says(far6), "GENEVE: IPv6 inside reaches it, too")
    else:
        value, count = net.counted("geneve-family", "drop", lambda: net.tcp(far6, seconds=SOON))
        check(value is None and count, "GENEVE: IPv6 inside drops on this kernel, and is counted")
    net.set("geneve", "off")
    return equal(net.tcp((GENEVE["far"], 80), seconds=SOON), None, "GENEVE: not where it is off")


def check_all(net):
    """The names of those that work."""
    before = counts(net)
    good = [one.name for one in WORKING if check_one(net, one)]
    if check_geneve(net):
        good.append("GENEVE")
    after = counts(net)
    for one in WORKING:
        more = {key: after[one.iface].get(key, 0) - before[one.iface].get(key, 0)
                for key in (("intercepted", "pass"), ("no-rule", "drop"))}
        check(more[("intercepted", "pass")] >= 2 and more[("no-rule", "drop")] >= 1,
              f"{one.name}: counted on {one.iface}")
    if check(ONLY_UP in after, f"{ONLY_UP}: ifw up works"):
        good.append("dummy")
    for one in REFUSED:
        done = net.lab.ifw("up", one.iface, ok=False)
        if check(done.returncode == 2 and one.iface in done.stderr,
                 f"{one.name}: refused: {done.stderr.strip()}"):
            good.append(f"{one.name} (refused)")
    return good


def check_upper(net):
    """What comes on top of an interface that ifw is up on is named by `ifw doctor`."""
    router = net.lab.router
    router.run(*"ip link add low7 type veth peer name low8".split())
    router.run(*"ip link set low7 up".split())
    net.lab.ifw("up", "low7")
    for kind, make, undo in (
            ("VLAN", ["link add link low7 name up7 type vlan id 7"], []),
            ("macvlan", ["link add link low7 name up7 type macvlan"], []),
            ("bridge", ["link add up7 type bridge", "link set low7 master up7"], ["link set low7 nomaster"]),
            ("bond", ["link add up7 type bond mode active-backup", "link set low7 down",
                      "link set low7 master up7"], ["link set low7 nomaster"])):
        batch(router, make)
        done = net.lab.ifw("doctor", "-j", "low7", ok=False)
        found = [one["found"] for one in json.loads(done.stdout)["checks"]
                 if one["check"] == "upper" and one["state"] == "failed"]
        equal(found, ["'up7' is on top and takes its packets"], f"{kind}: ifw doctor names it {done.stderr}")
        batch(router, [*undo, "link del up7"])
    net.lab.ifw("down", "low7")


def check_down(net):
    net.lab.ifw("down", "--all")
    check("clsact" not in net.lab.router.run("tc", "qdisc", "show").stdout,
          "ifw down --all leaves no qdisc")
