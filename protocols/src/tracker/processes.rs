//! Who the watched processes are. A process is (pid, start): a pid that is used again is another process.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::event::{ProcessChange, ProcessEvent, ProcessNames, TlsStatus};

/// Ended processes that are still remembered: their connections close after them.
const MOST_ENDED: usize = 4096;

/// A process as a connection or an exchange knew it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) pid: u32,
    generation: u64,
    names: Option<Arc<ProcessNames>>,
}

#[derive(Debug, Default)]
pub(super) struct Processes {
    known: HashMap<u32, Process>,
    ended: VecDeque<(u32, u64)>,
    generations: u64,
}

#[derive(Debug)]
struct Process {
    generation: u64,
    names: Option<Arc<ProcessNames>>,
    tls: Option<TlsStatus>,
}

impl Processes {
    pub(super) fn handle(&mut self, event: ProcessEvent) {
        match event.change {
            ProcessChange::Started { parent } => {
                let inherited = self.known.get(&parent).and_then(|parent| parent.names.clone());
                let process = self.fresh(inherited);
                self.known.insert(event.pid, process);
            }
            ProcessChange::Named(names) => self.entry(event.pid).names = Some(names),
            ProcessChange::Tls(status) => self.entry(event.pid).tls = Some(status),
            // Told in the coverage.
            ProcessChange::Ring => {}
            ProcessChange::Exited => self.exited(event.pid),
        }
    }

    /// The process that has this pid now. 0 is nobody.
    pub(super) fn owner(&self, pid: u32) -> Option<Owner> {
        if pid == 0 {
            return None;
        }
        let process = self.known.get(&pid);
        let names = process.and_then(|process| process.names.clone());
        Some(Owner { pid, generation: process.map_or(0, |process| process.generation), names })
    }

    /// The names of a process that was met earlier: those that it had then, else those that it, and no successor of its
    /// pid, has been given since.
    pub(super) fn names(&self, owner: &Owner) -> Option<Arc<ProcessNames>> {
        owner.names.clone().or_else(|| self.same(owner)?.names.clone())
    }

    /// Language runtime of the process that has this pid now.
    pub(super) fn runtime(&self, pid: u32) -> Option<&str> {
        self.known.get(&pid)?.names.as_ref()?.runtime.as_deref()
    }

    pub(super) fn tls(&self, owner: &Owner) -> Option<&TlsStatus> {
        self.same(owner)?.tls.as_ref()
    }

    fn same(&self, owner: &Owner) -> Option<&Process> {
        let process = self.known.get(&owner.pid)?;
        // Generation 0: nothing had been heard of the pid then.
        (owner.generation == process.generation || owner.generation == 0).then_some(process)
    }

    fn entry(&mut self, pid: u32) -> &mut Process {
        let fresh = self.fresh(None);
        self.known.entry(pid).or_insert(fresh)
    }

    fn fresh(&mut self, names: Option<Arc<ProcessNames>>) -> Process {
        self.generations = self.generations.saturating_add(1);
        Process { generation: self.generations, names, tls: None }
    }

    fn exited(&mut self, pid: u32) {
        let Some(process) = self.known.get(&pid) else { return };
        self.ended.push_back((pid, process.generation));
        if self.ended.len() > MOST_ENDED
            && let Some((pid, generation)) = self.ended.pop_front()
            && self.known.get(&pid).is_some_and(|process| process.generation == generation)
        {
            self.known.remove(&pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timestamp;

    fn named(process: &str) -> ProcessChange {
        ProcessChange::Named(Arc::new(ProcessNames { process: Some(process.into()), ..ProcessNames::default() }))
    }

    fn name(processes: &Processes, owner: &Owner) -> Option<String> {
        Some(processes.names(owner)?.process.as_deref()?.to_owned())
    }

    #[test]
    fn a_pid_used_again_is_another_process() {
        let mut processes = Processes::default();
        let tell = |processes: &mut Processes, pid, change| {
            processes.handle(ProcessEvent { time: Timestamp(0), pid, change });
        };
        tell(&mut processes, 1, named("shell"));
        tell(&mut processes, 7, ProcessChange::Started { parent: 1 });
        let child = processes.owner(7).unwrap();
        assert_eq!(name(&processes, &child).as_deref(), Some("shell"), "a fork has its parent's names");
        tell(&mut processes, 7, named("curl"));
        let curl = processes.owner(7).unwrap();
        tell(&mut processes, 7, ProcessChange::Exited);
        assert_eq!(name(&processes, &curl).as_deref(), Some("curl"), "its connections close after it");
        tell(&mut processes, 7, ProcessChange::Started { parent: 2 });
        let early = processes.owner(7).unwrap();
        assert_eq!(name(&processes, &early), None, "names of a forerunner are not inherited");
        tell(&mut processes, 7, named("nginx"));
        assert_eq!(name(&processes, &curl).as_deref(), Some("curl"));
        assert_eq!(name(&processes, &early).as_deref(), Some("nginx"), "named a moment later");
    }
}
