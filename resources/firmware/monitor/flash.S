/* The boot flash: the monitor at 0, a table of contents, and the images it names (monitor.h, struct flash_image). */
#ifndef PAYLOAD_LOAD
#define PAYLOAD_LOAD 0x48000000
#endif
	.section .flash, "a"
flash_start:
	.incbin "monitor.bin"
	.org	0x40000
	.ascii	"TRIREME1"
	.quad	2
	.ascii	"rmm"
	.org	0x40000 + 16 + 16
	.quad	rmm_start - flash_start, rmm_end - rmm_start, 0x40200000, 0x40200000
	.ascii	"payload"
	.org	0x40000 + 16 + 48 + 16
	.quad	payload_start - flash_start, payload_end - payload_start, PAYLOAD_LOAD, PAYLOAD_LOAD
	.balign	4096
rmm_start:
	.incbin "rmm.bin"
rmm_end:
	.balign	4096
payload_start:
#ifdef PAYLOAD
	.incbin PAYLOAD
#endif
payload_end:
