//! HTTP exchanges with a secret in one place.

use std::io::Write;

use super::everywhere;
use super::planted::{Random, basic, percent};
use super::wire::{self, Message, Talk};

/// An exchange under construction.
struct Exchange {
    target: String,
    reason: String,
    request: Message,
    response: Message,
    is_stored: bool,
    /// Bytes of the response that are captured.
    captured: usize,
}

type Place = (&'static str, fn(&mut Random, &str, &mut Exchange));

/// An exchange over HTTP/1 or HTTP/2.
pub(crate) fn exchange(random: &mut Random, secret: &str, number: usize, is_http2: bool) -> Talk {
    let places = if is_http2 { &PLACES[..] } else { &[&PLACES[..], &ONLY_HTTP1[..]].concat() };
    let (place, put) = *random.pick(places);
    let mut exchange = Exchange {
        target: format!("/shop/{}?n={number}", random.below(50)),
        reason: "OK".to_owned(),
        request: Message::default(),
        response: Message::default(),
        is_stored: true,
        captured: usize::MAX,
    };
    exchange.request.field("user-agent", "test/1");
    put(random, secret, &mut exchange);
    let harmless = harmless(random, number, &mut exchange);
    let Exchange { target, reason, request, response, is_stored, captured } = exchange;
    let turns = if is_http2 {
        let ask = [("scheme", ":scheme", "http"), ("method", ":method", "POST"), ("path", ":path", &target)];
        let mut pseudo: Vec<_> = ask.iter().map(|(_, name, value)| (*name, *value)).collect();
        pseudo.push((":authority", "shop.example"));
        let asked = [wire::preface(), wire::http2(&pseudo, &request)].concat();
        let answered = [wire::settings(), wire::http2(&[(":status", "200")], &response)].concat();
        vec![(true, asked, usize::MAX), (false, answered, captured)]
    } else {
        let start = format!("POST {target} HTTP/1.1\r\nHost: shop.example");
        let asked = wire::http1(random, &start, &request);
        let answered = wire::http1(random, &format!("HTTP/1.1 200 {reason}"), &response);
        vec![(true, asked, usize::MAX), (false, answered, captured)]
    };
    Talk { place, is_stored, harmless, server_port: 8080, turns }
}

const PLACES: [Place; 37] = [
    ("authorization: bearer", |_, s, x| x.request.field("Authorization", format!("Bearer {s}"))),
    ("authorization: basic", |_, s, x| x.request.field("authorization", format!("Basic {}", basic(s)))),
    ("authorization: digest", |_, s, x| {
        x.request.field("Authorization", format!("Digest username=\"me\", response=\"{s}\""))
    }),
    ("authorization: no scheme", |_, s, x| x.request.field("Proxy-Authorization", s)),
    ("named header", |random, s, x| {
        let names = [
            "X-Api-Key",
            "x-auth-token",
            "X-Session-Id",
            "X-Amz-Security-Token",
            "X-Hub-Signature-256",
            "ApiKey",
            "x-client-secret",
            "X-JWT",
            "X-Session",
            "X-Private-Key",
            "My-Password",
        ];
        x.request.field(random.word(&names), s);
    }),
    ("response header", |_, s, x| x.response.field("X-Refresh-Token", s)),
    ("cookie", |random, s, x| {
        let cookies = [format!("a=b; sid={s}; lang=en"), format!("sid=\"{s}\""), s.to_owned(), format!("a={s};b;c=d")];
        x.request.field("Cookie", random.pick(&cookies).as_str());
    }),
    ("set-cookie", |random, s, x| {
        let cookies = [format!("sid={s}; Path=/; HttpOnly"), format!("a=b; Path=/, sid={s}; Secure")];
        x.response.field("Set-Cookie", random.pick(&cookies).as_str());
    }),
    ("query", |random, s, x| {
        let query = parameter(random, s);
        x.target.push_str(&format!("&{query}&z=1"));
    }),
    ("query: other value", |random, s, x| {
        let line = everywhere::line(random, s);
        x.target.push_str(&format!("&q={}", percent(&line)));
    }),
    ("query: url in it", |random, s, x| {
        let url = format!("https://a.example/cb?{}", parameter(random, s));
        let url = if random.below(2) == 0 { percent(&url) } else { url };
        x.target.push_str(&format!("&next={url}"));
    }),
    ("query: json in it", |_, s, x| x.target.push_str(&percent(&format!("{{\"password\":\"{s}\"}}")))),
    ("path", |random, s, x| x.target = format!("/a/{}/b", everywhere::segment(random, s))),
    ("path parameter", |_, s, x| x.target = format!("/a;session_id={s}/b")),
    ("referer", |random, s, x| x.request.field("Referer", format!("https://a.example/x?{}", parameter(random, s)))),
    ("location", |random, s, x| x.response.field("Location", format!("/cb?{}", parameter(random, s)))),
    ("location: fragment", |_, s, x| x.response.field("Location", format!("/cb#access_token={s}&token_type=b"))),
    ("location: user", |_, s, x| x.response.field("Location", format!("https://me:{s}@a.example/"))),
    ("other header", |random, s, x| x.request.field("X-Debug", everywhere::line(random, s))),
    ("user-agent", |random, s, x| x.request.head[0].1 = everywhere::line(random, s)),
    ("host", |_, s, x| x.request.field("X-Forwarded-Host", format!("https://me:{s}@a.example"))),
    ("json request", |random, s, x| json(random, s, &mut x.request)),
    ("json response", |random, s, x| json(random, s, &mut x.response)),
    ("json without a type", |_, s, x| x.request.body = format!("{{\"password\":\"{s}\"}}").into_bytes()),
    ("json: cut by the limit", |random, s, x| {
        let fill = "x".repeat(1_000 - random.below(60));
        x.response.field("Content-Type", "application/json");
        x.response.body = format!("{{\"f\":\"{fill}\",\"password\":\"{s}\",\"b\":\"c\"}}").into_bytes();
    }),
    ("json: cut by the capture", |random, s, x| {
        json(random, s, &mut x.response);
        x.captured = 60 + random.below(250);
    }),
    ("form", |random, s, x| {
        x.request.field("Content-Type", "application/x-www-form-urlencoded");
        x.request.body = format!("a=b&{}", parameter(random, s)).into_bytes();
    }),
    ("form: cut by the limit", |random, s, x| {
        x.request.field("Content-Type", "application/x-www-form-urlencoded");
        let fill = "x".repeat(1_000 - random.below(40));
        x.request.body = format!("a={fill}&password={s}&b=c").into_bytes();
    }),
    ("form without a type", |random, s, x| x.request.body = format!("a=b&{}", parameter(random, s)).into_bytes()),
    ("multipart", |random, s, x| multipart(random, s, x)),
    ("text response", |random, s, x| {
        x.response.field("Content-Type", random.word(&["text/plain", "text/html; charset=utf-8", "application/xml"]));
        x.response.body = format!("<p>{}</p>\n", everywhere::line(random, s)).into_bytes();
    }),
    ("events", |_, s, x| {
        x.response.field("Content-Type", "text/event-stream");
        x.response.body = format!("event: a\ndata: {{\"token\":\"{s}\"}}\n\n").into_bytes();
    }),
    ("text in another character set", |random, s, x| {
        x.response.field("Content-Type", "text/plain; charset=iso-8859-1");
        x.response.body = [b"caf\xe9 ", everywhere::line(random, s).as_bytes()].concat();
    }),
    ("compressed", |random, s, x| {
        json(random, s, &mut x.response);
        compress(random, &mut x.response);
    }),
    ("compressed: cut", |random, s, x| {
        let fill: String = (0..3_000).map(|_| char::from(b'a' + u8::try_from(random.below(26)).unwrap())).collect();
        x.response.body = format!("{{\"password\":\"{s}\",\"f\":\"{fill}\"}}").into_bytes();
        x.response.field("Content-Type", "application/json");
        compress(random, &mut x.response);
        x.captured = 1_200;
    }),
    ("binary", |_, s, x| {
        x.response.field("Content-Type", "application/octet-stream");
        x.response.body = [b"\x00\xff\x01", s.as_bytes(), b"\xfe\x00"].concat();
    }),
    ("unknown coding", |_, s, x| {
        x.response.field("Content-Encoding", "aes128gcm");
        x.response.body = s.as_bytes().to_vec();
    }),
];

const ONLY_HTTP1: [Place; 6] = [
    ("absolute target", |random, s, x| {
        x.target = format!("http://a.example/x?{}", parameter(random, s));
    }),
    ("absolute target: user", |_, s, x| {
        x.target = format!("http://me:{s}@a.example/x");
        x.is_stored = false;
    }),
    ("reason", |random, s, x| x.reason = everywhere::line(random, s)),
    ("chunks", |random, s, x| {
        json(random, s, &mut x.response);
        x.response.chunked = Some(9);
    }),
    ("chunks of a form", |random, s, x| {
        x.request.field("Content-Type", "application/x-www-form-urlencoded");
        x.request.body = format!("a=b&{}", parameter(random, s)).into_bytes();
        x.request.chunked = Some(9);
    }),
    ("trailer", |_, s, x| {
        x.response.body = b"x".to_vec();
        x.response.trailers.push(("X-Signature".to_owned(), s.to_owned()));
        x.is_stored = false;
    }),
];

/// A parameter that is named like a secret.
fn parameter(random: &mut Random, secret: &str) -> String {
    let names = [
        "access_token",
        "password",
        "sig",
        "code",
        "api_key",
        "sessionId",
        "X-Amz-Signature",
        "pass%77ord",
        "jwt",
        "user[password]",
        "client_secret",
        "password2",
    ];
    let name = random.word(&names);
    match random.below(4) {
        0 => format!("{name}={}", percent(&format!("&=?{secret}"))),
        1 => format!("{name}=a;{secret}"),
        _ => format!("{name}={secret}"),
    }
}

fn json(random: &mut Random, secret: &str, message: &mut Message) {
    let kinds = ["application/json", "application/problem+json; charset=utf-8", "text/plain"];
    message.field("Content-Type", random.word(&kinds));
    let body = match random.below(9) {
        0 => format!("{{\"a\":\"b\",\"password\":\"{secret}\",\"c\":1}}"),
        1 => format!("[{{\"user\":{{\"apiKey\" : \"{secret}\"}}}}]"),
        2 => format!("{{\"secret\":{{\"a\":[1,\"{secret}\"]}},\"n\":2}}"),
        3 => format!("{{\"access_token\":\"{secret}\",\"token_type\":\"bearer\"}}"),
        4 => format!("{{\"token\":[\"{secret}\"]}}"),
        5 => format!("{{\"pass\\u0077ord\":\"{secret}\"}}"),
        6 => format!("{{\"body\":\"{{\\\"password\\\":\\\"{secret}\\\"}}\"}}"),
        7 => format!("{{\"note\":\"{}\"}}", everywhere::line(random, secret)),
        _ => format!("{{\"query\":\"mutation {{ login(password: \\\"{secret}\\\") {{ id }} }}\"}}"),
    };
    message.body = body.into_bytes();
}

fn multipart(random: &mut Random, secret: &str, exchange: &mut Exchange) {
    exchange.request.field("Content-Type", "multipart/form-data; boundary=\"XyZ\"");
    let part = match random.below(3) {
        0 => format!("Content-Disposition: form-data; name=\"password\"\r\n\r\n{secret}"),
        1 => format!("content-disposition: form-data; name=api_key\r\n\r\n{secret}"),
        _ => format!(
            "Content-Disposition: form-data; name=\"data\"\r\nContent-Type: application/json\r\n\r\n{{\"pwd\":\"{secret}\"}}"
        ),
    };
    let body =
        format!("--XyZ\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nme\r\n--XyZ\r\n{part}\r\n--XyZ--\r\n");
    exchange.request.body = body.into_bytes();
}

fn compress(random: &mut Random, message: &mut Message) {
    let level = flate2::Compression::new(1);
    let (coding, body) = match random.below(3) {
        0 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(&message.body).unwrap();
            ("gzip", encoder.finish().unwrap())
        }
        1 => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(&message.body).unwrap();
            ("deflate", encoder.finish().unwrap())
        }
        _ => ("zstd", zstd::encode_all(&message.body[..], 1).unwrap()),
    };
    message.field("Content-Encoding", coding);
    message.body = body;
}

/// Puts something that only looks like a secret where it cannot be cut off, and returns it.
fn harmless(random: &mut Random, number: usize, exchange: &mut Exchange) -> Vec<String> {
    let value = format!("keep{number:08}");
    let digits = format!("70000{number:08}");
    match random.below(6) {
        0 => {
            let name =
                random.word(&["next_page_token", "pageToken", "csrf_token", "token_type", "sessions", "secretary"]);
            exchange.request.field("X-Custom", format!("https://a.example/?{name}={value}"));
            vec![format!("{name}={value}")]
        }
        1 => {
            let names = ["x-page-token", "x-csrf-token", "x-tokens", "x-session-count", "x-key", "sec-websocket-key"];
            exchange.request.field(random.word(&names), value.as_str());
            vec![value]
        }
        2 => {
            exchange.request.field(random.word(&["x-token", "x-session"]), digits.as_str());
            vec![digits]
        }
        3 if exchange.request.body.is_empty() => {
            let body = format!(
                "{{\"max_tokens\":{digits},\"next_page_token\":\"{value}\",\"token\":5{digits},\"session\":true,\"code\":\"c{value}\"}}"
            );
            exchange.request.field("Content-Type", "application/json");
            exchange.request.body = body.clone().into_bytes();
            vec![body]
        }
        4 if exchange.request.body.is_empty() => {
            let body = format!("max_tokens={digits}&page_token={value}&token={digits}&session=true&design={value}");
            exchange.request.field("Content-Type", "application/x-www-form-urlencoded");
            exchange.request.body = body.clone().into_bytes();
            vec![body]
        }
        _ => {
            let text = format!("a bearer of {value}");
            exchange.request.field("X-Note", text.replace(&value, "news"));
            vec!["a bearer of news".to_owned()]
        }
    }
}
