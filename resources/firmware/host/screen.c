/* The command screen: sessions with terminals of their own. */
#include "shell.h"
#include "tty.h"

static void session_command(void *line) {
  shell_run(line);
  heap_free(line);
}

static char *join(int argc, char **argv) {
  size_t length = 1;
  for (int i = 0; i < argc; i++)
    length += strlen(argv[i]) + 3;
  char *line = heap_alloc(length);
  char *at = line;
  for (int i = 0; i < argc; i++)
    at += snprintf(at, (size_t)(line + length - at), "%s'%s'", i ? " " : "", argv[i]);
  return line;
}

static int screen_usage(void) {
  tprintf("usage: screen [-md] [-S NAME] COMMAND... | -ls | -r [NAME]\n");
  return 2;
}

int command_screen(int argc, char **argv) {
  const char *name = NULL;
  bool detached = false;
  int i = 1;
  for (; i < argc && argv[i][0] == '-'; i++) {
    if (strcmp(argv[i], "-ls") == 0 || strcmp(argv[i], "-list") == 0) {
      screen_list();
      return 0;
    }
    if (strcmp(argv[i], "-r") == 0 || strcmp(argv[i], "-x") == 0) {
      if (task_self()->tty != &login_tty) {
        tprintf("Attach from inside of a session is not possible: Ctrl+A d first.\n");
        return 1;
      }
      struct tty *tty = screen_find(i + 1 < argc ? argv[i + 1] : "");
      if (!tty) {
        tprintf("There is no screen to be resumed%s%s.\n", i + 1 < argc ? " matching " : "", i + 1 < argc ? argv[i + 1] : "");
        return 1;
      }
      tprintf(screen_attach(tty) ? "[detached from %u.%s]\n" : "[screen is terminating]\n", tty->id, tty->name);
      return 0;
    }
    if (strcmp(argv[i], "-S") == 0 && i + 1 < argc)
      name = argv[++i];
    else if (strcmp(argv[i], "-md") == 0 || strcmp(argv[i], "-dm") == 0 || strcmp(argv[i], "-dmS") == 0 || strcmp(argv[i], "-mdS") == 0) {
      detached = true;
      if (argv[i][3] == 'S' && i + 1 < argc)
        name = argv[++i];
    } else if (strcmp(argv[i], "-d") == 0 || strcmp(argv[i], "-m") == 0)
      detached |= argv[i][1] == 'd';
    else
      return screen_usage();
  }
  if (i >= argc)
    return screen_usage();
  struct tty *tty = screen_start(name ? name : "tty", session_command, join(argc - i, argv + i));
  if (!tty || !tty->session) {
    tprintf("screen: there is no room for another session.\n");
    return 1;
  }
  if (!detached)
    tprintf(screen_attach(tty) ? "[detached from %u.%s]\n" : "[screen is terminating]\n", tty->id, tty->name);
  return 0;
}
