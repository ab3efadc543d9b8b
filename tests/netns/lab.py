# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A network of its own for a test, which leaves nothing behind.

main() starts the test again in private mount, network and process namespaces,
with a bpffs and /run of their own. The test is the first process there: when
it ends, in whatever way, the kernel takes away its processes, then namespaces,
mounts, pins and programs. So tests run in parallel, and need no cleaning up.

The test's own namespace plays the router; lab.namespace() makes others, lab.client() one beside it:

    def test(lab):
        client = lab.client()
        lab.ifw("up", "eth0")
        check(client.run("ping", "-c1", "172.16.240.1", ok=False).returncode != 0, "echo is off")

    lab.main(test)

A test prints a line a check and exits with 0, 1 (a check failed, or there was
none), or 77 where this system cannot run it. With --shell it opens a shell in
the network instead of ending.
"""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import platform
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

SKIP = 77
HOOKS = ("tcx", "clsact")  # where ingress programs can be attached; older kernels have the latter alone
# Seconds; what does not come by then does not come. An emulated machine takes longer.
PATIENCE = float(os.environ.get("IFW_PATIENCE", 5))

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18

INSIDE = "IFW_LAB"  # set where main() has started the test again

libc = ctypes.CDLL(None, use_errno=True)


def skip(reason):
    """Ends the test: this system cannot run it. What has failed before remains a failure."""
    print(f"skipped: {reason}", flush=True)
    leave_skipped()


def leave_skipped():
    sys.stdout.flush()
    os._exit(1 if tally.failed else SKIP)


# --- Checks --------------------------------------------------------------------


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def count(self, good, text):
        if good:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok' if good else 'FAIL':6}{text}", flush=True)
        return good


tally = Tally()


def check(condition, text):
    """Counts and prints one check; text says what holds. Returns whether it does."""
    return tally.count(bool(condition), text)


def equal(got, expected, text):
    """As check(); says what it was instead."""
    if got == expected:
        return tally.count(True, text)
    return tally.count(False, f"{text}: expected {expected!r}, got {got!r}")


def wait_for(condition, what, seconds=PATIENCE):
    """Polls until condition() is true and returns its value; fails the test after seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.005)


# --- Processes and namespaces ----------------------------------------------------


class Process:
    """A program in the background. The lab's end is its end, too."""

    def __init__(self, command, **options):
        self.command = command
        self.popen = subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
        )
        self.queue = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.popen.stdout:
            self.queue.put(line.rstrip("\n"))
        self.queue.put(None)

    def line(self, seconds=PATIENCE):
        """The next line that it prints; None where it ended or none comes in time."""
        try:
            return self.queue.get(timeout=seconds)
        except queue.Empty:
            return None

    def wait_line(self, words, seconds=PATIENCE):
        """Reads up to the first line that holds words."""
        deadline = time.monotonic() + seconds
        seen = []
        while (left := deadline - time.monotonic()) > 0:
            line = self.line(left)
            if line is None:
                break
            seen.append(line)
            if words in line:
                return line
        raise AssertionError(f"{self.command[0]} did not say '{words}' but {seen}")

    def stop(self, sign=signal.SIGTERM):
        """Ends it and returns its status; SIGKILL where it does not listen."""
        if self.popen.poll() is None:
            self.popen.send_signal(sign)
        try:
            return self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()


class Namespace:
    """A network namespace: programs run in it, sockets of it."""

    def __init__(self, name, path):
        self.name = name
        self.path = path  # None: the test's own
        self.last_ifindex = 0

    def command(self, *command):
        # Not `ip netns exec`: that mounts another /sys, without the bpffs.
        prefix = ["nsenter", f"--net={self.path}"] if self.path else []
        return [*prefix, *(str(word) for word in command)]

    def run(self, *command, ok=True, input=None, seconds=6 * PATIENCE):
        """Runs a program to its end. ok: a status other than 0 fails the test."""
        done = subprocess.run(
            self.command(*command), text=True, input=input, capture_output=True, timeout=seconds
        )
        if ok and done.returncode:
            words = " ".join(str(word) for word in command)
            raise AssertionError(f"'{words}' ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def start(self, *command, **options):
        return Process(self.command(*command), **options)

    @contextlib.contextmanager
    def entered(self):
        """Within, sockets that this thread makes are of this namespace, and stay so."""
        if self.path is None:
            yield
            return
        with open("/proc/thread-self/ns/net") as before, open(self.path) as there:
            enter(there.fileno())
            try:
                yield
            finally:
                enter(before.fileno())

    def socket(self, *arguments):
        with self.entered():
            return socket.socket(*arguments)

    def packet_socket(self, iface):
        """Sends whole frames by iface, and receives those that come in by it."""
        with self.entered():
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            raw.bind((iface, 0))
            return raw

    def sysctl(self, name, value):
        with self.entered():
            pathlib.Path("/proc/sys", *name.split(".")).write_text(f"{value}\n")

    def enable_ipv6(self):
        """IPv6, link-local addresses usable at once, no router asked for or listened to."""
        for what in ("all", "default"):
            for name, value in (("accept_dad", 0), ("router_solicitations", 0), ("accept_ra", 0)):
                self.sysctl(f"net.ipv6.conf.{what}.{name}", value)
            self.sysctl(f"net.ipv6.conf.{what}.disable_ipv6", 0)

    def configure(self, iface, *addresses):
        """Gives an interface addresses (ADDRESS/LENGTH) and takes it up."""
        for address in addresses:
            words = []
            if ":" in address:
                words = ["nodad"]  # no second of tentativeness
            elif int(address.split("/")[1]) < 31:
                words = ["broadcast", "+"]
            self.run("ip", "address", "add", address, *words, "dev", iface)
        self.run("ip", "link", "set", iface, "up")

    def next_ifindex(self):
        """A number that no interface here has had, as far as they are cables."""
        with self.entered():
            self.last_ifindex = max(self.last_ifindex, *(number for number, _ in socket.if_nameindex())) + 1
        return self.last_ifindex

    def ifindex(self, iface):
        with self.entered():
            return socket.if_nametoindex(iface)


def enter(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Lab:
    def __init__(self):
        self.router = Namespace("router", None)
        self.indexes = itertools.count(1001)  # of cables' other ends

    def namespace(self, name, ipv6=False):
        """Another namespace, with lo up. Without IPv6 no stray ND or MLD is on its links."""
        self.router.run("ip", "netns", "add", name)
        namespace = Namespace(name, f"/run/netns/{name}")
        prepare(namespace, ipv6)
        return namespace

    def veth(self, a, a_name, b, b_name):
        """A cable between two namespaces; both ends are still down.

        Where both ends happen to have one number in their namespaces, Linux takes each for a
        device that lies on no other, and lets a second go by until it sends (linkwatch).
        """
        ends = ["index", a.next_ifindex(), "type", "veth", "peer", "name", b_name]
        if b.path:
            ends += ["netns", b.name]
        a.run("ip", "link", "add", a_name, *ends, "index", next(self.indexes))

    def client(self, iface="eth0", network="172.16.240"):
        """A namespace that is the router's neighbour there, on its eth0: it is NETWORK.2, the router .1."""
        client = self.namespace("client")
        self.veth(self.router, iface, client, "eth0")
        self.router.configure(iface, f"{network}.1/24")
        client.configure("eth0", f"{network}.2/24")
        return client

    def program(self, name):
        """A program of the build: IFW_BIN, or build/bin."""
        default = pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"
        path = pathlib.Path(os.environ.get("IFW_BIN", default), name)
        if not path.exists():
            raise AssertionError(f"{path} has not been built (IFW_BIN names another folder)")
        return str(path)

    def sanitized(self):
        """Whether ifw has been built with sanitizers: it then takes several times as long to start and to load."""
        return b"__asan_init" in pathlib.Path(self.program("ifw")).read_bytes()

    def beside(self, name):
        """A program or library of the tests themselves, which the build puts into tests/netns/."""
        variable = {"libdisturb.so": "DISTURB_LIBRARY"}.get(name, name.upper())
        default = pathlib.Path(self.program("ifw")).parents[1] / "tests/netns" / name
        return os.environ.get(variable, str(default))

    def ifw(self, *arguments, **options):
        return self.router.run(self.program("ifw"), *arguments, **options)

    def isolated(self, function):
        """Runs function(lab) in a child with a network, bpffs and /run of its own.

        Returns what function returned (as JSON carries it); raises what it raised.
        """
        return Child(function).result()

    def apart(self, function):
        """As isolated(), of a part of the test, whose checks count here, too."""
        def part(own):
            function(own)
            return [tally.passed, tally.failed]  # the child goes on counting from what it inherits

        tally.passed, tally.failed = self.isolated(part)


class Child:
    """A process that runs function(lab) in namespaces of its own, beside this one."""

    def __init__(self, function):
        self.read, write = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.read)
            self._run(function, write)
        os.close(write)

    @staticmethod
    def _run(function, write):
        answer = {}
        try:
            unshare(CLONE_NEWNS | CLONE_NEWNET)
            answer["value"] = function(build())
        except BaseException:
            answer["error"] = traceback.format_exc()
        with os.fdopen(write, "w") as out:
            json.dump(answer, out)
        os._exit(0)

    def result(self):
        """Waits for it; as Lab.isolated(). Where it was skipped, so is the test."""
        with os.fdopen(self.read) as answers:
            text = answers.read()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if status == SKIP:
            leave_skipped()
        answer = json.loads(text) if text else {"error": f"the child ended with status {status}"}
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["value"]


# --- Going inside ------------------------------------------------------------------


def unshare(flags):
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def mount(kind, where):
    if libc.mount(kind.encode(), where.encode(), kind.encode(), 0, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind} on {where}")


def prepare(namespace, ipv6):
    if ipv6:
        namespace.enable_ipv6()
    elif os.path.exists("/proc/sys/net/ipv6"):
        for what in ("all", "default"):
            namespace.sysctl(f"net.ipv6.conf.{what}.disable_ipv6", 1)
    namespace.run("ip", "link", "set", "lo", "up")


def build():
    """Fits out the namespaces that this process has just got, and plays the router."""
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "making mounts private")
    mount("sysfs", "/sys")
    mount("bpf", "/sys/fs/bpf")
    # All of /run, for /run/netns need not exist, and would have to be left behind.
    mount("tmpfs", "/run")
    lab = Lab()
    prepare(lab.router, ipv6=False)
    return lab


BPF_PROG_LOAD = 5
BPF_PROG_TYPE_SCHED_CLS = 3
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}


def bpf_load_error():
    """Why a program of two instructions cannot be loaded, or None."""
    number = BPF_SYSCALL.get(platform.machine())
    if number is None:
        return None
    # r0 = 0; exit
    code = ctypes.create_string_buffer(struct.pack("<QQ", 0xB7, 0x95), 16)
    licence = ctypes.create_string_buffer(b"Dual BSD/GPL")
    attributes = struct.pack(
        "=IIQQ", BPF_PROG_TYPE_SCHED_CLS, 2, ctypes.addressof(code), ctypes.addressof(licence)
    )
    attributes = ctypes.create_string_buffer(attributes, 128)
    fd = libc.syscall(number, BPF_PROG_LOAD, attributes, len(attributes))
    if fd < 0:
        return os.strerror(ctypes.get_errno())
    os.close(fd)
    return None


def outside():
    """Starts this test again, inside."""
    if os.geteuid() != 0:
        skip("not root (namespaces, TC and BPF need it)")
    private = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL"]
    private += ["--mount-proc"]
    try:
        probe = subprocess.run([*private, "true"], capture_output=True, text=True)
    except FileNotFoundError:
        skip("the program unshare is missing (util-linux)")
    if probe.returncode:
        skip(f"no private namespaces here: {probe.stderr.strip()}")
    sys.stdout.flush()
    # What is started from inside must not take this for being inside itself.
    os.environ[INSIDE] = str(os.getpid())
    os.execvp("unshare", [*private, sys.executable, *sys.orig_argv[1:]])


def probe_or_skip():
    error = bpf_load_error()
    if error:
        skip(f"BPF programs cannot be loaded here: {error}")
    clsact = ["qdisc", "add", "dev", "lo", "clsact"]
    try:
        done = subprocess.run(["tc", *clsact], capture_output=True, text=True)
    except FileNotFoundError:
        skip("the program tc is missing (iproute2)")
    if done.returncode:
        skip(f"no TC hook here: {done.stderr.strip()}")
    subprocess.run(["tc", "qdisc", "del", *clsact[2:]], check=True)


def each_hook(test):
    """A test for main(): test(lab, hook) with either hook, each in a network of its own."""
    def both(lab):
        for hook in HOOKS:
            print(f"      by {hook}:", flush=True)
            lab.apart(lambda own, hook=hook: test(own, hook))

    return both


def main(*tests):
    """Runs test(lab) of each, inside, and exits."""
    if INSIDE not in os.environ:
        outside()
    del os.environ[INSIDE]
    shell = "--shell" in sys.argv
    if shell:
        sys.argv.remove("--shell")
    status = 1
    try:
        lab = build()
        probe_or_skip()
        for test in tests:
            test(lab)
    except BaseException:  # a KeyboardInterrupt, too, must not end process 1 halfway
        traceback.print_exc(file=sys.stdout)
        tally.count(False, "the test ended early")
    if shell:
        print("a shell in the test's network; the test goes on when it ends", flush=True)
        subprocess.run([os.environ.get("SHELL", "/bin/sh")])
    if tally.passed + tally.failed == 0:
        tally.count(False, "no check ran")
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    status = 1 if tally.failed else 0
    sys.stdout.flush()
    os._exit(status)
