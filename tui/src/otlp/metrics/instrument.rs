//! The histograms of the conventions: names, units and buckets.

use opentelemetry_semantic_conventions::metric;

/// A histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Instrument {
    HttpServerDuration,
    HttpClientDuration,
    HttpServerRequestSize,
    HttpServerResponseSize,
    RpcServerDuration,
    RpcClientDuration,
    DatabaseDuration,
    DnsDuration,
}

/// What is said of a metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
    pub(super) bounds: &'static [f64],
}

impl Instrument {
    pub(super) fn about(self) -> About {
        let about = |name, unit, description, bounds| About { name, unit, description, bounds };
        match self {
            Self::HttpServerDuration => {
                about(metric::HTTP_SERVER_REQUEST_DURATION, "s", "Duration of HTTP server requests.", SECONDS)
            }
            Self::HttpClientDuration => {
                about(metric::HTTP_CLIENT_REQUEST_DURATION, "s", "Duration of HTTP client requests.", SECONDS)
            }
            Self::HttpServerRequestSize => {
                about(metric::HTTP_SERVER_REQUEST_BODY_SIZE, "By", "Size of HTTP server request bodies.", BYTES)
            }
            Self::HttpServerResponseSize => {
                about(metric::HTTP_SERVER_RESPONSE_BODY_SIZE, "By", "Size of HTTP server response bodies.", BYTES)
            }
            Self::RpcServerDuration => {
                about(metric::RPC_SERVER_CALL_DURATION, "s", "Duration of incoming calls.", SECONDS)
            }
            Self::RpcClientDuration => {
                about(metric::RPC_CLIENT_CALL_DURATION, "s", "Duration of outgoing calls.", SECONDS)
            }
            Self::DatabaseDuration => about(
                metric::DB_CLIENT_OPERATION_DURATION,
                "s",
                "Duration of database client operations.",
                DATABASE_SECONDS,
            ),
            Self::DnsDuration => about(metric::DNS_LOOKUP_DURATION, "s", "Duration of DNS lookups.", SECONDS),
        }
    }
}

/// The boundaries that the conventions give for durations of HTTP, RPC and DNS: for HTTP docs/http/http-metrics.md, for RPC
/// those that the former metric had in milliseconds, in seconds (docs/rpc/rpc-metrics.md; open-telemetry/semantic-conventions
/// #2961). gRPC's own, finer ones (gRFC A66) are not the conventions'.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The boundaries that they give for durations of databases.
const DATABASE_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// For sizes they give none: then the SDKs' own hold (metrics SDK, explicit bucket histogram aggregation).
const BYTES: &[f64] =
    &[0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0];
