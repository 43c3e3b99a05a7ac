#include "rmm.h"
u64 attestation_token_init(struct rec *rec, const struct rd *rd, const u8 challenge[64], u64 *size) {
  (void)rec; (void)rd; (void)challenge; (void)size;
  return RSI_ERROR_UNKNOWN;
}
u64 attestation_token_continue(struct rec *rec, u8 *to, u64 size, u64 *copied, bool *interrupted) {
  (void)rec; (void)to; (void)size; (void)copied; (void)interrupted;
  return RSI_ERROR_STATE;
}
