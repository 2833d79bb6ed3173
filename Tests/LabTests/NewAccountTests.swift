// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import Keys
import Testing

@testable import Lab

/// Against a transaction that another program built, in the way of one that a real nodeos took.
struct NewAccountTests {
    let info = NodeosInfo(
        chainID: "cf057bbfb72640471fd910bcb67639c22df9f92470936cddc1ade0e2f2e7dc4f",
        headID: "000000b6b5f77fb5c7996f6100112233445566778899aabbccddeeff00112233",
        headTime: "2026-11-24T15:58:30.000",
        irreversibleID: "000000b5b5f77fb5c7996f6100112233445566778899aabbccddeeff00112233")
    let packed =
        "62b4056bb500c7996f6100000000010000000000ea305500409e9a2264b89a010000000000ea305500000000a8ed3232660000000000ea"
        + "3055b00212098e634ccf01000000010002c0ded2bc1f1305fb0faac5e6c03ee3a1924234985427b6167ca569d13df435cf010000000100"
        + "0000010002c0ded2bc1f1305fb0faac5e6c03ee3a1924234985427b6167ca569d13df435cf0100000000"
    let digest = "124441ee5efb617b8117c28428cd3f0ea9000484cdd19f194982a47f7e57804c"

    @Test func theBytesAreThoseOfTheChain() throws {
        let key = try PrivateKey(text: DevelopmentKey.privateText)
        let reference = try #require(BlockID(hex: info.irreversibleID))
        let account = try NewAccount(
            account: Name("txaab3kd2c1f"), reference: reference, expiration: 1_795_535_970)
        let chain = try #require(Checksum256(hex: info.chainID))
        let bytes = try account.packed(owner: key.publicKey)
        #expect(Hex.encode(bytes) == packed)
        #expect(NewAccount.digest(chainID: chain, packed: bytes).description == digest)
    }

    @Test func whatIsSentIsSignedByTheDevelopmentKey() throws {
        let key = try PrivateKey(text: DevelopmentKey.privateText)
        let json = try #require(try TransactionFlow.transaction(Name("txaab3kd2c1f"), on: info, key))
        #expect(json.contains(#""packed_trx":"\#(packed)""#), "the expiration is a minute after the head")
        let signature = try #require(json.split(separator: "\"").first { $0.hasPrefix("SIG_K1_") })
        let signer = try PublicKey(
            recoveredFrom: Signature(text: signature), of: #require(Checksum256(hex: digest)))
        #expect(try signer == PublicKey(text: DevelopmentKey.publicText))
    }

    @Test func everyNumberHasANameOfItsOwn() throws {
        let numbers = [0, 1, 30, 31, 1_795_536_000_000, 1_795_536_000_001]
        let names = try numbers.map { try NewAccount.name(UInt64($0)).description }
        #expect(Set(names).count == numbers.count)
        #expect(names.allSatisfy { $0.count == 12 })
        #expect(names[0] == "txaaaaaaaaaa")
        #expect(names[3] == "txaaaaaaaaba")
    }

    @Test func anAnswerThatMakesNoSenseMakesNoTransaction() throws {
        var info = info
        info.headTime = "yesterday"
        let key = try PrivateKey(text: DevelopmentKey.privateText)
        #expect(try TransactionFlow.transaction(Name("a"), on: info, key) == nil)
    }
}
