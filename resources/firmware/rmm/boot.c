/* RMM's boot on each core, and the loop that answers the host. */
#include "mmu.h"
#include "pl011.h"
#include "rmm.h"

struct cpu cpus[MAX_CPUS];
extern const u8 __image_start[], __image_end[];
extern u8 ns_copy_in_access[], ns_copy_out_access[], ns_copy_failed[];

static u64 console;
static u64 buffer_pa;

/* The manifest is EL3's, yet a list that does not add up means that the two disagree about its layout. */
static bool list_valid(const struct manifest_list *list, u64 entry_size) {
  u64 sum = list->count + list->entries + list->checksum;
  if (list->count > GRANULE_SIZE / entry_size)
    return false;
  for (u64 i = 0; i < list->count * entry_size; i += 8)
    sum += read_le64((const u8 *)list->entries + i);
  return sum == 0;
}

static u64 read_manifest(void) {
  const struct manifest *manifest = (const struct manifest *)buffer_pa;
  if (VERSION_MAJOR(manifest->version) != VERSION_MAJOR(MANIFEST_VERSION) || VERSION_MINOR(manifest->version) < 3)
    return E_RMM_BOOT_MANIFEST_VERSION;
  if (!list_valid(&manifest->dram, sizeof(struct manifest_bank)) || !manifest->dram.count)
    return E_RMM_BOOT_MANIFEST_DATA;
  if (!list_valid(&manifest->consoles, sizeof(struct manifest_console)))
    return E_RMM_BOOT_MANIFEST_DATA;
  u64 first = 0;
  const struct manifest_bank *dram = (const struct manifest_bank *)manifest->dram.entries;
  for (u64 i = 0; i < manifest->dram.count && i < MAX_BANKS; i++) {
    if (dram[i].base + dram[i].size > ALIAS_MEC)
      continue;
    banks[bank_count++] = (struct memory_bank){dram[i].base, dram[i].size, first};
    first += dram[i].size / GRANULE_SIZE;
  }
  const struct manifest_console *entry = (const struct manifest_console *)manifest->consoles.entries;
  for (u64 i = 0; i < manifest->consoles.count && !console; i++)
    if (strncmp(entry[i].name, "pl011", 8) == 0)
      console = entry[i].base;
  const struct platform_data *data = (const struct platform_data *)manifest->platform_data;
  log_everything = data && data->magic == PLATFORM_DATA_MAGIC && (data->flags & PLATFORM_DATA_LOG_ALL);
  return E_RMM_OK;
}

/* The granule table lies outside the image: its size is the machine's. RMM's own memory is never anyone else's. */
static u64 make_granules(void) {
  u64 count = banks[bank_count - 1].first + banks[bank_count - 1].size / GRANULE_SIZE;
  u64 size = ALIGN_UP(count * sizeof(struct granule), GRANULE_SIZE);
  struct smc_result result;
  if (smc(RMM_RESERVE_MEMORY, size, PAGE_SHIFT, 0, 0, 0, 0, 0, &result) != E_RMM_OK)
    return E_RMM_NOMEM;
  struct granule *table = (struct granule *)result.x[1];
  memset(table, 0, size);
  granules_init(table);
  for (u64 pa = (u64)__image_start; pa < buffer_pa + GRANULE_SIZE; pa += GRANULE_SIZE) {
    struct granule *granule = granule_of(pa);
    if (granule)
      granule->word = GRANULE_RMM;
  }
  return E_RMM_OK;
}

static u64 cold_boot(u64 version, u64 max_cpus, u64 buffer) {
  buffer_pa = buffer;
  if (VERSION_MAJOR(version) != VERSION_MAJOR(RMM_EL3_VERSION_NEEDED) ||
      VERSION_MINOR(version) < VERSION_MINOR(RMM_EL3_VERSION_NEEDED))
    return E_RMM_BOOT_VERSION_MISMATCH;
  if (!max_cpus || max_cpus > MAX_CPUS)
    return E_RMM_BOOT_CPUS_OUT_OF_RANGE;
  if (!buffer || !IS_ALIGNED(buffer, GRANULE_SIZE))
    return E_RMM_BOOT_INVALID_SHARED_BUFFER;
  u64 status = read_manifest();
  if (status)
    return status;
  console_init(console);
  mec_init_cpu();
  status = make_granules();
  if (status)
    return status;
  memory_map(console);
  memory_enable();
  gic_init();
  printf("Booting Trireme RMM v.%s(release)\n", RMM_VERSION);
  printf("RMM-EL3 Interface v.%lu.%lu\n", VERSION_MAJOR(version), VERSION_MINOR(version));
  u32 manifest = ((const struct manifest *)buffer_pa)->version;
  printf("Boot Manifest Interface v.%u.%u\n", VERSION_MAJOR(manifest), VERSION_MINOR(manifest));
  printf("RMI ABI revision v%lu.%lu\n", VERSION_MAJOR(RMI_ABI_1_1), VERSION_MINOR(RMI_ABI_1_1));
  printf("RSI ABI revision v%lu.%lu\n", VERSION_MAJOR(RMI_ABI_1_1), VERSION_MINOR(RMI_ABI_1_1));
  return E_RMM_OK;
}

NORETURN void rmm_main(u64 cold, u64 x1, u64 x2, u64 x3) {
  u64 status = E_RMM_OK;
  if (cold)
    status = cold_boot(x1, x2, x3);
  else {
    mec_init_cpu();
    memory_enable();
  }
  struct smc_result request;
  smc(RMM_BOOT_COMPLETE, status, 0, 0, 0, 0, 0, 0, &request);
  for (;;) {
    u64 answer[8];
    handle_rmi(request.x, answer);
    mec_leave();
    smc(RMM_RMI_REQ_COMPLETE, answer[0], answer[1], answer[2], answer[3], answer[4], answer[5], answer[6], &request);
  }
}

u8 *shared_buffer(void) {
  return (u8 *)buffer_pa;
}

void panic_end(const char *file, int line, const char *text) {
  printf("PANIC in RMM on CPU #%u at %s:%d: %s\n", this_cpu()->index, file, line, text);
  for (;;)
    wfi();
}

#define ESR_DATA_ABORT_SAME_LEVEL 0x25UL
#define DFSC_GPF 0x28UL

/* An exception at Realm EL2: expected only where the host's memory is touched, when it has become another's. */
void rmm_exception(u64 kind, const u64 *x, u64 frame_pointer) {
  u64 esr = read_sysreg(esr_el2);
  u64 elr = read_sysreg(elr_el2);
  if (kind == 4 && FIELD(esr, 31, 26) == ESR_DATA_ABORT_SAME_LEVEL && FIELD(esr, 5, 0) == DFSC_GPF &&
      (elr == (u64)ns_copy_in_access || elr == (u64)ns_copy_out_access)) {
    write_sysreg(elr_el2, (u64)ns_copy_failed);
    return;
  }
  printf("Unexpected exception on CPU #%u\n", this_cpu()->index);
  printf("  vector %lu  ESR_EL2 0x%lx  ELR_EL2 0x%lx  FAR_EL2 0x%lx  HPFAR_EL2 0x%lx\n", kind, esr, elr, read_sysreg(far_el2),
         read_sysreg(hpfar_el2));
  printf("  x2 0x%lx x3 0x%lx x30 0x%lx fp 0x%lx\n", x[2], x[3], x[19], frame_pointer);
  for (;;)
    wfi();
}

/* Numbers the assembler needs. */
__attribute__((used)) static void assembler_constants(void) {
  __asm__(".global CPU_STRUCT_SIZE\n.set CPU_STRUCT_SIZE, %c0\n.global CPU_STACK_TOP\n.set CPU_STACK_TOP, %c1"
          :
          : "i"(sizeof(struct cpu)), "i"(offsetof(struct cpu, stack) + CPU_STACK_SIZE));
}
