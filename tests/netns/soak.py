# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What test_soak.py keeps going all at once: conversations, floods, changes, restarts.

Each Worker is a thread that does one thing again and again until it is ended. What
it finds wrong it writes down; what must not happen at all fails the test, and what
may go unanswered may so only while its listener was away (Away).
"""

import os
import random
import socket
import subprocess
import threading
import time

import lab as laboratory
from network import family_of, proxy_says, start_proxy

TRY = 0.5  # seconds that a client waits


class Away:
    """When a thing was not there."""

    def __init__(self):
        self.times = []  # [from, until]; until is None while it is away

    def begin(self):
        self.times.append([time.monotonic(), None])

    def end(self):
        self.times[-1][1] = time.monotonic()

    def overlaps(self, begun, ended):
        return any(start <= ended and (end is None or end >= begun) for start, end in self.times)


class Worker:
    """Does step() until it is ended, with a pause between; what it raises is wrong, too."""

    def __init__(self, step, pause=0.0):
        self.step, self.pause = step, pause
        self.done = self.missing = 0
        self.wrong = []
        self.going = threading.Event()
        self.between = threading.Lock()  # who holds it knows that no step is under way
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.going.is_set():
            try:
                with self.between:
                    self.step(self)
                self.done += 1
            except Exception as error:  # one failure does not end the soak
                self.wrong.append(f"{type(error).__name__}: {error}")
            self.going.wait(self.pause)

    def end(self):
        self.going.set()
        self.thread.join()
        return self


def paced(step, rate):
    """A Worker that does step so many times a second, later ones sooner where one was late."""
    begun = time.monotonic()

    def once(worker):
        step(worker)
        worker.going.wait(max(0.0, begun + worker.done / rate - time.monotonic()))

    return Worker(once)


# --- Conversations -------------------------------------------------------------------


def ask(source, kind, destination, said):
    """What a client of namespace source is told; None: nothing, or that nobody is there."""
    family = family_of(destination[0])
    with source.socket(family.af, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as s:
        s.settimeout(TRY)
        try:
            if kind == "udp":
                s.sendto(said.encode(), destination)
                data, origin = s.recvfrom(4096)
                return data.decode() if origin[:2] == destination else f"from {origin}: {data}"
            s.connect(destination)
            s.sendall(said.encode())
            return s.recv(4096).decode() or None
        except (TimeoutError, ConnectionError):
            return None


def intercepted(source, family, kind, ports, away):
    """Conversations with addresses that nobody has, which the proxy is to answer."""
    chance = random.Random(f"{source.name} {family.name} {kind}")

    def step(worker):
        prefix, colon = ("10.9", False) if family.name == "IPv4" else ("2001:db8:9", True)
        low, high = chance.randrange(1, 65536), chance.randrange(1, 255)
        address = f"{prefix}::{low:x}:{high:x}" if colon else f"{prefix}.{low >> 8}.{high}"
        destination = (address, chance.choice(ports))
        begun = time.monotonic()
        answer = ask(source, kind, destination, "hello")
        if answer is None and away.overlaps(begun, time.monotonic()):
            worker.missing += 1
        elif answer != proxy_says(destination):
            worker.wrong.append(f"{kind} to {destination}: {answer!r}")

    return Worker(step, 0.02)


def question(source, kind, destination):
    """Conversations that the router or who is behind it begins: each must be answered."""
    def step(worker):
        said = f"question {worker.done}"
        answer = ask(source, kind, destination, said)
        if answer != said:
            worker.wrong.append(f"{kind} to {destination}: {answer!r}")

    return Worker(step, 0.02)


class Echo:
    """Says what is said to it, TCP and UDP, at one address of a namespace."""

    def __init__(self, namespace, address):
        family = family_of(address[0])
        self.udp = namespace.socket(family.af, socket.SOCK_DGRAM)
        self.tcp = namespace.socket(family.af, socket.SOCK_STREAM)
        for one in (self.udp, self.tcp):
            one.bind(address)
            one.settimeout(0.2)
        self.tcp.listen(64)
        self.workers = [Worker(self._datagram), Worker(self._connection)]

    def _datagram(self, _):
        try:
            self.udp.sendto(*self.udp.recvfrom(4096))
        except TimeoutError:
            pass

    def _connection(self, _):
        try:
            connection, _ = self.tcp.accept()
        except TimeoutError:
            return
        with connection:
            connection.settimeout(laboratory.PATIENCE)
            connection.sendall(connection.recv(4096))

    def end(self):
        for worker in self.workers:
            worker.end()
        self.udp.close()
        self.tcp.close()


class Stream:
    """Datagrams to (address, port) each in turn, of a size each; counts what was sent to each port."""

    def __init__(self, source, address, ports, sizes, pause):
        self.socket = source.socket(family_of(address).af, socket.SOCK_DGRAM)
        self.sent = dict.fromkeys(ports, 0)

        def step(worker):
            port = ports[worker.done % len(ports)]
            self.socket.sendto(bytes(sizes[worker.done // len(ports) % len(sizes)]), (address, port))
            self.sent[port] += 1

        self.worker = Worker(step, pause)

    def end(self):
        wrong = self.worker.end().wrong
        self.socket.close()
        return wrong


def junk(source, iface, frame, pause):
    """Frames with bits turned over, cut off, or nothing but chance."""
    chance = random.Random(iface)
    raw = source.packet_socket(iface)

    def step(_):
        one = bytearray(frame)
        for _ in range(chance.randrange(4)):
            one[chance.randrange(12, len(one))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.2:
            one[14:] = chance.randbytes(chance.randrange(200))
        raw.send(bytes(one[:chance.randrange(14, len(one) + 1)]))

    return Worker(step, pause)


# --- What changes meanwhile ----------------------------------------------------------


class Proxies:
    """The listeners, killed and started again."""

    def __init__(self, lab, addresses):
        self.lab, self.away = lab, {address: Away() for address in addresses}
        self.running = {address: start_proxy(lab, address) for address in addresses}
        self.restarts = 0
        self.worker = Worker(self._restart, 1.0)

    def _restart(self, _):
        address = list(self.running)[self.restarts % len(self.running)]
        self.away[address].begin()
        self.running[address].stop(9)
        self.running[address] = start_proxy(self.lab, address)
        self.away[address].end()
        self.restarts += 1

    def end(self):
        wrong = self.worker.end().wrong
        for one in self.running.values():
            one.stop()
        return wrong


class Changes:
    """Rules that come and go beside those that stay, one at a time and whole sets, so many a second."""

    def __init__(self, lab, staying, rate):
        self.lab, self.staying = lab, staying
        self.coming, self.chance = [], random.Random(1)
        self.lock = threading.Lock()  # held while one is made
        self.worker = paced(self._change, rate)

    def _rule(self):
        # Some share a prefix with one that stays, without a port in common.
        to = self.chance.choice(("10.9.0.0/16", "172.16.240.0/24", f"10.50.{self.chance.randrange(256)}.0/24",
                                 "2001:db8:9::/48", f"2001:db8:{self.chance.randrange(0x50, 0x90):x}::/48"))
        low = self.chance.randrange(20000, 60000)
        action = self.chance.choice(("deny", "pass"))
        return f"{action} {self.chance.choice(('tcp', 'udp'))} to {to} port {low}-{low + self.chance.randrange(100)}"

    def _change(self, worker):
        with self.lock:
            if worker.done % 97 == 96:
                self.reset([self._rule() for _ in range(self.chance.randrange(200))])
            elif len(self.coming) > 100 or self.coming and self.chance.random() < 0.5:
                rule = self.coming.pop(self.chance.randrange(len(self.coming)))
                self.lab.ifw("rule", "del", rule)
            else:
                rule = self._rule()
                if rule not in self.coming:
                    self.coming.append(rule)
                    self.lab.ifw("rule", "add", rule)

    def reset(self, coming=()):
        """Those that stay, and these; the lock must be held."""
        self.coming = list(dict.fromkeys(coming))
        self.lab.ifw("apply", "-", input="".join(f"{rule}\n" for rule in (*self.staying, *self.coming)))


def flapping(lab, guest, name, address, works):
    """An interface that goes down and comes up, loses ifw, or goes altogether; then it works() again."""
    chance = random.Random(name)

    def make():
        lab.veth(lab.router, name, guest, "eth0")
        lab.router.configure(name, f"{address}.1/24")
        guest.configure("eth0", f"{address}.2/24")
        guest.run("ip", "route", "add", "default", "via", f"{address}.1")
        lab.ifw("up", name)

    def step(worker):
        what = chance.choice(("link", "ifw", "anew"))
        if what == "link":
            lab.router.run("ip", "link", "set", name, "down")
            lab.router.run("ip", "link", "set", name, "up")
        elif what == "ifw":
            lab.ifw("down", name)
            lab.ifw("up", name)
        else:
            lab.router.run("ip", "link", "del", name)
            make()
        deadline = time.monotonic() + laboratory.PATIENCE
        while not works():
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing is intercepted on {name} after {what}")

    make()
    return Worker(step, 0.5)


class Monitor:
    """`ifw monitor`, each line of which right() must find right."""

    def __init__(self, lab, right):
        # A build with ASan keeps what was freed, and would seem to grow.
        environment = {**os.environ, "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=1"}
        self.process = subprocess.Popen([lab.program("ifw"), "-j", "monitor"], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=environment)
        self.pid = self.process.pid
        self.right, self.wrong, self.seen = right, [], 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        for line in self.process.stdout:
            self.seen += 1
            if not self.right(line):
                self.wrong.append(line.decode())

    def end(self):
        self.process.send_signal(2)
        self.process.wait(laboratory.PATIENCE)
        self.thread.join()
