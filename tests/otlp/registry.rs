//! Every name that is sent, against the registry of the semantic conventions of the pinned version: the source of the crate
//! `opentelemetry-semantic-conventions`, which is generated from it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::collector::Transport;
use crate::program::explore;
use crate::received::Received;
use crate::workload::{DNS, GRPC, HTTP1, PGSQL, SHOP, export};

/// What the registry says of an attribute.
#[derive(Debug)]
struct Attribute {
    deprecated: bool,
    /// Of its examples; null where it has none.
    example: Option<String>,
}

/// What the registry says of a metric.
#[derive(Debug, Default)]
struct Metric {
    unit: String,
    instrument: String,
    attributes: BTreeSet<String>,
}

struct Registry {
    version: String,
    attributes: BTreeMap<String, Attribute>,
    metrics: BTreeMap<String, Metric>,
}

/// What no convention has a name for (README, "OTLP").
const OWN: [&str; 6] = [
    "explore.truncated",
    "explore.midstream",
    "explore.gap",
    "explore.route.inferred",
    "explore.kept",
    "explore.lost.cause",
];
const OWN_METRICS: [&str; 3] = ["explore.events", "explore.lost", "explore.export.failed"];

impl Registry {
    /// Reads the source of the crate that explore is built with.
    fn read() -> Self {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--offline", "--manifest-path", manifest])
            .output()
            .unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages = metadata["packages"].as_array().unwrap();
        let package = packages.iter().find(|package| package["name"] == "opentelemetry-semantic-conventions").unwrap();
        let folder = std::path::Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
        let source = |name: &str| std::fs::read_to_string(folder.join("src").join(name)).unwrap();
        let version = source("lib.rs").split("schemas/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let (mut attributes, mut names) = (BTreeMap::new(), BTreeMap::new());
        for (constant, name, lines) in constants(&source("attribute.rs")) {
            let deprecated = lines.iter().any(|line| line.contains("#[deprecated"));
            let example = lines.iter().find_map(|line| line.strip_prefix("/// - `").map(str::to_owned));
            names.insert(constant, name.clone());
            attributes.insert(name, Attribute { deprecated, example });
        }
        let metrics = constants(&source("metric.rs")).into_iter().map(|(_, name, lines)| {
            let of = |label: &str| {
                let line =
                    lines.iter().find(|line| line.starts_with(&format!("/// | {label}:"))).cloned().unwrap_or_default();
                line.split('`').nth(1).unwrap_or_default().to_owned()
            };
            let listed = lines.iter().filter_map(|line| {
                line.strip_prefix("/// | [`crate::attribute::")?.split('`').next().map(str::to_owned)
            });
            let attributes = listed.filter_map(|constant| names.get(&constant).cloned()).collect();
            (name, Metric { unit: of("Unit"), instrument: of("Instrument"), attributes })
        });
        Self { version, metrics: metrics.collect(), attributes }
    }

    #[track_caller]
    fn check_attribute(&self, name: &str, value: Option<&Value>) {
        if OWN.contains(&name) {
            return;
        }
        let Some(known) = self.attributes.get(name) else { panic!("{name} is not in the registry") };
        assert!(!known.deprecated, "{name} is deprecated");
        let (Some(value), Some(example)) = (value, &known.example) else { return };
        let kind = match value {
            Value::StringValue(_) => "string",
            Value::IntValue(_) | Value::DoubleValue(_) => "number",
            Value::BoolValue(_) => "flag",
            Value::ArrayValue(_) => "list",
            other => panic!("{name}: {other:?}"),
        };
        let expected = match example.chars().next().unwrap() {
            '"' => "string",
            '[' => "list",
            't' | 'f' => "flag",
            _ => "number",
        };
        assert_eq!(kind, expected, "{name}: {value:?}, such as {example}");
    }

    #[track_caller]
    fn check_all(&self, attributes: &[KeyValue]) {
        for attribute in attributes {
            self.check_attribute(&attribute.key, attribute.value.as_ref().and_then(|value| value.value.as_ref()));
        }
    }

    #[track_caller]
    fn check_metric(&self, metric: &opentelemetry_proto::tonic::metrics::v1::Metric) {
        let (instrument, points) = match metric.data.as_ref().unwrap() {
            Data::Histogram(data) => {
                ("histogram", data.data_points.iter().map(|point| &point.attributes).collect::<Vec<_>>())
            }
            Data::Sum(data) => {
                let instrument = if data.is_monotonic { "counter" } else { "updowncounter" };
                (instrument, data.data_points.iter().map(|point| &point.attributes).collect())
            }
            other => panic!("{}: {other:?}", metric.name),
        };
        points.iter().for_each(|attributes| self.check_all(attributes));
        if OWN_METRICS.contains(&metric.name.as_str()) {
            return;
        }
        let Some(known) = self.metrics.get(&metric.name) else { panic!("{} is not in the registry", metric.name) };
        assert_eq!((instrument, &metric.unit), (known.instrument.as_str(), &known.unit), "{}", metric.name);
        for attribute in points.into_iter().flatten() {
            // Without a route nobody can tell one handler from another: the template stands in for it.
            let stands_in = ["url.template", "explore.route.inferred"].contains(&attribute.key.as_str());
            assert!(stands_in || known.attributes.contains(&attribute.key), "{} has no {}", metric.name, attribute.key);
        }
    }
}

/// Constants of a file: name, value, and the lines above it.
fn constants(source: &str) -> Vec<(String, String, Vec<String>)> {
    let (mut found, mut above) = (Vec::new(), Vec::new());
    let joined = source.replace("&str =\n    \"", "&str = \"");
    for line in joined.lines() {
        match line.strip_prefix("pub const ").and_then(|line| line.split_once(": &str = \"")) {
            Some((name, value)) => {
                let value = value.trim_end_matches("\";").to_owned();
                found.push((name.to_owned(), value, std::mem::take(&mut above)));
            }
            None if line.is_empty() => above.clear(),
            None => above.push(line.trim_start().to_owned()),
        }
    }
    found
}

fn everything() -> Vec<Received> {
    let both = ["--otlp-db-server", "--otlp-query-text", "--otlp-keep", "errors,slow:1ms"];
    let sampled = [("OTEL_TRACES_SAMPLER", "always_off")];
    vec![
        export(Transport::Grpc, HTTP1, &["--route", "/x.json"], &[]),
        export(Transport::Grpc, GRPC, &[], &[]),
        export(Transport::Grpc, DNS, &[], &[]),
        export(Transport::Grpc, PGSQL, &both, &sampled),
        export(Transport::Grpc, SHOP, &both[..2], &[]),
    ]
}

#[test]
fn every_name_type_and_unit_is_in_the_registry() {
    let registry = Registry::read();
    assert!(registry.attributes.len() > 500 && registry.metrics.len() > 100, "the registry could not be read");
    let schema_url = format!("https://opentelemetry.io/schemas/{}", registry.version);
    let (mut attributes, mut metrics) = (BTreeSet::new(), BTreeSet::new());
    for received in everything() {
        for of in received.traces.iter().flat_map(|request| &request.resource_spans) {
            assert_eq!(of.schema_url, schema_url);
            registry.check_all(&of.resource.as_ref().unwrap().attributes);
            for span in of.scope_spans.iter().flat_map(|scope| &scope.spans) {
                registry.check_all(&span.attributes);
                attributes.extend(span.attributes.iter().map(|attribute| attribute.key.clone()));
            }
        }
        for of in received.metrics.iter().flat_map(|request| &request.resource_metrics) {
            assert_eq!(of.schema_url, schema_url);
            registry.check_all(&of.resource.as_ref().unwrap().attributes);
            for metric in of.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                registry.check_metric(metric);
                metrics.insert(metric.name.clone());
            }
        }
    }
    // All of INTERFACES section 6, but for what a server alone cannot show.
    assert_eq!(metrics.len(), 8 + 5, "{metrics:?}");
    // Headers, bodies and parameters never leave.
    for never in ["http.request.header", "http.response.header", "db.query.parameter", "rpc.request.metadata"] {
        assert!(attributes.iter().all(|name| !name.starts_with(never)), "{never}");
    }
}

#[test]
fn the_schema_names_attributes_of_the_registry() {
    let registry = Registry::read();
    let output = explore(&["schema", "--json"]).output().unwrap();
    let mut names = BTreeSet::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        collect(&serde_json::from_str(line).unwrap(), &mut names);
    }
    assert!(names.len() > 20, "{names:?}");
    names.iter().for_each(|name| registry.check_attribute(name, None));
}

/// The values of all members that name an attribute.
fn collect(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        serde_json::Value::Object(members) => {
            for (key, value) in members {
                match value.as_str().filter(|_| key.starts_with("otel") || key.starts_with("opentelemetry")) {
                    Some(name) => drop(names.insert(name.to_owned())),
                    None => collect(value, names),
                }
            }
        }
        _ => {}
    }
}
