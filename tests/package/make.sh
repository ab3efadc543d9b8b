#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Makes the package of this checkout, and one of the version after it, with another ABI
# number, for the tests here:  make.sh BUILD_DIR  (this.deb and next.deb below tests/package/)
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
abi=$(sed -n 's/^#define IFW_ABI //p' "$source/datapath/abi.h")

package() { # NAME [CMAKE OPTIONS]
  local folder=$build/tests/package/$1
  shift
  rm -f "$folder"/*.deb
  { cmake -S "$source" -B "$folder" -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DIFW_SERVICE=ON -DIFW_TESTS=OFF "$@" &&
    cmake --build "$folder" -j "$(nproc)" && (cd "$folder" && cpack -G DEB); } >"$folder.log" 2>&1 ||
    { tail -20 "$folder.log" >&2; return 1; }
  mv "$folder"/*.deb "$folder.deb"
}

package this
package next "-DCMAKE_C_FLAGS=-DIFW_ABI=$((abi + 1))" -DCPACK_PACKAGE_VERSION=99.0
