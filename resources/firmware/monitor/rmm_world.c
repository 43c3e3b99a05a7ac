/* The Realm world as EL3 sees it: RMM's boot, RMI calls on their way in and out, and the services RMM asks for. */
#include "arch.h"
#include "gpt.h"
#include "lib.h"
#include "mmu.h"
#include "monitor.h"
#include "smccc.h"

static u64 rmm_entry;
static u64 image_end;
/* RESERVE_MEMORY gives pages from the end of the carve-out, downwards. */
static u64 reserve_end;
static bool reserve_closed;
/* What RMM wants back in x1 at the start of each further core. */
static u64 activation_token;

static u64 words_sum(const void *from, u64 bytes) {
  u64 sum = 0;
  for (u64 i = 0; i < bytes; i += 8)
    sum += read_le64((const u8 *)from + i);
  return sum;
}

static void fill_list(struct manifest_list *list, const void *entries, u64 count, u64 entry_size) {
  list->count = count;
  list->entries = count ? (u64)entries : 0;
  list->checksum = -(list->count + list->entries + words_sum(entries, count * entry_size));
}

static void write_manifest(void) {
  u8 *buffer = (u8 *)rmm_shared_buffer();
  memset(buffer, 0, PAGE_SIZE);
  struct manifest *manifest = (struct manifest *)(void *)buffer;
  struct manifest_bank *banks = (struct manifest_bank *)(void *)(manifest + 1);
  struct manifest_console *console = (struct manifest_console *)(void *)(banks + MAX_DRAM_BANKS);
  manifest->version = MANIFEST_VERSION;
  for (u32 i = 0; i < platform.dram_banks; i++)
    banks[i] = (struct manifest_bank){platform.dram[i].base, platform.dram[i].size};
  *console = (struct manifest_console){
    .base = platform.rmm_console, .map_pages = 1, .name = "pl011", .clock_hz = 24000000, .baud_rate = 115200};
  struct platform_data *data = (struct platform_data *)(void *)(console + 1);
  *data = (struct platform_data){PLATFORM_DATA_MAGIC, platform.rmm_log_all ? PLATFORM_DATA_LOG_ALL : 0};
  manifest->platform_data = (u64)data;
  fill_list(&manifest->dram, banks, platform.dram_banks, sizeof *banks);
  fill_list(&manifest->consoles, console, 1, sizeof *console);
  dcache_clean_invalidate(buffer, PAGE_SIZE);
}

void rmm_load(void) {
  const struct flash_image *image = flash_find("rmm");
  reserve_end = rmm_shared_buffer();
  if (!image) {
    LOG_WARN("no RMM in flash: there is no Realm world\n");
    return;
  }
  if (image->load < RMM_BASE || image->load + image->size > reserve_end)
    panic("RMM (0x%lx bytes at 0x%lx) does not fit in its carve-out", image->size, image->load);
  memcpy((void *)image->load, (const void *)image->offset, image->size);
  dcache_clean_invalidate((void *)image->load, image->size);
  rmm_entry = image->entry;
  /* Its data follows the file's bytes: the image's own header says how far (rmm/entry.S). */
  image_end = read_le64((const u8 *)image->load + 8);
  write_manifest();
  LOG_INFO("RMM: 0x%lx bytes at 0x%lx, memory up to 0x%lx\n", image->size, image->load, RMM_BASE + platform.rmm_size - 1);
}

struct frame *rmm_boot(struct cpu *cpu, bool cold) {
  if (!rmm_entry || (!cold && cpus[0].rmm != RMM_READY)) {
    cpu->rmm = RMM_FAILED;
    return normal_world_start(cpu);
  }
  context_init(cpu, WORLD_REALM, rmm_entry);
  u64 *x = cpu->world[WORLD_REALM].frame.x;
  x[0] = cpu->index;
  if (cold) {
    LOG_INFO("RMM init start.\n");
    x[1] = RMM_EL3_VERSION;
    x[2] = MAX_CPUS;
    x[3] = rmm_shared_buffer();
  } else
    x[1] = activation_token;
  cpu->rmm = RMM_BOOTING;
  return world_load(cpu, WORLD_REALM);
}

static struct frame *boot_complete(struct cpu *cpu, const struct frame *frame) {
  s64 status = (s64)frame->x[1];
  if (cpu->rmm != RMM_BOOTING)
    panic("RMM said twice that it had booted");
  cpu->rmm = status == 0 ? RMM_READY : RMM_FAILED;
  if (cpu->index == 0) {
    reserve_closed = true;
    activation_token = frame->x[2];
    if (status == 0)
      LOG_INFO("RMM init end.\n");
    LOG_INFO("Leaving for the normal world at 0x%lx\n", cpu->entry);
  }
  if (status)
    LOG_ERROR("RMM init failed on core %u: %ld\n", cpu->index, status);
  world_switch(cpu, WORLD_REALM);
  return normal_world_start(cpu);
}

bool is_rmi(u32 function) {
  u32 number = function & 0xffff;
  if ((function & 0xfffe0000) != 0xc4000000)
    return false;
  return (number >= 0x150 && number <= 0x18f) || (number >= 0x1d0 && number <= 0x2cf);
}

struct frame *rmi_forward(struct cpu *cpu, struct frame *frame) {
  if (cpu->rmm != RMM_READY) {
    frame->x[0] = SMC_NOT_SUPPORTED;
    return frame;
  }
  struct frame *realm = &cpu->world[WORLD_REALM].frame;
  memcpy(realm->x, frame->x, 8 * sizeof(u64));
  return world_switch(cpu, WORLD_REALM);
}

/* A buffer RMM names must lie in the page both share. */
static u8 *shared_range(u64 address, u64 size) {
  u64 base = rmm_shared_buffer();
  if (address < base || size > PAGE_SIZE || address - base > PAGE_SIZE - size)
    return NULL;
  return (u8 *)address;
}

static u64 reserve_memory(u64 size, u64 flags, u64 *base) {
  u64 alignment = 1UL << MIN(flags & 0xff, 30UL);
  if (reserve_closed || !size || !IS_ALIGNED(size, PAGE_SIZE))
    return E_RMM_INVAL;
  if (size > reserve_end - RMM_BASE)
    return E_RMM_NOMEM;
  u64 at = ALIGN_DOWN(reserve_end - size, MAX(alignment, (u64)PAGE_SIZE));
  if (at < image_end)
    return E_RMM_NOMEM;
  reserve_end = at;
  *base = at;
  return E_RMM_OK;
}

/*
 * The architecture has no instruction that changes a context's key: a memory protection engine does, where the machine
 * has one. What software owes is that no line of the context is left in a cache; RMM cleans each granule it frees.
 */
static u64 mec_refresh(u64 argument) {
  if (!(features & FEATURE_MEC))
    return E_RMM_UNK;
  u64 mecid = FIELD(argument, 47, 32);
  u64 width = FIELD(read_sysreg(SYS_MECIDR_EL2), 3, 0) + 1;
  if (mecid >> width || (argument & ~(0xffffUL << 32 | 1)))
    return E_RMM_INVAL;
  dsb(sy);
  return E_RMM_OK;
}

struct frame *rmm_service(struct cpu *cpu, struct frame *frame) {
  u64 *x = frame->x;
  switch ((u32)x[0]) {
  case RMM_RMI_REQ_COMPLETE: {
    struct frame *normal = &cpu->world[WORLD_NS].frame;
    if (cpu->rmm != RMM_READY)
      panic("RMM answered before it had booted");
    memcpy(normal->x, x + 1, 7 * sizeof(u64));
    return world_switch(cpu, WORLD_NS);
  }
  case RMM_BOOT_COMPLETE:
    return boot_complete(cpu, frame);
  case RMM_GTSI_DELEGATE:
    x[0] = gpt_delegate(x[1]);
    return frame;
  case RMM_GTSI_UNDELEGATE:
    x[0] = gpt_undelegate(x[1]);
    return frame;
  case RMM_ATTEST_GET_REALM_KEY: {
    u8 *buffer = shared_range(x[1], x[2]);
    bool curve_known = x[3] == 0;
    x[0] = !buffer ? E_RMM_BAD_ADDR : E_RMM_INVAL;
    if (buffer && curve_known) {
      u64 length = attest_realm_key(buffer, x[2]);
      x[0] = length ? E_RMM_OK : E_RMM_INVAL;
      x[1] = length;
    }
    return frame;
  }
  case RMM_ATTEST_GET_PLAT_TOKEN: {
    u8 *buffer = shared_range(x[1], x[2]);
    x[0] = !buffer ? E_RMM_BAD_ADDR : E_RMM_INVAL;
    if (buffer) {
      u64 length = attest_platform_token(buffer, x[2], x[3]);
      x[0] = length ? E_RMM_OK : E_RMM_INVAL;
      x[1] = length;
      /* Nothing is left for a further call. */
      x[2] = 0;
    }
    return frame;
  }
  case RMM_EL3_FEATURES:
    x[0] = x[1] == 0 ? E_RMM_OK : E_RMM_INVAL;
    x[1] = 0;
    return frame;
  case RMM_MEC_REFRESH:
    x[0] = mec_refresh(x[1]);
    return frame;
  case RMM_RESERVE_MEMORY:
    x[0] = reserve_memory(x[1], x[2], &x[1]);
    return frame;
  case SMCCC_VERSION:
    x[0] = VERSION_MAKE(1, 5);
    return frame;
  case SMCCC_ARCH_FEATURE_AVAILABILITY:
  case SMCCC_ARCH_FEATURE_AVAILABILITY_64:
    x[0] = feature_availability(cpu, x[1], &x[1]);
    return frame;
  default:
    LOG_WARN("RMM called an unknown function 0x%lx\n", x[0]);
    x[0] = SMC_NOT_SUPPORTED;
    return frame;
  }
}
