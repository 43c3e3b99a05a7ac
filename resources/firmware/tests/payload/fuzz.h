#ifndef FUZZ_H
#define FUZZ_H

#include "types.h"

/* Random calls of RMI, count on each core; the same seed gives each core the same ones. */
void test_fuzz(u64 seed, u64 count);

#endif
