# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Makes a manual page, with what the programs say of themselves: make.py RST2MAN BIN_FOLDER PAGE.rst OUTPUT

@OVERVIEW@ and @COMMANDS@ are the pages of `ifw help`, a section each; @SIMULATOR@ and
@ZFW@ what those say to --help. So no option stands in one place and not in the other.
"""

import pathlib
import re
import subprocess
import sys


def said(folder, program, *words):
    done = subprocess.run([pathlib.Path(folder, program), *words], capture_output=True, text=True)
    return (done.stdout or done.stderr).rstrip()


def literal(text):
    return "::\n\n" + "\n".join(f"  {line}".rstrip() for line in text.splitlines()) + "\n"


def section(title, text):
    return f"{title}\n{'=' * len(title)}\n\n{literal(text)}"


def topics(folder):
    return said(folder, "ifw", "complete", "--", "").splitlines()


def parts(folder):
    overview = said(folder, "ifw", "help").split("\n\n", 1)[1]
    return {
        "@OVERVIEW@": lambda: section("OVERVIEW", overview),
        "@COMMANDS@": lambda: "\n".join(section(f"IFW {topic.upper()}", said(folder, "ifw", "help", topic)) for topic in topics(folder)),
        "@SIMULATOR@": lambda: literal(said(folder, "ifw-sim", "--help")),
        "@ZFW@": lambda: literal(said(folder, "zfw", "--help")),
    }


def tidy(page):
    """Without requests of rst2man that do nothing, and that mandoc warns of."""
    page = re.sub(r"^\.ft [CP]\n", "", page, flags=re.MULTILINE)
    return re.sub(r"^(\.SH .*\n)\.sp\n", r"\1", page, flags=re.MULTILINE)


def main(rst2man, folder, page, output):
    text = pathlib.Path(page).read_text()
    for mark, part in parts(folder).items():
        if mark in text:
            text = text.replace(mark, part())
    made = subprocess.run([rst2man, "--halt=warning"], input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    pathlib.Path(output).write_text(tidy(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
