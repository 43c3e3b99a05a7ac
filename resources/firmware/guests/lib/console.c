/* The 16550 that lkvm emulates: polled output, input by interrupt. */
#include "guest.h"

enum { DATA, IER, FCR, LCR, MCR, LSR };
enum { LSR_DATA = 1, LSR_EMPTY = 0x20 };

static spinlock lock;

static volatile u8 *uart(u32 offset) {
  return (volatile u8 *)(guest.uart + offset);
}

void console_init_guest(void) {
  *uart(LCR) = 3;
  *uart(FCR) = 1;
  *uart(MCR) = 0xb;
}

static void send(char character) {
  while (!(*uart(LSR) & LSR_EMPTY)) {
  }
  *uart(DATA) = (u8)character;
}

void vprintf(const char *format, va_list arguments) {
  char line[256];
  int length = vsnprintf(line, sizeof line, format, arguments);
  spin_lock(&lock);
  for (int i = 0; i < MIN(length, (int)sizeof line - 1); i++)
    send(line[i]);
  spin_unlock(&lock);
}

void printf(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
}

static char typed[256];
static volatile u32 typed_in, typed_out;

static void receive(u32 intid) {
  while (*uart(LSR) & LSR_DATA) {
    char character = (char)*uart(DATA);
    if (typed_in - typed_out < sizeof typed)
      typed[typed_in++ % sizeof typed] = character;
  }
}

void console_input_on(void) {
  irq_on(guest.uart_intid, receive);
  gic_enable(guest.uart_intid, true);
  *uart(IER) = 1;
}

int console_get(void) {
  return typed_in == typed_out ? -1 : (u8)typed[typed_out++ % sizeof typed];
}

void console_line(char *line, u32 size) {
  u32 length = 0;
  for (;;) {
    /* Masked, so that what comes between the look and WFI still ends WFI. */
    irqs_off();
    int character = console_get();
    if (character < 0)
      wfi();
    irqs_on();
    if (character < 0)
      continue;
    if (character == '\r' || character == '\n') {
      printf("\n");
      line[length] = 0;
      return;
    }
    if (character == 8 || character == 127) {
      if (length) {
        length--;
        printf("\b \b");
      }
    } else if (character >= ' ' && length < size - 1) {
      line[length++] = (char)character;
      printf("%c", character);
    }
  }
}
