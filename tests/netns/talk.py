# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Conversations that go on while something is done to the firewall, and know whether a segment of them was lost."""

import socket
import struct
import threading
import time

import lab as laboratory
from network import IPV4, transparent

FAR = (IPV4.far, 80)
TCP_INFO, TOTAL_RETRANS = 11, 100  # linux/tcp.h: struct tcp_info, offset of tcpi_total_retrans


class Echo:
    """A transparent listener that sends back what comes, for as long as somebody talks."""

    def __init__(self, router, port=0):
        self.listener = transparent(router, IPV4, socket.SOCK_STREAM, ("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            talk, _ = self.listener.accept()
            threading.Thread(target=self._echo, args=(talk,), daemon=True).start()

    @staticmethod
    def _echo(talk):
        with talk:
            while data := talk.recv(65536):
                talk.sendall(data)


class Talk:
    """One connection on which a question goes out again and again, and each is answered."""

    def __init__(self, client, destination, pause=0.001):
        self.pause = pause  # seconds
        self.socket = client.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(laboratory.PATIENCE)
        self.socket.connect(destination)
        self.answers, self.going, self.error = 0, True, None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while self.going:
                self.socket.sendall(b"question")
                if self.socket.recv(8, socket.MSG_WAITALL) != b"question":
                    raise OSError("it was closed")
                self.answers += 1
                time.sleep(self.pause)
        except OSError as error:
            self.error = error

    def end(self):
        """(what went wrong, segments that had to be sent again)"""
        self.going = False
        self.thread.join()
        info = self.socket.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 256)
        self.socket.close()
        return self.error, struct.unpack_from("=I", info, TOTAL_RETRANS)[0]
