//! TLS rows, and what keys open, of real captures against tshark and a server's log.

use std::fs;
use std::path::Path;

use crate::capture::{corpora, find};
use crate::truth::{Frame, frames, nanoseconds, rows};
use protocols::event::Source;
use protocols::record::{Record, Tls};
use protocols::tls::cipher_name;

fn handshakes<'a>(records: &'a [Record]) -> Vec<&'a Tls> {
    let of_tls = |record: &'a Record| match record {
        Record::Tls(tls) => Some(&**tls),
        _ => None,
    };
    let mut rows: Vec<&Tls> = records.iter().filter_map(of_tls).collect();
    rows.sort_by_key(|row| row.common.time);
    rows
}

/// nginx with `ssl_conf_command Options KTLS`, TLS 1.2, recorded without hooks in its library on Linux 6.12 (`kernel_tls` in
/// tests/kernels/guest.py): the rows are those of its access log, and both handshakes are whole.
#[test]
fn kernel_tls_is_read_at_the_socket() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tls");
    let records = rows(&folder.join("ktls.events"), "");
    let mut found = Vec::new();
    for record in &records {
        if let Record::Http(http) = record {
            assert_eq!((http.common.source, http.common.tls, http.common.gap), (Some(Source::Ktls), true, false));
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            found.push(format!("{} {} {}", text(&http.method), text(&http.path), http.status.unwrap_or_default()));
        }
    }
    let log = fs::read_to_string(folder.join("ktls.log")).unwrap();
    assert_eq!(found, log.lines().collect::<Vec<_>>());
    let handshakes = handshakes(&records);
    assert_eq!(handshakes.len(), 2);
    for tls in handshakes {
        assert_eq!((tls.version.as_deref(), tls.decrypted, tls.common.error), (Some("1.2"), true, Some(false)));
        assert!(tls.handshake.is_some());
    }
}

/// Method, path and status of everything that was read with keys.
fn opened(records: &[Record]) -> Vec<(String, String, u16)> {
    let mut rows: Vec<_> =
        records.iter().filter_map(|record| if let Record::Http(http) = record { Some(http) } else { None }).collect();
    rows.sort_by_key(|row| row.common.time);
    rows.iter()
        .map(|row| {
            assert_eq!((row.common.source, row.common.tls), (Some(Source::Keylog), true));
            let path = [
                row.path.clone().unwrap_or_default(),
                row.query.clone().map(|query| format!("?{query}")).unwrap_or_default(),
            ];
            (row.method.clone().unwrap_or_default(), path.concat(), row.status.unwrap_or_default())
        })
        .collect()
}

fn has_type(frame: &Frame, message: &str) -> bool {
    frame["tls.handshake.type"].split('|').any(|kind| kind == message)
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn handshakes_agree_with_tshark() {
    let mut truths = Vec::new();
    find(&corpora(), ".tshark-tls.tsv", &mut truths);
    let mut compared = 0;
    for tsv in &truths {
        let capture = tsv.to_str().unwrap().strip_suffix(".tshark-tls.tsv").unwrap();
        let records = rows(capture.as_ref(), "");
        let rows = handshakes(&records);
        let frames = frames(tsv);
        let hellos: Vec<_> = frames.iter().filter(|frame| has_type(frame, "1")).collect();
        assert_eq!(rows.len(), hellos.len(), "{capture}");
        for (row, hello) in rows.iter().zip(hellos) {
            assert_eq!(row.common.time.0, nanoseconds(&hello["frame.time_epoch"]), "{capture}");
            let sni = &hello["tls.handshake.extensions_server_name"];
            assert_eq!(row.sni.as_deref().unwrap_or_default(), sni, "{capture}");
            let answer = frames.iter().find(|frame| has_type(frame, "2") && frame["tcp.stream"] == hello["tcp.stream"]);
            let Some(answer) = answer else { continue };
            let code = u16::from_str_radix(&answer["tls.handshake.ciphersuite"][2..], 16).unwrap();
            assert_eq!(row.cipher, Some(cipher_name(code)), "{capture}");
            assert_eq!(
                row.alpn.as_deref().unwrap_or_default(),
                answer["tls.handshake.extensions_alpn_str"],
                "{capture}"
            );
            let version = if answer["tls.handshake.extensions.supported_version"] == "0x0304" { "1.3" } else { "1.2" };
            let old = answer["tls.handshake.version"] != "0x0303";
            assert!(old || row.version.as_deref() == Some(version), "{capture}: {:?}", row.version);
            compared += 1;
        }
    }
    assert!(compared >= 12, "{compared} handshakes");
}

/// What tshark reads with the same keys.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn keys_open_what_tshark_opens() {
    let folder = corpora().join("wireshark-captures");
    let chacha = fs::read_to_string(folder.join("keys/tls12-chacha20poly1305.keys")).unwrap();
    for (name, keys) in [("tls12-dsb.pcapng", ""), ("tls12-chacha20poly1305.pcap", chacha.as_str())] {
        let capture = folder.join("captures").join(name);
        let records = rows(&capture, keys);
        let frames = frames(&folder.join("captures").join(format!("{name}.tshark-http.tsv")));
        let requests: Vec<_> = frames.iter().filter(|frame| !frame["http.request.method"].is_empty()).collect();
        let opened = opened(&records);
        assert_eq!(opened.len(), requests.len(), "{name}");
        for ((method, path, status), request) in opened.iter().zip(requests) {
            assert_eq!((method, path), (&request["http.request.method"], &request["http.request.uri"]), "{name}");
            let answer = frames.iter().find(|other| other["http.request_in"] == request["frame.number"]);
            // tshark takes the answers of OpenSSL's s_server, which give no length, for no HTTP.
            let expect = answer.map_or("200", |answer| &answer["http.response.code"]);
            assert_eq!(status.to_string(), expect, "{name}");
        }
        assert!(!opened.is_empty(), "{name}");
        assert!(handshakes(&records).iter().all(|row| row.decrypted), "{name}");
    }
}

/// curl over HTTPS, with keys in the capture, against nginx's log.
#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn https_agrees_with_the_servers_log() {
    let folder = corpora().join("recorded/http");
    let records = rows(&folder.join("https-h2-dsb.pcapng"), "");
    let log = fs::read_to_string(folder.join("https-h2-dsb.access.jsonl")).unwrap();
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":")).unwrap();
        rest.split([',', '}']).next().unwrap().trim_matches('"').to_owned()
    };
    let mut logged: Vec<_> = log
        .lines()
        .map(|line| (field(line, "method"), field(line, "uri"), field(line, "status").parse::<u16>().unwrap()))
        .collect();
    let mut found = opened(&records);
    // nginx logs at the end of an exchange.
    found.sort();
    logged.sort();
    assert_eq!(found, logged);
    for row in handshakes(&records) {
        assert!(row.decrypted && row.handshake.is_some() && row.cert_subject.is_some(), "{row:?}");
    }
}
