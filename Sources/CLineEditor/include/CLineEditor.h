// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// GNU readline as the console uses it. Its variables and variadic functions cannot be used from Swift directly.
// One editor per process. Everything is for the thread that reads the keys, but for le_watch_signals' handler.

#ifndef PRODHA_LINE_EDITOR_H
#define PRODHA_LINE_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    /// A line was entered; NULL: the end of input. The line is freed afterwards.
    void (*line)(const char *line, bool was_pasted);
    /// What the word that ends at `end` of the line can be: one candidate a line, malloced; NULL for none.
    /// *is_file is set where file names are to be offered.
    char *(*complete)(const char *line, int start, int end, bool *is_file);
    /// What can come next, to be shown above the line, malloced; NULL: the key stands for itself.
    char *(*help)(const char *line, int point);
} le_handlers;

/// Before anything else: reads inputrc and binds the keys.
void le_begin(const char *name, le_handlers handlers, int most_lines);
/// Shows a prompt and takes keys. With `is_question` nothing is completed, and the answer is no line to be recalled.
void le_prompt(const char *prompt, bool is_question);
/// Gives the terminal back.
void le_rest(void);
/// A key is there to be read.
void le_read(void);
/// Another prompt, around what is being typed. False: not now, the prompt's place is in use.
bool le_change_prompt(const char *prompt);
/// Text of whole lines, above the line that is edited.
void le_print_above(const char *text);
/// Drops the line that is edited, with ^C shown behind it.
void le_drop_line(void);
void le_resize(void);
/// Stops the process as ^Z does, and goes on when it is continued.
void le_suspend(void);
/// Remembers a line, the latest place alone.
void le_remember(const char *line);

/// From now on each of SIGINT, SIGWINCH, SIGTSTP, SIGTERM, SIGHUP and SIGQUIT writes its number, a byte, to the descriptor;
/// `source` is where it can be read.
void le_watch_signals(int source, int descriptor);

#endif
