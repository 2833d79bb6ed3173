// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Throwaway certificates for the TLS tests, valid for a hundred years. Made with OpenSSL, curve P-256:
// two authorities, `root` and `other`; bp01 (/C=CH/O=example/CN=bp01) and bp02 (/O=Zürich & Söhne/CN=bp02 with the
// alternative names bp02.example, 127.0.0.1 and ::1) signed by root; foreign (/CN=bp02) signed by other.
import Foundation
import Transport

enum Certificates {
    static let root = """
        -----BEGIN CERTIFICATE-----
        MIIBdTCCARugAwIBAgIUKiSNMfdanErxJ6vsKcWqQIT28C4wCgYIKoZIzj0EAwIw
        DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjMwMjU3MDBaGA8yMTI2MTAzMDAyNTcw
        MFowDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCZR
        9igTLcj4JA4Lpss7QdrqGgRMQ5QmZz2AOteBsXbc5MLQs6hYgJpEyWpMeH5BSSSt
        zF/gqReU2xUh8u+5AASjUzBRMB0GA1UdDgQWBBRWG0+0QVWcJTBSUHnBsJW/pycZ
        HzAfBgNVHSMEGDAWgBRWG0+0QVWcJTBSUHnBsJW/pycZHzAPBgNVHRMBAf8EBTAD
        AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDqgF4nPHX9HAHIM5INAQkVqN7aGufXqwBi
        YOBwgOXzPgIgOLJ6YjbMZyLqmRUQNssIEcOJqW6zzLr6XZERgvAWpEE=
        -----END CERTIFICATE-----
        """

    static let other = """
        -----BEGIN CERTIFICATE-----
        MIIBfzCCASWgAwIBAgIUYXDlwIYpEnw8uyXg5+bloqIyoPswCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJb3RoZXJSb290MCAXDTI2MTEyMzAyNTcwMFoYDzIxMjYxMDMw
        MDI1NzAwWjAUMRIwEAYDVQQDDAlvdGhlclJvb3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAATAueNEcH0zf386nQfTXQDpRoeovMqS8AsbH+5Zn5UslVr3rm/ELEkb
        iXROYgQ+uBC74Z6jDHO0hTkXVi2hAsolo1MwUTAdBgNVHQ4EFgQUQ1+l4Znveyb4
        hXaRchRir+EdAHgwHwYDVR0jBBgwFoAUQ1+l4Znveyb4hXaRchRir+EdAHgwDwYD
        VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAPlwU5LjYA+HsQxE2iMS2W
        cz+ZE4BmmGDBZE2M7MhQOQIhAP1wl/xo77P8eNBjFAMbV0Lx9//Om3g9vWfQN9zy
        raPs
        -----END CERTIFICATE-----
        """

    static let bp01 = """
        -----BEGIN CERTIFICATE-----
        MIIBjjCCATSgAwIBAgIUHpK0sIRg+f7uvGfMmDES7WOHjr4wCgYIKoZIzj0EAwIw
        DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjMwMjU3MDBaGA8yMTI2MTAzMDAyNTcw
        MFowLjELMAkGA1UEBhMCQ0gxEDAOBgNVBAoMB2V4YW1wbGUxDTALBgNVBAMMBGJw
        MDEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQk9mrRQvfsKMVI6LsgQrzAs848
        aUmiNSlfr/Iq2q/Dm0wH3l3MSzQzy3w82S2D279+UBOcqBztJZt6rarZKLaDo00w
        SzAJBgNVHRMEAjAAMB0GA1UdDgQWBBQah1Iah5lhp5/KX4eU2yh5DuLlcDAfBgNV
        HSMEGDAWgBRWG0+0QVWcJTBSUHnBsJW/pycZHzAKBggqhkjOPQQDAgNIADBFAiEA
        la65cbIUcj+MbLUbeHIq5idn3WXPisggDqc8oCbCadICIEefAl1zPOjgChrQbO02
        JUGqCkgXATGeItA1IG/STved
        -----END CERTIFICATE-----
        """

    static let bp01Key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1QochGBzyYjOoUSc
        QguW5gkQ08Cf2/fi8XHeV2rjuJKhRANCAAQk9mrRQvfsKMVI6LsgQrzAs848aUmi
        NSlfr/Iq2q/Dm0wH3l3MSzQzy3w82S2D279+UBOcqBztJZt6rarZKLaD
        -----END PRIVATE KEY-----
        """

    static let bp02 = """
        -----BEGIN CERTIFICATE-----
        MIIBrzCCAVagAwIBAgIUHpK0sIRg+f7uvGfMmDES7WOHjr8wCgYIKoZIzj0EAwIw
        DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjMwMjU3MDBaGA8yMTI2MTAzMDAyNTcw
        MFowKjEZMBcGA1UECgwQWsO8cmljaCAmIFPDtmhuZTENMAsGA1UEAwwEYnAwMjBZ
        MBMGByqGSM49AgEGCCqGSM49AwEHA0IABAqSNweiYB1k2NuMIQhuNiOulQWvN193
        MVd7dGBD/UGeWlFNUhstbSn17AEOob6m84okeDsN/n0lNs+AH1RDVXujczBxMC8G
        A1UdEQQoMCaCDGJwMDIuZXhhbXBsZYcEfwAAAYcQAAAAAAAAAAAAAAAAAAAAATAd
        BgNVHQ4EFgQUkCKkuh2son1Il9cB9GA4ZfU+GLMwHwYDVR0jBBgwFoAUVhtPtEFV
        nCUwUlB5wbCVv6cnGR8wCgYIKoZIzj0EAwIDRwAwRAIge4wCtnjsHxrmcBXDysi/
        rTYm9QUMCroivkTRUPJvjFUCIHWWjGqjGrjNEnW+uZwYhx45Zbnn/kf3sGH3jpmS
        nLYa
        -----END CERTIFICATE-----
        """

    static let bp02Key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5PoeiVt+LmNWWSeO
        S4LqtWqFJ/DJu5peFVLHGWXBIGShRANCAAQKkjcHomAdZNjbjCEIbjYjrpUFrzdf
        dzFXe3RgQ/1BnlpRTVIbLW0p9ewBDqG+pvOKJHg7Df59JTbPgB9UQ1V7
        -----END PRIVATE KEY-----
        """

    static let foreign = """
        -----BEGIN CERTIFICATE-----
        MIIBdDCCARqgAwIBAgIUTn1DgC1OFohxwP2EgNRKu8NpxCwwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJb3RoZXJSb290MCAXDTI2MTEyMzAyNTcwMFoYDzIxMjYxMDMw
        MDI1NzAwWjAPMQ0wCwYDVQQDDARicDAyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
        QgAELnbW8eccLfI1ZbaxgVMnmU2bN6aTvgMChORK5WWrCW4RwqrpScPpURVBn1Zu
        7cfXQQozMdGhCicEgx4oHl+6xqNNMEswCQYDVR0TBAIwADAdBgNVHQ4EFgQUJ9pd
        Q+gplNuw92Ci25fHg5Iw4/gwHwYDVR0jBBgwFoAUQ1+l4Znveyb4hXaRchRir+Ed
        AHgwCgYIKoZIzj0EAwIDSAAwRQIhALB3iyFcjAWr/6ov+Fdk42dpVRZLKF0fE5F6
        FvaYh/DxAiBuSyIqkoXEmO9ihLDiPE6GL6swRPuFZLW4FQzGKZ6KHg==
        -----END CERTIFICATE-----
        """

    static let foreignKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgESDYw3k+Bqr3MZ0+
        3SeS1JbzkgmAKA6tU0dCsuX6LDGhRANCAAQudtbx5xwt8jVltrGBUyeZTZs3ppO+
        AwKE5ErlZasJbhHCqulJw+lRFUGfVm7tx9dBCjMx0aEKJwSDHigeX7rG
        -----END PRIVATE KEY-----
        """

    /// The settings of a peer with these certificates, written to files of its own.
    static func files(
        certificate: String, key: String, roots: String = root, allowed: [String]
    ) throws -> TLSFiles {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "transport-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        func write(_ name: String, _ pem: String) throws -> String {
            let file = folder.appendingPathComponent(name)
            try Data((pem + "\n").utf8).write(to: file)
            return file.path
        }
        return TLSFiles(
            certificate: try write("certificate.pem", certificate), key: try write("key.pem", key),
            trustRoots: try write("roots.pem", roots), allowedSubjectNames: allowed)
    }
}
