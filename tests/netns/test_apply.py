# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ifw apply as a whole: under traffic, of what ifw itself has listed, and where the kernel refuses a part."""

import pathlib
import random
import socket
import subprocess
import threading

import commands
import lab as laboratory
from commands import same
from lab import check, equal
from world import IP_TRANSPARENT

TO, PORT = "192.0.2.7", 1000
ROUNDS = 25
SO_RCVBUFFORCE = 33  # asm-generic/socket.h


def up(host):
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0")


def text(rules):
    return "".join(f"{rule}\n" for rule in rules)


# --- Under traffic -----------------------------------------------------------------------


class Listener:
    """A transparent proxy's socket; counts what it gets."""

    def __init__(self, host, port):
        self.socket = host.router.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind(("127.0.0.1", port))
        self.socket.settimeout(0.2)
        self.count = 0
        self.going = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            try:
                self.socket.recv(64)
                self.count += 1
            except TimeoutError:
                if not self.going:
                    return

    def end(self):
        """All that came."""
        self.going = False
        self.thread.join()
        self.socket.close()
        return self.count


def intercepted_by_both(host):
    """Sets that have nothing in common but that each intercepts the packets that are sent."""
    up(host)
    listeners = {port: Listener(host, port) for port in (40001, 40002)}
    sets = []
    for listener, prefixes in ((40001, ("192.0.2.0/24", "10.{}.0.0/16")), (40002, ("192.0.0.0/16", "10.0.{}.0/24"))):
        sets.append(text(f"intercept udp to {prefix.format(i)} port {PORT - i}-{PORT + i} via 127.0.0.1:{listener}"
                         for i in range(200) for prefix in prefixes[i > 0:]))
    host.ifw("apply", "-", input=sets[0])
    with commands.Traffic(host, "eth0", [(TO, PORT)]) as traffic:
        for i in range(ROUNDS):
            host.ifw("apply", "-", input=sets[(i + 1) % 2])
    counts = {port: listener.end() for port, listener in listeners.items()}
    equal(host.reasons("eth0"), {"intercepted": traffic.sent}, f"each of {traffic.sent} packets, while sets are replaced {ROUNDS} times, is intercepted")
    equal(sum(counts.values()), traffic.sent, "and reaches a listener")
    check(min(counts.values()) > 20, f"now that of the one set, now that of the other: {counts}")


def never_a_mixture(host):
    """Each set denies by another prefix, and passes by the one that the other denies by."""
    up(host)
    ports = (PORT, PORT + 7)
    sets = [text([f"deny udp to {deny} port {PORT}-{PORT + 9}", f"pass udp to {other} port {PORT + 100}",
                  *(f"pass udp to {deny} port {port}" for port in range(2000, 2200))])
            for deny, other in (("192.0.2.0/24", "192.0.0.0/16"), ("192.0.0.0/16", "192.0.2.0/24"))]
    sets[1] += text([f"pass udp to 192.0.2.0/24 port {port} on eth9" for port in ports])
    host.ifw("apply", "-", input=sets[0])
    with commands.Traffic(host, "eth0", [(TO, port) for port in ports]) as traffic:
        for i in range(ROUNDS):
            host.ifw("apply", "-", input=sets[(i + 1) % 2])
    equal(host.reasons("eth0"), {"rule-deny": traffic.sent}, f"each of {traffic.sent} packets is decided by one set alone")


# --- What ifw has listed -------------------------------------------------------------------


def random_address(chance, family):
    if family == 4:
        return ".".join(str(chance.choice((0, 10, 127, 192, 255, chance.randrange(256)))) for _ in range(4))
    return ":".join(f"{chance.choice((0, 0, 0, 1, 0x2001, 0xffff, chance.randrange(65536))):x}" for _ in range(8))


def random_rule(chance):
    family = chance.choice((4, 6))
    bits = {4: 32, 6: 128}[family]
    low = chance.choice((0, 65535, chance.randrange(65536)))
    words = [chance.choice(("intercept", "pass", "deny")), chance.choice(("tcp", "udp"))]
    words += ["to", f"{random_address(chance, family)}/{chance.randrange(bits + 1)}"]
    words += ["port", str(low) if chance.random() < 0.3 else f"{low}-{chance.randrange(low, 65536)}"]
    if words[0] == "intercept":
        address = random_address(chance, family)
        words += ["via", f"{address if family == 4 else f'[{address}]'}:{chance.randrange(1, 65536)}"]
    if chance.random() < 0.4:
        words += ["from", f"{random_address(chance, family)}/{chance.randrange(bits + 1)}"]
    if chance.random() < 0.4:
        names = chance.sample(["eth0", "a-b", "x.1", "wg_0", "lo", "fifteen-letters"], chance.randrange(1, 4))
        words += ["on", ",".join(names)]
    if chance.random() < 0.4:
        letters = "abcXYZ019-_."
        words += ["service", "".join(chance.choice(letters) for _ in range(chance.randrange(1, 12)))]
    return " ".join(words)


def refused_lines(host, rules):
    done = host.lab.ifw("check", "-", ok=False, input=text(rules))
    return {int(line.split(":")[1]) for line in done.stderr.splitlines() if ": error: " in line}


def read_back(host):
    """Random sets: what is listed is understood by check and apply, and listed the same again."""
    up(host)
    chance = random.Random(7)
    file = pathlib.Path("/run/listed")
    wrong = []
    for number in range(20):
        entered = []
        while len(entered) < 100:
            entered.append(random_rule(chance))
        # What is refused (a listener that no host can have, for example) is not what this is about.
        while bad := refused_lines(host, entered):
            entered = [rule for line, rule in enumerate(entered, 1) if line not in bad]
        host.ifw("apply", "-", input=text(entered))
        listed = host.ifw("rule", "list")
        file.write_text(listed)
        if len(entered) < 80 or len(listed.splitlines()) != len(set(entered)):
            wrong.append((number, "entered", len(entered), "listed", len(listed.splitlines())))
        if host.ifw("check", file) != f"{len(listed.splitlines())} rules, no errors\n":
            wrong.append((number, "check"))
        if "the same as before" not in host.ifw("apply", file) or host.ifw("rule", "list") != listed:
            wrong.append((number, "apply over it"))
        host.ifw("rule", "flush")
        host.ifw("apply", file)
        if host.ifw("rule", "list") != listed:
            wrong.append((number, "apply after flush"))
    equal(wrong, [], "20 random sets are read back byte for byte, over themselves and over nothing")


def the_same_again(host):
    """Nothing at all changes, counters included."""
    up(host)
    rules = text(f"deny udp to 192.0.2.0/24 port {port}" for port in range(PORT, PORT + 50))
    host.ifw("apply", "-", input=rules)
    host.send("eth0", TO, PORT, count=30)
    shown = [host.ifw(*words) for words in (("stats",), ("rule", "list", "-j"))]
    before = host.state()
    maps = map_ids(host)
    for _ in range(2):
        check("the same as before" in host.ifw("apply", "-", input=rules), "the same set, applied again, is known")
    equal([host.ifw(*words) for words in (("stats",), ("rule", "list", "-j"))], shown, "counters stand where they stood")
    same(before, host.state(), "nothing else has changed")
    equal(map_ids(host), maps, "the maps are the same ones")


def map_ids(host):
    shown = (host.run("bpftool", "map", "show", "pinned", pin, ok=False).stdout for pin in commands.pins())
    return [one.split(":")[0] for one in shown]


# --- Where the kernel refuses ----------------------------------------------------------------


def refused_midway(host):
    """No memory for one of the maps, or for elements in the middle: the old set stays, whole."""
    up(host)
    old = text(f"deny udp to 192.0.2.0/24 port {port}" for port in range(PORT, PORT + 50))
    new = text(f"pass udp to 10.{i >> 8}.{i & 255}.0/24 port {PORT}-{PORT + 9}" for i in range(9000))
    host.ifw("apply", "-", input=old)
    before, wrong, reached = host.state(), [], 0
    for number in range(1, 100):
        done = subprocess.run([host.lab.program("ifw"), "apply", "-"], input=new, text=True, capture_output=True,
                              env=commands.disturbed(host, FAIL_AT=number))
        if done.returncode == 0:
            break
        reached = number
        if done.returncode != 2 or "Cannot allocate memory" not in done.stderr:
            wrong.append((number, done.returncode, done.stderr))
        if host.state() != before or host.reason_of("eth0", TO, PORT) != "rule-deny":
            wrong.append((number, "something has changed"))
    check(reached > 6, f"apply is refused at each of {reached} places where it makes maps or fills them")
    equal(wrong, [], "with status 2, and nothing is changed")
    equal(host.ifw("rule", "list") == new, True, "once nothing is refused it works")


laboratory.main(commands.parts(intercepted_by_both, never_a_mixture, read_back, the_same_again, refused_midway))
