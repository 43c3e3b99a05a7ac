// SPDX-License-Identifier: Apache-2.0
// Three worlds: a host at Non-secure EL2, a monitor at EL3, an RMM at Realm EL2 with one realm at Realm EL1.
#ifndef REALM_H
#define REALM_H

// Granules: Root, then Realm (RMM, then the realm's memory, where guest code is copied to); everything else Non-secure.
#define ROOT_BASE 0x41000000
#define RMM_BASE 0x41400000
#define GUEST_IMAGE 0x41800000
#define GUEST_BASE 0x42000000
#define REALM_END 0x44000000
// The realm's page tables, stage 2, lie at its end.
#define STAGE2 0x43e00000
#define GUEST_STACK 0x43d00000
#define GUEST_HEAP 0x42800000

// Calls; X0. Numbers as in the RMM specification and the RMM-EL3 interface.
#define BOOT_COMPLETE 0xc40001cf
#define REQ_COMPLETE 0xc400018f
#define RMI_VERSION 0xc4000150
#define RMI_REC_ENTER 0xc400015c

#endif
