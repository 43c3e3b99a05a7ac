#!/bin/sh
# Load for a guest, on busybox: load.sh [LOAD NUMBER]. Without arguments it starts everything, and says every few seconds how far each load
# has come: `soak SECONDS NAME=COUNT …`. What comes out wrong is a line `soak FAULT …`.
# /dev/vda is overwritten: an area of 4 MiB for each disk load.

cd /tmp
count() { echo "$2" >"count.$1"; }
fault() { echo "soak FAULT $*"; }

case ${1:-all} in
  # Processes: ten at once, each with a program of its own.
  fork)
    n=0
    while :; do
      for i in 0 1 2 3 4 5 6 7 8 9; do /bin/sh -c "exit $i" & done
      sum=0
      for process in $(jobs -p); do
        wait "$process"
        sum=$((sum + $?))
      done
      [ $sum = 45 ] || fault "fork$2: statuses add up to $sum"
      count "fork$2" $((n += 1))
    done
    ;;
  # Memory: random bytes, through a pipe and back, compared.
  memory)
    n=0
    while :; do
      dd if=/dev/urandom of=memory.a bs=64k count=8 2>/dev/null
      gzip -1 <memory.a | gunzip >memory.b
      cmp memory.a memory.b || fault memory
      rm memory.a memory.b
      count memory $((n += 1))
    done
    ;;
  # Disk: written, flushed, read again past the page cache, compared.
  disk)
    n=0
    while :; do
      place=$(($2 * 64 + n % 48))
      dd if=/dev/urandom of="disk$2" bs=64k count=16 2>/dev/null
      dd if="disk$2" of=/dev/vda bs=64k seek=$place conv=fsync 2>/dev/null
      dd if=/dev/vda iflag=direct bs=64k skip=$place count=16 2>/dev/null | cmp - "disk$2" || fault "disk$2 at $place"
      count "disk$2" $((n += 1))
    done
    ;;
  # Timer: short sleeps on one core.
  timer)
    n=0
    while :; do
      for i in 0 1 2 3 4 5 6 7 8 9; do usleep 10000; done
      count "timer$2" $((n += 1))
    done
    ;;
  all)
    cores=$(nproc)
    core=0
    while [ $core -lt "$cores" ]; do
      taskset -c $core sh "$0" timer $core &
      core=$((core + 1))
    done
    for number in 0 1; do
      sh "$0" fork $number &
      sh "$0" disk $number &
    done
    sh "$0" memory &
    while :; do
      sleep 5
      set --
      for file in count.*; do set -- "$@" "${file#count.}=$(cat "$file")"; done
      echo "soak $(cut -d . -f 1 /proc/uptime) $*"
    done
    ;;
esac
