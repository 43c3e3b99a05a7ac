#include "guest.h"

u8 rsi_page[4096] __attribute__((aligned(4096)));

u64 rsi(u32 command, u64 a, u64 b, u64 c, u64 d, struct smc_result *result) {
  return smc(RSI_FID(command), a, b, c, d, 0, 0, 0, result);
}

u64 rsi_wide(u32 command, u64 x[10]) {
  register u64 x0 __asm__("x0") = RSI_FID(command);
  register u64 x1 __asm__("x1") = x[0];
  register u64 x2 __asm__("x2") = x[1];
  register u64 x3 __asm__("x3") = x[2];
  register u64 x4 __asm__("x4") = x[3];
  register u64 x5 __asm__("x5") = x[4];
  register u64 x6 __asm__("x6") = x[5];
  register u64 x7 __asm__("x7") = x[6];
  register u64 x8 __asm__("x8") = x[7];
  register u64 x9 __asm__("x9") = x[8];
  register u64 x10 __asm__("x10") = x[9];
  __asm__ volatile("smc #0"
                   : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6), "+r"(x7), "+r"(x8), "+r"(x9), "+r"(x10)
                   :
                   : "memory");
  x[0] = x1;
  x[1] = x2;
  x[2] = x3;
  x[3] = x4;
  x[4] = x5;
  x[5] = x6;
  x[6] = x7;
  x[7] = x8;
  return x0;
}

u64 rsi_measurement(u32 index, u8 value[64]) {
  u64 x[10] = {index};
  u64 status = rsi_wide(RSI_MEASUREMENT_READ, x);
  memcpy(value, x, 64);
  return status;
}

u64 rsi_extend(u32 index, const void *value, u32 size) {
  u64 x[10] = {index, size};
  memcpy(x + 2, value, MIN(size, 64U));
  return rsi_wide(RSI_MEASUREMENT_EXTEND, x);
}

u64 rsi_ripas_set(u64 base, u64 top, u32 ripas, u64 flags, u64 *reached, u64 *response) {
  struct smc_result result;
  u64 status = rsi(RSI_IPA_STATE_SET, base, top, ripas, flags, &result);
  *reached = result.x[1];
  *response = result.x[2];
  return status;
}

u64 rsi_token(const u8 challenge[64], u8 *to, u64 size) {
  u64 x[10];
  memcpy(x, challenge, 64);
  if (rsi_wide(RSI_ATTESTATION_TOKEN_INIT, x) != RSI_SUCCESS)
    return 0;
  u64 length = 0;
  for (;;) {
    struct smc_result result;
    u64 status = rsi(RSI_ATTESTATION_TOKEN_CONTINUE, (u64)rsi_page, 0, sizeof rsi_page, 0, &result);
    if (status != RSI_SUCCESS && status != RSI_INCOMPLETE)
      return 0;
    if (length + result.x[1] > size)
      return 0;
    memcpy(to + length, rsi_page, result.x[1]);
    length += result.x[1];
    if (status == RSI_SUCCESS)
      return length;
  }
}
