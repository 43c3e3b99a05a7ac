#include "monitor.h"
u64 attest_realm_key(u8 *buffer, u64 size) { (void)buffer; (void)size; return 0; }
u64 attest_platform_token(u8 *buffer, u64 size, u64 challenge_size) { (void)buffer; (void)size; (void)challenge_size; return 0; }
