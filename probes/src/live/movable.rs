//! rustls: its connections are values, which a program moves about, so that an address says only for a moment which
//! connection it is. What is read tells the connection each time. What is written waits until its records are sent, or until
//! something is read at the same address.

use std::collections::{HashMap, VecDeque};

use protocols::event::{Data, Direction, SocketId, Timestamp};

/// Plaintext kept while its connection is not known, bytes an address.
const WAITING: usize = 256 << 10;

/// Addresses remembered.
const ADDRESSES: usize = 65_536;

/// Connections at their present addresses, by process and address.
#[derive(Default)]
pub(super) struct Movable {
    known: HashMap<(u32, u64), Address>,
    /// Length of both directions of each connection, sent first.
    places: HashMap<SocketId, [u64; 2]>,
    /// Plaintext that was given up: events and bytes, since last asked.
    unplaced: (u64, u64),
}

#[derive(Default)]
struct Address {
    epoch: u64,
    /// Where the kernel's counters should go on, sent first: a jump is plaintext that was lost.
    next: [u64; 2],
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

struct Waiting {
    data: Data,
    /// Bytes that were lost before it.
    gap: u64,
}

impl Movable {
    /// Plaintext at an address (`data.socket` is not used), with its connection and when that was opened, where it is known.
    /// Gives what can be told.
    pub(super) fn plaintext(
        &mut self,
        address: u64,
        epoch: u64,
        socket: Option<(SocketId, Timestamp)>,
        data: Data,
    ) -> Vec<Data> {
        let key = (data.pid, address);
        if self.known.len() >= ADDRESSES && !self.known.contains_key(&key) {
            self.give_up(&data);
            return Vec::new();
        }
        let mut known = self.known.remove(&key).unwrap_or_default();
        let mut told = Vec::new();
        if let Some((socket, opened)) = socket {
            for Waiting { data, gap } in known.waiting.drain(..) {
                // What was written before there was this connection belonged to another that lived here.
                if data.time < opened {
                    self.give_up(&data);
                } else {
                    told.push(self.place(socket, gap, data));
                }
            }
            known.bytes = 0;
        }
        if data.original_len > 0 {
            let gap = known.gap(epoch, &data);
            match (data.direction, socket) {
                (Direction::Received, Some((socket, _))) => told.push(self.place(socket, gap, data)),
                (Direction::Received, None) => self.give_up(&data),
                (Direction::Sent, _) => {
                    known.bytes += data.bytes.len();
                    known.waiting.push_back(Waiting { data, gap });
                }
            }
        }
        while known.bytes > WAITING {
            let Some(Waiting { data, .. }) = known.waiting.pop_front() else { break };
            known.bytes -= data.bytes.len();
            self.give_up(&data);
        }
        self.known.insert(key, known);
        told
    }

    /// A process ended or changed its image: nothing is where it was.
    pub(super) fn forget(&mut self, pid: u32) {
        let gone: Vec<_> = self.known.extract_if(|(owner, _), _| *owner == pid).collect();
        gone.iter().flat_map(|(_, address)| &address.waiting).for_each(|waiting| self.give_up(&waiting.data));
    }

    /// Whether plaintext was placed on this connection.
    pub(super) fn knows(&self, socket: SocketId) -> bool {
        self.places.contains_key(&socket)
    }

    /// A socket is gone.
    pub(super) fn closed(&mut self, socket: SocketId) {
        self.places.remove(&socket);
    }

    /// Events and bytes given up since the last call.
    pub(super) fn take_unplaced(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.unplaced)
    }

    /// The end of everything: what still waits is given up.
    pub(super) fn finish(&mut self) {
        let gone = std::mem::take(&mut self.known);
        gone.values().flat_map(|address| &address.waiting).for_each(|waiting| self.give_up(&waiting.data));
    }

    fn place(&mut self, socket: SocketId, gap: u64, data: Data) -> Data {
        let [sent, received] = self.places.entry(socket).or_default();
        let place = if data.direction == Direction::Sent { sent } else { received };
        let position = place.saturating_add(gap);
        *place = position.saturating_add(data.original_len);
        Data { socket, position, ..data }
    }

    fn give_up(&mut self, data: &Data) {
        self.unplaced = (self.unplaced.0 + 1, self.unplaced.1.saturating_add(data.original_len));
    }
}

impl Address {
    fn gap(&mut self, epoch: u64, data: &Data) -> u64 {
        if self.epoch != epoch {
            (self.epoch, self.next) = (epoch, [0, 0]);
        }
        let [sent, received] = &mut self.next;
        let next = if data.direction == Direction::Sent { sent } else { received };
        let gap = data.position.saturating_sub(*next);
        *next = data.position.saturating_add(data.original_len);
        gap
    }
}

#[cfg(test)]
mod tests {
    use protocols::event::Source;

    use super::*;

    const OPENED: Timestamp = Timestamp(5);

    fn data(time: u64, direction: Direction, position: u64, bytes: &[u8]) -> Data {
        Data {
            time: Timestamp(time),
            socket: SocketId(0),
            direction,
            position,
            bytes: bytes.to_vec(),
            original_len: bytes.len() as u64,
            pid: 7,
            tid: 7,
            task: 0,
            peer: None,
            source: Source::Rustls,
        }
    }

    fn sent(time: u64, position: u64, bytes: &[u8]) -> Data {
        data(time, Direction::Sent, position, bytes)
    }

    fn places(told: &[Data]) -> Vec<(u64, u64, &[u8])> {
        told.iter().map(|data| (data.socket.0, data.position, data.bytes.as_slice())).collect()
    }

    #[test]
    fn what_is_written_waits_until_it_is_sent() {
        let mut movable = Movable::default();
        let one = Some((SocketId(1), OPENED));
        assert!(movable.plaintext(8, 0, None, sent(6, 0, b"GET")).is_empty());
        assert!(movable.plaintext(8, 0, None, sent(7, 3, b" /")).is_empty());
        let told = movable.plaintext(8, 0, one, sent(8, 0, b""));
        assert_eq!(places(&told), [(1, 0, &b"GET"[..]), (1, 3, b" /")]);
        let told = movable.plaintext(8, 0, one, data(9, Direction::Received, 0, b"200"));
        assert_eq!(places(&told), [(1, 0, &b"200"[..])]);
    }

    #[test]
    fn another_connection_at_the_same_address_goes_on_where_it_was_itself() {
        let mut movable = Movable::default();
        let (one, two) = (Some((SocketId(1), OPENED)), Some((SocketId(2), OPENED)));
        movable.plaintext(8, 0, one, data(6, Direction::Received, 0, b"abc"));
        let told = movable.plaintext(8, 0, two, data(7, Direction::Received, 3, b"d"));
        assert_eq!(places(&told), [(2, 0, &b"d"[..])]);
        let told = movable.plaintext(9, 1, one, data(8, Direction::Received, 0, b"ef"));
        assert_eq!(places(&told), [(1, 3, &b"ef"[..])], "moved");
    }

    #[test]
    fn what_was_written_before_the_connection_was_opened_is_not_its_own() {
        let mut movable = Movable::default();
        movable.plaintext(8, 0, None, sent(4, 0, b"old"));
        movable.plaintext(8, 0, None, sent(6, 3, b"new"));
        let told = movable.plaintext(8, 0, Some((SocketId(1), OPENED)), sent(7, 0, b""));
        assert_eq!(places(&told), [(1, 0, &b"new"[..])]);
        assert_eq!(movable.take_unplaced(), (1, 3));
    }

    #[test]
    fn what_the_kernel_could_not_deliver_is_a_gap() {
        let mut movable = Movable::default();
        let one = Some((SocketId(1), OPENED));
        movable.plaintext(8, 0, one, data(6, Direction::Received, 0, b"abc"));
        let told = movable.plaintext(8, 0, one, data(7, Direction::Received, 10, b"d"));
        assert_eq!(places(&told), [(1, 10, &b"d"[..])]);
    }

    #[test]
    fn what_is_never_sent_is_counted() {
        let mut movable = Movable::default();
        movable.plaintext(8, 0, None, sent(6, 0, b"lost"));
        movable.plaintext(9, 0, None, data(6, Direction::Received, 0, b"ab"));
        movable.forget(7);
        assert_eq!(movable.take_unplaced(), (2, 6));
    }
}
