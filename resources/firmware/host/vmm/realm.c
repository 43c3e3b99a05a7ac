/* Realms: granules, tables, measured content, cores, exits, by calls of the Realm Management Interface (DEN0137). */
#include "el2.h"
#include "smccc.h"
#include "vmm.h"

#define LEVEL_PAGE 3
#define ICC_SGI1R SYSREG(3, 0, 12, 11, 5)
/* Stage 2 attributes a host may name for what it shares: normal write-back by FWB, read and write. */
#define UNPROTECTED_ATTRIBUTES (6UL << 2 | 3UL << 6 | 3UL << 8)
#define DATA_MEASURE 1UL
#define NO_MECID (~0UL)

static bool available;
static u64 abi, feature0, max_mecid;
static u64 delegated;
static u8 mecid_users[65536 / 8];
static u64 shared_context, shared_context_users;
static spinlock mecid_lock;

static u64 rmi(u32 command, u64 a, u64 b, u64 c, u64 d, u64 e, struct smc_result *result) {
  return smc(RMI_FID(command), a, b, c, d, e, 0, 0, result);
}

void realms_init(const struct smc_result *version) {
  struct smc_result result;
  if (version->x[0] != RMI_SUCCESS) {
    klog("rmi: RMM's ABI %lu.%lu - %lu.%lu is not known here", VERSION_MAJOR(version->x[1]), VERSION_MINOR(version->x[1]),
         VERSION_MAJOR(version->x[2]), VERSION_MINOR(version->x[2]));
    return;
  }
  abi = version->x[2];
  rmi(RMI_FEATURES, 0, 0, 0, 0, 0, &result);
  feature0 = result.x[1];
  if (abi >= RMI_ABI_1_1 && rmi(RMI_FEATURES, 1, 0, 0, 0, 0, &result) == RMI_SUCCESS)
    max_mecid = result.x[1];
  available = true;
  klog("kvm: RMI ABI version %lu.%lu", VERSION_MAJOR(abi), VERSION_MINOR(abi));
  klog("kvm: realms: IPA %lu bits, %lu list registers, %s", FIELD(feature0, 7, 0), FIELD(feature0, 37, 34) + 1,
       max_mecid ? "memory encryption contexts" : "no memory encryption contexts");
  if (max_mecid)
    klog("kvm: MECIDs 0 - %lu", max_mecid);
}

bool realms_available(void) {
  return available;
}

u64 realm_pages(void) {
  return delegated;
}

static bool say(const char *what, u64 status) {
  tprintf("  Fatal: RMI %s: status %lu, index %lu\n", what, RMI_STATUS(status), RMI_INDEX(status));
  return false;
}

/* A page given to the Realm world; 0: none to be had. RMM clears what a realm gets to see. */
static u64 granule_alloc(void) {
  u64 page = (u64)pages_alloc(1, 1);
  if (!page)
    return 0;
  u64 status = rmi(RMI_GRANULE_DELEGATE, page, 0, 0, 0, 0, NULL);
  if (status) {
    say("GRANULE_DELEGATE", status);
    pages_free((void *)page, 1);
    return 0;
  }
  __atomic_fetch_add(&delegated, 1, __ATOMIC_RELAXED);
  return page;
}

static void granule_free(u64 page) {
  u64 status = rmi(RMI_GRANULE_UNDELEGATE, page, 0, 0, 0, 0, NULL);
  /* A granule that RMM keeps is lost to the host, never reused. */
  if (status) {
    say("GRANULE_UNDELEGATE", status);
    return;
  }
  __atomic_fetch_sub(&delegated, 1, __ATOMIC_RELAXED);
  pages_free((void *)page, 1);
}

static u64 level_size(u32 level) {
  return 1UL << (12 + 9 * (3 - level));
}

static bool rtt_create(struct realm_state *r, u64 ipa, u32 level) {
  u64 page = granule_alloc();
  if (!page)
    return false;
  u64 base = ALIGN_DOWN(ipa, level_size(level - 1));
  u64 status = rmi(RMI_RTT_CREATE, r->rd, page, base, level, 0, NULL);
  if (status) {
    granule_free(page);
    return say("RTT_CREATE", status);
  }
  struct rtt *table = heap_alloc(sizeof *table);
  *table = (struct rtt){r->tables, page, base, level};
  r->tables = table;
  return true;
}

/* A walk ended above where it should: one more table, or a true error. */
static bool deepen(struct realm_state *r, u64 ipa, u64 status, u32 wanted, const char *what) {
  u32 level = (u32)RMI_INDEX(status);
  if (RMI_STATUS(status) != RMI_ERROR_RTT || level >= wanted)
    return say(what, status);
  return rtt_create(r, ipa, level + 1);
}

static bool init_ripas(struct realm_state *r, u64 base, u64 top) {
  struct smc_result result;
  while (base < top) {
    u64 status = rmi(RMI_RTT_INIT_RIPAS, r->rd, base, top, 0, 0, &result);
    if (status == RMI_SUCCESS)
      base = result.x[1];
    else if (!deepen(r, base, status, LEVEL_PAGE, "RTT_INIT_RIPAS"))
      return false;
  }
  return true;
}

static u64 *data_slot(struct vm *vm, u64 ipa) {
  return &vm->rme.data[(ipa - GUEST_RAM_BASE) / PAGE_SIZE];
}

u64 realm_page(const struct vm *vm, u64 ipa) {
  return vm->realm && ipa >= GUEST_RAM_BASE && ipa - GUEST_RAM_BASE < vm->ram_size ? vm->rme.data[(ipa - GUEST_RAM_BASE) / PAGE_SIZE] : 0;
}

/* Gives the realm a granule: with the host page's content, measured (before activation), or zeroed (source 0). */
static bool data_create(struct vm *vm, u64 ipa, u64 source) {
  struct realm_state *r = &vm->rme;
  u64 page = granule_alloc();
  if (!page)
    return false;
  for (;;) {
    u64 status = source ? rmi(RMI_DATA_CREATE, r->rd, page, ipa, source, DATA_MEASURE, NULL)
                        : rmi(RMI_DATA_CREATE_UNKNOWN, r->rd, page, ipa, 0, 0, NULL);
    if (status == RMI_SUCCESS)
      break;
    if (!deepen(r, ipa, status, LEVEL_PAGE, source ? "DATA_CREATE" : "DATA_CREATE_UNKNOWN")) {
      granule_free(page);
      return false;
    }
  }
  *data_slot(vm, ipa) = page;
  return true;
}

static bool mecid_choose(struct realm_state *r, const struct launch *launch) {
  r->mecid = NO_MECID;
  if (!max_mecid) {
    if (launch->shared_mec && launch->mecid) {
      tprintf("  Fatal: --shared-mec %lu: this machine has no memory encryption contexts (FEAT_MEC)\n", launch->mecid);
      return false;
    }
    return true;
  }
  bool done = true;
  spin_lock(&mecid_lock);
  if (launch->shared_mec) {
    if (launch->mecid != shared_context) {
      done = launch->mecid <= max_mecid && !shared_context_users &&
             rmi(RMI_MEC_SET_PRIVATE, shared_context, 0, 0, 0, 0, NULL) == RMI_SUCCESS;
      if (done) {
        u64 old = shared_context;
        shared_context = launch->mecid;
        done = rmi(RMI_MEC_SET_SHARED, shared_context, 0, 0, 0, 0, NULL) == RMI_SUCCESS;
        if (!done && rmi(RMI_MEC_SET_SHARED, old, 0, 0, 0, 0, NULL) == RMI_SUCCESS)
          shared_context = old;
      }
    }
    if (done) {
      r->mecid = shared_context;
      r->shared_mec = true;
      shared_context_users++;
    }
  } else {
    u64 id = 0;
    while (id <= max_mecid && ((mecid_users[id / 8] >> (id % 8) & 1) || id == shared_context))
      id++;
    done = id <= max_mecid;
    if (done) {
      mecid_users[id / 8] |= (u8)(1 << (id % 8));
      r->mecid = id;
    }
  }
  spin_unlock(&mecid_lock);
  if (!done)
    tprintf("  Fatal: no encryption context: realms share MECID %lu now, the highest is %lu\n", shared_context, max_mecid);
  return done;
}

static void mecid_release(struct realm_state *r) {
  if (r->mecid == NO_MECID)
    return;
  spin_lock(&mecid_lock);
  if (r->shared_mec)
    shared_context_users--;
  else
    mecid_users[r->mecid / 8] &= (u8)~(1 << (r->mecid % 8));
  spin_unlock(&mecid_lock);
  r->mecid = NO_MECID;
}

static bool create_realm(struct vm *vm, const struct launch *launch) {
  struct realm_state *r = &vm->rme;
  struct rmi_realm_params *params = pages_alloc(1, 1);
  zero(params, PAGE_SIZE);
  r->rd = granule_alloc();
  /* 33 bits from level 1 take one table; wider spaces (much memory) need no more up to 39. */
  r->start_tables = 1;
  r->start_rtt = granule_alloc();
  if (!params || !r->rd || !r->start_rtt)
    return false;
  params->s2sz = r->ipa_bits;
  params->hash_algo = launch->measurement_sha512 ? RMI_HASH_SHA512 : RMI_HASH_SHA256;
  params->vmid = r->vmid;
  params->rtt_base = r->start_rtt;
  params->rtt_level_start = 1;
  params->rtt_num_start = r->start_tables;
  params->mecid = r->mecid == NO_MECID ? 0 : (s64)r->mecid;
  if (launch->rpv)
    memcpy(params->rpv, launch->rpv, MIN(strlen(launch->rpv), sizeof params->rpv));
  u64 status = rmi(RMI_REALM_CREATE, r->rd, (u64)params, 0, 0, 0, NULL);
  pages_free(params, 1);
  if (status)
    return say("REALM_CREATE", status);
  r->created = true;
  return true;
}

static bool create_rec(struct vm *vm, struct vcpu *vcpu) {
  struct realm_state *r = &vm->rme;
  struct smc_result result;
  u64 status = rmi(RMI_REC_AUX_COUNT, r->rd, 0, 0, 0, 0, &result);
  if (status || result.x[1] > ARRAY_SIZE(vcpu->aux))
    return say("REC_AUX_COUNT", status);
  struct rmi_rec_params *params = pages_alloc(1, 1);
  zero(params, PAGE_SIZE);
  params->num_aux = result.x[1];
  for (u64 i = 0; i < params->num_aux; i++)
    params->aux[i] = vcpu->aux[i] = granule_alloc();
  u64 rec = granule_alloc();
  vcpu->run = pages_alloc(1, 1);
  zero(vcpu->run, PAGE_SIZE);
  params->flags = vcpu->index == 0 ? RMI_REC_FLAG_RUNNABLE : 0;
  params->mpidr = vcpu->index;
  if (vcpu->index == 0) {
    params->pc = vm->entry;
    params->gprs[0] = vm->fdt;
  }
  status = rmi(RMI_REC_CREATE, r->rd, rec, (u64)params, 0, 0, NULL);
  pages_free(params, 1);
  if (status) {
    granule_free(rec);
    return say("REC_CREATE", status);
  }
  vcpu->rec = rec;
  return true;
}

bool realm_setup(struct vm *vm, const struct launch *launch, const struct loaded *parts, u32 count) {
  struct realm_state *r = &vm->rme;
  u64 pages = vm->ram_size / PAGE_SIZE;
  r->data = heap_alloc(pages * sizeof *r->data);
  memset(r->data, 0, pages * sizeof *r->data);
  /* All of its memory is RAM from the start: Linux uses some before it asks RMM for anything. */
  if (!mecid_choose(r, launch) || !create_realm(vm, launch) || !init_ripas(r, GUEST_RAM_BASE, GUEST_RAM_BASE + vm->ram_size))
    return false;
  for (u32 i = 0; i < count; i++) {
    u64 base = ALIGN_DOWN(parts[i].base, PAGE_SIZE), top = ALIGN_UP(parts[i].base + parts[i].size, PAGE_SIZE);
    for (u64 ipa = base; parts[i].size && ipa < top; ipa += PAGE_SIZE)
      if (!*data_slot(vm, ipa) && !data_create(vm, ipa, (u64)vm_memory(vm, ipa)))
        return false;
  }
  for (u32 i = 0; i < vm->vcpu_count; i++)
    if (!create_rec(vm, &vm->vcpus[i]))
      return false;
  u64 status = rmi(RMI_REALM_ACTIVATE, r->rd, 0, 0, 0, 0, NULL);
  if (status)
    return say("REALM_ACTIVATE", status);
  r->active = true;
  /* The copies in host memory have served; what the realm shares later starts as zeros. */
  for (u64 i = 0; i < vm->chunk_count; i++)
    if (vm->chunks[i]) {
      pages_free((void *)vm->chunks[i], CHUNK_SIZE / PAGE_SIZE);
      vm->chunks[i] = 0;
    }
  return true;
}

static void destroy_data(struct vm *vm, u64 ipa) {
  u64 *slot = data_slot(vm, ipa);
  if (!*slot)
    return;
  u64 status = rmi(RMI_DATA_DESTROY, vm->rme.rd, ipa, 0, 0, 0, NULL);
  if (status)
    say("DATA_DESTROY", status);
  else
    granule_free(*slot);
  *slot = 0;
}

void realm_teardown(struct vm *vm) {
  struct realm_state *r = &vm->rme;
  for (u32 i = 0; i < vm->vcpu_count; i++) {
    struct vcpu *vcpu = &vm->vcpus[i];
    if (vcpu->rec) {
      u64 status = rmi(RMI_REC_DESTROY, vcpu->rec, 0, 0, 0, 0, NULL);
      if (status)
        say("REC_DESTROY", status);
      else
        granule_free(vcpu->rec);
    }
    for (u32 a = 0; a < ARRAY_SIZE(vcpu->aux); a++)
      if (vcpu->aux[a])
        granule_free(vcpu->aux[a]);
    if (vcpu->run)
      pages_free(vcpu->run, 1);
  }
  for (u64 ipa = GUEST_RAM_BASE; r->data && ipa < GUEST_RAM_BASE + vm->ram_size; ipa += PAGE_SIZE)
    destroy_data(vm, ipa);
  for (u64 i = 0; i < vm->chunk_count && r->created; i++)
    if (vm->chunks[i])
      rmi(RMI_RTT_UNMAP_UNPROTECTED, r->rd, GUEST_RAM_BASE + i * CHUNK_SIZE + (1UL << (r->ipa_bits - 1)), 2, 0, 0, NULL);
  /* The newest first: tables come after those they hang from. */
  while (r->tables) {
    struct rtt *table = r->tables;
    r->tables = table->next;
    u64 status = rmi(RMI_RTT_DESTROY, r->rd, table->ipa, table->level, 0, 0, NULL);
    if (status)
      say("RTT_DESTROY", status);
    else
      granule_free(table->pa);
    heap_free(table);
  }
  if (r->created) {
    u64 status = rmi(RMI_REALM_DESTROY, r->rd, 0, 0, 0, 0, NULL);
    if (status)
      say("REALM_DESTROY", status);
  }
  if (r->rd)
    granule_free(r->rd);
  if (r->start_rtt)
    granule_free(r->start_rtt);
  heap_free(r->data);
  mecid_release(r);
}

/* A protected address without a granule behind it. */
static bool populate(struct vm *vm, u64 ipa) {
  bool done = true;
  ipa = ALIGN_DOWN(ipa, PAGE_SIZE);
  mutex_lock(&vm->rme.lock);
  if (!*data_slot(vm, ipa))
    done = data_create(vm, ipa, 0);
  mutex_unlock(&vm->rme.lock);
  return done;
}

static bool share(struct vm *vm, u64 ipa) {
  struct realm_state *r = &vm->rme;
  u64 memory = (u64)vm_memory(vm, ALIGN_DOWN(ipa, CHUNK_SIZE));
  if (!memory)
    return false;
  bool done = true;
  mutex_lock(&r->lock);
  for (;;) {
    u64 status = rmi(RMI_RTT_MAP_UNPROTECTED, r->rd, ALIGN_DOWN(ipa, CHUNK_SIZE), 2, memory | UNPROTECTED_ATTRIBUTES, 0, NULL);
    /* Another core of the realm came first: level 2, and something is there. */
    if (status == RMI_SUCCESS || status == RMI_RESULT(RMI_ERROR_RTT, 2))
      break;
    if (!deepen(r, ipa, status, 2, "RTT_MAP_UNPROTECTED")) {
      done = false;
      break;
    }
  }
  mutex_unlock(&r->lock);
  return done;
}

static bool realm_abort(struct vcpu *vcpu, const struct rmi_rec_exit *exit) {
  struct vm *vm = vcpu->vm;
  struct rmi_rec_enter *enter = &vcpu->run->enter;
  u64 alias = 1UL << (vm->rme.ipa_bits - 1);
  u64 ipa = FIELD(exit->hpfar, 47, 4) << 12 | (exit->far & 0xfff);
  u64 plain = ipa & ~alias;
  bool in_ram = plain >= GUEST_RAM_BASE && plain - GUEST_RAM_BASE < vm->ram_size;
  if (!(ipa & alias))
    return in_ram && populate(vm, ipa);
  if (in_ram)
    return share(vm, ipa);
  u32 size = 1U << ISS_SAS(exit->esr);
  bool write = exit->esr & ISS_WNR;
  u64 value = exit->gprs[0];
  if ((exit->esr & ISS_ISV) && vm_mmio(vcpu, plain, size, write, &value)) {
    enter->gprs[0] = value;
    enter->flags |= REC_ENTRY_EMUL_MMIO;
  } else
    enter->flags |= REC_ENTRY_INJECT_SEA;
  return true;
}

static void realm_psci(struct vcpu *vcpu, const struct rmi_rec_exit *exit) {
  struct vm *vm = vcpu->vm;
  struct vcpu *target = exit->gprs[1] < vm->vcpu_count ? &vm->vcpus[exit->gprs[1]] : NULL;
  switch ((u32)exit->gprs[0]) {
  case PSCI_CPU_ON_32:
  case PSCI_CPU_ON_64:
  case PSCI_AFFINITY_INFO_32:
  case PSCI_AFFINITY_INFO_64: {
    if (!target)
      break;
    u64 status = rmi(RMI_PSCI_COMPLETE, vcpu->rec, target->rec, PSCI_SUCCESS, 0, 0, NULL);
    bool turns_on = (u32)exit->gprs[0] == PSCI_CPU_ON_32 || (u32)exit->gprs[0] == PSCI_CPU_ON_64;
    if (status)
      say("PSCI_COMPLETE", status);
    else if (turns_on)
      vcpu_power_on(target, 0, 0);
    break;
  }
  case PSCI_CPU_OFF:
    vcpu->on = false;
    break;
  case PSCI_CPU_SUSPEND_32:
  case PSCI_CPU_SUSPEND_64:
    vcpu->waits = true;
    break;
  case PSCI_SYSTEM_OFF:
    vm_stop(vm, VM_POWERED_OFF);
    break;
  case PSCI_SYSTEM_RESET:
    vm_stop(vm, VM_RESET);
    break;
  }
}

static bool ripas_change(struct vcpu *vcpu, const struct rmi_rec_exit *exit) {
  struct vm *vm = vcpu->vm;
  struct realm_state *r = &vm->rme;
  struct smc_result result;
  u64 at = exit->ripas_base, top = exit->ripas_top;
  bool done = true;
  mutex_lock(&r->lock);
  while (at < top && done) {
    u64 status = rmi(RMI_RTT_SET_RIPAS, r->rd, vcpu->rec, at, top, 0, &result);
    if (status == RMI_SUCCESS)
      at = result.x[1];
    else if (RMI_STATUS(status) == RMI_ERROR_RTT && RMI_INDEX(status) == LEVEL_PAGE)
      /* A destroyed page that the realm does not want changed: RMM tells it how far it came. */
      break;
    else
      done = deepen(r, at, status, LEVEL_PAGE, "RTT_SET_RIPAS");
  }
  /* What became shared has no use for its private granules. */
  if (exit->ripas_value == RIPAS_EMPTY)
    for (u64 ipa = MAX(exit->ripas_base, GUEST_RAM_BASE); ipa < at && ipa < GUEST_RAM_BASE + vm->ram_size; ipa += PAGE_SIZE)
      destroy_data(vm, ipa);
  mutex_unlock(&r->lock);
  return done;
}

static bool handle(struct vcpu *vcpu, const struct rmi_rec_exit *exit) {
  struct rmi_rec_enter *enter = &vcpu->run->enter;
  switch (exit->reason) {
  case RMI_EXIT_SYNC:
    switch (ESR_EC(exit->esr)) {
    case EC_WFX:
      vcpu->waits = !(exit->esr & 1);
      return true;
    case EC_SYSREG:
      if (SYSREG_OF_ISS(exit->esr) == ICC_SGI1R && !(exit->esr & 1))
        vgic_sgi(vcpu, exit->gprs[0]);
      enter->gprs[0] = 0;
      return true;
    case EC_DATA_ABORT:
    case EC_INSTRUCTION_ABORT:
      return realm_abort(vcpu, exit);
    }
    return false;
  case RMI_EXIT_IRQ:
  case RMI_EXIT_FIQ:
    return true;
  case RMI_EXIT_PSCI:
    realm_psci(vcpu, exit);
    return true;
  case RMI_EXIT_RIPAS_CHANGE:
    return ripas_change(vcpu, exit);
  case RMI_EXIT_HOST_CALL:
    /* The host offers none. */
    memcpy(enter->gprs, exit->gprs, sizeof enter->gprs);
    enter->gprs[0] = SMC_NOT_SUPPORTED;
    return true;
  default:
    return false;
  }
}

static bool asserted(u64 control) {
  return (control & 7) == 5;
}
static u64 deadline_of(u64 control, u64 compare) {
  return (control & 3) == 1 ? compare : NEVER;
}

void realm_vcpu_run(struct vcpu *vcpu) {
  struct vm *vm = vcpu->vm;
  struct rmi_rec_run *run = vcpu->run;
  gic_ppi_set(INTID_VIRTUAL_TIMER, true);
  gic_ppi_set(INTID_PHYSICAL_TIMER, true);
  run->enter.gicv3_hcr = vgic_fill(vcpu);
  memcpy(run->enter.gicv3_lrs, vcpu->lrs, sizeof run->enter.gicv3_lrs);
  run->enter.flags |= REC_ENTRY_TRAP_WFI;
  u64 status = rmi(RMI_REC_ENTER, vcpu->rec, (u64)run, 0, 0, 0, NULL);
  this_cpu()->in_guest = false;
  run->enter.flags = 0;
  const struct rmi_rec_exit *exit = &run->exit;
  vcpu->waits = false;
  if (status) {
    vgic_collect(vcpu);
    /* Another core of the realm has powered it off. */
    if (vm->end == VM_RUNS && !(RMI_STATUS(status) == RMI_ERROR_REALM && RMI_INDEX(status) == 1)) {
      say("REC_ENTER", status);
      vm_stop(vm, VM_FAILED);
    }
    return;
  }
  if (vm->debug)
    klog("%s/%u: exit %lu ESR 0x%lx HPFAR 0x%lx x0 0x%lx", vm->name, vcpu->index, exit->reason, exit->esr, exit->hpfar, exit->gprs[0]);
  memcpy(vcpu->lrs, exit->gicv3_lrs, sizeof vcpu->lrs);
  vgic_collect(vcpu);
  vgic_set_line(vm, vcpu, INTID_VIRTUAL_TIMER, asserted(exit->cntv_ctl));
  vgic_set_line(vm, vcpu, INTID_PHYSICAL_TIMER, asserted(exit->cntp_ctl));
  vcpu->vtimer_deadline = MIN(deadline_of(exit->cntv_ctl, exit->cntv_cval), deadline_of(exit->cntp_ctl, exit->cntp_cval));
  if (!handle(vcpu, exit)) {
    tprintf("\n  Error: realm %s: exit %lu ESR %lx HPFAR %lx cannot be handled\n", vm->name, exit->reason, exit->esr, exit->hpfar);
    vm_stop(vm, VM_FAILED);
  }
}
