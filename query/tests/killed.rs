//! A snapshot is there whole or not at all, whenever its writer is killed and whether or not the disk is full.
//!
//! `KILLS=100 cargo test -p query --test killed` for more moments than CI has time for.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use query::generate::Generator;
use query::snapshot::{self, Manifest, Source};
use query::{Store, StoreOptions};

/// Rows of the two snapshots that take turns under one name.
const SIZES: [usize; 2] = [100, 200];
const PATH: &str = "EXPLORE_TEST_SNAPSHOT";

fn store(rows: usize) -> Store {
    let mut store = Store::new(StoreOptions::default());
    let mut generator = Generator::new(3);
    (0..rows).for_each(|_| store.append(generator.any()));
    store
}

fn rows(path: &Path) -> u64 {
    let mut store = Store::new(StoreOptions::default());
    snapshot::open(Source::Path(path.to_owned()), &mut store).unwrap_or_else(|error| panic!("half a file: {error}"));
    let snapshot = store.snapshot();
    // Every column of every row, so that a hole anywhere would show.
    for table in ["http", "grpc", "pgsql", "dns", "tls", "conns"] {
        let query = query::Query::parse(table).expect("is a query");
        let context = query::Context { now: 0, start: 0, end: 0, live: false };
        let rows = query.run(&snapshot, &context).expect("reads");
        assert_eq!(rows.height() as u64, snapshot.rows(table));
    }
    store.rows()
}

/// Runs one of the tests below as a program of its own.
fn part(name: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("is a file"));
    command.args(["--exact", name, "--ignored", "--nocapture"]).env(PATH, path).stdin(Stdio::null());
    command
}

fn path() -> Option<PathBuf> {
    std::env::var_os(PATH).map(PathBuf::from)
}

#[test]
#[ignore = "a program of the test below: writes for ever"]
fn writer() {
    let Some(path) = path() else { return };
    let snapshots = SIZES.map(|rows| store(rows).snapshot());
    for snapshot in snapshots.iter().cycle() {
        println!("writing");
        snapshot::write(&path, snapshot, &Manifest::default(), true).expect("writes");
    }
}

#[test]
fn killed_at_any_moment_it_leaves_no_half_file() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    let kills = std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(12);
    let mut random = Generator::new(u64::from(std::process::id()));
    let began = Instant::now();
    let sizes = SIZES.map(|rows| store(rows).snapshot());
    sizes.iter().for_each(|taken| snapshot::write(&path, taken, &Manifest::default(), true).expect("writes"));
    // As long as both take, and longer: every moment of both is hit.
    let both = u64::try_from(began.elapsed().as_micros()).expect("fits");
    for _ in 0..kills {
        let mut child = part("writer", &path).stdout(Stdio::piped()).spawn().expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
        // Once it has begun, somewhere in the writing of a file or between two.
        assert!(lines.any(|line| line.is_ok_and(|line| line.contains("writing"))), "the writer ended");
        std::thread::sleep(Duration::from_micros(random.below(both)));
        child.kill().expect("can be killed");
        child.wait().expect("ends");
        let rows = rows(&path);
        assert!(SIZES.iter().any(|size| *size as u64 == rows), "{rows} rows");
        // What it was writing beside is not under the name, and in nobody's way.
        for entry in std::fs::read_dir(folder.path()).expect("reads") {
            let name = entry.expect("reads").file_name();
            let left = name.to_string_lossy().starts_with(".s.parquet.") && name.to_string_lossy().ends_with(".part");
            assert!(name == "s.parquet" || left, "{name:?}");
        }
    }
}

#[test]
#[ignore = "a program of the test below: writes where there is no room"]
fn writer_without_room() {
    let Some(path) = path() else { return };
    let mut store = store(SIZES[1]);
    let full = snapshot::write(&path, &store.snapshot(), &Manifest::default(), true).expect_err("there is no room");
    assert!(full.message.contains("not written") && full.message.contains("too large"), "{full}");
    assert_eq!(store.rows(), SIZES[1] as u64, "nothing is lost in memory");
}

/// The limit of a file's size stands for a full disk: both end a write in the middle.
#[test]
fn without_room_the_older_file_stays_and_nothing_is_left() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    snapshot::write(&path, &store(SIZES[0]).snapshot(), &Manifest::default(), false).expect("writes");
    let own = std::env::current_exe().expect("is a file");
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact writer_without_room --ignored --nocapture";
    let status = Command::new("sh").args(["-c", limited]).arg(own).env(PATH, &path).status().expect("starts");
    assert!(status.success());
    assert_eq!(rows(&path), SIZES[0] as u64);
    assert_eq!(std::fs::read_dir(folder.path()).expect("reads").count(), 1, "nothing is left beside");
}
