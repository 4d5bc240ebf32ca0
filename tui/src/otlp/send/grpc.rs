//! OTLP over gRPC: the protocol's own service, called with tonic.

use std::task::{Context, Poll};

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::Scheme;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::super::settings::{Protocol, Target};
use super::connect::{Connector, connector};
use super::transport::{Message, Outcome};

/// A channel to a collector; it connects when it is needed, and again after that.
#[derive(Clone)]
pub(super) struct Grpc {
    channel: Channel,
    headers: Vec<(HeaderName, HeaderValue)>,
    gzip: bool,
}

impl Grpc {
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        // tonic would want to add the TLS itself: it is told of a plain address, and the connector knows better.
        let mut plain = target.grpc.clone().into_parts();
        plain.scheme = Some(Scheme::HTTP);
        let plain = Uri::from_parts(plain).map_err(|error| error.to_string())?;
        let endpoint = Endpoint::from(plain)
            .origin(target.grpc.clone())
            .connect_timeout(target.timeout)
            .user_agent(USER_AGENT)
            .map_err(|error| error.to_string())?;
        let known = Known { connector: connector(target, Protocol::Grpc)?, uri: target.grpc.clone() };
        let channel = endpoint.connect_with_connector_lazy(known);
        Ok(Self { channel, headers: target.headers.clone(), gzip: target.gzip })
    }

    pub(super) async fn send(&mut self, message: &Message) -> Outcome {
        let answer = match message {
            Message::Traces(traces) => {
                let mut client = TraceServiceClient::new(self.channel.clone());
                if self.gzip {
                    client = client.send_compressed(CompressionEncoding::Gzip);
                }
                let answer = client.export(self.request(traces.clone())).await;
                answer.map(|answer| {
                    answer.into_inner().partial_success.map(|part| (part.rejected_spans, part.error_message))
                })
            }
            Message::Metrics(metrics) => {
                let mut client = MetricsServiceClient::new(self.channel.clone());
                if self.gzip {
                    client = client.send_compressed(CompressionEncoding::Gzip);
                }
                let answer = client.export(self.request(metrics.clone())).await;
                answer.map(|answer| {
                    answer.into_inner().partial_success.map(|part| (part.rejected_data_points, part.error_message))
                })
            }
        };
        match answer {
            Ok(partial) => {
                let (rejected, why) = partial.unwrap_or_default();
                Outcome::Accepted { rejected: u64::try_from(rejected).unwrap_or(0), why }
            }
            Err(status) => judged(&status),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let headers = self.headers.iter().cloned().collect();
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
        request
    }
}

/// Connects to the collector's own address, TLS included, whatever it is asked for.
#[derive(Clone)]
struct Known {
    connector: Connector,
    uri: Uri,
}

impl Service<Uri> for Known {
    type Response = <Connector as Service<Uri>>::Response;
    type Error = <Connector as Service<Uri>>::Error;
    type Future = <Connector as Service<Uri>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, _asked: Uri) -> Self::Future {
        self.connector.call(self.uri.clone())
    }
}

/// Which answers are worth another attempt (OTLP specification, "Failures", the table of gRPC codes).
fn judged(status: &Status) -> Outcome {
    let why = format!("{:?}: {}", status.code(), status.message());
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Outcome::Later { after, why },
        // Only when the collector says when to come back.
        Code::ResourceExhausted if after.is_some() => Outcome::Later { after, why },
        // No answer of the service: the connection broke, or somebody else speaks there.
        Code::Unknown | Code::Internal if std::error::Error::source(status).is_some() => Outcome::Later { after, why },
        _ => Outcome::Refused(why),
    }
}

const USER_AGENT: &str = concat!("explore/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tonic_types::ErrorDetails;

    #[test]
    fn codes_as_the_specification_says() {
        for code in [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
        ] {
            assert!(matches!(judged(&Status::new(code, "")), Outcome::Later { after: None, .. }), "{code:?}");
        }
        for code in [
            Code::Unknown,
            Code::InvalidArgument,
            Code::NotFound,
            Code::AlreadyExists,
            Code::PermissionDenied,
            Code::Unauthenticated,
            Code::FailedPrecondition,
            Code::Unimplemented,
            Code::Internal,
            Code::ResourceExhausted,
        ] {
            assert!(matches!(judged(&Status::new(code, "")), Outcome::Refused(_)), "{code:?}");
        }
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
        let status = Status::with_error_details(Code::ResourceExhausted, "slow down", details);
        assert!(matches!(judged(&status), Outcome::Later { after: Some(after), .. } if after.as_secs() == 7));
    }
}
