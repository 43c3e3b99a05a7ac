/* The shell: words, quotes, variables, `;`, `&&`, `&`, scripts. */
#include "shell.h"

#include "fs.h"
#include "tty.h"

enum { MAX_WORDS = 64, MAX_LINE = 1024 };
static const char PROMPT[] = "root@host:%s# ";

const char *variable_get(const char *name) {
  for (struct environment *at = task_self()->environment; at; at = at->next)
    if (strcmp(at->name, name) == 0)
      return at->value;
  return NULL;
}

void variable_set(const char *name, const char *value) {
  struct task *self = task_self();
  for (struct environment *at = self->environment; at; at = at->next)
    if (strcmp(at->name, name) == 0) {
      char *old = at->value;
      at->value = text_dup(value);
      heap_free(old);
      return;
    }
  struct environment *entry = heap_alloc(sizeof *entry);
  *entry = (struct environment){self->environment, text_dup(name), text_dup(value)};
  self->environment = entry;
}

static bool word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct words {
  char text[MAX_LINE * 2];
  u32 used;
  char *word[MAX_WORDS + 1];
  u32 count;
};

static void put(struct words *words, char character) {
  if (words->used < sizeof words->text - 1)
    words->text[words->used++] = character;
}

/* $NAME, ${NAME}, ${NAME:-default}, $?; returns what follows it. */
static const char *expand(struct words *words, const char *at, int status) {
  char name[64], number[16];
  u32 length = 0;
  if (*at == '?') {
    snprintf(number, sizeof number, "%d", status);
    for (const char *c = number; *c; c++)
      put(words, *c);
    return at + 1;
  }
  bool braces = *at == '{';
  at += braces;
  while (word_character(*at) && length < sizeof name - 1)
    name[length++] = *at++;
  name[length] = 0;
  if (!length) {
    put(words, '$');
    return at - braces;
  }
  const char *value = variable_get(name);
  if (braces) {
    const char *fallback = at[0] == ':' && at[1] == '-' ? at + 2 : NULL;
    const char *end = at;
    while (*end && *end != '}')
      end++;
    if (fallback && (!value || !*value)) {
      for (const char *c = fallback; c < end; c++)
        put(words, *c);
      value = NULL;
    }
    at = *end ? end + 1 : end;
  }
  for (; value && *value; value++)
    put(words, *value);
  return at;
}

enum separator { END_LINE, END_SEMICOLON, END_AND, END_OR, END_BACKGROUND };

/* Splits one command off *line. */
static enum separator split(const char **line, struct words *words, int status) {
  const char *at = *line;
  words->used = words->count = 0;
  enum separator separator = END_LINE;
  for (;;) {
    while (*at == ' ' || *at == '\t')
      at++;
    if (!*at || *at == '#' || (at[0] == '/' && at[1] == '/' && at[2] == ' ')) {
      at += strlen(at);
      break;
    }
    if (*at == ';') {
      separator = END_SEMICOLON;
      at++;
      break;
    }
    if (*at == '&' || (at[0] == '|' && at[1] == '|')) {
      separator = *at == '|' ? END_OR : at[1] == '&' ? END_AND : END_BACKGROUND;
      at += separator == END_BACKGROUND ? 1 : 2;
      break;
    }
    u32 start = words->used;
    char quote = 0;
    for (; *at && (quote || (*at != ' ' && *at != '\t' && *at != ';' && *at != '&'));) {
      if (quote && *at == quote) {
        quote = 0;
        at++;
      } else if (!quote && (*at == '"' || *at == '\'')) {
        quote = *at++;
      } else if (*at == '$' && quote != '\'') {
        at = expand(words, at + 1, status);
      } else if (*at == '\\' && quote != '\'' && at[1]) {
        put(words, at[1]);
        at += 2;
      } else
        put(words, *at++);
    }
    if (words->count < MAX_WORDS)
      words->word[words->count++] = words->text + start;
    put(words, 0);
  }
  words->word[words->count] = NULL;
  *line = at;
  return separator;
}

static const struct command *command_find(const char *name) {
  for (u32 i = 0; i < commands_count; i++)
    if (strcmp(commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}

static int run_script(const char *text) {
  char line[MAX_LINE];
  int status = 0;
  struct tty *tty = task_self()->tty;
  while (*text && !tty->interrupted) {
    u32 length = 0;
    while (*text && *text != '\n') {
      /* A backslash at the end joins the next line. */
      if (text[0] == '\\' && text[1] == '\n') {
        text += 2;
        continue;
      }
      if (length < sizeof line - 1)
        line[length++] = *text;
      text++;
    }
    line[length] = 0;
    text += *text == '\n';
    status = shell_run(line);
  }
  return status;
}

static int run_words(struct words *words) {
  char **argv = words->word;
  int argc = (int)words->count;
  /* NAME=value. */
  char *equals = argv[0];
  while (word_character(*equals))
    equals++;
  if (*equals == '=' && equals > argv[0] && argc == 1) {
    *equals = 0;
    variable_set(argv[0], equals + 1);
    return 0;
  }
  const struct command *command = NULL;
  if (!text_find(argv[0], "/"))
    command = command_find(argv[0]);
  if (!command) {
    struct node *node = text_find(argv[0], "/") ? fs_find(task_self()->cwd, argv[0]) : NULL;
    if (!node || node->kind != NODE_FILE) {
      tprintf("%s: %s\n", argv[0], node ? "is not a program" : "not found");
      return 127;
    }
    const char *text = (const char *)fs_data(node);
    if (!text || !node->executable || strncmp(text, "#!", 2) != 0) {
      tprintf("%s: not a program of this host\n", argv[0]);
      return 126;
    }
    if (strncmp(text, "#!builtin ", 10) != 0)
      return run_script(text);
    char name[32];
    u32 length = 0;
    for (text += 10; *text > ' ' && length < sizeof name - 1; text++)
      name[length++] = *text;
    name[length] = 0;
    command = command_find(name);
    if (!command)
      return 127;
  }
  return command->run(argc, argv);
}

static void background(void *argument) {
  int status = shell_run(argument);
  heap_free(argument);
  task_exit(status);
}

int shell_run(const char *line) {
  struct words *words = heap_alloc(sizeof *words);
  int status = 0;
  while (*line) {
    const char *start = line;
    enum separator separator = split(&line, words, status);
    if (words->count) {
      if (separator == END_BACKGROUND) {
        char *text = text_dup(start);
        text[line - start - 1] = 0;
        struct task *task = task_create("sh", background, text);
        if (task)
          tprintf("[%u]\n", task->id);
      } else
        status = run_words(words);
    }
    while ((separator == END_AND && status) || (separator == END_OR && !status))
      separator = *line ? split(&line, words, status) : END_LINE;
  }
  heap_free(words);
  return status;
}

static void add_candidate(char **out, const char *end, const char *head, size_t head_length, const char *name, bool folder) {
  size_t length = strlen(name);
  if (*out + head_length + length + 3 >= end)
    return;
  memcpy(*out, head, head_length);
  memcpy(*out + head_length, name, length);
  *out += head_length + length;
  if (folder)
    *(*out)++ = '/';
  *(*out)++ = 0;
}

static void complete(const char *line, const char *word, char *out, u32 size) {
  const char *end = out + size - 1;
  bool first = true;
  for (const char *at = line; at < word; at++)
    first &= *at == ' ';
  const char *slash = text_find_last(word, '/');
  if (first && !slash) {
    for (u32 i = 0; i < commands_count; i++)
      if (strncmp(commands[i].name, word, strlen(word)) == 0)
        add_candidate(&out, end, "", 0, commands[i].name, false);
  } else {
    char folder[256];
    size_t head = slash ? (size_t)(slash + 1 - word) : 0;
    snprintf(folder, MIN(sizeof folder, head + 1), "%s", word);
    struct node *node = head ? fs_find(task_self()->cwd, folder) : task_self()->cwd;
    const char *rest = word + head;
    if (node && node->kind == NODE_FOLDER)
      for (struct node *at = fs_children(node); at; at = at->next)
        if (strncmp(at->name, rest, strlen(rest)) == 0)
          add_candidate(&out, end, word, head, at->name, at->kind == NODE_FOLDER);
  }
  *out = 0;
}

static bool left;

int command_exit(int argc, char **argv) {
  left = true;
  return 0;
}

void shell_session(void) {
  char line[MAX_LINE], prompt[320], path[256];
  task_self()->cwd = fs_find(fs_root(), "/root");
  left = false;
  while (!left) {
    fs_path(task_self()->cwd, path, sizeof path);
    snprintf(prompt, sizeof prompt, PROMPT, strcmp(path, "/root") == 0 ? "~" : path);
    struct line_options options = {.prompt = prompt, .history = true, .complete = complete};
    if (!line_read(line, sizeof line, &options)) {
      tprintf("exit\n");
      return;
    }
    shell_run(line);
    task_self()->tty->interrupted = false;
  }
}
