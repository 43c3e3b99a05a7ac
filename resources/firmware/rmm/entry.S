/* RMM's start on each core, its vectors, the way into a realm and back, and accesses that may fault. */
#include "cpu.h"
#include "registers.h"

	.section .text.start, "ax"
	.global	rmm_start
/* Image header: a branch, then where the image's memory ends (the monitor reads it). x0 - x3: see DEN0137 / boot.c. */
rmm_start:
	b	1f
	.balign	8
	.quad	__image_end
1:	cmp	x0, #MAX_CPUS
	b.hs	7f
	msr	daifset, #0xf
	msr	spsel, #1
	mov	x20, x0
	mov	x21, x1
	mov	x22, x2
	mov	x23, x3
	adr	x4, cold_done
	ldr	w5, [x4]
	cbnz	w5, 3f
	mov	w5, #1
	str	w5, [x4]
	ldr	x6, =__bss_start
	ldr	x7, =__bss_end
2:	stp	xzr, xzr, [x6], #16
	cmp	x6, x7
	b.lo	2b
	dsb	sy
	mov	x24, #1
	b	4f
3:	mov	x24, #0
4:	ldr	x6, =vectors
	msr	vbar_el2, x6
	ldr	x6, =cpus
	ldr	x7, =CPU_STRUCT_SIZE
	madd	x6, x20, x7, x6
	msr	tpidr_el2, x6
	str	w20, [x6]
	ldr	x7, =CPU_STACK_TOP
	add	x6, x6, x7
	mov	sp, x6
	mov	x29, xzr
	isb
	mov	x0, x24
	mov	x1, x21
	mov	x2, x22
	mov	x3, x23
	bl	rmm_main
7:	wfi
	b	7b
	.ltorg
	.balign	8
cold_done:
	.quad	0

	.text
	.macro	own_vector kind
	.balign	0x80
	sub	sp, sp, #272
	stp	x0, x1, [sp, #0]
	mov	x0, #\kind
	b	own_exception
	.endm
	.macro	realm_vector kind
	.balign	0x80
	stp	x0, x1, [sp, #-16]!
	mov	x1, #\kind
	b	realm_left
	.endm

	.balign	0x800
vectors:
	own_vector 0
	own_vector 1
	own_vector 2
	own_vector 3
	own_vector 4
	own_vector 5
	own_vector 6
	own_vector 7
	realm_vector 0
	realm_vector 1
	realm_vector 2
	realm_vector 3
	own_vector 12
	own_vector 13
	own_vector 14
	own_vector 15

	.balign	0x80
/* All of x0 - x18 and x30 are kept: an access that may fault goes on at its landing place. */
own_exception:
	registers stp, sp, 2, 17
	stp	x18, x30, [sp, #144]
	mov	x1, sp
	mov	x2, x29
	bl	rmm_exception
	registers ldp, sp, 2, 17
	ldp	x18, x30, [sp, #144]
	ldp	x0, x1, [sp, #0]
	add	sp, sp, #272
	eret
	sb

/*
 * u64 realm_run(u64 *x): x0 - x30 of the realm are at x; ELR_EL2 and SPSR_EL2 are set.
 * Returns the vector by which the realm was left: 0 synchronous, 1 IRQ, 2 FIQ, 3 SError.
 */
	.global	realm_run
	.type	realm_run, %function
realm_run:
	stp	x29, x30, [sp, #-16]!
	stp	x27, x28, [sp, #-16]!
	stp	x25, x26, [sp, #-16]!
	stp	x23, x24, [sp, #-16]!
	stp	x21, x22, [sp, #-16]!
	stp	x19, x20, [sp, #-16]!
	stp	x0, xzr, [sp, #-16]!
	mov	x30, x0
	registers ldp, x30, 0, 29
	ldr	x30, [x30, #240]
	eret
	sb

realm_left:
	ldr	x0, [sp, #16]
	registers stp, x0, 2, 29
	str	x30, [x0, #240]
	ldp	x2, x3, [sp], #32
	stp	x2, x3, [x0, #0]
	mov	x0, x1
	ldp	x19, x20, [sp], #16
	ldp	x21, x22, [sp], #16
	ldp	x23, x24, [sp], #16
	ldp	x25, x26, [sp], #16
	ldp	x27, x28, [sp], #16
	ldp	x29, x30, [sp], #16
	ret
	.size	realm_run, . - realm_run

/*
 * bool ns_copy_in(void *to, const void *ns, u64 size), bool ns_copy_out(void *ns, const void *from, u64 size):
 * multiples of 8 bytes. False if the host took the granule away meanwhile (granule protection fault).
 */
	.global	ns_copy_in
	.global	ns_copy_in_access
ns_copy_in:
	cbz	x2, 2f
ns_copy_in_access:
	ldr	x3, [x1], #8
	str	x3, [x0], #8
	subs	x2, x2, #8
	b.ne	ns_copy_in_access
2:	mov	x0, #1
	ret

	.global	ns_copy_out
	.global	ns_copy_out_access
ns_copy_out:
	cbz	x2, 2f
1:	ldr	x3, [x1], #8
ns_copy_out_access:
	str	x3, [x0], #8
	subs	x2, x2, #8
	b.ne	1b
2:	mov	x0, #1
	ret

	.global	ns_copy_failed
ns_copy_failed:
	mov	x0, #0
	ret

	.arch_extension fp
	.arch_extension simd
/* void simd_save(struct simd_registers *), void simd_load(const struct simd_registers *) */
	.global	simd_save
simd_save:
	stp	q0, q1, [x0, #0]
	stp	q2, q3, [x0, #32]
	stp	q4, q5, [x0, #64]
	stp	q6, q7, [x0, #96]
	stp	q8, q9, [x0, #128]
	stp	q10, q11, [x0, #160]
	stp	q12, q13, [x0, #192]
	stp	q14, q15, [x0, #224]
	stp	q16, q17, [x0, #256]
	stp	q18, q19, [x0, #288]
	stp	q20, q21, [x0, #320]
	stp	q22, q23, [x0, #352]
	stp	q24, q25, [x0, #384]
	stp	q26, q27, [x0, #416]
	stp	q28, q29, [x0, #448]
	stp	q30, q31, [x0, #480]
	mrs	x1, fpsr
	mrs	x2, fpcr
	add	x0, x0, #512
	stp	x1, x2, [x0]
	ret

	.global	simd_load
simd_load:
	ldp	q0, q1, [x0, #0]
	ldp	q2, q3, [x0, #32]
	ldp	q4, q5, [x0, #64]
	ldp	q6, q7, [x0, #96]
	ldp	q8, q9, [x0, #128]
	ldp	q10, q11, [x0, #160]
	ldp	q12, q13, [x0, #192]
	ldp	q14, q15, [x0, #224]
	ldp	q16, q17, [x0, #256]
	ldp	q18, q19, [x0, #288]
	ldp	q20, q21, [x0, #320]
	ldp	q22, q23, [x0, #352]
	ldp	q24, q25, [x0, #384]
	ldp	q26, q27, [x0, #416]
	ldp	q28, q29, [x0, #448]
	ldp	q30, q31, [x0, #480]
	add	x0, x0, #512
	ldp	x1, x2, [x0]
	msr	fpsr, x1
	msr	fpcr, x2
	ret

	.arch_extension sve
/*
 * void sve_save(u8 *z, u8 *p), void sve_load(const u8 *z, const u8 *p): all Z registers, then P0 - P15 and FFR,
 * at the vector length in force. x2 != 0: FFR exists (it does not in streaming mode without FA64).
 */
	.global	sve_save
sve_save:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	str	z\n, [x0, #\n, mul vl]
	.endr
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	str	p\n, [x1, #\n, mul vl]
	.endr
	rdffr	p0.b
	str	p0, [x1, #16, mul vl]
	ldr	p0, [x1]
	ret

	.global	sve_load
sve_load:
	ldr	p0, [x1, #16, mul vl]
	wrffr	p0.b
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ldr	z\n, [x0, #\n, mul vl]
	.endr
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	ldr	p\n, [x1, #\n, mul vl]
	.endr
	ret
