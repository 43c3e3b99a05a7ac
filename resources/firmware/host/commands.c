/* Commands of the shell that need no file of their own. */
#include "fs.h"
#include "sha2.h"
#include "shell.h"
#include "tty.h"
#include "vmm/vmm.h"

static int usage(const char *text) {
  tprintf("usage: %s\n", text);
  return 2;
}

static struct node *need(const char *command, const char *path) {
  struct node *node = fs_find(task_self()->cwd, path);
  if (!node)
    tprintf("%s: %s: No such file or directory\n", command, path);
  return node;
}

static int command_help(int argc, char **argv) {
  for (u32 i = 0; i < commands_count; i++)
    tprintf("  %-9s %s\n", commands[i].name, commands[i].help);
  return 0;
}

static int command_dmesg(int argc, char **argv) {
  dmesg();
  return 0;
}

static int command_free(int argc, char **argv) {
  u64 total = pages_total() * 4, used = pages_used() * 4, realms = realm_pages() * 4;
  tprintf("%15s %11s %11s %11s\n", "total", "used", "free", "in realms");
  tprintf("Mem: %10lu %11lu %11lu %11lu\n", total, used, total - used, realms);
  return 0;
}

static int command_echo(int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    tprintf("%s%s", argv[i], i + 1 < argc ? " " : "");
  tprintf("\n");
  return 0;
}

static void list_entry(const struct node *node, bool lengthy) {
  static const char kinds[] = {'d', '-', 'b', 'l'};
  if (lengthy)
    tprintf("%c%s %10lu %s\n", kinds[node->kind], node->executable || node->kind == NODE_FOLDER ? "r-x" : "r--", node->size, node->name);
  else
    tprintf("%s%s\n", node->name, node->kind == NODE_FOLDER ? "/" : node->executable ? "*" : "");
}

static int command_ls(int argc, char **argv) {
  bool lengthy = false, hidden = false;
  const char *path = ".";
  for (int i = 1; i < argc; i++)
    if (argv[i][0] == '-') {
      lengthy |= text_find(argv[i], "l") != NULL;
      hidden |= text_find(argv[i], "a") != NULL;
    } else
      path = argv[i];
  struct node *node = need("ls", path);
  if (!node)
    return 1;
  if (node->kind != NODE_FOLDER) {
    list_entry(node, lengthy);
    return 0;
  }
  u32 column = 0;
  for (struct node *at = fs_children(node); at; at = at->next) {
    if (at->name[0] == '.' && !hidden)
      continue;
    if (lengthy)
      list_entry(at, true);
    else
      tprintf("%-22s%s", at->name, ++column % 3 ? "" : "\n");
  }
  if (!lengthy && column % 3)
    tprintf("\n");
  return 0;
}

static int command_cd(int argc, char **argv) {
  struct node *node = need("cd", argc > 1 ? argv[1] : "/root");
  if (!node || node->kind != NODE_FOLDER) {
    if (node)
      tprintf("cd: %s: Not a directory\n", argv[1]);
    return 1;
  }
  task_self()->cwd = node;
  return 0;
}

static int command_pwd(int argc, char **argv) {
  char path[256];
  fs_path(task_self()->cwd, path, sizeof path);
  tprintf("%s\n", path);
  return 0;
}

static int command_cat(int argc, char **argv) {
  int status = 0;
  for (int i = 1; i < argc; i++) {
    struct node *node = need("cat", argv[i]);
    const u8 *data = NULL;
    if (node && node->show) {
      node->show();
      continue;
    }
    if (node && node->kind == NODE_FILE)
      data = fs_data(node);
    else if (node)
      tprintf("cat: %s: Is not a file\n", argv[i]);
    if (!data) {
      status = 1;
      continue;
    }
    for (u64 at = 0; at < node->size; at += 512)
      tty_write(task_self()->tty, (const char *)data + at, MIN(node->size - at, 512UL));
  }
  return status;
}

static int command_mount(int argc, char **argv) {
  const char *type = "auto", *words[2];
  u32 count = 0;
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "-t") == 0 && i + 1 < argc)
      type = argv[++i];
    else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
      i++;
    else if (count < 2)
      words[count++] = argv[i];
  if (!count) {
    fs_mounts();
    return 0;
  }
  if (count < 2)
    return usage("mount [-t ext2|ext4|9p] [-o OPTIONS] SOURCE FOLDER");
  const char *problem = fs_mount(words[0], fs_find(task_self()->cwd, words[1]), type);
  if (problem)
    tprintf("mount: %s: %s.\n", strcmp(problem, "special device does not exist") == 0 ? words[0] : words[1], problem);
  return problem ? 32 : 0;
}

static int command_umount(int argc, char **argv) {
  if (argc != 2)
    return usage("umount FOLDER");
  struct node *at = fs_find(task_self()->cwd, argv[1]);
  for (struct node *node = task_self()->cwd; node && at; node = node->parent)
    if (at->mounted && (node == at || node == at->mounted)) {
      tprintf("umount: %s: target is busy.\n", argv[1]);
      return 32;
    }
  const char *problem = fs_unmount(at);
  if (problem)
    tprintf("umount: %s: %s.\n", argv[1], problem);
  return problem ? 32 : 0;
}

static int command_export(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *equals = argv[i];
    while (*equals && *equals != '=')
      equals++;
    if (*equals) {
      *equals = 0;
      variable_set(argv[i], equals + 1);
    }
  }
  if (argc == 1)
    for (struct environment *at = task_self()->environment; at; at = at->next)
      tprintf("export %s='%s'\n", at->name, at->value);
  return 0;
}

static void show_task(const struct task *task, void *argument) {
  static const char *const states[] = {"-", "ready", "running", "waiting", "-"};
  char core[8] = "-";
  if (task->state == TASK_RUNNING)
    snprintf(core, sizeof core, "%u", task->cpu->index);
  tprintf("%5u  %-8s %4s  %s\n", task->id, states[task->state], core, task->name);
}

static int command_ps(int argc, char **argv) {
  tprintf("%5s  %-8s %4s  %s\n", "id", "state", "core", "task");
  tasks_each(show_task, NULL);
  return 0;
}

static int command_uname(int argc, char **argv) {
  tprintf("%s\n", argc > 1 && strcmp(argv[1], "-a") == 0 ? "Trireme trireme " HOST_VERSION " EL2 SMP aarch64" : "Trireme");
  return 0;
}

static int command_sleep(int argc, char **argv) {
  u64 seconds;
  if (argc != 2 || !text_number(argv[1], &seconds, NULL))
    return usage("sleep SECONDS");
  task_sleep_us(seconds * 1000000);
  return 0;
}

static int command_poweroff(int argc, char **argv) {
  tprintf("The system is going down NOW!\n");
  vmm_stop_all();
  tprintf("Requesting system poweroff\n");
  power_off();
}

static int command_reboot(int argc, char **argv) {
  tprintf("The system is going down NOW!\n");
  vmm_stop_all();
  tprintf("Requesting system reboot\n");
  power_reset();
}

static int command_clear(int argc, char **argv) {
  tprintf("\033[H\033[2J");
  return 0;
}

static int command_sha256sum(int argc, char **argv) {
  int status = 0;
  for (int i = 1; i < argc; i++) {
    struct node *node = need("sha256sum", argv[i]);
    const u8 *data = node && node->kind == NODE_FILE ? fs_data(node) : NULL;
    u8 digest[32];
    if (!data) {
      status = 1;
      continue;
    }
    sha256(data, node->size, digest);
    for (u32 byte = 0; byte < sizeof digest; byte++)
      tprintf("%02x", digest[byte]);
    tprintf("  %s\n", argv[i]);
  }
  return status;
}

static int command_true(int argc, char **argv) {
  return 0;
}

const struct command commands[] = {
  {"attack", "attack read|write NAME|ADDRESS [dma|unchecked|mecid N]: what the host can do to a realm's memory", command_attack},
  {"cat", "cat FILE...: shows files", command_cat},
  {"cd", "cd [FOLDER]", command_cd},
  {"clear", "clears the screen", command_clear},
  {"dmesg", "shows the host's log", command_dmesg},
  {"echo", "echo WORD...", command_echo},
  {"exit", "leaves the shell", command_exit},
  {"export", "export NAME=VALUE: sets a variable", command_export},
  {"free", "shows memory", command_free},
  {"help", "shows this list", command_help},
  {"lkvm", "lkvm run|list|stop: virtual machines and realms (lkvm run --help)", command_lkvm},
  {"ls", "ls [-la] [PATH]", command_ls},
  {"mount", "mount [-t TYPE] SOURCE FOLDER: /dev/vda2 is the disk with the guests; 9p: SOURCE is the share's tag", command_mount},
  {"poweroff", "ends all guests and powers off", command_poweroff},
  {"ps", "shows tasks", command_ps},
  {"pwd", "shows the folder", command_pwd},
  {"reboot", "ends all guests and resets the machine", command_reboot},
  {"rmi", "rmi NAME|FID [ARGUMENT...]: a raw call of the Realm Management Interface", command_rmi},
  {"screen", "screen [-md] [-S NAME] COMMAND..., screen -ls, screen -r NAME (Ctrl+A d detaches)", command_screen},
  {"sha256sum", "sha256sum FILE...", command_sha256sum},
  {"sleep", "sleep SECONDS", command_sleep},
  {"true", "does nothing", command_true},
  {"umount", "umount FOLDER", command_umount},
  {"uname", "uname [-a]", command_uname},
};
const u32 commands_count = ARRAY_SIZE(commands);
