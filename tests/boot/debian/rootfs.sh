# To be sourced by fetch.sh: the first stage of Debian trixie for arm64, as $new/first-stage.ext4, a raw file system of 2 GiB.
# Nothing of arm64 has run in it yet; rootfs.ts lets a guest do that.

for tool in debootstrap fakeroot mke2fs; do
  command -v "$tool" >/dev/null || fail "needs $tool"
done
{
  fakeroot -s "$new/owners" debootstrap --foreign --arch=arm64 --variant=minbase --keyring="$keyring" \
    --include=systemd-sysv,udev,login,util-linux,perl,python3,libpython3-stdlib trixie "$new/root" "$mirror" &&
    fakeroot -i "$new/owners" mke2fs -q -t ext4 -d "$new/root" "$new/first-stage.ext4" 2G
} >"$cache/.rootfs.log" 2>&1 || fail "debootstrap: $(tail -n 3 "$cache/.rootfs.log" | tr '\n' ' ')"
rm -rf "$new/root" "$new/owners"
