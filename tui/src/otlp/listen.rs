//! `--metrics-listen`: the metrics as Prometheus text, over HTTP/1.
//!
//! One kind of request and one kind of answer: no more of HTTP than that is spoken here.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::metrics::Saying;
use super::tap::Shared;
use crate::output;

/// Takes the address.
///
/// # Errors
/// When it is in use, or not this machine's.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let wrong = |error: std::io::Error| format!("--metrics-listen {address}: {}", crate::failure::reason(&error));
    let listener = TcpListener::bind(address).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    output::note(&format!("metrics are served at http://{address}/metrics"));
    Ok(listener)
}

/// Answers for as long as it is let.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, saying: Saying) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptors left, for instance: the next moment may be better.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (shared, saying) = (Arc::clone(&shared), saying.clone());
        tokio::spawn(async move {
            let _slow_or_gone = tokio::time::timeout(LONGEST, answer(stream, &shared, &saying)).await;
            drop(slot);
        });
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared, saying: &Saying) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).await?;
        if read == 0 || head.len() > LARGEST_HEAD {
            return Ok(());
        }
        head.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    let line = String::from_utf8_lossy(&head);
    let mut words = line.split([' ', '\r']);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => ("200 OK", text(shared, saying)),
        (_, "/metrics") => ("405 Method Not Allowed", String::new()),
        _ => ("404 Not Found", "see /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}

fn text(shared: &Shared, saying: &Saying) -> String {
    shared.metrics.lock().map(|metrics| metrics.prometheus(saying)).unwrap_or_default()
}

/// Requests answered at a time.
const AT_ONCE: usize = 8;
/// How long one may take.
const LONGEST: Duration = Duration::from_secs(10);
const LARGEST_HEAD: usize = 16 * 1024;
