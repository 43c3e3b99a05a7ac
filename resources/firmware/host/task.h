/* Tasks: cooperative in the kernel, any core runs any task; a guest is left when its slice ends. */
#ifndef TASK_H
#define TASK_H

#include "host.h"

struct tty;
struct node;

enum task_state { TASK_FREE, TASK_READY, TASK_RUNNING, TASK_PARKED, TASK_ENDED };

#define TASK_STACK_PAGES 8
#define MAX_TASKS 128

struct environment {
  struct environment *next;
  char *name;
  char *value;
};

struct task {
  u64 sp;
  void *stack;
  enum task_state state;
  /* An unpark that came while the task ran: its next park returns at once. */
  bool token;
  u64 deadline;
  u32 id;
  char name[24];
  struct cpu *cpu;
  struct task *next;
  void (*entry)(void *argument);
  void *argument;
  /* Of the shell and what it starts. */
  struct tty *tty;
  struct node *cwd;
  struct environment *environment;
  int status;
  /* Unparked when this task ends, if it still waits. */
  struct task *waiter;
  u64 cycles;
};

void tasks_init_cpu(struct cpu *cpu);
/* The idle loop of a core; never returns. */
NORETURN void task_idle(void);
/* NULL if there is no room. It inherits console, folder and environment. */
struct task *task_create(const char *name, void (*entry)(void *argument), void *argument);
NORETURN void task_exit(int status);
static inline struct task *task_self(void) {
  return this_cpu()->current;
}
/* Waits until unparked or until the counter reaches deadline. May return early: callers look again. */
void task_park(u64 deadline);
void task_unpark(struct task *task);
void task_yield(void);
void task_sleep_us(u64 count);
/* Ready tasks wait for a core. */
bool tasks_waiting(void);
/* Programs this core's timer for the earliest deadline, and for slice_end if given (else NEVER). */
void timer_program(u64 slice_end);
/* Makes tasks whose deadlines are over ready. */
void tasks_expire(void);
void tasks_each(void (*visit)(const struct task *task, void *argument), void *argument);
/* Id the next task will have; lkvm names guests by it. */
u32 task_next_id(void);

/* An unfair lock that lets other tasks run while it waits; may be held across parks. */
struct mutex {
  volatile u32 held;
};
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

#endif
