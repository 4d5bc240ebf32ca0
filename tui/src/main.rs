//! `explore`: see what programs say to each other.

use std::process::ExitCode;

fn main() -> ExitCode {
    tui::main()
}
