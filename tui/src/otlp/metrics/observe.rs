//! What an exchange adds to which histograms, under which attributes.

use opentelemetry_semantic_conventions::attribute;
use protocols::record::{Common, Record, Role};

use super::super::attributes::Attributes;
use super::super::span::{self, Rules};
use super::Instrument;

/// What one exchange says.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) values: Vec<(Instrument, f64)>,
    pub(super) attributes: Attributes,
    /// Becomes an attribute once it is known whether it has a series of its own.
    pub(super) dns_name: Option<String>,
}

/// Null for what no histogram is about, and for exchanges without an end.
pub(super) fn observe(record: &Record, rules: &Rules) -> Option<Observed> {
    let (_, common) = record.exchange()?;
    let seconds = seconds(common.latency?);
    let server = span::is_server(common);
    let mut attributes = Attributes::default();
    let error = (common.error == Some(true)).then(|| span::error_type(record));
    let mut dns_name = None;
    let values = match record {
        Record::Http(row) => {
            span::method(row, &mut attributes);
            span::route(row, server, rules, &mut attributes);
            attributes.integer(attribute::HTTP_RESPONSE_STATUS_CODE, row.status);
            attributes.text(attribute::NETWORK_PROTOCOL_VERSION, row.version);
            attributes.text(attribute::URL_SCHEME, Some(span::scheme(row)));
            if server {
                let size = |instrument, bytes: Option<u64>| bytes.map(|bytes| (instrument, float(bytes)));
                let sizes = [
                    size(Instrument::HttpServerRequestSize, row.req_bytes),
                    size(Instrument::HttpServerResponseSize, row.resp_bytes),
                ];
                let duration = Some((Instrument::HttpServerDuration, seconds));
                sizes.into_iter().chain([duration]).flatten().collect()
            } else {
                server_place(row.host.as_deref(), common, &mut attributes);
                vec![(Instrument::HttpClientDuration, seconds)]
            }
        }
        Record::Grpc(row) => {
            span::rpc(row, &mut attributes);
            if server {
                vec![(Instrument::RpcServerDuration, seconds)]
            } else {
                server_place(row.host.as_deref(), common, &mut attributes);
                vec![(Instrument::RpcClientDuration, seconds)]
            }
        }
        Record::Pgsql(row) if !server => {
            span::database(row, &mut attributes);
            server_place(None, common, &mut attributes);
            vec![(Instrument::DatabaseDuration, seconds)]
        }
        // As with spans: in a capture there is only this row of the question.
        Record::Dns(row) if common.role != Some(Role::Server) => {
            dns_name = row.name.clone();
            vec![(Instrument::DnsDuration, seconds)]
        }
        Record::Pgsql(_) | Record::Dns(_) | Record::Tls(_) | Record::Conn(_) => return None,
    };
    attributes.text(attribute::ERROR_TYPE, error);
    Some(Observed { values, attributes, dns_name })
}

fn server_place(host: Option<&str>, common: &Common, attributes: &mut Attributes) {
    let (address, port) = span::place(host, common);
    attributes.text(attribute::SERVER_ADDRESS, address);
    attributes.integer(attribute::SERVER_PORT, port);
}

fn seconds(ns: u64) -> f64 {
    float(ns) / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "a histogram needs no more than 53 bits")]
fn float(number: u64) -> f64 {
    number as f64
}
