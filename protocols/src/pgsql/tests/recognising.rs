//! Telling PostgreSQL from anything else.

use super::*;
use crate::event::Transport;
use crate::pgsql::recognise::recognise;
use crate::session::{Glimpse, Guess};

#[track_caller]
fn check(bytes: &[u8], ports: (u16, u16), expected: Guess) {
    let glimpse = Glimpse {
        bytes,
        complete: false,
        midstream: true,
        source_port: Some(ports.0),
        destination_port: Some(ports.1),
        transport: Transport::Tcp,
    };
    assert_eq!(recognise(&glimpse), expected, "{}", String::from_utf8_lossy(bytes));
}

const ODD: (u16, u16) = (40_000, 15_432);

#[test]
fn both_directions_of_every_kind_of_conversation() {
    check(&startup(&[("user", "ann")]), ODD, Guess::Request);
    check(&startup(&[("user", "ann")])[..14], ODD, Guess::Request);
    check(&opening(&80_877_103_u32.to_be_bytes()), ODD, Guess::Request);
    check(&opening(&[80_877_102_u32.to_be_bytes(), [0; 4], [1; 4]].concat()), ODD, Guess::Request);
    check(&query("select 1"), ODD, Guess::Request);
    check(&query("BEGIN;"), ODD, Guess::Request);
    check(&[parse("s", "SELECT 1", &[]), sync()].concat(), ODD, Guess::Request);
    check(&[bind("", "S_7", &[], &[Some(b"1")]), execute("", 0), sync()].concat(), ODD, Guess::Request);
    check(&query(&format!("INSERT INTO t VALUES ('{}')", "x".repeat(50_000)))[..4096], ODD, Guess::Request);
    check(&[columns(&["a"]), row(&["1"]), complete("SELECT 1"), ready(b'I')].concat(), ODD, Guess::Response);
    check(&[message(b'2', &[]), complete("UPDATE 1"), ready(b'T')].concat(), ODD, Guess::Response);
    check(&failure("42P01", "relation does not exist"), ODD, Guess::Response);
    check(&message(b'R', &[0, 0, 0, 5, 1, 2, 3, 4]), ODD, Guess::Response);
    check(&ready(b'I'), ODD, Guess::Response);
    let rows: Vec<u8> = (0..50).flat_map(|_| row(&["value"])).collect();
    check(&[&rows[7..], &complete("SELECT 50"), &ready(b'I')].concat(), ODD, Guess::Response);
}

#[test]
fn a_few_bytes_may_become_anything() {
    check(&[0, 0, 0], ODD, Guess::Maybe);
    check(b"Q", ODD, Guess::Maybe);
    check(&query("SELECT 1")[..6], ODD, Guess::Maybe);
    check(&sync(), ODD, Guess::Maybe);
}

#[test]
fn the_port_decides_where_the_content_cannot() {
    let bind = bind("", "S_7", &[1], &[Some(&[7; 4000])]);
    check(&bind[..2000], ODD, Guess::Maybe);
    check(&bind[..2000], (40_000, 5432), Guess::Request);
    check(&row(&[&"x".repeat(5000)])[..2000], (5432, 40_000), Guess::Response);
}

#[test]
fn other_protocols_are_not_taken() {
    let others: [&[u8]; 16] = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /x HTTP/1.1\r\n",
        b"PUT /x HTTP/1.1\r\n",
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"DELETE /x HTTP/1.1\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0",
        b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\0\xff\xff\0\x06\0\0\x40\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\x1c\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"220 mail ESMTP\r\n",
        b"EHLO example.com\r\n",
        b"\x4a\0\0\0\x0a8.0.33\0\x08\0\0\0",
    ];
    for bytes in others {
        for ports in [ODD, (40_000, 5432), (5432, 40_000)] {
            check(bytes, ports, Guess::No);
        }
    }
}
