//! Metrics as Prometheus text (exposition format 0.0.4), with OpenTelemetry's rules for names: dots become underscores, the
//! unit comes after the name, and counters end in `_total`.
//!
//! Several services are served at one place: each of their series says which one, and `target_info` says more of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use opentelemetry_proto::tonic::common::v1::any_value;

use super::super::attributes::{Attributes, Value};
use super::super::resource::{self, Owner};
use super::Metrics;
use super::instrument::Instrument;
use super::request::Saying;
use super::series::Histogram;

impl Metrics {
    /// All metrics, as of now.
    pub(in crate::otlp) fn prometheus(&self, saying: &Saying) -> String {
        let mut text = String::new();
        let own = resource::own(saying.own_name.as_deref(), self.own.node.as_deref(), &saying.added);
        self.targets(saying, &own, &mut text);
        let mut series: BTreeMap<Instrument, Vec<(String, &Histogram)>> = BTreeMap::new();
        for (owner, service) in &self.services {
            let target =
                format!("{},{}", label("service_name", owner.name()), label("service_instance_id", &owner.instance()));
            for (key, histogram) in &service.series {
                let labels = labels(&target, &key.attributes);
                series.entry(key.instrument).or_default().push((labels, histogram));
            }
        }
        for (instrument, mut lines) in series {
            let about = instrument.about();
            let name = name(about.name, about.unit, false);
            head(&name, about.description, "histogram", &mut text);
            lines.sort_by(|a, b| a.0.cmp(&b.0));
            lines.into_iter().for_each(|(labels, histogram)| write_histogram(&name, &labels, histogram, &mut text));
        }
        let said = |key: &str| {
            let found = own.attributes.iter().find(|attribute| attribute.key == key);
            found.and_then(|attribute| plain(attribute.value.as_ref()?.value.as_ref()?)).unwrap_or_default()
        };
        let target = format!(
            "{},{}",
            label("service_name", &said("service.name")),
            label("service_instance_id", &said("service.instance.id"))
        );
        let mut last = "";
        for reading in self.own.read() {
            let name = name(reading.name, reading.unit, reading.counter);
            if last != reading.name {
                head(&name, reading.description, if reading.counter { "counter" } else { "gauge" }, &mut text);
                last = reading.name;
            }
            let _infallible = writeln!(text, "{name}{{{}}} {}", labels(&target, &reading.attributes), reading.value);
        }
        text
    }

    /// `target_info`: what is known of each service, as labels.
    fn targets(&self, saying: &Saying, own: &opentelemetry_proto::tonic::resource::v1::Resource, text: &mut String) {
        head("target_info", "What is measured.", "gauge", text);
        let services: HashMap<&Owner, _> =
            self.services.keys().map(|owner| (owner, owner.resource(&saying.added))).collect();
        let mut lines: Vec<String> = services
            .values()
            .chain([own])
            .map(|resource| {
                let labels = resource.attributes.iter().filter_map(|attribute| {
                    Some(label(&sanitised(&attribute.key), &plain(attribute.value.as_ref()?.value.as_ref()?)?))
                });
                labels.collect::<Vec<_>>().join(",")
            })
            .collect();
        lines.sort_unstable();
        lines.dedup();
        for labels in lines {
            let _infallible = writeln!(text, "target_info{{{labels}}} 1");
        }
    }
}

fn write_histogram(name: &str, labels: &str, histogram: &Histogram, text: &mut String) {
    let totals = &histogram.total;
    let mut below = 0_u64;
    for (bound, count) in histogram.bounds().iter().zip(&totals.buckets) {
        below = below.saturating_add(*count);
        let _infallible = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}");
    }
    let _infallible = writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", totals.count);
    let _infallible = writeln!(text, "{name}_sum{{{labels}}} {}", totals.sum);
    let _infallible = writeln!(text, "{name}_count{{{labels}}} {}", totals.count);
}

fn head(name: &str, description: &str, kind: &str, text: &mut String) {
    let _infallible = writeln!(text, "# HELP {name} {description}\n# TYPE {name} {kind}");
}

/// `http.server.request.duration` in `s` is `http_server_request_duration_seconds`; `{event}` is no unit.
fn name(name: &str, unit: &str, counter: bool) -> String {
    let unit = match unit {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "",
    };
    let total = if counter { "_total" } else { "" };
    format!("{}{unit}{total}", sanitised(name))
}

fn sanitised(name: &str) -> String {
    name.chars().map(|char| if char.is_ascii_alphanumeric() || char == '_' { char } else { '_' }).collect()
}

fn labels(target: &str, attributes: &Attributes) -> String {
    let mut text = target.to_owned();
    for (name, value) in attributes.iter() {
        let value = match value {
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::Texts(texts) => texts.join(","),
        };
        text.push(',');
        text.push_str(&label(&sanitised(name), &value));
    }
    text
}

/// Backslash, quote and line feed are the three that the format escapes.
fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn plain(value: &any_value::Value) -> Option<String> {
    match value {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}
