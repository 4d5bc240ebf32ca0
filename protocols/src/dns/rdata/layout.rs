//! Which fields the data of each type is made of.

/// One field, with its form on the wire and in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    U8,
    U16,
    U32,
    Ip4,
    Ip6,
    Name,
    /// A type code by its name.
    Type,
    /// Seconds since 1970 as `YYYYMMDDHHmmSS`.
    Time,
    /// A character string, quoted.
    String,
    /// One or more of them, up to the end.
    Strings,
    /// One, or the end.
    MaybeString,
    /// A character string of letters and digits, bare.
    Tag,
    /// What remains, quoted.
    QuotedRest,
    /// What remains, hexadecimal.
    Hex,
    /// What remains, Base64.
    Base64,
    /// Length-prefixed, hexadecimal; `-` if empty.
    Salt,
    /// Length-prefixed, Base32 with the extended hexadecimal alphabet.
    NextHash,
    /// Type bit maps.
    Types,
    /// Eight bytes as `0123:4567:89ab:cdef`.
    Groups,
    /// What remains as `01-23-45`.
    Dashed,
    /// Certificate type of CERT.
    CertType,
    /// APL's items.
    Prefixes,
    /// All of IPSECKEY.
    KeyGateway,
    /// All of AMTRELAY.
    Relay,
    /// All of HIP.
    HostIdentity,
    /// All of LOC.
    Location,
    /// The SvcParams of SVCB and HTTPS.
    ServiceParameters,
}

/// The fields of type `rtype`; null if its data has no text form of its own.
pub(super) fn of(rtype: u16) -> Option<&'static [Field]> {
    use Field::*;
    Some(match rtype {
        // A, AAAA
        1 => &[Ip4],
        28 => &[Ip6],
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, NSAP-PTR, DNAME
        2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 23 | 39 => &[Name],
        // SOA
        6 => &[Name, Name, U32, U32, U32, U32, U32],
        // HINFO
        13 => &[String, String],
        // MINFO, RP, TALINK
        14 | 17 | 58 => &[Name, Name],
        // MX, AFSDB, RT, KX, LP
        15 | 18 | 21 | 36 | 107 => &[U16, Name],
        // TXT, NINFO, SPF, AVC, RESINFO, WALLET
        16 | 56 | 99 | 258 | 261 | 262 => &[Strings],
        // X25
        19 => &[String],
        // ISDN
        20 => &[String, MaybeString],
        // SIG, RRSIG
        24 | 46 => &[Type, U8, U8, U32, Time, Time, U16, Name, Base64],
        // KEY, DNSKEY, RKEY, CDNSKEY
        25 | 48 | 57 | 60 => &[U16, U8, U8, Base64],
        // PX
        26 => &[U16, Name, Name],
        // GPOS
        27 => &[String, String, String],
        29 => &[Location],
        // SRV
        33 => &[U16, U16, U16, Name],
        // NAPTR
        35 => &[U16, U16, String, String, String, Name],
        // CERT
        37 => &[CertType, U16, U8, Base64],
        // APL
        42 => &[Prefixes],
        // DS, CDS, TA, DLV
        43 | 59 | 32768 | 32769 => &[U16, U8, U8, Hex],
        // SSHFP
        44 => &[U8, U8, Hex],
        45 => &[KeyGateway],
        // NSEC
        47 => &[Name, Types],
        // DHCID, OPENPGPKEY
        49 | 61 => &[Base64],
        // NSEC3, NSEC3PARAM
        50 => &[U8, U8, U16, Salt, NextHash, Types],
        51 => &[U8, U8, U16, Salt],
        // TLSA, SMIMEA
        52 | 53 => &[U8, U8, U8, Hex],
        55 => &[HostIdentity],
        // CSYNC
        62 => &[U32, U16, Types],
        // ZONEMD
        63 => &[U32, U8, U8, Hex],
        // SVCB, HTTPS
        64 | 65 => &[U16, Name, ServiceParameters],
        // DSYNC
        66 => &[Type, U8, U16, Name],
        // NID, L64; L32
        104 | 106 => &[U16, Groups],
        105 => &[U16, Ip4],
        // EUI48, EUI64
        108 | 109 => &[Dashed],
        // URI
        256 => &[U16, U16, QuotedRest],
        // CAA
        257 => &[U8, Tag, QuotedRest],
        260 => &[Relay],
        _ => return None,
    })
}
