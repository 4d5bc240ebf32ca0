//! Options and variables, as the specification of the exporters has them.

use super::*;

fn read(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Settings, String> {
    let asked = Asked { endpoint: Some(endpoint.unwrap_or_default().to_owned()), ..Asked::default() };
    let lookup = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    Settings::read(&asked, &lookup).map(Option::unwrap)
}

/// Where spans and metrics go: protocol and address.
#[track_caller]
fn check(endpoint: Option<&str>, variables: &[(&str, &str)], expect: [(Option<Protocol>, &str); 2]) {
    let settings = read(endpoint, variables).unwrap();
    let place = |target: Option<Target>| {
        let target = target.unwrap();
        let uri = if target.protocol == Some(Protocol::HttpProtobuf) { target.http } else { target.grpc };
        (target.protocol, uri.to_string())
    };
    let expect = expect.map(|(protocol, uri)| (protocol, uri.to_owned()));
    assert_eq!([place(settings.traces), place(settings.metrics)], expect);
}

const GRPC: Option<Protocol> = Some(Protocol::Grpc);
const HTTP: Option<Protocol> = Some(Protocol::HttpProtobuf);

#[test]
fn addresses_and_protocols() {
    check(None, &[], [(GRPC, "http://localhost:4317/"), (GRPC, "http://localhost:4317/")]);
    check(
        None,
        &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")],
        [(HTTP, "http://localhost:4318/v1/traces"), (HTTP, "http://localhost:4318/v1/metrics")],
    );
    check(
        Some("https://c:4318/"),
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4317")],
        [(HTTP, "https://c:4318/v1/traces"), (HTTP, "https://c:4318/v1/metrics")],
    );
    check(Some("http://c:9000"), &[], [(None, "http://c:9000/"), (None, "http://c:9000/")]);
    check(
        None,
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/base/"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/own")],
        [(HTTP, "http://t/own"), (HTTP, "http://c/base/v1/metrics")],
    );
    check(
        None,
        &[("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:7")],
        [(None, "http://c:7/"), (HTTP, "http://c:7/v1/metrics")],
    );
}

#[test]
fn everything_else_of_the_environment() {
    let settings = read(
        None,
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20x, a=b"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team=a%2Cb,k8s.node.name=n"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "LowMemory"),
            ("OTEL_SERVICE_NAME", ""),
        ],
    )
    .unwrap();
    let (traces, metrics) = (settings.traces.unwrap(), settings.metrics.unwrap());
    assert_eq!((traces.timeout.as_millis(), metrics.timeout.as_millis()), (100, 2500));
    assert_eq!((traces.gzip, metrics.gzip), (true, false));
    assert_eq!(traces.headers[0].0, "authorization");
    assert_eq!(traces.headers[0].1, "Bearer x");
    assert!(format!("{traces:?}").contains("Sensitive"), "a secret is not printed");
    assert_eq!(settings.attributes[0], ("team".to_owned(), "a,b".to_owned()));
    assert_eq!((settings.interval.as_secs(), settings.temporality), (1, Temporality::LowMemory));
    assert_eq!(settings.own_name, None);
    assert!(read(None, &[("OTEL_METRICS_EXPORTER", "none")]).unwrap().metrics.is_none());
}

#[test]
fn what_is_wrong_is_named() {
    for (endpoint, variable, value, expect) in [
        (Some("localhost:4317"), "", "", "--otlp is no address"),
        (None, "OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x", "OTEL_EXPORTER_OTLP_ENDPOINT is no address"),
        (None, "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "`grpc` and `http/protobuf`"),
        (None, "OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "`gzip` or `none`"),
        (None, "OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "OTEL_EXPORTER_OTLP_TIMEOUT=soon is no number above 0"),
        (None, "OTEL_EXPORTER_OTLP_HEADERS", "nothing", "`nothing` is no key=value"),
        (None, "OTEL_EXPORTER_OTLP_CLIENT_KEY", "k.pem", "go together"),
        (None, "OTEL_TRACES_EXPORTER", "zipkin", "`otlp` or `none`"),
    ] {
        let error = read(endpoint, &[(variable, value)]).unwrap_err();
        assert!(error.contains(expect), "{error}");
    }
    let asked = Asked { listen: Some("somewhere".to_owned()), ..Asked::default() };
    assert!(Settings::read(&asked, &|_| None).unwrap_err().contains("try: --metrics-listen 127.0.0.1:9464"));
}

#[test]
fn a_port_alone_is_served_to_this_machine_only() {
    for (text, expect) in [
        ("9464", "127.0.0.1:9464"),
        (":9464", "127.0.0.1:9464"),
        ("localhost:1", "127.0.0.1:1"),
        ("0.0.0.0:2", "0.0.0.0:2"),
        ("[::]:3", "[::]:3"),
    ] {
        assert_eq!(listen(text).unwrap().to_string(), expect);
    }
}
