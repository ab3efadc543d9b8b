# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw explain` of raw packets: bytes, and packets of captures, as `ifw-sim explain` takes them."""

import json
import pathlib
import re
import struct
import tempfile

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether

import lab as laboratory
import network
from explaining import changed, explain, flow_to, named, sysctls
from lab import check, equal
from network import IPV4, IPV6


def ether(net):
    return Ether(src=network.link_address(net.client), dst=network.link_address(net.lab.router))


def answer(told):
    """Of what was said, all but the time that its flow has left."""
    told["flow"] = told["flow"] and told["flow"]["state"]
    return told


def check_bytes(net):
    """Bytes are explained as the flow that they are of, whichever way they are written."""
    for family, header in ((IPV4, IP(src=IPV4.client, dst=IPV4.far)),
                           (IPV6, IPv6(src=IPV6.client, dst=IPV6.far))):
        frame = bytes(ether(net) / header / TCP(sport=45000, dport=80, flags="S"))
        told = answer(explain(net, "hex", frame.hex()))
        flow = answer(explain(net, *flow_to(family, (family.far, 80))))
        equal({key: told[key] for key in ("reason", "rule", "assigned", "outside")},
              {key: flow[key] for key in ("reason", "rule", "assigned", "outside")},
              f"{family.name}: a frame is answered as its flow")
        for form in ([frame.hex(":")], [frame.hex(" ")], ["0x" + frame.hex()],
                     frame.hex(" ", 2).split(), [", ".join(f"0x{one:02X}" for one in frame)]):
            equal(answer(explain(net, "hex", *form)), told, f"also as {form[0][:24]}...")
        done = net.lab.ifw("explain", "-j", "hex", "-", input=frame.hex(" ", 2))
        equal(answer(json.loads(done.stdout)), told, "also from standard input")
    rule = "priority 100 iif eth0 fwmark 0x20/0x20 lookup 7100 protocol 119"
    with changed(net, f"ip -6 rule del {rule}", f"ip -6 rule add {rule}"):
        equal(named(net, "hex", frame.hex())[0], ["policy-rule"], "what defeats it is found, too")


def check_other_packets(net):
    """Those that no words are for; nothing is said about routes of what none is asked for."""
    for text, packet, reason in (
            ("ARP", ARP(psrc=IPV4.client, pdst=IPV4.router), "arp"),
            ("a ping", IP(src=IPV4.client, dst=IPV4.router) / ICMP(), "icmp-echo"),
            ("a ping of IPv6", IPv6(src=IPV6.client, dst=IPV6.router) / ICMPv6EchoRequest(),
             "icmp-echo"),
            ("DHCP", IP(src=IPV4.client, dst="255.255.255.255") / UDP(sport=67, dport=68) / b"x",
             "dhcp"),
            ("SCTP", IP(src=IPV4.client, dst=IPV4.router, proto=132) / b"0123456789ab",
             "protocol")):
        told = explain(net, "hex", bytes(ether(net) / packet).hex())
        equal((told["reason"], told["outside"]), (reason, []), f"{text}: {reason}")
    net.set("pass-protocol", "132")
    net.set("echo", "on")
    for text, dst, wanted in (("to this host", IPV4.router, []),
                              ("to its broadcast address", "172.16.240.255", []),
                              ("to a group", "224.0.0.9", []),
                              ("to be passed on", IPV4.server, ["forwarding"])):
        with sysctls(net, net__ipv4__conf__eth0__forwarding=0):
            told = explain(net, "hex", bytes(ether(net) / IP(src=IPV4.client, dst=dst, proto=132)
                                             / b"0123456789ab").hex())
        equal((told["reason"], [one["what"] for one in told["outside"]]),
              ("protocol", wanted), f"SCTP {text}")
    told = explain(net, "hex", bytes(ether(net) / IP(src=IPV4.client, dst=IPV4.router)
                                     / ICMP()).hex())
    equal((told["reason"], told["outside"]), ("icmp-echo", []), "a ping that passes")
    net.set("pass-protocol", "none")
    net.set("echo", "off")


def write_pcap(path, frames, link=1, captured=65535):
    """link: 1 Ethernet, 101 raw IP. Returns the path."""
    records = [struct.pack("=4I", 1, number, min(len(frame), captured), len(frame))
               + frame[:captured] for number, frame in enumerate(frames)]
    path.write_bytes(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
                     + b"".join(records))
    return path


def write_pcapng(path, iface, frame):
    """One frame, captured on that interface. Returns the path."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("=II", kind, len(body) + 12) + body + struct.pack("=I", len(body) + 12)

    name = struct.pack("=HH", 2, len(iface)) + iface.encode() + bytes(-len(iface) % 4)
    path.write_bytes(block(0x0A0D0D0A, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1))
                     + block(1, struct.pack("=HHI", 1, 0, 65535) + name + bytes(4))
                     + block(6, struct.pack("=5I", 0, 0, 1, len(frame), len(frame)) + frame))
    return path


def check_captures(net, folder):
    """The packets before the wanted one have been decided: what they leave behind counts."""
    out = Ether(src=network.link_address(net.lab.router), dst=network.link_address(net.client))
    frames = [out / IP(src=IPV4.router, dst=IPV4.client) / UDP(sport=5353, dport=7777) / b"?",
              ether(net) / IP(src=IPV4.client, dst=IPV4.router) / UDP(sport=7777, dport=5353) / b"!",
              ether(net) / IP(src=IPV4.client, dst=IPV4.far) / TCP(sport=45000, dport=80)]
    frames = [bytes(one) for one in frames]
    path = write_pcap(folder / "seen.pcap", frames)
    live = lambda *words, ok=True: net.lab.ifw("explain", *words, ok=ok)
    told = [json.loads(live("-j", "packet", number, path).stdout) for number in (1, 2, 3)]
    equal([(one["reason"], one["packet"]["direction"]) for one in told],
          [("egress-pass", "out"), ("tracked", "in"), ("intercepted", "in")],
          "each packet of a capture, after those before it, which way its addresses say")
    equal(explain(net, "hex", frames[1].hex())["reason"], "no-rule",
          "alone it is no answer")
    equal(json.loads(live("-j", "--in", "eth0", "packet", 1, path).stdout)["packet"]["direction"],
          "in", "--in says which way")
    done = net.lab.router.run("sh", "-c", f"{net.lab.program('ifw')} explain -j packet 3 - <{path}")
    equal(json.loads(done.stdout)["reason"], "intercepted", "also from standard input")
    for name, interface, status, said in (
            ("here.pcapng", "eth0", 0, "in by eth0"),
            ("there.pcapng", "eth7", 1, "packet 1: captured on 'eth7'.*--in IFACE")):
        done = live("packet", 1, write_pcapng(folder / name, interface, frames[2]), ok=False)
        equal(done.returncode, status, f"captured on {interface}: {done.stderr.strip()}")
        check(re.search(said, done.stdout + done.stderr), f"'{said}' is said")
    # A world from the host says the same, elsewhere and without privilege.
    state = folder / "state.json"
    state.write_text(net.lab.ifw("snapshot").stdout, encoding="utf-8")
    words = ("-j", "hex", frames[2].hex())
    simulated = net.lab.router.run(net.lab.program("ifw-sim"), "explain", "--state", state, *words)
    told = explain(net, *words[1:])
    del told["outside"]
    equal(simulated.stdout, json.dumps(told, separators=(",", ":"), ensure_ascii=False) + "\n",
          "ifw-sim answers from a snapshot word for word as ifw, beside what is outside")


def check_bad_packets(net, folder):
    packet = IP(src=IPV4.client, dst=IPV4.far) / TCP()
    short = write_pcap(folder / "short.pcap", [bytes(ether(net) / packet)], captured=40)
    raw = write_pcap(folder / "raw.pcap", [bytes(packet)], link=101)
    broken = folder / "broken"
    broken.write_text("no capture", encoding="utf-8")
    for words, status, said in (
            (("hex", bytes(packet).hex()), 0, "without its Ethernet header"),
            (("hex", "-"), 1, "standard input was empty"), (("hex",), 1, "hex needs the bytes"), (("hex", "0g"), 1, "'0g' is no bytes"),
            (("hex", "020"), 1, "lacks a digit"), (("hex", *["00" * 40000] * 2), 1, "at most 65549"),
            (("packet", "1"), 1, "NUMBER CAPTURE"),
            (("packet", "0", short), 1, "'0' is no number"),
            (("packet", "x", short), 1, "'x' is no number"),
            (("packet", "1", short), 1, "only 40 of its 54 bytes"),
            (("packet", "2", short), 1, "has only 1 packet$"),
            (("packet", "9" * 40, short), 1, "has only 1 packet$"),
            (("packet", "1", raw), 1, "raw IP"),
            (("packet", "1", broken), 1, "broken"),
            (("packet", "1", folder / "none"), 1, "cannot open.*No such file"),
            (("walk", "1"), 1, "none of tcp, udp, hex and packet"),
            (("--in", "eth9", "hex", "00"), 1, "'eth9' is not up")):
        done = net.lab.ifw("explain", *words, ok=False)
        check(done.returncode == status and bool(done.stdout) == (status == 0) and
              re.search(f"^ifw: .*{said}", done.stderr, re.MULTILINE),
              f"explain {' '.join(map(str, words))[:40]}: {done.returncode}, {done.stderr.strip()}")


def test(lab):
    net = network.Network(lab)
    net.intercept("tcp", 80)
    check_bytes(net)
    check_other_packets(net)
    with tempfile.TemporaryDirectory() as folder:
        check_captures(net, pathlib.Path(folder))
        check_bad_packets(net, pathlib.Path(folder))


laboratory.main(test)
