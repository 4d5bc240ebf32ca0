//! Several captures and recordings as one session: rows in order of completion, `id` and `conn` numbered anew.
//!
//! Each file has its own trackers (its own clock, pids and connections); what they give is merged. `id` and `conn` count
//! from 1 in order of first byte over all files, so that they never clash.

use std::collections::HashMap;
use std::time::Duration;

use probes::{EventSource, Next};
use protocols::event::Timestamp;
use protocols::record::{Common, Record};
use protocols::tracker::{Coverage, Loss, Trackers};

use super::engine::Engine;
use crate::failure::Failure;
use crate::options::Keep;

/// Reads all files to their ends into `engine`; returns what is wrong with the first damaged one.
pub(super) fn read(sources: Vec<Box<dyn EventSource>>, keep: &Keep, engine: &mut Engine) -> Option<Failure> {
    let mut damage = None;
    let mut rows = Vec::new();
    let mut coverage = Coverage::default();
    for (file, source) in sources.into_iter().enumerate() {
        let mut trackers = Trackers::new(keep.tracker.clone());
        if let Some(failure) = one(file, source, &mut trackers, &mut rows, engine) {
            damage.get_or_insert(failure);
        }
        add(&mut coverage, trackers.coverage());
    }
    rows.sort_by_key(|row| (row.completed, row.file));
    renumber(&mut rows);
    engine.merged(coverage);
    rows.into_iter().for_each(|row| engine.append(row.record));
    damage
}

/// A row, the moment at which it was complete, and the file that gave it.
struct Row {
    completed: Timestamp,
    file: usize,
    record: Record,
}

fn one(
    file: usize,
    mut source: Box<dyn EventSource>,
    trackers: &mut Trackers,
    rows: &mut Vec<Row>,
    engine: &mut Engine,
) -> Option<Failure> {
    let mut completed = Timestamp::default();
    let damage = loop {
        match source.next(Duration::from_secs(1)) {
            Ok(Next::Event(event)) => {
                completed = completed.max(event.time());
                engine.saw(event.time());
                engine.took_in();
                trackers.handle(event, &mut |record| rows.push(Row { completed, file, record }));
            }
            Ok(Next::Idle) => {}
            Ok(Next::End) => break None,
            Err(error) => break Some(Failure::source(&error)),
        }
    };
    trackers.finish(&mut |record| rows.push(Row { completed, file, record }));
    damage
}

fn renumber(rows: &mut [Row]) {
    let mut ids = Vec::new();
    let mut conns: HashMap<(usize, u64), Timestamp> = HashMap::new();
    for row in rows.iter() {
        let (time, conn) = match (&row.record, row.record.exchange()) {
            (Record::Conn(row), _) => (row.time, row.conn),
            (_, Some((_, common))) => {
                ids.push((common.time, row.file, common.id));
                (common.time, common.conn)
            }
            (_, None) => continue,
        };
        let first = conns.entry((row.file, conn)).or_insert(time);
        *first = (*first).min(time);
    }
    let ids = numbers(ids);
    let conns = numbers(conns.into_iter().map(|((file, conn), time)| (time, file, conn)).collect());
    for row in rows {
        let file = row.file;
        let id = |id: u64| ids.get(&(file, id)).copied();
        let conn = |conn: u64| conns.get(&(file, conn)).copied().unwrap_or(conn);
        if let Record::Conn(row) = &mut row.record {
            row.conn = conn(row.conn);
        } else if let Some(common) = row.record.common_mut() {
            rename(common, id, conn);
        }
    }
}

/// 1, 2, 3, … in order of time.
fn numbers(mut all: Vec<(Timestamp, usize, u64)>) -> HashMap<(usize, u64), u64> {
    all.sort_unstable();
    all.into_iter().zip(1..).map(|((_, file, old), new)| ((file, old), new)).collect()
}

fn rename(common: &mut Common, id: impl Fn(u64) -> Option<u64>, conn: impl Fn(u64) -> u64) {
    common.id = id(common.id).unwrap_or(common.id);
    common.parent = common.parent.and_then(&id);
    common.twin = common.twin.and_then(&id);
    common.conn = conn(common.conn);
}

fn add(sum: &mut Coverage, part: &Coverage) {
    sum.connections = sum.connections.saturating_add(part.connections);
    sum.bytes = sum.bytes.saturating_add(part.bytes);
    sum.encrypted_bytes = sum.encrypted_bytes.saturating_add(part.encrypted_bytes);
    sum.parsed_bytes = sum.parsed_bytes.saturating_add(part.parsed_bytes);
    sum.captured_bytes = sum.captured_bytes.saturating_add(part.captured_bytes);
    sum.encrypted = sum.encrypted.saturating_add(part.encrypted);
    sum.midstream = sum.midstream.saturating_add(part.midstream);
    sum.truncated = sum.truncated.saturating_add(part.truncated);
    sum.gaps = sum.gaps.saturating_add(part.gaps);
    sum.shed = sum.shed.saturating_add(part.shed);
    sum.io_uring.extend(part.io_uring.iter().cloned());
    for loss in &part.losses {
        match sum.losses.iter_mut().find(|known| known.cause == loss.cause) {
            Some(known) => {
                *known = Loss {
                    cause: known.cause.clone(),
                    events: known.events.saturating_add(loss.events),
                    bytes: known.bytes.saturating_add(loss.bytes),
                    first_seen: known.first_seen.min(loss.first_seen),
                };
            }
            None => sum.losses.push(loss.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use protocols::record::Http;

    use super::*;

    fn row(file: usize, time: u64, id: u64, parent: Option<u64>) -> Row {
        let common = Common { time: Timestamp(time), id, parent, conn: 1, ..Common::default() };
        let record = Record::Http(Box::new(Http { common, ..Http::default() }));
        Row { completed: Timestamp(time), file, record }
    }

    #[test]
    fn numbers_follow_the_first_byte_over_all_files() {
        let mut rows = vec![row(0, 10, 1, None), row(1, 20, 1, None), row(0, 30, 2, Some(1)), row(1, 40, 2, Some(1))];
        renumber(&mut rows);
        let seen: Vec<_> = rows.iter().filter_map(|row| row.record.exchange()).collect();
        let seen: Vec<_> = seen.iter().map(|(_, common)| (common.id, common.parent, common.conn)).collect();
        assert_eq!(seen, [(1, None, 1), (2, None, 2), (3, Some(1), 1), (4, Some(2), 2)]);
    }
}
