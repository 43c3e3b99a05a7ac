/* Arm PrimeCell UART PL011 (DDI 0183), polled, transmit and receive. */
#ifndef PL011_H
#define PL011_H

#include "types.h"

/* Makes the UART at base the console of printf: 115200 baud from a 24 MHz clock, 8n1, FIFOs on. 0 = no console. */
void console_init(u64 base);
u64 console_base(void);
void console_write(const char *text, size_t length);
/* The next received character, or -1. */
int console_read(void);

#endif
