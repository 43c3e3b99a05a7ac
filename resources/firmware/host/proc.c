/* /proc: views that are made when they are read. */
#include "fs.h"
#include "tty.h"
#include "vmm/vmm.h"

static void show_version(void) {
  tprintf("Trireme host version " HOST_VERSION " (EL2, GCC " __VERSION__ ")\n");
}

static void show_meminfo(void) {
  tprintf("MemTotal:       %8lu kB\nMemFree:        %8lu kB\nRealmMemory:    %8lu kB\n", pages_total() * 4,
          (pages_total() - pages_used()) * 4, realm_pages() * 4);
}

static void show_cpuinfo(void) {
  for (u32 i = 0; i < machine.cpus; i++)
    tprintf("processor\t: %u\nmpidr\t\t: 0x%010lx\nmidr\t\t: 0x%08lx\nonline\t\t: %u\ninterrupts\t: %lu\n\n", i, machine.cpu_mpidr[i],
            read_sysreg(midr_el1), cpus[i].online, cpus[i].interrupts);
}

static void show_iomem(void) {
  struct entry {
    struct range range;
    const char *name;
  } entries[64];
  u32 count = 0;
  entries[count++] = (struct entry){machine.distributor, "GICD"};
  entries[count++] = (struct entry){machine.redistributors, "GICR"};
  entries[count++] = (struct entry){{machine.uart, 0x1000}, "pl011"};
  for (u32 i = 0; i < machine.virtios && count < 48; i++)
    entries[count++] = (struct entry){machine.virtio[i], "virtio_mmio"};
  for (u32 i = 0; i < machine.memories; i++)
    entries[count++] = (struct entry){machine.memory[i], "System RAM"};
  for (u32 i = 0; i < machine.reserveds; i++)
    entries[count++] = (struct entry){machine.reserved[i], "  reserved (Realm: RMM)"};
  extern const u8 __host_start[], __host_end[];
  entries[count++] = (struct entry){{(u64)__host_start, (u64)(__host_end - __host_start)}, "  Host code and data"};
  for (u32 done = 0; done < count; done++) {
    u32 best = count;
    for (u32 i = 0; i < count; i++)
      if (entries[i].range.size && (best == count || entries[i].range.base < entries[best].range.base))
        best = i;
    if (best == count)
      break;
    tprintf("%08lx-%08lx : %s\n", entries[best].range.base, entries[best].range.base + entries[best].range.size - 1, entries[best].name);
    entries[best].range.size = 0;
  }
}

static void show_interrupts(void) {
  tprintf("core  interrupts\n");
  for (u32 i = 0; i < machine.cpus; i++)
    tprintf("%4u  %10lu\n", i, cpus[i].interrupts);
}

static void show_uptime(void) {
  u64 time = uptime_us();
  tprintf("%lu.%02lu\n", time / 1000000, time / 10000 % 100);
}

static void show_cmdline(void) {
  tprintf("%s\n", machine.bootargs);
}

static const struct {
  const char *name;
  void (*show)(void);
} files[] = {
  {"version", show_version},       {"meminfo", show_meminfo}, {"cpuinfo", show_cpuinfo}, {"iomem", show_iomem},
  {"interrupts", show_interrupts}, {"uptime", show_uptime},   {"cmdline", show_cmdline}, {"mounts", fs_mounts},
  {"realms", vmm_list_realms},
};

void proc_init(struct node *proc) {
  for (u32 i = 0; i < ARRAY_SIZE(files); i++)
    fs_add(proc, files[i].name, NODE_FILE)->show = files[i].show;
}
