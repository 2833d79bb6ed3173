#!/usr/bin/env python3
# Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
"""What a shell offers where a user presses TAB: complete.py SHELL COMPLETIONS LINE...

Types each LINE at the prompt of a real, interactive SHELL (bash, zsh or fish) on a pseudo-terminal, has the shell write down
what it would offer there, and prints JSON: "offers", a list of words for each line, and "screen", all that was shown.
COMPLETIONS is the folder with the scripts. Keys are read in order, and each line waits for the file that the shell
writes, so nothing depends on how fast it is.
"""
import json
import os
import pty
import select
import shlex
import signal
import sys
import tempfile
import time

BOUND_S = 60

# What each shell is told first: the script, and that ^T writes what would be offered to a file, the word END at last.
BASH = """
source {scripts}/prodha.bash
bind 'set disable-completion off'
bind '"\\C-g": insert-completions'
__written() {{ printf '%s\\n' "$READLINE_LINE" END > {file}; READLINE_LINE=; }}
bind -x '"\\C-o": __written'
bind '"\\C-t": "\\C-g\\C-o"'
"""
ZSH = """
unsetopt prompt_cr prompt_sp beep
fpath=({scripts} $fpath)
autoload -U compinit && compinit -D -u
compadd() {{
    local -a found
    if [[ "${{@[1,(i)(-|--)]}}" != *-(O|A|D)\\ * ]]; then
        builtin compadd -O found "$@"
        (( $#found )) && print -rl -- $found >> {file}
    fi
    builtin compadd "$@"
}}
__written() {{ : > {file}; zle list-choices; print END >> {file}; zle kill-whole-line }}
zle -N __written
bindkey '^T' __written
"""
FISH = """
function fish_prompt; printf '> '; end
source {scripts}/prodha.fish
function __written; begin; complete -C; echo END; end > {file}; commandline ''; end
bind \\ct __written
"""
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], BASH),
    "zsh": (["zsh", "-f", "-i"], ZSH),
    "fish": (["fish", "--no-config", "-i"], FISH),
}


class Terminal:
    """A shell on a pseudo-terminal, and what it has shown."""

    def __init__(self, command):
        self.shown = b""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "dumb"
            os.execvp(command[0], command)

    def type(self, text):
        data = text.encode()
        while data:
            self.read(0)
            data = data[os.write(self.descriptor, data[:256]) :]

    def read(self, patience_s):
        while select.select([self.descriptor], [], [], patience_s)[0]:
            try:
                data = os.read(self.descriptor, 65536)
            except OSError:
                sys.exit(f"the shell has ended; it said:\n{self.shown.decode(errors='replace')}")
            self.shown += data
            patience_s = 0

    def wait(self, what, condition):
        end = time.monotonic() + BOUND_S
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"{what} did not come within {BOUND_S} s; the shell said:\n{self.shown.decode(errors='replace')}")
            self.read(0.02)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def words(shell, line, written):
    """The words that are offered, without descriptions."""
    if shell == "bash":
        # The line with all offers in the place of the word.
        before = line.rstrip(" ").rsplit(" ", 1)[0] if not line.endswith(" ") else line
        return shlex.split(written[0][len(before) :]) if written[0].strip() != line.strip() else []
    return [word.split("\t")[0] for word in written]


def main():
    shell, scripts, *lines = sys.argv[1:]
    command, setup = SHELLS[shell]
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "offers")
        start = os.path.join(folder, "setup")
        with open(start, "w", encoding="utf-8") as out:
            out.write(setup.format(scripts=shlex.quote(os.path.abspath(scripts)), file=shlex.quote(file)))
        terminal = Terminal(command)

        def written():
            if not os.path.exists(file):
                return None
            with open(file, encoding="utf-8") as text:
                content = text.read().splitlines()
            return content[:-1] if content[-1:] == ["END"] else None

        try:
            terminal.type(f"source {start}; echo END > {file}\r")
            terminal.wait("the prompt", lambda: written() is not None)
            begin = len(terminal.shown)
            offers = []
            for line in lines:
                os.remove(file)
                terminal.type(line + "\x14")
                terminal.wait(f"what is offered for {line!r}", lambda: written() is not None)
                offers.append(words(shell, line, written()))
            terminal.read(0)
        finally:
            terminal.end()
        print(json.dumps({"offers": offers, "screen": terminal.shown[begin:].decode(errors="replace")}))


main()
