/* rmi: raw calls; attack: what the host can do to a realm's memory. */
#include "../attack.h"
#include "../shell.h"
#include "rmi.h"
#include "smccc.h"
#include "vmm.h"

static const struct {
  const char *name;
  u32 command;
} rmi_names[] = {
  {"VERSION", RMI_VERSION}, {"GRANULE_DELEGATE", RMI_GRANULE_DELEGATE}, {"GRANULE_UNDELEGATE", RMI_GRANULE_UNDELEGATE},
  {"DATA_CREATE", RMI_DATA_CREATE}, {"DATA_CREATE_UNKNOWN", RMI_DATA_CREATE_UNKNOWN}, {"DATA_DESTROY", RMI_DATA_DESTROY},
  {"REALM_ACTIVATE", RMI_REALM_ACTIVATE}, {"REALM_CREATE", RMI_REALM_CREATE}, {"REALM_DESTROY", RMI_REALM_DESTROY},
  {"REC_CREATE", RMI_REC_CREATE}, {"REC_DESTROY", RMI_REC_DESTROY}, {"REC_ENTER", RMI_REC_ENTER}, {"RTT_CREATE", RMI_RTT_CREATE},
  {"RTT_DESTROY", RMI_RTT_DESTROY}, {"RTT_MAP_UNPROTECTED", RMI_RTT_MAP_UNPROTECTED}, {"RTT_READ_ENTRY", RMI_RTT_READ_ENTRY},
  {"RTT_UNMAP_UNPROTECTED", RMI_RTT_UNMAP_UNPROTECTED}, {"PSCI_COMPLETE", RMI_PSCI_COMPLETE}, {"FEATURES", RMI_FEATURES},
  {"RTT_FOLD", RMI_RTT_FOLD}, {"REC_AUX_COUNT", RMI_REC_AUX_COUNT}, {"RTT_INIT_RIPAS", RMI_RTT_INIT_RIPAS},
  {"RTT_SET_RIPAS", RMI_RTT_SET_RIPAS}, {"MEC_SET_SHARED", RMI_MEC_SET_SHARED}, {"MEC_SET_PRIVATE", RMI_MEC_SET_PRIVATE},
};
static const char *const statuses[] = {"SUCCESS", "ERROR_INPUT", "ERROR_REALM", "ERROR_REC", "ERROR_RTT", "ERROR_NOT_SUPPORTED"};

int command_rmi(int argc, char **argv) {
  u64 function = 0, arguments[6] = {0};
  if (argc > 1) {
    for (u32 i = 0; i < ARRAY_SIZE(rmi_names); i++)
      if (strcmp(rmi_names[i].name, argv[1]) == 0 || (strncmp(argv[1], "RMI_", 4) == 0 && strcmp(rmi_names[i].name, argv[1] + 4) == 0))
        function = RMI_FID(rmi_names[i].command);
    if (!function && !text_number(argv[1], &function, NULL))
      argc = 1;
  }
  for (int i = 2; i < argc && i < 8; i++)
    if (!text_number(argv[i], &arguments[i - 2], NULL))
      argc = 1;
  if (argc < 2) {
    tprintf("usage: rmi NAME|FID [ARGUMENT...] (numbers, 0x... for base 16); names:\n");
    for (u32 i = 0; i < ARRAY_SIZE(rmi_names); i++)
      tprintf("  %-24s%s", rmi_names[i].name, i % 3 == 2 ? "\n" : "");
    tprintf("\n");
    return 2;
  }
  /* Realm memory that is named by mistake is RMM's to refuse; PSCI and others have commands of their own. */
  if (function < RMI_FID(0) || function > RMI_FID(0x3f)) {
    tprintf("rmi: 0x%lx is not a call of the Realm Management Interface\n", function);
    return 2;
  }
  struct smc_result result;
  u64 status = smc(function, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], 0, &result);
  u64 code = RMI_STATUS(status);
  if (status == SMC_NOT_SUPPORTED)
    tprintf("not supported\n");
  else
    tprintf("RMI_%s", code < ARRAY_SIZE(statuses) ? statuses[code] : "?");
  if (status != SMC_NOT_SUPPORTED) {
    if (RMI_INDEX(status))
      tprintf(" index %lu", RMI_INDEX(status));
    tprintf("  x1 %lx  x2 %lx  x3 %lx  x4 %lx\n", result.x[1], result.x[2], result.x[3], result.x[4]);
  }
  return status ? 1 : 0;
}

static const char *fault_name(u64 esr) {
  u64 code = esr & 0x3f;
  if (code == 0x28)
    return "granule protection fault";
  if (code >= 0x23 && code <= 0x27)
    return "granule protection fault on a table walk";
  if (code == 0x10)
    return "synchronous External abort";
  if ((code & 0x3c) == 4)
    return "translation fault";
  return "fault";
}

/* Bytes as they lie in memory, and what of them can be read. */
static void dump(const void *memory, u32 size) {
  const u8 *bytes = memory;
  for (u32 line = 0; line < size; line += 16) {
    tprintf("  %02x ", line);
    for (u32 i = 0; i < 16; i++)
      tprintf(" %02x", bytes[line + i]);
    tprintf("  |");
    for (u32 i = 0; i < 16; i++)
      tprintf("%c", bytes[line + i] >= ' ' && bytes[line + i] < 127 ? bytes[line + i] : '.');
    tprintf("|\n");
  }
}

static int attack_dma(bool write, u64 pa) {
  u8 seen[512];
  const char *why = dma_attack(write, ALIGN_DOWN(pa, sizeof seen), seen);
  tprintf("DMA %s 0x%lx: %s\n", write ? "write to" : "read of", pa, why ? why : "not refused");
  if (!why && !write)
    dump(seen, 128);
  return why ? 1 : 0;
}

static int attack_cpu(bool write, u64 pa) {
  u64 esr = 0, words[16];
  for (u32 i = 0; i < ARRAY_SIZE(words); i++)
    if (!(write ? probe_write(pa + 8 * i, 0x4141414141414141, &esr) : probe_read(pa + 8 * i, &words[i], &esr))) {
      tprintf("%s 0x%lx: %s (ESR_EL2 0x%lx, FAR_EL2 0x%lx)\n", write ? "write to" : "read of", pa + 8 * i, fault_name(esr), esr,
              read_sysreg(far_el2));
      return 1;
    }
  tprintf("%s 0x%lx: not refused\n", write ? "write to" : "read of", pa);
  if (!write)
    dump(words, sizeof words);
  return 0;
}

/* RMM keeps the first two contexts to itself: what the host calls N is N + 2 in registers (rmm/mec.c). */
enum { RMM_CONTEXTS = 2 };

/* The monitor does it, if the machine was started so that it may. */
static int attack_monitor(u64 pa, u64 how, u64 mecid) {
  u64 words[16];
  for (u32 i = 0; i < ARRAY_SIZE(words); i += 4) {
    struct smc_result result;
    u64 status = smc(TRIREME_INSPECT, pa + 8 * i, how, how == INSPECT_REALM && has_mec() ? mecid + RMM_CONTEXTS : 0, 0, 0, 0, 0, &result);
    if (status == SMC_NOT_SUPPORTED) {
      tprintf("the monitor does not help (boot --inspect, or -fw_cfg name=opt/trireme/inspect,string=on)\n");
      return 1;
    }
    if (status) {
      tprintf("the monitor refuses: 0x%lx is not memory of a realm, or there is no such MECID\n", pa);
      return 1;
    }
    memcpy(words + i, result.x + 1, 32);
  }
  if (how == INSPECT_UNCHECKED)
    tprintf("read of 0x%lx as Non-secure, past granule protection:\n", pa);
  else
    tprintf("read of 0x%lx as Realm, MECID %lu:\n", pa, mecid);
  dump(words, sizeof words);
  return 0;
}

static int attack_usage(void) {
  tprintf("usage: attack read|write NAME|ADDRESS [dma]      by this core, or by a disk\n"
          "       attack read NAME|ADDRESS unchecked        by the monitor, past granule protection\n"
          "       attack read NAME|ADDRESS mecid N          by the monitor, with an encryption context\n"
          "NAME: a realm (lkvm list), its first page of memory. ADDRESS: physical.\n");
  return 2;
}

int command_attack(int argc, char **argv) {
  u64 pa = 0, mecid = 0;
  if (argc < 3)
    return attack_usage();
  bool write = strcmp(argv[1], "write") == 0;
  const char *way = argc > 3 ? argv[3] : "cpu";
  bool unchecked = strcmp(way, "unchecked") == 0, as_realm = strcmp(way, "mecid") == 0, dma = strcmp(way, "dma") == 0;
  if ((!write && strcmp(argv[1], "read") != 0) || (write && (unchecked || as_realm)) ||
      (as_realm && (argc < 5 || !text_number(argv[4], &mecid, NULL))) || (argc > 3 && !unchecked && !as_realm && !dma))
    return attack_usage();
  struct vm *vm = vm_find(argv[2]);
  if (vm && vm->realm) {
    pa = realm_page(vm, vm->entry);
    tprintf("realm %s: IPA 0x%lx is the granule at PA 0x%lx\n", vm->name, vm->entry, pa);
  } else if (vm || !text_number(argv[2], &pa, NULL)) {
    tprintf("attack: %s is neither a realm that runs nor an address\n", argv[2]);
    return 2;
  }
  if (dma)
    return attack_dma(write, pa);
  if (unchecked || as_realm)
    return attack_monitor(ALIGN_DOWN(pa, 32), as_realm ? INSPECT_REALM : INSPECT_UNCHECKED, mecid);
  return attack_cpu(write, ALIGN_DOWN(pa, 8));
}
