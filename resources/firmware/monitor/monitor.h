/* The monitor's parts, as they see each other. */
#ifndef MONITOR_H
#define MONITOR_H

#include "context.h"

#define MONITOR_VERSION "0.1.0"

/* This core's view of a granule, until the next call; the caller keeps other cores out. */
const u64 *el3_window(u64 pa, bool realm);
/* TRIREME_INSPECT: the answer for x0, and 32 bytes. */
u64 inspect(u64 pa, u64 how, u64 mecid, u64 words[4]);

/* Copies RMM from flash into its carve-out and writes the boot manifest. */
void rmm_load(void);
/* Starts RMM on this core; the frame to resume. When it is done the normal world starts. */
struct frame *rmm_boot(struct cpu *cpu, bool cold);
/* Calls of RMM; the frame to resume. */
struct frame *rmm_service(struct cpu *cpu, struct frame *frame);
/* RMI calls of the normal world; the frame to resume. */
struct frame *rmi_forward(struct cpu *cpu, struct frame *frame);
bool is_rmi(u32 function);

/* Puts what the normal world starts with into memory; its first instruction (payload.c). */
u64 payload_load(void);
struct frame *normal_world_start(struct cpu *cpu);

bool psci_call(struct cpu *cpu, struct frame *frame);
/* Where SCR-wide features of lower levels are told (SMCCC_ARCH_FEATURE_AVAILABILITY). */
u64 feature_availability(const struct cpu *cpu, u64 selector, u64 *bits);

/* Platform attestation (token.c): lengths in bytes, 0 if the buffer is too small. */
u64 attest_realm_key(u8 *buffer, u64 size);
u64 attest_platform_token(u8 *buffer, u64 size, u64 challenge_size);

/* One image in flash: see flash.S. */
struct flash_image {
  char name[16];
  u64 offset;
  u64 size;
  u64 load;
  u64 entry;
};
#define FLASH_CONTENTS 0x40000UL
#define FLASH_MAGIC "TRIREME1"
const struct flash_image *flash_find(const char *name);

#endif
