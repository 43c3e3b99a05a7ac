// SPDX-License-Identifier: Apache-2.0
// Instructions that take exceptions, and the vectors that catch them.
#include "../rt/frame.h"

  .text
  .global take_brk
take_brk:
  brk #7
  ret

  .global take_undefined
take_undefined:
  udf #3
  ret

  // u64 take_abort(u64 address): the load does not happen, the handler gives the value.
  .global take_abort
take_abort:
  ldr x0, [x0]
  ret

  .global take_store_abort
take_store_abort:
  str x1, [x0]
  ret

caught:
  save_frame el1
  mov x0, sp
  mrs x1, esr_el1
  mrs x2, far_el1
  bl handle
  restore_frame el1
  eret

  .balign 2048
  .global catching_vectors
catching_vectors:
  .irp kind, 0, 1, 2, 3
  stray \kind
  .endr
  slot caught
  .irp kind, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  stray \kind
  .endr
