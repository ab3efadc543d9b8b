#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small transparent proxy, TCP and UDP, for tests and the demo.

It listens on one address with IP_TRANSPARENT and answers whoever comes with
the destination that he had in mind and with what he sent:

    proxy: you wanted 10.9.9.9:80 and said 'hello'

For TCP the original destination is the accepted socket's own address. For UDP
it comes beside the datagram (IP_RECVORIGDSTADDR), and the answer has to leave
from a second transparent socket that is bound to it.

Prints "ready" when it listens, and then a line for each conversation.
"""
import argparse
import selectors
import socket
import struct
import sys

IP_TRANSPARENT = 19  # linux/in.h
IP_RECVORIGDSTADDR = 20
TIMEOUT = 5  # seconds that a client may keep a connection waiting


def transparent(kind, address):
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    s.bind(address)
    return s


def answer(destination, data):
    said = data.decode("ascii", "replace").strip()
    return f"proxy: you wanted {destination[0]}:{destination[1]} and said '{said}'\n".encode()


def report(protocol, client, destination):
    print(f"{protocol} {client[0]}:{client[1]} wanted {destination[0]}:{destination[1]}", flush=True)


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
    return None


def serve_udp(listener):
    data, ancillary, _, client = listener.recvmsg(65535, 256)
    destination = original_destination(ancillary)
    if destination is None:
        return
    report("udp", client, destination)
    with transparent(socket.SOCK_DGRAM, destination) as reply:
        reply.sendto(answer(destination, data), client)


def main():
    parser = argparse.ArgumentParser(description="answer intercepted TCP and UDP")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=43321)
    options = parser.parse_args()
    where = (options.address, options.port)

    tcp = transparent(socket.SOCK_STREAM, where)
    tcp.listen(64)
    udp = transparent(socket.SOCK_DGRAM, where)
    udp.setsockopt(socket.SOL_IP, IP_RECVORIGDSTADDR, 1)
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
