//! Malformed connections of other projects: whatever they hold, the rows do not depend on the chunks.

use std::fs;
use std::path::{Path, PathBuf};

use super::wire::Wire;
use crate::event::Direction::{Received, Sent};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn check(path: &Path) -> usize {
    let bytes = fs::read(path).unwrap();
    let mut rows = Vec::new();
    for chunk in [bytes.len().max(1), 1, 7] {
        let mut wire = Wire::new();
        for piece in bytes.chunks(chunk) {
            wire.send(Sent, 1, piece);
        }
        wire.close();
        rows.push(wire.exchanges);
    }
    assert_eq!(rows[0], rows[1], "{}", path.display());
    assert_eq!(rows[0], rows[2], "{}", path.display());
    // As an answer, and joined in the middle, it must do no harm.
    let mut wire = Wire::joined();
    wire.send(Received, 1, &bytes);
    wire.close();
    assert!(wire.memory() < 1 << 20);
    rows[0].len()
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn nghttp2_fuzz_corpus() {
    let files = [files("nghttp2-fuzz-corpus/h2spec"), files("nghttp2-fuzz-corpus/nghttp")].concat();
    let rows: usize = files.iter().map(|path| check(path)).sum();
    assert!(files.len() > 130 && rows > 100, "{rows} rows of {} files", files.len());
}

#[test]
#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]
fn h2o_fuzz_corpus() {
    let files = files("h2o-fuzz-corpus/http2-corpus");
    let rows: usize = files.iter().map(|path| check(path)).sum();
    assert!(files.len() > 100 && rows > 0, "{rows} rows of {} files", files.len());
}
