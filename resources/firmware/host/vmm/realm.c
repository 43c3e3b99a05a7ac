/* Realms: their making and their end, by calls of the Realm Management Interface (DEN0137). */
#include "realm.h"

static bool available;

u64 rmi_call(u32 command, u64 a, u64 b, u64 c, u64 d, u64 e, struct smc_result *result) {
  return smc(RMI_FID(command), a, b, c, d, e, 0, 0, result);
}

bool rmi_failed(const char *what, u64 status) {
  tprintf("  Fatal: RMI %s: status %lu, index %lu\n", what, RMI_STATUS(status), RMI_INDEX(status));
  return false;
}

void realms_init(const struct smc_result *version) {
  struct smc_result result;
  if (version->x[0] != RMI_SUCCESS) {
    klog("rmi: RMM's ABI %lu.%lu - %lu.%lu is not known here", VERSION_MAJOR(version->x[1]), VERSION_MINOR(version->x[1]),
         VERSION_MAJOR(version->x[2]), VERSION_MINOR(version->x[2]));
    return;
  }
  u64 abi = version->x[2], max_mecid = 0;
  rmi_call(RMI_FEATURES, 0, 0, 0, 0, 0, &result);
  u64 feature0 = result.x[1];
  if (abi >= RMI_ABI_1_1 && rmi_call(RMI_FEATURES, 1, 0, 0, 0, 0, &result) == RMI_SUCCESS)
    max_mecid = result.x[1];
  mecids_init(max_mecid);
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

static void *zeroed_page(void) {
  void *page = pages_alloc(1, 1);
  if (page)
    zero(page, PAGE_SIZE);
  else
    tprintf("  Fatal: no memory is left\n");
  return page;
}

static bool create_realm(struct vm *vm, const struct launch *launch) {
  struct realm_state *r = &vm->rme;
  r->rd = granule_alloc();
  /* 33 bits from level 1 take one table; wider spaces (much memory) need no more up to 39. */
  r->start_tables = 1;
  r->start_rtt = granule_alloc();
  struct rmi_realm_params *params = r->rd && r->start_rtt ? zeroed_page() : NULL;
  if (!params)
    return false;
  params->s2sz = r->ipa_bits;
  params->hash_algo = launch->measurement_sha512 ? RMI_HASH_SHA512 : RMI_HASH_SHA256;
  params->vmid = r->vmid;
  params->rtt_base = r->start_rtt;
  params->rtt_level_start = 1;
  params->rtt_num_start = r->start_tables;
  params->mecid = mecid_param(r);
  if (launch->rpv)
    memcpy(params->rpv, launch->rpv, MIN(strlen(launch->rpv), sizeof params->rpv));
  u64 status = rmi_call(RMI_REALM_CREATE, r->rd, (u64)params, 0, 0, 0, NULL);
  pages_free(params, 1);
  if (status)
    return rmi_failed("REALM_CREATE", status);
  r->created = true;
  return true;
}

static bool create_rec(struct vm *vm, struct vcpu *vcpu) {
  struct realm_state *r = &vm->rme;
  struct smc_result result;
  u64 status = rmi_call(RMI_REC_AUX_COUNT, r->rd, 0, 0, 0, 0, &result);
  if (status || result.x[1] > ARRAY_SIZE(vcpu->aux))
    return rmi_failed("REC_AUX_COUNT", status);
  u64 rec = granule_alloc();
  vcpu->run = zeroed_page();
  struct rmi_rec_params *params = rec && vcpu->run ? zeroed_page() : NULL;
  if (!params) {
    if (rec)
      granule_free(rec);
    return false;
  }
  params->num_aux = result.x[1];
  for (u64 i = 0; i < params->num_aux; i++)
    params->aux[i] = vcpu->aux[i] = granule_alloc();
  params->flags = vcpu->index == 0 ? RMI_REC_FLAG_RUNNABLE : 0;
  params->mpidr = vcpu->index;
  if (vcpu->index == 0) {
    params->pc = vm->entry;
    params->gprs[0] = vm->fdt;
  }
  status = rmi_call(RMI_REC_CREATE, r->rd, rec, (u64)params, 0, 0, NULL);
  pages_free(params, 1);
  if (status) {
    granule_free(rec);
    return rmi_failed("REC_CREATE", status);
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
  if (!mecid_choose(r, launch) || !create_realm(vm, launch) || !realm_init_ripas(r, GUEST_RAM_BASE, GUEST_RAM_BASE + vm->ram_size))
    return false;
  for (u32 i = 0; i < count; i++) {
    u64 base = ALIGN_DOWN(parts[i].base, PAGE_SIZE), top = ALIGN_UP(parts[i].base + parts[i].size, PAGE_SIZE);
    for (u64 ipa = base; parts[i].size && ipa < top; ipa += PAGE_SIZE)
      if (!realm_page(vm, ipa) && !realm_data_create(vm, ipa, (u64)vm_memory(vm, ipa)))
        return false;
  }
  for (u32 i = 0; i < vm->vcpu_count; i++)
    if (!create_rec(vm, &vm->vcpus[i]))
      return false;
  u64 status = rmi_call(RMI_REALM_ACTIVATE, r->rd, 0, 0, 0, 0, NULL);
  if (status)
    return rmi_failed("REALM_ACTIVATE", status);
  r->active = true;
  /* The copies in host memory have served; what the realm shares later starts as zeros. */
  for (u64 i = 0; i < vm->chunk_count; i++)
    if (vm->chunks[i]) {
      pages_free((void *)vm->chunks[i], CHUNK_SIZE / PAGE_SIZE);
      vm->chunks[i] = 0;
    }
  return true;
}

void realm_teardown(struct vm *vm) {
  struct realm_state *r = &vm->rme;
  for (u32 i = 0; i < vm->vcpu_count; i++) {
    struct vcpu *vcpu = &vm->vcpus[i];
    if (vcpu->rec) {
      u64 status = rmi_call(RMI_REC_DESTROY, vcpu->rec, 0, 0, 0, 0, NULL);
      if (status)
        rmi_failed("REC_DESTROY", status);
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
    realm_data_destroy(vm, ipa);
  for (u64 i = 0; i < vm->chunk_count && r->created; i++)
    if (vm->chunks[i])
      rmi_call(RMI_RTT_UNMAP_UNPROTECTED, r->rd, GUEST_RAM_BASE + i * CHUNK_SIZE + (1UL << (r->ipa_bits - 1)), 2, 0, 0, NULL);
  /* The newest first: tables come after those they hang from. */
  while (r->tables) {
    struct rtt *table = r->tables;
    r->tables = table->next;
    u64 status = rmi_call(RMI_RTT_DESTROY, r->rd, table->ipa, table->level, 0, 0, NULL);
    if (status)
      rmi_failed("RTT_DESTROY", status);
    else
      granule_free(table->pa);
    heap_free(table);
  }
  if (r->created) {
    u64 status = rmi_call(RMI_REALM_DESTROY, r->rd, 0, 0, 0, 0, NULL);
    if (status)
      rmi_failed("REALM_DESTROY", status);
  }
  if (r->rd)
    granule_free(r->rd);
  if (r->start_rtt)
    granule_free(r->start_rtt);
  heap_free(r->data);
  mecid_release(r);
}
