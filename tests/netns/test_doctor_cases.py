# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`ifw doctor` on hosts that are made otherwise than that of test_doctor.py, each part one of its own."""

import contextlib
import pathlib
import socket

import bpfcalls
import commands
import lab as laboratory
import network
from doctor import fixed, healthy, look, mended, named
from lab import check, equal

PORT = 18080
IP_TRANSPARENT = 19  # linux/in.h
SO_BINDTODEVICE = 25  # asm-generic/socket.h


def has_tcx(host, name="eth0"):
    return bool(bpfcalls.tcx_programs(host.router.ifindex(name), "ingress"))


@contextlib.contextmanager
def listener(host, device=None, port=PORT):
    """A transparent one on 127.0.0.1, of one interface where it is named."""
    with host.router.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
        if device:
            made.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())
        made.bind(("127.0.0.1", port))
        made.listen()
        yield made


def egress_rules(host):
    """Neither tracking nor a default that denies: the program for what leaves is there for rules alone."""
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0", "--track", "off")
    healthy(host, "nothing is asked of what leaves")
    equal([c["check"] for c in look(host)[0] if c["check"] == "egress"], [], "and nothing is said of it")
    host.ifw("rule", "add", "egress", "deny", "tcp", "to", "0.0.0.0/0", "port", "25")
    healthy(host, "an egress rule")
    if has_tcx(host):
        network.detach(f"egress_{host.router.ifindex('eth0')}")
        fixed(host, "its program detached", "egress")


def highest_addresses(host):
    """A router that has the last two addresses of its subnet; one of them with VRRP, perhaps."""
    host.veth("eth0", "192.0.2.253/24", "192.0.2.254/32")
    host.ifw("up", "eth0")
    healthy(host, "the two highest addresses of a subnet are own ones")
    host.run("ip", "address", "add", "192.0.2.252/32", "dev", "eth0")
    host.ifw("up", "eth0")
    healthy(host, "and the three highest")


def bound_listeners(host):
    """A listener that is bound to an interface takes what comes in by that one alone."""
    rule = f"intercept tcp to 10.9.0.0/16 port 80 via 127.0.0.1:{PORT}"
    for name, net in (("eth0", 240), ("eth1", 241)):
        host.veth(name, f"172.16.{net}.1/24")
    host.ifw("up", "eth0", "eth1")
    host.ifw("rule", "add", f"{rule} on eth1")
    with listener(host, "eth1"):
        healthy(host, "bound to the interface of its rule")
    with listener(host, "eth0"):
        named(host, "bound to another one", "listener", iface=None, says=f"nobody listens on tcp 127.0.0.1:{PORT}, so")
    host.ifw("rule", "add", rule)
    with listener(host, "eth1"):
        named(host, "bound to one of two", "listener", iface=None,
              says=f"nobody listens on tcp 127.0.0.1:{PORT} for what comes in by 'eth0', so")
        with listener(host, "eth0"):
            healthy(host, "one for each of them")
    with listener(host):
        healthy(host, "and one for both")


def renamed(host):
    """Under the former name nothing can be mended."""
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0")
    if has_tcx(host):
        network.detach(f"link_{host.router.ifindex('eth0')}")
    host.run("ip", "address", "add", "172.16.240.2/24", "dev", "eth0")
    host.run("ip", "link", "set", "eth0", "name", "wan0")
    found = named(host, "renamed, detached, and with another address", "link", says="'wan0'")
    equal(found["command"], "ifw up wan0", "the command is for the name that it has")
    done = host.lab.ifw("doctor", "--fix", ok=False)
    equal((done.returncode, done.stderr), (3, ""), "--fix tries nothing under the former name")
    mended(host, "renamed", "link")


def lookup_of_others(host):
    """An interface that is there brings back what belongs to all."""
    for name, net in (("eth0", 240), ("eth1", 241), ("eth2", 242)):
        host.veth(name, f"172.16.{net}.1/24")
    host.ifw("up", "eth0", "eth1", "eth2")
    if not network.detach("lookup"):
        return
    host.run("ip", "link", "del", "eth0")
    host.run("ip", "link", "set", "eth1", "name", "wan0")
    found = named(host, "socket lookup detached, the first interfaces gone and renamed", "socket-lookup",
                  iface="eth2", state="warning", only=False)
    equal(found["command"], "ifw up eth2", "it is brought back by the one that is there")
    host.run("ip", "link", "del", "wan0")
    host.run("ip", "link", "del", "eth2")
    found = named(host, "with none there", "socket-lookup", iface=None, state="warning", only=False)
    equal(found["command"], None, "nothing that could be typed does")


def down(host):
    """Of an interface that is down routing says nothing."""
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0")
    host.run("ip", "link", "set", "eth0", "down")
    named(host, "down", "link")
    found = [c["found"] for c in look(host)[0] if c["check"] == "route" and c["interface"] == "eth0"]
    check(found and all("down, so nothing was tried" in text for text in found), f"no route was tried: {found}")


def other_namespace(host):
    """What is copied from the report is to act where the report is about, not where it was asked for."""
    other = host.lab.namespace("other")
    ifw = host.lab.program("ifw")
    other.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "p-eth0")
    other.configure("eth0", "172.16.240.1/24")
    host.ifw("-n", "other", "up", "eth0")
    shown = host.ifw("-n", "other", "doctor")
    check("nsenter" not in shown, "where nothing has to be typed, nothing is said")
    other.run("ip", "link", "set", "eth0", "down")
    place = "commands below are for a shell in that network namespace: nsenter --net="
    for words in (("-n", "other"), ("-n", "/run/netns/other")):
        shown = host.ifw(*words, "doctor", ok=False)
        check(shown.startswith(f"{place}/run/netns/other\n\nthis host\n"), f"{words}: the way there comes first")
    shown = other.run(ifw, "doctor", ok=False).stdout
    check(shown.startswith("this host\n"), "in the namespace itself there is nothing to say")
    pathlib.Path("/run/it's there").symlink_to("/run/netns/other")
    shown = host.ifw("-n", "/run/it's there", "doctor", ok=False).splitlines()[0]
    done = host.run("sh", "-c", f"{shown.split(': ', 1)[1]} ip link show eth0", ok=False)
    check("eth0" in done.stdout, f"it can be copied, whatever the name: {shown}")
    host.veth("eth7", "172.16.247.1/24")
    pins = ("--pin-dir", "/sys/fs/bpf/my pins")
    host.ifw(*pins, "up", "eth7")
    host.run("ip", "link", "set", "eth7", "down")
    shown = host.ifw(*pins, "doctor", ok=False).splitlines()[0]
    equal(shown, "commands of ifw below need the place of its pins: ifw --pin-dir '/sys/fs/bpf/my pins' ...",
          "so is the place of the pins said")


def typed_in_ssh(host):
    """--fix attaches, and so might cut who types it, as `ifw up` might; it warns of the same things."""
    host.veth("eth0", "172.16.240.1/24")
    host.ifw("up", "eth0", "--track", "off")
    host.ifw("iface", "set", "eth0", "ssh", "off")
    host.ifw("iface", "set", "eth0", "egress-default", "deny")
    if not has_tcx(host):
        return
    program = host.lab.program("ifw")

    def fix(session):
        network.detach(f"link_{host.router.ifindex('eth0')}")
        return host.run("env", *session, program, "doctor", "--fix", ok=False)

    session = "SSH_CONNECTION=172.16.240.2 50000 172.16.240.1 22"
    done = fix((session,))
    check("this would cut the ssh session" in done.stderr and "mended" not in done.stderr and done.returncode,
          f"who types it is not cut off: {done.stderr.strip()}")
    named(host, "and nothing is attached", "attached", only=False)
    done = fix(("-u", "SSH_CONNECTION"))
    check("mended: ifw up eth0" in done.stderr and "denies by default what leaves and tracks no flows" in done.stderr,
          f"without a session it is mended, and warned of the same things: {done.stderr.strip()}")


laboratory.main(commands.parts(egress_rules, highest_addresses, bound_listeners, renamed, lookup_of_others, down, other_namespace,
                               typed_in_ssh))
