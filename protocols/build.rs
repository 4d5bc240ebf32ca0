//! Sets `cfg(corpora)` where the shared captures lie beside the project, so that tests over them are ignored, visibly,
//! where they do not: `#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]`.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(corpora)");
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let index = Path::new(&manifest).join("../../shared/corpora/README.md");
    println!("cargo::rerun-if-changed={}", index.display());
    if index.is_file() {
        println!("cargo::rustc-cfg=corpora");
    }
}
