#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Prints the folder of a clean Debian 12 with what the package depends on. It is
# made by debootstrap once and kept in ~/.cache/ifw-debootstrap (or under
# XDG_CACHE_HOME); from where this host's apt has its packages, too.
# Exit status 77: this system has no way to make one.
set -euo pipefail

suite=bookworm
# libmnl0 and libpcap0.8: what ifw is linked with. systemd: a unit to enable. man-db and
# bash-completion: pages and words to look at. udev, kmod, python3: for a machine of its own.
packages=libmnl0,libpcap0.8,systemd,man-db,bash-completion,iproute2,udev,kmod,python3

cache=${XDG_CACHE_HOME:-$HOME/.cache}/ifw-debootstrap
name=$suite-$(echo "$packages" | sha256sum | cut -c1-8)
root=$cache/$name

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -d "$root" ]; then
  command -v debootstrap >/dev/null || { echo "base: debootstrap is not installed" >&2; exit 77; }
  # shellcheck disable=SC2016 # these are apt's
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Identifier: Packages' |
    sed -n "s/ $suite$//p" | head -1)
  [ -n "$mirror" ] || { echo "base: apt knows no mirror of $suite" >&2; exit 77; }
  rm -rf "$root.part"
  if ! debootstrap --variant=minbase --include="$packages" "$suite" "$root.part" "$mirror" >"$cache/log" 2>&1; then
    tail -5 "$cache/log" >&2
    exit 2
  fi
  rm -rf "$root.part/var/cache/apt/archives" "$root.part/var/lib/apt/lists"
  mkdir -p "$root.part/var/cache/apt/archives/partial" "$root.part/var/lib/apt/lists/partial"
  mv "$root.part" "$root"
fi
echo "$root"
