// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Harness

// prodha beside real nodeos: three of them with one key, each with its prodha, and an ordinary nodeos outside, which sees
// the chain through the gates alone. Transactions flow all the time, no two alike, so that two blocks of one height
// differ.
//
// `GuardedChain` starts it all. Each round of a test does something to it and then asks `settles`: for every height one
// id on all nodeos and in all prodha logs, and the chain goes on. `OutsideWatch` looks at the outside node all the while:
// it must never change its mind about a block. ForkControlTests do the same to nodeos without a guard, which must fork:
// it shows that the tests can see a fork.
//
//     PRODHA_BINARY   the program; without it, `prodha` beside the test bundle
//     PRODHA_NODEOS   nodeos; without it, what `get-nodeos` brings
//     PRODHA_ROUNDS   how often each thing is done, 2 unless told
//     PRODHA_KEEP     keeps the files of a test that fails; `all`: of every test

/// One chain at a time: each is eight processes.
@Suite(
    .serialized, .timeLimit(.minutes(30)),
    .enabled("there is no nodeos: see Tests/Nodeos/README.md") { await Nodeos.isWanted() })
enum Guarded {}
