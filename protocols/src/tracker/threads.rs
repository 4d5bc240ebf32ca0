//! Column `parent` by thread or goroutine (INTERFACES 2.1, b): which server exchange a thread is working on.
//!
//! Certain only if exactly one server exchange is open on the thread and the thread is no event loop. A loop gives itself
//! away: two server exchanges open at once, or, while one is open, a read from a connection that the thread has not
//! written to since (what answers its own requests is no sign of a loop).

use std::collections::HashMap;

use crate::event::SocketId;
use crate::record::ParentBy;
use crate::stream::Mark;

/// Most threads that are remembered; beyond, nothing more is certain.
const MOST_THREADS: usize = 1 << 16;

/// Most connections that one exchange's thread may write to and stay certain.
const MOST_CALLED: usize = 64;

/// A thread, or in Go a goroutine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Strand {
    Thread { pid: u32, tid: u32 },
    Goroutine { pid: u32, task: u64 },
}

impl Strand {
    /// Null where it is not known: in captures, on event loops, and in Go programs for bytes whose goroutine was not seen
    /// (their threads carry any goroutine).
    pub(super) fn of(mark: Mark, runtime: Option<&str>) -> Option<Self> {
        let Mark { pid, tid, task, .. } = mark;
        match (pid, tid, task) {
            (0, ..) => None,
            (_, _, 1..) => Some(Self::Goroutine { pid, task }),
            (_, 0, _) => None,
            _ => (!matches!(runtime, Some("go" | "node" | "loop"))).then_some(Self::Thread { pid, tid }),
        }
    }

    fn kind(self) -> ParentBy {
        match self {
            Self::Thread { .. } => ParentBy::Thread,
            Self::Goroutine { .. } => ParentBy::Goroutine,
        }
    }

    fn pid(self) -> u32 {
        match self {
            Self::Thread { pid, .. } | Self::Goroutine { pid, .. } => pid,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Threads {
    known: HashMap<Strand, Work>,
}

#[derive(Debug, Default)]
struct Work {
    /// It ever did several things at once.
    is_loop: bool,
    open: Option<Serving>,
}

#[derive(Debug)]
struct Serving {
    exchange: u64,
    socket: SocketId,
    /// Connections that the thread has written to since.
    called: Vec<SocketId>,
}

impl Threads {
    /// A server exchange was read by this thread.
    pub(super) fn serves(&mut self, strand: Strand, exchange: u64, socket: SocketId) {
        if self.known.len() >= MOST_THREADS && !self.known.contains_key(&strand) {
            return;
        }
        let work = self.known.entry(strand).or_default();
        if work.open.is_some() {
            work.is_loop = true;
        }
        work.open = Some(Serving { exchange, socket, called: Vec::new() });
    }

    /// The thread's exchange has ended.
    pub(super) fn served(&mut self, strand: Strand, exchange: u64) {
        let Some(work) = self.known.get_mut(&strand) else { return };
        if work.open.as_ref().is_some_and(|open| open.exchange == exchange) {
            work.open = None;
            if !work.is_loop {
                self.known.remove(&strand);
            }
        }
    }

    /// The thread has read bytes of this connection.
    pub(super) fn reads(&mut self, strand: Strand, socket: SocketId) {
        let Some(work) = self.known.get_mut(&strand) else { return };
        if work.open.as_ref().is_some_and(|open| open.socket != socket && !open.called.contains(&socket)) {
            work.is_loop = true;
        }
    }

    /// The thread has written bytes to this connection.
    pub(super) fn writes(&mut self, strand: Strand, socket: SocketId) {
        let Some(open) = self.known.get_mut(&strand).and_then(|work| work.open.as_mut()) else { return };
        if open.socket != socket && open.called.len() < MOST_CALLED && !open.called.contains(&socket) {
            open.called.push(socket);
        }
    }

    /// The one server exchange that this thread is certainly working on when it asks over `socket`.
    pub(super) fn parent(&self, strand: Strand, socket: SocketId) -> Option<(u64, ParentBy)> {
        let work = self.known.get(&strand)?;
        let open = work.open.as_ref().filter(|open| !work.is_loop && open.socket != socket)?;
        Some((open.exchange, strand.kind()))
    }

    /// The process is gone: its thread ids may be used again.
    pub(super) fn exited(&mut self, pid: u32) {
        self.known.retain(|strand, _| strand.pid() != pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREAD: Strand = Strand::Thread { pid: 1, tid: 2 };
    const SERVER: SocketId = SocketId(1);
    const OTHER: SocketId = SocketId(2);
    const DATABASE: SocketId = SocketId(3);

    fn serving() -> Threads {
        let mut threads = Threads::default();
        threads.reads(THREAD, SERVER);
        threads.serves(THREAD, 10, SERVER);
        threads
    }

    #[test]
    fn a_thread_that_serves_one_request_is_the_parent_of_all_it_asks() {
        let mut threads = serving();
        for _ in 0..3 {
            assert_eq!(threads.parent(THREAD, DATABASE), Some((10, ParentBy::Thread)));
            threads.writes(THREAD, DATABASE);
            threads.reads(THREAD, DATABASE);
        }
        threads.served(THREAD, 10);
        assert_eq!(threads.parent(THREAD, DATABASE), None);
        threads.reads(THREAD, OTHER);
        threads.serves(THREAD, 11, OTHER);
        assert_eq!(threads.parent(THREAD, DATABASE), Some((11, ParentBy::Thread)), "one after another is no loop");
    }

    #[test]
    fn two_at_once_make_a_loop_for_ever() {
        let mut threads = serving();
        threads.serves(THREAD, 11, OTHER);
        assert_eq!(threads.parent(THREAD, DATABASE), None);
        threads.served(THREAD, 10);
        threads.served(THREAD, 11);
        threads.serves(THREAD, 12, SERVER);
        assert_eq!(threads.parent(THREAD, DATABASE), None);
        threads.exited(1);
        threads.serves(THREAD, 13, SERVER);
        assert_eq!(threads.parent(THREAD, DATABASE), Some((13, ParentBy::Thread)), "another process, another thread");
    }

    #[test]
    fn reading_a_connection_it_did_not_ask_makes_a_loop() {
        let mut threads = serving();
        threads.reads(THREAD, DATABASE);
        assert_eq!(threads.parent(THREAD, DATABASE), None);
    }

    #[test]
    fn in_go_only_goroutines_count() {
        let mark = |tid, task| Mark {
            time: crate::event::Timestamp(0),
            pid: 1,
            tid,
            task,
            source: crate::event::Source::Socket,
        };
        assert_eq!(Strand::of(mark(2, 0), None), Some(THREAD));
        for runtime in ["go", "node", "loop"] {
            assert_eq!(Strand::of(mark(2, 0), Some(runtime)), None);
        }
        assert_eq!(Strand::of(mark(2, 9), Some("go")), Some(Strand::Goroutine { pid: 1, task: 9 }));
        assert_eq!(Strand::of(Mark { pid: 0, ..mark(0, 0) }, None), None);
    }
}
