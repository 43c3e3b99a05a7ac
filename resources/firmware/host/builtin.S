/* Files in the host's image: those of its root, and those of the built-in disk's second partition. */
	.macro	file, path, source, executable=0
	.pushsection .rodata.builtin, "a"
	.balign	16
8:	.incbin	"\source"
9:	.byte	0
7:	.asciz	"\path"
	.popsection
	.balign	8
	.quad	7b, 8b, 9b, \executable
	.endm
	/* An empty folder's mark: a file of no bytes would show. */
	.section .rodata.tables, "a"
	.balign	8
	.global	root_files, root_files_end, disk_files, disk_files_end
root_files:
	file	etc/issue, host/files/issue
	file	root/README, host/files/README
root_files_end:
disk_files:
	file	Image, guests/payload.bin
	file	ramdisk-buildroot.img, host/files/ramdisk.img
	file	kvmtool/lkvm, host/files/lkvm, 1
	file	kvm-ut/arm/run-realm-tests, guests/run-realm-tests, 1
	file	kvm-ut/arm/selftest.flat, guests/selftest.bin
	file	kvm-ut/arm/realm-rsi.flat, guests/realm-rsi.bin
	file	kvm-ut/arm/psci.flat, guests/psci.bin
	file	kvm-ut/arm/gic.flat, guests/gic.bin
	file	kvm-ut/arm/timer.flat, guests/timer.bin
	file	kvm-ut/arm/realm-attest.flat, guests/realm-attest.bin
	file	lost+found/.keep, host/files/empty
disk_files_end:
