//! Metrics of everything that is seen, whatever the sampler drops: histograms by service, and explore's own counters.
//!
//! One set of totals feeds both ways out: OTLP requests (totals, or what was added since the last one that arrived) and
//! Prometheus text.

mod instrument;
mod observe;
mod own;
mod prometheus;
mod request;
mod series;

use std::collections::{HashMap, HashSet};

use protocols::record::Record;

pub(super) use request::Saying;

use super::resource::Owner;
use super::span::Rules;
use instrument::Instrument;
use own::Own;
use series::{Histogram, Key};

/// All metrics of a run.
#[derive(Debug)]
pub(super) struct Metrics {
    services: HashMap<Owner, Service>,
    /// Names asked for, as far as each has a series of its own.
    dns_names: HashSet<String>,
    /// Explore's own condition.
    pub(super) own: Own,
    /// When counting began, ns since the epoch.
    start: u64,
    /// First and last time of the exchanges; of a file the only times that mean something.
    range: Option<(u64, u64)>,
}

/// The series of one service.
#[derive(Debug, Default)]
struct Service {
    series: HashMap<Key, Histogram>,
    /// Series of each instrument.
    counts: HashMap<Instrument, usize>,
}

impl Metrics {
    pub(super) fn new(start: u64) -> Self {
        Self { services: HashMap::new(), dns_names: HashSet::new(), own: Own::default(), start, range: None }
    }

    /// Counts an exchange.
    pub(super) fn take(&mut self, record: &Record, rules: &Rules) {
        let Some((_, common)) = record.exchange() else { return };
        let Some(latency) = common.latency else { return };
        let (first, last) = self.range.get_or_insert((common.time.0, common.time.0));
        *first = (*first).min(common.time.0);
        *last = (*last).max(common.time.0.saturating_add(latency));
        let Some(mut observed) = observe::observe(record, rules) else { return };
        if let Some(name) = &mut observed.dns_name {
            if !self.dns_names.contains(name) {
                match self.dns_names.len() < MOST_NAMES {
                    true => drop(self.dns_names.insert(name.clone())),
                    false => "_OTHER".clone_into(name),
                }
            }
            observed
                .attributes
                .text(opentelemetry_semantic_conventions::attribute::DNS_QUESTION_NAME, Some(name.clone()));
        }
        let service = self.service(Owner::service(&common.identity));
        for (instrument, value) in observed.values {
            service.record(instrument, &observed.attributes, value);
        }
    }

    fn service(&mut self, owner: Owner) -> &mut Service {
        let known = self.services.len() < MOST_SERVICES || self.services.contains_key(&owner);
        self.services.entry(if known { owner } else { Owner::other() }).or_default()
    }
}

impl Service {
    fn record(&mut self, instrument: Instrument, attributes: &super::attributes::Attributes, value: f64) {
        let key = Key { instrument, attributes: attributes.clone() };
        if let Some(histogram) = self.series.get_mut(&key) {
            histogram.record(value);
            return;
        }
        let count = self.counts.entry(instrument).or_default();
        // Names have a bound of their own, and each may fail in several ways.
        let most = if instrument == Instrument::DnsDuration { 5 * MOST_NAMES } else { MOST_SERIES };
        let key = if *count < most { key } else { Key::overflow(instrument) };
        *count = count.saturating_add(1);
        self.series.entry(key).or_insert_with(|| Histogram::new(instrument.about().bounds)).record(value);
    }
}

/// Names in `dns.lookup.duration`; those beyond are `_OTHER`.
const MOST_NAMES: usize = 2_000;
/// Series of one instrument in one service; what is beyond is one series. The SDKs' bound.
const MOST_SERIES: usize = 2_000;
/// Services told apart.
const MOST_SERVICES: usize = 1_000;

#[cfg(test)]
mod tests;
