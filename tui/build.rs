//! Sets `cfg(corpora)` where the shared captures lie beside the project, so that tests over them are ignored, visibly,
//! where they do not: `#[cfg_attr(not(corpora), ignore = "../shared/corpora is missing")]`. `cfg(tmux)`,
//! `cfg(zsh)` and `cfg(fish)` say the same of those programs.

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(corpora)");
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let index = Path::new(&manifest).join("../../shared/corpora/README.md");
    println!("cargo::rerun-if-changed={}", index.display());
    if index.is_file() {
        println!("cargo::rustc-cfg=corpora");
    }
    println!("cargo::rerun-if-env-changed=PATH");
    let path = std::env::var_os("PATH").unwrap_or_default();
    for program in ["tmux", "zsh", "fish"] {
        println!("cargo::rustc-check-cfg=cfg({program})");
        // Also when it is installed later.
        println!("cargo::rerun-if-changed=/usr/bin/{program}");
        if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
            println!("cargo::rustc-cfg={program}");
        }
    }
}
