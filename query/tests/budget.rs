//! What the store says that it holds is what it holds: `--memory` rests on that. An allocator that counts tells.

use peak_alloc::PeakAlloc;
use query::generate::Generator;
use query::{Store, StoreOptions};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// A budget that is full three times over, in one snapshot every 700 rows, as live.
#[test]
fn what_is_held_is_what_is_said() {
    const BUDGET: usize = 24 << 20;
    let mut generator = Generator::new(1);
    let mut store = Store::new(StoreOptions { memory: Some(BUDGET as u64), retain: None });
    store.append(generator.http());
    drop(store.snapshot());
    // What polars sets up once.
    let before = ALLOCATOR.current_usage();
    let mut most = 0;
    for row in 0..150_000 {
        store.append(generator.http());
        if row % 700 == 0 {
            drop(store.snapshot());
            most = most.max(ALLOCATOR.current_usage().saturating_sub(before));
        }
    }
    assert!(store.evicted().headers > 0, "the budget was full");
    assert!(most <= BUDGET + BUDGET / 5, "{most} bytes are held with a budget of {BUDGET}");
    assert!(most >= BUDGET - BUDGET / 5, "{most} bytes are held with a budget of {BUDGET}");
}
