// SPDX-License-Identifier: Apache-2.0
// The way between EL1 and EL0: entry by SVC with all registers saved, a table of calls, and the way out.
#include "../rt/frame.h"

  .text
  // u64 enter_user(u64 argument, u64 entry, u64 stack): returns what EL0 passes to call 0.
  .global enter_user
enter_user:
  stp x29, x30, [sp, #-96]!
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  msr sp_el0, x2
  msr elr_el1, x1
  mov x1, #0x3c0                    // EL0, DAIF masked
  msr spsr_el1, x1
  eret

service:
  save_frame el1
  mrs x0, esr_el1
  lsr x1, x0, #26
  cmp x1, #0x15                     // SVC
  b.ne 2f
  cbz x8, 1f
  mov x0, sp
  bl dispatch
  restore_frame el1
  eret
1:
  ldr x0, [sp]
  add sp, sp, #FRAME_SIZE
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp x29, x30, [sp], #96
  ret
2:
  mov x0, #8
  b unexpected

  .balign 2048
  .global service_vectors
service_vectors:
  .irp kind, 0, 1, 2, 3, 4, 5, 6, 7
  stray \kind
  .endr
  slot service
  .irp kind, 9, 10, 11, 12, 13, 14, 15
  stray \kind
  .endr
