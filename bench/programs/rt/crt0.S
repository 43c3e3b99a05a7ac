// SPDX-License-Identifier: Apache-2.0
// Entry. From EL3 or EL2 it goes down to EL1 (hooks let a program keep something above), then: FP on, vectors, stack,
// .bss cleared, page tables, MMU and caches on, main. Before the MMU is on, every access is aligned.
#include "defs.h"

  .section .text.start, "ax"
  .global _start
_start:
  msr daifset, #0xf
  adrp x0, stacks
  add x0, x0, :lo12:stacks
  add x20, x0, #STACK_SIZE          // top of this CPU's stack
  adrp x0, __bss_start
  add x0, x0, :lo12:__bss_start
  adrp x1, __bss_end
  add x1, x1, :lo12:__bss_end
1:
  cmp x0, x1
  b.hs 2f
  stp xzr, xzr, [x0], #16
  b 1b
2:
  mrs x0, CurrentEL
  lsr x0, x0, #2
  cmp x0, #2
  b.lo start_el1
  b.eq start_el2

  // EL3: non-secure, 64-bit below, HVC and SMC on; keep the EL3 floating-point traps off.
  mov x0, #0x501                    // RW, HCE, NS
  orr x0, x0, #0x30                 // RES1
  msr scr_el3, x0
  msr cptr_el3, xzr
  mov sp, x20
  bl el3_hook
  mov x0, #0x3c9                    // EL2h, DAIF masked
  msr spsr_el3, x0
  adr x0, start_el2
  msr elr_el3, x0
  eret

start_el2:
  mov x0, #0x33ff                   // RES1, no traps
  msr cptr_el2, x0
  msr hstr_el2, xzr
  msr cntvoff_el2, xzr
  mov x0, #3                        // EL1 may read the physical counter and timer
  msr cnthctl_el2, x0
  mov x0, #0x80000000               // RW
  msr hcr_el2, x0
  mrs x0, midr_el1
  msr vpidr_el2, x0
  mrs x0, mpidr_el1
  msr vmpidr_el2, x0
  mov sp, x20
  bl el2_hook
  ldr x0, =SCTLR_EL1_RES1
  msr sctlr_el1, x0
  mov x0, #0x3c5                    // EL1h, DAIF masked
  msr spsr_el2, x0
  adr x0, start_el1
  msr elr_el2, x0
  eret

start_el1:
  msr spsel, #1
  mov sp, x20
  bl cpu_init
  adrp x0, kernel_l1
  add x0, x0, :lo12:kernel_l1
  adrp x1, kernel_l2
  add x1, x1, :lo12:kernel_l2
  mov x2, xzr
  bl fill_tables
  bl mmu_on
  bl main
  b sys_exit

// A secondary CPU, started by PSCI at EL1 with x0 = the context: its number (from 1).
  .global secondary_entry
secondary_entry:
  msr daifset, #0xf
  msr spsel, #1
  adrp x1, stacks
  add x1, x1, :lo12:stacks
  add x0, x0, #1
  mov x2, #STACK_SIZE
  madd x1, x0, x2, x1
  mov sp, x1
  bl cpu_init
  bl mmu_on
  bl secondary_main
3:
  wfi
  b 3b

cpu_init:
  mov x0, #0x300000                 // CPACR_EL1.FPEN
  msr cpacr_el1, x0
  adrp x0, vectors
  add x0, x0, :lo12:vectors
  msr vbar_el1, x0
  isb
  msr fpcr, xzr
  msr fpsr, xzr
  ret

mmu_on:
  mov x0, #0xff                     // MAIR_VALUE
  msr mair_el1, x0
  ldr x0, =TCR_EL1_INIT
  msr tcr_el1, x0
  adrp x0, kernel_l1
  add x0, x0, :lo12:kernel_l1
  msr ttbr0_el1, x0
  tlbi vmalle1
  dsb sy
  isb
  ldr x0, =SCTLR_EL1_RES1 + 0x1005  // M, C, I
  msr sctlr_el1, x0
  isb
  ret

  .weak el3_hook
  .weak el2_hook
el3_hook:
el2_hook:
  ret

// Vectors for programs that expect no exception: say what happened, exit with status 1.
  .macro entry kind
  .balign 128
  mov x0, #\kind
  b unexpected
  .endm

  .balign 2048
  .global vectors
vectors:
  .irp kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  entry \kind
  .endr
  .global unexpected
unexpected:
  mrs x1, esr_el1
  mrs x2, elr_el1
  mrs x3, far_el1
  b unexpected_exception

  .section .bss.stacks, "aw", %nobits
  .balign 16
stacks:
  .skip STACK_SIZE * 2
