#include "vmm.h"
struct vblock *vblock_create(struct vm *vm, const char *path) { tprintf("  Fatal: --disk is not there yet\n"); return NULL; }
bool vblock_access(struct vcpu *vcpu, u64 ipa, u32 size, bool write, u64 *value) { return false; }
