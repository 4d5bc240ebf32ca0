//! Where a call's bytes are in user memory.

use probes_common::event::loss;
use probes_common::settings::MAX_MESSAGES;

use crate::arch::{Registers, nr};
use crate::current;
use crate::emit::lost;
use crate::kernel::read_user;
use crate::maps::{BATCHES, Batch};

/// A call's buffers.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Buffers {
    /// Address of the one buffer, or of an array of `struct iovec`; 0: bytes are out of reach, only their number counts.
    pub address: u64,
    /// Length of the one buffer, or number of segments.
    pub count: u64,
    /// Address of the peer's `sockaddr`, or 0.
    pub name: u64,
    /// Address of the `struct user_msghdr` of sendmsg or recvmsg, or 0.
    pub message: u64,
    /// `address` is that of an array of segments.
    pub segments: bool,
}

/// `struct user_msghdr`, as far as it matters.
#[repr(C)]
#[derive(Clone, Copy)]
struct Message {
    name: u64,
    name_len: u64,
    segments: u64,
    count: u64,
}

/// Size of `struct mmsghdr`.
const BATCH_STEP: u64 = 64;

impl Buffers {
    /// None within reach: splice, sendfile, io_uring, kernel threads, 32-bit programs.
    pub const NONE: Self = Self { address: 0, count: 0, segments: false, name: 0, message: 0 };

    /// The buffers of the system call in progress; of a sendmmsg or recvmmsg, those of the message just moved. `last`: it
    /// failed, so that no more messages follow.
    #[inline(always)]
    pub fn in_progress(registers: &Registers, last: bool) -> Self {
        match registers.call {
            nr::SENDMMSG | nr::RECVMMSG => match next_in_batch(registers, last) {
                Some(index) => Self::of_message(registers.args[1] + index * BATCH_STEP),
                None => Self::NONE,
            },
            _ => Self::of_call(registers),
        }
    }

    /// The buffers of a system call that moves one message.
    #[inline(always)]
    pub fn of_call(registers: &Registers) -> Self {
        let args = &registers.args;
        match registers.call {
            nr::READ | nr::WRITE => Self { address: args[1], count: args[2], ..Self::NONE },
            nr::SENDTO | nr::RECVFROM => Self { address: args[1], count: args[2], name: args[4], ..Self::NONE },
            nr::READV | nr::WRITEV | nr::PREADV2 | nr::PWRITEV2 => {
                Self { address: args[1], count: args[2], segments: true, ..Self::NONE }
            }
            nr::SENDMSG | nr::RECVMSG => Self::of_message(args[1]),
            _ => Self::NONE,
        }
    }

    /// The buffers of a `struct user_msghdr` in user memory.
    #[inline(always)]
    pub fn of_message(address: u64) -> Self {
        match read_user::<Message>(address) {
            Ok(told) => {
                Self { address: told.segments, count: told.count, name: told.name, message: address, segments: true }
            }
            Err(_) => Self::NONE,
        }
    }
}

/// Which message of a sendmmsg or recvmmsg this is. The socket tracepoints tell of each message, not of which; but a batch
/// is worked off in order on one thread, and ends with its last message or with a failure.
#[inline(always)]
fn next_in_batch(registers: &Registers, last: bool) -> Option<u64> {
    let tid = current::thread() as u32;
    let messages = registers.args[1];
    let length = registers.args[2] as u32;
    // SAFETY: only this thread writes its entry.
    let known = unsafe { BATCHES.get(tid) }.copied();
    let index = match known {
        Some(batch) if batch.messages == messages && batch.call == registers.call => batch.done,
        _ => 0,
    };
    let done = index + 1;
    if last || done >= length {
        let _ = BATCHES.remove(tid);
    } else if BATCHES.insert(tid, Batch { messages, call: registers.call, done }, 0).is_err() {
        lost(loss::CALLS_FULL, 0);
    }
    if index >= MAX_MESSAGES {
        lost(loss::SEGMENTS, 0);
        return None;
    }
    Some(u64::from(index))
}
