//! A line on the terminal that says how far files have been read, while they are.

use std::io::{self, IsTerminal};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use probes::files::Progress;

use crate::output;

/// What is read faster needs no such line.
const FIRST: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_millis(250);

/// Cells of the bar.
const WIDTH: u64 = 20;

/// The line, drawn until this is dropped, and taken away then.
pub(crate) struct Bar {
    /// Dropped to end the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Null where stderr is no terminal, or the end of what is read is not known.
    pub(crate) fn start(files: Vec<Progress>) -> Option<Self> {
        if files.is_empty() || !io::stderr().is_terminal() || files.iter().any(|file| file.total().is_none()) {
            return None;
        }
        let (end, ended) = bounded::<()>(0);
        let draw = move || {
            let mut wait = FIRST;
            let mut drawn = false;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(wait) {
                let read = files.iter().map(Progress::read).sum();
                let total = files.iter().filter_map(Progress::total).sum();
                output::status(&text(read, total));
                (wait, drawn) = (EVERY, true);
            }
            if drawn {
                output::status("");
            }
        };
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(draw).ok()?;
        Some(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It draws; if it panicked there is nothing to take away.
            let _panicked = thread.join();
        }
    }
}

/// `reading [#####···············]  27% of 1.2 GiB`
fn text(read: u64, total: u64) -> String {
    let read = read.min(total);
    let share = |of: u64| u128::from(read) * u128::from(of) / u128::from(total.max(1));
    let done = usize::try_from(share(WIDTH)).unwrap_or(0);
    let left = usize::try_from(WIDTH).unwrap_or(0).saturating_sub(done);
    format!("reading [{}{}] {:3}% of {}", "#".repeat(done), ".".repeat(left), share(100), size(total))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_of_how_much() {
        for (read, total, expected) in [
            (0, 2 << 20, "reading [....................]   0% of 2 MiB"),
            (300, 1000, "reading [######..............]  30% of 1 KiB"),
            (3 << 29, 3 << 30, "reading [##########..........]  50% of 3.0 GiB"),
            // A file that grows while it is read.
            (20, 10, "reading [####################] 100% of 1 KiB"),
            (0, 0, "reading [....................]   0% of 0 KiB"),
        ] {
            assert_eq!(text(read, total), expected);
        }
    }
}
