#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs what is missing of packages.txt. Needs root only where something is.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
while read -r package; do
  case $package in '' | '#'*) continue ;; esac
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done <packages.txt

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "setup: these packages are missing: ${missing[*]}" >&2
  echo "setup: install them as root: apt-get install ${missing[*]}" >&2
  exit 2
fi
echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
log=$(mktemp)
policy=
trap 'rm -f "$log" $policy' EXIT
# Some are servers. Tests start them in namespaces of their own; on this host none is to run,
# neither now (invoke-rc.d asks this file) nor after a reboot.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  policy=/usr/sbin/policy-rc.d
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "setup: apt-get failed; what it said stands above" >&2
  exit 2
fi
for package in "${missing[@]}"; do
  service=/lib/systemd/system/$package.service
  if command -v systemctl >/dev/null && [ -e "$service" ] &&
    [ -e "/etc/systemd/system/multi-user.target.wants/$package.service" ]; then
    systemctl disable --quiet "$package"
  fi
done
