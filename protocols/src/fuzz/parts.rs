//! Parts of protocols by themselves.

use crate::dns::Message;
use crate::event::Direction::{Received, Sent};
use crate::grpc::{Call, Messages, web};
use crate::http2::hpack::{Decoder, FieldList};
use crate::pgsql;
use crate::record::{Header, Http};

use super::script::{Move, session, write};

/// Header blocks, each behind its length in two bytes; before them the block at which a second decoder joins.
///
/// # Panics
/// When the decoder that joined says something else than the one that saw everything.
pub fn hpack(bytes: &[u8]) {
    let Some((join, rest)) = bytes.split_first() else { return };
    let (mut whole, mut joined) = (Decoder::new(), Decoder::joined());
    let limit = 64 << 10;
    for (number, block) in blocks(rest).enumerate() {
        let Ok(truth) = whole.decode(block, limit) else { return };
        if number >= usize::from(*join) {
            match joined.decode(block, limit) {
                Ok(list) => check(&list, &truth),
                Err(error) => assert!(truth.cut, "joined: {error:?}, from the beginning: {truth:?}"),
            }
        }
    }
}

/// What is known must be true. (Whether a list is cut depends on what is known of it.)
#[track_caller]
fn check(list: &FieldList, truth: &FieldList) {
    assert!(list.fields.len() >= truth.fields.len(), "{list:?} instead of {truth:?}");
    for (field, truth) in list.fields.iter().zip(&truth.fields) {
        assert!(field.name.known().is_none_or(|name| Some(name) == truth.name.known()), "{field:?} not {truth:?}");
        assert!(field.value.is_none() || field.value == truth.value, "{field:?} instead of {truth:?}");
    }
}

fn blocks(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (block, behind) = behind.split_at_checked(u16::from_le_bytes(*length).into()).unwrap_or((behind, &[]));
        rest = behind;
        Some(block)
    })
}

/// One direction of a call's body, and its metadata.
///
/// # Panics
/// When the count depends on the pieces in which the body came.
pub fn grpc(bytes: &[u8]) {
    let (mut whole, mut pieces) = (Messages::default(), Messages::default());
    for (number, block) in blocks(bytes).enumerate() {
        if number % 4 == 3 {
            whole.hole(block.len() as u64);
            pieces.hole(block.len() as u64);
            continue;
        }
        whole.push(block);
        block.chunks(3).for_each(|piece| pieces.push(piece));
        assert_eq!((whole.count(), whole.compressed()), (pieces.count(), pieces.compressed()));
    }
    let text = String::from_utf8_lossy(bytes);
    let names = ["grpc-status", "grpc-message", "grpc-timeout", "grpc-encoding"];
    let fields = names.iter().zip(text.split('\n'));
    let fields: Vec<Header> =
        fields.map(|(name, value)| Header { name: Some((*name).into()), value: Some(value.into()) }).collect();
    let call = Call {
        path: Some(text.chars().take(64).collect()),
        req_headers: Some(fields.clone()),
        resp_headers: Some(fields),
        request: Some(&whole),
        response: Some(&pieces),
        ..Call::default()
    };
    let _ = call.into_record();
}

/// A body of gRPC-Web, plain and in base64.
///
/// # Panics
/// When the count depends on the pieces in which the body came.
pub fn grpc_web(bytes: &[u8]) {
    for kind in ["application/grpc-web+proto", "application/grpc-web-text"] {
        let (mut whole, mut pieces) = (web::Body::new(kind), web::Body::new(kind));
        whole.push(bytes);
        bytes.chunks(3).for_each(|piece| pieces.push(piece));
        assert_eq!(whole.messages().count(), pieces.messages().count());
        assert_eq!(whole.messages().trailers(), pieces.messages().trailers());
        let _ = web::call(Http::default(), Some(&whole), Some(&pieces));
    }
}

/// DNS messages one behind the other, each behind its length in two bytes: everything that can be said of them.
pub fn messages(bytes: &[u8]) {
    for bytes in blocks(bytes).chain([bytes]) {
        let Ok(message) = Message::parse(bytes) else { continue };
        for resource in &message.answers {
            let _ = (message.data(resource), message.target(resource), message.serial(resource));
        }
    }
}

/// A statement, as a simple query and as a prepared one: tokens, shape, what is masked.
pub fn sql(bytes: &[u8]) {
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    let message = |tag: u8, body: &[&[u8]]| {
        let body = body.concat();
        let length = u32::try_from(body.len()).unwrap_or(0).saturating_add(4).to_be_bytes();
        [&[tag][..], &length, &body].concat()
    };
    let query = message(b'Q', &[&text, &[0]]);
    let prepared = [
        message(b'P', &[b"s\0", &text, &[0, 0, 0]]),
        message(b'B', &[b"\0s\0", &[0, 0, 0, 1, 0, 0, 0, 4], text.get(..4).unwrap_or(b"1234"), &[0, 0]]),
        message(b'E', &[&[0, 0, 0, 0, 0]]),
        message(b'S', &[]),
    ]
    .concat();
    let answer = message(b'C', &[b"SELECT 1\0"]);
    let moves = [Move::Data(Sent, &query, 0), Move::Data(Received, &answer, 0), Move::Data(Sent, &prepared, 0)];
    session(pgsql::PROTOCOL, &write(false, &moves));
    super::text(&text);
}
