# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The package in a clean Debian: installed, enabled, upgraded under traffic, removed, purged.

    test_package.py PACKAGE NEXT BASE

NEXT is a later version, with another ABI number; BASE prints the folder of a clean
Debian (base.sh). Its files are laid under an overlay, so that nothing is written
there; systemd does not run in it, and the service's command is started by hand.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "netns"))

import commands  # noqa: E402
import lab as laboratory  # noqa: E402
from commands import pins  # noqa: E402
from lab import check, equal, wait_for  # noqa: E402
from network import Network  # noqa: E402
from talk import FAR, Echo, Talk  # noqa: E402

RULES = ["intercept tcp to 10.9.0.0/16 port 80 via 127.0.0.1:{port}", "deny tcp to 10.1.0.0/16 port 443"]
UNIT = "usr/lib/systemd/system/ifw.service"
FAKE = "run/fake"
# What the scripts of the package ask of a systemd, which has the service enabled and stopped.
SYSTEMCTL = f"""#!/bin/sh
echo "$@" >>/{FAKE}/asked
case "$*" in *is-enabled*) echo enabled ;; *is-active*) exit 3 ;; esac
"""


def service(debian):
    """The service's own command, as systemd would run it."""
    (command,) = [line.partition("=")[2].split() for line in (debian.root / UNIT).read_text().splitlines()
                  if line.startswith("ExecStart=")]
    for folder in ("run/ifw", "var/lib/ifw"):  # RuntimeDirectory, StateDirectory
        (debian.root / folder).mkdir(exist_ok=True)
    return debian.lab.router.start("chroot", debian.root, *command)


class Debian:
    """A clean system for as long as the test's own mounts last."""

    def __init__(self, lab, base):
        self.lab = lab
        self.root = pathlib.Path("/run/debian")
        room = pathlib.Path("/run/room")
        self.root.mkdir()
        room.mkdir()
        mount("-t", "tmpfs", "tmpfs", room)
        for name in ("upper", "work"):
            (room / name).mkdir()
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={base},upperdir={room}/upper,workdir={room}/work", self.root)
        for name in ("proc", "sys", "dev"):
            mount("--rbind", f"/{name}", self.root / name)
        (self.root / "run/netns").mkdir(exist_ok=True)

    def run(self, *command, ok=True, **options):
        return self.lab.router.run("chroot", self.root, "env", f"PATH=/{FAKE}:/usr/sbin:/usr/bin:/sbin:/bin",
                                   "DEBIAN_FRONTEND=noninteractive", *command, ok=ok, **options)

    def ifw(self, *words):
        return self.run("ifw", *words).stdout

    def dpkg(self, *words, ok=True):
        done = self.run("dpkg", *words, ok=False, seconds=120)
        as_wanted = (done.returncode == 0) == ok
        check(as_wanted, f"dpkg {words[0]}{'' if ok else ' fails'}" + ("" if as_wanted else f": {done.stdout}{done.stderr}"))
        return done.stdout + done.stderr

    def install(self, package):
        target = self.root / "tmp" / pathlib.Path(package).name
        target.write_bytes(pathlib.Path(package).read_bytes())
        return self.dpkg("--install", f"/tmp/{target.name}")

    @contextlib.contextmanager
    def systemd(self):
        """For those inside it runs; yields what was asked of it about the service, which does not."""
        fake, running, asked = self.root / FAKE, self.root / "run/systemd/system", []
        fake.mkdir()
        running.mkdir(parents=True)
        (fake / "systemctl").write_text(SYSTEMCTL)
        (fake / "systemctl").chmod(0o755)
        yield asked
        asked += [line.split()[-2] for line in (fake / "asked").read_text().splitlines()
                  if line.endswith(" ifw.service") and "is-" not in line]
        shutil.rmtree(fake)
        running.rmdir()

    def files(self):
        """All files but what dpkg, its tools and caches write for themselves."""
        own = ("var/lib/dpkg", "var/log", "var/cache", "tmp", "proc", "sys", "dev", "run", "var/lib/systemd")
        found = set()
        for folder, folders, names in os.walk(self.root):
            inside = os.path.relpath(folder, self.root)
            folders[:] = [n for n in folders if os.path.normpath(os.path.join(inside, n)) not in own]
            found.update(os.path.join(inside, n) for n in names)
        return found


def mount(*words):
    subprocess.run(["mount", *(str(word) for word in words)], check=True)


def installed(debian):
    """Cuts nobody off: enabled, and nothing attached."""
    debian.install(PACKAGE)
    equal(debian.ifw("--version").split()[0], "ifw", "ifw runs there: all it is linked with is there")
    equal(pins(), [], "nothing is attached by installing it")
    for name in ("ifw-sim", "zfw", "map_update", "map_delete_elem"):
        check(debian.run("sh", "-c", f"command -v {name}", ok=False).returncode == 0, f"{name} is installed")
    equal(debian.run("systemctl", "is-enabled", "ifw.service", ok=False).stdout.strip(), "enabled", "the service is enabled")
    said = debian.run("systemd-analyze", "verify", "--man=no", f"/{UNIT}", ok=False)
    check(said.returncode == 0 and "ifw.service" not in said.stderr, f"systemd finds no fault in it {said.stderr}")
    done = debian.run("ifw", "run", "--check", ok=False)
    equal(done.returncode, 0, f"the configuration as installed is no error {done.stderr}")


def upgraded(debian, network, talk):
    """Across an ABI number: rules and traffic stay, and so does what the administrator wrote."""
    conf = debian.root / "etc/ifw/ifw.rules"
    conf.write_text(conf.read_text() + "# mine\n")
    before = debian.ifw("rule", "list", "--no-counters"), debian.ifw("iface", "show")
    answers = talk.answers
    said = debian.install(NEXT)
    check("stays as it was" not in said, "the new version takes over")
    check(talk.answers > answers, f"a conversation went on meanwhile ({talk.answers - answers} answers)")
    equal((debian.ifw("rule", "list", "--no-counters"), debian.ifw("iface", "show")), before, "rules and settings are the same")
    check("# mine" in conf.read_text(), "and so is the administrator's file")
    away = debian.run("nsenter", "--net=/run/netns/server", "ifw", "rule", "list").stdout
    equal(away, "pass udp to 0.0.0.0/0 port 53\n", "another network namespace is taken over, too")
    wait_for(lambda: talk.answers > answers + 50, "more answers")
    equal(talk.end(), (None, 0), "no segment of it was lost")
    fresh = Talk(network.client, FAR)
    wait_for(lambda: fresh.answers > 3, "a new conversation")
    fresh.end()
    said = debian.install(PACKAGE)
    check("stays as it was" in said and "ifw upgrade" in said, "an older version leaves it alone, and says so")
    check(pins(), "and in force")
    not_removed(debian)
    debian.install(NEXT)


def not_removed(debian):
    """The program cannot take off what is a newer one's: nothing is half removed."""
    with debian.systemd() as asked:
        debian.dpkg("--remove", "ifw", ok=False)
    equal(asked, ["stop", "start"], "a service that was stopped to be removed is started again where it is not")
    check(pins(), "and the firewall is in force")


def removed(debian, network, clean):
    router = network.lab.router
    stale = pathlib.Path("/run/netns/stale")  # as of `ip netns add` where no mount comes through
    stale.touch()
    router.run("ip", "netns", "add", "100")
    router.run("ip", "-n", "100", "link", "set", "lo", "up")
    router.run("ip", "-n", "100", "link", "add", "eth0", "type", "veth", "peer", "far")
    debian.ifw("-n", "/run/netns/100", "up", "eth0")
    said = debian.install(NEXT)
    check("stays as it was" not in said, "what is no namespace is none to be taken over, and 100 is no process")
    with debian.systemd() as asked:
        said = debian.dpkg("--remove", "ifw")
    check("stale" not in said, "what is no namespace is left alone")
    equal(pins(), [], "removing it takes the firewall off, in every namespace")
    equal(asked, ["stop"], "after the service")
    router.run("ip", "netns", "del", "100")
    stale.unlink()
    with debian.systemd() as asked:
        debian.install(NEXT)
    equal(asked, ["restart"], "installed again it is started, as it is enabled")
    debian.dpkg("--remove", "ifw")
    equal(router.run("ip", "rule", "show", "fwmark", "0x20/0x20").stdout, "", "and its policy rules")
    check((debian.root / "etc/ifw/ifw.conf").exists(), "configuration stays")
    (debian.root / "var/lib/ifw").mkdir(exist_ok=True)
    (debian.root / "var/lib/ifw/saved.rules").write_text("")
    debian.dpkg("--purge", "ifw")
    equal(sorted(debian.files() - clean), [], "purging it leaves nothing")
    check(not (debian.root / "etc/ifw").exists() and not (debian.root / "var/lib/ifw").exists(), "no folder either")


def life_of_a_package(host):
    debian = Debian(host.lab, BASE)
    clean = debian.files()
    installed(debian)
    network = Network(host.lab, proxies=())
    host.ifw("down", "--all")
    host.run("mount", "--rbind", "/run/netns", debian.root / "run/netns")
    echo = Echo(host.router)
    (debian.root / "etc/ifw/ifw.conf").write_text("interface eth0 echo on\n")
    (debian.root / "etc/ifw/ifw.rules").write_text(RULES[0].format(port=echo.port) + "\n")
    supervisor = service(debian)
    wait_for(pins, "the service to attach")
    wait_for(lambda: "attached" in debian.run("ifw", "iface", "show", ok=False).stdout, "the service to attach")
    debian.ifw("rule", "add", RULES[1])
    debian.ifw("-n", "server", "up", "eth0")
    debian.ifw("-n", "server", "rule", "add", "pass udp to 0.0.0.0/0 port 53")
    talk = Talk(network.client, FAR)
    wait_for(lambda: talk.answers > 3, "an answer")
    upgraded(debian, network, talk)
    equal(supervisor.popen.poll(), None, "the service of the version before has not fallen over it")
    before = debian.ifw("rule", "list", "--no-counters"), debian.ifw("iface", "show")
    equal(supervisor.stop(), 0, "and ends in order")
    supervisor = service(debian)
    supervisor.wait_line("ready")
    equal((debian.ifw("rule", "list", "--no-counters"), debian.ifw("iface", "show")), before,
          "the service of the new one finds rules and settings as they were")
    equal((supervisor.stop(), bool(pins())), (0, True), "and leaves them in force when it stops, in order")
    removed(debian, network, clean)


PACKAGE, NEXT = sys.argv[1:3]
BASE = os.environ.get("IFW_BASE_ROOT")
if not BASE:
    made = subprocess.run([sys.argv[3]], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        sys.exit(made.returncode)
    BASE = os.environ["IFW_BASE_ROOT"] = made.stdout.strip()
laboratory.main(commands.parts(life_of_a_package))
