# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw up --confirm`, `ifw run --confirm`: what nobody confirms is undone, whatever becomes of who typed it.

Also: typed in an ssh session, neither cuts it.
"""

import contextlib
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import time

import commands
import lab as laboratory
import supervised
from commands import pins, refused, same
from lab import PATIENCE, check, equal, wait_for
from supervised import CONFIG, Supervisor, attached

SHORT, LONG = 2, 60  # seconds to confirm in
RULE = "deny udp to 192.0.2.0/24 port 9"
RULES = "/run/rules"


class Typed:
    """A command typed at a terminal of its own, which can go away."""

    def __init__(self, host, *words):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execv(host.lab.program("ifw"), ["ifw", *words])
        self.text = ""

    def wait_words(self, words):
        deadline = time.monotonic() + PATIENCE
        while words not in self.text and time.monotonic() < deadline:
            try:
                self.text += os.read(self.master, 4096).decode()
            except OSError:
                break
        check(words in self.text, f"it says '{words}'" if words in self.text else f"{words!r} in {self.text!r}")

    def press(self, keys):
        os.write(self.master, keys)

    def hang_up(self):
        os.close(self.master)

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def waits():
    """Processes of ifw that there are; those that only wait to be reaped are none."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, name, state = stat.read_text().split()[:3]
            if name == "(ifw)" and state != "Z":
                found.append(int(pid))
    return found


def not_confirmed(host):
    host.veth("eth0", "172.16.240.1/24")
    before = host.state()
    began = time.monotonic()
    done = host.lab.ifw("up", "eth0", "--confirm", SHORT, ok=False)
    refused(done, 3, "not confirmed: all is as it was before", "not confirmed in time, it says so")
    check("attached" in done.stdout and time.monotonic() - began >= SHORT, "but not before")
    same(before, host.state(), "and all is as it was")
    refused(host.lab.ifw("confirm", ok=False), 2, "nothing waits", "then nothing waits any more")
    for words in ("0", "x", "86401"):
        refused(host.lab.ifw("up", "eth0", "--confirm", words, ok=False), 1, "seconds", f"--confirm {words}")
    refused(host.lab.ifw("up", "nosuch", "--confirm", SHORT, ok=False), 2, "no interface 'nosuch'",
            "what cannot be done is not waited for")
    same(before, host.state(), "and leaves nothing")
    equal(waits(), [], "no process is left")


def confirmed(host):
    host.veth("eth0", "172.16.240.1/24")
    typed = host.router.start(host.lab.program("ifw"), "up", "eth0", "--confirm", str(LONG), stdin=subprocess.DEVNULL)
    typed.wait_line("unless you confirm it")
    refused(host.lab.ifw("up", "eth0", "--confirm", SHORT, ok=False), 2, "another change waits.*process \\d+",
            "a second one meanwhile is refused")
    check("it stays" in host.ifw("confirm"), "confirm is answered")
    typed.wait_line("confirmed: it stays")
    equal(typed.popen.wait(), 0, "who typed the first hears it")
    check(attached(host, "eth0"), "it stays")
    equal(waits(), [], "and nobody waits")


def back_to_what_it_was(host):
    """One that was up, with rules, a mark and a table of its own."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    host.ifw("up", "eth0", "--mark", "0x40", "--table", "77")
    host.ifw("rule", "add", RULE)
    before = whole(host)
    pathlib.Path(RULES).write_text("pass udp to 192.0.2.0/24 port 9\n")
    words = ("up", "eth0", "eth1", "--mark", "0x80", "--table", "78", "--rules", RULES)
    typed = Typed(host, *words, "--confirm", str(LONG))
    typed.wait_words("unless you confirm it")
    equal(host.rules(), ["pass udp to 192.0.2.0/24 port 9"], "the rules tried are in force")
    equal(host.iface("eth0")["mark"], 0x80, "so is the mark")
    check("undone" in host.ifw("confirm", "--undo"), "confirm --undo undoes it at once")
    equal(typed.status(), 3, "who typed it hears it")

    same(before, whole(host), "rules, mark, table and the other interface are as before")
    equal(host.reason_of("eth0", "192.0.2.7", 9), "rule-deny", "and decide so")


def others_meanwhile(host):
    """Rules and interfaces of others, made or deleted during a trial, are none of its business."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    ours, theirs = "pass udp to 192.0.2.0/24 port 9", "pass tcp to 192.0.2.2/32 port 5"
    pathlib.Path(RULES).write_text(f"{RULE}\n{ours.replace(' 9', ' 10')}\n")

    def trial(*words):
        typed = host.router.start(host.lab.program("ifw"), "up", "eth0", *words, "--confirm", str(LONG),
                                  stdin=subprocess.DEVNULL)
        typed.wait_line("unless you confirm it")
        return typed

    trial("--rules", RULES)
    host.ifw("rule", "add", theirs)
    host.ifw("up", "eth1")
    host.ifw("confirm", "--undo")
    equal((host.rules(), host.iface("eth0")), ([theirs], None), "of the first trial nothing stays but what others added")
    equal(host.iface("eth1")["state"], "attached", "their interface among it")
    host.ifw("rule", "add", ours.replace(" 9", " 7"))
    host.ifw("rule", "add", RULE)
    trial("--rules", RULES)
    equal(len(host.rules()), 2, "rules are tried in place of those")
    host.zfw("-I", "-c", "192.0.2.3", "-m", "32", "-l", "80", "-h", "80", "-t", "0", "-p", "tcp")
    host.ifw("rule", "del", RULE)
    added = [rule for rule in host.rules() if "192.0.2.3" in rule]
    host.ifw("confirm", "--undo")
    equal(sorted(host.rules()), sorted([theirs, ours.replace(" 9", " 7"), *added]),
          "rules come back, but not one that was deleted, and what zfw added stays")
    check(len(added) == 1, f"it did add one: {added}")


def no_way_back(host):
    """Others have taken the names that the former rules need: what could not be put back is not said to be."""
    host.veth("eth0", "172.16.240.1/24")

    def replace(name, count):
        pathlib.Path(RULES).write_text("".join(f"pass udp to 192.0.2.0/24 port {i + 1} on {name}{i}\n" for i in range(count)))
        host.ifw("apply", RULES)

    host.ifw("up", "eth0")
    replace("old", 40)
    pathlib.Path(RULES).write_text(f"{RULE}\n")
    typed = Typed(host, "up", "eth0", "--rules", RULES, "--confirm", str(LONG))
    typed.wait_words("unless you confirm it")
    replace("new", 40)
    refused(host.lab.ifw("confirm", "--undo", ok=False), 2, "it could not be done", "who asked for it hears so")
    typed.wait_words("it could not be undone")
    equal(typed.status(), 2, "and who typed it")
    equal(len(host.rules()), 40, "others' rules are in force")


def at_a_terminal(host):
    host.veth("eth0", "172.16.240.1/24")
    typed = Typed(host, "up", "eth0", "--confirm", str(LONG))
    typed.wait_words("s left")
    typed.press(b"\x03")
    equal(typed.status(), 3, "Ctrl-C undoes it")
    equal(host.programs("eth0"), [], "at once")
    typed = Typed(host, "up", "eth0", "--confirm", str(LONG))
    typed.wait_words("press Enter")
    typed.press(b"\n")
    equal(typed.status(), 0, "Enter keeps it")
    check(attached(host, "eth0"), "so it stays")


def session_ends(host):
    """The terminal goes, and whoever is at it: SIGHUP, or nothing but silence."""
    host.veth("eth0", "172.16.240.1/24")
    before = host.state()
    for end in ("terminal", "SIGHUP to all", "SIGKILL"):
        typed = Typed(host, "up", "eth0", "--confirm", str(SHORT))
        typed.wait_words("unless you confirm it")
        check(host.programs("eth0"), f"{end}: it is tried")
        guard = [pid for pid in waits() if pid != typed.pid]
        equal(len(guard), 1, "by a process of its own")
        if end == "SIGHUP to all":
            for pid in (typed.pid, *guard):
                os.kill(pid, signal.SIGHUP)
        if end == "SIGKILL":
            os.kill(typed.pid, signal.SIGKILL)
        typed.hang_up()
        check(typed.status() != 0, "who typed it is gone")
        wait_for(lambda: waits() == [], "the waiting process to end", seconds=SHORT + PATIENCE)
        same(before, host.state(), f"{end}: all is undone")
    typed = Typed(host, "up", "eth0", "--confirm", str(LONG))
    typed.wait_words("unless you confirm it")
    typed.hang_up()
    typed.status()
    check("it stays" in host.ifw("confirm"), "from another session it can be confirmed all the same")
    check(attached(host, "eth0"), "and stays")
    host.ifw("down", "--all")
    typed = Typed(host, "up", "eth0", "--confirm", str(LONG))
    typed.wait_words("unless you confirm it")
    os.kill(next(pid for pid in waits() if pid != typed.pid), signal.SIGTERM)
    equal(typed.status(), 3, "who waits is told to end: it undoes it first")
    same(before, host.state(), "all of it")


def over_ssh(host):
    """The session in use is asked about before anything is attached."""
    client = host.lab.client()
    host.veth("eth1", "172.16.250.1/24")
    with host.router.socket(socket.AF_INET, socket.SOCK_STREAM) as sshd, \
         client.socket(socket.AF_INET, socket.SOCK_STREAM) as ssh:
        sshd.bind(("172.16.240.1", 2222))
        sshd.listen()
        ssh.connect(("172.16.240.1", 2222))
        session, peer = sshd.accept()
        before = host.state()

        def up(*words, port=peer[1], at=2222):
            words = words or ("eth0",)
            session = f"SSH_CONNECTION=172.16.240.2 {port} 172.16.240.1 {at}"
            return host.run("env", session, host.lab.program("ifw"), "up", *words, ok=False)

        refused(up(port=9), 2, "would cut the ssh session.*no-rule.*ifw up eth0 --confirm 60",
                "a session that would be cut stops it, with advice")
        same(before, host.state(), "and nothing is changed")
        equal(up("eth0", "--confirm", "1", port=9).returncode, 3, "who asks for it may try")
        same(before, host.state(), "and is back")
        done = up()
        equal(done.returncode, 0, "a session that goes on does not stop it")
        check("a new one to port 2222 will not be let in (no-rule)" in done.stderr, "but new ones are told of")
        session.sendall(b"still there")
        ssh.settimeout(PATIENCE)
        ssh.sendall(b"so am I")
        session.settimeout(PATIENCE)
        equal((ssh.recv(20), session.recv(20)), (b"still there", b"so am I"), "and it does go on")
        host.ifw("rule", "add", "pass tcp to 172.16.240.1 port 2222")
        equal((up().returncode, up().stderr), (0, ""), "with a rule there is nothing to be said")
        host.ifw("rule", "flush")
        equal(up(port=9, at=22).stderr, "", "nor of port 22")
        equal(up("eth1", port=9).stderr, "", "nor of an interface that it does not come by")
        session.close()


def whole(host):
    """The state without what is made anew each time (programs, maps of rules), and what `ifw run` knows of rules."""
    lines = [line for line in host.state().splitlines() if not re.match(r"eth\d: \[|.*/(rules|prefixes)_[01]$", line)]
    return "\n".join(lines + [f"{path}: {path.read_text()}" for path in pathlib.Path("/run/ifw").glob("*.rules")])


def run_not_confirmed(host):
    """The supervisor: time, SIGINT, `confirm --undo`, its own violent end, and what fails."""
    host.veth("eth0", "172.16.240.1/24")
    before = host.state()
    supervised.write("interface eth*\n", f"{RULE}\n")
    began = time.monotonic()
    with Supervisor(host, "--confirm", str(SHORT)) as one:
        check(host.programs("eth0") and host.rules() == [RULE], "it attaches, and rules are in force")
        one.wait_line("not confirmed: all is as it was before")
        equal(one.process.popen.wait(), 3, "not confirmed in time, it ends and says so")
    check(time.monotonic() - began >= SHORT, "but not before")
    same(before, host.state(), "and all is as it was")
    for words in ("0", "x", "86401"):
        refused(host.lab.ifw("run", "--confirm", words, ok=False), 1, "seconds", f"--confirm {words}")
    for end in ("SIGINT", "SIGTERM", "--undo"):
        with Supervisor(host, "--confirm", str(LONG)) as one:
            if end == "--undo":
                check("undone" in host.ifw("confirm", "--undo"), "confirm --undo undoes it")
            else:
                one.process.popen.send_signal(getattr(signal, end))
            equal(one.process.popen.wait(), 3, f"{end}: it ends")
        same(before, host.state(), f"{end}: all is undone")
    with Supervisor(host, "--confirm", str(SHORT)) as one:
        one.process.popen.kill()
        wait_for(lambda: waits() == [], "the waiting process to end", seconds=SHORT + PATIENCE)
    same(before, host.state(), "killed, it is undone all the same")
    with Supervisor(host, "--confirm", str(SHORT)) as one:
        one.process.popen.send_signal(signal.SIGSTOP)
        wait_for(lambda: host.programs("eth0") == [], "what hangs to be undone", seconds=SHORT + 2 * PATIENCE)
        one.process.popen.send_signal(signal.SIGCONT)
        equal(one.process.popen.wait(), 3, "and it ends when it goes on")
    same(before, host.state(), "with nothing done again")
    supervised.write("interface eth*\nboot open\n", "nonsense\n")
    refused(host.run(host.lab.program("ifw"), "run", "--config", CONFIG, "--confirm", str(LONG), ok=False), 1,
            "error", "what cannot be done is not waited for")
    same(before, host.state(), "and leaves nothing")
    equal(waits(), [], "no process is left")


def run_confirmed(host):
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth*\n", f"{RULE}\n")
    with Supervisor(host, "--confirm", str(3 * SHORT)) as one:
        check("it stays" in host.ifw("confirm"), "confirm is answered")
        one.wait_line("confirmed: it stays")
        time.sleep(3 * SHORT)
        children = pathlib.Path(f"/proc/{one.pid}/task/{one.pid}/children").read_text()
        equal(children, "", "no process is left of who waited, be it one that has ended")
        host.veth("eth1", "172.16.250.1/24")
        check(attached(host, "eth0") and attached(host, "eth1"), "it stays, and it goes on supervising")
        equal(len(waits()), 1, "and nobody waits")
        one.reload()
        refused(host.lab.ifw("confirm", ok=False), 2, "nothing waits", "what is read later needs no word")
        equal(one.stop(), 0, "it stops as ever")
    check(attached(host, "eth0"), "what was confirmed stays")


def run_back_to_what_it_was(host):
    """Interfaces, settings and rules of commands, and of a configuration before; reloads are undone, too."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    host.ifw("up", "eth0", "--mark", "0x40", "--table", "77")
    host.ifw("iface", "set", "eth0", "echo", "on")
    host.ifw("rule", "add", RULE)
    mine, config = "pass udp to 198.51.100.0/24 port 9", "interface eth{} ssh off verbose 3 pass-protocol 50\nmark 0x80\n"
    for what in ("of commands", "of a supervisor"):
        before = whole(host)
        supervised.write(config.format("*"), f"{mine}\n")
        with Supervisor(host, "--confirm", str(LONG)) as one:
            check(mine in host.rules() and host.iface("eth0")["mark"] == 0x80, f"{what}: it is tried")
            supervised.write(config.format("1"))
            one.reload()
            check(host.iface("eth0") is None and mine not in host.rules(), "and something else after SIGHUP")
            host.ifw("confirm", "--undo")
            equal(one.process.popen.wait(), 3, "it ends")
        same(before, whole(host), f"{what}: rules, their origin, settings and interfaces are as before")
        supervised.write("interface eth0 echo on\n", "deny udp to 203.0.113.0/24 port 5\n")
        with Supervisor(host) as one:
            one.stop()


def run_others_meanwhile(host):
    """What others did while the supervisor was on trial stays, its reloads before and behind that or not."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    host.veth("eth2")
    theirs, more = "pass tcp to 192.0.2.2/32 port 5", "pass tcp to 192.0.2.2/32 port 6"
    aside, deleted = RULE.replace("deny", "pass"), "pass udp to 192.0.2.9/32 port 1"
    for end in ("time", "--undo", "SIGKILL"):
        supervised.write("interface eth0\n", f"{RULE}\n")
        with Supervisor(host, "--confirm", str(LONG)) as one:
            host.ifw("rule", "add", theirs)
            host.ifw("confirm", "--undo")
            equal(one.process.popen.wait(), 3, f"{end}: it ends")
        equal((host.rules(), host.programs("eth0")), ([theirs], []), "where nothing was, what others added stays")
        host.ifw("rule", "del", theirs)

        for rule in (aside, deleted):
            host.ifw("rule", "add", rule)
        host.ifw("up", "eth0", "eth2")
        with Supervisor(host, "--confirm", str(LONG if end == "--undo" else 5 * SHORT)) as one:
            equal(host.rules(), [RULE, deleted], "a rule gives way to what is tried")
            host.ifw("rule", "add", theirs)
            host.ifw("rule", "del", deleted)
            host.ifw("up", "eth1")
            host.ifw("iface", "set", "eth2", "echo", "on")
            supervised.write("interface eth0 echo on\n", f"{RULE.replace(' 9', ' 10')}\n")
            one.reload()
            host.zfw("-I", "-c", "192.0.2.3", "-m", "32", "-l", "80", "-h", "80", "-t", "0", "-p", "tcp")
            added = [rule for rule in host.rules() if "192.0.2.3" in rule]
            equal(len(added), 1, "zfw adds one")
            if end == "SIGKILL":
                one.process.popen.kill()
            host.ifw("rule", "add", more)
            if end == "--undo":
                host.ifw("confirm", "--undo")
            if end != "SIGKILL":
                equal(one.process.popen.wait(), 3, f"{end}: it ends")
            wait_for(lambda: waits() == [], "the waiting process to end", seconds=5 * SHORT + PATIENCE)
        equal(sorted(host.rules()), sorted([theirs, more, aside, *added]),
              f"{end}: rules of others stay, what they deleted does not come back, and what gave way does")
        equal({name: host.iface(name)["echo"] for name in ("eth0", "eth1", "eth2")},
              {"eth0": False, "eth1": False, "eth2": True}, "interfaces likewise")
        equal(list(pathlib.Path("/run/ifw").glob("*tried*")), [], "and nothing of the trial is left")
        host.ifw("down", "--all")


def run_killed_halfway(host):
    """Killed while it puts rules in force: before they are, and behind that."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    host.ifw("up", "eth1")
    aside, theirs = RULE.replace("deny", "pass"), "pass tcp to 192.0.2.2/32 port 5"
    supervised.write("interface eth0\n", f"{RULE}\n")

    def halfway():
        return list(pathlib.Path("/run/ifw").glob("*tried.next"))

    def generation():
        active = next(path for path in commands.pins() if path.endswith("/active"))
        return json.loads(host.run("bpftool", "-j", "map", "dump", "pinned", active).stdout)[0]

    for rules in ([aside], [RULE]):
        host.ifw("rule", "flush")
        host.ifw("rule", "add", aside)
        before = generation()
        with Supervisor(host, "--confirm", str(LONG), prefix=commands.disturbing(host, DELAY_CHANGES=50000), ready=False) as one:
            wait_for(lambda: halfway() and (generation() != before) == (rules == [RULE]), f"{rules} to be in force")
            one.process.popen.kill()
            equal((len(halfway()), host.rules()), (1, rules), "it is killed while it is about that")
            host.ifw("rule", "add", theirs)
            host.ifw("confirm", "--undo")
        equal(sorted(host.rules()), sorted([theirs, aside]), "what was there is back, with what others added")
        equal([path for path in os.listdir("/run/ifw") if path.endswith((".rules", ".rules.next"))], [], "and none of it counts as the file's")
        host.ifw("rule", "del", theirs)


def run_confirmed_early(host):
    """Confirmed while rules are being put in force: it goes on, and all of it stays."""
    host.veth("eth0", "172.16.240.1/24")
    host.veth("eth1")
    host.ifw("up", "eth1")
    supervised.write("interface eth0\n", f"{RULE}\n")
    with Supervisor(host, "--confirm", str(LONG), prefix=commands.disturbing(host, DELAY_CHANGES=50000), ready=False) as one:
        wait_for(lambda: list(pathlib.Path("/run/ifw").glob("*tried.next")), "rules to be on their way")
        check("it stays" in host.ifw("confirm"), "it can be confirmed while it is being done")
        one.process.wait_line("ready", 4 * PATIENCE)
        check(attached(host, "eth0"), "what is not done yet then is done all the same")
        equal(host.rules(), [RULE], "and the rules are in force")
        one.stop()
    equal([path for path in os.listdir("/run/ifw") if "tried" in path], [], "nothing of the trial is left")


def run_renamed(host):
    """An interface that gets another name on trial is the same one when it is undone."""
    for was_up in (False, True):
        host.veth("eth0", "172.16.240.1/24")
        if was_up:
            host.ifw("up", "eth0")
        supervised.write("interface eth0 echo on\n", f"{RULE}\n")
        with Supervisor(host, "--confirm", str(LONG)) as one:
            attached(host, "eth0")
            for words in ("eth0 down", "eth0 name lan0", "lan0 up"):
                host.run("ip", "link", "set", *words.split())
            wait_for(lambda: host.iface("lan0"), "its new name")
            host.ifw("confirm", "--undo")
            equal(one.process.popen.wait(), 3, "it ends")
        if was_up:
            equal((host.iface("lan0")["state"], host.iface("lan0")["echo"]), ("attached", False),
                  "one that was up before is so under its new name, with its former settings")
            host.ifw("down", "--all")
        equal((host.programs("lan0"), pins()), ([], []), "nothing is filtered that was not before")
        host.run("ip", "link", "del", "lan0")


def run_counts(host):
    """What is put back counts on its own: what counted for it may count for others by now."""
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth0\nmax-ranges 2048\n", f"{RULE}\n")  # 8192 counters
    with Supervisor(host) as one:
        attached(host, "eth0")
        one.stop()
    supervised.write("interface eth0\n", RULE.replace(" 9", " 10") + "\n")
    with Supervisor(host, "--confirm", str(LONG)) as one:
        for first in range(1000, 21000, 2000):  # so that each counter is given to another rule
            host.ifw("apply", "-", input="".join(RULE.replace(" 9", f" {first + i}\n") for i in range(2000)))
            for port in range(first, first + 8):
                host.send("eth0", "192.0.2.7", port)
        (base,) = pathlib.Path("/run/ifw").glob("*.tried.base")
        base.write_text("nonsense\n")
        host.ifw("confirm", "--undo")
        equal(one.process.popen.wait(), 3, "it ends")
    equal((host.rules(), host.counts()), ([RULE], {RULE: (0, 0)}), "it has seen nothing of what the others have")


def run_over_ssh(host):
    """By hand, in a session that it would cut: refused, and nothing is changed."""
    client = host.lab.client()
    wait_for(lambda: "linkdown" not in host.run("ip", "route").stdout, "the link to be there")
    before = host.state()

    def session(at):
        return ["env", f"SSH_CONNECTION=172.16.240.2 9 172.16.240.1 {at}"]

    def run(at=2222):
        return host.run(*session(at), host.lab.program("ifw"), "run", "--config", CONFIG, ok=False)

    supervised.write("interface eth*\n", f"{RULE}\n")
    refused(run(), 2, "would cut the ssh session.*no-rule.*ifw run --confirm 60", "a session that would be cut stops it")
    same(before, host.state(), "and nothing is changed")
    supervised.write("interface eth* ssh off\n")
    refused(run(22), 2, "would cut the ssh session", "so does one to port 22 where ssh is to be off")
    same(before, host.state(), "and nothing is changed")
    host.veth("eth1", "172.16.250.1/24")
    host.ifw("up", "eth1")
    host.ifw("rule", "add", RULE)
    before = whole(host)
    supervised.write("interface eth*\n")
    refused(run(), 2, "would cut", "beside rules of commands")
    same(before, whole(host), "which stay")
    with Supervisor(host, "--confirm", str(LONG), prefix=session(2222)) as one:
        one.process.popen.send_signal(signal.SIGINT)
        equal(one.process.popen.wait(), 3, "who asks for it may try")
    same(before, whole(host), "and is back")
    supervised.write("interface eth*\n", "pass tcp to 172.16.240.1 port 2222\n")
    with Supervisor(host, prefix=session(2222)):
        check(attached(host, "eth0"), "with a rule there is nothing to be said")


laboratory.main(
    commands.parts(not_confirmed, confirmed, back_to_what_it_was, others_meanwhile, no_way_back, at_a_terminal,
                   session_ends, over_ssh, run_not_confirmed, run_confirmed, run_back_to_what_it_was,
                   run_others_meanwhile, run_killed_halfway, run_confirmed_early,
                   run_renamed, run_counts, run_over_ssh)
)
