/* NS-EL2 test payload: entry of all cores, and the realm's first instructions and vectors. */
	.section .text.start, "ax"
	.global	_start
_start:
	mov	x20, x0
	ldr	x1, =__bss_start
	ldr	x2, =__bss_end
1:	stp	xzr, xzr, [x1], #16
	cmp	x1, x2
	b.lo	1b
	ldr	x1, =boot_stack + 0x8000
	mov	sp, x1
	ldr	x1, =test_vectors
	msr	vbar_el2, x1
	isb
	mov	x0, x20
	bl	test_main
2:	wfi
	b	2b

	.global	secondary_start
secondary_start:
	ldr	x1, [x0]
	mov	sp, x1
	ldr	x1, =test_vectors
	msr	vbar_el2, x1
	isb
	bl	secondary_main
3:	wfi
	b	3b

	.text
	.balign	0x800
test_vectors:
	.rept	16
	.balign	0x80
	b	test_exception
	.endr

	.balign	0x80
test_exception:
	/* A fault the test provokes: it named where to go on. */
	stp	x0, x1, [sp, #-16]!
	ldr	x0, =expected_fault
	ldr	x1, [x0]
	cbz	x1, 4f
	str	xzr, [x0]
	msr	elr_el2, x1
	mrs	x1, esr_el2
	str	x1, [x0, #8]
	ldp	x0, x1, [sp], #16
	eret
4:	ldp	x0, x1, [sp], #16
	bl	unexpected_exception
	b	.

/* u64 probe_read(u64 address), u64 probe_write(u64 address): 0, or the fault's ESR. */
	.global	probe_read
probe_read:
	ldr	x1, =expected_fault
	adr	x2, 5f
	stp	x2, xzr, [x1]
	ldr	x3, [x0]
	stp	xzr, xzr, [x1]
5:	ldr	x0, [x1, #8]
	ret
	.global	probe_write
probe_write:
	ldr	x1, =expected_fault
	adr	x2, 6f
	stp	x2, xzr, [x1]
	str	xzr, [x0]
	stp	xzr, xzr, [x1]
6:	ldr	x0, [x1, #8]
	ret

	.bss
	.balign	16
	.global	expected_fault
expected_fault:
	.skip	16
boot_stack:
	.skip	0x8000

	.section .realm.start, "awx"
	.balign	0x1000
/* x0: what the host passed. The stack is the end of the fourth page after the image's start. */
realm_entry:
	adr	x1, realm_entry
	add	x2, x1, #0x4000
	mrs	x3, mpidr_el1
	and	x3, x3, #0xff
	sub	x2, x2, x3, lsl #11
	mov	sp, x2
	adr	x2, realm_vectors
	msr	vbar_el1, x2
	isb
	bl	realm_main
7:	wfi
	b	7b

	.balign	0x800
realm_vectors:
	/* Current level: x27 counts exceptions, x28 is the last ESR; the instruction is stepped over. An IRQ: x26. */
	.rept	4
	.balign	0x80
	b	.
	.endr
	.balign	0x80
	b	realm_sync
	.balign	0x80
	b	realm_irq
	.rept	10
	.balign	0x80
	b	.
	.endr
realm_sync:
	add	x27, x27, #1
	mrs	x28, esr_el1
	stp	x0, x1, [sp, #-16]!
	/* What cannot be fetched cannot be stepped over: back to the caller. */
	ubfx	x1, x28, #26, #6
	cmp	x1, #0x21
	mrs	x0, elr_el1
	add	x0, x0, #4
	csel	x0, x30, x0, eq
	msr	elr_el1, x0
	ldp	x0, x1, [sp], #16
	eret
realm_irq:
	mrs	x26, S3_0_C12_C12_0
	msr	cntv_ctl_el0, xzr
	msr	S3_0_C12_C12_1, x26
	isb
	eret
