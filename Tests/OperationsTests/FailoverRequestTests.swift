// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOConcurrencyHelpers
import Testing

@testable import Operations

/// What an operator asks for, before anything is sent.
@Suite struct FailoverRequestTests {
    @Test func nothingIsSentWithoutConfirmation() async throws {
        let fakes = try await FakeRegions()
        let bare = FailoverRequest(.planned, region: "west")
        let nobody = try await Operator(fakes)(bare)
        #expect(
            nobody.kind == .usage && nobody.kind.exitCode == 64
                && nobody.message.contains("--confirm west"))
        var alice = Operator(fakes)
        alice.typed = ["yes"]
        #expect(try await alice(bare).kind == .refused)
        alice.typed = []
        #expect(try await alice(bare).kind == .refused)
        #expect(fakes.world.requests == 0)
        alice.typed = ["west"]
        #expect(try await alice(bare).kind == .done)
        #expect(alice.told.withLockedValue { $0 }.contains { $0.hasPrefix("Could be lost: nothing") })
    }

    @Test func lossIsAcceptedInWords() async throws {
        let fakes = try await FakeRegions()
        fakes.change { $0.regions["east"]?.isSilent = true }
        let request = FailoverRequest(.forced, region: "west", acceptsLoss: true)
        var alice = Operator(fakes)
        for typed in [["west"], ["west", "yes"], ["accept loss", "west"]] {
            alice.typed = typed
            #expect(try await alice(request).kind == .refused)
        }
        #expect(fakes.world.requests == 0)
        let told = alice.told.withLockedValue { $0.joined(separator: " ") }.split(separator: " ")
            .joined(separator: " ")
        for words in [
            "Unreachable is not stopped", "the last block of east that is known is 1001",
            "peer 1 of east: HTTP 502", "heard it 7.0 s ago",
        ] {
            #expect(told.contains(words), "\(words): \(told)")
        }
        alice.typed = ["west", "accept loss"]
        #expect(try await alice(request).kind == .done)
    }

    @Test func aDryRunChangesNothingAndSaysWhetherItWouldBegin() async throws {
        let fakes = try await FakeRegions()
        let dry = FailoverRequest(.planned, region: "west", isDryRun: true)
        let outcome = try await Operator(fakes)(dry)
        #expect(outcome.kind == .wouldBegin && outcome.kind.exitCode == 0)
        let plan = try #require(outcome.plan)
        #expect(
            plan.lines.map(\.step).contains("activate") && plan.lines.allSatisfy { $0.deadlineMS > 0 })
        #expect(plan.loss.hasPrefix("nothing"))
        fakes.change { $0.regions["west"]?.isSilent = true }
        let refused = try await Operator(fakes)(dry)
        #expect(
            refused.kind == .refused && refused.kind.exitCode == 3 && refused.reason == "unreachable")
        #expect(fakes.world.requests == 0)
    }

    @Test func withoutAnOpenSwitchThereIsNothingToGoOnWith() async throws {
        let fakes = try await FakeRegions()
        let nothing = try await Operator(fakes)(FailoverRequest(.resume, region: nil))
        #expect(
            nothing.kind == .unchanged && nothing.message.contains("east is active"), "\(nothing.message)"
        )
        let west = try await Operator(fakes)(FailoverRequest(.resume, region: "west"))
        #expect(west.kind == .refused, "west is not active: \(west.message)")
        fakes.change { $0.regions["east"]?.isSilent = true }
        let unknown = try await Operator(fakes)(FailoverRequest(.resume, region: nil))
        #expect(unknown.kind == .unknown && unknown.kind.exitCode == 5, "\(unknown.message)")
        fakes.change { $0.regions["west"]?.isSilent = true }
        let none = try await Operator(fakes)(FailoverRequest(.resume, region: nil))
        #expect(none.kind == .unreachable && none.kind.exitCode == 69)
        #expect(fakes.world.requests == 0)
    }

    @Test func theActiveRegionIsLeftAlone() async throws {
        let fakes = try await FakeRegions()
        let outcome = try await Operator(fakes)(
            FailoverRequest(.planned, region: "east", confirmation: "east"))
        #expect(
            outcome.kind == .unchanged
                && outcome.message == "east is active already (epoch 3); nothing was done")
        let unknown = try await Operator(fakes)(
            FailoverRequest(.planned, region: "south", confirmation: "south"))
        #expect(unknown.kind == .usage && unknown.message == "there is no region south")
        #expect(fakes.world.requests == 0)
    }

    @Test func mistakesAreUsage() {
        #expect(FailoverRequest(.planned, region: nil).mistake?.contains("--region") == true)
        #expect(FailoverRequest(.forced, region: "west").mistake?.contains("--accept-loss") == true)
        #expect(
            FailoverRequest(.planned, region: "west", acceptsLoss: true).mistake?.contains("--force")
                == true)
        #expect(
            FailoverRequest(.planned, region: "west", confirmation: "east").mistake?.contains("east")
                == true)
        #expect(
            FailoverRequest(.resume, region: nil, isDryRun: true).mistake?.contains("--dry-run") == true)
        #expect(
            FailoverRequest(.resume, region: nil, confirmation: "x").mistake?.contains("--confirm")
                == true)
        #expect(FailoverRequest(.forced, region: "west", isDryRun: true).mistake == nil)
    }

    @Test func everyOutcomeHasItsExitCode() {
        let codes: [(FailoverOutcome.Kind, Int32)] = [
            (.done, 0), (.unchanged, 0), (.wouldBegin, 0), (.failed, 1), (.refused, 3), (.rolledBack, 4),
            (.unknown, 5),
            (.halfway, 6), (.usage, 64), (.unreachable, 69), (.denied, 77),
        ]
        for (kind, code) in codes { #expect(kind.exitCode == code) }
    }
}
