/* The Realm Services Interface: versions, configuration, memory's states, calls to the host. */
#include "test.h"

u64 try_load(u64 address);

static void version(void) {
  struct smc_result result;
  u64 status = rsi(RSI_VERSION, RMI_ABI_1_0, 0, 0, 0, &result);
  report(status == RSI_SUCCESS && VERSION_MAJOR(result.x[1]) == 1, "version 1.0 is known");
  info("RSI versions %lu.%lu to %lu.%lu", VERSION_MAJOR(result.x[1]), VERSION_MINOR(result.x[1]), VERSION_MAJOR(result.x[2]),
       VERSION_MINOR(result.x[2]));
  status = rsi(RSI_VERSION, 0x20000, 0, 0, 0, &result);
  report(status == RSI_ERROR_INPUT && result.x[1] <= result.x[2], "version 2.0 is refused, and the known ones are named");
  report(smc1(0xc40001ff, 0) == SMC_NOT_SUPPORTED, "an unknown call is not supported");
  report(rsi(RSI_FEATURES, 0, 0, 0, 0, &result) == RSI_SUCCESS, "features");
}

static void config(void) {
  memset(rsi_page, 0xee, sizeof rsi_page);
  u64 status = rsi(RSI_REALM_CONFIG, (u64)rsi_page, 0, 0, 0, NULL);
  const struct rsi_realm_config *config = (const struct rsi_realm_config *)(const void *)rsi_page;
  report(status == RSI_SUCCESS && config->ipa_width >= 32 && config->ipa_width <= 48, "realm configuration");
  report(config->hash_algo == RMI_HASH_SHA256 || config->hash_algo == RMI_HASH_SHA512, "hash algorithm is a known one");
  report(rsi(RSI_REALM_CONFIG, (u64)rsi_page + 8, 0, 0, 0, NULL) == RSI_ERROR_INPUT, "an unaligned address is refused");
  report(rsi(RSI_REALM_CONFIG, guest.memory_base | guest.shared, 0, 0, 0, NULL) == RSI_ERROR_INPUT, "an address of shared memory is refused");
}

/* A page in the middle of memory, where nothing was loaded. */
static u64 spare(void) {
  return ALIGN_DOWN(guest.memory_base + guest.memory_size / 2, 0x200000);
}

static u64 state_of(u64 ipa) {
  struct smc_result result;
  return rsi(RSI_IPA_STATE_GET, ipa, ipa + PAGE_SIZE, 0, 0, &result) == RSI_SUCCESS ? result.x[2] : 99;
}

static void memory(void) {
  u64 page = spare(), reached, response;
  struct smc_result result;
  report(rsi(RSI_IPA_STATE_GET, (u64)__image_start, (u64)__image_end, 0, 0, &result) == RSI_SUCCESS && result.x[1] == (u64)__image_end &&
           result.x[2] == RIPAS_RAM,
         "the program's own memory is RAM");
  u64 status = rsi_ripas_set(page, page + 4 * PAGE_SIZE, RIPAS_RAM, 0, &reached, &response);
  report(status == RSI_SUCCESS && reached == page + 4 * PAGE_SIZE && response == RSI_ACCEPT, "four pages become RAM");
  report(state_of(page) == RIPAS_RAM, "their state says so");
  volatile u64 *word = (volatile u64 *)page;
  report(*word == 0, "fresh memory is zero");
  *word = 0x600dc0de;
  dsb(ish);
  report(*word == 0x600dc0de, "it keeps what is written");
  status = rsi_ripas_set(page, page + PAGE_SIZE, RIPAS_EMPTY, 0, &reached, &response);
  report(status == RSI_SUCCESS && state_of(page) == RIPAS_EMPTY, "a page is given back");
  exception_expect();
  try_load(page);
  u64 esr = exception_taken(NULL);
  report(ESR_CLASS(esr) == EC_DABORT && (esr & 0x3f) == 0x10, "an access to it is a synchronous External abort");
  volatile u64 *shared = (volatile u64 *)(page | guest.shared);
  report(*shared == 0, "as shared memory it does not show what it held");
  *shared = 0x5ea1ed;
  status = rsi_ripas_set(page, page + PAGE_SIZE, RIPAS_RAM, RSI_CHANGE_DESTROYED, &reached, &response);
  report(status == RSI_SUCCESS && response == RSI_ACCEPT && *word == 0, "taken again it is zero");
  report(*shared == 0x5ea1ed, "shared memory is another page");
  report(word[PAGE_SIZE / 8] == 0, "its neighbour stayed");
  report(rsi(RSI_IPA_STATE_SET, page, page + 0x800, RIPAS_RAM, 0, NULL) == RSI_ERROR_INPUT, "half a page is refused");
  report(rsi(RSI_IPA_STATE_SET, page | guest.shared, (page | guest.shared) + PAGE_SIZE, RIPAS_RAM, 0, NULL) == RSI_ERROR_INPUT,
         "shared memory is refused");
}

static struct rsi_host_call host_call_buffer __attribute__((aligned(256)));

static void host_call(void) {
  host_call_buffer.imm = 7;
  for (u32 i = 0; i < RSI_HOST_CALL_GPRS; i++)
    host_call_buffer.gprs[i] = i;
  u64 status = rsi(RSI_HOST_CALL, (u64)&host_call_buffer, 0, 0, 0, NULL);
  report(status == RSI_SUCCESS, "the call comes back");
  report(host_call_buffer.gprs[0] == SMC_NOT_SUPPORTED, "this host offers no such service");
  report(rsi(RSI_HOST_CALL, (u64)&host_call_buffer + 8, 0, 0, 0, NULL) == RSI_ERROR_INPUT, "an unaligned buffer is refused");
  report(rsi(RSI_HOST_CALL, spare() | guest.shared, 0, 0, 0, NULL) == RSI_ERROR_INPUT, "a buffer in shared memory is refused");
}

static const struct test tests[] = {{"version", version}, {"config", config}, {"memory", memory}, {"host_call", host_call}};

void guest_main(void) {
  if (guest.realm) {
    tests_run("realm-rsi", tests, ARRAY_SIZE(tests));
    return;
  }
  test_start("realm-rsi", "version");
  skip("not in a realm");
  summary();
}
