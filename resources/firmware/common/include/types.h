/* Fixed-width types and small helpers every image uses. */
#ifndef TYPES_H
#define TYPES_H

#ifndef __ASSEMBLER__
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(v, a) (((v) + (a) - 1) & ~((u64)(a) - 1))
#define ALIGN_DOWN(v, a) ((v) & ~((u64)(a) - 1))
#define IS_ALIGNED(v, a) (((v) & ((u64)(a) - 1)) == 0)
#define BIT(n) (1UL << (n))
/* Bits [high:low] of v. */
#define FIELD(v, high, low) (((v) >> (low)) & ((2UL << ((high) - (low))) - 1))
#define static_assert _Static_assert
#define NORETURN __attribute__((noreturn))
#else
#define BIT(n) (1 << (n))
#endif

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096

#endif
