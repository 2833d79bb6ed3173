// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// A disk in memory that loses power, fills up, fails and lies, as a VFS of SQLite. The same seed and the same calls give
// the same disk.
//
// What is read is what was written last, as from a system's page cache. What survives a cut of the power is less:
//
// - A file's contents up to its last sync, and of later writes and truncations what chance leaves, in sectors of 512
//   bytes. Bytes beside a write never change. A file may have grown without what was written there, and reads as zeros.
// - The name of a new file, and the end of a deleted one, once a sync made it durable: of the file itself, as ext4, XFS
//   and Btrfs do it, or of the directory, which SQLite's unix VFS syncs with the first sync of a log or journal that it
//   made and with a delete. There is one directory, and a sync of it covers all names. Else by chance.
// - A failed sync loses by chance, in pages, what it should have made durable, for good: a later sync does nothing for it,
//   though it is read as written until the power is cut, as on Linux.
//
// A disk, and all connections to it, are used by one thread at a time. Different disks share nothing.
// There is no shared memory, so a connection must say `locking_mode=EXCLUSIVE` before it has a write-ahead log.

#ifndef SIMULATED_DISK_H
#define SIMULATED_DISK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct simulated_disk simulated_disk;

/// An empty disk with power, registered as a VFS. NULL without memory.
simulated_disk *simulated_disk_make(uint64_t seed);

/// Takes the VFS out of SQLite's list. Connections that are open still can be closed, and do nothing else.
void simulated_disk_free(simulated_disk *disk);

/// The name of the VFS, as long as the disk is there.
const char *simulated_disk_vfs_name(const simulated_disk *disk);

/// What remains of all that no sync covered.
enum simulated_disk_survival {
    /// The process alone was killed: the system still has everything, and it is no more durable than before.
    SIMULATED_DISK_KEEP_CACHE,
    SIMULATED_DISK_KEEP_NOTHING,
    SIMULATED_DISK_KEEP_EVERYTHING,
    /// Each sector by chance, so later ones may be there without earlier ones.
    SIMULATED_DISK_KEEP_SECTORS,
    /// The changes of all files up to a random one, of which random sectors survive.
    SIMULATED_DISK_KEEP_PREFIX,
};

/// Cuts the power during the operation (creation, write, truncation, sync, deletion) after `operations` more of them.
/// That one and all else then fail with SQLITE_IOERR until the power is back. Negative calls it off.
void simulated_disk_cut_power_after(simulated_disk *disk, int64_t operations);

/// Cuts it at once.
void simulated_disk_cut_power_now(simulated_disk *disk);

bool simulated_disk_has_power(const simulated_disk *disk);

/// Gives power again, after a cut that comes now if there was none, and calls off one that was still to come.
/// Connections that were open belong to a process that is gone: all they do fails, but for closing.
void simulated_disk_restore_power(simulated_disk *disk, enum simulated_disk_survival survival);

/// Bytes by which files may still grow; -1 for no bound, which is so at first. What is cut off or deleted adds to it.
void simulated_disk_set_room(simulated_disk *disk, int64_t bytes);

/// Fails the `number`th sync from now, counted from 1, with SQLITE_IOERR_FSYNC; 0 for none.
void simulated_disk_fail_sync(simulated_disk *disk, int64_t number);

/// A lying disk answers syncs well and does nothing.
void simulated_disk_set_lying(simulated_disk *disk, bool lies);

struct simulated_disk_counters {
    /// Bytes and calls since the disk was made; `operations` are all that count for a cut of the power.
    int64_t operations, writes, syncs, bytes_written;
};

struct simulated_disk_counters simulated_disk_counters(const simulated_disk *disk);

/// A number from the disk's own generator (SplitMix64).
uint64_t simulated_disk_random(simulated_disk *disk);

// Files from outside, without counting as operations.

/// Bytes in the file; -1 when there is none.
int64_t simulated_disk_size(const simulated_disk *disk, const char *name);

/// The file's contents as they are read now, good until the next call; NULL when there is none or it is empty.
const uint8_t *simulated_disk_contents(const simulated_disk *disk, const char *name);

/// Makes or replaces a file, durable. False without memory.
bool simulated_disk_put(simulated_disk *disk, const char *name, const uint8_t *bytes, int64_t count);

/// Deletes a file, durably.
void simulated_disk_remove(simulated_disk *disk, const char *name);

#endif
