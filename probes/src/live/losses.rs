//! Turns the kernel's counters of losses into events.

use std::borrow::Cow;

use aya::maps::{MapData, PerCpuArray};
use probes_common::event::loss;
use protocols::event::{IO_URING, Lost, SocketEvent, Timestamp};

use super::decode::Decoder;
use super::programs::CAUSES;

/// What was told of the counters so far.
pub(super) struct Losses {
    counters: PerCpuArray<MapData, [u64; 2]>,
    told: [[u64; 2]; CAUSES.len()],
    unplaced: u64,
}

impl Losses {
    pub(super) fn new(counters: PerCpuArray<MapData, [u64; 2]>) -> Self {
        Self { counters, told: [[0; 2]; CAUSES.len()], unplaced: 0 }
    }

    /// Tells what was lost since the last time; whether the ring buffer was too full for something.
    pub(super) fn tell(&mut self, time: Timestamp, decoder: &mut Decoder) -> bool {
        let ring_full = self.told[loss::RING_FULL as usize];
        for (index, cause) in (0..).zip(CAUSES) {
            let Ok(values) = self.counters.get(&index, 0) else { continue };
            let sum = values.iter().fold([0u64; 2], |sum, value| [sum[0] + value[0], sum[1] + value[1]]);
            let told = std::mem::replace(&mut self.told[index as usize], sum);
            push(decoder, time, cause, sum[0].saturating_sub(told[0]), sum[1].saturating_sub(told[1]));
        }
        let unplaced = decoder.unplaced;
        push(decoder, time, "unplaced", unplaced.saturating_sub(self.unplaced), 0);
        self.unplaced = unplaced;
        let (handles, movable) = (decoder.handles.take_unplaced(), decoder.movable.take_unplaced());
        let (events, bytes) = (handles.0 + movable.0, handles.1 + movable.1);
        push(decoder, time, "tls_unplaced", events, bytes);
        let (events, bytes) = decoder.rings.take_moved();
        push(decoder, time, IO_URING, events, bytes);
        self.told[loss::RING_FULL as usize] != ring_full
    }
}

fn push(decoder: &mut Decoder, time: Timestamp, cause: &'static str, events: u64, bytes: u64) {
    if events > 0 {
        decoder.push(SocketEvent::Lost(Lost { time, socket: None, cause: Cow::Borrowed(cause), events, bytes }));
    }
}
