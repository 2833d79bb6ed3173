// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import AMQP

/// No acknowledgement goes out before what was published before it is safe.
@Suite struct HeldAcknowledgementsTests {
    @Test func eachWaitsForWhatWasPublishedBeforeIt() {
        var held = HeldAcknowledgements()
        held.hold(1)
        #expect(held.release() == [1], "nothing was published")
        held.notePublication()
        held.notePublication()
        held.hold(2)
        held.notePublication()
        held.hold(3)
        #expect(held.release().isEmpty && !held.isEmpty)
        held.confirm(2, isMultiple: false)
        #expect(held.release().isEmpty, "the first is not confirmed")
        held.confirm(1, isMultiple: false)
        #expect(held.release() == [2])
        held.confirm(3, isMultiple: false)
        #expect(held.release() == [3] && held.isEmpty)
    }

    @Test func oneConfirmMayBeForMany() {
        var held = HeldAcknowledgements()
        for tag in UInt64(1)...5 {
            held.notePublication()
            held.hold(tag)
        }
        held.confirm(3, isMultiple: true)
        #expect(held.release() == [1, 2, 3])
        held.confirm(5, isMultiple: false)
        #expect(held.release().isEmpty, "in order")
        held.confirm(5, isMultiple: true)
        #expect(held.release() == [4, 5])
    }
}
