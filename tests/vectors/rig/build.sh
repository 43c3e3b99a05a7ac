#!/bin/sh
# Builds rig.elf (committed) from rig.S with Debian's gcc-aarch64-linux-gnu.
set -eu
cd "$(dirname "$0")"
aarch64-linux-gnu-gcc -nostdlib -static -Wl,--build-id=none -Wl,-N -Wl,--no-warn-rwx-segments -Wl,-T,rig.ld -o rig.elf rig.S
aarch64-linux-gnu-strip --strip-unneeded rig.elf
