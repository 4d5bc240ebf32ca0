//! DNS: every question, and every answer's code.

use std::path::Path;

use crate::facts::Facts;
use crate::rows::rows;
use crate::truth::Table;

pub(crate) fn expected(table: &Table) -> Facts {
    let mut facts = Facts::default();
    for frame in table.frames() {
        let (source, destination) = frame.ends();
        let all = |column: &str| frame.all(column);
        let (ids, responses, codes) = (all("dns.id"), all("dns.flags.response"), all("dns.flags.rcode"));
        // Over TCP a frame may hold several messages, in mDNS a message several questions.
        let (names, kinds) = (all("dns.qry.name"), all("dns.qry.type"));
        let mut codes = codes.into_iter();
        let count = ids.len().max(names.len()).max(1);
        for at in 0..count {
            let of = |values: &[&str]| values.get(at).or(values.last()).copied().unwrap_or_default().to_owned();
            let id = u32::from_str_radix(of(&ids).trim_start_matches("0x"), 16).unwrap_or_default();
            let name = of(&names).replace("<Root>", ".").to_lowercase();
            let question = format!("{source} -> {destination} {id} {name} {}", kind(&of(&kinds)));
            match of(&responses).as_str() {
                "1" => facts.add(format!("{question} {}", code(codes.next().unwrap_or_default()))),
                _ => facts.add(question),
            }
        }
    }
    facts
}

pub(crate) fn found(capture: &Path) -> Facts {
    let query = "dns | select dns_id, name, type, rcode, latency, local_addr, local_port, remote_addr, remote_port";
    let mut facts = Facts::default();
    for row in rows(capture, query) {
        let (client, server) = row.ends();
        let name = row.text("name").to_lowercase();
        let question = format!("{} {name} {}", row.text("dns_id"), row.text("type"));
        let code = row.text("rcode");
        // An answer without latency is one whose question was not seen.
        if code.is_empty() || !row.text("latency").is_empty() {
            facts.add(format!("{client} -> {server} {question}"));
        }
        if !code.is_empty() {
            facts.add(format!("{server} -> {client} {question} {code}"));
        }
    }
    facts
}

/// IANA, "Domain Name System (DNS) Parameters".
fn kind(number: &str) -> String {
    let name = match number {
        "1" => "A",
        "2" => "NS",
        "5" => "CNAME",
        "6" => "SOA",
        "10" => "NULL",
        "11" => "WKS",
        "12" => "PTR",
        "13" => "HINFO",
        "15" => "MX",
        "16" => "TXT",
        "17" => "RP",
        "18" => "AFSDB",
        "24" => "SIG",
        "25" => "KEY",
        "28" => "AAAA",
        "29" => "LOC",
        "30" => "NXT",
        "33" => "SRV",
        "35" => "NAPTR",
        "39" => "DNAME",
        "43" => "DS",
        "44" => "SSHFP",
        "46" => "RRSIG",
        "47" => "NSEC",
        "48" => "DNSKEY",
        "50" => "NSEC3",
        "51" => "NSEC3PARAM",
        "52" => "TLSA",
        "63" => "ZONEMD",
        "64" => "SVCB",
        "65" => "HTTPS",
        "99" => "SPF",
        "249" => "TKEY",
        "250" => "TSIG",
        "251" => "IXFR",
        "252" => "AXFR",
        "255" => "ANY",
        "256" => "URI",
        "257" => "CAA",
        "" => "",
        _ => return format!("TYPE{number}"),
    };
    name.to_owned()
}

/// RFC 1035, 4.1.1, and the registry since.
fn code(number: &str) -> String {
    let name = match number {
        "0" => "NOERROR",
        "1" => "FORMERR",
        "2" => "SERVFAIL",
        "3" => "NXDOMAIN",
        "4" => "NOTIMP",
        "5" => "REFUSED",
        "6" => "YXDOMAIN",
        "7" => "YXRRSET",
        "8" => "NXRRSET",
        "9" => "NOTAUTH",
        "10" => "NOTZONE",
        _ => return format!("RCODE{number}"),
    };
    name.to_owned()
}
