//! A collector that keeps what it is sent: the protocol's own services in Rust, over both transports on one port.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service;

use super::received::Received;

/// Which transport it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Grpc,
    Http,
}

/// A port of this machine that is free.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// How it misbehaves; changed while it runs.
#[derive(Debug, Default)]
pub(crate) struct Mood {
    /// Answers with an error that is worth another attempt.
    pub(crate) unavailable: AtomicBool,
    /// Answers with one that is not.
    pub(crate) refuses: AtomicBool,
    /// Takes a request and never answers.
    pub(crate) hangs: AtomicBool,
    /// Milliseconds that an answer takes.
    pub(crate) slow: AtomicU64,
    /// Spans of each request that it says it did not take.
    pub(crate) rejects: AtomicU64,
}

/// A collector in a thread of its own. Dropping it closes its port and all connections.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    pub(crate) mood: Arc<Mood>,
    received: Arc<Mutex<Received>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Clone)]
struct Desk {
    mood: Arc<Mood>,
    received: Arc<Mutex<Received>>,
}

impl Collector {
    pub(crate) fn start(transport: Transport) -> Self {
        Self::start_at(transport, ANY)
    }

    /// One that is spoken to by TLS.
    pub(crate) fn start_secure(transport: Transport, mut config: rustls::ServerConfig) -> Self {
        let alpn: &[u8] = if transport == Transport::Grpc { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![alpn.to_vec()];
        Self::start_with(transport, ANY, Some(TlsAcceptor::from(Arc::new(config))))
    }

    /// At a certain address: after another one was stopped there.
    pub(crate) fn start_at(transport: Transport, address: SocketAddr) -> Self {
        Self::start_with(transport, address, None)
    }

    fn start_with(transport: Transport, address: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = bind(address);
        let address = listener.local_addr().unwrap();
        let desk = Desk { mood: Arc::default(), received: Arc::default() };
        let (mood, received) = (Arc::clone(&desk.mood), Arc::clone(&desk.received));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, transport, tls, desk) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, mood, received, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has come so far.
    pub(crate) fn received(&self) -> Received {
        self.received.lock().unwrap().clone()
    }

    /// Waits until what has come is enough.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, enough: impl Fn(&Received) -> bool) -> Received {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            let received = self.received();
            if enough(&received) {
                return received;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let received = self.received();
        panic!("never came: {what}; {} spans in {} requests did", received.spans().len(), received.requests);
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A port that was just left may still have connections that are going away.
fn bind(address: SocketAddr) -> std::net::TcpListener {
    let began = Instant::now();
    loop {
        match std::net::TcpListener::bind(address) {
            Ok(listener) => {
                listener.set_nonblocking(true).unwrap();
                return listener;
            }
            Err(error) if began.elapsed() > Duration::from_secs(20) => panic!("{address}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

async fn serve(listener: std::net::TcpListener, transport: Transport, tls: Option<TlsAcceptor>, desk: Desk) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let (desk, tls) = (desk.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => speak(stream, transport, desk).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        speak(stream, transport, desk).await;
                    }
                }
            }
        });
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, transport: Transport, desk: Desk) {
    match transport {
        Transport::Grpc => grpc(stream, desk).await,
        Transport::Http => http(stream, desk).await,
    }
}

async fn grpc(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, desk: Desk) {
    let traces = TraceServiceServer::new(desk.clone()).accept_compressed(CompressionEncoding::Gzip);
    let metrics = MetricsServiceServer::new(desk.clone()).accept_compressed(CompressionEncoding::Gzip);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (mut traces, mut metrics) = (traces.clone(), metrics.clone());
        desk.received.lock().unwrap().heads.push(request.headers().clone());
        async move {
            match request.uri().path().contains("TraceService") {
                true => traces.call(request).await,
                false => metrics.call(request).await,
            }
        }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _gone = connection.serve_connection(TokioIo::new(stream), service).await;
}

#[tonic::async_trait]
impl TraceService for Desk {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.mood().await?;
        Ok(tonic::Response::new(self.traces(request.into_inner())))
    }
}

#[tonic::async_trait]
impl MetricsService for Desk {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        self.mood().await?;
        self.received.lock().unwrap().metrics.push(request.into_inner());
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl Desk {
    async fn mood(&self) -> Result<(), tonic::Status> {
        self.received.lock().unwrap().requests += 1;
        if self.mood.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(self.mood.slow.load(Ordering::Relaxed))).await;
        if self.mood.unavailable.load(Ordering::Relaxed) {
            return Err(tonic::Status::unavailable("busy"));
        }
        if self.mood.refuses.load(Ordering::Relaxed) {
            return Err(tonic::Status::permission_denied("not you"));
        }
        Ok(())
    }

    fn traces(&self, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse {
        self.received.lock().unwrap().traces.push(request);
        let rejected = self.mood.rejects.load(Ordering::Relaxed) as i64;
        let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: "too odd".to_owned() };
        ExportTraceServiceResponse { partial_success: (rejected > 0).then_some(partial) }
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, desk: Desk) {
    let service = service_fn(move |request| answer(request, desk.clone()));
    let _gone = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: hyper::Request<Incoming>, desk: Desk) -> Result<hyper::Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let mut body = body.collect().await?.to_bytes();
    let plain = |status: u16| hyper::Response::builder().status(status);
    desk.received.lock().unwrap().heads.push(head.headers.clone());
    if let Err(status) = desk.mood().await {
        let status = if status.code() == tonic::Code::Unavailable { 503 } else { 403 };
        return Ok(plain(status).header("retry-after", "1").body(Full::default()).unwrap());
    }
    assert_eq!(head.headers["content-type"], "application/x-protobuf");
    if head.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body.as_ref()), &mut bytes).unwrap();
        body = bytes.into();
    }
    let answer = match head.uri.path() {
        "/v1/traces" => desk.traces(ExportTraceServiceRequest::decode(body).unwrap()).encode_to_vec(),
        "/v1/metrics" => {
            desk.received.lock().unwrap().metrics.push(ExportMetricsServiceRequest::decode(body).unwrap());
            ExportMetricsServiceResponse::default().encode_to_vec()
        }
        _ => return Ok(plain(404).body(Full::default()).unwrap()),
    };
    Ok(plain(200).header("content-type", "application/x-protobuf").body(Full::from(answer)).unwrap())
}
