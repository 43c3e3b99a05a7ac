#include "pl011.h"

#include "lib.h"

enum { DR = 0x00, FR = 0x18, IBRD = 0x24, FBRD = 0x28, LCRH = 0x2c, CR = 0x30, IMSC = 0x38, ICR = 0x44 };
enum { FR_BUSY = 1 << 3, FR_RXFE = 1 << 4, FR_TXFF = 1 << 5 };
enum { LCRH_FEN = 1 << 4, LCRH_WLEN_8 = 3 << 5 };
enum { CR_UARTEN = 1 << 0, CR_TXE = 1 << 8, CR_RXE = 1 << 9 };

static volatile u32 *uart;
static spinlock print_lock;

static u32 get(unsigned offset) {
  return uart[offset / 4];
}

static void put(unsigned offset, u32 value) {
  uart[offset / 4] = value;
}

void console_init(u64 base) {
  uart = (volatile u32 *)base;
  if (!uart)
    return;
  /* Another world may be sending on a shared UART: it is left alone when it is on already. */
  if ((get(CR) & (CR_UARTEN | CR_TXE)) == (CR_UARTEN | CR_TXE))
    return;
  put(CR, 0);
  put(IMSC, 0);
  put(ICR, 0x7ff);
  put(IBRD, 13);
  put(FBRD, 1);
  put(LCRH, LCRH_WLEN_8 | LCRH_FEN);
  put(CR, CR_UARTEN | CR_TXE | CR_RXE);
}

u64 console_base(void) {
  return (u64)uart;
}

static void send(char character) {
  while (get(FR) & FR_TXFF) {
  }
  put(DR, (u8)character);
}

void console_write(const char *text, size_t length) {
  if (!uart)
    return;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '\n')
      send('\r');
    send(text[i]);
  }
}

int console_read(void) {
  if (!uart || (get(FR) & FR_RXFE))
    return -1;
  return (int)(get(DR) & 0xff);
}

void vprintf(const char *format, va_list arguments) {
  char line[512];
  int length = vsnprintf(line, sizeof line, format, arguments);
  spin_lock(&print_lock);
  console_write(line, MIN((size_t)length, sizeof line - 1));
  spin_unlock(&print_lock);
}

void printf(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
}
