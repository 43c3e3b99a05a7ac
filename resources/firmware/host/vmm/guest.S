/* u64 guest_enter(u64 x[31]): ERET to the guest; returns the vector (0 - 3) that brought it back. ELR and SPSR are set. */
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
	ldp	x0, x1, [x30]
	ldp	x2, x3, [x30, #16]
	ldp	x4, x5, [x30, #32]
	ldp	x6, x7, [x30, #48]
	ldp	x8, x9, [x30, #64]
	ldp	x10, x11, [x30, #80]
	ldp	x12, x13, [x30, #96]
	ldp	x14, x15, [x30, #112]
	ldp	x16, x17, [x30, #128]
	ldp	x18, x19, [x30, #144]
	ldp	x20, x21, [x30, #160]
	ldp	x22, x23, [x30, #176]
	ldp	x24, x25, [x30, #192]
	ldp	x26, x27, [x30, #208]
	ldp	x28, x29, [x30, #224]
	ldr	x30, [x30, #240]
	eret

/* From the vector: x0 and x1 are saved at sp, x0 is the vector's number (0 - 3). */
	.global	guest_exit
guest_exit:
	ldr	x1, [sp, #272 + 96]
	stp	x2, x3, [x1, #16]
	stp	x4, x5, [x1, #32]
	stp	x6, x7, [x1, #48]
	stp	x8, x9, [x1, #64]
	stp	x10, x11, [x1, #80]
	stp	x12, x13, [x1, #96]
	stp	x14, x15, [x1, #112]
	stp	x16, x17, [x1, #128]
	stp	x18, x19, [x1, #144]
	stp	x20, x21, [x1, #160]
	stp	x22, x23, [x1, #176]
	stp	x24, x25, [x1, #192]
	stp	x26, x27, [x1, #208]
	stp	x28, x29, [x1, #224]
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
