use std::collections::HashMap;

use super::{EXCHANGES, table, tables};
use crate::types::Type;

#[test]
fn a_name_has_one_type_in_all_stored_tables() {
    let mut seen: HashMap<&str, (Type, &str)> = HashMap::new();
    for table in tables() {
        for column in &table.columns {
            let (ty, first) = *seen.entry(column.name).or_insert((column.ty, table.name));
            assert_eq!(ty, column.ty, "{} in {first} and {}", column.name, table.name);
        }
    }
}

#[test]
fn names_are_unique_and_lower_case_and_say_what_they_mean() {
    for table in tables() {
        for (at, column) in table.columns.iter().enumerate() {
            assert_eq!(column.name, column.name.to_lowercase());
            assert!(!column.meaning.is_empty());
            assert!(
                table.columns[..at].iter().all(|other| other.name != column.name),
                "{}.{}",
                table.name,
                column.name
            );
        }
        for name in table.headline {
            assert!(table.column(name).is_some(), "{}.{name}", table.name);
        }
    }
}

/// The columns as the contract lists them, copied from its text.
#[test]
fn tables_have_the_columns_of_the_contract() {
    let common = "time latency ttfb id parent parent_by twin role process pid exe container service node local_addr \
                  local_port remote_addr remote_port remote_name conn tls source trace_id span_id error truncated gap \
                  midstream";
    let own = [
        (
            "http",
            "version method scheme host path query route status reason req_type resp_type user_agent req_bytes \
             resp_bytes req_headers resp_headers req_body resp_body stream",
        ),
        (
            "grpc",
            "rpc_service method path host status status_name message kind req_messages resp_messages req_bytes \
             resp_bytes timeout encoding http_status req_headers resp_headers resp_trailers stream",
        ),
        (
            "pgsql",
            "operation query shape statement params rows tag sqlstate severity message database user application txn \
             idle_before req_bytes resp_bytes",
        ),
        (
            "dns",
            "name type class rcode answers answer_types ttl transport dns_id authoritative recursion_available \
             authenticated cname",
        ),
        (
            "tls",
            "version cipher sni alpn resumed handshake cert_subject cert_issuer cert_names cert_not_after alert \
             decrypted reason",
        ),
        ("requests", "protocol summary status outcome"),
    ];
    for (name, own) in own {
        let expected: Vec<&str> = common.split_whitespace().chain(own.split_whitespace()).collect();
        let found: Vec<&str> = table(name).expect("is a table").columns.iter().map(|column| column.name).collect();
        assert_eq!(found, expected, "{name}");
    }
    assert!(EXCHANGES.iter().all(|name| table(name).is_some()));
    let age = table("inflight").expect("is a table");
    assert!(age.column("age").is_some() && age.column("latency").is_none() && age.column("conn").is_some());
}
