/* System registers a normal virtual machine reads or writes through EL2. */
#ifndef VMM_SYSREG_H
#define VMM_SYSREG_H

#include "types.h"

/* name: as SYSREG (el2.h) makes it. False: undefined for the guest. Writes that are ignored are true. */
bool guest_sysreg(u32 name, bool read, u64 *value);

#endif
