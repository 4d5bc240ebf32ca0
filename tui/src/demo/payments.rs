//! The service that charges cards, and fails one time in ten.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::http::{Answer, listen, serve as serve_http};
use super::rng::Rng;
use super::{PAYMENTS, listens_on};

/// Listens and serves.
pub(super) fn serve(seed: u64) -> io::Result<()> {
    let (listener, address) = listen(PAYMENTS)?;
    listens_on(address)?;
    let charges = Arc::new(AtomicU64::new(seed % 10));
    serve_http(&listener, |connection| {
        let charges = Arc::clone(&charges);
        let mut rng = Rng::new(seed, 400 + connection);
        move |_request| {
            rng.pause(4);
            let number = charges.fetch_add(1, Ordering::Relaxed);
            if number % 10 == 4 {
                rng.pause(25);
                return Answer::json(503, r#"{"error":"the bank does not answer","retry":true}"#);
            }
            Answer::json(201, format!(r#"{{"charge":"ch_{number:06}","status":"paid"}}"#))
        }
    })
}
