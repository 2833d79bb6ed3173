// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Operations

/// The commands of the command line, as a session uses them.
public protocol CommandTable: Sendable {
    /// Their names and what each is for; at once.
    var names: [Grammar.Command] { get }
    /// With their options and arguments. Takes some 50 ms.
    func described() -> [Grammar.Command]
    /// Reads a command without carrying it out.
    /// - Parameter region: that which questions are about.
    func prepare(_ words: [String], region: String) -> Preparation
}

/// What became of reading a command.
public enum Preparation {
    case ready(PreparedCommand)
    /// Nothing is to be done but to show this.
    case text(String)
    /// It makes no sense; the words say why.
    case mistake(String, exitCode: Int32)
}

/// A command that can be carried out.
public struct PreparedCommand {
    /// As they were given.
    public var words: [String]
    public var caution: Caution
    /// It looks, ends, and leaves nothing behind.
    public var canBeWatched: Bool
    /// Carries it out under `Invocation.current`, prints everything, and returns the exit code.
    public var carryOut: () -> Int32

    public init(words: [String], caution: Caution, canBeWatched: Bool, carryOut: @escaping () -> Int32) {
        self.words = words
        self.canBeWatched = canBeWatched
        self.caution = caution
        self.carryOut = carryOut
    }
}

/// What has to be asked before a command is carried out.
public enum Caution: Hashable, Sendable {
    /// It changes nothing.
    case none
    /// It can be undone: a yes is enough.
    case yes(question: String)
    /// It cannot: these words are to be typed.
    case typed([FailoverPrompt])
    /// A switch between regions, which goes on when the session ends.
    case `switch`(FailoverRequest)
}

/// What the command line says about a session.
public struct SessionOptions: Sendable {
    public var environment: [String: String]
    public var source: PeerSource
    public var credentials: CredentialChoice
    /// The words that another process needs to show the same credentials.
    public var credentialWords: [String]
    /// A peer's id, `region/id` or API.
    public var peer: String?
    public var timeout: Duration
    public var format: OutputFormat
    public var isColoured: Bool
    /// Nothing is kept of what contains them.
    public var secrets: [String]
    public var transcript: String?
    public var version: String

    public init(
        environment: [String: String], source: PeerSource, credentials: CredentialChoice, credentialWords: [String],
        peer: String?, timeout: Duration, format: OutputFormat, isColoured: Bool, secrets: [String],
        transcript: String?, version: String
    ) {
        self.environment = environment
        self.source = source
        self.credentials = credentials
        self.credentialWords = credentialWords
        self.peer = peer
        self.timeout = timeout
        self.format = format
        self.isColoured = isColoured
        self.secrets = secrets
        self.transcript = transcript
        self.version = version
    }
}
