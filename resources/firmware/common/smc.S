/* u64 smc(function, x1 .. x7, struct smc_result *result): result is the ninth argument, on the stack. */
	.text
	.balign	4
	.global	smc
	.type	smc, %function
smc:
	ldr	x9, [sp]
	stp	x29, x30, [sp, #-32]!
	str	x9, [sp, #16]
	mov	x29, sp
	smc	#0
	ldr	x9, [sp, #16]
	cbz	x9, 1f
	stp	x0, x1, [x9]
	stp	x2, x3, [x9, #16]
	stp	x4, x5, [x9, #32]
	stp	x6, x7, [x9, #48]
1:	ldp	x29, x30, [sp], #32
	ret
	.size	smc, . - smc
