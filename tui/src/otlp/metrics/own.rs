//! Explore's own counters: what it took in, what it lost, what it could not export, what it costs.

use std::collections::{BTreeMap, HashMap};

use opentelemetry_semantic_conventions::{attribute, metric};

use super::super::attributes::{Attributes, own};
use crate::run::Cost;

/// Explore's own condition.
#[derive(Debug, Default)]
pub(in crate::otlp) struct Own {
    /// Events taken in.
    pub(in crate::otlp) events: u64,
    /// Lost ones, by cause.
    pub(in crate::otlp) lost: BTreeMap<String, u64>,
    /// Spans that were not exported, whatever the cause.
    pub(in crate::otlp) export_failed: u64,
    /// Name of the machine, once it is known.
    pub(in crate::otlp) node: Option<String>,
    /// Values that the collector has, where it is told of additions only, and since when.
    pub(super) told: HashMap<(&'static str, Attributes), (f64, u64)>,
}

/// A number that is read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
    /// It only rises.
    pub(super) counter: bool,
    pub(super) attributes: Attributes,
    pub(super) value: f64,
    /// A whole number.
    pub(super) whole: bool,
}

impl Own {
    /// All of them, as of now.
    pub(super) fn read(&self) -> Vec<Reading> {
        let mut readings = vec![reading(
            "explore.events",
            "{event}",
            "Events taken in from the kernel or from files.",
            Attributes::default(),
            self.events,
        )];
        for (cause, events) in &self.lost {
            let mut attributes = Attributes::default();
            attributes.text(own::LOST_CAUSE, Some(cause.as_str()));
            readings.push(reading("explore.lost", "{event}", "What was lost, by cause.", attributes, *events));
        }
        if self.lost.is_empty() {
            // Zero is an answer too.
            readings.push(reading("explore.lost", "{event}", "What was lost, by cause.", Attributes::default(), 0));
        }
        readings.push(reading(
            "explore.export.failed",
            "{span}",
            "Spans that could not be exported.",
            Attributes::default(),
            self.export_failed,
        ));
        if let Some(cost) = Cost::now() {
            for (mode, seconds) in [("user", cost.user), ("system", cost.system)] {
                let mut attributes = Attributes::default();
                attributes.text(attribute::CPU_MODE, Some(mode));
                readings.push(Reading {
                    name: metric::PROCESS_CPU_TIME,
                    unit: "s",
                    description: "CPU time of explore.",
                    counter: true,
                    attributes,
                    value: seconds,
                    whole: false,
                });
            }
            readings.push(Reading {
                counter: false,
                ..reading(
                    metric::PROCESS_MEMORY_USAGE,
                    "By",
                    "Physical memory of explore.",
                    Attributes::default(),
                    cost.resident,
                )
            });
        }
        readings
    }
}

fn reading(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    attributes: Attributes,
    value: u64,
) -> Reading {
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    let value = value as f64;
    Reading { name, unit, description, counter: true, attributes, value, whole: true }
}
