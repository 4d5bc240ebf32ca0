//! One series of a histogram.

use super::super::attributes::Attributes;
use super::instrument::Instrument;

/// Which series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) instrument: Instrument,
    pub(super) attributes: Attributes,
}

impl Key {
    /// The series that takes what is beyond the bound, marked as the SDKs mark it.
    pub(super) fn overflow(instrument: Instrument) -> Self {
        let mut attributes = Attributes::default();
        attributes.flag("otel.metric.overflow", true);
        Self { instrument, attributes }
    }
}

/// Counts by bucket. A value on a boundary belongs to the bucket below it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    pub(super) total: Totals,
    /// The totals that the collector has, where it is told of additions only.
    pub(super) told: Option<(Totals, u64)>,
}

/// What a histogram has added up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Totals {
    pub(super) buckets: Vec<u64>,
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        let buckets = vec![0; bounds.len().saturating_add(1)];
        let total = Totals { buckets, count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };
        Self { bounds, total, told: None }
    }

    pub(super) fn record(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.total.buckets.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.total.count = self.total.count.saturating_add(1);
        self.total.sum += value;
        self.total.min = self.total.min.min(value);
        self.total.max = self.total.max.max(value);
    }

    pub(super) fn bounds(&self) -> &'static [f64] {
        self.bounds
    }
}

impl Totals {
    /// What has been added since `before`. Of the extremes nothing is known then.
    pub(super) fn since(&self, before: &Self) -> Self {
        let buckets = self.buckets.iter().zip(&before.buckets).map(|(now, then)| now.saturating_sub(*then)).collect();
        Self {
            buckets,
            count: self.count.saturating_sub(before.count),
            sum: self.sum - before.sum,
            min: f64::NAN,
            max: f64::NAN,
        }
    }
}
