//! What a collector was sent, to be asked about.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{
    HistogramDataPoint, Metric, NumberDataPoint, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::trace::v1::Span;

/// Requests in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) requests: u64,
    pub(crate) heads: Vec<HeaderMap>,
    pub(crate) traces: Vec<ExportTraceServiceRequest>,
    pub(crate) metrics: Vec<ExportMetricsServiceRequest>,
}

/// Attributes as text, whatever their type.
pub(crate) type Attributes = BTreeMap<String, String>;

/// A span with the attributes of its resource.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) span: Span,
    pub(crate) attributes: Attributes,
    pub(crate) resource: Attributes,
}

impl Received {
    pub(crate) fn spans(&self) -> Vec<Seen> {
        let mut spans = Vec::new();
        for of in self.traces.iter().flat_map(|request| &request.resource_spans) {
            let resource = attributes(&of.resource.as_ref().unwrap().attributes);
            for span in of.scope_spans.iter().flat_map(|scope| &scope.spans) {
                let attributes = attributes(&span.attributes);
                spans.push(Seen { span: span.clone(), attributes, resource: resource.clone() });
            }
        }
        spans
    }

    /// The metrics of the last request, each with the attributes of its resource.
    pub(crate) fn last_metrics(&self) -> Vec<(Attributes, Metric)> {
        let last = self.metrics.last().expect("no metrics came");
        let all = last.resource_metrics.iter().flat_map(|of| {
            let resource = attributes(&of.resource.as_ref().unwrap().attributes);
            of.scope_metrics
                .iter()
                .flat_map(|scope| &scope.metrics)
                .map(move |metric| (resource.clone(), metric.clone()))
        });
        all.collect()
    }

    /// Points of a histogram in the last request, of all resources.
    pub(crate) fn points(&self, name: &str) -> Vec<HistogramDataPoint> {
        let named = self.last_metrics().into_iter().filter(|(_, metric)| metric.name == name);
        named
            .flat_map(|(_, metric)| match metric.data.unwrap() {
                Data::Histogram(histogram) => histogram.data_points,
                other => panic!("{name} is no histogram: {other:?}"),
            })
            .collect()
    }

    /// Points of a sum in the last request.
    pub(crate) fn numbers(&self, name: &str) -> Vec<(Attributes, f64)> {
        let named = self.last_metrics().into_iter().filter(|(_, metric)| metric.name == name);
        let points = named.flat_map(|(_, metric)| match metric.data.unwrap() {
            Data::Sum(sum) => sum.data_points,
            other => panic!("{name} is no sum: {other:?}"),
        });
        points.map(|point: NumberDataPoint| (attributes(&point.attributes), number(&point))).collect()
    }
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value.unwrap() {
        number_data_point::Value::AsInt(number) => number as f64,
        number_data_point::Value::AsDouble(number) => number,
    }
}

pub(crate) fn attributes(all: &[KeyValue]) -> Attributes {
    let names: Vec<_> = all.iter().map(|attribute| &attribute.key).collect();
    let attributes: Attributes = all.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect();
    assert_eq!(names.len(), attributes.len(), "twice the same: {names:?}");
    attributes
}

fn text(attribute: &KeyValue) -> String {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()).unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        other => format!("{other:?}"),
    }
}
