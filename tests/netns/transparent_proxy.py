#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small transparent proxy, TCP and UDP, for tests and the demo.

It listens on one address, IPv4 or IPv6, with IP_TRANSPARENT and answers whoever
comes with the destination that he had in mind and with what he sent:

    proxy: you wanted 10.9.9.9:80 and said 'hello'

For TCP the original destination is the accepted socket's own address. For UDP
it comes beside the datagram (IP_RECVORIGDSTADDR), and the answer has to leave
from a second transparent socket that is bound to it. On [::] it serves both
families, as a dual-stack listener; IPv4 then shows as ::ffff:10.9.9.9.

Prints "ready" when it listens, and then a line for each conversation.
"""
import argparse
import selectors
import socket
import struct
import sys

IP_TRANSPARENT = 19  # linux/in.h
IP_RECVORIGDSTADDR = 20
IPV6_TRANSPARENT = 75  # linux/in6.h
IPV6_RECVORIGDSTADDR = 74
TIMEOUT = 5  # seconds that a client may keep a connection waiting


def is_ipv6(address):
    return ":" in address[0]


def transparent(kind, address):
    s = socket.socket(socket.AF_INET6 if is_ipv6(address) else socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_ipv6(address):
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    else:
        s.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    s.bind(address)
    return s


def recv_original_destination(s):
    """Has it told beside each datagram; an IPv6 socket gets IPv4's in IPv4's way."""
    s.setsockopt(socket.SOL_IP, IP_RECVORIGDSTADDR, 1)
    if s.family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1)


def text(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answer(destination, data):
    said = data.decode("ascii", "replace").strip()
    return f"proxy: you wanted {text(destination)} and said '{said}'\n".encode()


def report(protocol, client, destination):
    print(f"{protocol} {text(client)} wanted {text(destination)}", flush=True)


def serve_tcp(listener):
    connection, client = listener.accept()
    with connection:
        connection.settimeout(TIMEOUT)
        destination = connection.getsockname()
        report("tcp", client, destination)
        try:
            data = connection.recv(4096)
            if data:
                connection.sendall(answer(destination, data))
        except OSError:
            pass  # the client has gone; the next one is waiting


def original_destination(ancillary):
    for level, kind, value in ancillary:
        if level == socket.SOL_IP and kind == IP_RECVORIGDSTADDR:
            _, port, address = struct.unpack_from("!HH4s", value)
            return socket.inet_ntoa(address), port
        if level == socket.IPPROTO_IPV6 and kind == IPV6_RECVORIGDSTADDR:
            _, port, _, address = struct.unpack_from("!HHI16s", value)
            return socket.inet_ntop(socket.AF_INET6, address), port
    return None


def reply_ends(destination, client):
    """The ends of the reply's socket; an IPv4 client of [::] is answered by IPv4."""
    if not is_ipv6(destination):
        client = (client[0].removeprefix("::ffff:"), client[1])
    return destination, client


def serve_udp(listener):
    data, ancillary, _, client = listener.recvmsg(65535, 256)
    destination = original_destination(ancillary)
    if destination is None:
        return
    report("udp", client, destination)
    local, remote = reply_ends(destination, client)
    with transparent(socket.SOCK_DGRAM, local) as reply:
        reply.sendto(answer(destination, data), remote)


def main():
    parser = argparse.ArgumentParser(description="answer intercepted TCP and UDP")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=43321)
    options = parser.parse_args()
    where = (options.address, options.port)

    tcp = transparent(socket.SOCK_STREAM, where)
    tcp.listen(64)
    udp = transparent(socket.SOCK_DGRAM, where)
    recv_original_destination(udp)
    ready = selectors.DefaultSelector()
    ready.register(tcp, selectors.EVENT_READ, serve_tcp)
    ready.register(udp, selectors.EVENT_READ, serve_udp)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            key.data(key.fileobj)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
