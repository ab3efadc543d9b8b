# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is seen of the service inside the machine, whose first process is systemd.

    client 172.16.240.2 --- eth0 172.16.240.1  router

systemd starts this before ifw. From then on the client knocks at a port of the
router where somebody listens, for as long as the machine runs: what is heard
was not filtered. The kernel's command line says which start of the machine it is.
"""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
import traceback

import lab as laboratory
from lab import check, equal, wait_for
from network import IPV4, link_address
from talk import FAR, Echo, Talk

HERE = pathlib.Path(__file__).parent  # packages, and what one start tells the next
CONF, RULES, SAVED = (pathlib.Path(path) for path in
                      ("/etc/ifw/ifw.conf", "/etc/ifw/ifw.rules", "/var/lib/ifw/saved.rules"))
PINS = pathlib.Path("/sys/fs/bpf")
PROXY, DOOR = 43321, 9999  # ports
RULE = f"intercept tcp to 10.9.0.0/16 port 80 via 127.0.0.1:{PROXY}"
BY_COMMAND = "deny tcp to 10.1.0.0/16 port 443"
PAUSE = 0.05  # seconds between two knocks, or questions: the processor is a slow one
CAPABILITIES = {"cap_net_admin": 12, "cap_perfmon": 38, "cap_bpf": 39}  # linux/capability.h

router = laboratory.Namespace("router", None)
client = laboratory.Namespace("client", "/run/netns/client")


class Knocking:
    """From the client at a port of the router, and how often it was heard there."""

    def __init__(self):
        self.heard = 0
        self.door = router.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.door.bind(("0.0.0.0", DOOR))
        self.hand = client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for run in (self._knock, self._hear):
            threading.Thread(target=run, daemon=True).start()

    def _knock(self):
        while True:
            self.hand.sendto(b"knock", (IPV4.router, DOOR))
            time.sleep(PAUSE)

    def _hear(self):
        while True:
            self.door.recv(64)
            self.heard += 1

    def within(self, seconds=0.5):
        """Heard in so many seconds from now."""
        before = self.heard
        time.sleep(seconds)
        return self.heard - before


def run(*words, **options):
    return router.run(*words, **options)


def ifw(*words):
    return run("ifw", *words).stdout


def systemctl(*words, ok=True):
    """Everything that it says."""
    done = run("systemctl", "--no-pager", *words, ok=False)
    if ok:
        check(done.returncode == 0, f"systemctl {' '.join(words)}" + (f": {done.stderr}" if done.returncode else ""))
    return done


def unit(*names, of="ifw.service"):
    """Its properties, as text; of one, or a list."""
    said = run("systemctl", "show", of, *(f"--property={name}" for name in names)).stdout
    values = dict(line.split("=", 1) for line in said.splitlines())
    return values[names[0]] if len(names) == 1 else [values[name] for name in names]


def until(condition, what):
    """As wait_for(), and leaves some of the processor to what is waited for."""
    return wait_for(lambda: condition() or time.sleep(0.3), what, 120)


def pid():
    return int(unit("MainPID"))


def log():
    return run("journalctl", "--boot", "--unit=ifw.service", "--output=cat", "--no-pager").stdout


def pins():
    return sorted(str(path) for path in PINS.rglob("*") if path.suffix != ".debug")


def state():
    """What is to survive: rules, settings, pins."""
    return ifw("rule", "list", "--no-counters"), ifw("iface", "show"), pins()


def attached():
    return unit("StatusText").startswith("1 interface attached")


def dropped():
    """Packets that no rule covers, knocks among them."""
    (eth0,) = json.loads(ifw("stats", "-j"))["interfaces"]
    return sum(one["packets"] for one in eth0["reasons"] if one["reason"] == "no-rule")


def install(package):
    done = run("dpkg", "--force-unsafe-io", "--install", HERE / package, ok=False, seconds=120)
    check(done.returncode == 0, f"dpkg --install {package}" + (f": {done.stdout}{done.stderr}" if done.returncode else ""))
    return done.stdout + done.stderr


class Going:
    """A conversation during which something is done to the service; it is to notice nothing."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        self.before = state()
        self.dropped = dropped()
        self.talk = Talk(client, FAR, PAUSE)
        self.answers()
        return self

    def answers(self, more=5):
        least = self.talk.answers + more
        wait_for(lambda: self.talk.error or self.talk.answers > least, "answers")

    def __exit__(self, kind, *_):
        if kind:
            return
        self.answers()
        knocking.within()  # what is on its way arrives
        check(dropped() > self.dropped, f"{self.what}: there were knocks all the while")
        equal((*self.talk.end(), knocking.heard), (None, 0, 0),
              f"{self.what}: no segment was sent again ({self.talk.answers} answers), no knock was heard")
        equal(state(), self.before, f"{self.what}: rules, settings and pins are the same")


# --- The first start ---------------------------------------------------------------------


def installed():
    check(knocking.within(), "before there is a firewall knocks are heard")
    install("this.deb")
    equal(unit("Type", "UnitFileState", "ActiveState", "SubState", "StatusText"),
          ["notify", "enabled", "active", "running", "0 interfaces attached, 0 rules in force"],
          "it is enabled, and has said that it is ready")
    check(not pins() and knocking.within(), "nothing is attached by installing it")
    with CONF.open("a") as conf:
        conf.write("interface eth0 echo on\n")
    RULES.write_text(f"{RULE}\n")
    systemctl("reload", "ifw")
    until(attached, "eth0 to be attached")
    equal(unit("StatusText"), "1 interface attached, 1 rule in force", "systemctl reload reads both files")
    before = dropped()
    equal(knocking.within(), 0, "knocks are not heard any more")
    check(dropped() > before, "and are counted as dropped")
    knocking.heard = 0  # from here on none may be


def writable(folder):
    """Whether the service may write there, by the mounts that it has."""
    options = {}
    for line in pathlib.Path(f"/proc/{pid()}/mountinfo").read_text().splitlines():
        words = line.split()
        options[words[4]] = words[5]
    at = pathlib.Path(folder)
    while str(at) not in options:
        at = at.parent
    return "rw" in options[str(at)].split(",")


def sandbox():
    """What the process may do, by the kernel's own account."""
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid()}/status").read_text().splitlines())
    only = f"{sum(1 << bit for bit in CAPABILITIES.values()):016x}"
    equal([status[f"Cap{name}"] for name in ("Prm", "Eff", "Bnd")], [only] * 3,
          f"it has {', '.join(CAPABILITIES)} and can have no other")
    equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "nor new privileges; its system calls are filtered")
    for folder, may in (("/etc/ifw", False), ("/usr/sbin", False), ("/sys/fs/bpf", True),
                        ("/run/ifw", True), ("/var/lib/ifw", True)):
        equal(writable(folder), may, f"{folder} is {'its own' if may else 'read-only'} there")
    done = run("ifw", "doctor", "-j", ok=False)
    found = [one["check"] for one in json.loads(done.stdout)["checks"] if one["state"] != "ok"]
    equal((done.returncode, found), (0, ["networkd"]),
          "ifw doctor warns of networkd, which removes policy rules, and of nothing else" + done.stderr)
    wrong = [line for line in log().splitlines() if re.search("cannot|not permitted|denied|warning", line)]
    equal(wrong, [], "and it complains of nothing")


def reloaded():
    with Going("a file that is no good"):
        RULES.write_text(f"{RULE}\nintercept nonsense\n")
        done = systemctl("reload", "ifw", ok=False)
        check(done.returncode != 0, f"systemctl reload refuses it: {done.stderr.strip()}")
        said = systemctl("status", "ifw", ok=False).stdout
        check(f"{RULES}:2" in said and "active (running)" in said, "systemctl status shows the line, and a service that runs")
        os.kill(pid(), 1)  # SIGHUP, as nobody should without a look at it
        until(lambda: "Reloading failed" in unit("StatusText"), "the status to say so")
    RULES.write_text(f"{RULE}\npass udp to 172.16.240.1/32 port {DOOR + 1}\n")
    systemctl("reload", "ifw")
    until(lambda: "2 rules" in unit("StatusText"), "both rules")
    check(f"port {DOOR + 1}" in ifw("rule", "list"), "a good one is in force, by systemctl reload")


def restarted():
    before = pid()
    with Going("systemctl restart"):
        systemctl("restart", "ifw")
    check(pid() not in (0, before), "another process runs")
    check("taken up again without a gap" in log(), "and has taken it up")
    with Going("kill -9"):
        before = pid()
        os.kill(before, 9)
        until(lambda: unit("ActiveState", "NRestarts") == ["active", "1"], "systemd to start it again")
        check(pid() not in (0, before), "systemd has started it again")
    with Going("systemctl disable --now"):
        systemctl("disable", "--now", "ifw")
        equal(unit("ActiveState", "Result"), ["inactive", "success"], "it has stopped")
    with Going("systemctl enable --now"):
        systemctl("enable", "--now", "ifw")
        equal(unit("ActiveState", "UnitFileState"), ["active", "enabled"], "it runs, and will at the next start")


def first():
    installed()
    sandbox()
    reloaded()
    restarted()
    ifw("rule", "add", BY_COMMAND)
    ifw("save")
    check(BY_COMMAND.split()[3] in SAVED.read_text(), "a rule by command is saved")
    (HERE / "before.json").write_text(json.dumps(ifw("rule", "list", "--no-counters")))


# --- The second --------------------------------------------------------------------------


def started():
    equal(unit("ActiveState", "StatusText"), ["active", "1 interface attached, 3 rules in force"], "it runs again")
    names = ("guest.service", "ifw.service", "network-pre.target", "systemd-networkd.service")
    times = [int(unit(f"{which}TimestampMonotonic", of=name)) for name, which in
             zip(names, ("ActiveEnter", "ActiveEnter", "ActiveEnter", "InactiveExit"))]
    check(0 < times[0] < times[1] < times[2] < times[3],
          "it was ready before network-pre.target was reached and networkd was begun: " +
          ", ".join(f"{name} {at / 1e6:.2f} s" for name, at in zip(names, times)))
    until(lambda: dropped() > 0, "a knock to be dropped")
    equal((knocking.within(), knocking.heard), (0, 0), "no knock was ever heard since the machine was switched on")
    equal(ifw("rule", "list", "--no-counters"), json.loads((HERE / "before.json").read_text()),
          "rules of the file and those that were saved are in force")


def upgraded():
    before = pid()
    with Going("an upgrade across an ABI number"):
        said = install("next.deb")
    check("stays as it was" not in said, "the new version takes over")
    check(pid() not in (0, before), "and its service runs")
    equal(unit("ActiveState", "NeedDaemonReload"), ["active", "no"], "as systemd knows, too")


def removed():
    run("dpkg", "--force-unsafe-io", "--remove", "ifw", seconds=120)
    equal(pins(), [], "removing it leaves no pin")
    check("clsact" not in run("tc", "qdisc", "show").stdout, "no qdisc")
    left = "".join(run("ip", family, "rule", "show").stdout for family in ("-4", "-6"))
    check("fwmark" not in left, "no policy rule")
    check(knocking.within(), "knocks are heard again")
    equal(unit("ActiveState"), "inactive", "nothing runs")
    run("dpkg", "--force-unsafe-io", "--purge", "ifw", seconds=120)
    equal(unit("LoadState"), "not-found", "systemd knows of no such unit")
    left = run("find", "/etc", "/usr", "/var/lib", "/run", "-xdev", "-path", "/var/lib/dpkg", "-prune",
               "-o", "-name", "*ifw*", "-print").stdout.split()
    left += [str(path) for path in (pathlib.Path("/run/ifw"), SAVED.parent, CONF.parent) if path.exists()]
    equal(left, [], "purging it leaves no file")


def second():
    started()
    upgraded()
    removed()


# --- Both --------------------------------------------------------------------------------


def cable():
    """The second card of this machine is the client's, on a cable with the first."""
    for name in ("eth0", "eth1"):
        wait_for(lambda name=name: os.path.exists(f"/sys/class/net/{name}"), name)
    run("ip", "netns", "add", client.name)
    run("ip", "link", "set", "eth1", "netns", client.name)
    laboratory.prepare(client, ipv6=False)
    client.configure("eth1", f"{IPV4.client}/24")
    client.run("ip", "neigh", "replace", IPV4.router, "lladdr", link_address(router), "dev", "eth1", "nud", "permanent")
    client.run("ip", "route", "add", "default", "via", IPV4.router)


def ready():
    """The service has begun, says systemd's protocol."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


def main(part):
    ready()
    until(lambda: unit("ActiveState", of="multi-user.target") == "active", "all services")
    until(lambda: IPV4.router in run("ip", "address", "show", "eth0").stdout, "an address")
    try:
        part()
    except Exception:
        traceback.print_exc(file=sys.stdout)
        check(False, "it ended early")
    failed = run("systemctl", "--failed", "--plain", "--no-legend").stdout
    equal(failed, "", "no unit has failed")
    if laboratory.tally.failed:
        print(log())
    print("== " + json.dumps(vars(laboratory.tally)))


number = re.search(r"\bifw-test=(\d)", pathlib.Path("/proc/cmdline").read_text())[1]
cable()
Echo(router, PROXY)
knocking = Knocking()
main({"1": first, "2": second}[number])
# Through its bus, which this system does not have, or else by itself.
subprocess.run(["systemctl", "reboot"], stderr=subprocess.DEVNULL)
