# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What `ifw snapshot` wrote of a host, ifw-sim answers as that host does.

The same packets are decided by the simulator from the snapshot, and really sent: reason,
verdict, rule and assignment that the monitor shows are those of the simulator, and those that
`ifw explain` gives.
"""
import json
import os
import pathlib
import socket
import tempfile

import lab as laboratory
import network
from commands import IP, TCP, UDP, Ether
from lab import check, equal
from network import IPV4, PROXY_PORT

from scapy.layers.inet6 import IPv6  # after commands, which quiets scapy
from scapy.utils import PcapWriter

RULES = f"""intercept tcp to 10.9.0.0/16 port 80-90 via 127.0.0.1:{PROXY_PORT} service web
deny tcp to 10.9.1.0/24 port 85
intercept udp to 10.9.0.0/16 port 53 via 127.0.0.1:{PROXY_PORT}
intercept tcp to 10.9.0.0/16 port 99 via 127.0.0.1:999
pass udp to 192.0.2.0/24 port 7-9
pass tcp to 172.16.240.1/32 port 8080 from 172.16.240.0/28
intercept tcp to 172.16.240.0/24 port 81 via 127.0.0.1:{PROXY_PORT}
pass udp to 192.0.2.2/32 port 70 on eth7
intercept tcp to 2001:db8:9::/48 port 80 via [::1]:{PROXY_PORT}
intercept tcp to 10.10.0.0/16 port 80 via 127.0.0.1:8081
deny udp to ::/0 port 53
"""


def bound(namespace, kind, address, **options):
    made = namespace.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option in options.get("options", ()):
        made.setsockopt(*option)
    made.bind(address)
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


def connected(net, kind, source, destination):
    made = net.client.socket(socket.AF_INET, kind)
    made.settimeout(laboratory.PATIENCE)
    made.bind(source)
    made.connect(destination)
    return made


class Sockets:
    """Sockets of each sort on the router, kept open."""

    def __init__(self, net):
        router, stream, datagram = net.lab.router, socket.SOCK_STREAM, socket.SOCK_DGRAM
        reuse = [(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)]
        v6only = [(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)]
        self.kept = [bound(router, stream, ("::", 8081), options=[v6only[0]]),
                     bound(router, stream, ("127.0.0.1", 8082), options=reuse),
                     bound(router, stream, ("127.0.0.1", 8082), options=reuse),
                     bound(router, datagram, ("::", 500)),
                     bound(router, datagram, ("172.16.240.1", 123))]
        self.web = bound(router, stream, ("0.0.0.0", 8080))
        # Under way through the rule that passes it, and through the proxy.
        self.passed = connected(net, stream, (IPV4.client, 41000), (IPV4.router, 8080))
        self.accepted, _ = self.web.accept()
        self.proxied = connected(net, stream, (IPV4.client, 41001), ("10.9.8.7", 80))
        self.proxied.sendall(b"x")
        self.proxied.recv(1000)
        # The proxy has closed; the router's end waits until its peer does, then in TIME_WAIT.
        self.waiting = connected(net, stream, (IPV4.client, 41002), (IPV4.router, 8080))
        peer, _ = self.web.accept()
        peer.close()
        self.waiting.recv(10)
        self.waiting.close()
        # Of the router itself: one with a peer, and one without that has asked.
        self.asking = bound(router, datagram, (IPV4.router, 6000))
        self.asking.connect((IPV4.client, 6001))
        self.tracked = bound(router, datagram, (IPV4.router, 6002))
        self.tracked.sendto(b"question", (IPV4.client, 6003))
        # On the same port: one for each interface, and one that is connected.
        for iface in ("eth0", "eth1"):
            self.kept.append(bound(router, datagram, ("0.0.0.0", 6010), options=[
                (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, iface.encode())]))
            self.kept[-1].connect((IPV4.client, 6011 if iface == "eth0" else 6012))


def frames(net):
    """What the client sends, each a conversation of its own."""
    ether = Ether(src=network.link_address(net.client), dst=network.link_address(net.lab.router))
    client, router = IPV4.client, IPV4.router

    def tcp(dst, port, sport, flags="S", src=client):
        return ether / IP(src=src, dst=dst) / TCP(sport=sport, dport=port, flags=flags, seq=7)

    def udp(dst, port, sport, src=client):
        return ether / IP(src=src, dst=dst) / UDP(sport=sport, dport=port) / b"hello"

    def tcp6(dst, port, sport):
        return ether / IPv6(src="2001:db8:240::2", dst=dst) / TCP(sport=sport, dport=port)

    sent = [
        tcp("10.9.8.7", 80, 42000), tcp("10.9.255.255", 90, 42001), tcp("10.9.8.7", 79, 42002),
        tcp("10.9.8.7", 91, 42003), tcp("10.10.0.0", 79, 42004), tcp("10.9.1.2", 85, 42005),
        tcp("10.9.1.2", 84, 42006), tcp("10.9.0.1", 99, 42007), tcp(router, 22, 42008),
        tcp(IPV4.router_too, 22, 42009), tcp("192.0.2.2", 22, 42010), tcp(router, 8080, 42011),
        tcp(router, 8080, 42012, src="172.16.240.77"), tcp(router, 81, 42013),
        tcp("172.16.240.200", 81, 42014), tcp("10.9.8.7", 80, 42015, "A"),
        tcp("10.10.0.1", 80, 42016), udp("10.9.8.7", 53, 42017), udp("10.9.8.7", 54, 42018),
        udp("192.0.2.2", 8, 42019), udp("192.0.2.2", 10, 42020), udp("192.0.2.2", 70, 42021),
        udp(router, 500, 42022), udp(router, 123, 42023), udp("172.16.240.255", 68, 67),
        # Of conversations that there are, and like them but for an end.
        tcp(router, 8080, 41000, "A"), tcp("10.9.8.7", 80, 41001, "A"),
        tcp(router, 8080, 41002, "A"), tcp(router, 8081, 41000, "A"),
        tcp(router, 8080, 41009, "A"), udp(router, 6000, 6001), udp(router, 6000, 6009),
        udp(router, 6002, 6003), udp(router, 6002, 6009), udp(router, 6000, 6001, "172.16.240.3"),
        udp(router, 6010, 6011), udp(router, 6010, 6012),
        tcp6("2001:db8:9::7", 80, 42024), tcp6("2001:db8:9::7", 81, 42025),
        tcp6("2001:db8:240::1", 22, 42026), tcp6("2001:db8:240::1", 23, 42027),
        ether / IPv6(src="2001:db8:240::2", dst="2001:db8:9::7") / UDP(sport=42028, dport=53),
    ]
    return [bytes(one) for one in sent]


def ends(event):
    return event["src"], event["src_port"], event["dst"], event["dst_port"]


def decided_live(net, sent):
    """(reason, verdict, rule, assigned) of each, as the monitor shows them."""
    answers, explained = [], []
    net.set("verbose", "on")
    monitor = net.lab.router.start(net.lab.program("ifw"), "monitor", "-j")
    with net.client.packet_socket("eth0") as raw:
        for frame in sent:
            packet = Ether(frame)
            wanted = (packet[1].src, packet[2].sport, packet[1].dst, packet[2].dport)
            explained.append(explained_live(net, packet))
            raw.send(frame)
            while True:
                line = monitor.line()
                assert line is not None, f"no event of {wanted}"
                event = json.loads(line)
                if event.get("direction") != "out" and ends(event) == wanted:
                    break
            answers.append(tuple(event[key] for key in ("reason", "verdict", "rule", "assigned")))
    monitor.stop()
    net.set("verbose", "off")
    return answers, explained


def explained_live(net, packet):
    """What `ifw explain` says of it just before it is sent."""
    protocol = "tcp" if packet.haslayer(TCP) else "udp"
    words = [network.where((packet[1].src, packet[2].sport)),
             network.where((packet[1].dst, packet[2].dport))]
    if protocol == "tcp" and packet[TCP].flags == "A":
        words.append("ack")
    told = json.loads(net.lab.ifw("explain", "-j", "--in", "eth0", protocol, *words).stdout)
    return tuple(told[key] for key in ("reason", "verdict", "rule", "assigned"))


def simulated(lab, folder, state, sent):
    path = pathlib.Path(folder, "sent.pcap")
    with PcapWriter(str(path), linktype=1) as out:
        for number, frame in enumerate(sent):
            packet = Ether(frame)
            packet.time = 1000 + number / 1000
            out.write(packet)
    done = lab.router.run(lab.program("ifw-sim"), "--state", state, "-j", "--in", "eth0", "run",
                          path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [tuple(line[key] for key in ("reason", "verdict", "rule", "assigned"))
            for line in lines]


def check_answers(net, folder):
    sent = frames(net)
    state = pathlib.Path(folder, "state.json")
    state.write_text(net.lab.ifw("snapshot").stdout, encoding="utf-8")
    simulation = simulated(net.lab, folder, state, sent)
    live, explained = decided_live(net, sent)
    differing = [f"{Ether(frame).summary()}: {one} live, {other} simulated"
                 for frame, one, other in zip(sent, live, simulation, strict=True) if one != other]
    equal(differing, [], f"{len(sent)} packets are decided live as from the snapshot")
    differing = [f"{Ether(frame).summary()}: {one} live, {other} explained"
                 for frame, one, other in zip(sent, live, explained, strict=True) if one != other]
    equal(differing, [], "and as ifw explain says of each just before it is sent")
    reasons = {answer[0] for answer in simulation}
    wanted = {"intercepted", "rule-deny", "rule-pass", "no-rule", "no-listener", "ssh", "local",
              "established", "tracked", "dhcp"}
    equal(wanted - reasons, set(), "of each reason that settings, rules, sockets and flows have")
    return json.loads(state.read_text(encoding="utf-8"))


def check_contents(net, state):
    equal(state["ifw_state"], 1, "the format has a version")
    equal(state["rules"], RULES.splitlines(), "the rules are those in force, in order")
    (eth0,) = state["interfaces"]
    equal((eth0["name"], eth0["ifindex"]), ("eth0", net.lab.router.ifindex("eth0")),
          "the interface that is up, by its number")
    equal(eth0["mac"], network.link_address(net.lab.router), "and its address on the wire")
    own = {one["address"] for one in eth0["addresses"] if one["kind"] == "own"}
    check({"172.16.240.1", "172.16.240.9", "2001:db8:240::1"} <= own, "and its own addresses")
    sockets = {(one["protocol"], one["state"], one["local"], one["remote"]): one
               for one in state["sockets"]}
    for wanted in (("tcp", "listen", f"127.0.0.1:{PROXY_PORT}", None),
                   ("tcp", "listen", "[::]:8081", None),
                   ("tcp", "established", "172.16.240.1:8080", "172.16.240.2:41000"),
                   ("tcp", "time-wait", "172.16.240.1:8080", "172.16.240.2:41002"),
                   ("udp", "connected", "172.16.240.1:6000", "172.16.240.2:6001"),
                   ("udp", "bound", "[::]:500", None)):
        check(wanted in sockets, f"a socket: {wanted}")
    check(sockets["tcp", "listen", "[::]:8081", None]["v6only"], "that it takes IPv6 alone")
    check(not sockets["udp", "bound", "[::]:500", None]["v6only"], "or IPv4, too")
    check(sockets["tcp", "listen", "127.0.0.1:8082", None]["reuseport"], "that two share one")
    flows = {(one["low"], one["low_port"], one["high_port"]) for one in state["flows"]}
    check(("172.16.240.1", 6002, 6003) in flows, "a tracked flow")
    words = json.dumps(state)
    check(not any(word in words for word in ("python", "uid", "inode", "pid")),
          "nothing says whose they are")


def check_read_alone(net, folder):
    """Without privilege, and with other rules."""
    state = pathlib.Path(folder, "state.json")
    os.chmod(folder, 0o755)
    simulator = net.lab.program("ifw-sim")
    flow = ("tcp", "172.16.240.2:5000", "10.9.8.7:80")
    done = net.lab.router.run("setpriv", "--reuid=65534", "--clear-groups", simulator, "--state",
                              state, "--in", "eth0", "--expect", "intercepted", "explain", *flow)
    check("intercept tcp to 10.9.0.0/16 port 80-90" in done.stdout,
          "anybody may ask of a state, and its rule is shown")
    rules = pathlib.Path(folder, "rules")
    rules.write_text("deny tcp to 10.0.0.0/8 port 80\n", encoding="utf-8")
    done = net.lab.router.run(simulator, "--state", state, "--rules", rules, "--in", "eth0",
                              "--expect", "rule-deny", "explain", *flow, ok=False)
    equal(done.returncode, 0, "what would other rules say here?")
    state.write_text(state.read_text(encoding="utf-8")[:300], encoding="utf-8")
    done = net.lab.router.run(simulator, "--state", state, "--in", "eth0", "explain", *flow,
                              ok=False)
    check(done.returncode == 1 and "is no state: line " in done.stderr,
          f"a cut state is refused: {done.stderr.strip()}")


def check_down(lab):
    done = lab.ifw("snapshot", ok=False)
    check(done.returncode == 2 and done.stdout == "" and "ifw:" in done.stderr,
          f"where ifw is not up, there is nothing to take: {done.stderr.strip()}")


def test(lab):
    check_down(lab)
    net = network.Network(lab)
    lab.ifw("apply", "-", input=RULES)
    sockets = Sockets(net)
    with tempfile.TemporaryDirectory() as folder:
        state = check_answers(net, folder)
        check_contents(net, state)
        check_read_alone(net, folder)
    del sockets


laboratory.main(test)
