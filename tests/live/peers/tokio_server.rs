//! The test service on hyper and tokio: `tokio-server PORT`. Writes `METHOD TARGET STATUS` for every answer.
#![expect(clippy::print_stdout, reason = "its output is the truth that a test compares with")]

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = hyper::service::service_fn(answer);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (method, target) = (request.method().clone(), request.uri().to_string());
    let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
    let (status, body) = match target.as_str() {
        target if target.starts_with("/fail") => (500, "boom\n".to_owned()),
        _ if method == Method::POST => (200, format!("{length}\n")),
        _ => (200, "hello\n".to_owned()),
    };
    println!("{method} {target} {status}");
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    Ok(response)
}
