#include "context.h"

#include "arch.h"
#include "lib.h"

struct cpu cpus[MAX_CPUS];
u32 features;

/* SCR_EL3 (Arm ARM D24.2.151). */
#define SCR_NS BIT(0)
#define SCR_HCE BIT(8)
#define SCR_RW BIT(10)
#define SCR_APK BIT(16)
#define SCR_API BIT(17)
#define SCR_ENSCXT BIT(25)
#define SCR_ATA BIT(26)
#define SCR_FGTEN BIT(27)
#define SCR_ECVEN BIT(28)
#define SCR_HXEN BIT(38)
#define SCR_GCSEN BIT(39)
#define SCR_ENTP2 BIT(41)
#define SCR_TCR2EN BIT(43)
#define SCR_SCTLR2EN BIT(44)
#define SCR_PIEN BIT(45)
#define SCR_MECEN BIT(49)
#define SCR_ENFPM BIT(50)
#define SCR_FGTEN2 BIT(59)
#define SCR_NSE BIT(62)

#define SCTLR_EL2_RES1 0x30c50830UL
#define HCR_RW BIT(31)
#define CPTR_EL2_NO_TRAPS 0x32ffUL
#define CPTR_EL3_EZ BIT(8)
#define CPTR_EL3_ESM BIT(12)
#define SPSR_EL2H_MASKED 0x3c9UL

void features_detect(void) {
  u64 pfr1 = read_sysreg(id_aa64pfr1_el1);
  u32 found = 0;
  if (has_hcx())
    found |= FEATURE_HCX;
  if (has_fgt())
    found |= FEATURE_FGT;
  if (has_fgt() && FIELD(read_sysreg(id_aa64pfr0_el1), 47, 44))
    found |= FEATURE_FGT_AMU;
  if (has_fgt2())
    found |= FEATURE_FGT2;
  if (has_sctlr2())
    found |= FEATURE_SCTLR2;
  if (has_tcr2())
    found |= FEATURE_TCR2;
  if (has_s1pie())
    found |= FEATURE_S1PIE;
  if (has_s1poe())
    found |= FEATURE_S1POE;
  if (has_s2pie())
    found |= FEATURE_S2PIE;
  if (FIELD(pfr1, 47, 44))
    found |= FEATURE_GCS;
  if (has_ecv_offset())
    found |= FEATURE_ECV;
  if (has_csv2_2() || FIELD(pfr1, 35, 32))
    found |= FEATURE_CSV2_2;
  if (has_sve())
    found |= FEATURE_SVE;
  if (has_sme())
    found |= FEATURE_SME;
  if (FIELD(pfr1, 11, 8) >= 2)
    found |= FEATURE_MTE;
  if (has_mec())
    found |= FEATURE_MEC;
  if (FIELD(read_sysreg(SYS_ID_AA64PFR2_EL1), 35, 32))
    found |= FEATURE_FPMR;
  features = found;
}

void el3_registers_init(void) {
  u64 cptr = 0;
  if (features & FEATURE_SVE)
    cptr |= CPTR_EL3_EZ;
  if (features & FEATURE_SME)
    cptr |= CPTR_EL3_ESM;
  write_sysreg(cptr_el3, cptr);
  isb();
  if (features & FEATURE_SVE)
    write_sysreg(SYS_ZCR_EL3, 0xf);
  if (features & FEATURE_SME)
    /* FA64, EZT0 and the longest vectors, as far as they exist. */
    write_sysreg(SYS_SMCR_EL3, BIT(31) | BIT(30) | 0xf);
  /* Non-secure profiling and trace buffers; no debug or performance counter traps to EL3. */
  write_sysreg(mdcr_el3, 3UL << 12 | 3UL << 24);
  if (FIELD(read_sysreg(id_aa64pfr0_el1), 43, 40))
    write_sysreg(SYS_MPAM3_EL3, 0);
  isb();
}

static u64 scr_of(enum world world) {
  u64 scr = SCR_NS | SCR_HCE | SCR_RW;
  if (has_pauth())
    scr |= SCR_APK | SCR_API;
  static const struct {
    u32 feature;
    u64 bits;
  } enables[] = {
    {FEATURE_HCX, SCR_HXEN},     {FEATURE_FGT, SCR_FGTEN},       {FEATURE_FGT2, SCR_FGTEN2}, {FEATURE_ECV, SCR_ECVEN},
    {FEATURE_TCR2, SCR_TCR2EN},  {FEATURE_SCTLR2, SCR_SCTLR2EN}, {FEATURE_S1PIE, SCR_PIEN},  {FEATURE_S1POE, SCR_PIEN},
    {FEATURE_S2PIE, SCR_PIEN},   {FEATURE_MEC, SCR_MECEN},       {FEATURE_GCS, SCR_GCSEN},   {FEATURE_CSV2_2, SCR_ENSCXT},
    {FEATURE_SME, SCR_ENTP2},    {FEATURE_MTE, SCR_ATA},         {FEATURE_FPMR, SCR_ENFPM},
  };
  for (u32 i = 0; i < ARRAY_SIZE(enables); i++)
    if (features & enables[i].feature)
      scr |= enables[i].bits;
  return world == WORLD_REALM ? scr | SCR_NSE : scr;
}

void context_init(struct cpu *cpu, enum world world, u64 entry) {
  struct world_context *context = &cpu->world[world];
  memset(context, 0, sizeof *context);
  context->frame.elr = entry;
  context->frame.spsr = SPSR_EL2H_MASKED;
  context->frame.stack = (u64)(cpu->stack + sizeof cpu->stack);
  context->scr = scr_of(world);
  struct el2_registers *el2 = &context->el2;
  el2->sctlr = SCTLR_EL2_RES1;
  el2->hcr = HCR_RW;
  el2->cptr = CPTR_EL2_NO_TRAPS;
  el2->cnthctl = 3;
  el2->vpidr = read_sysreg(midr_el1);
  el2->vmpidr = read_sysreg(mpidr_el1);
  el2->icc_sre = 0xf;
  if (FIELD(read_sysreg(id_aa64dfr0_el1), 11, 8))
    el2->mdcr = FIELD(read_sysreg(pmcr_el0), 15, 11);
  el2->zcr = 0xf;
}

static void el2_save(struct el2_registers *to) {
#define X(name, sysreg) to->name = read_sysreg(sysreg);
  EL2_REGISTERS(X)
#undef X
#define X(name, sysreg, feature) \
  if (features & (feature)) \
    to->name = read_sysreg(sysreg);
  EL2_OPTIONAL_REGISTERS(X)
#undef X
}

static void el2_load(const struct el2_registers *from) {
#define X(name, sysreg) write_sysreg(sysreg, from->name);
  EL2_REGISTERS(X)
#undef X
#define X(name, sysreg, feature) \
  if (features & (feature)) \
    write_sysreg(sysreg, from->name);
  EL2_OPTIONAL_REGISTERS(X)
#undef X
}

struct frame *world_load(struct cpu *cpu, enum world world) {
  struct world_context *context = &cpu->world[world];
  write_sysreg(scr_el3, context->scr);
  isb();
  el2_load(&context->el2);
  isb();
  cpu->current = world;
  return &context->frame;
}

struct frame *world_switch(struct cpu *cpu, enum world world) {
  el2_save(&cpu->world[cpu->current].el2);
  return world_load(cpu, world);
}

#define SPSR_M_EL2H 9UL
#define SPSR_M_EL1H 5UL
#define SPSR_DAIF_MASKED 0x3c0UL
#define HCR_TGE BIT(27)
#define ESR_UNKNOWN_IL BIT(25)

void inject_undefined(struct frame *frame) {
  u64 mode = frame->spsr & 0xf;
  u64 from_level = mode >> 2;
  bool to_el2 = from_level == 2 || (from_level == 0 && (read_sysreg(hcr_el2) & HCR_TGE));
  u64 vector = from_level == (to_el2 ? 2U : 1U) ? ((mode & 1) ? 0x200 : 0x000) : 0x400;
  if (to_el2) {
    write_sysreg(elr_el2, frame->elr);
    write_sysreg(spsr_el2, frame->spsr);
    write_sysreg(esr_el2, ESR_UNKNOWN_IL);
    frame->elr = read_sysreg(vbar_el2) + vector;
    frame->spsr = SPSR_DAIF_MASKED | SPSR_M_EL2H;
  } else {
    write_sysreg(elr_el1, frame->elr);
    write_sysreg(spsr_el1, frame->spsr);
    write_sysreg(esr_el1, ESR_UNKNOWN_IL);
    frame->elr = read_sysreg(vbar_el1) + vector;
    frame->spsr = SPSR_DAIF_MASKED | SPSR_M_EL1H;
  }
}

/* Numbers the assembler needs. */
__attribute__((used)) static void assembler_constants(void) {
  __asm__(".global CPU_STRUCT_SIZE\n.set CPU_STRUCT_SIZE, %c0\n.global CPU_STACK_TOP\n.set CPU_STACK_TOP, %c1"
          :
          : "i"(sizeof(struct cpu)), "i"(offsetof(struct cpu, stack) + STACK_SIZE));
}
