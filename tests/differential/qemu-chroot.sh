#!/bin/sh
# Prints the path of a runnable qemu-system-aarch64 11.1, taken from Debian's trixie-backports.
#
#   qemu-chroot.sh            fetch it on first use (about 60 MB), then print the path
#   qemu-chroot.sh --check    print the path only if it is there already, else exit with 1
#
# The packages and all they depend on are resolved by a private apt (own lists, empty package status), unpacked into
# a folder of their own and run through that folder's dynamic loader: no root rights, no chroot call, nothing
# installed on the host. The mirror is the one the host's own apt uses; TRIREME_MIRROR overrides it.
# TRIREME_CACHE names the folder (default /var/cache/trireme/trixie).
set -eu

cache=${TRIREME_CACHE:-/var/cache/trireme/trixie}
wrapper=$cache/qemu-system-aarch64
series=11.1
suite=trixie
package=qemu-system-arm

fail() {
  echo "qemu-chroot: $*" >&2
  exit 1
}
# shellcheck source=tests/support/private-apt.sh
. "${0%/*}/../support/private-apt.sh"

runnable() {
  [ -x "$wrapper" ] && "$wrapper" --version 2>/dev/null | grep -q "version $series"
}

if runnable; then
  echo "$wrapper"
  exit 0
fi
[ "${1:-}" = --check ] && exit 1

mkdir -p "$cache" 2>/dev/null || fail "cannot write to $cache (set TRIREME_CACHE)"
exec 9>"$cache/.lock"
command -v flock >/dev/null && flock 9
if runnable; then
  echo "$wrapper"
  exit 0
fi

apt=$cache/apt
root=$cache/root
rm -rf "$root" "$apt"
mkdir -p "$root"
private_apt_init "$apt" "$(dpkg --print-architecture)" "$suite" "$suite-backports"

echo "qemu-chroot: fetching $package $series from $suite-backports into $cache" >&2
private_apt apt-get update
private_apt apt-get --download-only -t "$suite-backports" install "$package"
for deb in "$apt"/archives/*.deb; do
  # Unpacked through tar so that this folder's merged /usr links are followed.
  case $deb in */base-files_*) dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --no-same-owner ;; esac
done
for deb in "$apt"/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --no-same-owner --keep-directory-symlink --exclude='./dev/*' \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*'
done
rm -rf "$apt"

loader=$(find "$root/usr/lib" "$root/usr/lib64" -maxdepth 2 -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
[ -n "$loader" ] || fail 'no dynamic loader among the unpacked packages'
libraries=${loader%/*}
for folder in "$root"/usr/lib/*-linux-gnu*; do
  [ "$folder" = "$libraries" ] || libraries=$libraries:$folder
done
modules=$(find "$root/usr/lib" -mindepth 2 -maxdepth 2 -type d -name qemu | head -n 1)
cat >"$wrapper.new" <<WRAPPER
#!/bin/sh
QEMU_MODULE_DIR='$modules' exec '$loader' --library-path '$libraries' \\
  '$root/usr/bin/qemu-system-aarch64' -L '$root/usr/share/qemu' "\$@"
WRAPPER
chmod +x "$wrapper.new"
mv "$wrapper.new" "$wrapper"
runnable || fail "unpacked, but it does not run: $("$wrapper" --version 2>&1 | head -n 1)"
echo "$wrapper"
