// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Configuration
import ProducerHA
import Raft

// The flag of the configuration files.

extension Node {
    /// Takes in the flag as the file has it now, at the start and at SIGHUP.
    func readFlag(_ isActive: Bool) {
        flagToRead = isActive
        takeInFlag()
    }

    /// An edit belongs to the epoch that stands when it is noticed, so this peer must know that first: what its store
    /// knew at the start may be behind.
    func takeInFlag() {
        guard let isActive = flagToRead, flags.record.lastRead == nil || replica.hasCaughtUp else { return }
        flagToRead = nil
        guard flags.read(isActive, epoch: replica.state.region.epoch) else { return }
        store.submit(.write(.flag(flags.record)))
        if flags.record.edit != nil {
            logger.notice(
                """
                is_active_raft_cluster was edited to \(isActive); it takes effect when \(settings.raft.quorum) peers \
                have the same edit
                """)
        }
    }

    /// Takes over what can change while the process runs, and says what cannot.
    func reload(_ configuration: Configuration) {
        if flags.record.lastRead == configuration.isActive {
            logger.notice("is_active_raft_cluster is \(configuration.isActive), as before")
        }
        readFlag(configuration.isActive)
        // The others need not wait for the next second.
        report()
        if configuration.fixedAtStart != settings.atStart.fixedAtStart {
            logger.warning("other settings of the file have changed too; they take effect at the next start")
        }
    }

    func followEditedFlags() {
        // Until it has the lease an earlier leader may still produce, whatever the log says.
        guard replica.raft.role == .leader, !replica.isShuttingDown, case .held = replica.raft.lease(at: Clock.now())
        else { return }
        guard var change = flags.change(of: replica.state.region, quorum: settings.raft.quorum) else {
            attachment?.withdrawActivationByFiles()
            return
        }
        if change.activity == .active, let objection = objectionToActivation() {
            attachment?.withdrawActivationByFiles()
            if flagObjection != objection.kind {
                flagObjection = objection.kind
                logger.error(
                    "a quorum edited is_active_raft_cluster to true, and this region stays standby: \(objection.why)")
            }
            return
        }
        flagObjection = nil
        if change.activity == .active { change.epoch = replica.regions.epochOfActivation(replica.state.region) }
        let editors = flags.editors(of: change, me: settings.raft.id).map(\.description)
        change.act = OperatorAct(
            operation: "files-\(change.epoch)", who: "configuration files",
            from: "peers \(editors.joined(separator: ", "))", reason: "is_active_raft_cluster was edited",
            at: Clock.unixMilliseconds())
        // Beside nodeos a region begins where the chain is now, not where its own head was.
        if change.activity == .active, let attachment {
            _ = attachment.begin(with: change, isForced: false, within: nil)
            return
        }
        if change.activity == .active {
            // While the other region's last block is on its way here, the next look finds it.
            guard case .success(let base) = baseWithoutNodeos() else { return }
            change.base = base
        }
        changeRegion(change)
    }
}
