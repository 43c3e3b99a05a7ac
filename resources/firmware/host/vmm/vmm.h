/* The virtual machine monitor: normal virtual machines through EL2, realms through RMI. */
#ifndef VMM_H
#define VMM_H

#include "fdt.h"
#include "mmu.h"
#include "rmi.h"
#include "task.h"
#include "tty.h"

struct smc_result;

#define MAX_VCPUS 8
#define MAX_VMS 16

/* kvmtool's map of guest physical addresses. */
#define GUEST_UART_BASE 0x1000000UL
#define GUEST_UART_STRIDE 0x1000UL
#define GUEST_UARTS 4
#define GUEST_VIRTIO_BASE 0x3000000UL
#define GUEST_VIRTIO_SIZE 0x200UL
#define GUEST_GICD_BASE 0x3fff0000UL
#define GUEST_GICD_SIZE 0x10000UL
#define GUEST_GICR_STRIDE 0x20000UL
#define GUEST_RAM_BASE 0x80000000UL
#define GUEST_UART_INTID 32
#define GUEST_VIRTIO_INTID 36
#define CHUNK_SIZE 0x200000UL
#define NO_MECID (~0UL)

#define GUEST_INTIDS 96
#define PRIVATE_INTIDS 32

struct vgic_irq {
  bool enabled, pending, line, active, edge, group1;
  u8 priority;
  /* The vCPU a shared interrupt goes to. */
  u8 target;
};

struct vuart {
  u8 ier, lcr, mcr, scr, dll, dlm, fcr;
  bool thr_pending, carriage;
  char input[64];
  u32 read, write;
};

struct el1_context;

struct vcpu {
  struct vm *vm;
  u32 index;
  struct task *task;
  /* The core that runs it, or NULL. */
  struct cpu *volatile running;
  volatile bool on, starting, ended;
  struct vgic_irq private[PRIVATE_INTIDS];
  u64 lrs[16];
  /* Normal virtual machines. */
  u64 x[31];
  u64 pc, pstate;
  struct el1_context *context;
  struct cpu *loaded;
  /* Realms. */
  u64 rec;
  u64 aux[16];
  struct rmi_rec_run *run;
  u64 vtimer_deadline;
  bool waits;
  u64 exits;
};

struct rtt {
  struct rtt *next;
  u64 pa, ipa;
  u32 level;
};

struct realm_state {
  u64 rd, start_rtt;
  u32 start_tables;
  u32 ipa_bits;
  u16 vmid;
  bool created, active;
  /* Or NO_MECID. */
  u64 mecid;
  bool shared_mec;
  /* The granule behind each page of RAM, 0: none. */
  u64 *data;
  struct rtt *tables;
  struct mutex lock;
};

enum vm_end { VM_RUNS, VM_POWERED_OFF, VM_RESET, VM_STOPPED, VM_FAILED };

struct vm {
  char name[32];
  bool realm, restricted, debug;
  u32 vcpu_count;
  struct vcpu vcpus[MAX_VCPUS];
  u64 ram_size;
  /* Host memory behind each 2 MB of RAM (of a realm: what it shares), 0: not yet. */
  u64 *chunks;
  u64 chunk_count;
  struct page_tables stage2;
  struct mutex memory_lock;
  spinlock lock, uart_lock;
  struct vgic_irq shared[GUEST_INTIDS - PRIVATE_INTIDS];
  u32 gicd_ctlr;
  struct vuart uarts[GUEST_UARTS];
  struct tty *tty;
  struct task *owner;
  volatile enum vm_end end;
  u64 counter_offset;
  u16 vmid;
  struct realm_state rme;
  u64 entry, fdt;
  struct vblock *disk;
  u64 started_us;
};

struct launch {
  const char *kernel, *initrd, *disk, *params, *name;
  u64 memory, cpus;
  bool realm, restricted, debug, nodefaults, shared_mec;
  u64 mecid;
  bool measurement_sha512;
  const char *rpv;
};

/* vm.c */
void vmm_init(void);
void vmm_stop_all(void);
void vmm_list_realms(void);
struct vm *vm_find(const char *name);
/* It has not been destroyed yet. */
bool vms_contain(const struct vm *vm);
void vms_each(void (*visit)(struct vm *vm));
struct vm *vm_create(const struct launch *launch);
/* Runs it to its end, with the running task's terminal as console. */
enum vm_end vm_run(struct vm *vm);
void vm_destroy(struct vm *vm);
void vm_stop(struct vm *vm, enum vm_end why);
/* Makes a vCPU look at its interrupts and at whether its machine goes on. */
void vcpu_kick(struct vcpu *vcpu);
bool vcpu_power_on(struct vcpu *vcpu, u64 entry, u64 argument);
/* Host memory at a guest's RAM address, up to the end of its 2 MB; NULL outside of RAM or when memory is out. */
void *vm_memory(struct vm *vm, u64 ipa);
bool vm_read(struct vm *vm, u64 ipa, void *to, u64 size);
bool vm_write(struct vm *vm, u64 ipa, const void *from, u64 size);
/* False: nothing is there. */
bool vm_mmio(struct vcpu *vcpu, u64 ipa, u32 size, bool write, u64 *value);
/* PSCI of a normal virtual machine; the answer for x0. */
u64 vm_psci(struct vcpu *vcpu, u64 *x);

/* image.c: the kernel, the ramdisk, the device tree. */
bool vm_load(struct vm *vm, const struct launch *launch);
struct loaded {
  u64 base, size;
};
extern const u64 fdt_size_limit;

/* vgic.c */
void vgic_init(struct vm *vm);
void vgic_set_line(struct vm *vm, struct vcpu *vcpu, u32 intid, bool level);
bool vgic_access(struct vcpu *vcpu, u64 ipa, u32 size, bool write, u64 *value);
/* ICC_SGI1R_EL1 was written. */
void vgic_sgi(struct vcpu *vcpu, u64 value);
/* Chooses list registers; returns bits for ICH_HCR_EL2. */
u64 vgic_fill(struct vcpu *vcpu);
/* Takes them back, with what ICH_HCR_EL2 (its EOIcount) says then. */
void vgic_collect(struct vcpu *vcpu, u64 hcr);
bool vgic_pending(struct vcpu *vcpu);
u32 vgic_list_registers(void);

/* uart.c: four 16550s, the first one with a terminal. */
bool vuart_access(struct vcpu *vcpu, u64 ipa, u32 size, bool write, u64 *value);
bool vuart_input(struct vm *vm, char character);

/* vblock.c: virtio-mmio with one block device. */
/* NULL: the terminal says why. */
struct vblock *vblock_create(struct vm *vm, const char *path);
void vblock_destroy(struct vblock *disk);
bool vblock_access(struct vcpu *vcpu, u64 ipa, u32 size, bool write, u64 *value);

/* normal.c: one entry into a normal virtual machine and what it came back for. */
void normal_setup(struct vm *vm);
void normal_teardown(struct vm *vm);
void normal_vcpu_run(struct vcpu *vcpu);
void normal_vcpu_reset(struct vcpu *vcpu, u64 entry, u64 argument);
void normal_vcpu_put(struct vcpu *vcpu);

/* realm.c */
void realms_init(const struct smc_result *version);
bool realms_available(void);
u64 realm_pages(void);
bool realm_setup(struct vm *vm, const struct launch *launch, const struct loaded *parts, u32 count);
void realm_teardown(struct vm *vm);
void realm_vcpu_run(struct vcpu *vcpu);
u64 realm_page(const struct vm *vm, u64 ipa);

/* Waits for an interrupt or the vCPU's virtual timer. */
void vcpu_wait(struct vcpu *vcpu);

#endif
