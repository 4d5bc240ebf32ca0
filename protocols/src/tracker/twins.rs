//! Column `twin`: the same exchange seen from both ends.
//!
//! Both ends of a connection name the same two ports. On connections that were seen from their beginning the request
//! stands at the same position in both; on others the oldest that has no twin yet is taken, if it began about then.
//!
//! A call is told of when it returns: a server may have taken a datagram and answered it before its client's `sendto` is
//! known. The client's row then still names the server's, which is all that counting needs.

use std::collections::{HashMap, VecDeque};

use crate::event::{Address, Endpoint, SocketId, Timestamp, Transport};
use crate::record::Role;

/// How far apart two ends see the same request begin, at most, where positions do not tell, ns.
const MOST_APART: u64 = 1_000_000_000;

/// Most exchanges of one pair of ports that wait for a twin.
const MOST_WAITING: usize = 4096;

/// Most answered datagrams whose sender may still turn up.
const MOST_ANSWERED: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ports {
    transport: Transport,
    client: u16,
    server: u16,
}

/// What tells an exchange from others.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) id: u64,
    pub(super) socket: SocketId,
    pub(super) transport: Transport,
    pub(super) role: Role,
    pub(super) local: Endpoint,
    pub(super) remote: Endpoint,
    pub(super) protocol: &'static str,
    pub(super) position: u64,
    /// The request was not seen: the position is its answer's.
    pub(super) of_answer: bool,
    pub(super) midstream: bool,
    pub(super) time: Timestamp,
}

impl Sight {
    fn ports(&self) -> Option<Ports> {
        let (client, server) = match self.role {
            Role::Client => (&self.local, &self.remote),
            Role::Server => (&self.remote, &self.local),
        };
        Some(Ports { transport: self.transport, client: client.port?, server: server.port? })
    }

    fn mirrors(&self, other: &Self) -> bool {
        self.role != other.role
            && self.socket != other.socket
            && self.protocol == other.protocol
            && self.of_answer == other.of_answer
            && same(self.local.address.as_ref(), other.remote.address.as_ref())
            && same(self.remote.address.as_ref(), other.local.address.as_ref())
            && if self.midstream || other.midstream {
                self.time.since(other.time).max(other.time.since(self.time)) <= MOST_APART
            } else {
                self.position == other.position
            }
    }
}

/// Unknown addresses (a wildcard bind) contradict nothing.
fn same(one: Option<&Address>, other: Option<&Address>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

#[derive(Debug, Default)]
pub(super) struct Twins {
    waiting: HashMap<Ports, Vec<Sight>>,
    /// Over, and without a twin, the latest first.
    answered: VecDeque<Sight>,
}

impl Twins {
    /// An exchange began; returns the `id` of the one that it is, seen from the other end, if that has begun too.
    pub(super) fn meet(&mut self, sight: Sight) -> Option<u64> {
        let waiting = self.waiting.entry(sight.ports()?).or_default();
        if let Some(at) = waiting.iter().position(|other| other.mirrors(&sight)) {
            return Some(waiting.remove(at).id);
        }
        if sight.transport == Transport::Udp && sight.role == Role::Client {
            let close = |other: &Sight| other.time.since(sight.time).max(sight.time.since(other.time)) <= MOST_APART;
            if let Some(at) = self.answered.iter().position(|other| other.mirrors(&sight) && close(other)) {
                return self.answered.remove(at).map(|other| other.id);
            }
        }
        if waiting.len() < MOST_WAITING {
            waiting.push(sight);
        }
        None
    }

    /// The exchange has ended: it waits no longer.
    pub(super) fn forget(&mut self, sight: &Sight) {
        let Some(ports) = sight.ports() else { return };
        let Some(waiting) = self.waiting.get_mut(&ports) else { return };
        let before = waiting.len();
        waiting.retain(|other| other.id != sight.id);
        if waiting.len() < before && sight.transport == Transport::Udp && sight.role == Role::Server {
            self.answered.truncate(MOST_ANSWERED);
            self.answered.push_front(sight.clone());
        }
        if waiting.is_empty() {
            self.waiting.remove(&ports);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(id: u64, role: Role, position: u64) -> Sight {
        let end = |port| Endpoint::ip("127.0.0.1".parse().unwrap(), port);
        let (local, remote) = if role == Role::Client { (end(40000), end(80)) } else { (end(80), end(40000)) };
        let socket = SocketId(if role == Role::Client { 1 } else { 2 });
        Sight {
            id,
            socket,
            transport: Transport::Tcp,
            role,
            local,
            remote,
            protocol: "http",
            position,
            of_answer: false,
            midstream: false,
            time: Timestamp(id),
        }
    }

    #[test]
    fn the_same_position_on_the_mirrored_connection_is_the_same_exchange() {
        let mut twins = Twins::default();
        assert_eq!(twins.meet(sight(1, Role::Client, 0)), None);
        assert_eq!(twins.meet(sight(2, Role::Client, 90)), None);
        assert_eq!(twins.meet(sight(3, Role::Server, 90)), Some(2));
        assert_eq!(twins.meet(sight(4, Role::Server, 0)), Some(1));
        assert!(twins.waiting.values().all(Vec::is_empty));
    }

    #[test]
    fn an_answer_is_no_request_at_the_same_position() {
        let mut twins = Twins::default();
        let answer = |id, role| Sight { of_answer: true, ..sight(id, role, 90) };
        assert_eq!(twins.meet(answer(1, Role::Client)), None);
        assert_eq!(twins.meet(sight(2, Role::Server, 90)), None);
        assert_eq!(twins.meet(answer(3, Role::Server)), Some(1));
    }

    #[test]
    fn other_addresses_are_other_connections() {
        let mut twins = Twins::default();
        twins.meet(sight(1, Role::Client, 0));
        let far = Sight { remote: Endpoint::ip("10.0.0.9".parse().unwrap(), 40000), ..sight(2, Role::Server, 0) };
        assert_eq!(twins.meet(far), None);
        let wildcard = Sight { local: Endpoint { address: None, port: Some(80) }, ..sight(3, Role::Server, 0) };
        assert_eq!(twins.meet(wildcard), Some(1));
    }

    #[test]
    fn a_datagram_may_be_answered_before_its_sender_is_heard_of() {
        let mut twins = Twins::default();
        let datagram = |id, role, position| Sight { transport: Transport::Udp, ..sight(id, role, position) };
        for id in 1..=600 {
            let server = datagram(id, Role::Server, id);
            assert_eq!(twins.meet(server.clone()), None);
            twins.forget(&server);
        }
        assert!(twins.answered.len() <= MOST_ANSWERED + 1);
        assert_eq!(twins.meet(datagram(601, Role::Client, 600)), Some(600));
        assert_eq!(twins.meet(datagram(602, Role::Client, 600)), None);
        let late = Sight { time: Timestamp(5_000_000_000), ..datagram(603, Role::Client, 599) };
        assert_eq!(twins.meet(late), None);
    }

    #[test]
    fn joined_midstream_the_oldest_of_about_that_time_is_taken() {
        let mut twins = Twins::default();
        let joined = |id, role, time| Sight { midstream: true, time: Timestamp(time), ..sight(id, role, id * 100) };
        twins.meet(joined(1, Role::Client, 0));
        twins.meet(joined(2, Role::Client, 5_000_000_000));
        assert_eq!(twins.meet(joined(3, Role::Server, 5_000_100_000)), Some(2));
        twins.forget(&joined(1, Role::Client, 0));
        assert!(twins.waiting.is_empty());
    }
}
