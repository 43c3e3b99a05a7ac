/* The guest of the guides: says where it runs, measures itself, shows its token, and has a small shell. */
#include "attest.h"
#include "cbor_read.h"
#include "guest.h"
#include "sha2.h"

/* Where a virtio-mmio device's own registers begin; a disk's first is its capacity (virtio 1.2, 4.2.2, 5.2.4). */
#define VIRTIO_CONFIG 0x100

static u8 token[4096];
static volatile u32 cores_up;

static void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void log_line(const char *format, ...) {
  char text[200];
  u64 time = counter() / (read_sysreg(cntfrq_el0) / 1000000);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  printf("[%5lu.%06lu] %s\n", time / 1000000, time % 1000000, text);
}

static void say_core(void) {
  log_line("CPU%u: Booted secondary processor 0x%010lx [0x%08lx]", cpu_index(), read_sysreg(mpidr_el1) & 0xff00ffffffUL,
           read_sysreg(midr_el1));
  __atomic_fetch_add(&cores_up, 1, __ATOMIC_SEQ_CST);
}

static void show_measurements(void) {
  u8 value[64];
  rsi(RSI_REALM_CONFIG, (u64)rsi_page, 0, 0, 0, NULL);
  u32 size = ((const struct rsi_realm_config *)(const void *)rsi_page)->hash_algo == RMI_HASH_SHA512 ? 64 : 32;
  for (u32 i = 0; i < 5; i++) {
    if (rsi_measurement(i, value) != RSI_SUCCESS)
      continue;
    printf(i ? "REM %u: " : "RIM:   ", i - 1);
    print_hex(value, size);
  }
}

/* The hash of the program as it lies in memory goes into the first extensible measurement. */
static void measure(void) {
  u8 digest[32];
  sha256(__image_start, PAGE_SIZE, digest);
  printf("SHA-256 of my first page: ");
  print_hex(digest, sizeof digest);
  if (!guest.realm) {
    printf("Nobody keeps measurements for a normal virtual machine.\n");
    return;
  }
  rsi_extend(1, digest, sizeof digest);
  show_measurements();
}

static void show_bytes(const char *name, struct cbor_reader map, u64 key) {
  struct cbor_item item;
  if (!cbor_claim(map, key, &item))
    return;
  printf("  %-28s", name);
  if (item.major == 2)
    print_hex(item.data, (u32)MIN(item.value, 64UL));
  else if (item.major == 3) {
    char text[65] = {0};
    memcpy(text, item.data, MIN(item.value, sizeof text - 1));
    printf("%s\n", text);
  } else
    printf("0x%lx\n", item.value);
}

static void show_token(void) {
  u8 challenge[64];
  struct cbor_reader platform, realm;
  if (!guest.realm) {
    printf("Only a realm has an attestation token.\n");
    return;
  }
  for (u32 i = 0; i < sizeof challenge; i++)
    challenge[i] = (u8)(0xc0 + i);
  u64 length = rsi_token(challenge, token, sizeof token);
  if (!length || !token_open(token, length, &platform, &realm)) {
    printf("RMM gave no token.\n");
    return;
  }
  printf("CCA attestation token, %lu bytes\n platform token\n", length);
  show_bytes("profile", platform, CLAIM_PROFILE);
  show_bytes("implementation", platform, CLAIM_IMPLEMENTATION_ID);
  show_bytes("instance", platform, CLAIM_INSTANCE_ID);
  show_bytes("lifecycle", platform, CLAIM_LIFECYCLE);
  printf(" realm token\n");
  show_bytes("profile", realm, CLAIM_PROFILE);
  show_bytes("challenge", realm, CLAIM_CHALLENGE);
  show_bytes("hash algorithm", realm, CLAIM_REALM_HASH_ALGORITHM);
  show_bytes("initial measurement", realm, CLAIM_REALM_INITIAL_MEASUREMENT);
  show_bytes("personalization value", realm, CLAIM_REALM_PERSONALIZATION);
}

static void show_secret(void) {
  printf("%p: %s\n", (const void *)guest_secret, guest_secret);
}

static void power_off_command(void) {
  printf("The system is going down NOW!\n");
  log_line("reboot: Power down");
  guest_power_off();
}

static void help(void);

static const struct {
  const char *name;
  const char *text;
  void (*run)(void);
} commands[] = {
  {"help", "this list", help},
  {"measure", "hashes its first page, extends a measurement, shows all", measure},
  {"token", "what an attestation token says", show_token},
  {"secret", "what it keeps from the host, read from its own memory", show_secret},
  {"poweroff", "ends this guest", power_off_command},
};

static void help(void) {
  for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
    printf("  %-10s %s\n", commands[i].name, commands[i].text);
}

static bool asked(const char *name) {
  size_t length = strlen(name);
  for (const char *at = guest.arguments; *at; at++)
    if (strncmp(at, name, length) == 0 && (!at[length] || at[length] == ' '))
      return true;
  return false;
}

void guest_main(void) {
  log_line("Booting Trireme guest %s on physical CPU 0x%010lx [0x%08lx]", GUEST_VERSION, read_sysreg(mpidr_el1) & 0xff00ffffffUL,
           read_sysreg(midr_el1));
  log_line("Machine model: linux,dummy-virt");
  if (guest.realm) {
    log_line("RME: Using RSI version %lu.%lu", VERSION_MAJOR(guest.rsi_lowest), VERSION_MINOR(guest.rsi_lowest));
    log_line("RME: this is a realm at R-EL1, shared memory begins at 0x%lx", guest.shared);
  } else
    log_line("This is a normal virtual machine at NS-EL1");
  log_line("Memory: %lu MB at 0x%lx", guest.memory_size >> 20, guest.memory_base);
  log_line("Kernel command line: %s", guest.arguments);
  if (guest.ramdisk_size)
    log_line("initrd: %lu bytes at 0x%lx", guest.ramdisk_size, guest.ramdisk);
  if (guest.disk)
    log_line("virtio_blk: [vda] %lu 512-byte logical blocks", *(volatile u64 *)(guest.disk + VIRTIO_CONFIG));
  for (u32 cpu = 1; cpu < guest.cpus; cpu++)
    if (cpu_start(cpu, say_core) != PSCI_SUCCESS || !cpu_wait_off(cpu))
      log_line("CPU%u: does not start", cpu);
  log_line("smp: %u CPUs", cores_up + 1);
  if (asked("measure"))
    measure();
  if (asked("token"))
    show_token();
  console_input_on();
  irqs_on();
  printf("\nhelp shows what this guest can do.\n");
  for (;;) {
    char line[80];
    printf("guest# ");
    console_line(line, sizeof line);
    u32 which = 0;
    while (which < ARRAY_SIZE(commands) && strcmp(commands[which].name, line) != 0)
      which++;
    if (which < ARRAY_SIZE(commands))
      commands[which].run();
    else if (*line)
      printf("%s: not found\n", line);
  }
}
