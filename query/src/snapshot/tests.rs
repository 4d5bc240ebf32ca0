use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use polars::prelude::*;
use protocols::event::Timestamp;
use protocols::tracker::Loss;

use super::{Manifest, read, write};
use crate::generate::{Generator, START};
use crate::table::Value;
use crate::{Context, ProbeRow, Query, Store, StoreOptions};

fn store(rows: usize) -> Store {
    let mut store = Store::new(StoreOptions::default());
    let mut generator = Generator::new(3);
    for _ in 0..rows {
        store.append(generator.any());
    }
    store.set_probes(vec![ProbeRow { program: "recv".to_owned(), ns_per_hit: Some(1.5), ..ProbeRow::default() }]);
    store.set_loss(vec![Loss { cause: "ring_full".into(), events: 3, bytes: 99, first_seen: Timestamp(START) }]);
    store
}

fn manifest() -> Manifest {
    let mut manifest = Manifest::default();
    manifest.members.insert("node".to_owned(), "test".into());
    manifest
}

const CONTEXT: Context = Context { now: START as i64, start: START as i64, end: START as i64, live: false };

fn rows(store: &mut Store, query: &str) -> Vec<Vec<Value>> {
    let table = Query::parse(query).expect("is a query").run(&store.snapshot(), &CONTEXT).expect("runs");
    (0..table.height()).map(|row| table.row(row).collect()).collect()
}

fn read_back(path: &Path) -> Store {
    let mut store = Store::new(StoreOptions::default());
    let found = read(std::fs::read(path).expect("reads"), &mut store).expect("is a snapshot");
    assert_eq!(found.expect("has a manifest").members["tables"]["probes"], 1);
    store
}

#[test]
fn what_was_written_is_read() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    let mut before = store(3000);
    write(&path, &before.snapshot(), &manifest(), false).expect("writes");
    assert_eq!(std::fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).expect("reads").count(), 1, "nothing is left beside");
    let mut after = read_back(&path);
    for table in crate::schema::tables() {
        let order = if table.column("id").is_some() { "sort id" } else { "sort *" };
        let query = match order {
            "sort id" => format!("{} | sort id", table.name),
            _ if table.column("conn").is_some() => format!("{} | sort time, conn", table.name),
            _ => table.name.to_owned(),
        };
        assert_eq!(rows(&mut before, &query), rows(&mut after, &query), "{}", table.name);
    }
}

#[test]
fn rows_that_were_read_come_in_order_of_completion() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    write(&path, &store(3000).snapshot(), &manifest(), false).expect("writes");
    let mut after = read_back(&path);
    let completed = rows(&mut after, "requests | select at = coalesce(time + latency, time)");
    let times: Vec<i64> = completed.iter().map(|row| if let Value::Time(ns) = row[0] { ns } else { 0 }).collect();
    assert!(times.len() > 2000 && times.is_sorted());
}

#[test]
fn an_older_file_is_kept_unless_forced() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    std::fs::write(&path, "old").expect("writes");
    let error = write(&path, &store(10).snapshot(), &manifest(), false).expect_err("must not overwrite");
    assert!(error.message.contains("exists"), "{error}");
    assert_eq!(std::fs::read(&path).expect("reads"), b"old");
    write(&path, &store(10).snapshot(), &manifest(), true).expect("writes");
    read_back(&path);
    let nowhere = folder.path().join("no/such/folder/s.parquet");
    assert!(write(&nowhere, &store(10).snapshot(), &manifest(), false).is_err());
}

#[test]
fn a_directory_has_a_file_a_table() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("all/");
    write(&path, &store(500).snapshot(), &manifest(), false).expect("writes");
    let file = path.join("node=test/http.parquet");
    let frame = ParquetReader::new(std::fs::File::open(&file).expect("is there")).finish().expect("reads");
    assert_eq!(frame.width(), crate::schema::table("http").expect("is a table").columns.len());
    let mut after = Store::new(StoreOptions::default());
    read(std::fs::read(&file).expect("reads"), &mut after).expect("is a snapshot");
    assert_eq!(after.table_rows("http"), frame.height() as u64);
}

#[test]
fn numbers_of_several_files_never_clash() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    write(&path, &store(500).snapshot(), &manifest(), false).expect("writes");
    let mut both = Store::new(StoreOptions::default());
    for _ in 0..2 {
        read(std::fs::read(&path).expect("reads"), &mut both).expect("is a snapshot");
    }
    let counts = rows(&mut both, "requests | summarize count(), dcount(id)");
    assert_eq!(counts[0][0], counts[0][1]);
    let children = "requests | join (requests | select id, other = conn) on parent == id | count";
    let (one, two) = (rows(&mut read_back(&path), children), rows(&mut both, children));
    let count = |rows: &[Vec<Value>]| if let Value::U64(count) = rows[0][0] { count } else { 0 };
    assert!(count(&one) > 0 && count(&two) == 2 * count(&one), "no row finds the parent of another file");
}

#[test]
fn the_files_of_a_directory_are_one_session() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let mut sessions: Vec<Store> = [3000, 2000].into_iter().map(store).collect();
    let query =
        "http | join (pgsql | summarize queries=count() by parent) on id == parent | summarize count(), sum(queries)";
    let expected: Vec<_> = sessions.iter_mut().flat_map(|store| rows(store, query)).collect();
    let number = |value: &Value| if let Value::U64(number) = value { *number } else { 0 };
    assert!(number(&expected[0][0]) > 0, "{expected:?}");
    let paths: Vec<_> = ["a", "b"].map(|name| folder.path().join(name).join("")).into();
    for (path, store) in paths.iter().zip(&mut sessions) {
        write(path, &store.snapshot(), &manifest(), false).expect("writes");
    }
    // Table after table, so that the sessions take turns; and once again, which makes two more sessions.
    let tables = ["http", "pgsql", "dns", "http", "pgsql"];
    let files: Vec<_> = tables
        .iter()
        .flat_map(|table| paths.iter().map(move |path| path.join(format!("node=test/{table}.parquet"))))
        .collect();
    let (mut loaded, mut opened) = (Store::new(StoreOptions::default()), Store::new(StoreOptions::default()));
    for file in files {
        read(std::fs::read(&file).expect("reads"), &mut loaded).expect("is a snapshot");
        super::open(super::Source::Path(file), &mut opened).expect("is a snapshot");
    }
    for store in [&mut loaded, &mut opened] {
        let found = rows(store, query).remove(0);
        for (column, value) in found.iter().enumerate() {
            let twice: u64 = expected.iter().map(|row| 2 * number(&row[column])).sum();
            assert_eq!(number(value), twice);
        }
        let ids = rows(store, "http | summarize count(), dcount(id)").remove(0);
        assert_eq!(ids[0], ids[1]);
    }
}

#[test]
fn a_row_group_holds_one_table_and_the_manifest_is_in_the_footer() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    write(&path, &store(500).snapshot(), &manifest(), false).expect("writes");
    let bytes = std::fs::read(&path).expect("reads");
    let mut reader = ParquetReader::new(std::io::Cursor::new(&bytes));
    let metadata = reader.get_metadata().expect("reads").clone();
    let frame = reader.finish().expect("reads");
    let mut start = 0;
    for group in &metadata.row_groups {
        let tables = frame.column("table").expect("is there").slice(start, group.num_rows());
        assert_eq!(tables.n_unique().expect("counts"), 1);
        let times = frame.column("time").expect("is there").slice(start, group.num_rows());
        assert!(times.cast(&DataType::Int64).expect("casts").i64().expect("ints").iter().flatten().is_sorted());
        start += i64::try_from(group.num_rows()).expect("fits");
    }
    let entry = metadata.key_value_metadata().iter().flatten().find(|entry| entry.key == "explore.manifest");
    assert!(entry.and_then(|entry| entry.value.as_ref()).expect("is there").contains("\"ring_full\""));
}

#[test]
fn damaged_files_are_errors() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("s.parquet");
    write(&path, &store(50).snapshot(), &manifest(), false).expect("writes");
    let bytes = std::fs::read(&path).expect("reads");
    for length in [0, 3, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(read(bytes[..length].to_vec(), &mut Store::new(StoreOptions::default())).is_err(), "{length}");
    }
    assert!(read(b"\xff\xff\xff\xff\x10\0\0\0".to_vec(), &mut Store::new(StoreOptions::default())).is_err());
}

#[test]
fn arrow_is_read_back_without_a_name() {
    use crate::export::{Format, TextOptions, file_writer, writer};
    let mut before = store(400);
    let query = Query::parse("dns").expect("is a query");
    let table = query.run(&before.snapshot(), &CONTEXT).expect("runs");
    let options = TextOptions { width: None, human: false, ascii: false };
    for (format, in_file) in [(Format::Arrow, false), (Format::Arrow, true), (Format::Parquet, false)] {
        let make = if in_file { file_writer } else { writer };
        let mut out = Vec::new();
        let mut rows_out = make(format, query.columns(), options);
        rows_out.write(&mut out, &table).expect("writes");
        rows_out.finish(&mut out).expect("writes");
        let mut after = Store::new(StoreOptions::default());
        read(out, &mut after).expect("reads");
        assert_eq!(rows(&mut before, "dns | sort id"), rows(&mut after, "dns | sort id"), "{format:?} {in_file}");
    }
}
