//! `--max-cpu`: sheds load in a stated order rather than use more of a CPU than was allowed.
//!
//! The kernel is told to copy less, since what is not copied costs nobody anything further on. Steps up come quickly, steps
//! down only after a while of ease, and each relapse doubles that while: so the brake does not flutter.

use std::collections::VecDeque;
use std::time::Duration;

/// How much is shed; each step sheds what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Step {
    /// Nothing.
    #[default]
    Nothing,
    /// Bodies: of each call only its beginning is copied.
    Bodies,
    /// Most headers too: a start line's worth is copied.
    Headers,
    /// Connections: nothing is copied of all but one in `2^n`.
    Connections(u8),
    /// Everything but positions, states and processes.
    Payload,
}

/// Most connections that one stands for, as a power of two.
const FEWEST: u8 = 6;

impl Step {
    /// The next step up.
    fn more(self) -> Self {
        match self {
            Self::Nothing => Self::Bodies,
            Self::Bodies => Self::Headers,
            Self::Headers => Self::Connections(1),
            Self::Connections(FEWEST..) | Self::Payload => Self::Payload,
            Self::Connections(n) => Self::Connections(n.saturating_add(1)),
        }
    }

    /// The next step down.
    fn less(self) -> Self {
        match self {
            Self::Nothing | Self::Bodies => Self::Nothing,
            Self::Headers => Self::Bodies,
            Self::Connections(0 | 1) => Self::Headers,
            Self::Connections(n) => Self::Connections(n.saturating_sub(1)),
            Self::Payload => Self::Connections(FEWEST),
        }
    }

    /// What the kernel is told: bytes to copy at most from a call, and the mask that a connection's number must be 0 under.
    pub(super) fn settings(self) -> [u32; 2] {
        match self {
            Self::Nothing => [u32::MAX, 0],
            Self::Bodies => [2048, 0],
            Self::Headers => [256, 0],
            Self::Connections(n) => [256, (1 << n.min(FEWEST)) - 1],
            Self::Payload => [0, u32::MAX],
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing is shed"),
            Self::Bodies => f.write_str("bodies are shed"),
            Self::Headers => f.write_str("bodies and most headers are shed"),
            Self::Connections(n) => write!(f, "all but one connection in {} is shed", 1_u32 << n),
            Self::Payload => f.write_str("everything but metadata is shed"),
        }
    }
}

/// Decides; knows neither clock nor process.
#[derive(Debug)]
pub(super) struct Brake {
    /// Percent of one CPU that may be used.
    limit: f64,
    step: Step,
    /// Time and CPU time used up to then, over [`WINDOW`].
    samples: VecDeque<(Duration, Duration)>,
    /// When the step changed last, and whether that was a step down.
    changed: Duration,
    eased: bool,
    /// How long there must be ease before a step down.
    patience: Duration,
    /// Since when there is ease.
    easy_since: Option<Duration>,
}

/// Over which use is measured.
const WINDOW: Duration = Duration::from_secs(1);
/// From one step up to the next: what the last one did must show first.
const SETTLE: Duration = Duration::from_millis(500);
/// Ease before the first step down, and at most.
const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_PATIENCE: Duration = Duration::from_secs(60);
/// Share of the limit below which there is ease.
const EASE: f64 = 0.7;

impl Brake {
    pub(super) fn new(limit: f64) -> Self {
        Self {
            limit,
            step: Step::Nothing,
            samples: VecDeque::new(),
            changed: Duration::ZERO,
            eased: false,
            patience: PATIENCE,
            easy_since: None,
        }
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }

    /// Percent of one CPU used over the window; null before there are two samples.
    pub(super) fn used(&self) -> Option<f64> {
        let (&(first, before), &(last, after)) = (self.samples.front()?, self.samples.back()?);
        let time = last.saturating_sub(first).as_secs_f64();
        (time > 0.0).then(|| after.saturating_sub(before).as_secs_f64() / time * 100.0)
    }

    /// Takes in how much CPU time was used up to `now`; gives the step if it changes.
    pub(super) fn sample(&mut self, now: Duration, cpu: Duration) -> Option<Step> {
        self.samples.push_back((now, cpu));
        while self.samples.get(1).is_some_and(|(time, _)| now.saturating_sub(*time) >= WINDOW) {
            self.samples.pop_front();
        }
        let used = self.used()?;
        let settled = now.saturating_sub(self.changed) >= SETTLE;
        if used > self.limit {
            self.easy_since = None;
            return if settled { self.change(now, self.step.more()) } else { None };
        }
        if used > self.limit * EASE {
            self.easy_since = None;
            return None;
        }
        let since = *self.easy_since.get_or_insert(now);
        if now.saturating_sub(since) < self.patience {
            return None;
        }
        self.easy_since = None;
        self.change(now, self.step.less())
    }

    fn change(&mut self, now: Duration, step: Step) -> Option<Step> {
        if step == self.step {
            return None;
        }
        let up = step > self.step;
        let soon = now.saturating_sub(self.changed) < self.patience;
        if up && self.eased && soon {
            // The step down came too early.
            self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
        } else if !up && self.eased {
            // The one before it was none too many.
            self.patience = PATIENCE;
        }
        self.eased = !up;
        self.step = step;
        self.changed = now;
        // What was used before says nothing of what is used now.
        let last = self.samples.pop_back();
        self.samples.clear();
        self.samples.extend(last);
        Some(step)
    }
}

/// CPU time of this process, all threads.
pub(super) fn own_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    if failed != 0 {
        return Duration::ZERO;
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A brake over time, sampled every 100 ms.
    struct Run {
        brake: Brake,
        now: Duration,
        cpu: Duration,
    }

    impl Run {
        fn new() -> Self {
            Self { brake: Brake::new(10.0), now: Duration::ZERO, cpu: Duration::ZERO }
        }

        /// Runs at a load that depends on the step, percent of a CPU; gives the step after each second.
        fn seconds(&mut self, seconds: u32, load: impl Fn(Step) -> f64) -> Vec<Step> {
            let mut steps = Vec::new();
            for tick in 1..=seconds * 10 {
                self.now += Duration::from_millis(100);
                self.cpu += Duration::from_secs_f64(load(self.brake.step()) / 1000.0);
                self.brake.sample(self.now, self.cpu);
                if tick % 10 == 0 {
                    steps.push(self.brake.step());
                }
            }
            steps
        }
    }

    #[test]
    fn nothing_is_shed_below_the_limit() {
        assert!(Run::new().seconds(20, |_| 9.9).iter().all(|step| *step == Step::Nothing));
    }

    #[test]
    fn steps_come_in_the_stated_order_up_to_the_last() {
        let mut steps = Run::new().seconds(20, |_| 50.0);
        steps.dedup();
        assert!(steps.is_sorted(), "{steps:?}");
        assert_eq!(steps.last(), Some(&Step::Payload));
        let mut step = Step::Nothing;
        let order: Vec<Step> = std::iter::from_fn(|| {
            let before = step;
            step = step.more();
            (before != step).then_some(before)
        })
        .collect();
        assert_eq!(order[..4], [Step::Nothing, Step::Bodies, Step::Headers, Step::Connections(1)]);
        assert_eq!(order.len(), 9);
    }

    #[test]
    fn it_stops_where_the_load_fits() {
        let load = |step| if step >= Step::Headers { 8.0 } else { 30.0 };
        let steps = Run::new().seconds(30, load);
        assert!(steps[3..].iter().all(|step| *step == Step::Headers), "{steps:?}");
    }

    #[test]
    fn it_recovers_step_by_step() {
        let mut run = Run::new();
        run.seconds(10, |_| 50.0);
        let steps = run.seconds(60, |_| 1.0);
        assert!(steps.is_sorted_by(|a, b| a >= b), "{steps:?}");
        assert_eq!(steps.last(), Some(&Step::Nothing));
    }

    #[test]
    fn relapses_become_rarer() {
        // One step down is too many, and one up leaves ease: the case that flutters.
        let load = |step| if step >= Step::Bodies { 5.0 } else { 20.0 };
        let steps = Run::new().seconds(300, load);
        let relapses = |part: &[Step]| part.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(relapses(&steps[..100]) >= relapses(&steps[200..]), "{steps:?}");
        assert!(steps.iter().filter(|step| **step == Step::Nothing).count() < 120, "{steps:?}");
    }

    #[test]
    fn what_the_kernel_is_told() {
        assert_eq!(Step::Nothing.settings(), [u32::MAX, 0]);
        assert_eq!(Step::Connections(3).settings(), [256, 7]);
        assert_eq!(Step::Payload.settings(), [0, u32::MAX]);
    }
}
