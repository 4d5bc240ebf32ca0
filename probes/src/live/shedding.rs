//! The brake of [`super::brake`], put to work: measures what explore uses, tells the kernel, and counts what was shed.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use protocols::event::{Lost, SHED, SocketEvent, Timestamp};

use super::brake::{Brake, Step, own_time};
use super::decode::Decoder;
use super::programs::BrakeMaps;
use super::{Hook, HookState};

/// The brake and its maps.
pub(super) struct Shedding {
    limit: f64,
    brake: Brake,
    maps: BrakeMaps,
    /// Calls and bytes that were told of.
    told: [u64; 2],
    started: Instant,
}

impl Shedding {
    pub(super) fn new(limit: f64, maps: BrakeMaps) -> Self {
        Self { limit, brake: Brake::new(limit), maps, told: [0; 2], started: Instant::now() }
    }

    /// Every tick. `in_kernel`: time that the programs have run.
    pub(super) fn tick(&mut self, in_kernel: Duration, time: Timestamp, decoder: &mut Decoder) {
        if let Some(step) = self.brake.sample(self.started.elapsed(), own_time() + in_kernel) {
            // A map that cannot be written leaves the kernel as it is; the next step tries again.
            let _ = self.maps.settings.set(0, step.settings(), 0);
        }
        let Ok(values) = self.maps.shed.get(&0, 0) else { return };
        let sum = values.iter().fold([0u64; 2], |sum, value| [sum[0] + value[0], sum[1] + value[1]]);
        let told = std::mem::replace(&mut self.told, sum);
        let (events, bytes) = (sum[0].saturating_sub(told[0]), sum[1].saturating_sub(told[1]));
        if events > 0 {
            let cause = Cow::Borrowed(SHED);
            decoder.push(SocketEvent::Lost(Lost { time, socket: None, cause, events, bytes }));
        }
    }

    /// Its row in table `probes`.
    pub(super) fn hook(&self) -> Hook {
        let step = self.brake.step();
        let used = self.brake.used().map_or_else(String::new, |used| format!(", {used:.1} % used"));
        Hook {
            program: "brake".to_owned(),
            hook: format!("--max-cpu {}", self.limit),
            target: None,
            state: if step == Step::Nothing { HookState::Skipped } else { HookState::Active },
            reason: Some(format!("{step}{used}")),
            hits: Some(self.told[0]),
            ns_per_hit: None,
        }
    }
}
