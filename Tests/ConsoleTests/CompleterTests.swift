// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Operations
import Testing

@testable import Console
@testable import Said

private let grammar = Grammar(
    commands: [
        .init("status", "Show every peer.", options: [.init(names: ["-w", "--watch"], help: "Again.", value: nil)]),
        .init(
            "transfer", "Move leadership.",
            options: [
                .init(names: ["--to"], help: "The new leader.", value: .peer),
                .init(names: ["--region"], help: "The region.", value: .region),
                .init(names: ["--reason"], help: "Why.", value: .text),
            ]),
        .init(
            "maintenance", "Keep a peer from leading.",
            arguments: [
                .init(name: "STATE", help: "Begin or end.", value: .words(["on", "off"])),
                .init(name: "PEER", help: "The peer.", value: .peer),
            ]),
        .init("log", "Show the log.", options: [.init(names: ["--from"], help: "First.", value: .index)]),
        .init(
            "validate", "Check files.",
            arguments: [.init(name: "FILE", help: "Files.", value: .file, isRepeating: true)]),
    ] + Session.ownCommands)

private func completer(_ reports: [PeerReport] = said(.follower(1), .leader(), .follower(3)) + standby("west"))
    -> Completer
{
    Completer(grammar: grammar, values: LiveValues(ClusterView(Inspection(reports: reports)), region: "east"))
}

private func said(_ said: Said...) -> [PeerReport] { said.map(\.report) }

@Suite struct CompleterTests {
    private func words(_ line: String, _ completer: Completer = completer()) -> [String] {
        completer.offer(line).candidates.map(\.word)
    }

    @Test func commandsAreOfferedByTheirBeginning() {
        #expect(words("t") == ["transfer", "timing"])
        #expect(words("").count == grammar.commands.count)
        #expect(words("nonsense") == [])
        #expect(words("nonsense ") == [])
    }

    @Test func optionsAreOfferedOnceEach() {
        #expect(words("transfer --") == ["--to", "--region", "--reason"])
        #expect(words("transfer --to 1 --re") == ["--region", "--reason"])
        #expect(words("tr --region east --re") == ["--reason"], "a short form is the command it stands for")
        #expect(words("status -") == ["--watch"])
    }

    @Test func valuesAreThoseThatAreAlive() {
        #expect(words("transfer --to ") == ["1", "2", "3"])
        #expect(words("transfer --region west --to ") == ["1", "2", "3"])
        #expect(words("transfer --region nowhere --to ") == [])
        #expect(words("transfer --region ") == ["east", "west"])
        #expect(words("transfer --region=w") == ["--region=west"])
        #expect(words("connect ") == ["1", "2", "3", "west/1", "west/2", "west/3"])
        #expect(words("maintenance o") == ["on", "off"])
        #expect(words("maintenance on ").prefix(3) == ["1", "2", "3"])
        #expect(words("log --from ") == ["120", "110", "20"])
        #expect(completer().offer("validate ").takesFile)
        #expect(completer().offer("validate a.json ").takesFile, "several are taken")
    }

    @Test func watchCompletesTheCommandInside() {
        #expect(words("watch 5 st") == ["status"])
        #expect(words("watch log --from ") == ["120", "110", "20"])
        #expect(words("watch status u") == ["until"])
        #expect(words("watch status until c") == ["changes"])
        #expect(words("watch status until ok ") == [])
    }

    @Test func helpTellsWhatIsWantedWhereNothingCanBeListed() {
        #expect(completer().help("transfer --reason ", width: 80) == "  TEXT  Why.\n")
        #expect(completer().help("maintenance ", width: 80) == "  on   Begin or end.\n  off  Begin or end.\n")
        #expect(completer().help("quit ", width: 80) == "  nothing that is known here can come next\n")
        let lines = completer().help("", width: 40).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 40 } && lines.count == grammar.commands.count)
    }

    @Test func aPeerThatIsDeadIsOfferedAndSaysSo() {
        let dead = completer([missing(1)] + said(.leader(), .follower(3)))
        let help = dead.help("transfer --to ", width: 80)
        #expect(help.contains("1  10.0.0.1:9988, does not answer") && help.contains("2  10.0.0.2:9988, leads"))
        #expect(words("transfer --to ", Completer(grammar: grammar, values: LiveValues())) == [])
    }

    @Test func shortFormsStandForOneThingOrNothing() throws {
        #expect(try grammar.command("st").name == "status")
        #expect(try grammar.command("log").name == "log")
        #expect(throws: Grammar.Ambiguity(word: "t", candidates: ["transfer", "timing"])) { try grammar.command("t") }
        #expect(throws: Grammar.Ambiguity(word: "", candidates: [])) { try grammar.command("") }
        let transfer = try grammar.command("transfer")
        #expect(try transfer.expanded(["--t", "2", "--reg=east"]) == ["--to", "2", "--region=east"])
        #expect(throws: Grammar.Ambiguity.self) { try transfer.expanded(["--re", "x"]) }
        #expect(try transfer.expanded(["--", "--re", "--unknown"]) == ["--", "--re", "--unknown"])
    }
}
