//! Tells by its first bytes what a file is, whatever it is called.

use std::io::{BufReader, Cursor, Read};

use super::events;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A recording of socket events.
    Events,
    /// A capture as written by libpcap.
    Pcap,
    /// A capture as written by Wireshark.
    PcapNg,
    /// Rows: a snapshot, or `--format parquet`.
    Parquet,
    /// Rows: Arrow's file format.
    ArrowFile,
    /// Rows: Arrow's stream format.
    ArrowStream,
}

/// First bytes that are looked at.
pub(super) const HEAD: usize = 512;

impl Kind {
    /// By the first bytes of a file, decompressed.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let (magic, rest) = head.split_first_chunk::<4>()?;
        match *magic {
            // Microseconds and nanoseconds, little and big endian (draft-ietf-opsawg-pcap, section 4).
            [0xd4, 0xc3, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0xc3, 0xd4]
            | [0x4d, 0x3c, 0xb2, 0xa1]
            | [0xa1, 0xb2, 0x3c, 0x4d] => Some(Self::Pcap),
            // Block type of the section header, a palindrome (draft-ietf-opsawg-pcapng, section 4.1).
            [0x0a, 0x0d, 0x0d, 0x0a] => Some(Self::PcapNg),
            [b'P', b'A', b'R', b'1'] => Some(Self::Parquet),
            // An encapsulated message: continuation, then the length of its metadata, a multiple of 8 (Arrow columnar
            // format, "Encapsulated message format").
            [0xff, 0xff, 0xff, 0xff] => {
                let length = u32::from_le_bytes(*rest.first_chunk()?);
                (length != 0 && length % 8 == 0 && length < 1 << 24).then_some(Self::ArrowStream)
            }
            _ if head.starts_with(b"ARROW1\0\0") => Some(Self::ArrowFile),
            _ => {
                let named = events::MAGIC.get(..15).unwrap_or_default();
                head.starts_with(named).then_some(Self::Events)
            }
        }
    }

    /// As people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => ".events recording",
            Self::Pcap => "pcap",
            Self::PcapNg => "pcapng",
            Self::Parquet => "Parquet file",
            Self::ArrowFile => "Arrow IPC file",
            Self::ArrowStream => "Arrow IPC stream",
        }
    }
}

/// Reads the first bytes, and gives a reader that starts again with them.
pub(super) fn peek(mut input: Box<dyn Read + Send>, count: usize) -> std::io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut head = vec![0; count];
    let mut filled = 0;
    // As few reads as tell what it is: a pipe may give no more for a long time.
    while filled < count {
        match input.read(head.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // What came before the damage tells what it is; the damage comes again.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
        let seen = head.get(..filled).unwrap_or_default();
        if Compressed::of(seen).is_some() || Kind::of(seen).is_some() {
            break;
        }
    }
    head.truncate(filled);
    Ok((head.clone(), Box::new(Cursor::new(head).chain(input))))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compressed {
    Gzip,
    Zstd,
    Xz,
}

impl Compressed {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // A skippable frame may come first (RFC 8878, section 3.1.2).
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0x00, ..] => Some(Self::Xz),
            _ => None,
        }
    }
}

/// Takes off one layer of compression, if there is one. Concatenated members and frames are read on.
pub(super) fn decompress(input: Box<dyn Read + Send>) -> std::io::Result<Box<dyn Read + Send>> {
    let (head, input) = peek(input, 6)?;
    let buffered = BufReader::with_capacity(64 << 10, input);
    Ok(match Compressed::of(&head) {
        None => Box::new(buffered),
        Some(Compressed::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
        Some(Compressed::Zstd) => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
        Some(Compressed::Xz) => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(buffered)),
    })
}

const TAKEN: &str = "--read takes pcap, pcapng, .events, Parquet and Arrow IPC files, plain or as gzip, zstd or xz";

/// What a file that is none of [`Kind`] looks like: `is …` or `looks like …`.
pub(super) fn describe(head: &[u8]) -> String {
    if head.is_empty() {
        return "is empty".to_owned();
    }
    let known: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "is compressed twice"),
        (b"\x28\xb5\x2f\xfd", "is compressed twice"),
        (b"\xfd7zXZ", "is compressed twice"),
        (b"BZh", "is compressed with bzip2"),
        (b"\x04\x22\x4d\x18", "is compressed with lz4"),
        (b"PK\x03\x04", "is a zip archive"),
        (b"\x34\xcd\xb2\xa1", "is a capture in the modified pcap format of old kernels"),
        (b"\xa1\xb2\xcd\x34", "is a capture in the modified pcap format of old kernels"),
        (b"snoop\0\0\0", "is a snoop capture"),
        (b"GMBU", "is a Network Monitor capture"),
        (b"\x7fELF", "is a program"),
        (b"SQLite format 3", "is an SQLite database"),
        (b"\x89PNG", "is a picture"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*what).to_owned();
    }
    match text(head) {
        Some(text) if is_key_log(text) => "is a TLS key log".to_owned(),
        Some(text) if text.starts_with(['{', '[']) => "looks like JSON".to_owned(),
        Some(text) if text.starts_with('<') => "looks like HTML or XML".to_owned(),
        Some(_) => "looks like text".to_owned(),
        None => {
            let hex: Vec<String> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!("begins with the unknown bytes {}", hex.join(" "))
        }
    }
}

/// What to do about a file that is none of [`Kind`].
pub(super) fn advice(head: &[u8]) -> String {
    let convert = match head {
        _ if text(head).is_some_and(is_key_log) => "give it to --tls-keys, beside the capture that it belongs to",
        [b'B', b'Z', b'h', ..] => "unpack it with bzip2 -dc FILE | explore --read -",
        [0x04, 0x22, 0x4d, 0x18, ..] => "unpack it with lz4 -dc FILE | explore --read -",
        [0x34, 0xcd, 0xb2, 0xa1, ..] | [0xa1, 0xb2, 0xcd, 0x34, ..] => "convert it with editcap -F pcapng FILE NEW",
        _ if head.starts_with(b"snoop\0\0\0") || head.starts_with(b"GMBU") => {
            "convert it with editcap -F pcapng FILE NEW"
        }
        _ => return TAKEN.to_owned(),
    };
    format!("{convert} ({TAKEN})")
}

fn is_key_log(text: &str) -> bool {
    let labels = ["CLIENT_RANDOM ", "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_HANDSHAKE_TRAFFIC_SECRET ", "RSA "];
    text.lines()
        .find(|line| !line.starts_with('#'))
        .is_some_and(|line| labels.iter().any(|label| line.starts_with(label)))
}

/// The bytes as text, if they look like it; a character that the end cuts is left out.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let printable = |c: char| !c.is_control() || c.is_ascii_whitespace();
    text.chars().all(printable).then(|| text.trim_start())
}
