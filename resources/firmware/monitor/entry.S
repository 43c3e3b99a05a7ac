/* Reset, the pen where cores wait, EL3 exception vectors, and the way down again. */
#include "context.h"
#include "platform.h"
#include "registers.h"

#define SCTLR_RES1 0x30c50830

	.section .text.reset, "ax"
	.global	reset
/* Runs in flash, wherever that is: position-independent until the image stands at its link address. */
reset:
	ldr	x0, =SCTLR_RES1
	msr	sctlr_el3, x0
	msr	daifset, #0xf
	isb
	bl	core_index
	cbnz	x0, pen

	adr	x1, reset
	ldr	x2, =__image_start
	ldr	x3, =__image_end
	cmp	x1, x2
	b.eq	2f
1:	ldp	x4, x5, [x1], #16
	stp	x4, x5, [x2], #16
	cmp	x2, x3
	b.lo	1b
2:	ldr	x2, =__bss_start
	ldr	x3, =__bss_end
3:	stp	xzr, xzr, [x2], #16
	cmp	x2, x3
	b.lo	3b
	/* No core has a start address; those that wait will say so again. */
	ldr	x2, =MAILBOX_BASE
	add	x3, x2, #(16 * MAX_CPUS)
4:	stp	xzr, xzr, [x2], #16
	cmp	x2, x3
	b.lo	4b
	dsb	sy
	sev
	ic	iallu
	dsb	sy
	isb
	mov	x0, #0
	ldr	x1, =cold_boot
	b	enter_c

/* Linear index from MPIDR: Aff1 * 16 + Aff0, as the machine numbers its cores; MAX_CPUS or more is not ours. */
core_index:
	mrs	x0, mpidr_el1
	ubfx	x1, x0, #8, #8
	and	x0, x0, #0xff
	add	x0, x0, x1, lsl #4
	ret

/* x0: index. A core waits here, MMU off, until its mailbox holds an address. */
	.global	pen
pen:
	cmp	x0, #MAX_CPUS
	b.hs	3f
	ldr	x1, =MAILBOX_BASE
	add	x1, x1, x0, lsl #4
	mov	x3, #1
1:	ldr	x2, [x1]
	cbnz	x2, 2f
	str	x3, [x1, #8]
	dsb	sy
	wfe
	b	1b
2:	stp	xzr, xzr, [x1]
	dsb	sy
	ic	iallu
	dsb	sy
	isb
	br	x2
3:	wfi
	b	3b
	.ltorg

	.text
	.global	warm_entry
warm_entry:
	bl	core_index
	ldr	x1, =warm_boot
/* x0: index, x1: C function; gives the core its structure, stack and vectors. */
enter_c:
	ldr	x2, =vectors
	msr	vbar_el3, x2
	isb
	ldr	x2, =cpus
	ldr	x3, =CPU_STRUCT_SIZE
	madd	x2, x0, x3, x2
	msr	tpidr_el3, x2
	ldr	x3, =CPU_STACK_TOP
	add	x2, x2, x3
	msr	spsel, #0
	mov	sp, x2
	mov	x29, xzr
	mov	x30, xzr
	br	x1

/* x0: the address after which the MMU is on; registers were set by C. Back to the pen with the MMU off. */
	.global	enter_pen
enter_pen:
	mrs	x1, sctlr_el3
	bic	x1, x1, #1
	bic	x1, x1, #4
	msr	sctlr_el3, x1
	isb
	bl	core_index
	b	pen

	.macro	save_frame
	registers stp, sp, 0, 29
	mrs	x0, sp_el0
	stp	x30, x0, [sp, #240]
	mrs	x1, elr_el3
	mrs	x2, spsr_el3
	stp	x1, x2, [sp, #FRAME_ELR]
	.endm

	.balign	0x800
vectors:
	.macro	fatal_vector kind
	.balign	0x80
	mov	x0, #\kind
	b	fatal
	.endm
	/* From EL3 itself with SP_EL0, then with SP_EL3. */
	fatal_vector 0
	fatal_vector 1
	fatal_vector 2
	fatal_vector 3
	fatal_vector 4
	fatal_vector 5
	fatal_vector 6
	fatal_vector 7
	/* From below, AArch64: SP_EL3 points to the world's frame. */
	.balign	0x80
	save_frame
	mov	x0, sp
	ldr	x1, [sp, #FRAME_STACK]
	b	1f
	fatal_vector 9
	fatal_vector 10
	fatal_vector 11
	/* From below, AArch32. */
	.balign	0x80
	save_frame
	mov	x0, sp
	ldr	x1, [sp, #FRAME_STACK]
	b	1f
	fatal_vector 13
	fatal_vector 14
	fatal_vector 15

	.balign	0x80
1:	msr	spsel, #0
	mov	sp, x1
	mov	x29, xzr
	bl	lower_sync
	.global	frame_resume
frame_resume:
	msr	spsel, #1
	mov	sp, x0
	ldp	x1, x2, [sp, #FRAME_ELR]
	msr	elr_el3, x1
	msr	spsr_el3, x2
	ldp	x30, x0, [sp, #240]
	msr	sp_el0, x0
	registers ldp, sp, 0, 29
	eret
	sb

/* x0: vector number. The stack may be what is broken: use one of its own. */
fatal:
	mov	x1, x29
	msr	spsel, #0
	ldr	x2, =fatal_stack_top
	mov	sp, x2
	bl	fatal_exception
1:	wfi
	b	1b

	.bss
	.balign	16
	.skip	4096
fatal_stack_top:
