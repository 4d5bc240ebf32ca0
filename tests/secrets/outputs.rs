//! What the program writes about the session: files, exports, logs and screens.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::planted::Planted;
use protocols::event::{SocketEvent, Timestamp};

/// Writes a recording. It holds what was said as it was said, and is the only file that may.
pub(crate) fn record(path: &Path, events: &[SocketEvent]) {
    let header = probes::files::events::Header { start: Timestamp(1), program: "test".into(), ..Default::default() };
    let compression = probes::files::events::Compression::None;
    let mut writer = probes::files::events::Writer::create(path, &header, compression, false).unwrap();
    for event in events {
        writer.record(event).unwrap();
    }
    writer.finish().unwrap();
}

/// Runs the program; gives all that it printed.
#[track_caller]
pub(crate) fn explore(folder: &Path, args: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_explore"))
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("XDG_STATE_HOME", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    [output.stdout, output.stderr].concat()
}

/// Fails if a secret is in there.
#[track_caller]
pub(crate) fn check(secrets: &Planted, what: &str, bytes: &[u8]) {
    if let Some(found) = secrets.find(bytes) {
        panic!("{what} shows a secret: {found}");
    }
}

/// Fails if a secret is in any file but the recording.
#[track_caller]
pub(crate) fn check_files(secrets: &Planted, folder: &Path) {
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.extension().is_none_or(|extension| extension != "events") {
            check(secrets, &path.display().to_string(), &fs::read(&path).unwrap());
            files += 1;
        }
    }
    assert!(files >= 4, "{files} files");
}
