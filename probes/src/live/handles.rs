//! Which connection a TLS library's handle belongs to, and its plaintext's place in the stream.

use std::collections::{HashMap, VecDeque};

use protocols::event::{Data, Direction, SocketId};

/// Plaintext kept while its connection is not known, bytes a handle.
const PENDING: usize = 256 << 10;

/// Handles remembered.
const HANDLES: usize = 65_536;

/// Handles of all processes, by process and address.
#[derive(Default)]
pub(super) struct Handles {
    known: HashMap<(u32, u64), Handle>,
    /// The handle that each connection had last.
    of_sockets: HashMap<SocketId, (u32, u64)>,
    /// Plaintext that was given up: events and bytes, since last asked.
    unplaced: (u64, u64),
}

struct Handle {
    epoch: u64,
    socket: Option<SocketId>,
    /// Where each direction of this epoch begins, and how far it has come.
    sent: Place,
    received: Place,
    pending: VecDeque<Data>,
    pending_bytes: usize,
}

#[derive(Default, Clone, Copy)]
struct Place {
    base: u64,
    end: u64,
}

impl Handles {
    /// Plaintext of a handle (`data.socket` is not used yet) whose connection may be known. Gives what can be told.
    pub(super) fn plaintext(&mut self, handle: u64, epoch: u64, socket: Option<SocketId>, data: Data) -> Vec<Data> {
        let key = (data.pid, handle);
        if self.known.len() >= HANDLES && !self.known.contains_key(&key) {
            self.unplaced = (self.unplaced.0 + 1, self.unplaced.1 + data.original_len);
            return Vec::new();
        }
        let known = self.known.entry(key).or_insert_with(|| Handle::new(epoch));
        if known.epoch != epoch {
            let lost = known.restart(epoch, socket);
            self.unplaced = (self.unplaced.0 + lost.0, self.unplaced.1 + lost.1);
        }
        if let Some(socket) = socket.filter(|_| known.socket != socket) {
            known.socket = Some(socket);
            self.of_sockets.insert(socket, key);
        }
        let data = known.put(data);
        let Some(socket) = known.socket else {
            known.pending_bytes += data.bytes.len();
            known.pending.push_back(data);
            while known.pending_bytes > PENDING {
                let Some(old) = known.pending.pop_front() else { break };
                known.pending_bytes -= old.bytes.len();
                self.unplaced = (self.unplaced.0 + 1, self.unplaced.1 + old.original_len);
            }
            return Vec::new();
        };
        known.pending_bytes = 0;
        let waiting = known.pending.drain(..).chain([data]).filter(|data| data.original_len > 0);
        waiting.map(|data| Data { socket, ..data }).collect()
    }

    /// A process ended or changed its image: its handles are gone.
    pub(super) fn forget(&mut self, pid: u32) {
        let mut unplaced = self.unplaced;
        self.known.retain(|(owner, _), handle| {
            if *owner == pid {
                let lost = handle.give_up();
                unplaced = (unplaced.0 + lost.0, unplaced.1 + lost.1);
            }
            *owner != pid
        });
        self.unplaced = unplaced;
    }

    /// Whether plaintext was placed on this connection.
    pub(super) fn knows(&self, socket: SocketId) -> bool {
        self.of_sockets.contains_key(&socket)
    }

    /// A socket is gone: the handle that belonged to it is too, unless it has gone on to another.
    pub(super) fn closed(&mut self, socket: SocketId) {
        let Some(key) = self.of_sockets.remove(&socket) else { return };
        if self.known.get(&key).is_some_and(|handle| handle.socket == Some(socket)) {
            self.known.remove(&key);
        }
    }

    /// Events and bytes given up since the last call.
    pub(super) fn take_unplaced(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.unplaced)
    }

    /// The end of everything: what still waits is given up.
    pub(super) fn finish(&mut self) {
        for handle in self.known.values_mut() {
            let lost = handle.give_up();
            self.unplaced = (self.unplaced.0 + lost.0, self.unplaced.1 + lost.1);
        }
    }
}

impl Handle {
    fn new(epoch: u64) -> Self {
        Self {
            epoch,
            socket: None,
            sent: Place::default(),
            received: Place::default(),
            pending: VecDeque::new(),
            pending_bytes: 0,
        }
    }

    /// The kernel counts from zero again: for another connection, or because its map had to forget this handle.
    fn restart(&mut self, epoch: u64, socket: Option<SocketId>) -> (u64, u64) {
        let same = self.socket.is_some() && self.socket == socket;
        let lost = self.give_up();
        let next =
            |place: Place| Place { base: if same { place.end } else { 0 }, end: if same { place.end } else { 0 } };
        *self = Self { sent: next(self.sent), received: next(self.received), ..Self::new(epoch) };
        lost
    }

    fn put(&mut self, data: Data) -> Data {
        let place = match data.direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        };
        let position = place.base.wrapping_add(data.position);
        place.end = position.wrapping_add(data.original_len);
        Data { position, ..data }
    }

    fn give_up(&mut self) -> (u64, u64) {
        self.pending_bytes = 0;
        self.pending
            .drain(..)
            .filter(|data| data.original_len > 0)
            .fold((0, 0), |(events, bytes), data| (events + 1, bytes + data.original_len))
    }
}

#[cfg(test)]
mod tests {
    use protocols::event::{Source, Timestamp};

    use super::*;

    fn data(position: u64, bytes: &[u8]) -> Data {
        Data {
            time: Timestamp(1),
            socket: SocketId(0),
            direction: Direction::Sent,
            position,
            bytes: bytes.to_vec(),
            original_len: bytes.len() as u64,
            pid: 7,
            tid: 7,
            task: 0,
            peer: None,
            source: Source::OpenSsl,
        }
    }

    #[test]
    fn plaintext_waits_for_its_connection() {
        let mut handles = Handles::default();
        assert!(handles.plaintext(1, 0, None, data(0, b"GET")).is_empty());
        let told = handles.plaintext(1, 0, Some(SocketId(5)), data(3, b" /"));
        assert_eq!(told.iter().map(|data| (data.socket.0, data.position)).collect::<Vec<_>>(), [(5, 0), (5, 3)]);
        assert_eq!(handles.plaintext(1, 0, None, data(5, b"x")).len(), 1, "the connection is remembered");
    }

    #[test]
    fn a_handle_used_again_starts_a_stream_of_its_own() {
        let mut handles = Handles::default();
        handles.plaintext(1, 0, Some(SocketId(5)), data(0, b"abc"));
        let told = handles.plaintext(1, 9, Some(SocketId(6)), data(0, b"d"));
        assert_eq!((told[0].socket, told[0].position), (SocketId(6), 0));
    }

    #[test]
    fn a_handle_that_the_kernel_forgot_goes_on_where_it_was() {
        let mut handles = Handles::default();
        handles.plaintext(1, 0, Some(SocketId(5)), data(0, b"abc"));
        assert_eq!(handles.plaintext(1, 9, Some(SocketId(5)), data(0, b"d"))[0].position, 3);
    }

    #[test]
    fn a_closed_connection_takes_its_own_handle_only() {
        let mut handles = Handles::default();
        handles.plaintext(1, 0, Some(SocketId(5)), data(0, b"abc"));
        handles.plaintext(1, 9, Some(SocketId(6)), data(0, b"d"));
        handles.closed(SocketId(5));
        assert!(!handles.knows(SocketId(5)) && handles.knows(SocketId(6)));
        assert_eq!(handles.plaintext(1, 9, None, data(1, b"e"))[0].socket, SocketId(6), "it has gone on to another");
        handles.closed(SocketId(6));
        assert!(handles.plaintext(1, 9, None, data(2, b"f")).is_empty());
    }

    #[test]
    fn what_never_finds_its_connection_is_counted() {
        let mut handles = Handles::default();
        handles.plaintext(1, 0, None, data(0, b"lost"));
        handles.forget(7);
        assert_eq!(handles.take_unplaced(), (1, 4));
    }
}
