/* SHA-256 of 32 zero bytes and "abc": its first and last eight bytes. */
#define EXPECTED_REM_FIRST 0x365aa7d8f7f9402cUL
#define EXPECTED_REM_LAST 0x93b834c62d5a5370UL
