// SPDX-License-Identifier: Apache-2.0
// Two CPUs, each doing the same work on data of its own; before the second is started, the first does it alone. The
// work: fill, sort, look up by bisection, CRC, walk in index order.
#include "../rt/smp.h"

const char bench_name[] = "parallel";
const u32 bench_rounds = 1600;

#define ITEMS 4096

struct job {
  u32 items[ITEMS];
  u32 next[ITEMS];
  u32 crc[256];
  u64 result;
} LINE;

static struct job jobs[2];
static struct barrier barrier;

static NOINLINE void heap_sort(u32 *a, u32 count) {
  for (u32 start = count / 2, end = count; end > 1;) {
    u32 item;
    if (start > 0) {
      item = a[--start];
    } else {
      item = a[--end];
      a[end] = a[0];
    }
    u32 at = start;
    for (u32 child; (child = 2 * at + 1) < end; at = child) {
      if (child + 1 < end && a[child + 1] > a[child])
        child++;
      if (a[child] <= item)
        break;
      a[at] = a[child];
    }
    a[at] = item;
  }
}

static NOINLINE u32 bisect(const u32 *a, u32 count, u32 wanted) {
  u32 low = 0;
  while (count > 0) {
    u32 half = count / 2;
    if (a[low + half] < wanted) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

static NOINLINE u32 checksum(const struct job *job) {
  const u8 *bytes = (const u8 *)job->items;
  u32 crc = ~0U;
  for (u32 i = 0; i < sizeof(job->items); i++)
    crc = crc >> 8 ^ job->crc[(crc ^ bytes[i]) & 255];
  return crc;
}

static NOINLINE void work(struct job *job, u32 rounds) {
  u64 seed = 0x9a7a, hash = 1;
  for (u32 i = 0; i < 256; i++) {
    u32 crc = i;
    for (u32 bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    job->crc[i] = crc;
  }
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < ITEMS; i++)
      job->items[i] = (u32)next_random(&seed);
    heap_sort(job->items, ITEMS);
    for (u32 i = 0; i < ITEMS; i++)
      job->next[i] = bisect(job->items, ITEMS, job->items[i] ^ (u32)seed) & (ITEMS - 1);
    u32 at = 0;
    for (u32 i = 0; i < 2 * ITEMS; i++)
      at = (job->next[at] + i) & (ITEMS - 1);
    hash = mix(hash, (u64)at << 32 | checksum(job));
  }
  job->result = hash;
}

void secondary_main(void) {
  meet(&barrier);
  work(&jobs[1], bench_rounds / 10);
  meet(&barrier);
  work(&jobs[1], bench_rounds);
  meet(&barrier);
}

int main(void) {
  work(&jobs[0], bench_rounds / 10);
  u64 start = ticks();
  work(&jobs[0], bench_rounds);
  u64 alone = ticks() - start, result = jobs[0].result;
  cpu_on(1);
  meet(&barrier);
  work(&jobs[0], bench_rounds / 10);
  meet(&barrier);
  start = ticks();
  work(&jobs[0], bench_rounds);
  meet(&barrier);
  u64 together = ticks() - start;
  if (jobs[0].result != result || jobs[1].result != result)
    die("the results differ");
  report_result(bench_name, result);
  report_time(bench_name, together);
  report_time("alone", alone);
  return 0;
}
