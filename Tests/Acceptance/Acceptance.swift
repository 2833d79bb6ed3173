// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

// What the outside of prodha promises, tried on real processes, sockets and disks, without a look at the code behind.
//
// `Tests/Harness` starts the peers, plays the block producer and the HTTP client, and checks after each test that the
// peers' logs agree and that no acknowledged block is missing. A test never relies on how long something takes: it
// waits for what must come about, within generous bounds (`Bound`).
//
//     PRODHA_BINARY   the program; without it, `prodha` beside the test bundle
//     PRODHA_ROUNDS   how often the tests that kill do so, 2 unless told

/// One group at a time: two at once on two cores would make each other's elections fail.
@Suite(.serialized, .timeLimit(.minutes(5))) enum Acceptance {}
