/* The parts of realm.c, realm_memory.c, realm_exit.c and mecid.c that the others use. */
#ifndef REALM_H
#define REALM_H

#include "smccc.h"
#include "vmm.h"

#define LEVEL_PAGE 3

u64 rmi_call(u32 command, u64 a, u64 b, u64 c, u64 d, u64 e, struct smc_result *result);
/* Says so on the terminal; false. */
bool rmi_failed(const char *what, u64 status);

/* realm_memory.c. A page given to the Realm world; 0: none to be had. */
u64 granule_alloc(void);
void granule_free(u64 page);
/* A walk ended above where it should: one more table, or a true error. */
bool realm_deepen(struct realm_state *r, u64 ipa, u64 status, u32 wanted, const char *what);
bool realm_init_ripas(struct realm_state *r, u64 base, u64 top);
/* Gives the realm a granule: with the host page's content, measured (before activation), or zeroed (source 0). */
bool realm_data_create(struct vm *vm, u64 ipa, u64 source);
void realm_data_destroy(struct vm *vm, u64 ipa);
/* A protected address gets a granule; what is shared at another gets the host's memory. */
bool realm_populate(struct vm *vm, u64 ipa);
bool realm_share(struct vm *vm, u64 ipa);

/* mecid.c */
void mecids_init(u64 max);
/* False: there is none, and the terminal says why. */
bool mecid_choose(struct realm_state *r, const struct launch *launch);
void mecid_release(struct realm_state *r);
/* For realm_params.mecid. */
s64 mecid_param(const struct realm_state *r);

#endif
