//! Column `error` (INTERFACES section 2).

use crate::record::{Grpc, Record, Role};

/// How an exchange ended, beside what its record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With its answer.
    Whole,
    /// Connection, stream or patience ended before the answer was whole.
    Broken,
    /// The input ended: what would have come is not known.
    Unknown,
}

/// gRPC codes that are the server's fault: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
const SERVER_FAULTS: [u16; 6] = [2, 4, 12, 13, 14, 15];

/// Whether the exchange failed. Captures (no role) are judged as a server would be.
pub(super) fn failed(record: &Record, role: Option<Role>, ending: Ending) -> Option<bool> {
    let client = role == Some(Role::Client);
    let by_content = match record {
        Record::Http(http) => http.status.map(|status| status >= if client { 400 } else { 500 }),
        Record::Grpc(grpc) => grpc_failed(grpc, client),
        Record::Pgsql(pgsql) if pgsql.sqlstate.is_some() => Some(true),
        Record::Dns(dns) => dns.rcode.as_deref().map(|rcode| !matches!(rcode, "NOERROR" | "NXDOMAIN")),
        Record::Tls(tls) if tls.alert.is_some() => Some(true),
        // An answer that went by in a hole may have been anything.
        Record::Pgsql(pgsql) if pgsql.tag.is_none() && pgsql.rows.is_none() && pgsql.txn.is_none() => None,
        Record::Pgsql(_) | Record::Tls(_) => (ending == Ending::Whole).then_some(false),
        Record::Conn(_) => return None,
    };
    match (by_content, ending) {
        (Some(true), _) | (_, Ending::Broken) => Some(true),
        (judged, _) => judged,
    }
}

fn grpc_failed(grpc: &Grpc, client: bool) -> Option<bool> {
    let status = grpc.status?;
    Some(if client { status != 0 } else { SERVER_FAULTS.contains(&status) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Dns, Http, Pgsql, Tls};

    const BOTH: [Option<Role>; 3] = [Some(Role::Client), Some(Role::Server), None];

    #[track_caller]
    fn check(record: Record, ending: Ending, expect: [Option<bool>; 3]) {
        assert_eq!(BOTH.map(|role| failed(&record, role, ending)), expect, "{record:?} {ending:?}");
    }

    #[test]
    fn as_the_table_of_common_columns_says() {
        let http = |status| Record::Http(Box::new(Http { status, ..Http::default() }));
        check(http(Some(399)), Ending::Whole, [Some(false); 3]);
        check(http(Some(404)), Ending::Whole, [Some(true), Some(false), Some(false)]);
        check(http(Some(500)), Ending::Whole, [Some(true); 3]);
        check(http(None), Ending::Broken, [Some(true); 3]);
        check(http(None), Ending::Unknown, [None; 3]);
        check(http(Some(200)), Ending::Unknown, [Some(false); 3]);

        let grpc = |status| Record::Grpc(Box::new(Grpc { status, ..Grpc::default() }));
        check(grpc(Some(0)), Ending::Whole, [Some(false); 3]);
        for code in 1..=16 {
            let fault = [2, 4, 12, 13, 14, 15].contains(&code);
            check(grpc(Some(code)), Ending::Whole, [Some(true), Some(fault), Some(fault)]);
        }
        check(grpc(None), Ending::Whole, [None; 3]);

        let pgsql = |sqlstate: Option<&str>| {
            Record::Pgsql(Box::new(Pgsql { sqlstate: sqlstate.map(str::to_owned), ..Pgsql::default() }))
        };
        let answered = Pgsql { tag: Some("SELECT 1".to_owned()), ..Pgsql::default() };
        check(Record::Pgsql(Box::new(answered)), Ending::Whole, [Some(false); 3]);
        check(pgsql(None), Ending::Whole, [None; 3]);
        check(pgsql(Some("42P01")), Ending::Unknown, [Some(true); 3]);
        check(pgsql(None), Ending::Unknown, [None; 3]);

        let dns =
            |rcode: Option<&str>| Record::Dns(Box::new(Dns { rcode: rcode.map(str::to_owned), ..Dns::default() }));
        check(dns(Some("NXDOMAIN")), Ending::Whole, [Some(false); 3]);
        check(dns(Some("SERVFAIL")), Ending::Whole, [Some(true); 3]);
        check(dns(None), Ending::Broken, [Some(true); 3]);

        let tls =
            |alert: Option<&str>| Record::Tls(Box::new(Tls { alert: alert.map(str::to_owned), ..Tls::default() }));
        check(tls(None), Ending::Whole, [Some(false); 3]);
        check(tls(Some("handshake_failure")), Ending::Whole, [Some(true); 3]);
        check(tls(None), Ending::Unknown, [None; 3]);
    }
}
