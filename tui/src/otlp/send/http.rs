//! OTLP over HTTP: binary protobuf in a POST.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;

use super::super::settings::{Protocol, Target};
use super::connect::{Connector, connector};
use super::transport::{Message, Outcome};

/// A client of a collector.
#[derive(Clone)]
pub(super) struct Http {
    client: Client<Connector, Full<Bytes>>,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    gzip: bool,
}

impl Http {
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        let client = Client::builder(TokioExecutor::new()).build(connector(target, Protocol::HttpProtobuf)?);
        Ok(Self { client, uri: target.http.clone(), headers: target.headers.clone(), gzip: target.gzip })
    }

    pub(super) async fn send(&mut self, message: &Message) -> Outcome {
        let body = match message {
            Message::Traces(traces) => traces.encode_to_vec(),
            Message::Metrics(metrics) => metrics.encode_to_vec(),
        };
        let request = match self.request(body) {
            Ok(request) => request,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Outcome::Later { after: None, why: reasons(&error) },
        };
        let status = response.status();
        let after = retry_after(response.headers());
        let body = match Limited::new(response.into_body(), LARGEST_ANSWER).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) if status.is_success() => Bytes::new(),
            Err(error) => return Outcome::Later { after, why: error.to_string() },
        };
        match status {
            status if status.is_success() => accepted(message, body),
            // OTLP specification, "Retryable Response Codes".
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Outcome::Later { after, why: status.to_string() },
            _ => Outcome::Refused(format!("{status} from {}", self.uri)),
        }
    }

    fn request(&self, body: Vec<u8>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.uri)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, concat!("explore/", env!("CARGO_PKG_VERSION")));
        let body = if self.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
            zipped(&body)
        } else {
            body
        };
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(body.into()))
    }
}

/// What the collector did not take of what it took.
fn accepted(message: &Message, body: Bytes) -> Outcome {
    let partial = match message {
        Message::Traces(_) => ExportTraceServiceResponse::decode(body)
            .ok()
            .and_then(|answer| answer.partial_success.map(|part| (part.rejected_spans, part.error_message))),
        Message::Metrics(_) => ExportMetricsServiceResponse::decode(body)
            .ok()
            .and_then(|answer| answer.partial_success.map(|part| (part.rejected_data_points, part.error_message))),
    };
    let (rejected, why) = partial.unwrap_or_default();
    Outcome::Accepted { rejected: u64::try_from(rejected).unwrap_or(0), why }
}

/// `Retry-After` in seconds. The other form, a date, would ask for a clock that agrees with the collector's.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    let written = encoder.write_all(bytes);
    // Into memory nothing can fail.
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

/// The error and what caused it: the outermost says little.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// More than any answer of the protocol.
const LARGEST_ANSWER: usize = 1 << 20;
