// The test rig: runs the cases of a blob on a bare machine at EL1 and writes their final states to a host file.
//
// Everything about the cases' world comes with the blob (see ../environment.ts and blob.ts): translation tables, and
// three short routines of host-made code that write and read system registers. What stands here is only the places.
//
// A case is entered by exception return and always left by an exception, the SVC after its words at the latest. So
// X0 to X30, SP, the flags and V0 to V31 all belong to the case; the rig keeps nothing but TPIDR_EL1, and two words
// in memory beside this code.

// Blob
        .equ    BLOB,           0x48000000
        .equ    BLOB_MAGIC,     0              // 'TRIREME1'
        .equ    BLOB_COUNT,     8
        .equ    SETUP,          0x48001000     // called once
        .equ    RESET,          0x48001400     // called before each case
        .equ    CAPTURE,        0x48001800     // called after each case, X0 = where to store system registers
        .equ    CASES,          0x48010000
        .equ    RESULTS,        0x50000000

// The case's world
        .equ    CODE,           0x47010e80
        .equ    CODE_WRITE,     0x47020e80     // CODE, writable
        .equ    WINDOW,         0x47000f00

// A record, going in and coming out
        .equ    R_SP,           31*8
        .equ    R_SP_EL0,       32*8
        .equ    R_PSTATE,       33*8
        .equ    R_FPCR,         34*8
        .equ    R_FPSR,         35*8
        .equ    R_ESR,          36*8
        .equ    R_FAR,          37*8
        .equ    R_PC,           38*8
        .equ    R_VECTOR,       39*8
        .equ    R_V,            40*8
        .equ    R_MEMORY,       104*8
        .equ    R_SYSTEM,       168*8          // going in: the words, 80 bytes
        .equ    RECORD,         184*8

// Semihosting
        .equ    SYS_OPEN,       0x01
        .equ    SYS_CLOSE,      0x02
        .equ    SYS_WRITE,      0x05
        .equ    SYS_EXIT,       0x18
        .equ    OPEN_WB,        5
        .equ    EXIT_OK,        0x20026

        .altmacro
        .macro  pair op, kind, first, second, at
        \op     \kind\first, \kind\second, [x0, #\at]
        .endm
// X2 to X29 of the record at X0
        .macro  general_pairwise op
        .irp    n, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28
        pair    \op, x, \n, %(\n + 1), %(8 * \n)
        .endr
        .endm
// V0 to V31 of the record at X0
        .macro  vectors_pairwise op
        .irp    n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
        pair    \op, q, \n, %(\n + 1), %(R_V + 16 * \n)
        .endr
        .endm

        .section .text.start, "ax"
        .global _start
_start:
        ldr     x0, =BLOB
        ldr     x1, [x0, #BLOB_MAGIC]
        ldr     x2, =0x31454d4552495254        // "TRIREME1"
        cmp     x1, x2
        b.ne    fail
        ldr     x2, [x0, #BLOB_COUNT]
        cbz     x2, fail
        mov     x3, #RECORD
        mul     x2, x2, x3
        ldr     x1, =RESULTS
        add     x2, x2, x1
        adr     x3, results_end
        str     x2, [x3]
        adr     x3, vectors
        msr     vbar_el1, x3
        ic      iallu
        tlbi    vmalle1
        dsb     sy
        isb
        ldr     x3, =SETUP
        blr     x3
        isb
        ldr     x3, =RESET
        blr     x3

        ldr     x0, =CASES
        ldr     x1, =RESULTS
        adr     x2, next_case
        stp     x0, x1, [x2]

// X0 = the case's record.
run_case:
        ldr     x2, =CODE_WRITE
        ldr     x3, =CODE
        add     x4, x0, #R_SYSTEM
        ldp     q0, q1, [x4]
        ldp     q2, q3, [x4, #32]
        ldr     q4, [x4, #64]
        stp     q0, q1, [x2]
        stp     q2, q3, [x2, #32]
        str     q4, [x2, #64]
        dc      cvau, x3
        add     x4, x3, #64
        dc      cvau, x4
        dsb     ish
        ic      ivau, x3
        ic      ivau, x4
        dsb     ish

        ldr     x2, =WINDOW
        add     x4, x0, #R_MEMORY
        .irp    at, 0, 64, 128, 192, 256, 320, 384, 448
        ldp     q0, q1, [x4, #\at]
        ldp     q2, q3, [x4, #\at + 32]
        stp     q0, q1, [x2, #\at]
        stp     q2, q3, [x2, #\at + 32]
        .endr

        ldp     x4, x5, [x0, #R_PSTATE]        // and FPCR
        ldr     x6, [x0, #R_FPSR]
        ldr     x7, [x0, #R_SP]
        ldr     x8, [x0, #R_SP_EL0]
        msr     spsr_el1, x4
        msr     elr_el1, x3
        msr     sp_el0, x8
        mov     sp, x7
        vectors_pairwise ldp
        msr     fpcr, x5
        msr     fpsr, x6
        general_pairwise ldp
        ldr     x30, [x0, #240]
        ldp     x0, x1, [x0]
        eret

// A case has ended. X0 is in TPIDR_EL1, X0 = the result's record, whose X1 is stored; X1 = the vector's offset.
capture:
        str     x1, [x0, #R_VECTOR]
        general_pairwise stp
        mrs     x1, tpidr_el1
        str     x1, [x0]
        mov     x1, sp
        mrs     x2, sp_el0
        mrs     x3, spsr_el1
        stp     x30, x1, [x0, #240]
        stp     x2, x3, [x0, #R_SP_EL0]
        mrs     x1, esr_el1
        mrs     x2, far_el1
        mrs     x3, elr_el1
        stp     x1, x2, [x0, #R_ESR]
        str     x3, [x0, #R_PC]
        mov     x19, x0
        add     x0, x0, #R_SYSTEM
        ldr     x1, =CAPTURE
        blr     x1
        ldr     x1, =RESET
        blr     x1
        isb
        mov     x0, x19
        mrs     x1, fpcr
        mrs     x2, fpsr
        stp     x1, x2, [x0, #R_FPCR]
        vectors_pairwise stp
        ldr     x2, =WINDOW
        add     x4, x0, #R_MEMORY
        .irp    at, 0, 64, 128, 192, 256, 320, 384, 448
        ldp     q0, q1, [x2, #\at]
        ldp     q2, q3, [x2, #\at + 32]
        stp     q0, q1, [x4, #\at]
        stp     q2, q3, [x4, #\at + 32]
        .endr

        adr     x2, next_case
        ldp     x0, x1, [x2]
        add     x0, x0, #RECORD
        add     x1, x1, #RECORD
        stp     x0, x1, [x2]
        ldr     x3, results_end
        cmp     x1, x3
        b.lo    run_case

// All cases have run: write the results.
        ldr     x4, =RESULTS
        sub     x5, x3, x4
        adr     x1, parameters
        adr     x2, file_name
        mov     x3, #OPEN_WB
        stp     x2, x3, [x1]
        mov     x3, #file_name_end - file_name
        str     x3, [x1, #16]
        mov     x0, #SYS_OPEN
        hlt     #0xf000
        cmn     x0, #1
        b.eq    fail
        stp     x0, x4, [x1]
        str     x5, [x1, #16]
        mov     x0, #SYS_WRITE
        hlt     #0xf000
        cbnz    x0, fail
        mov     x0, #SYS_CLOSE
        hlt     #0xf000
        mov     x2, #0
        b       leave
fail:
        mov     x2, #1
leave:
        adr     x1, parameters
        ldr     x3, =EXIT_OK
        stp     x3, x2, [x1]
        mov     x0, #SYS_EXIT
        hlt     #0xf000
        b       .

        .ltorg

        .balign 16
next_case:                                      // case, then its result
        .quad   0
next_result:
        .quad   0
results_end:
        .quad   0
parameters:
        .quad   0, 0, 0
file_name:
        .asciz  "results.bin"
        .equ    file_name_end, . - 1

        .balign 2048
vectors:
        .irp    offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
        .balign 128
        msr     tpidr_el1, x0
        ldr     x0, next_result
        str     x1, [x0, #8]
        mov     x1, #\offset
        b       capture
        .endr
        .balign 128
