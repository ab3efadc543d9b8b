# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw -n`: a command about another network namespace, by its name, a path or a process."""

import commands
import lab as laboratory
from commands import pins, refused
from lab import check, equal


def other_namespace(host):
    away = host.lab.namespace("away")
    host.lab.veth(host.router, "eth0", away, "eth1")
    away.configure("eth1", "172.16.240.2/24")
    path = "/run/netns/away"
    with away.entered():
        sleeper = host.lab.router.start("sleep", "1000")
    check("eth1  attached" in host.ifw("-n", "away", "up", "eth1"), "by name")
    host.ifw("--netns", path, "rule", "add", "deny udp to 10.0.0.0/8 port 9")
    equal(host.ifw("-n", sleeper.popen.pid, "rule", "list"), "deny udp to 10.0.0.0/8 port 9\n",
          "by path and by process: the same state")
    shown = host.json("-n", "away", "iface", "show")["interfaces"]
    equal([(one["name"], one["state"]) for one in shown], [("eth1", "attached")], "and it is shown")
    equal(host.json("-n", "away", "-j", "iface", "show")["interfaces"][0]["addresses"], ["172.16.240.2"],
          "with the addresses that it has there")
    refused(host.lab.ifw("rule", "list", ok=False), 2, "not up in this network namespace", "nothing of it here")
    equal(host.programs("eth0"), [], "and nothing on this end of the cable")

    for words, status, said in ((("nowhere",), 1, "there is no network namespace 'nowhere'.*'ip netns'"),
                                (("",), 1, "there is no network namespace ''"),
                                (("/etc/passwd",), 1, "'/etc/passwd' is no network namespace"),
                                (("999999999",), 1, "there is no network namespace '999999999'"),
                                (("x" * 5000,), 1, "cannot enter")):
        refused(host.lab.ifw("-n", *words, "rule", "list", ok=False), status, said, f"-n {words[0][:20]}")
    refused(host.lab.ifw("-n", ok=False), 1, "option '-n' needs a value", "-n alone")
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    refused(host.run(*nobody, host.lab.program("ifw"), "-n", "away", "rule", "list", ok=False), 2,
            "cannot enter the network namespace 'away'.*(CAP_SYS_ADMIN|root)", "as nobody")
    host.ifw("-n", "away", "down", "--all")
    sleeper.stop()
    equal(pins(), [], "down --all there leaves nothing")


laboratory.main(commands.parts(other_namespace))
