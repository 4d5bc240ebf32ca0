//! Other engines read what explore writes: one file, and the folders of several nodes, on disk and in a bucket (S3), with the
//! same answers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use query::generate::Generator;
use query::snapshot::{self, Manifest};
use query::{Context, Query, Snapshot, Store, StoreOptions, Value};

fn snapshot_of(node: &str, seed: u64) -> Snapshot {
    let mut store = Store::new(StoreOptions::default());
    let mut rows = Generator::new(seed).on(node);
    (0..2000).for_each(|_| store.append(rows.any()));
    store.snapshot()
}

fn failed(snapshot: &Snapshot) -> u64 {
    let query = Query::parse("http where status >= 500 | count").expect("is a query");
    let context = Context { now: 0, start: 0, end: 0, live: false };
    match query.run(snapshot, &context).expect("runs").value(0, 0) {
        Value::U64(count) => count,
        other => panic!("{other:?}"),
    }
}

fn write(path: &Path, snapshot: &Snapshot, node: &str) {
    let mut manifest = Manifest::default();
    manifest.members.insert("node".to_owned(), node.into());
    snapshot::write(path, snapshot, &manifest, true).expect("writes");
}

#[test]
#[ignore = "needs the Python packages duckdb, polars, pandas, datafusion and moto"]
fn other_engines_read_snapshots() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let (file, nodes) = (folder.path().join("f.parquet"), folder.path().join("nodes/"));
    let mut by_node = BTreeMap::new();
    for (node, seed) in [("web-1", 3), ("web-2", 4)] {
        let snapshot = snapshot_of(node, seed);
        write(&file, &snapshot, node);
        write(&nodes, &snapshot, node);
        by_node.insert(node, failed(&snapshot));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines/ask.py");
    let python = std::env::var("EXPLORE_TEST_TOOLS")
        .map_or_else(|_| "python3".to_owned(), |tools| format!("{tools}/bin/python"));
    let output = Command::new(python).arg(script).args([&file, &nodes]).output().expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    // The file is of the node that came last.
    let last = by_node["web-2"];
    assert!(last > 100);
    for engine in ["duckdb", "polars", "pandas", "datafusion"] {
        assert_eq!(found[engine], last, "{engine}");
    }
    for engine in ["duckdb directory", "polars directory", "datafusion directory", "polars bucket", "datafusion bucket"]
    {
        assert_eq!(found[engine], serde_json::json!(by_node), "{engine}");
    }
}
