/* System registers a normal virtual machine reads or writes through EL2. */
#ifndef SYSREG_H
#define SYSREG_H

#include "types.h"

#define SYSREG(op0, op1, crn, crm, op2) ((u32)(op0) << 20 | (u32)(op2) << 17 | (u32)(op1) << 14 | (u32)(crn) << 10 | (u32)(crm) << 1)
#define SYSREG_OF_ISS(iss) ((u32)(iss) & 0x3ffc1e)

/* False: undefined for the guest. Writes that are ignored are true. */
bool guest_sysreg(u32 name, bool read, u64 *value);

#endif
