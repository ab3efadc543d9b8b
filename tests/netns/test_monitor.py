# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ifw monitor: what it lets through, and packets in a file that say what became of them."""

import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import time

import commands
import lab as laboratory
from commands import refused
from lab import check, equal, wait_for
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import rdpcap

TO, FROM = "192.0.2.7", "198.51.100.9"
VOICE = "pass udp to 192.0.2.0/24 port 5 service voice"
OTHER = "deny udp to 192.0.2.0/24 port 6"
INTERCEPT = "intercept udp to 10.0.0.0/8 port 7 via 127.0.0.1:1000"
FILE = "/run/packets.pcapng"
IP_TRANSPARENT = 19


def up(host, *names):
    for name in names:
        host.veth(name, f"172.16.{240 + int(name[-1])}.1/24")
    # What the host says by itself would be in between.
    for name in os.listdir("/proc/sys/net/ipv6/conf"):
        pathlib.Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
    host.ifw("up", *names)
    host.ifw("apply", "-", input=f"{VOICE}\n{OTHER}\n{INTERCEPT}\n")


def watch():
    """The map's element, as numbers."""
    (pin,) = [p for p in commands.pins() if p.endswith("/watch")]
    dump = subprocess.run(["bpftool", "-j", "map", "lookup", "pinned", pin, "key", "0", "0", "0", "0"],
                          check=True, capture_output=True, text=True)
    value = bytes(int(b, 16) for b in json.loads(dump.stdout)["value"])
    return dict(zip(("until", "slots", "reasons", "snaplen"), (
        *struct.unpack_from("<QQQ", value), *struct.unpack_from("<I", value, 28))))


def monitor(host, *options):
    """One that reads already; with no options all of what is sent."""
    told = host.router.start(host.lab.program("ifw"), "monitor", *options)
    wait_for(lambda: watch()["until"] or told.popen.poll() is not None, "the monitor to ask")
    return told


def finish(told):
    """What it printed, its last line apart; and that. On a busy host the end may take long."""
    told.popen.send_signal(signal.SIGINT)
    equal(told.popen.wait(6 * laboratory.PATIENCE), 0, "the monitor ends in order")
    lines = []
    while (line := told.line()) is not None:
        lines.append(line)
    return [l for l in lines[:-1] if not l.startswith("ifw: ")], lines[-1]


def traffic(host, name="eth0"):
    host.send(name, TO, 5, count=2)
    host.send(name, TO, 6)
    host.send(name, TO, 9, count=3)
    host.send(name, TO, 5, protocol="tcp")


# --- Lines ------------------------------------------------------------------------------


def filters(host):
    up(host, "eth0", "eth1")
    for options, ports, summary in (
        ((), ["5", "5", "6", "9", "9", "9", "5"], "7 events shown, 0 lost"),
        (("--reason", "no-rule"), ["9", "9", "9", "5"], "4 events shown, 0 filtered out, 0 lost"),
        (("--reason", "rule-pass,rule-deny"), ["5", "5", "6"], "3 events shown"),
        (("--reason", "rule-pass", "--reason", "rule-deny"), ["5", "5", "6"], "3 events shown"),
        (("--verdict", "pass"), ["5", "5"], "2 events shown"),
        (("--verdict", "drop", "--iface", "eth0"), ["6", "9", "9", "9", "5"], "5 events shown"),
        (("--iface", "eth1"), [], "0 events shown, 0 filtered out"),
        (("--iface", "eth1,eth0", "--count", "1000"), ["5", "5", "6", "9", "9", "9", "5"], "7 events"),
        (("--out", "eth0"), [], "0 events shown"),
        (("--in", "eth0", "tcp"), ["5"], "1 event shown, 6 filtered out, 0 lost"),
        (("192.0.2.6/31", "udp", "--verdict", "pass"), ["5", "5"], "2 events shown"),
        (("203.0.113.0/24",), [], "0 events shown, 7 filtered out"),
        ((f"{FROM}/32",), ["5", "5", "6", "9", "9", "9", "5"], "7 events shown, 0 filtered out"),
        (("--rule", OTHER), ["6"], "1 event shown, 6 filtered out"),
        (("--service", "voice"), ["5", "5"], "2 events shown, 5 filtered out"),
    ):
        told = monitor(host, *options)
        traffic(host)
        lines, last = finish(told)
        equal([re.search(r"> \S+:(\d+) ", line)[1] for line in lines], ports,
              f"monitor {' '.join(options)}".strip())
        check(summary in last, f"  and '{summary}' ({last})")
        equal(watch()["until"], 0, "  and nothing is asked for any more")
    told = monitor(host, "-j", "--service", "voice")
    traffic(host)
    lines, _ = finish(told)
    equal([json.loads(line)["rule"] for line in lines], [VOICE] * 2, "JSON lines are filtered, too")
    told = monitor(host, "--reason", "no-rule", "--count", "2")
    traffic(host)
    equal(told.popen.wait(laboratory.PATIENCE), 0, "--count counts what is shown")


def verbosity(host):
    """Interfaces with verbose on go on as they did; what is asked for by name comes beside."""
    up(host, "eth0", "eth1")
    host.ifw("iface", "set", "eth1", "verbose", "on")
    program = host.lab.program("ifw")
    told = host.router.start(program, "monitor", "--count", "1")
    host.send("eth0", TO, 5)
    host.send("eth1", TO, 6)
    line = told.wait_line("rule-deny")
    check("eth1" in line and told.popen.wait() == 0, "where one is verbose, the others are not watched")
    told = monitor(host, "--iface", "eth0,eth1")
    host.send("eth0", TO, 5)
    host.send("eth1", TO, 6)
    lines, _ = finish(told)
    equal([line.split()[1] for line in lines], ["eth0", "eth1"], "one that is named is, each packet once")
    host.ifw("iface", "set", "eth1", "verbose", "2")
    told = monitor(host, "--iface", "eth1")
    host.send("eth1", TO, 6, count=4)
    lines, _ = finish(told)
    equal(len(lines), 4, "and one that sends every second event, sends each")


def killed(host):
    up(host, "eth0")
    told = monitor(host, "--pcap", FILE)
    check(watch()["snaplen"] > 65535 and watch()["slots"], "a monitor asks for packets")
    host.send("eth0", TO, 5)
    wait_for(lambda: len(packets(FILE)) == 1, "the packet to be in the file")
    check(True, "what was captured is in the file while it goes on")
    first = watch()["until"]
    wait_for(lambda: watch()["until"] > first, "the monitor to ask again")
    told.popen.kill()
    told.popen.wait()
    left = watch()["until"] - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    check(0 < left < 3.1e9, "it asks for three seconds at a time, and again")
    time.sleep(max(left, 0) / 1e9 + 0.1)
    host.send("eth0", TO, 5)
    equal(watch()["until"], 0, "so killed it is forgotten with the first packet after that")
    told = monitor(host, "--reason", "rule-pass")
    traffic(host)
    equal(len(finish(told)[0]), 2, "and the next one sees what comes from then on")


def words(host):
    up(host, "eth0")

    def attempt(*options):
        return host.run("timeout", "5", host.lab.program("ifw"), "monitor", *options, ok=False)

    refused(attempt("--reason", "no-rule,nonsense"), 1, "there is no reason 'nonsense'; there are:\n  malformed",
            "an unknown reason is refused with those that there are")
    refused(attempt("--verdict", "maybe"), 1, "--verdict takes pass or drop", "so is a verdict")
    refused(attempt("--iface", "eth0,eth7"), 2, "'eth7' is not up", "an interface that is not up")
    refused(attempt("--rule", "deny tcp to 10.0.0.0/8 port 1"), 1, "no rule in force has this match.*rule list",
            "a rule that is not in force")
    refused(attempt("--rule", "deny tcp to"), 1, "rule:1:12", "words that are no rule, where they are wrong")
    refused(attempt("--service", "video"), 1, "no rule in force has the service 'video'", "a service")
    refused(attempt("10.0.0.0/8", "10.0.0.0/9"), 1, "one prefix at most", "two prefixes")
    refused(attempt("--snaplen", "100"), 1, "--pcap FILE", "--snaplen without packets")
    refused(attempt("--snaplen", "13", "--pcap", FILE), 1, "from 14", "and a small one")
    refused(attempt("-j", "--pcap", FILE), 1, "leave -j away", "lines and packets at once")
    refused(attempt("--pcap", "/nonsense/file"), 2, "cannot write '/nonsense/file': No such file",
            "a file that cannot be")
    refused(attempt("--pcap", "/dev/full", "--count", "1"), 2, "cannot write '/dev/full': No space", "a full disk")
    equal(watch()["until"], 0, "none has asked for anything that stays")


# --- Packets ------------------------------------------------------------------------------


def options(block):
    """{code: value} of the options of a block."""
    found = {}
    while len(block) >= 4:
        code, size = struct.unpack_from("<HH", block)
        if code == 0:
            break
        found[code] = block[4 : 4 + size]
        block = block[4 + (size + 3) // 4 * 4 :]
    return found


def packets(path):
    """(interface, link type, direction, ns, bytes, length, comment) of each, by the format's words."""
    data, at, interfaces, found = pathlib.Path(path).read_bytes(), 0, [], []
    while at + 12 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if at + size > len(data):
            break
        body = data[at + 8 : at + size - 4]
        if kind == 1:
            interfaces.append((options(body[8:])[2].decode(), struct.unpack_from("<H", body)[0]))
            assert options(body[8:])[9] == b"\x09", "nanoseconds"
        elif kind == 6:
            number, high, low, captured, length = struct.unpack_from("<IIIII", body)
            said = options(body[20 + (captured + 3) // 4 * 4 :])
            found.append((*interfaces[number], {1: "in", 2: "out"}[said[2][0] & 3], high << 32 | low,
                          body[20 : 20 + captured], length, said[1].decode()))
        at += size
    return found


def captured(host, act, *arguments):
    told = monitor(host, "--pcap", FILE, *arguments)
    act()
    lines, last = finish(told)
    equal(lines, [], "packets are written in place of lines")
    return packets(FILE), last


def simulated(host, state):
    """What the simulator finds of the file, as comments say it."""
    shown = host.run(host.lab.program("ifw-sim"), "run", "--state", state, FILE).stdout
    found = []
    for line in shown.splitlines():
        _, verdict, reason, _, rule = line.split(None, 4)
        found.append(f"{verdict} {reason}" + ("" if rule == "-" else f" by {rule}"))
    return found


def pcap(host):
    up(host, "eth0")
    mac = pathlib.Path("/sys/class/net/eth0/address").read_text().strip()
    eth = Ether(dst=mac, src="02:00:00:00:00:99")
    sent = [bytes(p) for p in (
        eth / IP(src=FROM, dst=TO) / UDP(sport=1, dport=5) / b"voice",
        eth / IP(src=FROM, dst=TO) / UDP(sport=1, dport=6) / (b"x" * 700),
        eth / IP(src=FROM, dst=TO) / TCP(sport=1, dport=9),
        eth / Dot1Q(vlan=7, prio=3) / IP(src=FROM, dst=TO) / UDP(sport=1, dport=9),
        eth / IP(src=FROM, dst="10.1.1.1") / UDP(sport=1, dport=7),
        eth / IP(src=FROM, dst=TO, flags="MF") / UDP(sport=1, dport=5, len=3000) / (b"f" * 1400),
        eth / IP(src=FROM, dst=TO, frag=176, proto=17) / (b"f" * 80),
        b"\xff" * 12 + b"\x88\xcc" + b"\x00" * 50,
    )]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
        listener.bind(("127.0.0.1", 1000))
        pathlib.Path("/run/state.json").write_text(host.ifw("snapshot"))

        def send():
            with host.router.packet_socket("p-eth0") as raw:
                for one in sent:
                    raw.send(one)

        before = time.time_ns()
        found, last = captured(host, send, "--in", "eth0")
        after = time.time_ns()
    comments = [f"pass rule-pass by {VOICE}", f"drop rule-deny by {OTHER}", "drop no-rule", "drop no-rule",
                f"pass intercepted by {INTERCEPT}", f"pass rule-pass by {VOICE}",
                f"pass fragment by {VOICE}", "drop non-ip"]
    equal([p[6] for p in found], comments, "comments say what became of each packet, and by which rule")
    equal([p[4] for p in found], sent, "its bytes are those that were sent, a VLAN tag among them")
    equal([p[5] for p in found], [len(one) for one in sent], "and so are lengths")
    equal({p[:3] for p in found}, {("eth0", 1, "in")}, "interface, link type and direction stand there")
    check(all(before <= p[3] <= after for p in found) and sorted(p[3] for p in found) == [p[3] for p in found],
          "times are of the day, in order")
    equal(last, f"ifw: {len(sent)} packets written, 0 filtered out, 0 lost", "it says how many were written")
    equal([bytes(p) for p in rdpcap(FILE)], sent, "scapy reads the same")
    shown = host.run("tcpdump", "-nr", FILE, "-t").stdout.splitlines()
    equal(len(shown), len(sent), "so does tcpdump")
    equal(simulated(host, "/run/state.json"), comments, "and the simulator decides each as the kernel did")
    equal(os.stat(FILE).st_mode & 0o777, 0o600, "the file is its owner's alone")
    found, last = captured(host, send, "--snaplen", "60", "--in", "eth0", "--reason", "rule-deny")
    equal([(len(p[4]), p[5]) for p in found], [(60, len(sent[1]))], "--snaplen cuts, and filters hold")
    check("1 packet written, 1 cut" in last, "which is said")
    done = subprocess.Popen([host.lab.program("ifw"), "monitor", "--pcap", "-", "--count", "8"],
                            stdout=open("/run/piped", "wb"), stderr=subprocess.PIPE)
    wait_for(lambda: watch()["until"], "the monitor to ask")
    send()
    equal(done.wait(laboratory.PATIENCE), 0, "packets go to standard output")
    equal([p[4] for p in packets("/run/piped")], sent, "the same ones")


def refused_capture(host):
    """A monitor that cannot read leaves the file as it was; one that can begins it anew."""
    up(host, "eth0")
    kept, told = b"what was captured before\n" * 100, monitor(host)
    pathlib.Path(FILE).write_bytes(kept)
    refused(host.run("timeout", "5", host.lab.program("ifw"), "monitor", "--pcap", FILE, ok=False), 2,
            "somebody reads the events already", "a second monitor is refused")
    equal(pathlib.Path(FILE).read_bytes(), kept, "and the file that it was to write is as it was")
    finish(told)
    found, last = captured(host, lambda: host.send("eth0", TO, 5))
    equal((len(found), "1 packet written" in last), (1, True), "where it can read, the file holds its packets alone")
    told = host.router.start("sh", "-c", 'exec "$0" monitor --pcap - >>"$1"', host.lab.program("ifw"), FILE)
    wait_for(lambda: watch()["until"], "the monitor to ask")
    host.send("eth0", TO, 6)
    finish(told)
    equal(len(packets(FILE)), 2, "standard output is left where the shell put it")


def hung_up(host):
    """A terminal that goes ends it in order, the file whole; with nohup it goes on."""
    up(host, "eth0")
    for words, goes_on in (((), False), (("nohup",), True)):
        told = host.router.start(*words, host.lab.program("ifw"), "monitor", "--pcap", FILE)
        wait_for(lambda: watch()["until"], "the monitor to ask")
        host.send("eth0", TO, 5, count=3)
        told.popen.send_signal(signal.SIGHUP)
        if goes_on:
            time.sleep(0.2)
            equal(told.popen.poll(), None, "with nohup the monitor goes on")
            finish(told)
        equal((told.popen.wait(6 * laboratory.PATIENCE), len(packets(FILE))), (0, 3), "each packet is in the file")
        equal(watch()["until"], 0, "and nothing is asked for any more")


def devices(host):
    """Link types side by side, and frames that are larger than any on a wire."""
    client = host.lab.client()
    host.run("ip", "tuntap", "add", "tun0", "mode", "tun")
    host.router.configure("tun0", "172.16.250.1/24")
    host.ifw("up", "eth0", "tun0")
    pathlib.Path("/run/state.json").write_text(host.ifw("snapshot"))
    with client.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind(("172.16.240.2", 80))
        server.listen()

        def send():
            with socket.create_connection(("172.16.240.2", 80)) as out:
                taken, _ = server.accept()
                out.sendall(b"x" * 60000)
                got = 0
                while got < 60000:
                    got += len(taken.recv(65536))
                taken.close()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tun:
                tun.sendto(b"y" * 30, ("172.16.250.2", 9))

        found, last = captured(host, send, "--iface", "eth0,tun0")
    check(last.endswith(" 0 filtered out, 0 lost"), f"none is lost ({last})")
    equal({p[:2] for p in found}, {("eth0", 1), ("tun0", 101)}, "Ethernet and raw IP have a link type each")
    raw = [p for p in found if p[0] == "tun0" and p[6] == "pass egress-pass"]
    check(any(p[4][28:] == b"y" * 30 and p[2] == "out" for p in raw), "what leaves a tun starts with its IP header")
    merged = [p for p in found if p[6].endswith("; several packets, merged by the stack")]
    check(merged and all(len(p[4]) == p[5] for p in found), "what the stack has merged is there, and whole")
    check(max(p[5] for p in found) > 2000, f"up to {max(p[5] for p in found)} bytes")
    host.run(host.lab.program("ifw-sim"), "run", "--state", "/run/state.json", FILE)


laboratory.main(commands.parts(filters, verbosity, killed, words, pcap, refused_capture, hung_up, devices))
