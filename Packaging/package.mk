# make package: a Debian package for this machine's architecture, in .build-package, checked by lintian.
# make package-test: installs, upgrades and removes it in a Debian of its own, as root.

PACKAGE_PACKAGES := debhelper debootstrap dpkg-dev fakeroot lintian python3-seccomp systemd
# Behind the program's version, for another package of the same program.
DEB_SUFFIX ?=
DEB_VERSION = $(shell sed -n 's/.*static let current = "\(.*\)"/\1/p' Sources/Node/Settings.swift)$(DEB_SUFFIX)
DEB_MAINTAINER ?= the prodha authors <prodha@example.org>
DEB_PLACE := .build-package
DEB_TREE := $(DEB_PLACE)/source

.PHONY: package package-test package-packages deb

package: static
	$(MAKE) deb

# From the program that is there. The same program makes the same package, to the byte.
deb: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)
deb: package-packages $(PROGRAM)
	rm -rf $(DEB_TREE)
	mkdir -p $(DEB_TREE)
	cp -R Packaging/debian $(DEB_TREE)/debian
	sed -i 's/@MAINTAINER@/$(DEB_MAINTAINER)/' $(DEB_TREE)/debian/control $(DEB_TREE)/debian/copyright
	printf 'prodha (%s) stable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n' '$(DEB_VERSION)' '$(DEB_VERSION)' \
	    '$(DEB_MAINTAINER)' "$$(date -R -u -d @$(SOURCE_DATE_EPOCH))" > $(DEB_TREE)/debian/changelog
	cd $(DEB_TREE) && PRODHA_ROOT='$(CURDIR)' PRODHA_PROGRAM='$(abspath $(PROGRAM))' \
	    dpkg-buildpackage --build=binary --no-sign --no-pre-clean
	lintian --fail-on error,warning --tag-display-limit 0 $(DEB_PLACE)/prodha_$(DEB_VERSION)_*.deb

package-test: package
	$(MAKE) deb DEB_SUFFIX=+next
	$$([ "$$(id -u)" = 0 ] || echo sudo) Tests/Package/run $(DEB_PLACE)/prodha_$(DEB_VERSION)_*.deb $(DEB_PLACE)/prodha_$(DEB_VERSION)+next_*.deb

package-packages:
	@$(call install,$(PACKAGE_PACKAGES))
