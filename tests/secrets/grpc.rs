//! gRPC calls with a secret in their metadata.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::everywhere;
use super::planted::{Random, percent};
use super::wire::{self, Message, Talk};

type Place = (&'static str, fn(&mut Random, &str, &mut [Vec<(String, String)>; 3]));

const REQUEST: usize = 0;
const RESPONSE: usize = 1;
const TRAILERS: usize = 2;

const PLACES: [Place; 7] = [
    ("grpc: authorization", |_, s, at| at[REQUEST].push(("authorization".into(), format!("Bearer {s}")))),
    ("grpc: metadata", |random, s, at| {
        let names = ["x-api-key", "session-token", "db_password", "x.private.key"];
        at[REQUEST].push((random.word(&names).into(), s.into()));
    }),
    ("grpc: binary metadata", |_, s, at| at[REQUEST].push(("x-token-bin".into(), STANDARD_NO_PAD.encode(s)))),
    ("grpc: response metadata", |_, s, at| at[RESPONSE].push(("set-cookie".into(), format!("sid={s}; Path=/")))),
    ("grpc: trailing metadata", |_, s, at| at[TRAILERS].push(("x-refresh-token".into(), s.into()))),
    ("grpc: message", |random, s, at| {
        at[TRAILERS].push(("grpc-message".into(), percent(&everywhere::line(random, s))));
    }),
    ("grpc: other metadata", |random, s, at| at[TRAILERS].push(("x-debug".into(), everywhere::line(random, s)))),
];

/// A unary call.
pub(crate) fn exchange(random: &mut Random, secret: &str, number: usize) -> Talk {
    let (place, put) = *random.pick(&PLACES);
    let mut fields = [Vec::new(), Vec::new(), Vec::new()];
    put(random, secret, &mut fields);
    let [request, response, mut trailers] = fields;
    let harmless = format!("keep{number:08}");
    trailers.push(((random.word(&["next-page-token", "csrf-token", "x-tokens"])).into(), harmless.clone()));
    trailers.push(("grpc-status".into(), "3".into()));
    let message = |head: Vec<(String, String)>, trailers| Message {
        head: [vec![("content-type".into(), "application/grpc".into())], head].concat(),
        body: vec![0, 0, 0, 0, 2, 8, 1],
        trailers,
        chunked: None,
    };
    let pseudo = [(":method", "POST"), (":scheme", "http"), (":path", "/shop.Inventory/Reserve"), (":authority", "a")];
    let asked = [wire::preface(), wire::http2(&pseudo, &message(request, Vec::new()))].concat();
    let answered = [wire::settings(), wire::http2(&[(":status", "200")], &message(response, trailers))].concat();
    let turns = vec![(true, asked, usize::MAX), (false, answered, usize::MAX)];
    Talk { place, is_stored: true, harmless: vec![harmless], server_port: 50_051, turns }
}
