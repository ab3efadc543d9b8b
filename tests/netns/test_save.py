# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw save`: rules made at run time are there after the next boot, where that is wanted."""

import os
import pathlib
import stat

import commands
import lab as laboratory
import supervised
from commands import refused
from lab import check, equal
from supervised import CONFIG, RULES, SAVED, Supervisor

FILE = ["pass udp to 192.0.2.0/24 port 9"]
BY_COMMAND = "deny udp to 198.51.100.0/24 port 5"
BY_ZFW = "intercept tcp to 10.0.0.0/8 port 80-443 via 127.0.0.1:43321"


def boots(host):
    """What a boot leaves of ifw: no pins, programs and policies gone with the devices."""
    host.ifw("down", "--all")


def save(host):
    return host.ifw("save", "--config", CONFIG)


def across_a_boot(host):
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth0\n", FILE[0] + "\n")
    with Supervisor(host) as s:
        host.ifw("rule", "add", BY_COMMAND)
        zfw = "-I -c 10.0.0.0 -m 8 -l 80 -h 443 -t 43321 -p tcp".split()
        equal(host.zfw(*zfw).returncode, 0, "zfw adds a rule")
        equal(host.rules(), [*FILE, BY_COMMAND, BY_ZFW], "beside the file's and a command's")
        s.stop()
        boots(host)
        with Supervisor(host):
            equal(host.rules(), FILE, "not saved, they are gone after a boot")
            host.ifw("rule", "add", BY_COMMAND)
            host.zfw(*zfw)
            check(f"2 rules saved in '{SAVED}'" in save(host), "save says how many and where")
            equal([line for line in pathlib.Path(SAVED).read_text().splitlines() if line[0] != "#"],
                  [BY_COMMAND, BY_ZFW], "the file's own rules are not among them")
            equal((stat.S_IMODE(os.stat(SAVED).st_mode), os.listdir(os.path.dirname(SAVED))),
                  (0o600, ["saved.rules"]), "it is root's alone, and nothing lies beside it")
            host.ifw("rule", "add", "deny udp to 203.0.113.0/24 port 6")
    boots(host)
    with Supervisor(host) as s:
        equal(host.rules(), [*FILE, BY_COMMAND, BY_ZFW], "saved, they are back, and what came later is not")
        host.ifw("rule", "del", BY_COMMAND)
        s.reload()
        equal(host.rules(), [*FILE, BY_ZFW], "what is deleted stays deleted across SIGHUP")
        s.stop()
        s.__init__(host)
        equal(host.rules(), [*FILE, BY_ZFW], "and across a restart of the supervisor")
        save(host)
        host.ifw("rule", "del", BY_ZFW)
        check("0 rules saved" in save(host), "save replaces all that was saved")


def pins_removed(host):
    for path in commands.pins():
        if not os.path.isdir(path):
            os.unlink(path)
    os.rmdir(commands.pins()[0])


def begun_anew(host):
    """What came from the file is known of the state that it was put in, and of no other."""
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth0\n", FILE[0] + "\n")
    with Supervisor(host):
        host.ifw("rule", "add", BY_COMMAND)
        save(host)
    for way in (boots, pins_removed):
        way(host)
        host.ifw("up", "eth0")
        host.ifw("rule", "add", FILE[0])
        with Supervisor(host):
            equal(host.rules(), [*FILE, BY_COMMAND], f"{way.__name__}: in a state that a command made, saved rules are in force")
            check("1 rule saved" in save(host), "and are not lost when they are saved again")
    boots(host)
    host.ifw("up", "eth0")
    host.ifw("rule", "add", FILE[0])
    check("1 rule saved" in save(host), "a rule by command is one, though the file had it, too")


def conflicts(host):
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth0\n", "")
    with Supervisor(host):
        host.ifw("rule", "add", BY_COMMAND)
        host.ifw("rule", "add", "deny udp to 192.0.2.0/24 port 9")
        save(host)
    boots(host)
    pathlib.Path(RULES).write_text(FILE[0] + "\n")
    with Supervisor(host, ready=False) as s:
        said = s.wait_line("gives way")
        check("'deny udp to 192.0.2.0/24 port 9' (saved) gives way to 'pass udp to 192.0.2.0/24 port 9'" in said,
              "of one match the administrator's holds, which is said")
        s.wait_line("ready")
        equal(host.rules(), [*FILE, BY_COMMAND], "so it is")
    pathlib.Path(SAVED).write_text("deny udp\n")
    done = host.lab.ifw("run", "--check", "--config", CONFIG, ok=False)
    equal((done.returncode, done.stdout), (0, "3 settings, 1 rule, no errors but in what was saved\n"),
          "a damaged file is no reason to refuse a reload, which does not read it")
    check(f"{SAVED}:1" in done.stderr and "without the rules that were saved" in done.stderr, "but is said")
    boots(host)
    with Supervisor(host, ready=False) as s:
        s.wait_line(f"{SAVED}:1")
        s.wait_line("without the rules that were saved")
        s.wait_line("ready")
        equal(host.rules(), FILE, "a damaged file is said, and no reason not to start")


def without_supervisor(host):
    host.veth("eth0", "172.16.240.1/24")
    supervised.write("interface eth0\n", FILE[0] + "\n")
    refused(host.lab.ifw("save", "--config", CONFIG, ok=False), 2, "not up", "where nothing is up")
    check(not os.path.exists(SAVED), "nothing is written")
    host.ifw("up", "eth0")
    host.ifw("rule", "add", BY_COMMAND)
    check("1 rule saved" in save(host), "who has no supervisor can save, too")
    with Supervisor(host):
        equal(host.rules(), [*FILE, BY_COMMAND], "one that comes keeps what was made before")
    pathlib.Path(CONFIG).write_text("saved /proc/saved.rules\n")
    refused(host.lab.ifw("save", "--config", CONFIG, ok=False), 2, "cannot write '/proc/saved.rules'",
            "where it cannot be written it says so")
    never_over_the_administrators(host)


def never_over_the_administrators(host):
    """A slip in the configuration must not cost the file of rules, or the configuration."""
    link = "/run/rules-link"
    os.symlink(RULES, link)
    for saved, what in ((RULES, "rules"), (link, "rules"), (CONFIG, "settings")):
        pathlib.Path(CONFIG).write_text(f"rules {RULES}\nsaved {saved}\n")
        before = pathlib.Path(RULES).read_text(), pathlib.Path(CONFIG).read_text()
        for words in (("save",), ("run", "--check")):
            refused(host.lab.ifw(*words, "--config", CONFIG, ok=False), 1,
                    f"'{saved}' has the administrator's {what}.*name another file",
                    f"'{words[0]}' does not take {saved} for the saved rules")
        equal((pathlib.Path(RULES).read_text(), pathlib.Path(CONFIG).read_text()), before, "nor writes over it")


laboratory.main(commands.parts(across_a_boot, begun_anew, conflicts, without_supervisor))
