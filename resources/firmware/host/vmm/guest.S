/* u64 guest_enter(u64 x[31]): ERET to the guest; returns the vector (0 - 3) that brought it back. ELR and SPSR are set. */
#include "registers.h"

	.text
	.global	guest_enter
guest_enter:
	stp	x29, x30, [sp, #-112]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	str	x0, [sp, #96]
	mov	x30, x0
	registers ldp, x30, 0, 29
	ldr	x30, [x30, #240]
	eret

/* From the vector: x0 and x1 are saved at sp, x0 is the vector's number (0 - 3). */
	.global	guest_exit
guest_exit:
	ldr	x1, [sp, #272 + 96]
	registers stp, x1, 2, 29
	str	x30, [x1, #240]
	ldp	x2, x3, [sp]
	stp	x2, x3, [x1]
	add	sp, sp, #272
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #112
	ret

/* void fp_save(void *to), void fp_load(const void *from): 32 vector registers, FPCR, FPSR; 528 bytes. */
	.arch_extension fp
	.arch_extension simd
	.macro	vectors_all, operation
	\operation	q0, q1, [x0]
	\operation	q2, q3, [x0, #32]
	\operation	q4, q5, [x0, #64]
	\operation	q6, q7, [x0, #96]
	\operation	q8, q9, [x0, #128]
	\operation	q10, q11, [x0, #160]
	\operation	q12, q13, [x0, #192]
	\operation	q14, q15, [x0, #224]
	\operation	q16, q17, [x0, #256]
	\operation	q18, q19, [x0, #288]
	\operation	q20, q21, [x0, #320]
	\operation	q22, q23, [x0, #352]
	\operation	q24, q25, [x0, #384]
	\operation	q26, q27, [x0, #416]
	\operation	q28, q29, [x0, #448]
	\operation	q30, q31, [x0, #480]
	.endm
	.global	fp_save
fp_save:
	vectors_all stp
	mrs	x1, fpcr
	mrs	x2, fpsr
	add	x0, x0, #512
	stp	x1, x2, [x0]
	ret
	.global	fp_load
fp_load:
	vectors_all ldp
	add	x0, x0, #512
	ldp	x1, x2, [x0]
	msr	fpcr, x1
	msr	fpsr, x2
	ret
