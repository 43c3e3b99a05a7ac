#!/bin/sh
# Unpacks what the boot tests take from Debian's arm64 packages, by a private apt, and prints the folder.
#
#   fetch.sh ITEM
#
#   6.1, 6.12   that series' newest kernel, with its modules (stable releases bookworm and trixie)
#   cloud       the newest cloud kernel of trixie-backports and sid, with its modules
#   busybox     a static busybox
#   u-boot      U-Boot for QEMU's machines
#   edk2        EDK2 for the machine virt
#   efi-shell   EDK2's shell, a program for UEFI
#   rootfs      a file first-stage.ext4: Debian trixie with systemd, perl and python3, not yet configured (see rootfs.ts)
#
# Fetched once and kept in TRIREME_BOOT_CACHE (default /var/cache/trireme/boot, or ~/.cache/trireme/boot where that
# cannot be written). Ends with status 1 and one line where something is not to be had.
set -eu

item=${1:-}
fail() {
  echo "fetch $item: $*" >&2
  exit 1
}
here=$(cd "${0%/*}" && pwd)
# shellcheck source=tests/support/private-apt.sh
. "$here/../../support/private-apt.sh"

cache=${TRIREME_BOOT_CACHE:-/var/cache/trireme/boot}
if [ -z "${TRIREME_BOOT_CACHE:-}" ]; then
  mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || cache=${XDG_CACHE_HOME:-$HOME/.cache}/trireme/boot
fi
folder=$cache/$item
if [ -d "$folder" ]; then
  echo "$folder"
  exit 0
fi
mkdir -p "$cache" 2>/dev/null || fail "cannot write to $cache (set TRIREME_BOOT_CACHE)"

# Several test files may want the same thing at once.
exec 9>"$cache/.lock"
command -v flock >/dev/null && flock 9
if [ -d "$folder" ]; then
  echo "$folder"
  exit 0
fi

# The newest package whose whole name matches.
newest() {
  private_apt apt-cache search --names-only "$1" | cut -d ' ' -f 1 | grep -Ex "$1" | sort -V | tail -n 1
}
# Its version, for packages that belong together: what follows `linux-image-` or `linux-binary-`.
release() {
  name=$(newest "$1")
  [ -n "$name" ] || fail "no package $1 in the reachable suites"
  echo "$name" | sed -E 's/^linux-(image|binary)-//'
}

private_apt_init "$cache/.apt" arm64 bookworm trixie trixie-backports sid
private_apt apt-get update
case $item in
  6.1) packages=linux-image-$(release 'linux-image-6\.1\.[0-9]+-[0-9]+-arm64') ;;
  6.12) packages=linux-image-$(release 'linux-image-6\.12\.[0-9]+\+deb13-arm64') ;;
  cloud)
    version=$(release 'linux-binary-[0-9.]+\+deb[0-9]+-cloud-arm64')
    packages="linux-binary-$version linux-modules-$version"
    ;;
  busybox) packages=busybox-static ;;
  u-boot) packages=u-boot-qemu ;;
  edk2) packages=qemu-efi-aarch64 ;;
  efi-shell) packages=efi-shell-aa64 ;;
  rootfs) packages= ;;
  *) fail 'there is no such thing; see the head of this script' ;;
esac

new=$folder.new
rm -rf "$new"
mkdir -p "$new"
if [ "$item" = rootfs ]; then
  . "$here/rootfs.sh"
else
  downloads=$cache/.downloads
  rm -rf "$downloads"
  mkdir -p "$downloads"
  cd "$downloads"
  # shellcheck disable=SC2086
  private_apt apt-get download $packages
  for deb in *.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$new" --no-same-owner --exclude='./usr/share/doc*' --exclude='./usr/share/lintian*'
  done
  rm -rf "$downloads"
fi
mv "$new" "$folder"
echo "$folder"
