//! One attempt to hand a request over, by whichever transport is in use.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use super::super::settings::{Protocol, Target};
use super::grpc::Grpc;
use super::http::Http;

/// A request.
#[derive(Debug, Clone)]
pub(in crate::otlp) enum Message {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It arrived; so many of its items were not taken, and why.
    Accepted { rejected: u64, why: String },
    /// Worth another attempt, not before that time if one was said.
    Later { after: Option<Duration>, why: String },
    /// It will never be taken.
    Refused(String),
}

/// The way to a collector.
pub(super) enum Transport {
    Grpc(Grpc),
    Http(Box<Http>),
    /// The address does not say which: the first that is understood stays.
    Either(Box<Grpc>, Box<Http>),
}

impl Transport {
    /// # Errors
    /// What is wrong with the settings. Nothing is connected yet.
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        Ok(match target.protocol {
            Some(Protocol::Grpc) => Self::Grpc(Grpc::new(target)?),
            Some(Protocol::HttpProtobuf) => Self::Http(Box::new(Http::new(target)?)),
            None => Self::Either(Box::new(Grpc::new(target)?), Box::new(Http::new(target)?)),
        })
    }

    pub(super) async fn send(&mut self, message: &Message, timeout: Duration) -> Outcome {
        match self {
            Self::Grpc(grpc) => bounded(timeout, grpc.send(message)).await,
            Self::Http(http) => bounded(timeout, http.send(message)).await,
            Self::Either(grpc, http) => {
                let by_grpc = bounded(timeout.min(FIRST_TRY), grpc.send(message)).await;
                if matches!(by_grpc, Outcome::Accepted { .. }) {
                    *self = Self::Grpc((**grpc).clone());
                    return by_grpc;
                }
                let by_http = bounded(timeout.min(FIRST_TRY), http.send(message)).await;
                if matches!(by_http, Outcome::Accepted { .. }) {
                    *self = Self::Http(http.clone());
                    return by_http;
                }
                match (by_grpc, by_http) {
                    // Neither is there yet, or the other one may still come.
                    (later @ Outcome::Later { .. }, _) | (_, later @ Outcome::Later { .. }) => later,
                    (refused, _) => refused,
                }
            }
        }
    }
}

async fn bounded(timeout: Duration, attempt: impl Future<Output = Outcome>) -> Outcome {
    match tokio::time::timeout(timeout, attempt).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Later { after: None, why: format!("no answer within {timeout:?}") },
    }
}

/// How long each transport is tried where it is not known which one is spoken.
const FIRST_TRY: Duration = Duration::from_secs(3);
