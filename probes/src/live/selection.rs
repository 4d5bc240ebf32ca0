//! Which processes are watched: decided from `/proc`, kept in the kernel's map of targets.

use std::collections::{HashMap, HashSet};

use aya::maps::{self, MapData};
use probes_common::event::Target;

use super::listeners::listeners;
use super::raw::bytes_of;
use crate::process::{Facts, all, parent};
use crate::targets::{Targets, ssh_session};

/// The kernel's map of targets.
pub(super) type TargetMap = maps::HashMap<MapData, u32, [u8; size_of::<Target>()]>;

/// The processes watched, and those refused.
pub(super) struct Selection {
    /// As asked for.
    asked: Targets,
    /// Without what the kernel compares by itself.
    targets: Targets,
    map: TargetMap,
    /// Watched by decision (not by default).
    watched: HashSet<u32>,
    /// Events of these are dropped: the kernel watches a process that changed its image until it was looked at.
    refused: HashSet<u32>,
    /// Decisions that the kernel's map had no room for.
    pub(super) full: u64,
}

impl Selection {
    pub(super) fn new(asked: Targets, targets: Targets, map: TargetMap) -> Self {
        Self { asked, targets, map, watched: HashSet::new(), refused: HashSet::new(), full: 0 }
    }

    /// Looks at all processes there are. Twice, because some may be forked by ones not yet looked at.
    pub(super) fn scan(&mut self) {
        if self.targets.whole_host() {
            ssh_session()
                .into_iter()
                .for_each(|pid| self.set(pid, &Target { watch: 0, inherit: 1, ..Target::default() }));
        }
        if !self.targets.choose_processes() && self.targets.exclude_comms.is_empty() {
            return;
        }
        let mut seen = HashSet::new();
        for _ in 0..2 {
            let new: Vec<u32> = all().into_iter().filter(|&pid| seen.insert(pid)).collect();
            let listening = listeners(&self.targets.listen);
            for &pid in &new {
                if let Some(facts) = Facts::of(pid) {
                    self.decide(&facts, listening.contains(&pid));
                }
            }
            if self.targets.children {
                self.adopt(&new);
            }
        }
    }

    /// Watches a process and its descendants, whatever they become.
    pub(super) fn watch(&mut self, pid: u32) {
        self.refused.remove(&pid);
        self.watched.insert(pid);
        self.set(pid, &Target { watch: 1, inherit: 1, sticky: 1, padding: 0 });
    }

    /// A process changed its image.
    pub(super) fn exec(&mut self, facts: &Facts) {
        if self.is_sticky(facts.pid) || !self.targets.review_on_exec() {
            return;
        }
        let listens = !self.targets.listen.is_empty() && listeners(&self.targets.listen).contains(&facts.pid);
        self.decide(facts, listens);
    }

    /// A process was forked.
    pub(super) fn fork(&mut self, parent: u32, pid: u32) {
        self.refused.remove(&pid);
        if self.refused.contains(&parent) {
            self.refuse(pid);
        } else if self.watched.contains(&parent) {
            self.watched.insert(pid);
        }
    }

    /// A process ended.
    pub(super) fn exit(&mut self, pid: u32) {
        self.watched.remove(&pid);
        self.refused.remove(&pid);
    }

    /// A process began to listen.
    pub(super) fn listen(&mut self, pid: u32, port: u16) {
        if self.targets.listen.contains(&port)
            && !self.is_sticky(pid)
            && let Some(facts) = Facts::of(pid)
        {
            self.decide(&facts, true);
        }
    }

    /// Whether its events are to be dropped.
    pub(super) fn refuses(&self, pid: u32) -> bool {
        self.refused.contains(&pid)
    }

    /// Processes watched by decision.
    pub(super) fn watched(&self) -> impl Iterator<Item = u32> + '_ {
        self.watched.iter().copied()
    }

    /// How many processes are watched.
    pub(super) fn count(&self) -> usize {
        if self.targets.choose_processes() || !self.watched.is_empty() {
            return self.watched.len();
        }
        let others = all().into_iter().filter(|&pid| pid != std::process::id());
        others.filter_map(Facts::of).filter(|facts| self.asked.accept(facts, false)).count()
    }

    /// Processes that are there and may be heard of without having been chosen one by one: the whole host, or a part of it
    /// that the kernel tells by connection, user or control group.
    pub(super) fn unchosen(&self) -> Vec<u32> {
        if self.targets.choose_processes() {
            return Vec::new();
        }
        let others = all().into_iter().filter(|pid| *pid != std::process::id() && !self.refuses(*pid));
        others.filter(|pid| Facts::of(*pid).is_some_and(|facts| self.asked.accept(&facts, false))).collect()
    }

    fn decide(&mut self, facts: &Facts, listens: bool) {
        let pid = facts.pid;
        if pid == std::process::id() {
            return;
        }
        if self.targets.accept(facts, listens) {
            self.refused.remove(&pid);
            if self.targets.choose_processes() {
                self.watched.insert(pid);
                let inherit = u8::from(self.targets.children_match());
                let sticky = u8::from(self.targets.children || !self.targets.review_on_exec());
                self.set(pid, &Target { watch: 1, inherit, sticky, padding: 0 });
            } else {
                self.unset(pid);
            }
        } else if self.targets.excludes(facts) || self.targets.choose_processes() {
            self.refuse(pid);
        }
    }

    fn refuse(&mut self, pid: u32) {
        self.watched.remove(&pid);
        self.refused.insert(pid);
        if self.targets.choose_processes() {
            self.unset(pid);
        } else {
            self.set(pid, &Target { watch: 0, inherit: 1, ..Target::default() });
        }
    }

    /// Descendants of watched processes are watched too.
    fn adopt(&mut self, pids: &[u32]) {
        let parents: HashMap<u32, u32> = pids.iter().filter_map(|&pid| Some((pid, parent(pid)?))).collect();
        for &pid in pids {
            let mut above = pid;
            // No chain is longer than there are processes; the bound is against cycles.
            for _ in 0..=pids.len() {
                let Some(&next) = parents.get(&above) else { break };
                above = next;
                if self.watched.contains(&above) {
                    self.watch(pid);
                    break;
                }
            }
        }
    }

    fn is_sticky(&self, pid: u32) -> bool {
        self.map
            .get(&pid, 0)
            .is_ok_and(|value| super::raw::split::<Target>(&value).is_some_and(|(target, _)| target.sticky != 0))
    }

    fn set(&mut self, pid: u32, target: &Target) {
        if self.map.insert(pid, bytes_of(target), 0).is_err() {
            self.full += 1;
        }
    }

    fn unset(&mut self, pid: u32) {
        // Not there is fine too.
        let _ = self.map.remove(&pid);
    }
}
