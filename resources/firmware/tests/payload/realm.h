/* What the tests' host and its realm agree on. */
#ifndef REALM_H
#define REALM_H

#include "arch.h"
#include "rmi.h"
#include "smccc.h"

#define REALM_IPA_BITS 33
#define REALM_BASE 0x80000000UL
/* The image is at most four pages (with the stacks); data and buffer pages follow. */
#define REALM_IMAGE_PAGES 4
#define REALM_DATA 0x4000UL
#define REALM_BUFFER 0x5000UL
#define REALM_EXTRA 0x80100000UL
#define REALM_UNPROTECTED (1UL << (REALM_IPA_BITS - 1))
#define REALM_SHARED 0x2000UL
/* Host memory that the host delegates while it is mapped. */
#define REALM_LOST 0x3000UL
#define HOST_ANSWER 0x1000UL

enum {
  STEP_HELLO = 1,
  STEP_VERSION,
  STEP_VERSION_BAD,
  STEP_CONFIG,
  STEP_RPV,
  STEP_CONFIG_UNALIGNED,
  STEP_CONFIG_UNPROTECTED,
  STEP_RIM,
  STEP_MEASUREMENT_BAD,
  STEP_REM,
  STEP_IPA_GET,
  STEP_IPA_SET,
  STEP_IPA_GET_EXTRA,
  STEP_IPA_SET_BAD,
  STEP_UNKNOWN_CALL,
  STEP_PSCI_VERSION,
  STEP_FRESH_MEMORY,
  STEP_EMPTY_MEMORY,
  STEP_BEYOND,
  STEP_MMIO,
  STEP_SHARED,
  STEP_LOSE,
  STEP_LOST,
  STEP_ID,
  STEP_UNDEFINED,
  STEP_HVC,
  STEP_DEBUG_AND_SIMD,
  STEP_SIMD_KEPT,
  STEP_TIMER,
  STEP_SGI,
  STEP_TOKEN_INIT,
  STEP_TOKEN_BYTES,
  STEP_TOKEN,
  STEP_CPU_ON_BAD,
  STEP_CPU_ON,
  STEP_SECOND_CORE,
  STEP_BYE,
  STEP_PUPPET,
};

/* x0 of a realm that does what the host tells it to: the answer to its host call is one of these, and arguments. */
#define PUPPET 0x9a99e7UL
enum {
  /* An SMC with x0 - x10; result: x0 - x8. */
  PUPPET_CALL,
  /* One address; a value. */
  PUPPET_READ,
  PUPPET_WRITE,
  PUPPET_EXECUTE,
  PUPPET_WFI,
  PUPPET_WFE,
  /* Sets the second word at an address, and goes on when the first is not zero. */
  PUPPET_SPIN,
};
/* Where results and the count of exceptions, and the last one's ESR, are. */
enum { PUPPET_RESULTS = 9, PUPPET_EXCEPTIONS = 9, PUPPET_ESR = 10 };

#endif
