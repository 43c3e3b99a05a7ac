/* General registers kept in an array, x0 first: x<n> at base + 8n. */

	.macro	register_pair operation, base, from, to, first, second
	.if \first >= \from && \second <= \to
	\operation	x\first, x\second, [\base, #8 * \first]
	.endif
	.endm

/* `operation` (stp or ldp) on the pairs of x<from> (even) to x<to> (odd). */
	.macro	registers operation, base, from, to
	register_pair \operation, \base, \from, \to, 0, 1
	register_pair \operation, \base, \from, \to, 2, 3
	register_pair \operation, \base, \from, \to, 4, 5
	register_pair \operation, \base, \from, \to, 6, 7
	register_pair \operation, \base, \from, \to, 8, 9
	register_pair \operation, \base, \from, \to, 10, 11
	register_pair \operation, \base, \from, \to, 12, 13
	register_pair \operation, \base, \from, \to, 14, 15
	register_pair \operation, \base, \from, \to, 16, 17
	register_pair \operation, \base, \from, \to, 18, 19
	register_pair \operation, \base, \from, \to, 20, 21
	register_pair \operation, \base, \from, \to, 22, 23
	register_pair \operation, \base, \from, \to, 24, 25
	register_pair \operation, \base, \from, \to, 26, 27
	register_pair \operation, \base, \from, \to, 28, 29
	.endm
