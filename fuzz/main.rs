//! One program for all targets: `EXPLORE_FUZZ_TARGET` says which. `fuzz/run` builds and calls it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("EXPLORE_FUZZ_TARGET").unwrap_or_default();
    match name.as_str() {
        "captures" => return |bytes| _ = probes::files::fuzz::file(bytes),
        "query" => return |bytes| _ = query::fuzz::query(bytes),
        _ => {}
    }
    let known = protocols::fuzz::TARGETS.iter().find(|(target, _)| *target == name);
    known.unwrap_or_else(|| panic!("EXPLORE_FUZZ_TARGET={name}: no such target")).1
});

fuzz_target!(|bytes: &[u8]| TARGET(bytes));
