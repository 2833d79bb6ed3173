#!/bin/sh
# Measures the stores by turns. The directory must be on the disk in question (not tmpfs); about 12 GB are used.
#   ./run.sh [directory]
set -eu
cd "$(dirname "$0")"
place=$(mktemp -d "${1:-/var/tmp}/store-bench.XXXXXX")
build=${BUILD:-${TMPDIR:-/tmp}/store-bench-build}
trap 'rm -rf "$place"' EXIT

swift build -c release --static-swift-stdlib --scratch-path "$build"
programs=$(swift build -c release --static-swift-stdlib --scratch-path "$build" --show-bin-path)
bench=$programs/store-bench

# append: payload, batch, turns, commits per turn
while read -r payload batch turns commits; do
    "$bench" append "$place" "$payload" "$batch" "$turns" "$commits"
    rm -rf "${place:?}"/*
done <<END
256 1 200 25
256 16 100 20
4096 1 100 25
4096 16 50 20
262144 1 40 10
262144 16 10 4
END

# compact: payload, entries that go, entries per piece
while read -r payload entries piece; do
    "$bench" compact "$place" "$payload" "$entries" "$piece"
    rm -rf "${place:?}"/*
done <<END
256 7200 72
4096 7200 72
4096 7200 720
262144 1440 4
262144 1440 36
END

if command -v strace >/dev/null; then
    printf '\nsyncs within 2000 commits of 256 B, then 200 of 256 KB\n'
    "$bench" | grep -v floor | while read -r name; do
        for shape in "256 1 2000" "262144 1 200"; do
            mkdir "$place/syncs"
            # shellcheck disable=SC2086
            strace -f -y -o "$place/trace" -e trace=fdatasync,fsync,pwrite64,pwritev,writev,write,ftruncate \
                "$bench" commits "$place/syncs" "$name" $shape >/dev/null
            awk -v name="$name, $shape" '
                /write\(-1/ { inside = !inside; next }
                inside && /sync\(/ { if ($0 ~ /-wal>/) log_++; else main++ }
                inside && /write(v|64)?\(/ {
                    calls++; bytes += $NF
                    if ($0 ~ /pwrite64.*data.mdb>.*, 120, /) meta++
                }
                END { printf "  %-36s sync %d log, %d main; %d writes, %d MB; LMDB synchronous writes %d\n",
                    name, log_, main, calls, bytes / 1000000, meta }' "$place/trace"
            rm -rf "$place/syncs" "$place/trace"
        done
    done
fi

for shape in "100000 256" "1000000 256" "100000 4096" "7200 262144"; do
    printf '\nopen with %s entries of %s B\n' "${shape% *}" "${shape#* }"
    # shellcheck disable=SC2086
    "$bench" fill "$place" $shape
    du -sm "$place"/* | sed "s#$place/#MB #"
    for turn in 1 2 3; do
        for state in cold warm; do
            for pair in with-sqlite:sqliteexclusive/log with-grdb:sqliteexclusive/log with-lmdb:lmdb; do
                store=$place/${pair#*:}
                [ $state = warm ] || "$bench" forget "${store%/log}"/*
                printf '  %s, %s: ' "${pair%%:*}" "$state"
                "$programs/${pair%%:*}" "$store"
            done
        done
    done
    rm -rf "${place:?}"/*
done

printf '\nstatic programs, stripped: size in KB, memory when started in MB\n'
for name in nothing essentials sqlite lmdb yams grdb foundation; do
    strip -o "$place/with-$name" "$programs/with-$name"
    size=$(($(stat -c %s "$place/with-$name") / 1024))
    printf '  with-%-14s %6d  %s\n' "$name" "$size" "$("$place/with-$name")"
done
"$bench" start "$place"/with-*
