/* Terminals: the login console and those of screen sessions. One of them is shown on the UART. */
#ifndef TTY_H
#define TTY_H

#include "task.h"

#define TTY_SCROLLBACK 32768
#define MAX_SESSIONS 16

struct tty {
  char input[512];
  volatile u32 input_read, input_write;
  char output[TTY_SCROLLBACK];
  /* All characters ever written; the ring holds the last TTY_SCROLLBACK. */
  u64 written;
  struct task *volatile reader;
  /* Screen sessions only. */
  char name[32];
  struct task *session;
  u32 id;
  bool ended;
  /* Ctrl+C was typed while nobody edited a line; whoever runs looks for it. */
  volatile bool interrupted;
};

extern struct tty login_tty;

void console_start(void);
void console_interrupt(void);

void tty_write(struct tty *tty, const char *text, size_t length);
/* The next character, or -1 after deadline (counter value); 0 does not wait. */
int tty_read(struct tty *tty, u64 deadline);
bool tty_has_input(const struct tty *tty);
/* To the running task's terminal. */
void tprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sessions. start: NULL when there are too many. */
struct tty *screen_start(const char *name, void (*entry)(void *argument), void *argument);
struct tty *screen_find(const char *name);
/* Shows the session on the console until it is detached or has ended; true: detached. */
bool screen_attach(struct tty *tty);
void screen_list(void);
bool screen_attached(const struct tty *tty);

/*
 * Reads a line with editing, history and completion. False at Ctrl+D on an empty line.
 * complete: writes candidates for the word text into out (NUL-separated, ended by an empty one).
 */
struct line_options {
  const char *prompt;
  bool history;
  void (*complete)(const char *line, const char *word, char *out, u32 size);
};
bool line_read(char *line, u32 size, const struct line_options *options);

#endif
