//! Metrics as an OTLP request: one resource for each service, and one for explore itself.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram as HistogramData, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_semantic_conventions::SCHEMA_URL;

use super::super::attributes::Attributes;
use super::super::resource::{self, Owner};
use super::super::settings::Temporality;
use super::instrument::Instrument;
use super::own::Reading;
use super::series::{Histogram, Key, Totals};
use super::{Metrics, Service};

/// How metrics are said.
#[derive(Debug, Clone)]
pub(in crate::otlp) struct Saying {
    pub(in crate::otlp) temporality: Temporality,
    pub(in crate::otlp) added: Vec<(String, String)>,
    pub(in crate::otlp) own_name: Option<String>,
    /// Of a file: its exchanges have their own times.
    pub(in crate::otlp) file: bool,
}

/// What a request says, to be remembered once it has arrived: the next one tells of what was added since.
#[derive(Debug, Default)]
pub(in crate::otlp) struct Sent {
    series: Vec<(Owner, Key, Totals)>,
    readings: Vec<Reading>,
    time: u64,
}

impl Metrics {
    /// All metrics as of `now`, ns since the epoch.
    pub(in crate::otlp) fn request(&self, saying: &Saying, now: u64) -> (ExportMetricsServiceRequest, Sent) {
        let mut sent = Sent { time: now, ..Sent::default() };
        let mut resource_metrics = Vec::new();
        let (start, end) = match self.range.filter(|_| saying.file) {
            Some(range) => range,
            None => (self.start, now),
        };
        for (owner, service) in &self.services {
            let metrics = service.metrics(owner, saying, start, end, &mut sent);
            if !metrics.is_empty() {
                resource_metrics.push(resource_of(owner.resource(&saying.added), metrics));
            }
        }
        sent.readings = self.own.read();
        let metrics = self.readings(&sent.readings, saying, now);
        let resource = resource::own(saying.own_name.as_deref(), self.own.node.as_deref(), &saying.added);
        resource_metrics.push(resource_of(resource, metrics));
        (ExportMetricsServiceRequest { resource_metrics }, sent)
    }

    /// The request has arrived.
    pub(in crate::otlp) fn arrived(&mut self, sent: Sent, saying: &Saying) {
        if saying.temporality == Temporality::Cumulative {
            return;
        }
        for (owner, key, totals) in sent.series {
            let series = self.services.get_mut(&owner).and_then(|service| service.series.get_mut(&key));
            if let Some(histogram) = series {
                histogram.told = Some((totals, sent.time));
            }
        }
        for reading in sent.readings {
            self.own.told.insert((reading.name, reading.attributes), (reading.value, sent.time));
        }
    }

    fn readings(&self, readings: &[Reading], saying: &Saying, now: u64) -> Vec<Metric> {
        let mut metrics: Vec<Metric> = Vec::new();
        for reading in readings {
            // What goes up and down is never told as a difference.
            let delta = reading.counter && saying.temporality == Temporality::Delta;
            let told = self.own.told.get(&(reading.name, reading.attributes.clone())).filter(|_| delta).copied();
            let (before, since) = told.unwrap_or((0.0, self.start));
            let value = reading.value - before;
            #[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^53")]
            let value = match reading.whole {
                true => number_data_point::Value::AsInt(value as i64),
                false => number_data_point::Value::AsDouble(value),
            };
            let point = NumberDataPoint {
                attributes: reading.attributes.clone().into_proto(),
                start_time_unix_nano: since,
                time_unix_nano: now,
                value: Some(value),
                ..NumberDataPoint::default()
            };
            if let Some(Metric { data: Some(Data::Sum(sum)), .. }) =
                metrics.last_mut().filter(|metric| metric.name == reading.name)
            {
                sum.data_points.push(point);
                continue;
            }
            let temporality = if delta { AggregationTemporality::Delta } else { AggregationTemporality::Cumulative };
            let sum = Sum {
                data_points: vec![point],
                aggregation_temporality: temporality.into(),
                is_monotonic: reading.counter,
            };
            metrics.push(metric(reading.name, reading.unit, reading.description, Data::Sum(sum)));
        }
        metrics
    }
}

impl Service {
    fn metrics(&self, owner: &Owner, saying: &Saying, start: u64, end: u64, sent: &mut Sent) -> Vec<Metric> {
        let delta = saying.temporality != Temporality::Cumulative;
        let mut points: BTreeMap<Instrument, Vec<HistogramDataPoint>> = BTreeMap::new();
        for (key, histogram) in &self.series {
            let told = histogram.told.as_ref().filter(|_| delta);
            let (totals, since) = match told {
                Some((told, since)) => (histogram.total.since(told), *since),
                None => (histogram.total.clone(), start),
            };
            if totals.count == 0 {
                continue;
            }
            points.entry(key.instrument).or_default().push(point(&key.attributes, histogram, totals, since, end));
            if delta {
                sent.series.push((owner.clone(), key.clone(), histogram.total.clone()));
            }
        }
        let temporality = if delta { AggregationTemporality::Delta } else { AggregationTemporality::Cumulative };
        let histograms = points.into_iter().map(|(instrument, data_points)| {
            let about = instrument.about();
            let data = HistogramData { data_points, aggregation_temporality: temporality.into() };
            metric(about.name, about.unit, about.description, Data::Histogram(data))
        });
        histograms.collect()
    }
}

fn point(attributes: &Attributes, histogram: &Histogram, totals: Totals, start: u64, end: u64) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes.clone().into_proto(),
        start_time_unix_nano: start,
        time_unix_nano: end,
        count: totals.count,
        sum: Some(totals.sum),
        bucket_counts: totals.buckets,
        explicit_bounds: histogram.bounds().to_vec(),
        min: Some(totals.min).filter(|min| min.is_finite()),
        max: Some(totals.max).filter(|max| max.is_finite()),
        ..HistogramDataPoint::default()
    }
}

fn metric(name: &str, unit: &str, description: &str, data: Data) -> Metric {
    Metric {
        name: name.to_owned(),
        unit: unit.to_owned(),
        description: description.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn resource_of(resource: Resource, metrics: Vec<Metric>) -> ResourceMetrics {
    let scope = ScopeMetrics { scope: Some(resource::scope()), metrics, schema_url: SCHEMA_URL.to_owned() };
    ResourceMetrics { resource: Some(resource), scope_metrics: vec![scope], schema_url: SCHEMA_URL.to_owned() }
}
