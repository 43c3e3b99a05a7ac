/** QEMU's command line in the cover letter of the FEAT_MEC series, as printed. */
export const COVER_LETTER =
  './qemu-system-aarch64 -display none -vga none -chardev stdio,id=console -serial chardev:console -machine virt -cpu max,x-rme=on ' +
  '-smp 2 -m 2G -M virt,acpi=off,virtualization=on,secure=on,gic-version=3,mec=on -bios ./out/flash.bin -kernel ./out/Image ' +
  '-drive format=raw,file=./out/host.ext4,if=virtio -virtfs local,path=./,mount_tag=host,security_model=mapped,readonly=off ' +
  "-append 'nokaslr root=/dev/vda rw init=/init -- /bin/bash'";
