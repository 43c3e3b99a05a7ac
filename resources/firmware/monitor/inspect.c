/* Demonstrations of what granule protection and encryption contexts keep apart: EL3 looks, where it was told that it may. */
#include "arch.h"
#include "gpt.h"
#include "lib.h"
#include "monitor.h"
#include "smccc.h"

#define SCTLR2_EMEC BIT(1)

static spinlock lock;

static void copy(u64 words[4], const u64 *from) {
  for (u32 i = 0; i < 4; i++)
    words[i] = ((const volatile u64 *)from)[i];
}

static void look_unchecked(u64 pa, u64 words[4]) {
  const u64 *from = el3_window(pa, false);
  gpt_disable();
  copy(words, from);
  gpt_enable();
}

static void look_as_realm(u64 pa, u64 mecid, u64 words[4]) {
  const u64 *from = el3_window(pa, true);
  u64 kept = 0;
  if (has_mec()) {
    kept = read_sysreg(SYS_SCTLR2_EL3);
    write_sysreg(SYS_MECID_RL_A_EL3, mecid);
    write_sysreg(SYS_SCTLR2_EL3, kept | SCTLR2_EMEC);
    isb();
  }
  copy(words, from);
  if (has_mec()) {
    write_sysreg(SYS_SCTLR2_EL3, kept);
    write_sysreg(SYS_MECID_RL_A_EL3, 0);
    isb();
  }
}

u64 inspect(u64 pa, u64 how, u64 mecid, u64 words[4]) {
  if (!platform.inspectable)
    return SMC_NOT_SUPPORTED;
  u64 width = has_mec() ? FIELD(read_sysreg(SYS_MECIDR_EL2), 3, 0) + 1 : 0;
  if (!gpt_is_movable(ALIGN_DOWN(pa, PAGE_SIZE)) || !IS_ALIGNED(pa, 32) || how > INSPECT_REALM || mecid >> width)
    return SMC_INVALID_PARAMETER;
  if (how == INSPECT_REALM && !gpt_is_realm(pa))
    return SMC_INVALID_PARAMETER;
  spin_lock(&lock);
  if (how == INSPECT_UNCHECKED)
    look_unchecked(pa, words);
  else
    look_as_realm(pa, mecid, words);
  spin_unlock(&lock);
  return 0;
}
