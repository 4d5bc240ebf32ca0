//! Attempts until a request has arrived, or there is no more point in trying.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::settings::Target;
use super::transport::{Message, Outcome, Transport};

/// Sends one signal's requests, one after the other.
pub(in crate::otlp) struct Deliverer {
    transport: Transport,
    timeout: Duration,
    patience: Patience,
    /// The last request was given up: the next ones get one attempt each, until one arrives.
    dead: bool,
    /// When everything must have been sent.
    deadline: watch::Receiver<Option<Instant>>,
}

/// How long to try.
#[derive(Debug, Clone, Copy)]
pub(in crate::otlp) struct Patience {
    /// With one request.
    pub(in crate::otlp) one: Duration,
    /// What follows one that was given up is given up sooner: a file's spans do not age while they wait, but whoever waits
    /// for the end does.
    pub(in crate::otlp) once: bool,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::otlp) enum Delivered {
    /// Taken, but for so many items.
    Arrived { rejected: u64, why: String },
    /// Not taken, and never will be.
    Refused(String),
    /// Nobody took it in time.
    GivenUp(String),
    /// The run was over first.
    TooLate(String),
}

impl Deliverer {
    /// # Errors
    /// What is wrong with the settings.
    pub(in crate::otlp) fn new(
        target: &Target,
        patience: Patience,
        deadline: watch::Receiver<Option<Instant>>,
    ) -> Result<Self, String> {
        let transport = Transport::new(target)?;
        Ok(Self { transport, timeout: target.timeout, patience, dead: false, deadline })
    }

    /// Tries, waits, and tries again.
    pub(in crate::otlp) async fn deliver(&mut self, message: &Message) -> Delivered {
        let began = Instant::now();
        let mut wait = FIRST_WAIT;
        let mut last = "no answer before the run ended".to_owned();
        loop {
            let left = self.left();
            if left == Some(Duration::ZERO) {
                return Delivered::TooLate(last);
            }
            let timeout = left.map_or(self.timeout, |left| left.min(self.timeout));
            let outcome = tokio::select! {
                outcome = self.transport.send(message, timeout) => outcome,
                () = cut(self.deadline.clone()) => return Delivered::TooLate(last),
            };
            let (after, why) = match outcome {
                Outcome::Accepted { rejected, why } => {
                    self.dead = false;
                    return Delivered::Arrived { rejected, why };
                }
                Outcome::Refused(why) => return Delivered::Refused(why),
                Outcome::Later { after, why } => (after, why),
            };
            let pause = after.unwrap_or(wait);
            if (self.dead && self.patience.once) || began.elapsed().saturating_add(pause) > self.patience.one {
                self.dead = true;
                return Delivered::GivenUp(why);
            }
            last = why;
            wait = jittered(wait.saturating_mul(2)).min(LONGEST_WAIT);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cut(self.deadline.clone()) => return Delivered::TooLate(last),
            }
        }
    }

    /// Until the end of the run; null: as long as it takes.
    fn left(&self) -> Option<Duration> {
        self.deadline.borrow().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// Ends when the run's time is over.
async fn cut(mut deadline: watch::Receiver<Option<Instant>>) {
    loop {
        let until = *deadline.borrow_and_update();
        match until {
            Some(until) => {
                tokio::select! {
                    () = tokio::time::sleep_until(until.into()) => return,
                    changed = deadline.changed() => if changed.is_err() { return std::future::pending().await },
                }
            }
            None => {
                if deadline.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        }
    }
}

/// Between half and all of it, so that many explores do not come back at the same moment.
fn jittered(wait: Duration) -> Duration {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
    let share = f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    wait.mul_f64(0.5 + share / 2.0)
}

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
