# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Files that keep what is printed: compared with what is printed now, or brought up to date."""

import argparse
import difflib
import pathlib
import sys


def is_kept(path, kept, now, update):
    """Whether the lines are those that the file has; with update they are put into it."""
    if now == kept:
        return True
    if update:
        path.write_text("".join(now), encoding="utf-8")
        print(f"{path}: updated")
        return True
    sys.stdout.writelines(difflib.unified_diff(kept, now, f"{path} as kept", "as printed"))
    return False


def main(doc, check):
    """check(simulator, path, update) says whether a file is as it should be. The exit status."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--simulator", required=True, type=lambda p: str(pathlib.Path(p).resolve()))
    parser.add_argument("--update", action="store_true")
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE")
    args = parser.parse_args()
    failed = [path for path in args.files if not check(args.simulator, path, args.update)]
    print(f"{len(args.files) - len(failed)} of {len(args.files)} files as kept")
    return 1 if failed else 0
