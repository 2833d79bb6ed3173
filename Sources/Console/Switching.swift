// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Glibc
import Operations

// A switch between regions outlives the session in which it was begun: it is carried out by a process of its own, which
// leaves a record. A session looks at the record, and stops looking whenever its operator wants.

extension Session {
    private static let lookMS = 100

    /// Shows the plan, asks for the region's name, and begins.
    /// - Parameter words: the command, written out.
    func carryOut(_ request: FailoverRequest, _ words: [String], _ ask: Ask) -> Int32 {
        var words = words
        switch request.purpose {
        case .planned, .forced, .drill:
            guard request.confirmation == nil else {
                return mistake(
                    "--confirm is for scripts: here the region's name is asked for", name: "usage", exitCode: 64)
            }
            let region = request.region ?? ""
            // The plan, and whether it would begin, by the same code.
            guard case .ready(let rehearsal) = table.prepare(words + ["--dry-run"], region: region) else {
                return mistake("this cannot be rehearsed")
            }
            let code = rehearsal.carryOut()
            if code != 0 || Invocation.current.isStopped || isActive(region) { return code }
            guard confirm(request.prompts(to: region), ask) else { return notConfirmed() }
            words += ["--confirm", region]
        case .resume, .rollBack:
            switch openSwitch(request) {
            case .failure(let refusal): return mistake(refusal.message, name: "no_such_switch", exitCode: 3)
            case .success(let open):
                let verb = request.purpose == .resume ? "Go on with" : "Undo"
                guard confirm("\(verb) \(open.words)?", ask) else { return notConfirmed() }
            }
        }
        guard isEnabled else { return notEnabledAnyMore() }
        return begin(words)
    }

    private struct Refusal: Error { var message: String }

    /// The one that is meant; there must be no doubt which.
    private func openSwitch(_ request: FailoverRequest) -> Result<SwitchDocument, Refusal> {
        guard let inspector = try? inspector(source, options.timeout, options.credentials, options.environment) else {
            return .failure(Refusal(message: "nothing was done: the credentials cannot be read"))
        }
        var open: [SwitchDocument] = []
        for found in ClusterView(inspector.inspectAndWait()).regions.compactMap(\.openSwitch)
        where request.region == nil || found.to == request.region {
            if !open.contains(where: { $0.id == found.id }) { open.append(found) }
        }
        guard let only = open.first else { return .failure(Refusal(message: "nothing was done: no switch is open")) }
        return open.count == 1
            ? .success(only) : .failure(Refusal(message: "nothing was done: several switches are open; give --region"))
    }

    /// Then nothing is to be done, as has been said.
    private func isActive(_ region: String) -> Bool {
        let inspector = try? inspector(source, options.timeout, options.credentials, options.environment)
        return inspector.map { ClusterView($0.inspectAndWait()).region(named: region)?.isActive == true } ?? false
    }

    /// - Parameter words: as on the command line.
    private func begin(_ words: [String]) -> Int32 {
        guard let folder = StateFolder.path(options.environment, inner: "switches") else {
            return mistake(
                "there is no folder for the switch's record; set XDG_STATE_HOME or HOME", name: "no_state_folder",
                exitCode: 1)
        }
        _ = SwitchRecord.all(in: folder)
        let stamp = Self.now().description.filter { $0.isNumber || $0 == "T" }
        var random = SystemRandomNumberGenerator()
        let path = "\(folder)/\(stamp)-\(String(random.next() as UInt32, radix: 36)).jsonl"
        // The plan was shown for these peers, so the switch is for these and no others.
        let peers = path + ".peers"
        do throws(NewFile.Failure) {
            let text = state.withLockedValue { $0.known }.document.json(.oneLine)
            try NewFile.write(peers) { write throws(NewFile.Failure) in try write(ArraySlice(text.utf8)) }
        } catch {
            return mistake("nothing was done: \(error)", name: "cannot_write", exitCode: 74)
        }
        let timeout = "\(Int(options.timeout / .milliseconds(1)))ms"
        let all =
            words + (Self.value(of: "--timeout", in: words) == nil ? ["--timeout", timeout] : [])
            + options.credentialWords + ["--record", path, "--known", peers]
        let child: pid_t
        do throws(SwitchProcess.Failure) {
            child = try SwitchProcess.start(all, environment: options.environment)
        } catch {
            unlink(peers)
            return mistake("nothing was done: \(error)", name: "cannot_start", exitCode: 1)
        }
        defer { SwitchProcess.reap(child) }
        // It makes its record before it does anything else.
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(10)
        while access(path, R_OK) != 0 {
            if clock.now > deadline || SwitchProcess.hasEnded(child) {
                unlink(peers)
                return mistake(
                    "the process that was to carry it out ended at once; prodha status shows how things are",
                    name: "cannot_start", exitCode: 5)
            }
            Pause.until(clock.now + .milliseconds(20), clock)
            if Invocation.current.isStopped { return stoppedLooking() }
        }
        return follow(path, process: child)
    }

    private func follow(_ path: String, process: pid_t? = nil) -> Int32 {
        var reader: SwitchRecord.Reader
        do throws(SwitchRecord.Failure) {
            reader = try SwitchRecord.Reader(path)
        } catch {
            return mistake("\(error)", name: "no_record", exitCode: 1)
        }
        defer { reader.end() }
        let clock = ContinuousClock()
        while true {
            let isAlive = process.map { !SwitchProcess.hasEnded($0) } ?? reader.isAlive
            for line in reader.next() {
                switch line {
                case .says(let text): note(text)
                case .ended(let document, let words, let code): return show(document, words, code)
                }
            }
            if Invocation.current.isStopped { return stoppedLooking() }
            if !isAlive {
                return mistake(
                    "its process ended without a word; failover --resume goes on with it, history shows what was done",
                    name: "outcome_unknown", exitCode: 5)
            }
            Pause.until(clock.now + .milliseconds(Self.lookMS), clock)
        }
    }

    private func show(_ document: String, _ words: String, _ code: Int32) -> Int32 {
        switch Invocation.current.usualFormat {
        case .json: _ = print(document + "\n")
        case .table, .yaml, .tsv:
            if code == 0 { _ = print(words + "\n") } else { _ = mistake(words, exitCode: code) }
        }
        return code
    }

    /// Progress, as a document where JSON is asked for.
    private func note(_ text: String) {
        Invocation.current.note(printable(text, limit: 2000), isJSON: Invocation.current.usualFormat == .json)
    }

    private func stoppedLooking() -> Int32 {
        Invocation.current.outlet.conclude(
            "stopped looking; the switch goes on: attach follows it, failover --rollback undoes it while it can be undone\n"
        )
        return 0
    }

    // MARK: - attach

    /// The switch of this machine that runs; else the one that is open in the logs; else the last one of this machine.
    func attach(_ gate: any Outlet & Stoppable) -> Int32 {
        let records = StateFolder.path(options.environment, inner: "switches").map { SwitchRecord.all(in: $0) } ?? []
        if let running = records.first(where: isAlive) { return follow(running) }
        let inspector: Inspector
        do throws(CredentialsError) {
            inspector = try self.inspector(source, options.timeout, options.credentials, options.environment)
        } catch {
            return mistake("\(error)", name: "credentials", exitCode: 78)
        }
        let view = ClusterView(inspector.inspectAndWait())
        if gate.isStopped { return 1 }
        if let open = view.regions.compactMap(\.openSwitch).first { return follow(open, inspector, gate) }
        if let last = records.first { return follow(last) }
        return mistake("no switch is running; history shows those that were", name: "no_such_switch", exitCode: 1)
    }

    private func isAlive(_ record: String) -> Bool {
        guard let reader = try? SwitchRecord.Reader(record) else { return false }
        defer { reader.end() }
        return reader.isAlive
    }

    /// A switch that somebody else carries out, as the regions' logs have it.
    private func follow(_ open: SwitchDocument, _ inspector: Inspector, _ gate: any Outlet & Stoppable) -> Int32 {
        note("\(open.words) is open; as the logs have it:")
        let clock = ContinuousClock()
        var said = ""
        while !gate.isStopped {
            let view = ClusterView(inspector.inspectAndWait())
            if gate.isStopped { break }
            let states = view.regions.map { region in
                let epoch = region.epoch.map { " (epoch \($0))" } ?? ""
                return "\(region.label) "
                    + (region.isActive == nil ? "tells nothing" : "is \(region.standingWords)\(epoch)")
            }.joined(separator: ", ")
            if states != said { note(states) }
            said = states
            let isOpen = view.regions.contains { $0.openSwitch?.id == open.id }
            if !isOpen, view.regions.contains(where: { $0.up > 0 }) { return ended(open, inspector) }
            Pause.until(clock.now + .milliseconds(500), clock)
        }
        return stoppedLooking()
    }

    private func ended(_ open: SwitchDocument, _ inspector: Inspector) -> Int32 {
        let entries = ActRunner(inspector).histories(region: nil).flatMap(\.entries)
        let own = entries.filter { $0.event == .failover && $0.act?.operation.hasPrefix(open.id) == true }
        guard let last = own.last(where: { $0.result != .open }) else {
            return show("attach", "\(open.words) has ended; history shows how")
        }
        return show("attach", "\(open.words) has ended: \(last.resultWords)")
    }
}

/// The process that carries out a switch, in a session of its own as POSIX has it, so that neither ^C nor the end of the
/// operator's terminal reaches it.
enum SwitchProcess {
    struct Failure: Error, CustomStringConvertible {
        var number: Int32
        var description: String { "its process cannot be started: \(String(cString: strerror(number)))" }
    }

    /// POSIX_SPAWN_SETSID of spawn.h, which Swift does not see.
    private static let newSession: Int16 = 0x80

    /// - Parameter words: those behind `prodha`.
    static func start(_ words: [String], environment: [String: String]) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var usual = sigset_t()
        sigfillset(&usual)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) | Self.newSession)
        let arguments = (["prodha"] + words).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var process: pid_t = 0
        let number = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, arguments, variables)
        guard number == 0 else { throw Failure(number: number) }
        return process
    }

    /// Whether it has ended. It stays a child until `reap`.
    static func hasEnded(_ process: pid_t) -> Bool {
        var information = siginfo_t()
        let result = waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
        return result != 0 || information._sifields._sigchld.si_pid == process
    }

    /// Lets it go, whether it has ended or not: one that runs on is nobody's burden once this process is gone.
    static func reap(_ process: pid_t) {
        var status: Int32 = 0
        _ = waitpid(process, &status, WNOHANG)
    }
}
