#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What ifw-sim answers, word for word, in telling cases.

A case is one file. `== NAME` begins a file that its commands can read (rules, world,
packets; of `== NAME hex` the bytes are given); `$ ARGUMENTS` runs ifw-sim with these, and what follows, up to the next `$`, is
what it prints: its standard output, then lines that begin with `! ` for standard error, and
`exit N` where the status is not 0. Text before the first of both says what the case is about.

    test_golden.py --simulator build/bin/ifw-sim [--update] CASE...

--update writes what is printed now into the cases; read the difference before it is kept.
"""

import pathlib
import shlex
import subprocess
import sys
import tempfile

import kept


def split_case(text):
    """The text in front, {name: text} of files, and [(command, expected)] of a case."""
    about, files, commands = [], {}, []
    into = about
    for line in text.splitlines(keepends=True):
        if line.startswith("== "):
            into = files.setdefault(line[3:].strip(), [])
        elif line.startswith("$ "):
            into = []
            commands.append((line[2:].rstrip("\n"), into))
        else:
            into.append(line)
    return about, files, commands


def run(simulator, command, directory):
    """What the command prints, as a case has it."""
    done = subprocess.run(
        [simulator, *shlex.split(command)],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    printed = done.stdout
    printed += "".join(f"! {line}\n" for line in done.stderr.splitlines())
    if done.returncode != 0:
        printed += f"exit {done.returncode}\n"
    return printed.splitlines(keepends=True)


def write_file(directory, name, text):
    """A file of a case."""
    name, _, form = name.partition(" ")
    data = bytes.fromhex(text) if form == "hex" else text.encode("utf-8")
    (directory / name).write_bytes(data)


def check(simulator, path, update):
    """Whether the case prints what it says."""
    text = path.read_text(encoding="utf-8")
    about, files, commands = split_case(text)
    now = list(about)
    with tempfile.TemporaryDirectory() as directory:
        for name, lines in files.items():
            write_file(pathlib.Path(directory), name, "".join(lines))
            now += [f"== {name}\n", *lines]
        for command, _ in commands:
            now += [f"$ {command}\n", *run(simulator, command, directory)]
    return kept.is_kept(path, text.splitlines(keepends=True), now, update)


if __name__ == "__main__":
    sys.exit(kept.main(__doc__, check))
