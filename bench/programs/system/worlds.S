// SPDX-License-Identifier: Apache-2.0
// What EL3 and EL2 keep above EL1: their own page tables, stacks and vectors. Started at EL3; crt0.S calls the hooks
// on the way down, with a stack and with the MMU off.
#include "../rt/frame.h"

  .text
  .global el3_hook
el3_hook:
  mov x21, x30
  adrp x0, has_monitor
  mov x1, #1
  str x1, [x0, :lo12:has_monitor]
  adrp x0, el3_l1
  add x0, x0, :lo12:el3_l1
  adrp x1, el3_l2
  add x1, x1, :lo12:el3_l2
  mov x2, #0x60                     // AP[1] is RES1 here; NS: the same memory as EL2 and EL1 see
  bl fill_tables
  mov x0, #0xff                     // MAIR_VALUE
  msr mair_el3, x0
  ldr x0, =0x80823519               // 39 bits, 4 KB, write-back shareable walks, 40-bit output; RES1
  msr tcr_el3, x0
  adrp x0, el3_l1
  add x0, x0, :lo12:el3_l1
  msr ttbr0_el3, x0
  adr x0, monitor_vectors
  msr vbar_el3, x0
  tlbi alle3
  dsb sy
  isb
  ldr x0, =0x30c51835               // RES1, M, C, I
  msr sctlr_el3, x0
  isb
  adrp x0, el3_stack_top
  add x0, x0, :lo12:el3_stack_top
  mov sp, x0
  ret x21

  .global el2_hook
el2_hook:
  mov x21, x30
  adrp x0, el2_l1
  add x0, x0, :lo12:el2_l1
  adrp x1, el2_l2
  add x1, x1, :lo12:el2_l2
  mov x2, #0x40
  bl fill_tables
  mov x0, #0xff
  msr mair_el2, x0
  ldr x0, =0x80823519
  msr tcr_el2, x0
  adrp x0, el2_l1
  add x0, x0, :lo12:el2_l1
  msr ttbr0_el2, x0
  msr vttbr_el2, xzr
  adr x0, hypervisor_vectors
  msr vbar_el2, x0
  tlbi alle2
  dsb sy
  isb
  ldr x0, =0x30c51835
  msr sctlr_el2, x0
  isb
  adrp x0, el2_stack_top
  add x0, x0, :lo12:el2_stack_top
  mov sp, x0
  ret x21

to_monitor:
  save_frame el3
  mov x0, sp
  mrs x1, esr_el3
  bl monitor
  restore_frame el3
  eret

to_hypervisor:
  save_frame el2
  mov x0, sp
  mrs x1, esr_el2
  bl hypervisor
  restore_frame el2
  eret

stray_el2:
  mov x0, #102
  mrs x1, esr_el2
  mrs x2, elr_el2
  mrs x3, far_el2
  b unexpected_exception

stray_el3:
  mov x0, #103
  mrs x1, esr_el3
  mrs x2, elr_el3
  mrs x3, far_el3
  b unexpected_exception

  .balign 2048
monitor_vectors:
  .rept 8
  slot stray_el3
  .endr
  slot to_monitor
  .rept 7
  slot stray_el3
  .endr

  .balign 2048
hypervisor_vectors:
  .rept 8
  slot stray_el2
  .endr
  slot to_hypervisor
  .rept 7
  slot stray_el2
  .endr

  .section .bss.worlds, "aw", %nobits
  .balign 4096
el3_l1:
  .skip 4096
el3_l2:
  .skip 4096
el2_l1:
  .skip 4096
el2_l2:
  .skip 4096
  .skip 0x4000
el3_stack_top:
  .skip 0x4000
el2_stack_top:
