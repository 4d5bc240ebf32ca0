//! What the options and the `OTEL_*` variables say about exporting.
//!
//! `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` here are explore's own; what a watched process is called comes from
//! that process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use opentelemetry_otlp as otlp;

use super::sample::{Keep, Sampler};

/// How to export, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where spans go; null: nowhere.
    pub(crate) traces: Option<Target>,
    /// Where metrics go; null: nowhere.
    pub(crate) metrics: Option<Target>,
    /// Where metrics are served as Prometheus text.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) sampler: Sampler,
    /// Spans that are kept whatever the sampler says.
    pub(crate) keep: Keep,
    /// SQL as it was sent, rather than its shape.
    pub(crate) query_text: bool,
    /// Statements that watched database servers answered are spans too.
    pub(crate) db_server: bool,
    /// `OTEL_SERVICE_NAME`: what explore itself is called.
    pub(crate) own_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`, added to every resource.
    pub(crate) attributes: Vec<(String, String)>,
    /// How often metrics are sent.
    pub(crate) interval: Duration,
    pub(crate) temporality: Temporality,
    pub(crate) batch: Batch,
}

/// A collector, for one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Null: gRPC, or HTTP where that is what answers.
    pub(crate) protocol: Option<Protocol>,
    /// Where gRPC calls go.
    pub(crate) grpc: Uri,
    /// Where HTTP requests go, with the signal's path.
    pub(crate) http: Uri,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// For one attempt.
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    pub(crate) tls: Tls,
}

/// The two transports of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    HttpProtobuf,
}

/// PEM files for the connection to the collector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    /// Whom to trust; null: the system's authorities.
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temporality {
    Cumulative,
    /// Sums that only rise, and histograms, since the last time.
    Delta,
    /// As delta, but sums that are read rather than counted stay cumulative.
    LowMemory,
}

/// `OTEL_BSP_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Spans that may wait.
    pub(crate) queue: usize,
    /// Spans in one request at most.
    pub(crate) size: usize,
    /// How long a span waits for others.
    pub(crate) delay: Duration,
}

/// What was typed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// `--otlp`; empty: the endpoint of the environment, or the usual one on this machine.
    pub(crate) endpoint: Option<String>,
    pub(crate) keep: Option<String>,
    pub(crate) query_text: bool,
    pub(crate) db_server: bool,
    pub(crate) listen: Option<String>,
}

impl Settings {
    /// Options and environment together; null when nothing is to be exported.
    ///
    /// # Errors
    /// A sentence that names the option or variable that is wrong, and what would be right.
    pub(crate) fn read(asked: &Asked, environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        if asked.endpoint.is_none() {
            for (option, given) in [
                ("--otlp-keep", asked.keep.is_some()),
                ("--otlp-query-text", asked.query_text),
                ("--otlp-db-server", asked.db_server),
            ] {
                if given {
                    return Err(format!("{option} is about exported spans\n\ntry: --otlp with it"));
                }
            }
            if asked.listen.is_none() {
                return Ok(None);
            }
        }
        let read =
            Environment { get: environment, endpoint: asked.endpoint.as_deref().filter(|text| !text.is_empty()) };
        let [traces, metrics] = match asked.endpoint {
            Some(_) => [read.target(&TRACES)?, read.target(&METRICS)?],
            None => [None, None],
        };
        Ok(Some(Self {
            traces,
            metrics,
            listen: asked.listen.as_deref().map(listen).transpose()?,
            sampler: Sampler::read(
                read.text("OTEL_TRACES_SAMPLER").as_deref(),
                read.text("OTEL_TRACES_SAMPLER_ARG").as_deref(),
            )?,
            keep: asked.keep.as_deref().map(Keep::parse).transpose()?.unwrap_or_default(),
            query_text: asked.query_text,
            db_server: asked.db_server,
            own_name: read.text("OTEL_SERVICE_NAME"),
            attributes: match read.text("OTEL_RESOURCE_ATTRIBUTES") {
                Some(text) => pairs("OTEL_RESOURCE_ATTRIBUTES", &text)?,
                None => Vec::new(),
            },
            interval: read.millis("OTEL_METRIC_EXPORT_INTERVAL")?.unwrap_or(INTERVAL),
            temporality: temporality(read.text(otlp::OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE).as_deref())?,
            batch: Batch {
                queue: read.count("OTEL_BSP_MAX_QUEUE_SIZE")?.unwrap_or(QUEUE),
                size: read.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")?.unwrap_or(BATCH),
                delay: read.millis("OTEL_BSP_SCHEDULE_DELAY")?.unwrap_or(DELAY),
            },
        }))
    }
}

/// The names of one signal.
struct Signal {
    /// In the variables' names.
    name: &'static str,
    exporter: &'static str,
    path: &'static str,
}

const TRACES: Signal = Signal { name: "TRACES", exporter: "OTEL_TRACES_EXPORTER", path: "v1/traces" };
const METRICS: Signal = Signal { name: "METRICS", exporter: "OTEL_METRICS_EXPORTER", path: "v1/metrics" };

struct Environment<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    endpoint: Option<&'a str>,
}

impl Environment<'_> {
    /// The variable's value; an empty one is as good as none.
    fn text(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The signal's own variable, else the one for all: its name and value.
    fn either(&self, signal: &Signal, what: &str) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.name);
        let all = format!("OTEL_EXPORTER_OTLP_{what}");
        [own, all].into_iter().find_map(|name| self.text(&name).map(|value| (name, value)))
    }

    fn millis(&self, name: &str) -> Result<Option<Duration>, String> {
        Ok(self.number(name)?.map(Duration::from_millis))
    }

    fn count(&self, name: &str) -> Result<Option<usize>, String> {
        Ok(self.number(name)?.and_then(|number| usize::try_from(number).ok()))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(format!("{name}={text} is no number above 0")),
        }
    }

    fn target(&self, signal: &Signal) -> Result<Option<Target>, String> {
        match self.text(signal.exporter).as_deref() {
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(other) => return Err(format!("{}={other}: explore exports `otlp` or `none`", signal.exporter)),
        }
        let protocol = match self.either(signal, "PROTOCOL") {
            None => None,
            Some((_, value)) if value == otlp::OTEL_EXPORTER_OTLP_PROTOCOL_GRPC => Some(Protocol::Grpc),
            Some((_, value)) if value == otlp::OTEL_EXPORTER_OTLP_PROTOCOL_HTTP_PROTOBUF => {
                Some(Protocol::HttpProtobuf)
            }
            Some((name, value)) => return Err(format!("{name}={value}: explore speaks `grpc` and `http/protobuf`")),
        };
        let Places { protocol, grpc, http } = self.places(signal, protocol)?;
        let gzip = match self.either(signal, "COMPRESSION") {
            None => false,
            Some((_, value)) if value == "none" => false,
            Some((name, value)) => match otlp::Compression::from_str(&value) {
                Ok(otlp::Compression::Gzip) => true,
                _ => return Err(format!("{name}={value}: explore compresses with `gzip` or `none`")),
            },
        };
        let timeout = match self.either(signal, "TIMEOUT") {
            Some((name, _)) => self.millis(&name)?,
            None => None,
        };
        let file = |what| self.either(signal, what).map(|(_, path)| PathBuf::from(path));
        let tls =
            Tls { authorities: file("CERTIFICATE"), certificate: file("CLIENT_CERTIFICATE"), key: file("CLIENT_KEY") };
        if tls.certificate.is_some() != tls.key.is_some() {
            return Err(
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY go together".to_owned()
            );
        }
        Ok(Some(Target {
            protocol,
            grpc,
            http,
            headers: self.headers(signal)?,
            timeout: timeout.unwrap_or(otlp::OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT),
            gzip,
            tls,
        }))
    }

    fn headers(&self, signal: &Signal) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let Some((name, text)) = self.either(signal, "HEADERS") else { return Ok(Vec::new()) };
        let header = |(key, value): (String, String)| {
            let key = HeaderName::from_str(&key.to_ascii_lowercase())
                .map_err(|_| format!("{name}: `{key}` is no header name"))?;
            let mut value =
                HeaderValue::from_str(&value).map_err(|_| format!("{name}: the value of `{key}` is none"))?;
            value.set_sensitive(true);
            Ok((key, value))
        };
        pairs(&name, &text)?.into_iter().map(header).collect()
    }

    /// Where requests go: the option, else the signal's own variable (a whole address), else the one for all.
    fn places(&self, signal: &Signal, protocol: Option<Protocol>) -> Result<Places, String> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.name);
        let (name, text, whole) = match (self.endpoint, self.text(&own), self.text(otlp::OTEL_EXPORTER_OTLP_ENDPOINT)) {
            (Some(given), ..) => ("--otlp", given.to_owned(), false),
            (None, Some(text), _) => (own.as_str(), text, true),
            (None, None, Some(text)) => (otlp::OTEL_EXPORTER_OTLP_ENDPOINT, text, false),
            (None, None, None) => {
                let usual = if protocol == Some(Protocol::HttpProtobuf) { USUAL_HTTP } else { USUAL_GRPC };
                ("the usual endpoint", usual.to_owned(), false)
            }
        };
        let base = endpoint(name, &text)?;
        let path = base.path().trim_end_matches('/');
        // A path is only for HTTP, and the two usual ports each mean one transport.
        let protocol = protocol.or(match base.port_u16() {
            Some(4317) => Some(Protocol::Grpc),
            Some(4318) => Some(Protocol::HttpProtobuf),
            _ if !path.is_empty() => Some(Protocol::HttpProtobuf),
            _ => None,
        });
        let signal_path = if whole { base.path().to_owned() } else { format!("{path}/{}", signal.path) };
        // Without a path an address of the signal's own cannot be an HTTP endpoint; only gRPC asks for none.
        let signal_path = if whole && path.is_empty() { format!("/{}", signal.path) } else { signal_path };
        let at = |path: &str| {
            let mut parts = base.clone().into_parts();
            parts.path_and_query = path.parse().ok();
            Uri::from_parts(parts).map_err(|error| format!("{name} is no address: {text}: {error}"))
        };
        Ok(Places { protocol, grpc: at("/")?, http: at(&signal_path)? })
    }
}

struct Places {
    protocol: Option<Protocol>,
    grpc: Uri,
    http: Uri,
}

fn endpoint(name: &str, text: &str) -> Result<Uri, String> {
    let wrong = || format!("{name} is no address of a collector: {text}\n\ntry: http://localhost:4317 (or https://)");
    let uri = Uri::from_str(text).map_err(|_| wrong())?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        _ => Err(wrong()),
    }
}

/// `9464`, `:9464`, `127.0.0.1:9464`, `[::]:9464`; a port alone is served to this machine only.
fn listen(text: &str) -> Result<SocketAddr, String> {
    let alone = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = alone.parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| format!("--metrics-listen is no address: {text}\n\ntry: --metrics-listen 127.0.0.1:9464"))
}

/// `key1=value1,key2=value2`, as in W3C Baggage: values may be percent-encoded.
fn pairs(name: &str, text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("{name}: `{pair}` is no key=value"))?;
        if key.trim().is_empty() {
            return Err(format!("{name}: `{pair}` has no key"));
        }
        Ok((percent_decoded(key.trim()), percent_decoded(value.trim())))
    };
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(pair).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let byte = match tail {
            [high, low, ..] if *first == b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                digit(*high).zip(digit(*low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
            }
            _ => None,
        };
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn temporality(text: Option<&str>) -> Result<Temporality, String> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("cumulative") => Ok(Temporality::Cumulative),
        Some("delta") => Ok(Temporality::Delta),
        Some("lowmemory") => Ok(Temporality::LowMemory),
        Some(other) => Err(format!(
            "{}={other}: there are `cumulative`, `delta` and `lowmemory`",
            otlp::OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE
        )),
    }
}

const USUAL_GRPC: &str = "http://localhost:4317";
const USUAL_HTTP: &str = "http://localhost:4318";
/// The default of `OTEL_METRIC_EXPORT_INTERVAL`.
const INTERVAL: Duration = Duration::from_secs(60);
/// More than the SDKs' 2,048: a whole host is watched, not one program. About 16 MB.
const QUEUE: usize = 16_384;
/// The default of `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
const BATCH: usize = 512;
/// Less than the SDKs' 5 s: whoever watches wants to see.
const DELAY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
