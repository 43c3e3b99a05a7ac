// SPDX-License-Identifier: Apache-2.0
// Assembly macros: all general registers, the return address and state of an exception, on the current stack.
#ifndef FRAME_H
#define FRAME_H

#define FRAME_SIZE 272

  .macro save_frame el
  sub sp, sp, #FRAME_SIZE
  stp x0, x1, [sp]
  stp x2, x3, [sp, #16]
  stp x4, x5, [sp, #32]
  stp x6, x7, [sp, #48]
  stp x8, x9, [sp, #64]
  stp x10, x11, [sp, #80]
  stp x12, x13, [sp, #96]
  stp x14, x15, [sp, #112]
  stp x16, x17, [sp, #128]
  stp x18, x19, [sp, #144]
  stp x20, x21, [sp, #160]
  stp x22, x23, [sp, #176]
  stp x24, x25, [sp, #192]
  stp x26, x27, [sp, #208]
  stp x28, x29, [sp, #224]
  mrs x21, elr_\el
  mrs x22, spsr_\el
  stp x30, x21, [sp, #240]
  str x22, [sp, #256]
  .endm

  .macro restore_frame el
  ldp x30, x21, [sp, #240]
  ldr x22, [sp, #256]
  msr elr_\el, x21
  msr spsr_\el, x22
  ldp x0, x1, [sp]
  ldp x2, x3, [sp, #16]
  ldp x4, x5, [sp, #32]
  ldp x6, x7, [sp, #48]
  ldp x8, x9, [sp, #64]
  ldp x10, x11, [sp, #80]
  ldp x12, x13, [sp, #96]
  ldp x14, x15, [sp, #112]
  ldp x16, x17, [sp, #128]
  ldp x18, x19, [sp, #144]
  ldp x20, x21, [sp, #160]
  ldp x22, x23, [sp, #176]
  ldp x24, x25, [sp, #192]
  ldp x26, x27, [sp, #208]
  ldp x28, x29, [sp, #224]
  add sp, sp, #FRAME_SIZE
  .endm

  // Vector tables: `slot` is one entry; what no program expects goes to the default handler of crt0.S.
  .macro slot target
  .balign 128
  b \target
  .endm

  .macro stray kind
  .balign 128
  mov x0, #\kind
  b unexpected
  .endm

#endif
