// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

@testable import Keys

/// Every block that a real nodeos signed is checked: plain ones, those that announce a schedule in the legacy field and in
/// the extension, and those that activate features.
@Suite struct BlockSignatureDigestTests {
    private func digests(_ blocks: [SignedBlock]) throws -> [Checksum256] {
        var chain = BlockSignatureDigest(initialKey: try PublicKey(text: Vectors.developmentLegacy))
        chain.start(with: try #require(blocks.first).previous)
        return blocks.map { chain.next($0.header, in: $0.bytes) }
    }

    @Test func recordedSignaturesNameTheProducersKey() throws {
        let blocks = try RecordedBlocks.read()
        #expect(blocks.count == 300)
        for (block, digest) in zip(blocks, try digests(blocks)) {
            #expect(block.signature.isCanonical, "block \(block.number)")
            let key = try PublicKey(recoveredFrom: block.signature, of: digest)
            #expect(key.description == Vectors.developmentLegacy, "block \(block.number)")
        }
    }

    /// The rule for nonces is nodeos's too, so its signatures and ours are the same bytes.
    @Test func signaturesAreThoseThatNodeosMade() throws {
        let blocks = try RecordedBlocks.read()
        let key = try PrivateKey(text: Vectors.developmentWIF)
        for (block, digest) in zip(blocks, try digests(blocks)) {
            #expect(try key.sign(digest) == block.signature, "block \(block.number)")
        }
    }

    @Test func theRecordingAnnouncesSchedulesInBothForms() throws {
        let blocks = try RecordedBlocks.read()
        #expect(blocks.contains { $0.header.newProducers != nil })
        #expect(blocks.contains { $0.header.extensions.contains { $0.kind == 1 } })
    }

    /// The tree as its definition says: level by level over all ids.
    @Test func theTreeGrowsIntoTheSameRootAsFromScratch() throws {
        var ids: [BlockID] = []
        var tree = BlockRootTree()
        #expect(tree.root == .zero)
        for block in try RecordedBlocks.read().prefix(70) {
            ids.append(block.id)
            tree.append(block.id)
            var level = ids.map { $0.checksum.bytes }
            while level.count > 1 {
                if level.count % 2 == 1, let last = level.last {
                    level.append(last)
                }
                level = stride(from: 0, to: level.count, by: 2).map { index in
                    var pair = level[index] + level[index + 1]
                    pair[0] &= 0x7f
                    pair[32] |= 0x80
                    return Checksum256.digest(pair).bytes
                }
            }
            #expect(tree.root.bytes == level[0], "\(ids.count) ids")
            #expect(tree.count == ids.count)
        }
    }
}
