//! Against what openssl says of its own connections.

use super::drive::{Recording, Said, recording_named, recordings, run, run_with};
use crate::keys::KeyLog;
use crate::record::Tls;

/// Seconds since 1970 of `2036-11-19 18:47:11Z`.
fn seconds(text: &str) -> u64 {
    let numbers: Vec<u64> =
        text.split(|byte: char| !byte.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    let &[year, month, day, hour, minute, second] = numbers.as_slice() else { panic!("{text}") };
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum::<u64>()
        + months[..month as usize - 1].iter().sum::<u64>()
        + day
        - 1;
    ((days * 24 + hour) * 60 + minute) * 60 + second
}

#[track_caller]
fn check_negotiated(recording: &Recording, record: &Tls) {
    let name = &recording.name;
    assert_eq!(record.sni.as_deref(), recording.text("sni"), "{name}");
    assert_eq!(record.version.as_deref(), recording.text("version"), "{name}");
    assert_eq!(record.cipher.as_deref(), recording.text("cipher"), "{name}");
    assert_eq!(record.resumed, recording.truth["resumed"].as_bool(), "{name}");
    assert_eq!(record.alert, None, "{name}");
}

#[track_caller]
fn check_certificate(recording: &Recording, record: &Tls) {
    let certificate = &recording.truth["certificate"];
    let name = &recording.name;
    assert_eq!(record.cert_subject.as_deref(), certificate["subject"].as_str(), "{name}");
    assert_eq!(record.cert_issuer.as_deref(), certificate["issuer"].as_str(), "{name}");
    let names: Vec<_> = certificate["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(record.cert_names.as_ref().unwrap(), &names, "{name}");
    let not_after = seconds(certificate["not_after"].as_str().unwrap()) * 1_000_000_000;
    assert_eq!(record.cert_not_after.map(|time| time.0), Some(not_after), "{name}");
}

/// The duration lies between the ClientHello and the first application data, which the client sent 300 ms later.
#[track_caller]
fn check_time(recording: &Recording, said: &Said) {
    let (timing, first) = (said.rows[0].timing, recording.chunks[0].time);
    assert_eq!(timing.request_start.0, first);
    let last = timing.response_end.unwrap().0;
    let handshake = said.record(0).handshake.unwrap();
    assert_eq!(handshake, last - first, "{}", recording.name);
    let flights: Vec<u64> =
        recording.chunks.iter().map(|chunk| chunk.time).filter(|time| time - first < 250_000_000).collect();
    assert!(flights.contains(&last), "{}: {last} of {flights:?}", recording.name);
}

fn answered() -> impl Iterator<Item = Recording> {
    recordings().into_iter().filter(|recording| recording.text("version").is_some())
}

#[test]
fn handshakes_in_clear() {
    let mut versions = std::collections::BTreeSet::new();
    for recording in answered() {
        let said = run(&recording.chunks, "");
        assert_eq!((said.rows.len(), said.skipped), (1, 0), "{}", recording.name);
        assert!(!said.rows[0].cut_short, "{}", recording.name);
        let record = said.record(0);
        check_negotiated(&recording, record);
        check_time(&recording, &said);
        let tls13 = record.version.as_deref() == Some("1.3");
        if tls13 || record.resumed == Some(true) {
            assert_eq!((&record.cert_subject, &record.cert_names), (&None, &None), "{}", recording.name);
        } else {
            check_certificate(&recording, record);
        }
        assert_eq!(record.alpn.as_deref(), recording.text("alpn").filter(|_| !tls13), "{}", recording.name);
        assert!(said.plain.iter().all(Vec::is_empty), "{}", recording.name);
        assert!(!record.decrypted, "{}", recording.name);
        versions.insert(record.version.clone());
    }
    assert_eq!(versions.len(), 4, "{versions:?}");
}

#[test]
fn handshakes_and_data_with_keys() {
    for recording in answered() {
        let said = run(&recording.chunks, &recording.keys);
        let record = said.record(0);
        check_negotiated(&recording, record);
        check_time(&recording, &said);
        if matches!(recording.text("version"), Some("1.0" | "1.1")) {
            let reason = format!("TLS {} is not decrypted", recording.text("version").unwrap());
            assert_eq!(record.reason.as_deref(), Some(reason.as_str()), "{}", recording.name);
            continue;
        }
        assert!(record.decrypted, "{}", recording.name);
        assert_eq!(record.alpn.as_deref(), recording.text("alpn"), "{}", recording.name);
        if record.resumed == Some(false) {
            check_certificate(&recording, record);
        }
        let early = recording.text("early").unwrap_or_default();
        let sent = format!("{early}{}", recording.text("sent").unwrap());
        assert_eq!(String::from_utf8_lossy(&said.plain[0]), sent, "{}", recording.name);
        let received = String::from_utf8_lossy(&said.plain[1]).into_owned();
        assert!(received.ends_with(recording.text("received").unwrap()), "{}: {received}", recording.name);
        assert_eq!(said.holes, [], "{}", recording.name);
    }
}

/// What was negotiated anew inside the first session is a row too, once it can be read.
#[test]
fn a_renegotiation_is_a_row_with_keys() {
    let recording = recording_named("tls12-renegotiated");
    assert_eq!(run(&recording.chunks, "").rows.len(), 1);
    let said = run(&recording.chunks, &recording.keys);
    assert_eq!(said.rows.len(), 2);
    check_negotiated(&recording, said.record(1));
    check_certificate(&recording, said.record(1));
}

#[test]
fn keys_that_come_late_open_what_was_held() {
    for name in ["tls12-aes128-gcm", "tls12-resumed-by-id", "tls13-aes128", "tls13-key-update", "tls13-early-data"] {
        let recording = recording_named(name);
        let at_once = run(&recording.chunks, &recording.keys);
        let keys = &recording.keys;
        let late = run_with(&recording.chunks, &KeyLog::default(), |log| {
            log.add(keys.as_bytes());
        });
        assert_eq!(late.plain, at_once.plain, "{name}");
        assert_eq!(late.rows.len(), 1, "{name}");
    }
}

#[test]
fn a_wrong_key_opens_nothing() {
    for name in ["tls12-aes128-gcm", "tls12-chacha", "tls12-ccm", "tls13-aes256"] {
        let recording = recording_named(name);
        let keys: String = recording
            .keys
            .lines()
            .map(|line| {
                let (rest, last) = line.split_at(line.len() - 1);
                format!("{rest}{}\n", if last == "0" { "1" } else { "0" })
            })
            .collect();
        let said = run(&recording.chunks, &keys);
        assert!(said.plain.iter().all(Vec::is_empty), "{name}");
        assert!(!said.record(0).decrypted, "{name}");
        assert_eq!(said.rows.len(), 1, "{name}");
        assert!(!said.rows[0].cut_short, "{name}");
        assert!(!said.holes.is_empty(), "{name}");
    }
}

#[test]
fn fatal_alerts() {
    let mut clear = 0;
    for recording in recordings().into_iter().filter(|recording| recording.text("alert").is_some()) {
        let said = run(&recording.chunks, "");
        assert_eq!(said.rows.len(), 1, "{}", recording.name);
        let record = said.record(0);
        assert_eq!(record.handshake, None, "{}", recording.name);
        if recording.truth["clear"].as_bool().unwrap() {
            clear += 1;
            assert_eq!(record.alert.as_deref(), recording.text("alert"), "{}", recording.name);
        } else {
            // It cannot be read, but it is known that the handshake came to nothing.
            assert_eq!(record.alert, None);
            assert!(said.rows[0].cut_short, "{}", recording.name);
            let said = run(&recording.chunks, &recording.keys);
            assert_eq!(said.record(0).alert.as_deref(), recording.text("alert"), "{}", recording.name);
        }
    }
    assert_eq!(clear, 6);
}
