#!/bin/sh
# Records what QEMU 11.1 shows for the guests that are compared with it, into recorded/GUEST-ELn.txt.
set -eu
cd "$(dirname "$0")"
qemu=$(sh ../differential/qemu-chroot.sh)
mkdir -p recorded
record() {
  machine=virt,gic-version=3
  [ "$2" -ge 2 ] && machine=$machine,virtualization=on
  [ "$2" = 3 ] && machine=$machine,secure=on
  timeout 60 "$qemu" -M "$machine" -cpu max -smp 2 -m 64M -nographic -nic none -semihosting -kernel "elf/$1.elf" </dev/null |
    tr -d '\r' >"recorded/$1-EL$2.txt"
}
for level in 1 2 3; do record clocks $level; done
for level in 1 2; do
  record power $level
  record counters $level
done
