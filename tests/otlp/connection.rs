//! How the collector is spoken to: TLS, headers, compression; and Prometheus text for those who ask.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::collector::{Collector, Transport};
use crate::program::explore;
use crate::workload::{GRPC, HTTP1, export};

#[test]
fn headers_and_compression_of_the_environment_are_used() {
    for (transport, encoding) in [(Transport::Grpc, "grpc-encoding"), (Transport::Http, "content-encoding")] {
        let environment = [
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,x-tenant=acme"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-tenant=metrics"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", if transport == Transport::Grpc { "grpc" } else { "http/protobuf" }),
        ];
        let received = export(transport, GRPC, &[], &environment);
        assert!(!received.spans().is_empty() && !received.metrics.is_empty());
        let (metrics, traces): (Vec<_>, Vec<_>) =
            received.heads.iter().partition(|head| head.get("x-tenant").is_some_and(|tenant| tenant == "metrics"));
        assert!(
            !metrics.is_empty()
                && traces.iter().all(|head| head["authorization"] == "Bearer abc" && head["x-tenant"] == "acme")
        );
        assert!(received.heads.iter().all(|head| head[encoding] == "gzip"));
        assert!(received.heads.iter().all(|head| head["user-agent"].to_str().unwrap().starts_with("explore/")));
    }
}

/// An authority, and what it signed, made by openssl.
struct Papers(tempfile::TempDir);

impl Papers {
    fn new() -> Self {
        let papers = Self(tempfile::tempdir().unwrap());
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        let made = |name: &str, more: &[&str]| {
            let (certificate, secret) = (papers.path(&format!("{name}.pem")), papers.path(&format!("{name}.key")));
            let mut command = Command::new("openssl");
            command.args(["req", "-x509"]).args(key).arg("-out").arg(certificate).arg("-keyout").arg(secret).args(more);
            assert!(command.stderr(Stdio::null()).status().unwrap().success(), "openssl makes {name}");
        };
        made("ca", &["-subj", "/CN=test authority"]);
        let (ca, ca_key) = (papers.path("ca.pem"), papers.path("ca.key"));
        let signed = [
            "-CA",
            ca.to_str().unwrap(),
            "-CAkey",
            ca_key.to_str().unwrap(),
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ];
        made("server", &[&signed[..], &["-subj", "/CN=collector", "-addext", "subjectAltName=IP:127.0.0.1"]].concat());
        made("client", &[&signed[..], &["-subj", "/CN=explore"]].concat());
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(self.path(name)).unwrap().map(Result::unwrap).collect()
    }

    /// A server that asks for a client's certificate.
    fn server(&self) -> ServerConfig {
        let mut roots = RootCertStore::empty();
        self.chain("ca.pem").into_iter().for_each(|certificate| roots.add(certificate).unwrap());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path("server.key")).unwrap();
        builder.with_client_cert_verifier(verifier).with_single_cert(self.chain("server.pem"), key).unwrap()
    }
}

/// Exports to a secure collector; returns how many spans came, and stderr.
fn securely(transport: Transport, papers: &Papers, trusted: &Path, shown: bool) -> (usize, String) {
    let collector = Collector::start_secure(transport, papers.server());
    let mut command = explore(&["--read", GRPC, "--otlp", &format!("https://{}", collector.address)]);
    command
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", if transport == Transport::Grpc { "grpc" } else { "http/protobuf" })
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
        .env("OTEL_EXPORTER_OTLP_CERTIFICATE", trusted);
    if shown {
        command.env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", papers.path("client.pem"));
        command.env("OTEL_EXPORTER_OTLP_CLIENT_KEY", papers.path("client.key"));
    }
    let ended = command.output().unwrap();
    (collector.received().spans().len(), String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn tls_with_both_sides_certificates_and_none_without() {
    let (papers, others) = (Papers::new(), Papers::new());
    for transport in [Transport::Grpc, Transport::Http] {
        let (spans, stderr) = securely(transport, &papers, &papers.path("ca.pem"), true);
        assert!(spans > 0 && !stderr.contains("lost.otlp"), "{transport:?} {stderr}");
        let (spans, stderr) = securely(transport, &papers, &others.path("ca.pem"), true);
        assert!(spans == 0 && stderr.contains("lost.otlp_unreachable"), "an authority that is not trusted: {stderr}");
        let (spans, stderr) = securely(transport, &papers, &papers.path("ca.pem"), false);
        assert!(spans == 0 && stderr.contains("lost.otlp_unreachable"), "no certificate shown: {stderr}");
    }
}

/// One request; the answer's head and body.
fn get(address: &str, target: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn prometheus_text_counts_what_the_log_counts() {
    // A pipe that stays open: the run goes on while it is asked.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut child = explore(&["--read", "-", "--metrics-listen", "127.0.0.1:0"])
        .stdin(reader)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
    let address =
        line.trim().strip_prefix("explore: metrics are served at http://").unwrap().strip_suffix("/metrics").unwrap();
    let plain = Command::new("xz").args(["-dc", HTTP1]).output().unwrap().stdout;
    writer.write_all(&plain).unwrap();
    // 204 is one line of nginx's log: the pipe has been read far enough when it counts.
    let began = Instant::now();
    let text = loop {
        let (head, body) = get(address, "/metrics");
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/plain; version=0.0.4"), "{head}");
        if body.contains("http_response_status_code=\"204\"") && body.contains("http_response_status_code=\"503\"") {
            break body;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{body}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    let series = |prefix: &str| text.lines().filter(|line| line.starts_with(prefix)).collect::<Vec<_>>();
    let counts = series("http_server_request_duration_seconds_count{");
    let of_503: Vec<_> =
        counts.iter().filter(|line| line.contains("status_code=\"503\"")).map(|line| value(line)).collect();
    assert_eq!(of_503, [1.0]);
    // The last bucket of each series holds all of it, and the boundaries are those of the conventions.
    let all: f64 = counts.iter().map(|line| value(line)).sum();
    let infinite: f64 = series("http_server_request_duration_seconds_bucket{")
        .iter()
        .filter(|line| line.contains("le=\"+Inf\""))
        .map(|line| value(line))
        .sum();
    assert!((all - infinite).abs() < 0.5);
    assert!(text.contains(",le=\"0.005\"}") && text.contains(",le=\"7.5\"}"));
    for line in [
        "# TYPE http_server_request_duration_seconds histogram",
        "# TYPE http_server_response_body_size_bytes histogram",
        "# TYPE explore_events_total counter",
        "# TYPE process_memory_usage_bytes gauge",
        "# TYPE target_info gauge",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    assert!(text.contains("process_cpu_time_seconds_total{") && text.contains("cpu_mode=\"user\""));
    assert_eq!(get(address, "/other").0.lines().next(), Some("HTTP/1.1 404 Not Found"));
    drop(writer);
    assert!(child.wait().unwrap().success());
}
