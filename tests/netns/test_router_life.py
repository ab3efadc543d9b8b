# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A whole life of an OpenZiti router that calls zfw: boot, start, identity update, restart, stop.

One process a call, and eight of them at a time, as the router makes them: a call for each
address, protocol, source and interface of a service. The listeners are real, and at each stage
clients on both sides find what the rules say. All along somebody asks for a service of the
host itself, which no stage may disturb.
"""

import concurrent.futures
import os
import socket
import threading
import time
from dataclasses import dataclass

import commands
import lab as laboratory
from lab import check, equal
from network import FAMILIES, IPV4, IPV6, PROXY_PORT, Network, proxy_says, start_proxy

AT_ONCE = 8
OBJECT = "/opt/openziti/bin/zfw_tc_ingress.o"
HOST_PORT = 8443
SAMPLE = 24  # services that clients ask for at each stage
NOT_UP = "Not enough privileges or ebpf not enabled!"


def services_wanted(lab):
    """Five hundred, and fewer of a program with sanitizers, which takes long to start."""
    return 60 if lab.sanitized() else 500


@dataclass
class Service:
    number: int

    @property
    def protocol(self):
        return "udp" if self.number % 3 == 0 else "tcp"

    @property
    def family(self):
        return IPV6 if self.number % 4 == 0 else IPV4

    @property
    def prefix(self):
        """With host bits, as CIDRs arrive; an address each."""
        if self.family is IPV6:
            return f"2001:db8:9:{self.number:x}::1", "64"
        return f"10.{100 + self.number // 250}.{self.number % 250}.1", "24"

    @property
    def port(self):
        return 1000 + self.number

    @property
    def destination(self):
        address = self.prefix[0]
        return address.replace("::1", "::8:7") if self.family is IPV6 else address[:-1] + "77", self.port

    @property
    def interfaces(self):
        return ["eth0", "eth1"] if self.number % 5 == 0 else ["eth0"]

    @property
    def sources(self):
        """The second one of some is that of clients on eth0 alone."""
        if self.number % 7 == 0 and self.family is IPV4:
            return [("198.51.100.0", "24"), ("172.16.240.0", "24")]
        return [("0.0.0.0", "0")]

    def matches(self):
        """The words that name each of its rules."""
        for source, length in self.sources:
            for interface in self.interfaces:
                yield ["-c", self.prefix[0], "-m", self.prefix[1], "-p", self.protocol,
                       "-o", source, "-n", length, "-l", str(self.port), "-h", str(self.port + 9),
                       "-N", interface]

    def additions(self, listener):
        tail = ["-t", str(listener), "-s", f"service{self.number}"]
        return [["-I", *match[:-2], *tail, *match[-2:]] for match in self.matches()]

    def deletions(self):
        return [["-D", *match] for match in self.matches()]


class Router:
    """It calls zfw, and looks at the exit status alone."""

    def __init__(self, program):
        self.program = program
        self.pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)

    def call(self, words):
        quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)]
        pid = os.posix_spawn(self.program, ["zfw", *words], os.environ, file_actions=quiet)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def statuses(self, calls):
        """What all of them ended with, in brief: {status: how many}."""
        counts = {}
        for status in self.pool.map(self.call, calls):
            counts[status] = counts.get(status, 0) + 1
        return counts


class HostService(threading.Thread):
    """Somebody asks for a service of the host, again and again, from when it begins."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.net = net
        self.listener = net.lab.router.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((IPV4.router, HOST_PORT))
        self.listener.listen(64)
        self.stopping = threading.Event()
        self.asked = self.failed = 0

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"here")

    def ask(self):
        with self.net.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(laboratory.PATIENCE)
            try:
                s.connect((IPV4.router, HOST_PORT))
                return s.recv(16) == b"here"
            except OSError:
                return False

    def run(self):
        threading.Thread(target=self.serve, daemon=True).start()
        while not self.stopping.wait(0.02):
            self.asked += 1
            self.failed += not self.ask()

    def stop(self):
        self.stopping.set()
        self.join()
        self.listener.close()


class Life:
    def __init__(self, lab):
        self.net = Network(lab)
        self.host = commands.Host(lab)
        self.router = Router(lab.program("zfw"))
        count = services_wanted(lab)
        self.services = [Service(number) for number in range(1, count + 1)]
        self.sample = self.services[:: max(1, count // SAMPLE)]
        self.proxies = list(self.net.proxies.values())
        self.listener = PROXY_PORT

    def additions(self):
        return [call for one in self.services for call in one.additions(self.listener)]

    def deletions(self):
        return [call for one in self.services for call in one.deletions()]

    def zfw(self, words, status, text):
        done = self.host.zfw(*words.split())
        equal(done.returncode, status, f"zfw {words}: {text}")
        return done.stdout

    def another_listener(self):
        """The router brings a new port at each start; who listened before is gone."""
        for proxy in self.proxies:
            proxy.stop()
        self.listener += 1
        self.proxies = [start_proxy(self.net.lab, f.loopback, self.listener) for f in FAMILIES]

    def ask(self, service, source=None, seconds=laboratory.PATIENCE):
        """What a client is told, by whoever listens for the service; None: nothing."""
        if service.protocol == "tcp":
            return self.net.tcp(service.destination, source=source, seconds=seconds)
        answer = self.net.udp(service.destination, source=source, seconds=seconds)
        return answer and answer[0]

    def all_answer(self, stage):
        equal([one.number for one in self.sample
               if self.ask(one) != proxy_says(one.destination)], [],
              f"{stage}: each service that was asked for is answered by its listener")
        both = [one for one in self.sample if len(one.interfaces) == 2 and len(one.sources) == 1]
        equal([one.number for one in both
               if self.ask(one, self.net.server) != proxy_says(one.destination)], [],
              f"{stage}: those on two interfaces by the other one, too")
        for wrong in [next(one for one in self.sample if len(one.interfaces) == 1),
                      next((one for one in self.services
                            if len(one.interfaces) == 2 and len(one.sources) == 2))]:
            answer, dropped = self.net.counted(
                "no-rule", "drop", lambda w=wrong: self.ask(w, self.net.server, 0.3), "eth1")
            check(answer is None and dropped, f"{stage}: service {wrong.number} is not, there")

    def none_answers(self, stage):
        few = self.sample[:4]
        answers, dropped = self.net.counted(
            "no-rule", "drop", lambda: [self.ask(one, seconds=0.3) for one in few])
        check(answers == [None] * len(few) and dropped >= len(few), f"{stage}: no service is answered")

    def has_rules(self, count, stage):
        equal(self.zfw("-L", 0, "the list").splitlines()[-2].split(" / ")[0], f"Rule Count: {count}",
              f"{stage}: each rule is there once")


def boot(life):
    """What the start script does, before the router is there."""
    life.host.ifw("down", "--all")
    check(life.zfw("-L -E", 1, "nothing is up").strip() == NOT_UP, "as the script reads it")
    life.zfw("-Q", 1, "nothing is to be cleared")
    for name in ("eth0", "eth1"):
        life.zfw(f"-X {name} -O {OBJECT} -z ingress", 0, "attached")
        life.zfw(f"-X {name} -O {OBJECT} -z egress", 0, "for what leaves, too")
        life.zfw(f"-X {name} -O {OBJECT} -z ingress", 0, "again, as the script does when it sees no filter")
    life.zfw("-P eth1", 0, "the outer one takes only rules that name it")
    life.zfw(f"-I -c {IPV4.router} -m 32 -l {HOST_PORT} -h {HOST_PORT} -t 0 -p tcp", 0, "a rule of the user")
    shown = {block.split(":")[0]: block for block in life.zfw("-L -E", 0, "the interfaces").split("\n\n")}
    for name, per_interface in (("eth0", 0), ("eth1", 1)):
        lines = shown[name].splitlines()
        check({"tc ingress filter       :1", "tc egress filter        :1", "ipv6 enable             :1",
               f"per interface           :{per_interface}"} <= set(lines), f"{name} is as it was asked for")
    return 1


def start(life, others):
    equal(life.router.call(["-V"]), 0, "the router asks for the version, and intercepts")
    calls = life.additions()
    began = time.monotonic()
    equal(life.router.statuses(calls), {0: len(calls)}, f"{len(life.services)} services are {len(calls)} calls, all done")
    print(f"# {len(calls)} calls in {time.monotonic() - began:.1f} s")
    life.has_rules(len(calls) + others, "start")
    life.all_answer("start")


def update(life, others):
    calls = life.deletions()
    equal(life.router.statuses(calls), {0: len(calls)}, "an identity update deletes all")
    life.has_rules(others, "update")
    life.none_answers("update")
    life.another_listener()
    calls = life.additions()
    readers = [["-L"], ["-L", "-E"]] * 4
    equal(life.router.statuses(calls[:50] + readers + calls[50:]), {0: len(calls) + len(readers)},
          "and adds all again, while somebody lists them")
    life.has_rules(len(calls) + others, "update")
    life.all_answer("update")


def restart(life, others):
    """It ends without deleting, and another one adds over what is there."""
    life.another_listener()
    calls = life.additions()
    equal(life.router.statuses(calls), {0: len(calls)}, "after a restart all are added over the former")
    life.has_rules(len(calls) + others, "restart")
    life.all_answer("restart")
    one = life.services[0]
    equal(life.router.statuses(one.additions(life.listener) * 8), {0: 8 * len(list(one.matches()))},
          "the same ones at the same time")
    life.has_rules(len(calls) + others, "restart")


def stop(life, others):
    calls = life.deletions()
    equal(life.router.statuses(calls), {0: len(calls)}, "at the end all are deleted")
    equal(life.router.statuses(calls[:20]), {1: 20}, "what is not there is not deleted again")
    life.has_rules(others, "stop")
    life.none_answers("stop")


def end(life):
    life.zfw("-Q", 0, "everything is taken off")
    equal((commands.pins(), life.host.ours()), ([], []), "and nothing is left")
    life.zfw("-L", 1, "so that nothing can be listed")
    equal(life.router.call(life.services[0].additions(1)[0]), 1, "or added")


def whole_life(lab):
    life = Life(lab)
    others = boot(life)
    beside = HostService(life.net)
    beside.start()
    for stage in (start, update, restart, stop):
        began = time.monotonic()
        stage(life, others)
        print(f"# {stage.__name__}: {time.monotonic() - began:.1f} s")
    end(life)
    beside.stop()
    check(beside.asked > 20 and beside.failed == 0,
          f"the host's own service answered all along ({beside.failed} of {beside.asked} failed)")


laboratory.main(whole_life)
