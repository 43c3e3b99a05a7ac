/* Entry of the host at EL2, its vectors, the switch between tasks, and accesses that may fault. */
#include "registers.h"

	.section .text.start, "ax"
	.global	_start
/* x0: the device tree, or 0. */
_start:
	mov	x20, x0
	ldr	x1, =__bss_start
	ldr	x2, =__bss_end
1:	stp	xzr, xzr, [x1], #16
	cmp	x1, x2
	b.lo	1b
	ldr	x1, =boot_stack_end
	mov	sp, x1
	ldr	x1, =vectors
	msr	vbar_el2, x1
	isb
	mov	x0, x20
	bl	host_main
2:	wfi
	b	2b

/* x0: what CPU_ON passed, the core's struct cpu. Its idle task's stack pointer is the first word. */
	.global	secondary_start
secondary_start:
	ldr	x1, [x0]
	mov	sp, x1
	ldr	x1, =vectors
	msr	vbar_el2, x1
	isb
	bl	secondary_main
3:	wfi
	b	3b

	.text
/* void context_switch(u64 *save_sp, u64 load_sp) */
	.global	context_switch
context_switch:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	mov	x2, sp
	str	x2, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret

/* bool probe_read(u64 address, u64 *value, u64 *esr), bool probe_write(u64 address, u64 value, u64 *esr) */
	.global	probe_read
probe_read:
	mov	x3, x2
probe_read_access:
	ldr	x4, [x0]
	str	x4, [x1]
	mov	w0, #1
	ret
	.global	probe_write
probe_write:
	mov	x3, x2
probe_write_access:
	str	x1, [x0]
	dsb	sy
	mov	w0, #1
	ret
probe_fault:
	mrs	x4, esr_el2
	str	x4, [x3]
	adr	x4, 5f
	msr	elr_el2, x4
	eret
5:	mov	w0, #0
	ret

	.macro	vector, target, kind
	.balign	0x80
	sub	sp, sp, #272
	stp	x0, x1, [sp]
	mov	x0, #\kind
	b	\target
	.endm

	.balign	0x800
	.global	vectors
vectors:
	vector	host_exception, 0
	vector	host_exception, 1
	vector	host_exception, 2
	vector	host_exception, 3
	.balign	0x80
	/* The accesses above may fault; anything else is the end. */
	mrs	x5, elr_el2
	adr	x6, probe_read_access
	cmp	x5, x6
	b.eq	probe_fault
	adr	x6, probe_write_access
	cmp	x5, x6
	b.eq	probe_fault
	sub	sp, sp, #272
	stp	x0, x1, [sp]
	mov	x0, #4
	b	host_exception
	vector	host_exception, 5
	vector	host_exception, 6
	vector	host_exception, 7
	vector	guest_exit, 0
	vector	guest_exit, 1
	vector	guest_exit, 2
	vector	guest_exit, 3
	vector	host_exception, 12
	vector	host_exception, 13
	vector	host_exception, 14
	vector	host_exception, 15

host_exception:
	registers stp, sp, 2, 29
	str	x30, [sp, #240]
	mov	x1, sp
	bl	unexpected_exception
	b	.

	.bss
	.balign	16
	.skip	0x4000
	.global	boot_stack_end
boot_stack_end:
