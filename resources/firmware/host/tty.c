#include "tty.h"

#include "pl011.h"

enum { PL011_IMSC = 0x38, PL011_ICR = 0x44 };
enum { RXIM = 1 << 4, RTIM = 1 << 6 };
enum { CTRL_A = 1, CTRL_C = 3 };

struct tty login_tty = {.name = "console"};
static struct tty *sessions[MAX_SESSIONS];
static struct tty *shown = &login_tty;
static struct task *attacher;
static bool detach_asked, prefix;
static spinlock lock;

void console_start(void) {
  volatile u32 *uart = (volatile u32 *)console_base();
  uart[PL011_IMSC / 4] = RXIM | RTIM;
  gic_enable_spi(machine.uart_intid, false);
}

static void input(struct tty *tty, char character) {
  u32 write = tty->input_write;
  if (write - tty->input_read < sizeof tty->input) {
    tty->input[write % sizeof tty->input] = character;
    __atomic_store_n(&tty->input_write, write + 1, __ATOMIC_RELEASE);
  }
  if (character == CTRL_C)
    tty->interrupted = true;
  struct task *reader = tty->reader;
  if (reader)
    task_unpark(reader);
}

static void typed(char character) {
  struct tty *tty = shown;
  if (tty != &login_tty) {
    if (prefix) {
      prefix = false;
      if (character == 'd' || character == 'D' || character == 4) {
        detach_asked = true;
        task_unpark(attacher);
        return;
      }
      /* Ctrl+A a and Ctrl+A Ctrl+A send one; anything else goes on with its prefix. */
      input(tty, CTRL_A);
      if (character != 'a' && character != CTRL_A)
        input(tty, character);
      return;
    }
    if (character == CTRL_A) {
      prefix = true;
      return;
    }
  }
  input(tty, character);
}

void console_interrupt(void) {
  volatile u32 *uart = (volatile u32 *)console_base();
  int character;
  /* Cleared first: a character that comes while the others are read must interrupt again. */
  uart[PL011_ICR / 4] = RXIM | RTIM;
  while ((character = console_read()) >= 0)
    typed((char)character);
}

void tty_write(struct tty *tty, const char *text, size_t length) {
  spin_lock(&lock);
  for (size_t i = 0; i < length; i++)
    tty->output[(tty->written + i) % TTY_SCROLLBACK] = text[i];
  tty->written += length;
  if (tty == shown)
    console_write(text, length);
  spin_unlock(&lock);
}

bool tty_has_input(const struct tty *tty) {
  return tty->input_read != __atomic_load_n(&tty->input_write, __ATOMIC_ACQUIRE);
}

int tty_read(struct tty *tty, u64 deadline) {
  tty->reader = task_self();
  while (!tty_has_input(tty)) {
    if (now() >= deadline)
      return -1;
    task_park(deadline);
  }
  return (u8)tty->input[tty->input_read++ % sizeof tty->input];
}

void tprintf(const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  tty_write(task_self()->tty, text, MIN((size_t)length, sizeof text - 1));
}

/* Under the lock. What a terminal was sent from a place on, as far as it is kept. */
static void replay(const struct tty *tty, u64 from) {
  for (u64 at = MAX(from, tty->written - MIN(tty->written, (u64)TTY_SCROLLBACK)); at < tty->written; at++)
    console_write(&tty->output[at % TTY_SCROLLBACK], 1);
}

static void write_console(const char *text) {
  console_write(text, strlen(text));
}

struct session_start {
  struct tty *tty;
  void (*entry)(void *argument);
  void *argument;
};

static void session_run(void *argument) {
  struct session_start start = *(struct session_start *)argument;
  heap_free(argument);
  task_self()->tty = start.tty;
  start.entry(start.argument);
  spin_lock(&lock);
  start.tty->ended = true;
  bool is_shown = shown == start.tty;
  spin_unlock(&lock);
  if (is_shown)
    task_unpark(attacher);
}

struct tty *screen_start(const char *name, void (*entry)(void *argument), void *argument) {
  u32 slot = 0;
  while (slot < MAX_SESSIONS && sessions[slot] && !(sessions[slot]->ended && shown != sessions[slot]))
    slot++;
  if (slot == MAX_SESSIONS)
    return NULL;
  if (sessions[slot])
    heap_free(sessions[slot]);
  struct tty *tty = heap_alloc(sizeof *tty);
  memset(tty, 0, sizeof *tty);
  snprintf(tty->name, sizeof tty->name, "%s", name);
  struct session_start *start = heap_alloc(sizeof *start);
  *start = (struct session_start){tty, entry, argument};
  tty->id = task_next_id();
  sessions[slot] = tty;
  tty->session = task_create("screen", session_run, start);
  return tty;
}

struct tty *screen_find(const char *name) {
  struct tty *only = NULL;
  u64 id;
  const char *rest;
  for (u32 i = 0; i < MAX_SESSIONS; i++) {
    struct tty *tty = sessions[i];
    if (!tty || tty->ended)
      continue;
    if (!*name) {
      if (only)
        return NULL;
      only = tty;
    } else if (strcmp(tty->name, name) == 0 || (text_number(name, &id, &rest) && id == tty->id && (!*rest || *rest == '.')))
      return tty;
  }
  return only;
}

bool screen_attached(const struct tty *tty) {
  return shown == tty;
}

/* The session gets the other screen of the terminal (xterm's private mode 1049), so that the first one is as it was after. */
bool screen_attach(struct tty *tty) {
  struct tty *before = shown;
  attacher = task_self();
  detach_asked = false;
  prefix = false;
  spin_lock(&lock);
  u64 left_at = before->written;
  shown = tty;
  write_console("\033[?1049h\033[H\033[2J");
  replay(tty, 0);
  spin_unlock(&lock);
  while (!detach_asked && !tty->ended)
    task_park(NEVER);
  spin_lock(&lock);
  shown = before;
  write_console("\033[?1049l");
  replay(before, left_at);
  spin_unlock(&lock);
  return !tty->ended;
}

void screen_list(void) {
  u32 count = 0;
  for (u32 i = 0; i < MAX_SESSIONS; i++)
    count += sessions[i] && !sessions[i]->ended;
  if (!count) {
    tprintf("No Sockets found in /run/screen/S-root.\n\n");
    return;
  }
  tprintf(count == 1 ? "There is a screen on:\n" : "There are screens on:\n");
  for (u32 i = 0; i < MAX_SESSIONS; i++)
    if (sessions[i] && !sessions[i]->ended)
      tprintf("\t%u.%s\t(%s)\n", sessions[i]->id, sessions[i]->name, shown == sessions[i] ? "Attached" : "Detached");
  tprintf("%u Socket%s in /run/screen/S-root.\n", count, count == 1 ? "" : "s");
}
