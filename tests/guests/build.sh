#!/bin/sh
# Builds the test guests (their ELF files are committed) with Debian's gcc-aarch64-linux-gnu. They keep their symbols, for gdb.
set -eu
cd "$(dirname "$0")"
mkdir -p elf
for source in *.c; do
  aarch64-linux-gnu-gcc -std=gnu11 -O2 -march=armv8-a -mgeneral-regs-only -mstrict-align -mno-outline-atomics \
    -ffreestanding -fno-builtin -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -Wall -Wextra -Werror \
    -nostdlib -static -no-pie -Wl,--build-id=none,--no-warn-rwx-segments,-N,-z,noexecstack,-T,guest.ld \
    -o "elf/${source%.c}.elf" "$source"
done
