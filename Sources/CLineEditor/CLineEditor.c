// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#include "CLineEditor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

static le_handlers handlers;
static bool is_asking;
static bool was_pasted;
static bool is_installed;

// What is offered for the present word: the lines of one text.
static char *candidates;
static char *next_candidate;

static char *take_candidate(const char *text, int state) {
    (void)text;
    if (state == 0) next_candidate = candidates;
    if (!next_candidate || !*next_candidate) return NULL;
    char *end = strchr(next_candidate, '\n');
    size_t length = end ? (size_t)(end - next_candidate) : strlen(next_candidate);
    char *word = strndup(next_candidate, length);
    next_candidate += length + (end ? 1 : 0);
    return word;
}

static char **complete(const char *text, int start, int end) {
    rl_attempted_completion_over = 1;
    if (is_asking) return NULL;
    bool is_file = false;
    free(candidates);
    candidates = handlers.complete(rl_line_buffer, start, end, &is_file);
    if (is_file) {
        rl_attempted_completion_over = 0;
        return NULL;
    }
    return candidates ? rl_completion_matches(text, take_candidate) : NULL;
}

void le_print_above(const char *text) {
    rl_clear_visible_line();
    fputs(text, rl_outstream);
    fflush(rl_outstream);
    rl_on_new_line();
    rl_redisplay();
}

static int show_help(int count, int key) {
    if (is_asking) return rl_insert(count, key);
    char *text = handlers.help(rl_line_buffer, rl_point);
    if (!text) return rl_insert(count, key);
    // The line stays where it was typed, all its rows, and goes on below.
    int point = rl_point;
    rl_point = rl_end;
    rl_redisplay();
    rl_crlf();
    fputs(text, rl_outstream);
    fflush(rl_outstream);
    free(text);
    rl_point = point;
    rl_on_new_line();
    rl_redisplay();
    return 0;
}

static bool is_pasting;

static int take_paste(int count, int key) {
    was_pasted = true;
    is_pasting = true;
    int result = rl_bracketed_paste_begin(count, key);
    is_pasting = false;
    return result;
}

static int signal_source = -1;
// The rest of a paste comes at once, or not at all.
static const int paste_ms = 1000;

// A paste is read on until its end is seen. It ends without one where a signal is to be served, or where it breaks off.
static int read_key(FILE *stream) {
    while (is_pasting) {
        struct pollfd sources[] = {{fileno(stream), POLLIN, 0}, {signal_source, POLLIN, 0}};
        int ready = poll(sources, 2, paste_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready > 0 && sources[0].revents) break;
        return EOF;
    }
    return rl_getc(stream);
}

// The one from whose keys it is entered as such: pasted text may hold newlines, which enter nothing.
static void take_line(char *line) {
    bool pasted = was_pasted;
    was_pasted = false;
    // Gives the terminal back; without it a prompt would stand behind what the line prints.
    rl_callback_handler_remove();
    is_installed = false;
    handlers.line(line, pasted);
    free(line);
}

static void bind_where_free(Keymap map, const char *keys, rl_command_func_t *usual, rl_command_func_t *function) {
    int type = ISFUNC;
    rl_command_func_t *bound = rl_function_of_keyseq(keys, map, &type);
    // What the operator's inputrc binds stays.
    if (!bound || (type == ISFUNC && bound == usual)) rl_bind_keyseq_in_map(keys, function, map);
}

static int do_nothing(int count, int key) {
    (void)count;
    (void)key;
    return rl_ding();
}

// In callback mode readline 8.2 jumps to a frame that is gone when a key of a sequence has no function and the sequence
// began within another command, such as a search. So each key has one.
static void fill(const char *name) {
    Keymap map = rl_get_keymap_by_name(name);
    for (int key = 0; key < 256; key++) {
        if (map[key].type == ISFUNC && !map[key].function) map[key].function = do_nothing;
    }
}

void le_begin(const char *name, le_handlers given, int most_lines) {
    handlers = given;
    rl_readline_name = strdup(name);
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_attempted_completion_function = complete;
    rl_completer_quote_characters = "\"'";
    rl_basic_word_break_characters = " \t\n";
    rl_sort_completion_matches = 0;
    // Neither asks anything: a question would be waited for.
    rl_completion_query_items = -1;
    rl_variable_bind("page-completions", "off");
    rl_getc_function = read_key;
    rl_initialize();
    using_history();
    stifle_history(most_lines);
    Keymap maps[] = {rl_get_keymap_by_name("emacs-standard"), rl_get_keymap_by_name("vi-insert")};
    for (size_t place = 0; place < sizeof maps / sizeof *maps; place++) {
        bind_where_free(maps[place], "?", rl_insert, show_help);
        bind_where_free(maps[place], "\033[200~", rl_bracketed_paste_begin, take_paste);
    }
    fill("emacs-meta");
    fill("emacs-ctlx");
    fill("emacs-standard");
    fill("vi-insert");
    fill("vi-command");
    bind_where_free(rl_get_keymap_by_name("vi-command"), "\033[200~", rl_bracketed_paste_begin, take_paste);
}

void le_prompt(const char *prompt, bool is_question) {
    is_asking = is_question;
    was_pasted = false;
    is_installed = true;
    rl_callback_handler_install(prompt, take_line);
}

void le_rest(void) {
    if (is_installed) rl_callback_handler_remove();
    is_installed = false;
}

void le_read(void) {
    if (!is_installed) return;
    // What was there when the caller looked may be gone: ^C throws it away.
    struct pollfd source = {fileno(rl_instream), POLLIN, 0};
    if (poll(&source, 1, 0) > 0) rl_callback_read_char();
}

bool le_change_prompt(const char *prompt) {
    const int busy = RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_SEARCH | RL_STATE_COMPLETING | RL_STATE_NUMERICARG
        | RL_STATE_METANEXT | RL_STATE_MOREINPUT | RL_STATE_MULTIKEY | RL_STATE_CHARSEARCH | RL_STATE_VIMOTION;
    if (!is_installed || RL_ISSTATE(busy)) return false;
    rl_clear_visible_line();
    rl_set_prompt(prompt);
    rl_on_new_line();
    rl_redisplay();
    return true;
}

void le_drop_line(void) {
    if (!is_installed) return;
    rl_callback_sigcleanup();
    rl_free_line_state();
    rl_point = rl_end;
    rl_redisplay();
    fputs("^C\n", rl_outstream);
    fflush(rl_outstream);
    rl_free_undo_list();
    rl_replace_line("", 1);
    rl_callback_handler_remove();
    is_installed = false;
}

void le_resize(void) {
    if (is_installed) {
        rl_resize_terminal();
    } else {
        rl_reset_screen_size();
    }
}

static void catch_signal(int number, int flags);

void le_suspend(void) {
    if (is_installed) rl_deprep_terminal();
    // Not SIGSTOP: without a shell that could continue it, the kernel leaves it running.
    signal(SIGTSTP, SIG_DFL);
    raise(SIGTSTP);
    catch_signal(SIGTSTP, 0);
    if (!is_installed) return;
    rl_prep_terminal(1);
    rl_resize_terminal();
    rl_forced_update_display();
}

void le_remember(const char *line) {
    for (int place = history_length - 1; place >= 0; place--) {
        HIST_ENTRY *entry = history_get(history_base + place);
        if (entry && strcmp(entry->line, line) == 0) free_history_entry(remove_history(place));
    }
    add_history(line);
}

static volatile int signal_descriptor = -1;

static void note_signal(int number) {
    int kept = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t written = write(signal_descriptor, &byte, 1);
    (void)written;
    errno = kept;
}

static void catch_signal(int number, int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART | flags;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void le_watch_signals(int source, int descriptor) {
    signal_source = source;
    signal_descriptor = descriptor;
    catch_signal(SIGINT, 0);
    catch_signal(SIGWINCH, 0);
    catch_signal(SIGTSTP, 0);
    // The second one of these ends the process at once: a terminal that takes no output must not make it immortal.
    catch_signal(SIGTERM, SA_RESETHAND);
    catch_signal(SIGHUP, SA_RESETHAND);
    catch_signal(SIGQUIT, SA_RESETHAND);
}
