/* Granule protection tables (Arm ARM D9). */
#ifndef GPT_H
#define GPT_H

#include "platform.h"

/* GPI values; also the PA space an access must be in. */
enum gpi { GPI_NONE = 0x0, GPI_SECURE = 0x8, GPI_NS = 0x9, GPI_ROOT = 0xa, GPI_REALM = 0xb, GPI_ANY = 0xf };

/* Builds the tables in secure RAM behind the monitor. */
void gpt_build(void);
/* Turns granule protection checks on for this core. */
void gpt_enable(void);
/* Moves a granule of DRAM between the Non-secure and the Realm PA space; E_RMM_ codes. */
u64 gpt_delegate(u64 pa);
u64 gpt_undelegate(u64 pa);
/* What may change its PA space: whole granules of DRAM that are neither RMM's nor EL3's. */
bool gpt_is_movable(u64 pa);
/* Realm now; only for memory that is movable. */
bool gpt_is_realm(u64 pa);
/* Turns the checks of this core off; gpt_enable turns them on again. */
void gpt_disable(void);

#endif
