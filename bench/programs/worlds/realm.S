// SPDX-License-Identifier: Apache-2.0
// Monitor and RMM as real ones do the work: all general registers, the system registers of the level below.
#include "../rt/frame.h"
#include "realm.h"

// What EL3 keeps for each world (EL2's registers), and RMM for host and realm (EL1's).
#define EL2_LIST                                                                                                       \
  hcr_el2, vbar_el2, ttbr0_el2, tcr_el2, mair_el2, amair_el2, sctlr_el2, cptr_el2, mdcr_el2, cnthctl_el2, cntvoff_el2, \
      vttbr_el2, vtcr_el2, vpidr_el2, vmpidr_el2, hstr_el2, tpidr_el2, esr_el2, far_el2, hpfar_el2, elr_el2, spsr_el2, \
      sp_el2, afsr0_el2, afsr1_el2, actlr_el2, hacr_el2, S3_4_C1_C2_2, S3_4_C1_C1_4, S3_4_C1_C1_5, S3_4_C1_C1_6,       \
      S3_4_C3_C1_4, S3_4_C3_C1_5, S3_4_C2_C0_3, S3_4_C1_C0_3
#define EL1_LIST                                                                                                       \
  spsr_el1, elr_el1, sctlr_el1, tcr_el1, cpacr_el1, csselr_el1, sp_el1, sp_el0, esr_el1, ttbr0_el1, ttbr1_el1,         \
      mair_el1, amair_el1, tpidr_el1, tpidr_el0, tpidrro_el0, par_el1, far_el1, afsr0_el1, afsr1_el1, contextidr_el1,  \
      vbar_el1, cntkctl_el1, cntv_ctl_el0, cntv_cval_el0

  .macro save_list base, list:vararg
  .set at, FRAME_SIZE
  .irp register, \list
  mrs x9, \register
  str x9, [\base, #at]
  .set at, at + 8
  .endr
  .endm
  .macro load_list base, list:vararg
  .set at, FRAME_SIZE
  .irp register, \list
  ldr x9, [\base, #at]
  msr \register, x9
  .set at, at + 8
  .endr
  .endm
#define CONTEXT_SIZE 1024

// The Root world.

  .section .root, "ax"
  .global el3_hook
el3_hook:
  // A Root block of RAM for EL3: AF, inner shareable, AP[1] RES1, NSE.
  adrp x0, root_l1
  ldr x1, =0x40000f41
  str x1, [x0, #8]
  mov x1, #0xff
  msr mair_el3, x1
  ldr x1, =0x80823519
  msr tcr_el3, x1
  msr ttbr0_el3, x0
  adr x0, monitor_vectors
  msr vbar_el3, x0
  // Level 0: everything Non-secure, but for the gigabyte of RAM, which has a table.
  adrp x0, root_gpt0
  mov x1, #0x91
  mov x2, #1024
1:
  str x1, [x0], #8
  subs x2, x2, #1
  b.ne 1b
  adrp x0, root_gpt0
  adrp x1, root_gpt1
  orr x2, x1, #3
  str x2, [x0, #8]
  // Level 1: 16 granules an entry.
  ldr x2, =0x9999999999999999
  mov x3, #16384
  mov x4, x1
2:
  str x2, [x4], #8
  subs x3, x3, #1
  b.ne 2b
  ldr x2, =0xaaaaaaaaaaaaaaaa
  mov x3, #(RMM_BASE - ROOT_BASE) / 65536
  add x4, x1, #((ROOT_BASE - 0x40000000) / 65536 * 8) & 0xfff
  add x4, x4, #((ROOT_BASE - 0x40000000) / 65536 * 8) & ~0xfff
3:
  str x2, [x4], #8
  subs x3, x3, #1
  b.ne 3b
  ldr x2, =0xbbbbbbbbbbbbbbbb
  mov x3, #(REALM_END - RMM_BASE) / 65536
4:
  str x2, [x4], #8
  subs x3, x3, #1
  b.ne 4b
  lsr x0, x0, #12
  msr S3_6_C2_C1_4, x0              // GPTBR_EL3
  ldr x0, =0x13502                  // GPCCR_EL3: 40 bits, 4 KB, cacheable, shareable, on
  dsb sy
  msr S3_6_C2_C1_6, x0
  isb
  sys #6, c8, c7, #4                // TLBI PAALL
  tlbi alle3
  dsb sy
  isb
  ldr x0, =0x30c51835               // RES1, M, C, I
  msr sctlr_el3, x0
  isb
  // The host starts when RMM has: at host_start, with the context that crt0.S would give it.
  adrp x10, root_contexts
  add x10, x10, :lo12:root_contexts
  mov x11, x10
  save_list x11, EL2_LIST
  ldr x0, =host_start
  mov x1, #0x3c9
  stp x0, x1, [x11, #248]
  add x12, x11, #CONTEXT_SIZE
  mov x11, x12
  save_list x11, EL2_LIST
  ldr x0, =scr_of_worlds
  ldr x1, [x0, #8]
  msr scr_el3, x1
  isb
  ldr x0, =rmm_start
  msr elr_el3, x0
  mov x1, #0x3c9
  msr spsr_el3, x1
  mov sp, x12
  mov x1, #8                        // version 0.8 of the interface
  mov x0, #0
  eret
  .balign 8
  // NS, RW, HCE, RES1, and the enables of what EL2 uses; Realm: NSE.
scr_of_worlds:
  .quad 0x0002184008000531
  .quad 0x4002184008000531
  .ltorg

// SP_EL3 points to the context of the world that runs: the frame, then its EL2.
world_call:
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
  mrs x20, elr_el3
  mrs x21, spsr_el3
  stp x30, x20, [sp, #240]
  str x21, [sp, #256]
  mov x10, sp
  mrs x11, esr_el3
  lsr x11, x11, #26
  cmp x11, #0x17
  b.ne stray_el3
  save_list x10, EL2_LIST
  adrp x12, root_contexts
  add x12, x12, :lo12:root_contexts
  adr x13, scr_of_worlds
  cmp x10, x12
  b.ne 1f
  // The host calls: its X0 to X7 are RMM's.
  add x11, x12, #CONTEXT_SIZE
  ldr x14, [x13, #8]
  stp x0, x1, [x11]
  stp x2, x3, [x11, #16]
  stp x4, x5, [x11, #32]
  stp x6, x7, [x11, #48]
  b 2f
1:
  // RMM answers: its X1 to X7 are the host's X0 to X6.
  mov x11, x12
  ldr x14, [x13]
  stp x1, x2, [x11]
  stp x3, x4, [x11, #16]
  stp x5, x6, [x11, #32]
2:
  msr scr_el3, x14
  isb
  load_list x11, EL2_LIST
  mov sp, x11
  ldp x30, x20, [sp, #240]
  ldr x21, [sp, #256]
  msr elr_el3, x20
  msr spsr_el3, x21
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
  eret
  // Something went wrong below: ends by semihosting, with status 103.
stray_el3:
  adrp x1, root_block
  add x1, x1, :lo12:root_block
  ldr x0, =0x20026
  mov x2, #103
  stp x0, x2, [x1]
  mov x0, #0x18
  hlt #0xf000
  b .
  .ltorg
  .balign 2048
monitor_vectors:
  .rept 8
  slot stray_el3
  .endr
  slot world_call
  .rept 7
  slot stray_el3
  .endr

  .section .rootmem, "aw", %nobits
  .balign 0x20000
root_gpt1:
  .skip 0x20000
root_gpt0:
  .skip 8192
root_l1:
  .skip 4096
root_contexts:
  .skip 2 * CONTEXT_SIZE
root_block:
  .skip 16

// The Realm world: RMM.

  .section .realm, "ax"
rmm_start:
  mov x0, #0x80000000
  msr hcr_el2, x0
  mov x0, #0x33ff
  msr cptr_el2, x0
  msr cntvoff_el2, xzr
  mov x0, #3
  msr cnthctl_el2, x0
  mrs x0, midr_el1
  msr vpidr_el2, x0
  mrs x0, mpidr_el1
  msr vmpidr_el2, x0
  adrp x0, rmm_stack_top
  add sp, x0, :lo12:rmm_stack_top
  bl rmm_tables
  mov x1, #0xff
  msr mair_el2, x1
  ldr x1, =0x80823519
  msr tcr_el2, x1
  msr ttbr0_el2, x0
  adr x0, rmm_vectors
  msr vbar_el2, x0
  mrs x0, S3_0_C0_C7_3              // ID_AA64MMFR3_EL1.MEC
  ubfx x19, x0, #28, #4
  cbz x19, 1f
  msr S3_4_C10_C8_0, xzr            // MECID_P0_EL2
  mov x0, #5
  msr S3_4_C10_C8_1, x0             // MECID_A0_EL2: the realm's
  mov x0, #2
  msr S3_4_C1_C0_3, x0              // SCTLR2_EL2.EMEC
  mov x0, #0x1000
  msr S3_4_C2_C0_3, x0              // TCR2_EL2.AMEC0
1:
  tlbi alle2
  tlbi alle1
  dsb sy
  isb
  ldr x0, =0x30c51835
  msr sctlr_el2, x0
  isb
  bl rmm_make_realm
  ldr x0, =0x80023559               // VTCR_EL2: 39 bits from level 1, 40-bit output, write-back, shareable
  msr vtcr_el2, x0
  ldr x0, =STAGE2
  msr vttbr_el2, x0
  // The realm begins at its base, as after reset.
  adrp x20, rec
  add x20, x20, :lo12:rec
  save_list x20, EL1_LIST
  ldr x0, =0x30d50800
  str x0, [x20, #FRAME_SIZE + 16]   // SCTLR_EL1
  mov x0, #GUEST_BASE
  mov x1, #0x3c5
  stp x0, x1, [x20, #248]
  ldr w0, =BOOT_COMPLETE
  mov x1, #0
  smc #0

// X0 to X7: the host's call.
next_call:
  ldr w9, =RMI_REC_ENTER
  cmp x0, x9
  b.eq rec_enter
  // RMI_VERSION: nothing to do.
  mov x2, #0x10000
  mov x1, #0
answer:
  ldr w0, =REQ_COMPLETE
  smc #0
  b next_call

// X1: what the realm gets in X0. Its answer is the X1 of its call.
rec_enter:
  adrp x10, rec
  add x10, x10, :lo12:rec
  add x11, x10, #CONTEXT_SIZE
  str x1, [x10]
  save_list x11, EL1_LIST
  load_list x10, EL1_LIST
  cbz x19, 1f
  mov x9, #5
  msr S3_4_C10_C9_0, x9             // VMECID_P_EL2
1:
  ldr x9, =0x80080001               // RW, TSC, VM
  msr hcr_el2, x9
  isb
  mov sp, x10
  restore_frame el2
  eret
rec_exit:
  // restore_frame has moved SP to the end of the frame.
  save_frame el2
  mov x10, sp
  mrs x9, esr_el2
  lsr x9, x9, #26
  and x9, x9, #~1
  cmp x9, #0x16                     // HVC, SMC
  b.ne stray_el2
  adrp x20, rec
  add x20, x20, :lo12:rec
  mov x12, x1
  save_list x10, EL1_LIST
  add x11, x10, #CONTEXT_SIZE
  load_list x11, EL1_LIST
  mov x9, #0x80000000
  msr hcr_el2, x9
  mrs x0, S3_0_C0_C7_3
  ubfx x19, x0, #28, #4
  cbz x19, 1f
  msr S3_4_C10_C9_0, xzr
1:
  isb
  mov x2, x12
  mov x1, #0
  b answer
stray_el2:
  // Whatever it is, EL3 ends it: the call is none.
  adrp x1, rec_block
  add x1, x1, :lo12:rec_block
  ldr x0, =0x20026
  mov x2, #102
  stp x0, x2, [x1]
  mov x0, #0x18
  hlt #0xf000
  b .
  .ltorg
  .balign 2048
rmm_vectors:
  .rept 8
  slot stray_el2
  .endr
  slot rec_exit
  .rept 7
  slot stray_el2
  .endr

  .section .realmmem, "aw", %nobits
  .balign 4096
rec:
  .skip 2 * CONTEXT_SIZE
rec_block:
  .skip 16
  .balign 4096
  .global rmm_l1, rmm_l2
rmm_l1:
  .skip 4096
rmm_l2:
  .skip 4096
  .skip 0x4000
rmm_stack_top:

// The realm.

  .section .guest.start, "ax"
guest_start:
  ldr x9, =GUEST_STACK
  mov sp, x9
  mov x20, x0
  mov x0, #0x300000
  msr cpacr_el1, x0
  bl guest_tables
  mov x1, #0xff
  msr mair_el1, x1
  ldr x1, =0x200803519
  msr tcr_el1, x1
  msr ttbr0_el1, x0
  tlbi vmalle1
  dsb sy
  isb
  ldr x0, =0x30d51805
  msr sctlr_el1, x0
  isb
1:
  mov x0, x20
  bl guest_run
  mov x1, x0
  hvc #0
  mov x20, x0
  b 1b
  .ltorg

// The host, at Non-secure EL2.

  .text
  .global host_start
host_start:
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
  mov x0, #0x80000000
  msr hcr_el2, x0
  mov x0, #0x33ff
  msr cptr_el2, x0
  msr cntvoff_el2, xzr
  mov x0, #3
  msr cnthctl_el2, x0
  adrp x0, host_stack_top
  add x0, x0, :lo12:host_stack_top
  mov sp, x0
  adrp x0, kernel_l1
  add x0, x0, :lo12:kernel_l1
  adrp x1, kernel_l2
  add x1, x1, :lo12:kernel_l2
  mov x2, #0x40
  bl fill_tables
  mov x0, #0xff
  msr mair_el2, x0
  ldr x0, =0x80823519
  msr tcr_el2, x0
  adrp x0, kernel_l1
  add x0, x0, :lo12:kernel_l1
  msr ttbr0_el2, x0
  adr x0, host_vectors
  msr vbar_el2, x0
  tlbi alle2
  dsb sy
  isb
  ldr x0, =0x30c51835
  msr sctlr_el2, x0
  isb
  bl main
  b sys_exit
host_stray:
  mov x0, #101
  mrs x1, esr_el2
  mrs x2, elr_el2
  mrs x3, far_el2
  b unexpected_exception
  .ltorg
  .balign 2048
host_vectors:
  .rept 16
  slot host_stray
  .endr

  .section .bss.host, "aw", %nobits
  .balign 16
  .skip 0x10000
host_stack_top:
