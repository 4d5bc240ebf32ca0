//! What the screens cost over a million rows: drawing, refreshing while rows come, and a key while 20,000 rows a second come.
//!
//! `cargo bench -p tui`; `ROWS=100000` for less.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tui::Rehearsal;

const NAMES: [&str; 9] = ["requests", "services", "latency", "sql", "dns", "connections", "map", "waiting", "health"];

fn size() -> usize {
    std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000)
}

fn rehearsal() -> Rehearsal {
    Rehearsal::new(size(), 120, 40).expect("a terminal in memory")
}

fn screens(c: &mut Criterion) {
    let mut rehearsal = rehearsal();
    let mut group = c.benchmark_group("draw");
    group.sample_size(20);
    for (digit, name) in ('1'..).zip(NAMES) {
        rehearsal.key(digit);
        group.bench_function(name, |b| b.iter(|| black_box(&mut rehearsal).draw()));
    }
    group.finish();
    // At 20,000 rows a second, 6,000 come between two looks.
    let mut group = c.benchmark_group("refresh after 6,000 rows");
    group.sample_size(10);
    for (digit, name) in ('1'..).zip(NAMES) {
        rehearsal.key(digit);
        group.bench_function(name, |b| {
            b.iter_custom(|times| {
                let mut spent = std::time::Duration::ZERO;
                for _ in 0..times {
                    rehearsal.come(6_000);
                    let began = std::time::Instant::now();
                    rehearsal.refresh();
                    spent += began.elapsed();
                }
                spent
            });
        });
    }
    group.bench_function("findings", |b| b.iter(|| black_box(&mut rehearsal).examine()));
    group.finish();
}

/// From the key to the frame, for keys that ask nothing, while another thread takes in 20,000 rows a second and answers.
fn keys(c: &mut Criterion) {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let busy = std::thread::spawn(move || {
        let mut other = rehearsal();
        while receiver.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let began = std::time::Instant::now();
            other.come(6_000);
            other.refresh();
            std::thread::sleep(std::time::Duration::from_millis(300).saturating_sub(began.elapsed()));
        }
    });
    let mut rehearsal = rehearsal();
    let mut group = c.benchmark_group("key while rows come");
    group.sample_size(20);
    for (key, name) in [('j', "down"), ('2', "another screen"), ('?', "help")] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || (),
                |()| {
                    rehearsal.key_alone(key);
                    rehearsal.draw();
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    drop(sender);
    let _ended = busy.join();
}

criterion_group!(benches, screens, keys);
criterion_main!(benches);
