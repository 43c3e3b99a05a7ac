/* Line editing: cursor keys, history, completion. */
#include "tty.h"

enum { HISTORY = 64, LINE = 512 };
static char *history[HISTORY];
static u32 history_count;

enum { KEY_UP = 0x100, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_DELETE, KEY_NONE };

struct edit {
  char *line;
  u32 size, length, cursor;
  const struct line_options *options;
};

static void out(const char *text) {
  tty_write(task_self()->tty, text, strlen(text));
}

static void redraw(const struct edit *edit) {
  out("\r");
  out(edit->options->prompt);
  tty_write(task_self()->tty, edit->line, edit->length);
  out("\033[K");
  if (edit->cursor < edit->length)
    tprintf("\033[%uD", edit->length - edit->cursor);
}

static int read_key(void) {
  struct tty *tty = task_self()->tty;
  int character = tty_read(tty, NEVER);
  if (character != 27)
    return character;
  u64 soon = now() + microseconds(50000);
  int second = tty_read(tty, soon);
  if (second != '[' && second != 'O')
    return KEY_NONE;
  int third = tty_read(tty, soon);
  switch (third) {
  case 'A':
    return KEY_UP;
  case 'B':
    return KEY_DOWN;
  case 'C':
    return KEY_RIGHT;
  case 'D':
    return KEY_LEFT;
  case 'H':
    return KEY_HOME;
  case 'F':
    return KEY_END;
  case '1':
  case '3':
  case '4':
  case '7':
  case '8':
    if (tty_read(tty, soon) != '~')
      return KEY_NONE;
    return third == '3' ? KEY_DELETE : third == '1' || third == '7' ? KEY_HOME : KEY_END;
  }
  return KEY_NONE;
}

static void insert(struct edit *edit, const char *text) {
  u32 count = (u32)strlen(text);
  if (edit->length + count >= edit->size)
    return;
  memmove(edit->line + edit->cursor + count, edit->line + edit->cursor, edit->length - edit->cursor);
  memcpy(edit->line + edit->cursor, text, count);
  bool at_end = edit->cursor == edit->length;
  edit->length += count;
  edit->cursor += count;
  if (at_end)
    out(text);
  else
    redraw(edit);
}

static void erase(struct edit *edit, u32 from, u32 to) {
  memmove(edit->line + from, edit->line + to, edit->length - to);
  edit->length -= to - from;
  edit->cursor = from;
  redraw(edit);
}

static void replace(struct edit *edit, const char *text) {
  edit->length = (u32)MIN(strlen(text), (size_t)edit->size - 1);
  memcpy(edit->line, text, edit->length);
  edit->cursor = edit->length;
  redraw(edit);
}

static void complete(struct edit *edit) {
  if (!edit->options->complete)
    return;
  char found[2048], line[LINE];
  u32 start = edit->cursor;
  while (start && edit->line[start - 1] != ' ')
    start--;
  memcpy(line, edit->line, edit->cursor);
  line[edit->cursor] = 0;
  edit->options->complete(line, line + start, found, sizeof found);
  u32 count = 0;
  size_t common = 0;
  for (const char *at = found; *at; at += strlen(at) + 1, count++) {
    if (!count)
      common = strlen(at);
    size_t same = 0;
    while (same < common && at[same] == found[same])
      same++;
    common = same;
  }
  size_t typed = edit->cursor - start;
  if (!count)
    return;
  if (common > typed || count == 1) {
    char more[LINE];
    size_t length = MIN(common, sizeof more - 2);
    memcpy(more, found, length);
    more[length] = 0;
    if (count == 1 && length && more[length - 1] != '/')
      memcpy(more + length, " ", 2);
    insert(edit, more + typed);
    return;
  }
  out("\n");
  for (const char *at = found; *at; at += strlen(at) + 1) {
    const char *slash = text_find_last(at, '/');
    tprintf("%s  ", slash && slash[1] ? slash + 1 : at);
  }
  out("\n");
  redraw(edit);
}

static void remember(const char *line) {
  if (!*line || (history_count && strcmp(history[(history_count - 1) % HISTORY], line) == 0))
    return;
  heap_free(history[history_count % HISTORY]);
  history[history_count++ % HISTORY] = text_dup(line);
}

static u32 word_start(const struct edit *edit) {
  u32 at = edit->cursor;
  while (at && edit->line[at - 1] == ' ')
    at--;
  while (at && edit->line[at - 1] != ' ')
    at--;
  return at;
}

bool line_read(char *line, u32 size, const struct line_options *options) {
  struct edit edit = {line, MIN(size, (u32)LINE), 0, 0, options};
  u32 shown = history_count;
  out(options->prompt);
  for (;;) {
    int key = read_key();
    switch (key) {
    case '\r':
    case '\n':
      out("\n");
      line[edit.length] = 0;
      if (options->history)
        remember(line);
      return true;
    case 4:
      if (!edit.length)
        return false;
      if (edit.cursor < edit.length)
        erase(&edit, edit.cursor, edit.cursor + 1);
      break;
    case 3:
      out("^C\n");
      line[0] = 0;
      task_self()->tty->interrupted = false;
      return true;
    case 8:
    case 127:
      if (edit.cursor)
        erase(&edit, edit.cursor - 1, edit.cursor);
      break;
    case KEY_DELETE:
      if (edit.cursor < edit.length)
        erase(&edit, edit.cursor, edit.cursor + 1);
      break;
    case 1:
    case KEY_HOME:
      edit.cursor = 0;
      redraw(&edit);
      break;
    case 5:
    case KEY_END:
      edit.cursor = edit.length;
      redraw(&edit);
      break;
    case 2:
    case KEY_LEFT:
      if (edit.cursor) {
        edit.cursor--;
        redraw(&edit);
      }
      break;
    case 6:
    case KEY_RIGHT:
      if (edit.cursor < edit.length) {
        edit.cursor++;
        redraw(&edit);
      }
      break;
    case 11:
      edit.length = edit.cursor;
      redraw(&edit);
      break;
    case 12:
      out("\033[H\033[2J");
      redraw(&edit);
      break;
    case 21:
      erase(&edit, 0, edit.cursor);
      break;
    case 23:
      erase(&edit, word_start(&edit), edit.cursor);
      break;
    case 16:
    case KEY_UP:
      if (options->history && shown && history_count - shown < HISTORY - 1 && history[(shown - 1) % HISTORY])
        replace(&edit, history[--shown % HISTORY]);
      break;
    case 14:
    case KEY_DOWN:
      if (options->history && shown < history_count)
        replace(&edit, ++shown < history_count ? history[shown % HISTORY] : "");
      break;
    case '\t':
      complete(&edit);
      break;
    default:
      if (key >= ' ' && key < 0x100)
        insert(&edit, (char[]){(char)key, 0});
    }
  }
}
