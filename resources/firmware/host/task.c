/* The scheduler: one queue of ready tasks for all cores. */
#include "task.h"

void context_switch(u64 *save_sp, u64 load_sp);

static struct task tasks[MAX_TASKS];
static struct task *ready_first, *ready_last;
static spinlock sched_lock;
static u32 next_id = 1;

static void enqueue(struct task *task) {
  task->state = TASK_READY;
  task->next = NULL;
  if (ready_last)
    ready_last->next = task;
  else
    ready_first = task;
  ready_last = task;
}

/* Under the lock: an idle core, else one in a guest, is made to look at the queue. */
static void wake_core(void) {
  /* A core that is about to enter a guest says so, and then looks at the queue. */
  dmb(ish);
  for (u32 i = 0; i < machine.cpus; i++)
    if (cpus[i].idle) {
      cpus[i].idle = false;
      if (&cpus[i] != this_cpu())
        gic_kick(&cpus[i]);
      return;
    }
  for (u32 i = 0; i < machine.cpus; i++)
    if (cpus[i].in_guest) {
      gic_kick(&cpus[i]);
      return;
    }
}

/* The lock is held, and is so again when the task goes on (maybe on another core). */
static void schedule(void) {
  struct cpu *cpu = this_cpu();
  struct task *previous = cpu->current;
  struct task *next = ready_first;
  if (next) {
    ready_first = next->next;
    if (!ready_first)
      ready_last = NULL;
  } else
    next = previous->state == TASK_RUNNING ? previous : cpu->idle_task;
  if (next == previous)
    return;
  next->state = TASK_RUNNING;
  next->cpu = cpu;
  cpu->current = next;
  cpu->previous = previous;
  context_switch(&previous->sp, next->sp);
}

/* A task that ended leaves its stack to whoever runs next on the core. */
static void reap(void) {
  struct task *ended = this_cpu()->previous;
  if (ended && ended->state == TASK_ENDED) {
    pages_free(ended->stack, TASK_STACK_PAGES);
    ended->state = TASK_FREE;
  }
  this_cpu()->previous = NULL;
}

static void task_start(void) {
  reap();
  spin_unlock(&sched_lock);
  struct task *self = task_self();
  self->entry(self->argument);
  task_exit(0);
}

void tasks_init_cpu(struct cpu *cpu) {
  spin_lock(&sched_lock);
  struct task *task = &tasks[cpu->index];
  snprintf(task->name, sizeof task->name, "idle/%u", cpu->index);
  task->state = TASK_RUNNING;
  task->cpu = cpu;
  cpu->idle_task = cpu->current = task;
  spin_unlock(&sched_lock);
}

u32 task_next_id(void) {
  return next_id;
}

static struct environment *environment_copy(const struct environment *from) {
  struct environment *copy = NULL;
  for (; from; from = from->next) {
    struct environment *entry = heap_alloc(sizeof *entry);
    *entry = (struct environment){copy, text_dup(from->name), text_dup(from->value)};
    copy = entry;
  }
  return copy;
}

struct task *task_create(const char *name, void (*entry)(void *argument), void *argument) {
  void *stack = pages_alloc(TASK_STACK_PAGES, 1);
  if (!stack)
    return NULL;
  struct task *self = task_self();
  struct environment *environment = environment_copy(self->environment);
  spin_lock(&sched_lock);
  struct task *task = NULL;
  for (u32 i = MAX_CPUS; i < MAX_TASKS && !task; i++)
    if (tasks[i].state == TASK_FREE)
      task = &tasks[i];
  if (task) {
    u64 *frame = (u64 *)((u8 *)stack + TASK_STACK_PAGES * PAGE_SIZE - 96);
    memset(frame, 0, 96);
    frame[1] = (u64)task_start;
    *task = (struct task){.sp = (u64)frame,
                          .stack = stack,
                          .id = next_id++,
                          .entry = entry,
                          .argument = argument,
                          .tty = self->tty,
                          .cwd = self->cwd,
                          .environment = environment};
    snprintf(task->name, sizeof task->name, "%s", name);
    enqueue(task);
    wake_core();
  }
  spin_unlock(&sched_lock);
  if (!task)
    pages_free(stack, TASK_STACK_PAGES);
  return task;
}

void task_exit(int status) {
  struct task *self = task_self();
  while (self->environment) {
    struct environment *entry = self->environment;
    self->environment = entry->next;
    heap_free(entry->name);
    heap_free(entry->value);
    heap_free(entry);
  }
  self->status = status;
  if (self->waiter)
    task_unpark(self->waiter);
  spin_lock(&sched_lock);
  self->state = TASK_ENDED;
  schedule();
  panic("an ended task ran");
}

void task_park(u64 deadline) {
  struct task *self = task_self();
  spin_lock(&sched_lock);
  if (!self->token && deadline > now()) {
    self->deadline = deadline;
    self->state = TASK_PARKED;
    schedule();
    reap();
  }
  self->token = false;
  spin_unlock(&sched_lock);
}

void task_unpark(struct task *task) {
  spin_lock(&sched_lock);
  task->token = true;
  if (task->state == TASK_PARKED) {
    enqueue(task);
    wake_core();
  }
  spin_unlock(&sched_lock);
}

void task_yield(void) {
  irq_poll();
  struct task *self = task_self();
  spin_lock(&sched_lock);
  if (ready_first) {
    enqueue(self);
    schedule();
    reap();
  }
  spin_unlock(&sched_lock);
}

void task_sleep_us(u64 count) {
  u64 end = now() + microseconds(count);
  while (now() < end)
    task_park(end);
}

bool tasks_waiting(void) {
  return __atomic_load_n(&ready_first, __ATOMIC_RELAXED) != NULL;
}

void tasks_expire(void) {
  u64 time = now();
  spin_lock(&sched_lock);
  for (u32 i = MAX_CPUS; i < MAX_TASKS; i++)
    if (tasks[i].state == TASK_PARKED && tasks[i].deadline <= time) {
      enqueue(&tasks[i]);
      wake_core();
    }
  spin_unlock(&sched_lock);
}

void timer_program(u64 slice_end) {
  u64 earliest = slice_end;
  for (u32 i = MAX_CPUS; i < MAX_TASKS; i++)
    if (tasks[i].state == TASK_PARKED && tasks[i].deadline < earliest)
      earliest = tasks[i].deadline;
  if (earliest == NEVER)
    write_sysreg(cnthp_ctl_el2, 0);
  else {
    write_sysreg(cnthp_cval_el2, earliest);
    write_sysreg(cnthp_ctl_el2, 1);
  }
  isb();
}

void task_idle(void) {
  struct cpu *cpu = this_cpu();
  for (;;) {
    irq_poll();
    tasks_expire();
    spin_lock(&sched_lock);
    cpu->idle = false;
    if (ready_first) {
      schedule();
      reap();
      spin_unlock(&sched_lock);
      continue;
    }
    cpu->idle = true;
    timer_program(NEVER);
    spin_unlock(&sched_lock);
    dsb(sy);
    wfi();
  }
}

void tasks_each(void (*visit)(const struct task *task, void *argument), void *argument) {
  for (u32 i = 0; i < MAX_TASKS; i++)
    if (tasks[i].state != TASK_FREE && tasks[i].state != TASK_ENDED)
      visit(&tasks[i], argument);
}

void mutex_lock(struct mutex *mutex) {
  while (__atomic_exchange_n(&mutex->held, 1, __ATOMIC_ACQUIRE))
    task_sleep_us(50);
}

void mutex_unlock(struct mutex *mutex) {
  __atomic_store_n(&mutex->held, 0, __ATOMIC_RELEASE);
}
