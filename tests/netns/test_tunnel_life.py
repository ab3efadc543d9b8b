# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A whole life of a ziti-edge-tunnel that calls zfw: start, services, bindings, exit.

The calls are those that it makes, in their order, in both of its modes: as a diverter alone,
and as a firewall. Its device is a tun device whose other end the test holds; what clients ask
for services has to come out there, and what is written there has to reach them.
"""

import fcntl
import os
import pathlib
import select
import socket
import struct

import commands
import lab as laboratory
from commands import refused
from lab import check, equal
from network import IPV4, IPV6, Network

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
IP_FREEBIND = 15  # linux/in.h; without it an IPv6 socket takes no address that a route alone makes local

FOLDER = pathlib.Path("/opt/openziti/bin")
SERVICE = {IPV4: ("10.55.0.0", 16, "10.55.3.4"), IPV6: ("2001:db8:55::", 48, "2001:db8:55::4")}
BOUND = {IPV4: ("10.66.1.0", 24, "10.66.1.9"), IPV6: ("2001:db8:66::", 64, "2001:db8:66::9")}
PORT = 7000


class Device:
    """The tunnel's device, and its other end."""

    def __init__(self, namespace, name="ziti0"):
        with namespace.entered():
            self.end = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self.end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        namespace.configure(name, "100.64.0.1/10")
        for prefix, length, _ in SERVICE.values():
            namespace.run("ip", "route", "add", f"{prefix}/{length}", "dev", name)

    def read(self, seconds):
        """The next datagram to our port that comes out, answered in capitals; None: none."""
        while select.select([self.end], [], [], seconds)[0]:
            data = os.read(self.end, 65536)
            packet = (IPv6 if data[0] >> 4 == 6 else IP)(data)
            if UDP in packet and packet[UDP].dport == PORT:
                back = type(packet)(src=packet.dst, dst=packet.src) / UDP(sport=PORT, dport=packet[UDP].sport)
                os.write(self.end, bytes(back / Raw(bytes(packet[UDP].payload).upper())))
                return packet.src
        return None


class Tunnel:
    def __init__(self, lab):
        self.net = Network(lab, up=False)
        self.host = commands.Host(lab)
        for name in ("eth0", "eth1", "all"):
            lab.router.sysctl(f"net.ipv4.conf.{name}.forwarding", 1)
        lab.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.device = Device(lab.router)
        for family, (prefix, length, _) in BOUND.items():
            self.net.server.run("ip", "route", "replace", f"{prefix}/{length}", "via", family.router_wan)

    def call(self, words, status=0, says=""):
        done = self.host.zfw(*words.split())
        equal(done.returncode, status, f"zfw {words}")
        check(says in done.stderr, f"and says '{says}'" if says in done.stderr else f"says {done.stderr!r}")
        return done.stdout

    def asked(self, family, seconds=laboratory.PATIENCE):
        """Who asked, as the tunnel sees it, and what the client is answered through it."""
        with self.net.client.socket(family.af, socket.SOCK_DGRAM) as s:
            s.settimeout(seconds)
            s.sendto(b"hello", (SERVICE[family][2], PORT))
            source = self.device.read(seconds)
            try:
                return source, s.recv(100)
            except OSError:
                return source, None

    def reaches(self, stage, families=(IPV4, IPV6)):
        for family in families:
            equal(self.asked(family), (family.client, b"HELLO"),
                  f"{stage}: {family.name} reaches the tunnel's device, and the answer its client")

    def reaches_not(self, stage):
        equal(self.asked(IPV4, 0.3), (None, None), f"{stage}: nothing does")

    def interfaces(self, others):
        for name in ("eth0", "eth1"):
            for direction, program in (("ingress", "zfw_tc_ingress.o"), ("egress", "zfw_tc_outbound_track.o")):
                self.call(f"-X {name} -O {FOLDER}/{program} -z {direction}")
                self.call(f"-T {name}")
                self.call(f"-6 {name}")
                if others:
                    self.call(f"-q {name}")
        shown = self.call("-L -E")
        equal((shown.count("tun mode intercept      :1"), shown.count("tc egress filter        :1")), (2, 2),
              "both interfaces are as was asked for")
        check(self.host.iface("eth0")["tunnel"] and "eth0: tunnel:" in self.host.ifw("iface", "show"),
              "and ifw shows it, too")

    def services(self, option, status=0):
        """With -t and -s on -D, too; the port is any, and nobody listens there."""
        for number, (prefix, length, _) in enumerate(SERVICE.values()):
            for protocol in ("tcp", "udp"):
                self.call(f"{option} -c {prefix} -m {length} -l {PORT} -h {PORT + 9} -t {40000 + number} "
                          f"-p {protocol} -s service{number}", status)

    def bound(self):
        """Prefixes that are bound to the host."""
        shown = [self.host.run("ip", f, "route", "show", "table", "local", "proto", "120").stdout for f in ("-4", "-6")]
        return [line.split()[1] for text in shown for line in text.splitlines()]

    def speaks_as(self, family):
        """From an address that is bound, to the server, and back."""
        address = BOUND[family][2]
        with self.net.lab.router.socket(family.af, socket.SOCK_DGRAM) as ours, \
                self.net.server.socket(family.af, socket.SOCK_DGRAM) as theirs:
            theirs.bind((family.server, PORT))
            for s in (ours, theirs):
                s.settimeout(laboratory.PATIENCE)
            ours.setsockopt(socket.SOL_IP, IP_FREEBIND, int(family is IPV6))
            try:
                ours.bind((address, 0))
                ours.sendto(b"who", (family.server, PORT))
                source = theirs.recvfrom(100)[1]
                theirs.sendto(source[0].encode(), source)
                return ours.recv(100).decode()
            except OSError as error:
                return error.strerror or "nothing came back"

    def bindings(self):
        equal(self.speaks_as(IPV4), "Cannot assign requested address", "before -B, no address of its clients is the host's")
        for prefix, length, address in BOUND.values():
            self.call(f"-B {address} -m {length}", says="bits below the prefix length were cleared")
            self.call(f"-B {prefix} -m {length}")
        equal(self.bound(), ["10.66.1.0/24", "2001:db8:66::/64"], "-B binds, once")
        equal([self.speaks_as(f) for f in (IPV4, IPV6)], [BOUND[f][2] for f in (IPV4, IPV6)],
              "and the tunnel speaks from an address of its clients")
        self.call("-I -c 10.66.1.0 -m 24 -p tcp -l 1 -h 1 -t 0 -r")
        for prefix, length, _ in BOUND.values():
            self.call(f"-J {prefix} -m {length}")
            self.call(f"-J {prefix} -m {length}", 1, "was not unbound")
        equal(self.bound(), [], "-J unbinds")
        check("local 10.66.1.0/24" in self.host.run("ip", "route", "show", "table", "local", "proto", "119").stdout,
              "and leaves a route of -r for the same prefix")
        self.call("-D -c 10.66.1.0 -m 24 -p tcp -l 1 -r")
        self.call("-B 10.66.1.0 -m 24")
        self.call("-B 0.0.0.0 -m 0", 1, "every address one of this host")

    def flush_bindings(self):
        rules = self.host.rules()
        self.call("-F -j")
        equal((self.bound(), self.host.rules()), ([], rules), "-F -j unbinds all, and leaves the rules")


def diverter(tunnel):
    """ZITI_DIVERTER: what no service asks for passes."""
    tunnel.call("-Q", 1)
    tunnel.interfaces(others=True)
    for family in ("0.0.0.0", "::"):
        for protocol in ("tcp", "udp"):
            tunnel.call(f"-I -c {family} -m 0 -l 1 -h 65535 -t 0 -p {protocol}")
    tunnel.services("-I")
    listed = [line for line in tunnel.call("-L").splitlines() if "service0" in line]
    check(len(listed) == 2 and all("PASSTHRU to 10.55.0.0/16" in line for line in listed),
          "the list says that the host's routes decide")
    tunnel.reaches("diverter")
    tunnel.bindings()
    tunnel.services("-D")
    tunnel.services("-D", 1)
    tunnel.flush_bindings()
    tunnel.call("-B 10.66.1.0 -m 24")
    tunnel.call("-Q")
    equal((tunnel.bound(), commands.pins(), tunnel.host.ours()), ([], [], []), "-Q leaves nothing, no binding either")


def firewall(tunnel):
    """ZITI_FIREWALL: only services and rules of the user pass."""
    tunnel.interfaces(others=False)
    tunnel.call("-A", 0, "there is no /opt/openziti/bin/user/user_rules.sh")
    laboratory.mount("tmpfs", "/opt")
    script = FOLDER / "user/user_rules.sh"
    script.parent.mkdir(parents=True)
    zfw = tunnel.net.lab.program("zfw")
    script.write_text(f"#!/bin/sh\nexec {zfw} -I -c {IPV4.router} -m 32 -l 22 -h 22 -t 0 -p tcp -s user\n")
    tunnel.call("-A", 1, "cannot run")
    script.chmod(0o755)
    tunnel.call("-A")
    user = f"pass tcp to {IPV4.router}/32 port 22 service user"
    equal(tunnel.host.rules(), [user], "-A runs the user's script")
    for protocol in ("tcp", "udp"):
        tunnel.call(f"-I -c 100.64.0.0 -m 10 -l 1 -h 65535 -t 65535 -p {protocol}")
    tunnel.reaches_not("before there are services")
    tunnel.services("-I")
    tunnel.reaches("firewall")
    tunnel.services("-D")
    tunnel.reaches_not("when they are gone")
    tunnel.services("-I")
    tunnel.call("-B 10.66.1.0 -m 24")
    tunnel.flush_bindings()
    tunnel.call("-F -z ingress")
    equal(tunnel.host.rules(), [], "-F -z ingress removes all rules")
    tunnel.reaches_not("at the end")
    tunnel.call("-A")
    equal(tunnel.host.rules(), [user], "and the user's are there again")
    script.write_text("#!/bin/sh\nexit 7\n")
    tunnel.call("-A", 1, "did not end with status 0")


def mixed(tunnel):
    """What -T cannot mean is refused; -d undoes it."""
    host = tunnel.host
    rule = "-I -c 10.77.0.0 -m 16 -l 80 -h 80 -t 4000 -p tcp"
    tunnel.call("-F")
    tunnel.call("-T eth1 -d")
    tunnel.call(rule, 1, "name interfaces with -N")
    equal(host.rules(), [], "a rule on interfaces of both kinds")
    tunnel.call(f"{rule} -N eth0")
    tunnel.call(f"{rule} -N eth1")
    equal(sorted(host.rules()), ["intercept tcp to 10.77.0.0/16 port 80 via 127.0.0.1:4000 on eth1",
                                 "pass tcp to 10.77.0.0/16 port 80 on eth0"], "each by itself is not")
    tunnel.call("-P eth1")
    tunnel.call(rule)
    tunnel.call("-P eth1 -d")
    equal(len(host.rules()), 3, "nor is one that does not hold on the other kind")
    tunnel.call("-T all -d")
    tunnel.call(rule)
    equal(len([one for one in host.rules() if one.startswith("intercept")]), 2, "without -T, listeners")
    tunnel.net.lab.router.sysctl("net.ipv4.conf.eth0.forwarding", 0)
    for target in ("eth0", "all"):
        refused(host.zfw("-T", target), 1, "does not pass on what comes in by 'eth0'.*conf.eth0.forwarding=1",
                f"-T {target} where nothing would reach a tunnel")
    equal([host.iface(name)["tunnel"] for name in ("eth0", "eth1")], [False, False], "and it is not set")
    refused(host.zfw("-T", "eth7"), 1, "'eth7' is not up", "-T of what is not up")
    tunnel.net.lab.router.sysctl("net.ipv6.conf.all.forwarding", 0)
    tunnel.call("-T eth1", 0, "IPv6 reaches no tunnel")


def whole_life(lab):
    tunnel = Tunnel(lab)
    for stage in (diverter, firewall, mixed):
        stage(tunnel)
    tunnel.call("-Q")


laboratory.main(whole_life)
