# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What ifw does, on real packets, step by step; ci/demo.sh runs it.

A client, a router with a transparent proxy and ifw between them. The network
is one of its own (tests/netns/lab.py) and disappears with this process.
"""

import json
import os
import pathlib
import socket
import struct
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "netns"))
import lab as laboratory  # noqa: E402
from lab import equal, check, wait_for  # noqa: E402

CLIENT, ROUTER = "172.16.240.2", "172.16.240.1"
NOWHERE = "10.9.8.7"  # no host in this network has it
PORT = 43321
SERVICE = "5XzC8mf1RrFO2vmfHGG5GL"
QUIET = 0.5  # seconds without an answer

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ
ETH_P_IP = 0x0800


def paint(text, code):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


class Story:
    def __init__(self):
        self.number = 0

    def step(self, title):
        self.number += 1
        print(f"\n{paint(f'{self.number}. {title}', '1')}")

    @staticmethod
    def command(*words):
        print(paint("   $ " + " ".join(words), "36"))

    @staticmethod
    def output(text):
        for line in text.rstrip("\n").splitlines():
            print(f"     {line}")


class Capture:
    """Every frame that comes in by the router's eth0, in order."""

    def __init__(self, lab):
        self.socket = lab.router.packet_socket("eth0")
        self.socket.bind(("eth0", 0x0003))  # ETH_P_ALL
        self.socket.setblocking(False)
        self.frames = []

    def read(self):
        while True:
            try:
                frame, where = self.socket.recvfrom(65535)
            except BlockingIOError:
                return self.frames
            if where[2] != socket.PACKET_OUTGOING:
                self.frames.append(frame)


def is_opening(frame):
    """Not part of a TCP conversation that a socket has already: no SYN-ACK, ACK, FIN."""
    if struct.unpack_from("!H", frame, 12)[0] != ETH_P_IP or frame[23] != socket.IPPROTO_TCP:
        return True
    flags = frame[14 + 4 * (frame[14] & 15) + 13]
    return flags & 0x12 == 0x02  # SYN without ACK


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            out.write(struct.pack("=IIII", number, 0, len(frame), len(frame)) + frame)


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.story = Story()
        self.conversations = []  # (local, remote) of sockets on the router

    def run(self, *words, show=True):
        """A command on the router, shown as a person would type it."""
        self.story.command(*words)
        done = self.lab.router.run(self.lab.program(words[0]), *words[1:])
        if show:
            self.story.output(done.stdout)
        return done.stdout

    def network(self):
        lab = self.lab
        self.story.step("A client and a router, joined by a cable")
        self.client = lab.namespace("client")
        lab.veth(lab.router, "eth0", self.client, "eth0")
        lab.router.configure("eth0", f"{ROUTER}/24")
        self.client.configure("eth0", f"{CLIENT}/24")
        self.client.run("ip", "route", "add", "default", "via", ROUTER)
        print(f"""
     client                     router
     {CLIENT} ---- eth0 {ROUTER}      {NOWHERE} exists nowhere
                                proxy on 127.0.0.1:{PORT}

   The proxy (tests/netns/transparent_proxy.py) answers TCP and UDP with the
   destination that its client had in mind.""")
        proxy = HERE.parent / "tests" / "netns" / "transparent_proxy.py"
        self.proxy = lab.router.start(sys.executable, "-B", str(proxy), "--port", str(PORT))
        self.proxy.wait_line("ready")

    def up(self):
        self.story.step("ifw goes on the router's interface; from now on what no rule names drops")
        self.run("ifw", "up", "eth0")
        self.lab.ifw("iface", "set", "eth0", "verbose", "on")
        self.monitor = self.lab.router.start(self.lab.program("ifw"), "monitor", "-j")
        self.capture = Capture(self.lab)

    def rules(self):
        self.story.step("Rules, added the way a zero-trust router adds them")
        common = ["-c", "10.9.0.0", "-m", "16", "-o", "0.0.0.0", "-n", "0"]
        for protocol, low, high in (("tcp", "80", "90"), ("udp", "53", "53")):
            self.run("zfw", "-I", *common, "-p", protocol, "-l", low, "-h", high, "-t", str(PORT),
                     "-s", SERVICE)
        self.run("ifw", "rule", "list")

    def tcp(self):
        self.story.step(f"The client connects to {NOWHERE}:80")
        with self.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(laboratory.PATIENCE)
            s.connect((NOWHERE, 80))
            local = s.getsockname()
            s.sendall(b"hello")
            answer = s.recv(4096).decode().strip()
        self.conversations.append(((NOWHERE, 80), local))
        self.story.output(answer)
        equal(answer, f"proxy: you wanted {NOWHERE}:80 and said 'hello'",
              "the proxy answered, and knows the original destination")

    def udp(self):
        self.story.step("The same over UDP, to port 53")
        with self.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(laboratory.PATIENCE)
            s.sendto(b"hello", (NOWHERE, 53))
            data, origin = s.recvfrom(4096)
        self.story.output(f"{data.decode().strip()}   (from {origin[0]}:{origin[1]})")
        equal(origin, (NOWHERE, 53), "the answer comes from the original destination")

    def outside_the_range(self):
        self.story.step("Port 91 is one above the range")
        with self.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(QUIET)
            try:
                s.connect((NOWHERE, 91))
                answered = True
            except TimeoutError:
                answered = False
        check(not answered, "nobody answers; the router's counters say why:")
        out = self.run("ifw", "stats", "eth0")
        check("no-rule" in out, "dropped under the reason 'no-rule'")

    def ssh(self):
        self.story.step("ssh to the router itself stays possible without a rule")
        with self.lab.router.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
            server.bind((ROUTER, 22))
            server.listen()
            with self.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
                s.settimeout(laboratory.PATIENCE)
                s.connect((ROUTER, 22))
                self.conversations.append(((ROUTER, 22), s.getsockname()))
                peer, _ = server.accept()
                peer.sendall(b"SSH-2.0-demo\r\n")
                equal(s.recv(100), b"SSH-2.0-demo\r\n", f"{ROUTER}:22 answers with its greeting")
                peer.close()

    def own_connection(self):
        self.story.step("What the router itself asks gets its answers")
        with self.client.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
            server.bind((CLIENT, 7000))
            server.listen()
            with self.lab.router.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
                s.settimeout(laboratory.PATIENCE)
                s.connect((CLIENT, 7000))
                self.conversations.append((s.getsockname(), (CLIENT, 7000)))
                peer, _ = server.accept()
                peer.sendall(b"answer")
                equal(s.recv(100), b"answer", f"the router's connection to {CLIENT}:7000 works")
                peer.close()

    def world(self, established):
        lines = [f"interface eth0 index {self.lab.router.ifindex('eth0')} address {ROUTER}/24",
                 f"socket tcp listen 127.0.0.1:{PORT}", f"socket udp bound 127.0.0.1:{PORT}"]
        for (local, remote) in self.conversations if established else ():
            lines.append(f"socket tcp established {local[0]}:{local[1]} {remote[0]}:{remote[1]}")
        return "\n".join(lines) + "\n"

    def simulate(self, folder, name, frames, established):
        """What the simulator says about frames, in a world with or without those sockets."""
        paths = {what: pathlib.Path(folder, f"{name}.{what}") for what in ("world", "rules", "pcap")}
        paths["world"].write_text(self.world(established))
        paths["rules"].write_text(self.lab.ifw("rule", "list").stdout)
        write_pcap(paths["pcap"], frames)
        words = ["ifw-sim", "run", "--rules", str(paths["rules"]), "--world", str(paths["world"]),
                 "--in", "eth0", "-j", str(paths["pcap"])]
        self.story.command("ifw-sim run --rules", paths["rules"].name, "--world",
                           paths["world"].name, "--in eth0 -j", paths["pcap"].name)
        out = self.lab.router.run(self.lab.program(words[0]), *words[1:]).stdout
        return [json.loads(line) for line in out.splitlines()]

    def event_in(self):
        """The next one of what came in; what left is told, too."""
        while line := self.monitor.line():
            event = json.loads(line)
            if event["direction"] == "in":
                return event
        return {}

    def answers(self):
        self.story.step("What leaves is remembered, so that its answers pass without a rule")
        print("   The router asks from a socket that is connected to nobody, as NTP and WireGuard do.")
        with self.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, \
                self.lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
            far.bind((CLIENT, 123))
            near.bind((ROUTER, 123))
            for one in far, near:
                one.settimeout(laboratory.PATIENCE)
            near.sendto(b"what time is it?", (CLIENT, 123))
            _, where = far.recvfrom(100)
            far.sendto(b"late", where)
            equal(near.recvfrom(100), (b"late", (CLIENT, 123)), "the answer comes")
            self.run("ifw", "flow", "list", "udp", f"{CLIENT}/32")
            listed = json.loads(self.lab.ifw("stats", "-j", "eth0").stdout)["interfaces"][0]["reasons"]
            check(any(r["reason"] == "tracked" and r["packets"] for r in listed), "it passed as 'tracked'")

    def what_if(self):
        self.story.step("The same packets, captured, through the simulator")
        print("   It runs the very same decision in user space, without any privilege. First the\n"
              "   packets that open something, then those of conversations that sockets have.")
        frames = list(self.capture.read())
        events = [self.event_in() for _ in frames]
        openings = [n for n, frame in enumerate(frames) if is_opening(frame)]
        later = [n for n, frame in enumerate(frames) if not is_opening(frame)]
        simulated = [None] * len(frames)
        with tempfile.TemporaryDirectory() as folder:
            for name, numbers, established in (("opening", openings, False), ("later", later, True)):
                answers = self.simulate(folder, name, [frames[n] for n in numbers], established)
                for number, answer in zip(numbers, answers):
                    simulated[number] = answer
        fields = ("verdict", "reason", "rule", "assigned")
        print(f"\n     {'packet':<46}{'kernel':<22}simulator")
        agree = 0
        for event, answer in zip(events, simulated):
            who = event.get("protocol") or "arp"
            if event.get("src_port"):
                who = f"{who} {event['src']}:{event['src_port']} > {event['dst']}:{event['dst_port']}"
            same = answer is not None and all(event.get(f) == answer.get(f) for f in fields)
            agree += same
            sim = f"{answer['verdict']} {answer['reason']}" if answer else "-"
            print(f"     {who:<46}{event.get('verdict')} {event.get('reason'):<17}{sim}"
                  f"{'' if same else '   <- differs'}")
        equal(agree, len(frames), f"kernel and simulator agree on verdict, reason, rule and socket "
              f"of all {len(frames)} packets")

    def down(self):
        self.story.step("And off again: nothing of ifw stays behind")
        self.run("ifw", "down", "--all")
        rules = self.lab.router.run("ip", "rule").stdout
        check("fwmark" not in rules and not list(pathlib.Path("/sys/fs/bpf").glob("ifw*")),
              "no pins, no policy rule")


def demo(lab):
    show = Demo(lab)
    for part in (show.network, show.up, show.rules, show.tcp, show.udp, show.outside_the_range,
                 show.ssh, show.own_connection, show.what_if, show.answers, show.down):
        part()
    print()


laboratory.main(demo)
