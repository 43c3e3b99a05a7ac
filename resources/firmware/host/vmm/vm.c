/* Virtual machines of both kinds: their life, memory, cores, devices. */
#include "vmm.h"

#include "../fs.h"
#include "smccc.h"

static struct vm *vms[MAX_VMS];
static spinlock vms_lock;
#define SLICE_US 5000

void vmm_init(void) {
  klog("kvm: VMID %u bits, IPA limit 39 bits", FIELD(read_sysreg(id_aa64mmfr1_el1), 7, 4) == 2 ? 16 : 8);
  klog("kvm: GICv3 virtualisation with %u list registers", vgic_list_registers());
}

void vms_each(void (*visit)(struct vm *vm)) {
  for (u32 i = 0; i < MAX_VMS; i++)
    if (vms[i])
      visit(vms[i]);
}

bool vms_contain(const struct vm *vm) {
  for (u32 i = 0; i < MAX_VMS; i++)
    if (vms[i] == vm)
      return true;
  return false;
}

struct vm *vm_find(const char *name) {
  for (u32 i = 0; i < MAX_VMS; i++)
    if (vms[i] && (strcmp(vms[i]->name, name) == 0 || strcmp(vms[i]->tty->name, name) == 0))
      return vms[i];
  return NULL;
}

void vcpu_kick(struct vcpu *vcpu) {
  /* What the vCPU is to see was stored before; vcpu_main looks for it after it has stored where it runs. */
  dmb(ish);
  struct cpu *cpu = vcpu->running;
  if (vcpu->task)
    task_unpark(vcpu->task);
  if (cpu && cpu != this_cpu())
    gic_kick(cpu);
}

void vm_stop(struct vm *vm, enum vm_end why) {
  enum vm_end expected = VM_RUNS;
  __atomic_compare_exchange_n(&vm->end, &expected, why, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  for (u32 i = 0; i < vm->vcpu_count; i++)
    vcpu_kick(&vm->vcpus[i]);
  if (vm->owner)
    task_unpark(vm->owner);
}

void vmm_stop_all(void) {
  for (u32 tries = 0; tries < 300; tries++) {
    bool any = false;
    for (u32 i = 0; i < MAX_VMS; i++)
      if (vms[i]) {
        any = true;
        vm_stop(vms[i], VM_STOPPED);
      }
    if (!any)
      return;
    task_sleep_us(10000);
  }
}

bool vm_mmio(struct vcpu *vcpu, u64 ipa, u32 size, bool write, u64 *value) {
  return vgic_access(vcpu, ipa, size, write, value) || vuart_access(vcpu, ipa, size, write, value) ||
         vblock_access(vcpu, ipa, size, write, value);
}

bool vcpu_power_on(struct vcpu *vcpu, u64 entry, u64 argument) {
  if (__atomic_exchange_n(&vcpu->starting, true, __ATOMIC_ACQUIRE))
    return false;
  bool was_off = !vcpu->on;
  if (was_off) {
    if (!vcpu->vm->realm)
      normal_vcpu_reset(vcpu, entry, argument);
    __atomic_store_n(&vcpu->on, true, __ATOMIC_RELEASE);
  }
  __atomic_store_n(&vcpu->starting, false, __ATOMIC_RELEASE);
  if (was_off)
    vcpu_kick(vcpu);
  return was_off;
}

void vcpu_wait(struct vcpu *vcpu) {
  struct vm *vm = vcpu->vm;
  if (vgic_pending(vcpu) || now() >= vcpu->vtimer_deadline)
    return;
  if (!vm->realm)
    normal_vcpu_put(vcpu);
  vcpu->running = NULL;
  while (vm->end == VM_RUNS && vcpu->on && !vgic_pending(vcpu) && now() < vcpu->vtimer_deadline)
    task_park(vcpu->vtimer_deadline);
}

static void leave_core(struct vcpu *vcpu) {
  if (!vcpu->vm->realm)
    normal_vcpu_put(vcpu);
  vcpu->running = NULL;
  this_cpu()->in_guest = false;
}

/* One vCPU's task. */
static void vcpu_main(void *argument) {
  struct vcpu *vcpu = argument;
  struct vm *vm = vcpu->vm;
  u64 slice_end = 0;
  while (vm->end == VM_RUNS) {
    if (!vcpu->on) {
      leave_core(vcpu);
      task_park(NEVER);
      continue;
    }
    if (tasks_waiting() && now() >= slice_end) {
      leave_core(vcpu);
      task_yield();
      slice_end = now() + microseconds(SLICE_US);
    }
    struct cpu *cpu = this_cpu();
    vcpu->running = cpu;
    cpu->in_guest = true;
    dmb(ish);
    timer_program(tasks_waiting() ? slice_end : NEVER);
    if (vm->end != VM_RUNS)
      break;
    vcpu->exits++;
    if (vm->realm)
      realm_vcpu_run(vcpu);
    else
      normal_vcpu_run(vcpu);
    irq_poll();
    if (vcpu->waits && vm->end == VM_RUNS)
      vcpu_wait(vcpu);
  }
  leave_core(vcpu);
  vcpu->ended = true;
  if (vm->owner)
    task_unpark(vm->owner);
}

struct vm *vm_create(const struct launch *launch) {
  struct vm *vm = heap_alloc(sizeof *vm);
  memset(vm, 0, sizeof *vm);
  snprintf(vm->name, sizeof vm->name, "%s", launch->name);
  vm->realm = launch->realm;
  vm->restricted = launch->restricted;
  vm->debug = launch->debug;
  vm->vcpu_count = (u32)launch->cpus;
  vm->ram_size = launch->memory;
  vm->chunk_count = ALIGN_UP(vm->ram_size, CHUNK_SIZE) / CHUNK_SIZE;
  vm->chunks = heap_alloc(vm->chunk_count * sizeof *vm->chunks);
  memset(vm->chunks, 0, vm->chunk_count * sizeof *vm->chunks);
  vm->tty = task_self()->tty;
  vm->owner = task_self();
  vm->started_us = uptime_us();
  vm->rme.mecid = NO_MECID;
  vm->rme.ipa_bits = 33;
  while (GUEST_RAM_BASE + vm->ram_size > 1UL << (vm->rme.ipa_bits - 1))
    vm->rme.ipa_bits++;
  for (u32 i = 0; i < vm->vcpu_count; i++) {
    vm->vcpus[i].vm = vm;
    vm->vcpus[i].index = i;
    vm->vcpus[i].vtimer_deadline = NEVER;
  }
  spin_lock(&vms_lock);
  u32 slot = 0;
  while (slot < MAX_VMS && vms[slot])
    slot++;
  if (slot < MAX_VMS)
    vms[slot] = vm;
  spin_unlock(&vms_lock);
  if (slot == MAX_VMS) {
    tprintf("  Fatal: %u guests run already\n", MAX_VMS);
    heap_free(vm->chunks);
    heap_free(vm);
    return NULL;
  }
  vm->vmid = (u16)(slot + 1);
  vm->rme.vmid = vm->vmid;
  vgic_init(vm);
  if (!vm->realm)
    normal_setup(vm);
  if (launch->disk) {
    vm->disk = vblock_create(vm, launch->disk);
    if (!vm->disk) {
      vm_destroy(vm);
      return NULL;
    }
  }
  if (!vm_load(vm, launch)) {
    vm_destroy(vm);
    return NULL;
  }
  return vm;
}

/* Ctrl+A x ends the machine, as in kvmtool; in a screen session the first Ctrl+A must be typed twice. */
static bool forward(struct vm *vm, char character, bool *prefix) {
  if (*prefix) {
    *prefix = false;
    if (character == 'x') {
      tprintf("\n  # KVM session terminated.\n");
      vm_stop(vm, VM_STOPPED);
      return true;
    }
    if (character != 1)
      vuart_input(vm, 1);
  } else if (character == 1) {
    *prefix = true;
    return true;
  }
  return vuart_input(vm, character);
}

static bool all_ended(const struct vm *vm) {
  for (u32 i = 0; i < vm->vcpu_count; i++)
    if (!vm->vcpus[i].ended)
      return false;
  return true;
}

enum vm_end vm_run(struct vm *vm) {
  bool prefix = false;
  char name[24];
  for (u32 i = 0; i < vm->vcpu_count; i++) {
    snprintf(name, sizeof name, "kvm-vcpu-%u", i);
    struct task *task = task_create(name, vcpu_main, &vm->vcpus[i]);
    if (!task) {
      vm->vcpus[i].ended = true;
      vm_stop(vm, VM_FAILED);
      continue;
    }
    vm->vcpus[i].task = task;
  }
  vcpu_power_on(&vm->vcpus[0], vm->entry, vm->fdt);
  vm->tty->reader = task_self();
  while (!all_ended(vm)) {
    /* What the guest has no room for stays in the terminal. */
    while (vm->end == VM_RUNS && tty_has_input(vm->tty) && vm->uarts[0].write - vm->uarts[0].read < sizeof vm->uarts[0].input - 1)
      forward(vm, (char)tty_read(vm->tty, 0), &prefix);
    task_park(NEVER);
  }
  vm->tty->interrupted = false;
  return vm->end;
}

void vm_destroy(struct vm *vm) {
  if (vm->realm)
    realm_teardown(vm);
  else
    normal_teardown(vm);
  for (u64 i = 0; i < vm->chunk_count; i++)
    if (vm->chunks[i])
      pages_free((void *)vm->chunks[i], CHUNK_SIZE / PAGE_SIZE);
  spin_lock(&vms_lock);
  for (u32 i = 0; i < MAX_VMS; i++)
    if (vms[i] == vm)
      vms[i] = NULL;
  spin_unlock(&vms_lock);
  vblock_destroy(vm->disk);
  heap_free(vm->chunks);
  heap_free(vm);
}

static void show_realm(struct vm *vm) {
  if (!vm->realm)
    return;
  tprintf("%-16s rd 0x%lx vmid %u ipa %u bits", vm->name, vm->rme.rd, vm->rme.vmid, vm->rme.ipa_bits);
  if (vm->rme.mecid != NO_MECID)
    tprintf(" mecid %lu (%s)", vm->rme.mecid, vm->rme.shared_mec ? "shared" : "private");
  tprintf("\n");
}

void vmm_list_realms(void) {
  vms_each(show_realm);
}
