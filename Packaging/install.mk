# make install DESTDIR= PREFIX=/usr/local: what a package installs; `uninstall` takes the same files away again.
# What is in Man, Completions, Config and Documentation goes along by its name.

PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/prodha
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
# Where the text of the licence goes; Debian has it elsewhere and wants no second copy.
LICENSEDIR ?= $(DOCDIR)
# The program to install.
PROGRAM ?= .build-static/prodha

UNIT := prodha@.service
SYSTEM := Config/$(UNIT) Config/prodha.sysusers Config/prodha.tmpfiles

# Pairs of a file and its place.
INSTALLED = $(PROGRAM):$(PREFIX)/bin/prodha \
    $(foreach page,$(wildcard Man/*.[1-9]),$(page):$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page))) \
    $(foreach file,$(wildcard Completions/*.bash),$(file):$(BASHDIR)/$(basename $(notdir $(file)))) \
    $(foreach file,$(wildcard Completions/_*),$(file):$(ZSHDIR)/$(notdir $(file))) \
    $(foreach file,$(wildcard Completions/*.fish),$(file):$(FISHDIR)/$(notdir $(file))) \
    $(foreach file,$(filter-out $(SYSTEM),$(wildcard Config/*)),$(file):$(DOCDIR)/examples/$(notdir $(file))) \
    $(foreach file,$(wildcard Documentation/*.md Documentation/*.svg),$(file):$(DOCDIR)/$(notdir $(file))) \
    $(if $(LICENSEDIR),LICENSE:$(LICENSEDIR)/LICENSE) \
    Config/$(UNIT):$(UNITDIR)/$(UNIT) \
    Config/prodha.sysusers:$(SYSUSERSDIR)/prodha.conf \
    Config/prodha.tmpfiles:$(TMPFILESDIR)/prodha.conf

.PHONY: install uninstall

install: $(PROGRAM)
	@set -e; for pair in $(INSTALLED); do \
	    mode=644; [ "$${pair%%:*}" != "$(PROGRAM)" ] || mode=755; \
	    echo "$(DESTDIR)$${pair##*:}"; \
	    install -D -m $$mode "$${pair%%:*}" "$(DESTDIR)$${pair##*:}"; \
	done
	@sed -i 's|^ExecStart=/usr/bin/|ExecStart=$(PREFIX)/bin/|' "$(DESTDIR)$(UNITDIR)/$(UNIT)"

uninstall:
	rm -f $(foreach pair,$(INSTALLED),"$(DESTDIR)$(lastword $(subst :, ,$(pair)))")
	@for directory in "$(DESTDIR)$(DOCDIR)/examples" "$(DESTDIR)$(DOCDIR)"; do \
	    [ ! -d "$$directory" ] || rmdir --ignore-fail-on-non-empty "$$directory"; \
	done

.build-static/prodha:
	$(MAKE) static
