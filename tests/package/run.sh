#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes the package of this checkout, and one of the version after it, and runs
# test_package.py with them:  run.sh BUILD_DIR PYTHON
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
build=$1 python=$2
abi=$(sed -n 's/^#define IFW_ABI //p' "$source/datapath/abi.h")

package() { # FOLDER [CMAKE OPTIONS]: prints the package's path
  local folder=$build/tests/package/$1
  shift
  rm -f "$folder"/*.deb
  { cmake -S "$source" -B "$folder" -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DIFW_SERVICE=ON -DIFW_TESTS=OFF "$@" &&
    cmake --build "$folder" -j "$(nproc)" && (cd "$folder" && cpack -G DEB); } >"$folder.log" 2>&1 ||
    { tail -20 "$folder.log" >&2; return 1; }
  echo "$folder"/*.deb
}

this=$(package this)
next=$(package next "-DCMAKE_C_FLAGS=-DIFW_ABI=$((abi + 1))" -DCPACK_PACKAGE_VERSION=99.0)
IFW_BIN=$build/bin "$python" -B "$here/test_package.py" "$this" "$next" "$here/base.sh"
