# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A supervisor (`ifw run`) for a test, its configuration, and what it told systemd."""

import os
import pathlib
import signal
import socket
import time

import lab as laboratory
from lab import wait_for

CONFIG = "/run/ifw.conf"
RULES = "/run/ifw.rules"
SAVED = "/run/lib/saved.rules"


def write(config="interface eth0\n", rules=""):
    """Both files; paths are of the test's own /run."""
    pathlib.Path(CONFIG).write_text(f"rules {RULES}\nsaved {SAVED}\n{config}")
    pathlib.Path(RULES).write_text(rules)


class Supervisor:
    """`ifw run` in the background, with a socket for what it notifies."""

    def __init__(self, host, *arguments, prefix=(), ready=True):
        self.host = host
        path = f"/run/notify-{os.getpid()}-{time.monotonic_ns()}"
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(path)
        self.notified.settimeout(laboratory.PATIENCE)
        self.process = host.router.start(
            *prefix, host.lab.program("ifw"), "run", "--config", CONFIG, *arguments,
            env={**os.environ, "NOTIFY_SOCKET": path},
        )
        if ready:
            self.wait_line("ready")

    @property
    def pid(self):
        return self.process.popen.pid

    def wait_line(self, words):
        return self.process.wait_line(words)

    def told(self):
        """Everything notified so far, as a list of {name: value}."""
        messages = []
        self.notified.settimeout(0.05)
        while True:
            try:
                text = self.notified.recv(4096).decode()
            except TimeoutError:
                return messages
            messages.append(dict(line.split("=", 1) for line in text.splitlines()))

    def reload(self, words="reloaded"):
        self.process.popen.send_signal(signal.SIGHUP)
        return self.wait_line(words)

    def stop(self, sign=signal.SIGTERM):
        return self.process.stop(sign)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()
        self.notified.close()


def attached(host, name):
    """Waits until an interface is attached; what is shown of it."""

    def shown():
        done = host.lab.ifw("iface", "show", "-j", name, ok=False)
        one = host.iface(name) if done.returncode == 0 else None
        return one if one and one["state"] == "attached" else None

    return wait_for(shown, f"{name} to be attached")
