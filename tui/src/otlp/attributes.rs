//! Attributes: names of the semantic conventions and values, of spans, series and resources alike.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    Texts(Vec<String>),
}

/// Names and values, in the order in which they were added. What is null is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Attributes(Vec<(&'static str, Value)>);

impl Attributes {
    pub(super) fn text(&mut self, name: &'static str, text: Option<impl Into<String>>) {
        self.0.extend(text.map(|text| (name, Value::Text(text.into()))));
    }

    pub(super) fn integer(&mut self, name: &'static str, number: Option<impl TryInto<i64>>) {
        // Above 2^63 only counts of bytes could be; they are not.
        self.0.extend(number.and_then(|number| number.try_into().ok()).map(|number| (name, Value::Integer(number))));
    }

    pub(super) fn flag(&mut self, name: &'static str, flag: bool) {
        self.0.push((name, Value::Flag(flag)));
    }

    pub(super) fn texts(&mut self, name: &'static str, texts: Option<&Vec<String>>) {
        self.0.extend(texts.map(|texts| (name, Value::Texts(texts.clone()))));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub(super) fn into_proto(self) -> Vec<KeyValue> {
        self.0.into_iter().map(|(name, value)| key_value(name, value)).collect()
    }
}

/// As the protocol has it.
pub(super) fn key_value(name: &str, value: Value) -> KeyValue {
    let text = |text| AnyValue { value: Some(any_value::Value::StringValue(text)) };
    let value = match value {
        Value::Text(value) => text(value),
        Value::Integer(number) => AnyValue { value: Some(any_value::Value::IntValue(number)) },
        Value::Flag(flag) => AnyValue { value: Some(any_value::Value::BoolValue(flag)) },
        Value::Texts(texts) => {
            let values = texts.into_iter().map(text).collect();
            AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values })) }
        }
    };
    KeyValue { key: name.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// Names of explore's own: what no convention has a name for.
pub(crate) mod own {
    /// Fewer bytes were kept than sent.
    pub(crate) const TRUNCATED: &str = "explore.truncated";
    /// The connection was joined after it began.
    pub(crate) const MIDSTREAM: &str = "explore.midstream";
    /// Bytes were lost inside.
    pub(crate) const GAP: &str = "explore.gap";
    /// `url.template` was found by clustering, not given by `--route`.
    pub(crate) const ROUTE_INFERRED: &str = "explore.route.inferred";
    /// Why a span was sent that the sampler would have dropped.
    pub(crate) const KEPT: &str = "explore.kept";
    /// Cause of a loss.
    pub(crate) const LOST_CAUSE: &str = "explore.lost.cause";
}
