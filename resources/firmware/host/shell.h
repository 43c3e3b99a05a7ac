#ifndef SHELL_H
#define SHELL_H

#include "host.h"

/* A login's shell: returns when it is left. */
void shell_session(void);
/* Runs one command line and returns its status. */
int shell_run(const char *line);
/* A variable of the running task; NULL: not set. */
const char *variable_get(const char *name);
void variable_set(const char *name, const char *value);

struct command {
  const char *name;
  const char *help;
  int (*run)(int argc, char **argv);
};
extern const struct command commands[];
extern const u32 commands_count;

int command_exit(int argc, char **argv);
int command_lkvm(int argc, char **argv);
int command_rmi(int argc, char **argv);
int command_attack(int argc, char **argv);
int command_screen(int argc, char **argv);

#endif
