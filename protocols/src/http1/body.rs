//! Message bodies: how long they are (RFC 9112, 6.3), and reading over them.

use super::head;
use crate::grpc;
use crate::record::Header;
use crate::stream::DataStream;

/// Longest line of chunked framing (a size with its extensions, or a trailer).
const LONGEST_LINE: usize = 8 << 10;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Empty,
    Length(u64),
    Chunked,
    /// With the connection.
    UntilClose,
    /// The head can be read in more than one way: request smuggling lives here, so nothing is guessed.
    Ambiguous,
}

/// What the header fields say of the body's length; null if they say nothing.
pub(super) fn framing(headers: &[Header], malformed: bool) -> Option<Framing> {
    let lengths: Vec<&str> =
        head::values(headers, "content-length").flat_map(|v| v.split(',')).map(str::trim).collect();
    let codings: Vec<&str> =
        head::values(headers, "transfer-encoding").flat_map(|v| v.split(',')).map(str::trim).collect();
    if lengths.is_empty() && codings.is_empty() {
        return None;
    }
    // A field that not everybody sees makes what the others say doubtful.
    if malformed || (!lengths.is_empty() && !codings.is_empty()) {
        return Some(Framing::Ambiguous);
    }
    if let Some((last, before)) = codings.split_last() {
        let chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
        return Some(match (chunked(last), before.iter().any(chunked)) {
            (true, false) => Framing::Chunked,
            (true, true) => Framing::Ambiguous,
            // 6.3, 4: in responses; a request like that is refused.
            (false, _) => Framing::UntilClose,
        });
    }
    // 6.3, 5: a list of one and the same number is that number.
    let number = |text: &&str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let numbers: Option<Vec<u64>> = lengths.iter().map(number).collect();
    Some(match numbers.as_deref() {
        Some([first, rest @ ..]) if rest.iter().all(|other| other == first) => Framing::Length(*first),
        _ => Framing::Ambiguous,
    })
}

/// What has been read of a body.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// The first bytes, transfer-decoded.
    pub(super) kept: Vec<u8>,
    /// True length so far, transfer-decoded; null when it cannot be known.
    pub(super) length: Option<u64>,
    /// Bytes are missing among those kept, or after them.
    pub(super) cut: bool,
    /// Bytes were lost.
    pub(super) lost: bool,
    /// Its messages, if it is gRPC-Web.
    pub(super) web: Option<Box<grpc::web::Body>>,
}

/// Where reading a body stands.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    limit: usize,
    /// Bytes from here on are not kept: some before them are missing.
    torn: bool,
    pub(super) body: Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fixed(u64),
    UntilClose,
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailer,
    /// Chunked framing was lost in a hole: the last chunk, or another head, ends it.
    Adrift,
    Done,
}

/// How far it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More bytes are needed.
    More,
    /// The body is complete.
    Done,
    /// The framing makes no sense, or is lost: look for the next head.
    Broken,
}

impl Reader {
    /// `limit` bytes are kept.
    pub(super) fn new(framing: Framing, limit: usize) -> Self {
        let state = match framing {
            Framing::Empty | Framing::Length(0) | Framing::Ambiguous => State::Done,
            Framing::Length(length) => State::Fixed(length),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::UntilClose,
        };
        let length = (framing != Framing::Ambiguous).then_some(0);
        Self { state, limit, torn: false, body: Body { length, ..Body::default() } }
    }

    /// Of a body of this media type.
    pub(super) fn of_type(mut self, media_type: Option<&str>) -> Self {
        let web = media_type.filter(|name| grpc::is_web(name)).map(grpc::web::Body::new);
        self.body.web = web.map(Box::new);
        self
    }

    pub(super) fn is_until_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// The end was not counted off but looked for: there may be whole messages in the hole before it.
    pub(super) fn was_adrift(&self) -> bool {
        self.body.length.is_none()
    }

    /// Not a byte has been read.
    pub(super) fn is_untouched(&self) -> bool {
        self.body.length == Some(0) && !self.torn
    }

    /// Reads on.
    pub(super) fn advance(&mut self, stream: &mut DataStream) -> Progress {
        loop {
            let progress = match self.state {
                State::Done => return Progress::Done,
                State::Fixed(left) => self.data(stream, left).map(|left| match left {
                    0 => State::Done,
                    left => State::Fixed(left),
                }),
                State::UntilClose => self.data(stream, u64::MAX).map(|_| State::UntilClose),
                State::ChunkData(left) => self.data(stream, left).map(|left| match left {
                    0 => State::ChunkEnd,
                    left => State::ChunkData(left),
                }),
                State::ChunkSize | State::ChunkEnd | State::Trailer => match line(stream) {
                    Line::Whole(text, length) => {
                        let next = self.chunk_line(&text);
                        if next.is_some() {
                            stream.consume(length);
                        }
                        match next {
                            Some(state) => Some(state),
                            None => return Progress::Broken,
                        }
                    }
                    Line::Partial => None,
                    Line::TooLong => return Progress::Broken,
                    Line::Hole => {
                        self.adrift(stream);
                        Some(State::Adrift)
                    }
                },
                State::Adrift => match self.find_last_chunk(stream) {
                    Progress::More => None,
                    Progress::Done => Some(State::Done),
                    Progress::Broken => return Progress::Broken,
                },
            };
            match progress {
                Some(state) => self.state = state,
                None => return Progress::More,
            }
        }
    }

    /// What to expect after a line of chunked framing; null if it makes no sense.
    fn chunk_line(&mut self, line: &[u8]) -> Option<State> {
        match self.state {
            State::ChunkSize => match chunk_size(line)? {
                0 => Some(State::Trailer),
                size => Some(State::ChunkData(size)),
            },
            State::ChunkEnd => line.is_empty().then_some(State::ChunkSize),
            _ if line.is_empty() => Some(State::Done),
            _ => Some(State::Trailer),
        }
    }

    /// Reads over up to `left` bytes of body. Returns how many are left then; null if none have come.
    fn data(&mut self, stream: &mut DataStream, left: u64) -> Option<u64> {
        let room = self.limit.saturating_sub(self.body.kept.len());
        if room > 0 && !self.torn {
            let bytes = stream.bytes();
            let count = bytes.len().min(room).min(usize::try_from(left).unwrap_or(usize::MAX));
            self.body.kept.extend_from_slice(bytes.get(..count).unwrap_or_default());
        }
        let before = stream.bytes().len() as u64;
        let here = left.min(stream.hole().map_or(before, |hole| hole.len));
        if let Some(web) = &mut self.body.web {
            match stream.hole() {
                Some(_) => web.hole(here),
                None => {
                    let count = usize::try_from(here).unwrap_or(usize::MAX);
                    web.push(stream.bytes().get(..count).unwrap_or_default());
                }
            }
        }
        let skipped = stream.skip(here);
        if skipped.cut || skipped.lost {
            self.torn = true;
            self.body.cut |= skipped.cut;
            self.body.lost |= skipped.lost;
        }
        let length = self.body.length.map(|length| length.saturating_add(skipped.bytes));
        self.body.length = length;
        // Of gRPC-Web all is read and nothing is shown.
        self.body.cut |= self.body.web.is_none() && length.is_some_and(|length| length > self.body.kept.len() as u64);
        (skipped.bytes > 0).then(|| left.saturating_sub(skipped.bytes))
    }

    /// The framing went missing: length and the rest of the body are unknown.
    fn adrift(&mut self, stream: &mut DataStream) {
        self.torn = true;
        self.body.length = None;
        if let Some(web) = &mut self.body.web {
            web.hole(u64::MAX);
        }
        if let Some(hole) = skip_to_hole(stream) {
            let skipped = stream.skip(hole);
            self.body.cut |= skipped.cut;
            self.body.lost |= skipped.lost;
        }
    }

    /// Looks for the last chunk, `0`, with an empty line after it, or for a line that only a head begins with.
    fn find_last_chunk(&mut self, stream: &mut DataStream) -> Progress {
        loop {
            match line(stream) {
                Line::Whole(text, length) => {
                    if super::recognise::is_start_line(&text) {
                        return Progress::Broken;
                    }
                    let last = text == b"0";
                    let rest = stream.bytes().get(length..).unwrap_or_default();
                    match rest {
                        [b'\n', ..] if last => {
                            stream.consume(length.saturating_add(1));
                            return Progress::Done;
                        }
                        [b'\r', b'\n', ..] if last => {
                            stream.consume(length.saturating_add(2));
                            return Progress::Done;
                        }
                        [] | [b'\r'] if last && stream.hole().is_none() => return Progress::More,
                        _ => stream.consume(length),
                    }
                }
                Line::Partial => return Progress::More,
                Line::TooLong => {
                    let count = stream.bytes().len();
                    stream.consume(count);
                }
                Line::Hole => self.adrift(stream),
            }
        }
    }
}

enum Line {
    /// Without its end; and its length with it.
    Whole(Vec<u8>, usize),
    Partial,
    TooLong,
    Hole,
}

fn line(stream: &DataStream) -> Line {
    let bytes = stream.bytes();
    match memchr::memchr(b'\n', bytes) {
        Some(end) if end <= LONGEST_LINE => {
            let line = bytes.get(..end).unwrap_or_default();
            Line::Whole(line.strip_suffix(b"\r").unwrap_or(line).to_vec(), end.saturating_add(1))
        }
        Some(_) => Line::TooLong,
        None if stream.hole().is_some() || stream.hole_follows() => Line::Hole,
        None if bytes.len() > LONGEST_LINE => Line::TooLong,
        None => Line::Partial,
    }
}

/// Consumes what precedes a hole; returns the hole's length.
fn skip_to_hole(stream: &mut DataStream) -> Option<u64> {
    if stream.hole().is_none() {
        let count = stream.bytes().len();
        stream.consume(count);
    }
    stream.hole().map(|hole| hole.len)
}

/// `1*HEXDIG [ chunk-ext ]` (RFC 9112, 7.1).
fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let (digits, rest) = line.split_at_checked(end)?;
    let extension = rest.trim_ascii_start();
    if !extension.is_empty() && !extension.starts_with(b";") {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Vec<Header> {
        fields.iter().map(|(name, value)| Header { name: Some((*name).into()), value: Some((*value).into()) }).collect()
    }

    #[track_caller]
    fn check(fields: &[(&str, &str)], expect: Option<Framing>) {
        assert_eq!(framing(&headers(fields), false), expect, "{fields:?}");
    }

    const LENGTH: &str = "content-length";
    const CODING: &str = "transfer-encoding";

    #[test]
    fn the_length_of_a_body_as_in_rfc_9112_6_3() {
        check(&[("host", "a")], None);
        check(&[(LENGTH, "42")], Some(Framing::Length(42)));
        check(&[(LENGTH, "42, 42")], Some(Framing::Length(42)));
        check(&[(LENGTH, "42"), (LENGTH, "42")], Some(Framing::Length(42)));
        check(&[(CODING, "chunked")], Some(Framing::Chunked));
        check(&[(CODING, "gzip, Chunked")], Some(Framing::Chunked));
        check(&[(CODING, "gzip"), (CODING, "chunked")], Some(Framing::Chunked));
        check(&[(CODING, "gzip")], Some(Framing::UntilClose));
        check(&[(CODING, "chunked, gzip")], Some(Framing::UntilClose));
    }

    #[test]
    fn ambiguous_heads_are_not_guessed_at() {
        for fields in [
            &[(LENGTH, "1"), (LENGTH, "2")][..],
            &[(LENGTH, "1, 2")],
            &[(LENGTH, "1"), (CODING, "chunked")],
            &[(LENGTH, "+1")],
            &[(LENGTH, "")],
            &[(LENGTH, "0x10")],
            &[(LENGTH, "99999999999999999999")],
            &[(CODING, "chunked, chunked")],
        ] {
            check(fields, Some(Framing::Ambiguous));
        }
        assert_eq!(framing(&headers(&[(LENGTH, "1")]), true), Some(Framing::Ambiguous));
    }

    #[test]
    fn chunk_sizes_with_extensions() {
        assert_eq!(chunk_size(b"1a"), Some(26));
        assert_eq!(chunk_size(b"1A;name=\"value\""), Some(26));
        assert_eq!(chunk_size(b"0 ; a"), Some(0));
        for bad in [&b"g"[..], b"", b"1 2", b"-1", b"10000000000000000"] {
            assert_eq!(chunk_size(bad), None, "{bad:?}");
        }
    }
}
