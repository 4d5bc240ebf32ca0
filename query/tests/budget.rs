//! What the store says that it holds is what it holds: `--memory` rests on that. An allocator that counts tells.

#![expect(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use query::generate::Generator;
use query::{Store, StoreOptions};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator; only sizes are noted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as asked.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as asked.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A budget that is full three times over, in one snapshot every 700 rows, as live.
#[test]
fn what_is_held_is_what_is_said() {
    const BUDGET: usize = 24 << 20;
    let mut generator = Generator::new(1);
    let mut store = Store::new(StoreOptions { memory: Some(BUDGET as u64), retain: None });
    store.append(generator.http());
    drop(store.snapshot());
    // What polars sets up once.
    let before = HELD.load(Ordering::Relaxed);
    let mut most = 0;
    for row in 0..150_000 {
        store.append(generator.http());
        if row % 700 == 0 {
            drop(store.snapshot());
            most = most.max(HELD.load(Ordering::Relaxed).saturating_sub(before));
        }
    }
    assert!(store.evicted().headers > 0, "the budget was full");
    assert!(most <= BUDGET + BUDGET / 5, "{most} bytes are held with a budget of {BUDGET}");
    assert!(most >= BUDGET - BUDGET / 5, "{most} bytes are held with a budget of {BUDGET}");
}
