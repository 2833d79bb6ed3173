// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// How a command prints its result.
public enum OutputFormat: String, CaseIterable, Sendable {
    case table, json, yaml, tsv
}

/// A view in one of the formats.
public struct StatusReport: Sendable {
    /// One result, or one of a row of results on one stream.
    public enum Series: Sendable { case single, repeated }

    public var format: OutputFormat
    public var style: Style

    public init(format: OutputFormat, style: Style = .plain) {
        self.format = format
        self.style = style
    }

    /// - Parameter width: for the table.
    public func text(_ view: ClusterView, width: Int, series: Series = .single) -> String {
        switch (format, series) {
        case (.table, .single): StatusScreen(width: width, style: style).lines(view).map { $0 + "\n" }.joined()
        case (.table, .repeated): text(view, width: width) + "\n"
        case (.json, .single): view.document.json() + "\n"
        // One line each, for readers that take one document per line.
        case (.json, .repeated): view.document.json(.oneLine) + "\n"
        case (.yaml, .single): view.document.yaml()
        case (.yaml, .repeated): "---\n" + view.document.yaml()
        case (.tsv, .single): view.tsv
        case (.tsv, .repeated): view.tsv + "\n"
        }
    }
}
