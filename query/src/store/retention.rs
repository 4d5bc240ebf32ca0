//! What is let go when the budget is full, and in which order.
//!
//! Bodies go before headers, headers before rows, the oldest first. The newest quarter of the budget keeps everything:
//! otherwise a full store would show no body of any request, however recent.

use std::sync::Arc;

use super::chunk::{Chunk, is_body, is_headers};
use super::log::Part;
use super::{Evicted, StoreOptions};

pub(super) fn enforce(parts: &mut [&mut dyn Part], options: StoreOptions) -> Evicted {
    let mut evicted = Evicted::default();
    evicted.rows += parts.iter_mut().map(|part| part.take_refused()).sum::<u64>();
    if let Some(retain) = options.retain {
        evicted.rows += drop_old(parts, i64::try_from(retain).unwrap_or(i64::MAX));
    }
    if let Some(memory) = options.memory {
        shrink(parts, memory, &mut evicted);
    }
    evicted
}

/// Drops the chunks that lie wholly before the time kept; returns how many rows they had.
fn drop_old(parts: &mut [&mut dyn Part], retain: i64) -> u64 {
    let latest = parts.iter().flat_map(|part| part.chunks()).filter_map(|chunk| chunk.range).map(|range| range.1).max();
    let Some(oldest) = latest.map(|latest| latest.saturating_sub(retain)) else { return 0 };
    let mut rows = 0;
    for part in parts {
        part.chunks_mut().retain(|chunk| {
            let keep = chunk.range.is_none_or(|range| range.1 >= oldest);
            rows += if keep { 0 } else { chunk.rows() as u64 };
            keep
        });
    }
    rows
}

fn shrink(parts: &mut [&mut dyn Part], memory: u64, evicted: &mut Evicted) {
    let mut total: u64 = parts.iter().map(|part| part.bytes()).sum();
    if total <= memory {
        return;
    }
    let settled = older_than_newest(parts, memory / 4);
    strip(parts, &settled, memory, &mut total, |chunk| chunk.body_bytes, is_body, &mut evicted.bodies);
    strip(parts, &settled, memory, &mut total, |chunk| chunk.header_bytes, is_headers, &mut evicted.headers);
    while total > memory {
        let oldest = parts
            .iter_mut()
            .filter(|part| !part.chunks().is_empty())
            .min_by_key(|part| part.chunks().first().map_or(u64::MAX, |chunk| chunk.first_seq));
        let Some(part) = oldest else { return };
        let chunk = part.chunks_mut().remove(0);
        total = total.saturating_sub(chunk.bytes);
        evicted.rows += chunk.rows() as u64;
    }
}

/// Which chunks (table, running number) are older than the newest `keep` bytes, oldest first.
fn older_than_newest(parts: &[&mut dyn Part], keep: u64) -> Vec<(usize, u64)> {
    let mut all: Vec<(usize, u64, u64)> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        all.extend(part.chunks().iter().map(|chunk| (at, chunk.first_seq, chunk.bytes)));
    }
    all.sort_by_key(|(_, seq, _)| std::cmp::Reverse(*seq));
    let mut newer = 0;
    all.retain(|(_, _, bytes)| {
        newer += bytes;
        newer > keep
    });
    all.into_iter().rev().map(|(at, seq, _)| (at, seq)).collect()
}

fn strip(
    parts: &mut [&mut dyn Part],
    settled: &[(usize, u64)],
    memory: u64,
    total: &mut u64,
    size: fn(&Chunk) -> u64,
    drop: fn(&polars::prelude::Column) -> bool,
    count: &mut u64,
) {
    for (part, seq) in settled {
        if *total <= memory {
            return;
        }
        let Some(part) = parts.get_mut(*part) else { continue };
        let Some(chunk) = part.chunks_mut().iter_mut().find(|chunk| chunk.first_seq == *seq && size(chunk) > 0) else {
            continue;
        };
        if let Ok(less) = chunk.without(drop) {
            *total = total.saturating_sub(chunk.bytes.saturating_sub(less.bytes));
            *count += chunk.rows() as u64;
            *chunk = Arc::new(less);
        }
    }
}
