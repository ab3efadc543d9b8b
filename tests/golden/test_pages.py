#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a page of documentation shows is what its commands print.

In the code blocks of a page, `$ COMMAND` is run and what stands below it, up to the next `$`
or the end of the block, is what it prints: standard output, then standard error. `$ cat FILE`
makes the file of what is shown where there is none yet. Only ifw-sim, cat, head and `echo $?`
are run, one at a time and without a shell, though `> FILE` may follow; what other commands show
is kept, for they need a live host.

    test_pages.py --simulator build/bin/ifw-sim [--update] PAGE...

The folder of a page's name, without its ending, has files that its commands read. --update
writes what is printed now into the page; read the difference before it is kept.
"""

import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

import kept

RUN = ("ifw-sim", "cat", "head")


def split_page(lines):
    """Yields ("text", line) and ("command", line, shown), in order."""
    inside, shown = False, None
    for line in lines:
        if line.startswith("```"):
            inside, shown = not inside, None
        elif inside and line.startswith("$ "):
            shown = []
            yield "command", line, shown
            continue
        if shown is None:
            yield "text", line, None
        else:
            shown.append(line)


class Runner:
    def __init__(self, simulator, directory):
        self.simulator = simulator
        self.directory = pathlib.Path(directory)
        self.status = 0

    def run(self, line, shown):
        """The lines that the command prints."""
        words = shlex.split(line[2:])
        if words == ["echo", "$?"]:
            return [f"{self.status}\n"]
        if not words or words[0] not in RUN:
            return shown
        if words[0] == "cat" and not (self.directory / words[1]).exists():
            (self.directory / words[1]).write_text("".join(shown), encoding="utf-8")
        into = None
        if ">" in words:
            into = self.directory / words[-1]
            words = words[: words.index(">")]
        if words[0] == "ifw-sim":
            words[0] = self.simulator
        done = subprocess.run(words, cwd=self.directory, capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=60)
        self.status = done.returncode
        if into:
            into.write_text(done.stdout, encoding="utf-8")
        printed = ("" if into else done.stdout) + done.stderr
        return printed.splitlines(keepends=True)


def check(simulator, page, update):
    """Whether the page shows what is printed."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    now, commands = [], 0
    with tempfile.TemporaryDirectory() as directory:
        if page.with_suffix("").is_dir():
            shutil.copytree(page.with_suffix(""), directory, dirs_exist_ok=True)
        runner = Runner(simulator, directory)
        for kind, line, shown in list(split_page(lines)):
            now.append(line)
            if kind == "command":
                commands += 1
                now += runner.run(line, shown)
    if now == lines:
        print(f"{page}: {commands} commands print what it shows")
    return kept.is_kept(page, lines, now, update)


if __name__ == "__main__":
    sys.exit(kept.main(__doc__, check))
