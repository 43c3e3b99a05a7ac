# To be sourced by fetch.sh: Debian trixie for arm64 as $new/first-stage.ext4, a raw file system of 2 GiB: the smallest system, unpacked, and in
# /root/packages what is to be installed beside it. Nothing of arm64 has run in it yet; rootfs.ts lets a guest do that.

for tool in debootstrap fakeroot mke2fs; do
  command -v "$tool" >/dev/null || fail "needs $tool"
done
# Not by debootstrap's --include: its second stage never ends where packages that must be configured first need such packages themselves.
rm -f "$apt"/archives/*.deb
private_apt apt-get -t trixie --download-only install systemd-sysv udev perl python3
{
  fakeroot -s "$new/owners" debootstrap --foreign --arch=arm64 --variant=minbase --keyring="$keyring" trixie "$new/root" "$mirror" &&
    mkdir "$new/root/root/packages" && mv "$apt"/archives/*.deb "$new/root/root/packages" &&
    fakeroot -i "$new/owners" mke2fs -q -t ext4 -d "$new/root" "$new/first-stage.ext4" 2G
} >"$cache/.rootfs.log" 2>&1 || fail "debootstrap: $(tail -n 3 "$cache/.rootfs.log" | tr '\n' ' ')"
rm -rf "$new/root" "$new/owners"
