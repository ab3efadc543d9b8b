# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real conversations end where the rules say.

A client behind one interface, a server behind another, the router between them
with a transparent proxy. Every check that something arrives has its twin that
something else does not; that something does not arrive is shown by the reason
counted for it, beside a positive control that goes through.
"""

import json
import socket
import threading

import lab as laboratory
from lab import check, equal, wait_for
from network import (IPV4, PROXY_PORT, QUIET, Network, dropped, intercepted, proxy_says,
                     transparent)

CLIENT, ROUTER, SERVER = IPV4.client, IPV4.router, IPV4.server


def check_tcp_and_udp(net):
    net.rule(f"intercept tcp to 10.9.0.0/16 port 80-90 via 127.0.0.1:{PROXY_PORT}")
    net.rule(f"intercept udp to 10.9.0.0/16 port 53 via 127.0.0.1:{PROXY_PORT}")
    intercepted(net, "TCP at the low end of the range reaches the proxy", ("10.9.8.7", 80))
    intercepted(net, "TCP at the high end, too", ("10.9.255.255", 90))
    dropped(net, "one port below", ("10.9.8.7", 79), "no-rule")
    dropped(net, "one port above", ("10.9.8.7", 91), "no-rule")
    dropped(net, "one address past the prefix", ("10.10.0.0", 80), "no-rule")
    dropped(net, "UDP to the TCP rule's port", ("10.9.8.7", 80), "no-rule", "udp")
    where = ("10.9.9.9", 53)
    equal(net.udp(where), (proxy_says(where), where),
          "UDP reaches the proxy, and its answer comes from the original destination")
    dropped(net, "TCP to the UDP rule's port", where, "no-rule")


def check_large_transfer(net):
    with net.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(laboratory.PATIENCE)
        s.connect(("10.9.1.1", 80))
        said = "x" * 4000
        s.sendall(said.encode())
        answer = b""
        while not answer.endswith(b"\n"):
            answer += s.recv(4096)
    equal(answer.decode(), proxy_says(("10.9.1.1", 80), said), "more than one segment goes both ways")


def check_aggregates(net):
    """Segments that the stack keeps in one skb, most of it not in its linear part."""
    whole = 1_000_000
    net.rule(f"intercept tcp to 10.5.0.0/16 port 80 via 127.0.0.1:{PROXY_PORT + 2}")
    net.lab.ifw("iface", "set", "eth0", "verbose", "on")
    monitor = net.lab.router.start(net.lab.program("ifw"), "monitor", "-j")
    with transparent(net.lab.router, IPV4, socket.SOCK_STREAM, ("127.0.0.1", PROXY_PORT + 2)) as listener:
        listener.listen()
        with net.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(laboratory.PATIENCE)
            s.connect(("10.5.0.1", 80))
            peer, _ = listener.accept()
            peer.settimeout(laboratory.PATIENCE)
            sender = threading.Thread(target=s.sendall, args=(b"x" * whole,))
            sender.start()
            got = 0
            while got < whole:
                got += len(peer.recv(65536))
            sender.join()
            peer.close()
    equal(got, whole, "a large upload arrives whole at the listener")
    # The ring buffer keeps the events until the monitor has come up.
    lengths = [json.loads(monitor.wait_line('"established"'))["length"]]
    while (line := monitor.line(1)) is not None:
        if json.loads(line)["reason"] == "established":
            lengths.append(json.loads(line)["length"])
    monitor.stop()
    check(max(lengths) > 3000, f"in aggregates of up to {max(lengths)} bytes, decided as one packet")
    net.lab.ifw("iface", "set", "eth0", "verbose", "off")


def check_actions(net):
    net.rule("deny tcp to 10.9.1.0/24 port 85")
    dropped(net, "a deny rule on a longer prefix", ("10.9.1.2", 85), "rule-deny")
    intercepted(net, "its neighbours are still intercepted", ("10.9.2.2", 85))
    net.rule(f"intercept tcp to 10.8.0.0/16 port 80 via 127.0.0.1:{PROXY_PORT + 1}")
    dropped(net, "a rule whose listener is not there", ("10.8.0.1", 80), "no-listener")
    net.rule(f"intercept tcp to 10.7.0.0/16 port 80 via 127.0.0.1:{PROXY_PORT} from 172.16.240.3")
    dropped(net, "a rule for another source", ("10.7.0.1", 80), "no-rule")
    net.rule(f"intercept tcp to 10.7.0.0/16 port 81 via 127.0.0.1:{PROXY_PORT} from {CLIENT}")
    intercepted(net, "a rule for this source", ("10.7.0.1", 81))


def check_interfaces(net):
    net.rule(f"intercept tcp to 10.6.0.0/16 port 80 via 127.0.0.1:{PROXY_PORT} on eth1")
    net.rule(f"intercept tcp to 10.6.0.0/16 port 81 via 127.0.0.1:{PROXY_PORT} on eth0,eth1")
    dropped(net, "a rule on another interface only", ("10.6.0.1", 80), "no-rule")
    intercepted(net, "a rule on this one and another", ("10.6.0.1", 81))
    net.lab.ifw("up", "eth1")
    equal(net.tcp(("10.6.0.1", 80), source=net.server), proxy_says(("10.6.0.1", 80)),
          "the other interface has the rule at once when it comes up")
    net.lab.ifw("rule", "del", f"intercept tcp to 10.6.0.0/16 port 80 via 127.0.0.1:{PROXY_PORT} on eth1")
    value, counted = net.counted(
        "no-rule", "drop", lambda: net.tcp(("10.6.0.1", 80), source=net.server, seconds=QUIET), "eth1")
    check(value is None and counted, "and loses it at once")


def check_host_itself(net):
    lab = net.lab
    with lab.router.socket(socket.AF_INET, socket.SOCK_STREAM) as ssh:
        ssh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ssh.bind(("0.0.0.0", 22))
        ssh.listen()
        value, counted = net.counted("ssh", "pass", lambda: greet(net, ssh, (ROUTER, 22)))
        check(value and counted, "ssh to the host's address passes")
        value, counted = net.counted("ssh", "pass", lambda: greet(net, ssh, (IPV4.router_too, 22)))
        check(value and counted, "and to its second address")
        dropped(net, "ssh to somebody else", (SERVER, 22), "no-rule")
        lab.ifw("iface", "set", "eth0", "ssh", "off")
        dropped(net, "ssh where it is off", (ROUTER, 22), "no-rule")
        lab.ifw("iface", "set", "eth0", "ssh", "on")
    value, counted = net.counted("icmp-echo", "drop", lambda: net.ping(ROUTER, seconds=QUIET))
    check(not value and counted, "an echo request is not answered by default")
    lab.ifw("iface", "set", "eth0", "echo", "on")
    check(net.ping(ROUTER), "and is where echo is on")
    value, counted = net.counted("icmp-echo", "drop", lambda: net.ping(SERVER, seconds=QUIET))
    check(not value and counted, "but one to somebody else is not let through")
    with lab.router.socket(socket.AF_INET, socket.SOCK_STREAM) as web:
        web.bind((ROUTER, 8080))
        web.listen()
        dropped(net, "another service of the host", (ROUTER, 8080), "no-rule")
        net.rule(f"intercept tcp to 172.16.240.0/24 port 8080 via 127.0.0.1:{PROXY_PORT}")
        value, counted = net.counted("local", "pass", lambda: greet(net, web, (ROUTER, 8080)))
        check(value and counted, "an intercept rule that covers it passes it to the host")


def greet(net, listener, address):
    """Whether a client gets through to a listener of the host."""
    with net.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(laboratory.PATIENCE)
        try:
            s.connect(address)
        except TimeoutError:
            return False
        listener.accept()[0].close()
        return True


def check_own_conversations(net):
    """What the host itself began comes back, with the program where the answers come in."""
    with net.server.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((SERVER, 7000))
        listener.listen()
        with net.lab.router.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(laboratory.PATIENCE)
            s.connect((SERVER, 7000))
            peer, _ = listener.accept()
            peer.sendall(b"answer")
            equal(s.recv(100), b"answer", "the host's own TCP connection gets its answers")
            peer.close()
    with net.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((SERVER, 7000))
        with net.lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(laboratory.PATIENCE)
            s.connect((SERVER, 7000))
            s.send(b"question")
            _, origin = server.recvfrom(100)
            server.sendto(b"answer", origin)
            equal(s.recv(100), b"answer", "and its connected UDP socket")
        with net.lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"question", (SERVER, 7000))
            _, origin = server.recvfrom(100)

            def ask(seconds):
                s.settimeout(seconds)
                server.sendto(b"answer", origin)
                try:
                    return s.recv(100)
                except TimeoutError:
                    return None

            value, counted = net.counted("tracked", "pass", lambda: ask(laboratory.PATIENCE), "eth1")
            check(value == b"answer" and counted, "so does one that is not connected")
            net.lab.ifw("iface", "set", "eth1", "track", "off")
            value, counted = net.counted("no-rule", "drop", lambda: ask(QUIET), "eth1")
            check(value is None and counted, "which needs a rule where nothing is tracked")
            net.lab.ifw("iface", "set", "eth1", "track", "on")


def check_strict_settings(net):
    """Settings that defeat a policy rule by mark alone."""
    for name in ("src_valid_mark", "rp_filter"):
        for iface in ("all", "eth0"):
            net.lab.router.sysctl(f"net.ipv4.conf.{iface}.{name}", 1)
    net.lab.router.sysctl("net.ipv4.tcp_fwmark_accept", 1)
    intercepted(net, "interception works with src_valid_mark, strict rp_filter and tcp_fwmark_accept",
                ("10.9.8.7", 82))


def check_events(net):
    net.lab.ifw("iface", "set", "eth0", "verbose", "on")
    monitor = net.lab.router.start(net.lab.program("ifw"), "monitor", "-j")
    wait_for(lambda: net.tcp(("10.9.8.7", 83)), "the proxy")
    first = json.loads(monitor.wait_line('"intercepted"'))
    equal((first["src"], first["dst"], first["dst_port"], first["verdict"], first["assigned"]),
          (CLIENT, "10.9.8.7", 83, "pass", "listener"), "the event says what was decided")
    check(first["rule"].startswith("intercept tcp to 10.9.0.0/16 port 80-90"), "and by which rule")
    equal(monitor.stop(), 0, "the monitor ends when asked to")


def conversation(lab, hook):
    net = Network(lab, hook)
    check_tcp_and_udp(net)
    check_large_transfer(net)
    check_aggregates(net)
    check_actions(net)
    check_interfaces(net)
    check_host_itself(net)
    check_own_conversations(net)
    check_strict_settings(net)
    check_events(net)


laboratory.main(laboratory.each_hook(conversation))
