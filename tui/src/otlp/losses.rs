//! What was not exported, by cause.

use std::borrow::Cow;
use std::sync::Mutex;

use protocols::event::Timestamp;
use protocols::tracker::Loss;

/// The queue was full: the collector, or explore's share of the CPU, was too slow.
pub(super) const QUEUE_FULL: &str = "otlp_queue_full";
/// No collector took it for as long as it was tried.
pub(super) const UNREACHABLE: &str = "otlp_unreachable";
/// The collector refused the request.
pub(super) const REFUSED: &str = "otlp_refused";
/// The collector took the request, but not all of it.
pub(super) const REJECTED: &str = "otlp_rejected";
/// The run ended first.
pub(super) const UNSENT: &str = "otlp_unsent";

/// Counted from both sides of the queue.
#[derive(Debug, Default)]
pub(super) struct Losses(Mutex<Vec<Loss>>);

impl Losses {
    /// So many spans are lost.
    pub(super) fn add(&self, cause: &'static str, spans: u64) {
        if spans == 0 {
            return;
        }
        let Ok(mut losses) = self.0.lock() else { return };
        match losses.iter_mut().find(|loss| loss.cause == cause) {
            Some(loss) => loss.events = loss.events.saturating_add(spans),
            None => losses.push(Loss {
                cause: Cow::Borrowed(cause),
                events: spans,
                bytes: 0,
                first_seen: Timestamp(crate::time::now()),
            }),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Loss> {
        self.0.lock().map(|losses| losses.clone()).unwrap_or_default()
    }

    /// Spans lost, whatever the cause.
    pub(super) fn total(&self) -> u64 {
        self.all().iter().map(|loss| loss.events).sum()
    }
}
