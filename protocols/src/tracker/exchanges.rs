//! Exchanges from their first byte to their row: common columns, parents, twins.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::connection::Identified;
use super::judge::{self, Ending};
use super::names::Names;
use super::processes::{Owner, Processes};
use super::threads::{Strand, Threads};
use super::twins::{Sight, Twins};
use super::{Config, InFlight};
use crate::event::{Direction, Endpoint, SocketId, Timestamp, Vantage};
use crate::record::{Common, Identity, ParentBy, Record, Role};
use crate::route::{Route, Routes};
use crate::session::{Begin, Description, Exchange, Timing};

/// What is known of the session as a whole.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) node: Option<Arc<str>>,
    pub(super) vantage: Vantage,
    pub(super) processes: Processes,
    pub(super) names: Names,
    pub(super) config: Arc<Config>,
}

#[derive(Debug)]
struct Open {
    common: Common,
    owner: Option<Owner>,
    direction: Direction,
    /// The other end, where it is not that of the socket.
    peer: Option<Endpoint>,
    protocol: &'static str,
    summary: Option<String>,
    strand: Option<Strand>,
    /// The strand is known to work on it.
    serves: bool,
    sight: Option<Sight>,
}

/// All exchanges that have begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    open: BTreeMap<u64, Open>,
    threads: Threads,
    twins: Twins,
    /// Open server exchanges by process and trace id.
    traces: HashMap<(u32, String), Vec<u64>>,
    routes: Routes,
}

impl Exchanges {
    pub(super) fn new(config: &Config) -> Self {
        Self { routes: Routes::new(config.routes.clone(), config.ignored_routes.clone()), ..Self::default() }
    }

    pub(super) fn begin(&mut self, id: u64, begin: Begin, on: &Identified<'_>, scene: &Scene) {
        let mark = begin.mark;
        let owner = scene.processes.owner(mark.pid).or_else(|| on.owner.cloned());
        let role = (scene.vantage == Vantage::Process).then_some(match begin.direction {
            Direction::Sent => Role::Client,
            Direction::Received => Role::Server,
        });
        let names = owner.as_ref().and_then(|owner| scene.processes.names(owner));
        let runtime = names.as_ref().and_then(|names| names.runtime.clone());
        // Who reads or sends an answer need not be who asked, or was asked.
        let strand = Strand::of(mark, runtime.as_deref()).filter(|_| begin.protocol != "tls" && begin.asked);
        let mut common = Common {
            time: mark.time,
            id,
            role,
            identity: Identity { pid: owner.as_ref().map(|owner| owner.pid), names, node: scene.node.clone() },
            ends: on.ends(begin.direction, begin.peer.as_ref(), scene),
            conn: on.conn,
            tls: mark.source.is_decrypted() || begin.protocol == "tls",
            source: Some(mark.source),
            midstream: on.midstream,
            ..Common::default()
        };
        if let (Some(Role::Client), Some(strand)) = (role, strand)
            && let Some((parent, by)) = self.threads.parent(strand, on.socket)
        {
            common.parent = Some(parent);
            common.parent_by = Some(by);
        }
        let sight = role.map(|role| on.sight(id, role, &begin));
        if let Some(twin) = sight.clone().and_then(|sight| self.twins.meet(sight)) {
            common.twin = Some(twin);
            if let Some(other) = self.open.get_mut(&twin) {
                other.common.twin = Some(id);
            }
        }
        let Begin { direction, protocol, peer, .. } = begin;
        let open = Open { common, owner, direction, peer, protocol, summary: None, strand, serves: false, sight };
        self.open.insert(id, open);
    }

    pub(super) fn describe(&mut self, id: u64, description: Description, socket: SocketId, processes: &Processes) {
        let Some(open) = self.open.get_mut(&id) else { return };
        // Who read the first byte need not be who works on it: Go's `net/http` lets another goroutine wait for it.
        if open.common.role == Some(Role::Server) && !open.serves {
            if let (Some(_), Some(mark)) = (open.strand, description.read) {
                open.strand = Strand::of(mark, processes.runtime(mark.pid));
            }
            if let Some(strand) = open.strand {
                self.threads.serves(strand, id, socket);
                open.serves = true;
            }
        }
        if description.summary.is_some() {
            open.summary = description.summary;
        }
        if let Some(protocol) = description.protocol {
            open.protocol = protocol;
        }
        let Some(trace) = description.trace else { return };
        let key = open.common.identity.pid.map(|pid| (pid, trace.trace_id.clone()));
        open.common.trace_id = Some(trace.trace_id);
        open.common.span_id = trace.span_id;
        match (key, open.common.role) {
            (Some(key), Some(Role::Server)) => self.traces.entry(key).or_default().push(id),
            (Some(key), Some(Role::Client)) => {
                if let Some([parent]) = self.traces.get(&key).map(Vec::as_slice) {
                    open.common.parent = Some(*parent);
                    open.common.parent_by = Some(ParentBy::Trace);
                }
            }
            _ => {}
        }
    }

    /// The exchange's row; null if it had never begun.
    pub(super) fn finish(
        &mut self,
        exchange: Exchange,
        ending: Ending,
        on: &Identified<'_>,
        scene: &Scene,
    ) -> Option<Record> {
        let open = self.remove(exchange.id)?;
        let mut record = exchange.record;
        let error = judge::failed(&record, open.common.role, ending);
        let (_, common) = record.exchange_mut()?;
        let timing = exchange.timing;
        *common = Common {
            latency: timing.response_end.map(|end| end.since(timing.request_start)),
            ttfb: ttfb(timing),
            ends: on.ends(open.direction, open.peer.as_ref(), scene),
            error,
            truncated: common.truncated,
            gap: common.gap,
            identity: Identity {
                names: open.owner.as_ref().and_then(|owner| scene.processes.names(owner)),
                ..open.common.identity.clone()
            },
            time: timing.request_start,
            midstream: open.common.midstream || common.midstream,
            ..open.common
        };
        self.find_route(record)
    }

    /// Names the route of an HTTP exchange. Null when the user asked to leave it out.
    fn find_route(&mut self, mut record: Record) -> Option<Record> {
        if let Record::Http(http) = &mut record
            && let Some(path) = http.path.as_deref().filter(|path| path.starts_with('/'))
        {
            let service = http.common.identity.names.as_ref().and_then(|names| names.service.as_ref());
            http.route = match self.routes.route(service, path) {
                Route::Given(route) | Route::Inferred(route) => Some(route),
                Route::Ignored => return None,
            };
        }
        Some(record)
    }

    /// It was no exchange after all.
    pub(super) fn retract(&mut self, id: u64) {
        self.remove(id);
    }

    /// Bytes went by on a connection.
    pub(super) fn passed(&mut self, strand: Strand, socket: SocketId, direction: Direction) {
        match direction {
            Direction::Received => self.threads.reads(strand, socket),
            Direction::Sent => self.threads.writes(strand, socket),
        }
    }

    pub(super) fn exited(&mut self, pid: u32) {
        self.threads.exited(pid);
    }

    /// Those of a connection that its session left open.
    pub(super) fn abandon(&mut self, ids: impl Iterator<Item = u64>) {
        for id in ids {
            self.remove(id);
        }
    }

    pub(super) fn in_flight(&self, now: Timestamp) -> Vec<InFlight> {
        let row = |open: &Open| InFlight {
            common: open.common.clone(),
            protocol: open.protocol,
            summary: open.summary.clone(),
            age: now.since(open.common.time),
        };
        let mut rows: Vec<_> = self.open.values().map(row).collect();
        rows.sort_by_key(|row| (row.common.time, row.common.id));
        rows
    }

    fn remove(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(strand) = open.strand.filter(|_| open.serves) {
            self.threads.served(strand, id);
        }
        if let Some(sight) = &open.sight {
            self.twins.forget(sight);
        }
        if open.common.role == Some(Role::Server)
            && let (Some(pid), Some(trace)) = (open.common.identity.pid, &open.common.trace_id)
        {
            let key = (pid, trace.clone());
            if let Some(ids) = self.traces.get_mut(&key) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.traces.remove(&key);
                }
            }
        }
        Some(open)
    }
}

/// Null when the response began before the request had ended.
fn ttfb(timing: Timing) -> Option<u64> {
    let (end, start) = (timing.request_end?, timing.response_start?);
    (start >= end).then(|| start.since(end))
}
