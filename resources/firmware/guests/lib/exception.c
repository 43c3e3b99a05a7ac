#include "guest.h"

void user_done(void);
void try_jump(void);

static struct {
  bool expected;
  u64 esr, far;
} state[MAX_GUEST_CPUS];

void exception_expect(void) {
  state[cpu_index()].expected = true;
  state[cpu_index()].esr = 0;
  __asm__ volatile("" : : : "memory");
}

u64 exception_taken(u64 *far) {
  __asm__ volatile("" : : : "memory");
  if (far)
    *far = state[cpu_index()].far;
  state[cpu_index()].expected = false;
  return state[cpu_index()].esr;
}

/* Vectors 4 - 7: this level with its own stack; 8 - 11: EL0. */
void guest_exception(u64 vector, struct frame *frame) {
  u32 cpu = cpu_index();
  if (vector == 5) {
    irq_handle();
    return;
  }
  if ((vector != 4 && vector != 8) || !state[cpu].expected)
    panic("vector %lu: ESR %lx ELR %lx FAR %lx", vector, frame->esr, frame->pc, frame->far);
  state[cpu].expected = false;
  state[cpu].esr = frame->esr;
  state[cpu].far = frame->far;
  if (vector == 8) {
    frame->pc = (u64)user_done;
    frame->pstate = 0x3c5;
  } else if (ESR_CLASS(frame->esr) == EC_IABORT)
    frame->pc = frame->x[30];
  else if (ESR_CLASS(frame->esr) != EC_SVC)
    frame->pc += 4;
}
