/* lkvm, with kvmtool's options. */
#include "../fs.h"
#include "../shell.h"
#include "vmm.h"

static int help(void) {
  tprintf("usage: lkvm run [options]       starts a guest; Ctrl+A x (in screen: Ctrl+A a x) ends it\n"
          "       lkvm list               shows guests\n"
          "       lkvm stop -n NAME | -a  ends one or all\n\n"
          "  -k, --kernel FILE      kernel (arm64 Image)\n"
          "  -i, --initrd FILE      ramdisk\n"
          "  -d, --disk FILE        disk image, for the guest /dev/vda\n"
          "  -m, --mem SIZE         memory in MB, or with K, M, G behind it (default 256)\n"
          "  -c, --cpus N           cores, 1 - %u (default 1)\n"
          "  -p, --params TEXT      kernel command line\n"
          "      --nodefaults       with nothing added to it\n"
          "  -n, --name NAME\n"
          "      --realm            a realm\n"
          "      --restricted_mem   the realm's memory is not the host's (always so here)\n"
          "      --shared-mec ID    share this encryption context with others that name it\n"
          "      --realm-pv TEXT    personalization value; --measurement-algo sha256|sha512\n"
          "      --debug            dmesg shows each exit of a realm\n"
          "      --irqchip gicv3, --console serial: what there is\n",
          MAX_VCPUS);
  return 0;
}

static bool size_option(const char *text, u64 *bytes) {
  const char *end;
  if (!text_number(text, bytes, &end))
    return false;
  u64 shift = 20;
  switch (*end | 0x20) {
  case 'k':
    shift = 10;
    break;
  case 'g':
    shift = 30;
    break;
  case 'm':
  case ' ':
    break;
  default:
    return false;
  }
  *bytes <<= shift;
  return true;
}

static int bad(const char *option, const char *value) {
  tprintf("  Fatal: %s %s: lkvm run --help shows what is taken\n", option, value ? value : "needs a value");
  return 1;
}

/* Accepts --name value and --name=value. */
static bool is_option(const char *word, const char *shorter, const char *longer, const char **value) {
  *value = NULL;
  if (shorter && strcmp(word, shorter) == 0)
    return true;
  size_t length = strlen(longer);
  if (strncmp(word, longer, length) != 0)
    return false;
  if (word[length] == '=')
    *value = word + length + 1;
  return word[length] == 0 || word[length] == '=';
}

static int run(int argc, char **argv) {
  struct launch launch = {.memory = 256UL << 20, .cpus = 1};
  char name[32];
  snprintf(name, sizeof name, "guest-%u", task_self()->id);
  launch.name = name;
  u64 number;
  for (int i = 2; i < argc; i++) {
    const char *word = argv[i], *value;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
      return help();
    if (strcmp(word, "--realm") == 0)
      launch.realm = true;
    else if (strcmp(word, "--restricted_mem") == 0 || strcmp(word, "--restricted-mem") == 0)
      launch.restricted = true;
    else if (strcmp(word, "--debug") == 0)
      launch.debug = true;
    else if (strcmp(word, "--nodefaults") == 0)
      launch.nodefaults = true;
    else if (strcmp(word, "--no-pvtime") == 0 || strcmp(word, "--pmu") == 0 || strcmp(word, "--disable-sve") == 0)
      continue;
    else {
      static const struct {
        const char *shorter, *longer;
      } options[] = {{"-k", "--kernel"}, {"-i", "--initrd"}, {"-d", "--disk"}, {"-m", "--mem"}, {"-c", "--cpus"}, {"-p", "--params"},
                     {"-n", "--name"}, {NULL, "--shared-mec"}, {NULL, "--irqchip"}, {NULL, "--console"}, {NULL, "--measurement-algo"},
                     {NULL, "--realm-pv"}, {NULL, "--firmware"}, {NULL, "--network"}, {"-f", "--file"}};
      u32 which = 0;
      while (which < ARRAY_SIZE(options) && !is_option(word, options[which].shorter, options[which].longer, &value))
        which++;
      if (which == ARRAY_SIZE(options))
        return bad("unknown option", word);
      if (!value && i + 1 < argc)
        value = argv[++i];
      if (!value)
        return bad(word, NULL);
      switch (which) {
      case 0:
        launch.kernel = value;
        break;
      case 1:
        launch.initrd = value;
        break;
      case 2:
        launch.disk = value;
        break;
      case 3:
        if (!size_option(value, &launch.memory) || launch.memory < 4UL << 20 || launch.memory > 64UL << 30)
          return bad("--mem", value);
        break;
      case 4:
        if (!text_number(value, &launch.cpus, NULL) || !launch.cpus || launch.cpus > MAX_VCPUS)
          return bad("--cpus", value);
        break;
      case 5:
        launch.params = value;
        break;
      case 6:
        launch.name = value;
        break;
      case 7:
        if (!text_number(value, &number, NULL) || number > 65535)
          return bad("--shared-mec", value);
        launch.shared_mec = true;
        launch.mecid = number;
        break;
      case 8:
        if (strcmp(value, "gicv3") != 0)
          return bad("--irqchip", value);
        break;
      case 9:
        if (strcmp(value, "serial") != 0)
          return bad("--console", value);
        break;
      case 10:
        if (strcmp(value, "sha256") != 0 && strcmp(value, "sha512") != 0)
          return bad("--measurement-algo", value);
        launch.measurement_sha512 = strcmp(value, "sha512") == 0;
        break;
      case 11:
        launch.rpv = value;
        break;
      case 13:
        break;
      default:
        return bad("not offered by this host:", word);
      }
    }
  }
  if (!launch.kernel)
    return bad("--kernel", NULL);
  if (vm_find(launch.name)) {
    tprintf("  Fatal: a guest named %s runs already\n", launch.name);
    return 1;
  }
  if (launch.realm && !realms_available()) {
    tprintf("  Fatal: this host has no RMM, so that no realms can be made\n");
    return 1;
  }
  launch.memory = ALIGN_UP(launch.memory, CHUNK_SIZE);
  if (launch.memory > pages_total() * PAGE_SIZE) {
    tprintf("  Fatal: %lu MB are more than this host has (free shows how much)\n", launch.memory >> 20);
    return 1;
  }
  tprintf("  Info: # lkvm run -k %s -m %lu -c %lu --name %s\n", launch.kernel, launch.memory >> 20, launch.cpus, launch.name);
  struct vm *vm = vm_create(&launch);
  if (!vm)
    return 1;
  enum vm_end end = vm_run(vm);
  vm_destroy(vm);
  if (end == VM_FAILED) {
    tprintf("\n  # KVM compatibility error: the guest could not go on.\n");
    return 1;
  }
  if (end != VM_STOPPED)
    tprintf("\n  # KVM session ended normally.\n");
  return 0;
}

static void list_vm(struct vm *vm) {
  tprintf("%5u  %-20s %-8s %4u %7lu MB  %s", vm->owner->id, vm->name, "running", vm->vcpu_count, vm->ram_size >> 20, vm->realm ? "realm" : "normal");
  if (vm->realm && vm->rme.mecid != NO_MECID)
    tprintf("  MECID %lu%s", vm->rme.mecid, vm->rme.shared_mec ? " (shared)" : "");
  tprintf("\n");
}

static int stop(int argc, char **argv) {
  const char *name = NULL;
  bool all = false;
  for (int i = 2; i < argc; i++)
    if (strcmp(argv[i], "-a") == 0 || strcmp(argv[i], "--all") == 0)
      all = true;
    else if ((strcmp(argv[i], "-n") == 0 || strcmp(argv[i], "--name") == 0) && i + 1 < argc)
      name = argv[++i];
    else
      name = argv[i];
  if (all) {
    vmm_stop_all();
    return 0;
  }
  struct vm *vm = name ? vm_find(name) : NULL;
  if (!vm) {
    tprintf("  Fatal: no guest %s runs (lkvm list)\n", name ? name : "was named, or none");
    return 1;
  }
  vm_stop(vm, VM_STOPPED);
  /* Its memory is the host's again when this comes back. */
  u64 end = uptime_us() + 60000000;
  while (vms_contain(vm) && uptime_us() < end)
    task_sleep_us(1000);
  return vms_contain(vm) ? 1 : 0;
}

int command_lkvm(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "run") == 0)
    return run(argc, argv);
  if (argc > 1 && strcmp(argv[1], "list") == 0) {
    tprintf("%5s  %-20s %-8s %4s %10s  %s\n", "PID", "NAME", "STATE", "CPUS", "MEMORY", "KIND");
    vms_each(list_vm);
    return 0;
  }
  if (argc > 1 && strcmp(argv[1], "stop") == 0)
    return stop(argc, argv);
  return help();
}
