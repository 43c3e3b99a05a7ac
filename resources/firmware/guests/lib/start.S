/* A guest's first instructions: the Image header (Linux boot protocol for arm64), stacks, vectors, EL0 and back. */
#include "layout.h"
#include "registers.h"

	.section .text.start, "ax"
	.global	_start
_start:
	b	boot
	.long	0
	.quad	0
	.quad	__image_size
	.quad	0xa
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
	/* Something to look for from outside: a realm's first page holds it in the clear. */
	.global	guest_secret
guest_secret:
	.asciz	"This guest's secret: sesame-6174-open"
	.balign	8

/* x0: the device tree. The host has zeroed .bss. */
boot:
	ldr	x1, =guest_stacks + GUEST_STACK
	mov	sp, x1
	ldr	x1, =guest_vectors
	msr	vbar_el1, x1
	msr	tpidr_el1, xzr
	isb
	bl	guest_start
1:	wfi
	b	1b

/* x0: the core's index. */
	.global	guest_secondary
guest_secondary:
	ldr	x1, =guest_stacks + GUEST_STACK
	mov	x2, #GUEST_STACK
	madd	x1, x0, x2, x1
	mov	sp, x1
	ldr	x1, =guest_vectors
	msr	vbar_el1, x1
	msr	tpidr_el1, x0
	isb
	bl	guest_secondary_start
2:	wfi
	b	2b

	.text
	.macro	vector, number
	.balign	0x80
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	mov	x0, #\number
	b	exception
	.endm
	.balign	0x800
guest_vectors:
	.irp	number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\number
	.endr

exception:
	registers stp, sp, 2, 29
	mrs	x1, elr_el1
	stp	x30, x1, [sp, #240]
	mrs	x1, spsr_el1
	mrs	x2, esr_el1
	stp	x1, x2, [sp, #256]
	mrs	x1, far_el1
	str	x1, [sp, #272]
	mov	x1, sp
	bl	guest_exception
	ldp	x30, x1, [sp, #240]
	msr	elr_el1, x1
	ldr	x1, [sp, #256]
	msr	spsr_el1, x1
	registers ldp, sp, 2, 29
	ldp	x0, x1, [sp]
	add	sp, sp, #FRAME_SIZE
	eret

/* void user_run(u64 pc): EL0 from pc until its first exception, which goes on at user_done. */
	.global	user_run, user_done
user_run:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	msr	elr_el1, x0
	mov	x0, #0x3c0
	msr	spsr_el1, x0
	eret
user_done:
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret

/* Code for EL0. */
	.global	user_undefined, user_call
user_undefined:
	udf	#0
user_call:
	mov	x0, #123
	svc	#0

/* Instructions that are tried at EL1. */
	.global	try_undefined, try_call, try_load, try_store, try_jump
try_undefined:
	udf	#0
	ret
try_call:
	svc	#123
	ret
try_load:
	ldr	x0, [x0]
	ret
try_store:
	str	x1, [x0]
	ret
/* An instruction abort's return address is the target: the handler goes on at the caller. */
try_jump:
	br	x0

	.bss
	.balign	4096
	.global	guest_stacks
guest_stacks:
	.skip	GUEST_STACK * MAX_GUEST_CPUS
