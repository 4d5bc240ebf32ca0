//! The terminal: taken over, and given back whatever happens.

use std::io::{self, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use query::snapshot::is_of_a_damaged_file;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;

/// The terminal while the screens are on it; given back when dropped, and before a panic is told.
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal over, and the mouse too if asked to.
    ///
    /// # Errors
    /// When it refuses.
    pub(super) fn take(mouse: bool) -> io::Result<Self> {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_of_a_damaged_file(panic) {
                give_back();
            }
            former(panic);
        }));
        enter(mouse)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout())).inspect_err(|_| give_back())?;
        Ok(Self { terminal, mouse })
    }

    /// Gives the terminal to the shell, stops until `fg`, and takes it over again.
    ///
    /// # Errors
    /// When it refuses.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        let _stopped = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
        enter(self.mouse)?;
        self.redraw()
    }

    /// Clears everything, so that the next frame is drawn whole. `Terminal::clear` would ask the terminal where the cursor is,
    /// and the answer would go to the thread that reads keys.
    ///
    /// # Errors
    /// When it refuses.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect { x: 0, y: 0, width: size.width, height: size.height })
    }

    /// Writes a text from the first line on, without breaks of its own: where the terminal breaks it, it also joins it again
    /// when it is selected. The text has no control characters.
    ///
    /// # Errors
    /// When it refuses.
    pub(super) fn unwrapped(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout();
        execute!(out, Clear(ClearType::All), MoveTo(0, 0))?;
        let text = super::format::safe(text);
        write!(out, "{text}\r\n\r\nIt is in the clipboard too, if the terminal lets it (OSC 52). Any key goes back.")?;
        out.flush()
    }

    /// Puts text into the terminal's clipboard (OSC 52).
    ///
    /// # Errors
    /// When it refuses.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout();
        write!(out, "\x1b]52;c;{}\x07", base64(text.as_bytes()))?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if the screens have it, before the process is ended from another thread. A terminal that takes
/// no more output is not waited for.
pub(crate) fn let_go() {
    if !TAKEN.load(Ordering::Relaxed) {
        return;
    }
    let (done, given) = crossbeam_channel::bounded(1);
    let started = std::thread::Builder::new().spawn(move || {
        give_back();
        let _late = done.send(());
    });
    if started.is_ok() {
        let _late = given.recv_timeout(Duration::from_millis(500));
    }
}

static TAKEN: AtomicBool = AtomicBool::new(false);

fn enter(mouse: bool) -> io::Result<()> {
    crate::output::hold(true);
    TAKEN.store(true, Ordering::Relaxed);
    enable_raw_mode()?;
    if mouse {
        execute!(io::stdout(), EnableMouseCapture).inspect_err(|_| give_back())?;
    }
    execute!(io::stdout(), EnterAlternateScreen, Hide).inspect_err(|_| give_back())
}

fn give_back() {
    TAKEN.store(false, Ordering::Relaxed);
    let _gone = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
    let _gone = disable_raw_mode();
    crate::output::hold(false);
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * digit) & 63).unwrap_or(0);
            text.push(if digit <= chunk.len() { char::from(DIGITS[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    // RFC 4648, section 10.
    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
