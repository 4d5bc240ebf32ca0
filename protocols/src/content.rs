//! Content codings (RFC 9110, 8.4): what was kept of a body, made readable.
//!
//! Only the first bytes of a body are kept, so an encoded one nearly always ends in the middle: what comes out before
//! that counts. (zstd gives nothing before the end of its first block, at most 128 KiB: see [`encoded_limit`].) Output is bounded, so that a few bytes cannot unfold into gigabytes.

use std::io::Read;

/// RFC 8878, 3.1.1.2.4: the largest block, which is decoded as a whole.
const ZSTD_BLOCK: usize = 128 << 10;

/// The first `limit` bytes of the body that `kept` is the beginning of. `encoding` is the Content-Encoding field.
///
/// Codings that are unknown, or that the bytes belie, leave the bytes as they are.
#[must_use]
pub fn decode(encoding: Option<&str>, kept: &[u8], limit: usize) -> Vec<u8> {
    let mut body = kept.to_vec();
    // RFC 9110, 8.4: listed in the order in which they were applied.
    for coding in encoding.unwrap_or_default().rsplit(',').map(str::trim).take(4) {
        match decode_one(coding, &body, limit) {
            Some(decoded) => body = decoded,
            None => break,
        }
    }
    body.truncate(limit);
    body
}

/// How much of an encoded body must be kept for its first `limit` decoded bytes to be had.
#[must_use]
pub fn encoded_limit(encoding: Option<&str>, limit: usize) -> usize {
    match encoding {
        Some(encoding) if limit > 0 && encoding.to_ascii_lowercase().contains("zstd") => limit.max(ZSTD_BLOCK),
        _ => limit,
    }
}

/// Whether every coding named is one that [`decode`] can undo.
#[must_use]
pub fn is_known(encoding: &str) -> bool {
    let names = ["gzip", "x-gzip", "deflate", "br", "zstd", "identity", ""];
    encoding.split(',').all(|coding| names.iter().any(|name| coding.trim().eq_ignore_ascii_case(name)))
}

fn decode_one(coding: &str, bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read_some(flate2::read::MultiGzDecoder::new(bytes), limit),
        // RFC 9110, 8.4.1.2 means zlib's wrapping; some servers leave it out.
        "deflate" => read_some(flate2::read::ZlibDecoder::new(bytes), limit)
            .or_else(|| read_some(flate2::read::DeflateDecoder::new(bytes), limit)),
        "br" => read_some(brotli_decompressor::Decompressor::new(bytes, 4096), limit),
        // RFC 8878, 3.1.1.1.2 lets a decoder refuse windows over 8 MiB.
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::new(bytes).ok()?;
            decoder.window_log_max(23).ok()?;
            read_some(decoder, limit)
        }
        _ => None,
    }
}

/// What comes out before the end, an error or the limit; null if nothing does.
fn read_some(mut decoder: impl Read, limit: usize) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut chunk = [0; 4096];
    while decoded.len() < limit {
        match decoder.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(count) => decoded.extend_from_slice(chunk.get(..count).unwrap_or_default()),
        }
    }
    decoded.truncate(limit);
    (!decoded.is_empty()).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use base64::Engine;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_cut_in_the_middle_gives_what_came_before() {
        let text: Vec<u8> =
            (0..60_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_string().into_bytes()).collect();
        for (coding, encoded) in [("gzip", gzip(&text)), ("zstd", zstd::encode_all(&text[..], 3).unwrap())] {
            let decoded = decode(Some(coding), &encoded, 1 << 20);
            assert!(decoded == text, "{coding} whole");
            let part = decode(Some(coding), &encoded[..encoded.len() / 2], 1 << 20);
            assert!(text.starts_with(&part), "{coding} cut");
        }
        assert!(!decode(Some("zstd"), &zstd::encode_all(&text[..], 3).unwrap()[..200_000], 64).is_empty());
        let cut = decode(Some("gzip"), &gzip(&text)[..5000], 1024);
        assert!(cut.len() == 1024 && text.starts_with(&cut));
    }

    #[test]
    fn deflate_with_and_without_its_wrapping() {
        // zlib and raw deflate of "hello", made by Python's zlib.
        let zlib = b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00\x06\x2c\x02\x15";
        assert_eq!(decode(Some("deflate"), zlib, 64), b"hello");
        assert_eq!(decode(Some("Deflate"), &zlib[2..9], 64), b"hello");
    }

    #[test]
    fn brotli_as_its_tool_wrote_it() {
        // RFC 7932: an uncompressed metablock of "hello" and the empty last one.
        let stored = b"\x0b\x02\x80hello\x03";
        assert_eq!(decode(Some("br"), stored, 64), b"hello");
    }

    /// 300 lines, flushed every 50, as Node.js's zlib packs them.
    #[test]
    fn every_beginning_of_a_body_gives_a_beginning_of_its_text() {
        const BROTLI: &str = "C6wA+B0JNk5yu/Y6K7k7Nxj7vkVZBfJGSLvzvW2g1IUBWk1AAkco4msoo6xST3MddNXL+wlZZ9ePrIHEOKDkPsg6u3mMHZAYB1F2\
            fGSd3f7lTxm4CoDfSMk6t8gdiOdLS0KBKr34jv0BWgGwFQAzjxog0Ya74S1yd30SNUBSkbvxLXIHJGqAikXuprf4dWQAyAqAXwIg\
            CAsAKAy4CoBfAiAICwAkDMgKgF8CIAgLACgMuAqAXwIgCAsAJAwD";
        let text: String = (0..300_u64).map(|n| format!("row {}\n", n * 2_654_435_761 % 97)).collect();
        let brotli = base64::engine::general_purpose::STANDARD.decode(BROTLI).unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut zstd = zstd::Encoder::new(Vec::new(), 3).unwrap();
        for part in text.as_bytes().chunks(400) {
            for encoder in [&mut zlib as &mut dyn Write, &mut zstd] {
                encoder.write_all(part).unwrap();
                encoder.flush().unwrap();
            }
        }
        let packed = [("br", brotli), ("deflate", zlib.finish().unwrap()), ("zstd", zstd.finish().unwrap())];
        for (coding, encoded) in packed {
            let mut longest = 0;
            for end in 0..=encoded.len() {
                let part = decode(Some(coding), &encoded[..end], 1 << 20);
                if part != encoded[..end] {
                    assert!(text.as_bytes().starts_with(&part) && part.len() >= longest, "{coding}: {end} bytes");
                    longest = part.len();
                }
                if end == encoded.len() * 3 / 4 {
                    assert!(longest >= 400, "{coding}: {longest}");
                }
            }
            assert_eq!(longest, text.len(), "{coding}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_stay_within_the_limit(bytes in vec(any::<u8>(), 0..400), magic in 0_usize..4, limit in 0_usize..3000) {
            let codings = ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, zstd, zstd, zstd, zstd"];
            let magic: &[u8] = [&b""[..], b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x78\x9c"][magic];
            for coding in codings {
                prop_assert!(decode(Some(coding), &[magic, &bytes].concat(), limit).len() <= limit);
            }
        }
    }

    #[test]
    fn codings_are_undone_from_the_last_to_the_first() {
        let twice = gzip(&zstd::encode_all(&b"hello"[..], 3).unwrap());
        assert_eq!(decode(Some("zstd, gzip"), &twice, 64), b"hello");
    }

    #[test]
    fn a_bomb_stays_within_the_limit() {
        let bomb = gzip(&gzip(&vec![0; 64 << 20]));
        assert_eq!(decode(Some("gzip, gzip"), &bomb, 1024).len(), 1024);
    }

    #[test]
    fn what_cannot_be_decoded_stays_as_it_is() {
        assert_eq!(decode(Some("gzip"), b"not gzip", 64), b"not gzip");
        assert_eq!(decode(Some("aes128gcm"), b"\x01\x02", 64), b"\x01\x02");
        assert_eq!(decode(None, b"plain", 3), b"pla");
        assert!(is_known("gzip, br") && !is_known("compress"));
    }
}
