// SPDX-License-Identifier: Apache-2.0
// Numbers that assembly needs as well.
#ifndef DEFS_H
#define DEFS_H

#define STACK_SIZE 0x10000
// RES1 bits of SCTLR_EL1 in an ARMv8.0 CPU: LSMAOE, nTLSMD, SPAN, EIS, TSCXT, EOS; then nTWE and nTWI: no traps.
#define SCTLR_EL1_RES1 0x30d50800
// 39-bit addresses, 4 KB pages, write-back shareable walks, no TTBR1, 40-bit output.
#define TCR_EL1_INIT 0x200803519

#endif
