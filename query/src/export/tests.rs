use super::{Format, TextOptions, escape, human, writer};
use crate::table::{OutputColumn, Table, Value};
use crate::types::Type;
use polars::prelude::*;

fn table() -> Table {
    let columns = [
        ("time", Type::Time),
        ("latency", Type::Duration),
        ("path", Type::String),
        ("n", Type::U64),
        ("share", Type::F64),
        ("params", Type::ListString),
        ("body", Type::Blob),
        ("ok", Type::Bool),
    ];
    let utc = DataType::Datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC));
    let time = Series::new("time".into(), [1_795_341_600_000_000_001_i64, 1_795_341_601_500_000_000]);
    let mut params = ListStringChunkedBuilder::new("params".into(), 2, 2);
    params.append_values_iter(["7", "a,b"].into_iter());
    params.append_null();
    let frame = DataFrame::new(
        2,
        vec![
            time.cast(&utc).expect("casts").into_column(),
            Series::new("latency".into(), [Some(1_234_567_i64), None]).into_column(),
            Series::new("path".into(), ["/cart \"x\"", "\u{1b}[2J\u{9b}é\n"]).into_column(),
            Series::new("n".into(), [Some(u64::MAX), None]).into_column(),
            Series::new("share".into(), [Some(0.5), Some(f64::INFINITY)]).into_column(),
            params.finish().into_column(),
            Series::new("body".into(), [b"text".as_slice(), &[0xff, 0xfe]]).into_column(),
            Series::new("ok".into(), [Some(true), None]).into_column(),
        ],
    )
    .expect("fits together");
    Table { columns: columns.map(|(name, ty)| OutputColumn { name: name.to_owned(), ty }).to_vec(), frame }
}

fn written(format: Format, options: TextOptions) -> String {
    let table = table();
    let mut out = Vec::new();
    let mut writer = writer(format, table.columns(), options);
    // Rows come one after the other.
    for row in 0..table.height() {
        writer.write(&mut out, &table.slice(row, 1)).expect("writes");
    }
    writer.finish(&mut out).expect("writes");
    String::from_utf8(out).expect("is text")
}

const RAW: TextOptions = TextOptions { width: None, human: false, ascii: false };

#[test]
fn json_is_exact_and_cannot_move_a_cursor() {
    let expected = concat!(
        r#"{"time":"2026-11-22T10:00:00.000000001Z","latency":1234567,"path":"/cart \"x\"","n":18446744073709551615,"#,
        r#""share":0.5,"params":["7","a,b"],"body":"text","ok":true}"#,
        "\n",
        r#"{"time":"2026-11-22T10:00:01.500000000Z","latency":null,"path":"\u001b[2J\u009bé\n","n":null,"#,
        r#""share":null,"params":null,"body":{"base64":"//4="},"ok":null}"#,
        "\n",
    );
    assert_eq!(written(Format::Json, RAW), expected);
}

#[test]
fn csv_quotes_what_must_be_quoted() {
    let expected = concat!(
        "time,latency,path,n,share,params,body,ok\n",
        "2026-11-22T10:00:00.000000001Z,1234567,\"/cart \"\"x\"\"\",18446744073709551615,0.5,",
        "\"[\"\"7\"\",\"\"a,b\"\"]\",text,true\n",
        "2026-11-22T10:00:01.500000000Z,,\"\u{1b}[2J\u{9b}é\n\",,inf,,\"{\"\"base64\"\":\"\"//4=\"\"}\",\n",
    );
    assert_eq!(written(Format::Csv, RAW), expected);
    let terminal = written(Format::Csv, TextOptions { human: true, ..RAW });
    assert!(!terminal.contains('\u{1b}') && !terminal.contains('\u{9b}'));
}

#[test]
fn without_rows_there_is_still_a_header() {
    let table = table();
    let mut out = Vec::new();
    writer(Format::Csv, table.columns(), RAW).finish(&mut out).expect("writes");
    assert_eq!(out, b"time,latency,path,n,share,params,body,ok\n");
}

#[test]
fn text_is_aligned_and_fits_the_screen() {
    let wide = written(Format::Table, TextOptions { width: Some(100), human: true, ascii: false });
    let lines: Vec<&str> = wide.lines().collect();
    assert_eq!(lines.len(), 3, "{wide}");
    assert!(lines[0].starts_with("time          latency  path"), "{wide}");
    assert!(lines[1].starts_with("10:00:00.000   1.23ms  /cart"), "{wide}");
    for width in [20, 40, 60, 80] {
        let text = written(Format::Table, TextOptions { width: Some(width), human: true, ascii: false });
        let rows = text.lines().filter(|line| !line.contains("more columns"));
        assert!(rows.clone().all(|line| line.chars().count() <= width), "{text}");
        assert!(text.contains("more columns") || width == 80, "{text}");
    }
    let raw = written(Format::Table, RAW);
    assert!(raw.contains("1234567") && !raw.contains('\u{1b}'), "{raw}");
    let ascii = written(Format::Table, TextOptions { width: Some(30), human: true, ascii: true });
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn units_are_for_people() {
    for (value, text) in [
        (Value::Duration(0), "0ns"),
        (Value::Duration(999), "999ns"),
        (Value::Duration(1_500), "1.50µs"),
        (Value::Duration(999_600), "1.00ms"),
        (Value::Duration(12_345_678), "12.3ms"),
        (Value::Duration(-12_345_678), "-12.3ms"),
        (Value::Duration(59_990_000_000), "60.0s"),
        (Value::Duration(125_000_000_000), "2m05s"),
        (Value::Duration(3_900_000_000_000), "1h05m"),
        (Value::Duration(270_000_000_000_000), "3d03h"),
        (Value::Bytes(1023), "1023B"),
        (Value::Bytes(1536), "1.5KiB"),
        (Value::Bytes(1_048_575), "1.0MiB"),
        (Value::F64(0.25), "0.25"),
        (Value::F64(3.0), "3"),
        (Value::F64(0.000_012_3), "1.230e-5"),
        (Value::Null, "-"),
        (Value::Time(1_795_341_600_123_456_789), "10:00:00.123"),
        (Value::Blob(vec![0xff]), "<1 bytes>"),
    ] {
        assert_eq!(human(&value), text);
    }
}

#[test]
fn nothing_from_the_wire_moves_a_cursor() {
    assert_eq!(escape("a\u{1b}]0;x\u{7}\r\n\u{202e}é"), "a\\x1b]0;x\\x07\\r\\n\\u{202e}é");
}

#[test]
fn binary_formats_are_read_back() {
    use polars_arrow::io::ipc::read::{StreamReader, StreamState, read_stream_metadata};
    let table = table();
    let mut bytes = Vec::new();
    let mut parquet = writer(Format::Parquet, table.columns(), RAW);
    parquet.write(&mut bytes, &table).expect("writes");
    parquet.finish(&mut bytes).expect("writes");
    let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().expect("reads");
    assert!(frame.equals_missing(&table.frame), "{frame}");

    let mut bytes = Vec::new();
    let mut file = super::file_writer(Format::Arrow, table.columns(), RAW);
    file.write(&mut bytes, &table).expect("writes");
    file.finish(&mut bytes).expect("writes");
    let frame = IpcReader::new(std::io::Cursor::new(bytes)).finish().expect("reads");
    assert!(frame.equals_missing(&table.frame), "{frame}");

    let mut bytes = Vec::new();
    let mut stream = writer(Format::Arrow, table.columns(), RAW);
    stream.write(&mut bytes, &table).expect("writes");
    stream.write(&mut bytes, &table).expect("writes");
    stream.finish(&mut bytes).expect("writes");
    let mut input = std::io::Cursor::new(bytes);
    let metadata = read_stream_metadata(&mut input).expect("reads");
    let latency = metadata.schema.get("latency").expect("is there");
    let unit = latency.metadata.as_ref().and_then(|metadata| metadata.get("unit"));
    assert_eq!(unit.map(|unit| unit.as_str()), Some("ns"));
    let batches = StreamReader::new(input, metadata, None).filter(|batch| matches!(batch, Ok(StreamState::Some(_))));
    assert_eq!(batches.count(), 2);
}
