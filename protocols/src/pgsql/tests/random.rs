//! Properties: however bytes are cut, the same rows; whatever bytes come, no panic and bounded memory.

use proptest::prelude::*;

use super::*;
use crate::event::Transport;
use crate::pgsql::{recognise::recognise, sql};
use crate::session::Glimpse;

/// A conversation with something of everything.
fn conversation() -> Vec<(Direction, Vec<u8>)> {
    let [parsed, bound] = [message(b'1', &[]), message(b'2', &[])];
    let mut steps = login();
    steps.extend([
        (C, query("BEGIN; SELECT 'x'; SELECT 1/0; SELECT 2")),
        (S, [complete("BEGIN"), columns(&["a"]), row(&["x"]), complete("SELECT 1")].concat()),
        (S, [failure("22012", "division by zero"), ready(b'E')].concat()),
        (C, [parse("s", "INSERT INTO t VALUES ($1)", &[25]), describe(b'S', "s"), sync()].concat()),
        (S, [parsed.clone(), message(b't', &[0, 1, 0, 0, 0, 25]), message(b'n', &[]), ready(b'I')].concat()),
        (C, [bind("", "s", &[], &[Some(b"v")]), execute("", 0), bind("p", "s", &[1], &[None])].concat()),
        (
            C,
            [execute("p", 0), sync(), parse("", "SELECT nope", &[]), bind("", "", &[], &[]), execute("", 0), sync()]
                .concat(),
        ),
        (S, [bound.clone(), complete("INSERT 0 1"), bound, complete("INSERT 0 1"), ready(b'I')].concat()),
        (S, [failure("42703", "no such column"), ready(b'I')].concat()),
        (C, query("COPY t FROM STDIN")),
        (S, message(b'G', &[0, 0, 1, 0, 0])),
        (C, [message(b'd', b"1\n"), message(b'd', b"2\n"), message(b'c', &[])].concat()),
        (S, [complete("COPY 2"), ready(b'I')].concat()),
        (C, message(b'X', &[])),
    ]);
    steps
}

fn cut_at(steps: &[(Direction, Vec<u8>)], cuts: &[usize]) -> Outcome {
    let mut wire = Wire::new();
    let mut cuts = cuts.iter().cycle();
    for (direction, bytes) in steps {
        wire.now += 1000;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (head, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            wire.bytes(*direction, head);
            wire.advance();
            rest = tail;
        }
    }
    wire.close()
}

proptest! {
    #[test]
    fn chunks_do_not_matter(cuts in prop::collection::vec(1_usize..40, 1..50), from in 0_usize..17) {
        let steps = conversation();
        let steps = &steps[from.min(steps.len())..];
        let mut whole = cut_at(steps, &[usize::MAX]);
        let mut cut = cut_at(steps, &cuts);
        whole.begun.sort_unstable();
        cut.begun.sort_unstable();
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn a_prefix_gives_the_first_of_the_rows(end in 0_usize..2000) {
        let steps = conversation();
        let whole = cut_at(&steps, &[usize::MAX]);
        let mut wire = Wire::new();
        let mut left = end;
        for (direction, bytes) in &steps {
            wire.now += 1000;
            let part = &bytes[..left.min(bytes.len())];
            left -= part.len();
            wire.bytes(*direction, part);
            wire.advance();
        }
        prop_assert_eq!(wire.outcome.skipped, 0, "a prefix is never nonsense");
        let seen = wire.outcome.exchanges.len();
        prop_assert_eq!(&wire.outcome.exchanges[..], &whole.exchanges[..seen]);
    }

    #[test]
    fn any_bytes_are_survived(parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80), any::<bool>()), 0..60)) {
        let mut wire = Wire::new();
        for (sent, bytes, hole) in &parts {
            let direction = if *sent { C } else { S };
            wire.see(&if *hole { Seen::Hole(direction, bytes.len() as u64, *sent) } else { Seen::Bytes(direction, bytes.clone()) });
        }
        prop_assert!(wire.memory() < 1 << 20);
        wire.close();
    }

    #[test]
    fn any_messages_are_survived(parts in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..40), 0_u8..12), 0..80), begun in any::<bool>()) {
        let mut wire = Wire::new();
        if begun {
            for (direction, bytes) in login() {
                wire.see(&Seen::Bytes(direction, bytes));
            }
        }
        for (sent, tag, body, kind) in &parts {
            let (direction, tags): (_, &[u8]) = if *sent { (C, b"BCDEFHPQSXcdfp") } else { (S, b"123ACDEGHIKNRSTVWZcdnstv") };
            let tag = *tag.get(tags);
            let bytes = match (kind, tag) {
                (0, _) => { wire.see(&Seen::Hole(direction, 17, false)); continue }
                (1, _) => { wire.see(&Seen::Hole(direction, 9, true)); continue }
                (_, b'Z') => ready(b"ITE"[usize::from(body.len() as u8) % 3]),
                (_, b'C') if !sent => complete("SELECT 1"),
                (_, b'Q') => query(&String::from_utf8_lossy(body).replace('\0', ";")),
                (_, b'S') if *sent => sync(),
                (_, b'B') => bind("", "", &[], &[]),
                (_, b'E') if *sent => execute("", 0),
                (_, b'P') => parse("", "SELECT 1", &[]),
                (_, b'1' | b'2' | b'3' | b'I' | b'n' | b's' | b'c') => message(tag, &[]),
                _ => message(tag, body),
            };
            wire.see(&Seen::Bytes(direction, bytes));
        }
        wire.close();
    }

    #[test]
    fn any_text_has_a_shape_without_its_literals(text in "\\PC{0,40}", secret in "[a-z]{6}[0-9]{4}") {
        sql::analyse(&text, true);
        let around = format!("SELECT {} WHERE x = '{secret}' AND y = $q${secret}$q$ {text}", text.replace(['\'', '"', '$', '-', '/', '*', ';', '\\'], " "));
        for one in sql::analyse(&around, false).statements {
            let shape = one.shape.unwrap();
            prop_assert!(!shape.contains(&secret), "{}", shape);
        }
    }

    #[test]
    fn ranges_are_those_of_the_text(text in "[a-zä'\";$1 \n\r\t(/*-]{0,60}") {
        for one in sql::analyse(&text, false).statements {
            prop_assert!(text.get(one.range).is_some());
        }
    }

    #[test]
    fn recognising_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), complete in any::<bool>()) {
        recognise(&Glimpse { bytes: &bytes, complete, midstream: true, source_port: None, destination_port: None, transport: Transport::Tcp });
    }
}
