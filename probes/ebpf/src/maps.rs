//! Maps: what the programs share with each other and with user space.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf};
use probes_common::event::{Brake, CgroupTarget, Conn, Header, LossCount, Peer, Target, loss};
use probes_common::settings::{MAX_CAPTURE, MAX_CGROUPS};

use crate::copy::Progress;
use crate::transfer::Transfer;

/// Events on their way to user space. The size is set by user space.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(16 << 20, 0);

/// Connections by address of their `struct sock`. Preallocated; a failure to insert is counted.
#[map]
pub static CONNS: HashMap<u64, Conn> = HashMap::with_max_entries(65_536, 0);

/// Decisions about processes, by thread-group id.
#[map]
pub static TARGETS: HashMap<u32, Target> = HashMap::with_max_entries(65_536, 0);

/// Ports asked for or excluded.
#[map]
pub static PORTS: HashMap<u16, u8> = HashMap::with_max_entries(1024, 0);

/// Users asked for.
#[map]
pub static USERS: HashMap<u32, u8> = HashMap::with_max_entries(256, 0);

/// Control groups asked for. An entry of 0 ends the list.
#[map]
pub static CGROUPS: Array<CgroupTarget> = Array::with_max_entries(MAX_CGROUPS, 0);

/// Messages already seen of a sendmmsg or recvmmsg in progress, by thread id. Losing an entry only misnumbers a batch.
#[map]
pub static BATCHES: LruHashMap<u32, Batch> = LruHashMap::with_max_entries(8192, 0);

/// System calls in progress that may move bytes, by thread id (back end B).
#[map]
pub static IN_FLIGHT: HashMap<u32, InFlight> = HashMap::with_max_entries(16_384, 0);

/// Losses by cause.
#[map]
pub static LOST: PerCpuArray<LossCount> = PerCpuArray::with_max_entries(loss::COUNT, 0);

/// What is to be shed; set before anything is attached.
#[map]
pub static BRAKE: Array<Brake> = Array::with_max_entries(1, 0);

/// Calls of which the brake has shed bytes, and how many.
#[map]
pub static SHED: PerCpuArray<LossCount> = PerCpuArray::with_max_entries(1, 0);

/// Numbers given to connections on each CPU.
#[map]
pub static NUMBERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Runs of each program that passed its early outs; indices in [`hit`].
#[map]
pub static HITS: PerCpuArray<u64> = PerCpuArray::with_max_entries(16, 0);

/// One buffer a CPU in which data events are put together. Only programs that run in process context and cannot nest use
/// it. An ordinary array, because values of per-CPU maps are limited to 32 KiB.
#[map]
pub static SCRATCH: Array<Scratch> = Array::with_max_entries(1, 0);

/// The transfer that is being told of.
#[map]
pub static WORK: PerCpuArray<Transfer> = PerCpuArray::with_max_entries(1, 0);

/// The copy in progress, where it cannot lie on the stack (see [`crate::copy`]).
#[map]
pub static PROGRESS: PerCpuArray<Progress> = PerCpuArray::with_max_entries(1, 0);

/// A data event under construction.
#[repr(C)]
pub struct Scratch {
    /// Common part.
    pub header: Header,
    /// The other end, where it is not the socket's.
    pub peer: Peer,
    /// Twice the space, so that the verifier sees a masked offset plus a masked length stay inside.
    pub payload: [u8; 4 * MAX_CAPTURE],
}

/// Where a thread stands in its sendmmsg or recvmmsg.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Batch {
    /// Address of the array of messages.
    pub messages: u64,
    /// System call number.
    pub call: u32,
    /// Messages seen.
    pub done: u32,
}

/// A system call between entry and return.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct InFlight {
    /// Address of the `struct sock`.
    pub sk: u64,
    /// When it was entered.
    pub time: u64,
    /// Its number.
    pub call: u32,
    /// 1: it sends.
    pub sent: u32,
}

/// Indices in [`HITS`].
pub mod hit {
    pub const SOCK_SEND: u32 = 0;
    pub const SOCK_RECV: u32 = 1;
    pub const SET_STATE: u32 = 2;
    pub const DESTROY: u32 = 3;
    pub const RETRANSMIT: u32 = 4;
    pub const EXEC: u32 = 5;
    pub const FORK: u32 = 6;
    pub const EXIT: u32 = 7;
    pub const SYS_ENTER: u32 = 8;
    pub const SYS_EXIT: u32 = 9;
    pub const RING: u32 = 10;
}

/// Counts a run.
#[inline(always)]
pub fn count(index: u32) {
    if let Some(counter) = HITS.get_ptr_mut(index) {
        // SAFETY: the slot is this CPU's.
        unsafe { *counter += 1 }
    }
}
