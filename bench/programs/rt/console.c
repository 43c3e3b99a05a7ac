// SPDX-License-Identifier: Apache-2.0
// The PL011, semihosting exit, and the lines that the harness reads.
#include "rt.h"

#define UART(offset) (*(volatile u32 *)(0x09000000UL + (offset)))
#define UART_DR 0x00
#define UART_FR 0x18
#define UART_FR_TXFF 0x20

void put_char(char c) {
  while (UART(UART_FR) & UART_FR_TXFF) {
  }
  UART(UART_DR) = (u8)c;
}

void put_str(const char *s) {
  while (*s)
    put_char(*s++);
}

void put_hex(u64 value) {
  for (int shift = 60; shift >= 0; shift -= 4)
    put_char("0123456789abcdef"[value >> shift & 15]);
}

void put_dec(u64 value) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  while (count)
    put_char(digits[--count]);
}

void report_result(const char *name, u64 checksum) {
  put_str("result ");
  put_str(name);
  put_char(' ');
  put_hex(checksum);
  put_char('\n');
}

void report_time(const char *name, u64 count) {
  u64 frequency;
  __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
  put_str("time ");
  put_str(name);
  put_char(' ');
  put_dec(count);
  put_char(' ');
  put_dec(frequency);
  put_char('\n');
}

// Semihosting SYS_EXIT with ADP_Stopped_ApplicationExit.
void sys_exit(int code) {
  volatile u64 block[2] = {0x20026, (u64)code};
  for (;;) {
    register u64 operation __asm__("x0") = 0x18;
    register volatile u64 *argument __asm__("x1") = block;
    __asm__ volatile("hlt #0xf000" : "+r"(operation) : "r"(argument) : "memory");
  }
}

void die(const char *why) {
  put_str("failed ");
  put_str(bench_name);
  put_str(": ");
  put_str(why);
  put_char('\n');
  sys_exit(1);
}

void unexpected_exception(u64 vector, u64 esr, u64 elr, u64 far) {
  put_str("exception: vector ");
  put_dec(vector);
  put_str(" esr ");
  put_hex(esr);
  put_str(" elr ");
  put_hex(elr);
  put_str(" far ");
  put_hex(far);
  put_char('\n');
  die("unexpected exception");
}
