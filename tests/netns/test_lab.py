# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The lab itself: its network works, and nothing of it is left however it ends.

Runs outside of a lab and starts labs as programs: this same file with --inside.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import lab
from lab import check, equal, wait_for


def hold(inside):
    """In the lab: something of every kind that could be left, then as asked."""
    client = inside.client()
    inside.router.run(
        *"bpftool map create /sys/fs/bpf/left type array key 4 value 4 entries 1 name left".split()
    )
    shown = inside.router.run("bpftool", "map", "show", "pinned", "/sys/fs/bpf/left").stdout
    client.start("sleep", "600")
    inode = os.stat("/run/netns/client").st_ino
    print("map", shown.split(":")[0], "namespace", inode, flush=True)
    check(True, "held")
    sys.stdin.readline()  # until whoever started it has looked
    how = sys.argv[sys.argv.index("--inside") + 1]
    if how == "killed":
        time.sleep(60)  # it does not end by itself, though nobody holds the pipe any more
    if how == "raise":
        raise RuntimeError("on purpose")
    if how == "fail":
        check(False, "on purpose")


def network(inside):
    """In the lab: what a test relies on."""
    client = inside.client()

    with client.socket(socket.AF_INET, socket.SOCK_STREAM) as there:
        there.bind(("172.16.240.2", 7))
        there.listen()
        with inside.router.socket(socket.AF_INET, socket.SOCK_STREAM) as here:
            here.settimeout(lab.PATIENCE)
            here.connect(("172.16.240.2", 7))
            peer = there.accept()[1]
    equal(peer[0], "172.16.240.1", "a connection goes from namespace to namespace")

    links = client.run("ip", "-o", "link").stdout.splitlines()
    equal(len(links), 2, "a namespace has its own interfaces: lo and one")
    with client.entered():
        raw = pathlib.Path("/proc/thread-self/net/if_inet6")
        text = raw.read_text() if raw.exists() else ""
    equal(text, "", "no IPv6 address, so no neighbour discovery of its own")

    def child(own):
        own.run = own.router.run
        own.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        return own.run("ip", "-o", "link").stdout.count("eth0")

    equal(inside.isolated(child), 2, "an isolated child has a network of its own")
    try:
        inside.isolated(lambda own: own.router.run("false"))
        check(False, "an error in an isolated child is raised")
    except AssertionError:
        check(True, "an error in an isolated child is raised")

    echo = client.start("sh", "-c", "echo one; echo two; exec sleep 600")
    equal(echo.wait_line("two"), "two", "lines of a program in the background are read")
    equal(echo.stop(), -signal.SIGTERM, "which ends when it is stopped")
    begun = time.monotonic()
    try:
        wait_for(lambda: False, "nothing", seconds=0.05)
        check(False, "waiting ends")
    except AssertionError:
        check(time.monotonic() - begun < 1, "waiting ends")


def skipping(inside):
    """In the lab: a part of a test finds that something is missing."""
    check(True, "what came before")
    inside.isolated(lambda own: lab.skip("on purpose"))
    check(False, "not reached")


def failing_and_skipping(inside):
    def child(own):
        check(False, "on purpose")
        lab.skip("after all")

    inside.isolated(child)


def failed_and_skipping(inside):
    check(False, "on purpose")
    skipping(inside)


def start(how, **options):
    command = [sys.executable, "-B", os.path.abspath(__file__), "--inside", how]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, text=True, **pipes, **options)


def exists_map(number):
    return not subprocess.run(["bpftool", "map", "show", "id", number], capture_output=True).returncode


def namespaces():
    """Inodes of the network namespaces that any process is in."""
    found = set()
    for process in pathlib.Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(os.stat(process).st_ino)
        except OSError:
            pass  # it has ended meanwhile
    return found


def left_by(how, status, end=lambda process: None):
    """Starts a lab, ends it, and looks for what it had."""
    before = os.path.exists("/run/netns") and os.listdir("/run/netns")
    process = start(how)
    first = process.stdout.readline().split()
    if first[:1] == ["skipped:"]:
        lab.skip(" ".join(first[1:]))
    if not check(first[:1] == ["map"], f"{how}: the lab is up"):
        print("".join([" ".join(first), *process.stdout]))
        return
    number, inode = first[1], int(first[3])
    check(exists_map(number), f"{how}: its map is there while it runs")
    check(inode in namespaces(), f"{how}: so is a process in its namespace")
    end(process)
    output = process.communicate(None if process.poll() is not None else "\n")[0]
    if not equal(process.returncode, status, f"{how}: its status"):
        print(output)
    wait_for(lambda: inode not in namespaces(), "its processes to end")
    check(True, f"{how}: no process is left in its namespace")
    wait_for(lambda: not exists_map(number), "its map to be gone")
    check(True, f"{how}: its pinned map is gone")
    after = os.path.exists("/run/netns") and os.listdir("/run/netns")
    equal(after, before, f"{how}: no name of a namespace is left")
    check(not os.path.exists("/sys/fs/bpf/left"), f"{how}: no pin is left")


def outcome(how, status, words):
    process = start(how)
    output = process.communicate()[0]
    if output.startswith("skipped:"):
        lab.skip(output.split(":", 1)[1].strip())
    equal(process.returncode, status, f"{how}: its status")
    if not check(words in output, f"{how}: it says '{words}'"):
        print(output)


def unprivileged():
    """Neither root nor a stack trace: skipped, with the reason."""
    process = start("nothing", user=65534, group=65534, extra_groups=[])
    output = process.communicate()[0]
    equal((process.returncode, output.split(":")[0]), (lab.SKIP, "skipped"), "not root: skipped")


def outer():
    if os.geteuid() != 0:
        lab.skip("not root (namespaces, TC and BPF need it)")
    left_by("end", 0)
    left_by("raise", 1)
    left_by("fail", 1)
    left_by("killed", -signal.SIGKILL, lambda process: (process.kill(), process.wait()))
    outcome("nothing", 1, "no check ran")
    outcome("network", 0, " passed, 0 failed")
    outcome("skipping", lab.SKIP, "skipped: on purpose")
    outcome("failing-and-skipping", 1, "skipped: after all")
    outcome("failed-and-skipping", 1, "skipped: on purpose")
    unprivileged()
    print(f"{lab.tally.passed} passed, {lab.tally.failed} failed")
    sys.exit(1 if lab.tally.failed else 0)


if "--inside" in sys.argv:
    lab.main({
        "network": network,
        "nothing": lambda inside: None,
        "skipping": skipping,
        "failing-and-skipping": failing_and_skipping,
        "failed-and-skipping": failed_and_skipping,
    }.get(sys.argv[-1], hold))
else:
    outer()
