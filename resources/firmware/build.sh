#!/bin/sh
# Builds the bundled firmware with Debian's gcc-aarch64-linux-gnu.
#
#   build.sh            build, and put the images in images/
#   build.sh --check    build, and fail unless the images in images/ are the same byte for byte
set -eu
here=$(cd "$(dirname "$0")" && pwd)
images='flash.bin flash-test.bin monitor.elf rmm.elf'

command -v "${CROSS:-aarch64-linux-gnu-}gcc" >/dev/null || {
  echo 'build.sh: install gcc-aarch64-linux-gnu (or set CROSS to another toolchain prefix)' >&2
  exit 2
}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
make -s -j2 -C "$here" BUILD="$build"
if [ "${1:-}" = --check ]; then
  for image in $images; do
    cmp "$build/$image" "$here/images/$image" || {
      echo "build.sh: images/$image is not what the sources give: run build.sh and commit it" >&2
      exit 1
    }
  done
  exit 0
fi
mkdir -p "$here/images"
for image in $images; do
  cp "$build/$image" "$here/images/$image"
done
