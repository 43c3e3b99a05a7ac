// SPDX-License-Identifier: Apache-2.0
// A prompt on UART0 of the machine `virt`, from EL1 with the built-in PSCI: each command looks at a device or asks for something.
#include "guest.h"

#define MMIO32(address) (*(volatile u32 *)(address))
#define GPIO(offset) MMIO32(0x09030000UL + (offset))

static volatile u32 started;

void secondary(u64 context) {
  started = (u32)context;
  psci(0x84000002, 0, 0, 0);
}

static u64 number(const char **s) {
  u64 n = 0;
  while (**s == ' ')
    (*s)++;
  while (**s >= '0' && **s <= '9')
    n = 10 * n + (u64)(*(*s)++ - '0');
  return n;
}
// The rest of a line behind a command's name, or 0.
static const char *behind(const char *s, const char *name) {
  while (*name)
    if (*s++ != *name++)
      return 0;
  return *s == 0 || *s == ' ' ? s : 0;
}

// Interrupts stay masked: a pending one ends WFI all the same, and is then acknowledged by hand.
static void setup(void) {
  GICD(0) = 0x12; // ARE, group 1
  GICR(0, 0x14) &= ~2u;
  while (GICR(0, 0x14) & 4) {
  }
  SGI(0, 0x80) = ~0u;
  GICD(0x84) = ~0u;
  WRITE(S3_0_C12_C12_5, 7);    // ICC_SRE_EL1
  WRITE(S3_0_C4_C6_0, 0xff);   // ICC_PMR_EL1
  WRITE(S3_0_C12_C12_7, 1);    // ICC_IGRPEN1_EL1
  UART(0x30) = 0x301;
  UART(0x38) = 0x50; // receive and its timeout
  GICD(0x104) = 1 << 1;
}
// A key, waited for without work.
static int listen(void) {
  while (UART(0x18) & 0x10)
    __asm__ volatile("wfi");
  return (int)(UART(0) & 0xff);
}
static u64 acknowledge(void) {
  u64 intid = READ(S3_0_C12_C12_0);
  if (intid < 1020)
    WRITE(S3_0_C12_C12_1, intid);
  return intid;
}

// fw_cfg: selector and data, as bytes.
static void choose(u32 key) {
  *(volatile unsigned short *)0x09020008UL = (unsigned short)(key >> 8 | key << 8);
}
static u32 next(void) {
  return *(volatile u8 *)0x09020000UL;
}
static u32 next_big(int bytes) {
  u32 v = 0;
  while (bytes--)
    v = v << 8 | next();
  return v;
}
static void hex_bytes(u64 count) {
  while (count--) {
    u32 byte = next();
    put("0123456789abcdef"[byte >> 4]);
    put("0123456789abcdef"[byte & 15]);
  }
  puts("\n");
}
static void file(const char *name) {
  choose(0x19);
  for (u32 left = next_big(4); left; left--) {
    u32 size = next_big(4), key = next_big(4) >> 16;
    int same = 1;
    for (u64 i = 0, ended = 0; i < 56; i++) {
      char c = (char)next();
      if (!ended && c != name[i])
        same = 0;
      ended |= c == 0;
    }
    if (!same)
      continue;
    choose(key);
    hex_bytes(size);
    return;
  }
  puts("no such file\n");
}

// A virtio console on the last transport, as it is without MULTIPORT: queue 0 comes, queue 1 goes; one buffer at a time.
struct queue {
  struct {
    u64 address;
    u32 length;
    unsigned short flags, next;
  } descriptor[2];
  struct {
    unsigned short flags, index, ring[2], event;
  } available;
  struct {
    unsigned short flags, index;
    struct {
      u32 id, length;
    } ring[2];
  } used __attribute__((aligned(4)));
};
static volatile struct queue queues[2] __attribute__((aligned(16)));
#define VIRTIO(offset) MMIO32(0x0a003e00UL + (offset))

static void start_console(void) {
  static int done;
  if (done)
    return;
  done = 1;
  VIRTIO(0x70) = 0;
  VIRTIO(0x70) = 3;
  VIRTIO(0x24) = 1;
  VIRTIO(0x20) = 1; // VERSION_1
  VIRTIO(0x70) = 11;
  for (u32 n = 0; n < 2; n++) {
    VIRTIO(0x30) = n;
    VIRTIO(0x38) = 2;
    VIRTIO(0x80) = (u32)(u64)&queues[n].descriptor;
    VIRTIO(0x90) = (u32)(u64)&queues[n].available;
    VIRTIO(0xa0) = (u32)(u64)&queues[n].used;
    VIRTIO(0x44) = 1;
  }
  VIRTIO(0x70) = 15;
}
// Yields how many bytes came.
static u32 transfer(u32 n, const void *buffer, u32 length) {
  volatile struct queue *q = &queues[n];
  q->descriptor[0].address = (u64)buffer;
  q->descriptor[0].length = length;
  q->descriptor[0].flags = n == 0 ? 2 : 0;
  q->available.ring[q->available.index & 1] = 0;
  __asm__ volatile("dmb ish" ::: "memory");
  q->available.index++;
  __asm__ volatile("dmb ish" ::: "memory");
  VIRTIO(0x50) = n;
  while (q->used.index != q->available.index) {
  }
  __asm__ volatile("dmb ish" ::: "memory");
  return q->used.ring[(q->used.index - 1) & 1].length;
}
static void hvc(const char *text) {
  static char typed[64];
  start_console();
  if (*text) {
    transfer(1, text, (u32)length(text));
    return;
  }
  puts("waiting\n");
  typed[transfer(0, typed, sizeof typed - 1)] = 0;
  puts("typed ");
  puts(typed);
  puts("\n");
}

static void key(void) {
  GPIO(0x404) = 0;      // edges
  GPIO(0x408) = 0;      // one of them
  GPIO(0x40c) |= 1 << 3; // rising
  GPIO(0x41c) = 1 << 3;
  GPIO(0x410) = 1 << 3;
  GICD(0x104) = 1 << 7;
  puts("waiting\n");
  while (!(GICD(0x204) & 1 << 7))
    __asm__ volatile("wfi");
  u64 level = GPIO(0x020) >> 3;
  u64 intid = acknowledge();
  GPIO(0x41c) = 1 << 3;
  puts("key ");
  put_number(level);
  say(", interrupt", intid);
  while (GPIO(0x020)) {
  }
  puts("released\n");
}
// A word of the second flash: status, then what is there.
static void program(void) {
  volatile u32 *flash = (volatile u32 *)0x04000000UL;
  *flash = 0x00500050;
  *flash = 0x00400040;
  *flash = 0x11223344;
  u64 status = *flash & 0xff;
  *flash = 0x00ff00ff;
  puts("status ");
  put_number(status);
  say(", holds", *flash);
}
static void suspend(void) {
  SGI(0, 0x100) = 1 << 27;
  u64 before = READ(cntvct_el0);
  WRITE(cntv_tval_el0, READ(cntfrq_el0) / 50);
  WRITE(cntv_ctl_el0, 1);
  u64 result = psci(0xc4000001, 0, 0, 0);
  u64 slept = (READ(cntvct_el0) - before) * 1000 / READ(cntfrq_el0);
  u64 intid = acknowledge();
  WRITE(cntv_ctl_el0, 0);
  puts("result ");
  put_number(result);
  puts(slept >= 20 ? ", slept" : ", did not sleep");
  say(", interrupt", intid);
}
static void on(void) {
  say("before", psci(0xc4000004, 1, 0, 0));
  say("CPU_ON", psci(0xc4000003, 1, (u64)start_secondary, 5));
  while (!started) {
  }
  while (psci(0xc4000004, 1, 0, 0) != 1) {
  }
  say("ran with", started);
  started = 0;
}

static void obey(const char *line) {
  const char *rest;
  if (behind(line, "clock"))
    say("seconds", MMIO32(0x09010000UL));
  else if (behind(line, "ticks"))
    say("milliseconds", READ(cntvct_el0) * 1000 / READ(cntfrq_el0));
  else if ((rest = behind(line, "config"))) {
    choose((u32)number(&rest));
    hex_bytes(number(&rest));
  } else if ((rest = behind(line, "file")))
    file(rest + 1);
  else if ((rest = behind(line, "virtio"))) {
    u64 at = 0x0a000000UL + 0x200 * number(&rest);
    puts("version ");
    put_number(MMIO32(at + 4));
    say(", device", MMIO32(at + 8));
  } else if ((rest = behind(line, "uart"))) {
    static const u64 uarts[4] = {0x09000000UL, 0x09040000UL, 0x09100000UL, 0x09110000UL};
    u64 at = uarts[number(&rest) & 3];
    for (rest++; *rest; rest++)
      MMIO32(at) = (u8)*rest;
    MMIO32(at) = '\n';
  } else if (behind(line, "key"))
    key();
  else if ((rest = behind(line, "hvc")))
    hvc(*rest ? rest + 1 : rest);
  else if (behind(line, "program"))
    program();
  else if (behind(line, "suspend"))
    suspend();
  else if (behind(line, "on"))
    on();
  else if (behind(line, "mark")) {
    static volatile u64 marks = 1;
    say("marks", marks++);
  } else if (behind(line, "reset"))
    psci(0x84000009, 0, 0, 0);
  else if (behind(line, "off"))
    psci(0x84000008, 0, 0, 0);
  else
    puts("what?\n");
}

void main(void) {
  static char line[256];
  setup();
  for (;;) {
    puts("> ");
    u64 n = 0;
    for (int c = listen(); c != '\r' && c != '\n'; c = listen())
      if (n < sizeof line - 1)
        line[n++] = (char)c;
    line[n] = 0;
    obey(line);
  }
}
