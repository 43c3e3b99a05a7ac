// SPDX-License-Identifier: Apache-2.0
// Quicksort, merge sort and heapsort of 32-bit integers.
#include "../rt/rt.h"

const char bench_name[] = "sort";
const u32 bench_rounds = 200;

#define ITEMS 20000

static i32 source[ITEMS], items[ITEMS], buffer[ITEMS];

static NOINLINE void quick(i32 *a, i64 low, i64 high) {
  while (high - low > 12) {
    i32 pivot = a[low + (high - low) / 2];
    i64 i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot)
        i++;
      while (a[j] > pivot)
        j--;
      if (i <= j) {
        i32 other = a[i];
        a[i++] = a[j];
        a[j--] = other;
      }
    }
    // Recurse into the smaller part.
    if (j - low < high - i) {
      quick(a, low, j);
      low = i;
    } else {
      quick(a, i, high);
      high = j;
    }
  }
  for (i64 i = low + 1; i <= high; i++) {
    i32 item = a[i];
    i64 j = i;
    for (; j > low && a[j - 1] > item; j--)
      a[j] = a[j - 1];
    a[j] = item;
  }
}

static NOINLINE void merge_sort(i32 *a, i32 *b, u32 count) {
  for (u32 width = 1; width < count; width *= 2) {
    for (u32 start = 0; start < count; start += 2 * width) {
      u32 middle = start + width < count ? start + width : count;
      u32 end = start + 2 * width < count ? start + 2 * width : count;
      u32 i = start, j = middle;
      for (u32 k = start; k < end; k++)
        b[k] = i < middle && (j >= end || a[i] <= a[j]) ? a[i++] : a[j++];
    }
    i32 *other = a;
    a = b;
    b = other;
  }
  if (a != items)
    memcpy(items, a, count * sizeof(i32));
}

static NOINLINE void sift(i32 *a, u32 at, u32 count) {
  i32 item = a[at];
  for (u32 child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && a[child + 1] > a[child])
      child++;
    if (a[child] <= item)
      break;
    a[at] = a[child];
  }
  a[at] = item;
}

static NOINLINE void heap_sort(i32 *a, u32 count) {
  for (u32 i = count / 2; i-- > 0;)
    sift(a, i, count);
  for (u32 end = count - 1; end > 0; end--) {
    i32 top = a[0];
    a[0] = a[end];
    a[end] = top;
    sift(a, 0, end);
  }
}

static u64 digest(void) {
  u64 hash = 1;
  for (u32 i = 0; i < ITEMS; i += 37)
    hash = mix(hash, (u64)items[i]);
  for (u32 i = 1; i < ITEMS; i++)
    if (items[i - 1] > items[i])
      die("not sorted");
  return hash;
}

u64 bench_run(u32 rounds) {
  u64 hash = 1, seed = 0xabcdef;
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < ITEMS; i++)
      source[i] = (i32)next_random(&seed);
    memcpy(items, source, sizeof(items));
    quick(items, 0, ITEMS - 1);
    hash = mix(hash, digest());
    memcpy(items, source, sizeof(items));
    merge_sort(items, buffer, ITEMS);
    hash = mix(hash, digest());
    memcpy(items, source, sizeof(items));
    heap_sort(items, ITEMS);
    hash = mix(hash, digest());
  }
  return hash;
}
