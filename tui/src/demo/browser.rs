//! The customers: a few that keep their connections, and one that opens a new one every time.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::Receiver;

use super::http::{Connection, listen};
use super::rng::Rng;
use super::{Peers, listens_on};

/// Waits for `go`, then shops until the process ends.
pub(super) fn drive(seed: u64, peers: &Peers, go: &Receiver<()>) -> io::Result<()> {
    let shop = peers.address("shop")?;
    // Nobody connects to it; every part says a port.
    let (_listener, address) = listen(Ipv4Addr::LOCALHOST)?;
    listens_on(address)?;
    go.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
    for customer in 1..=KEEPING {
        std::thread::spawn(move || shop_on(shop, Rng::new(seed, customer), customer));
    }
    probe(shop, Rng::new(seed, 99))
}

/// One customer on one connection after the other.
fn shop_on(shop: SocketAddr, mut rng: Rng, customer: u64) {
    loop {
        if let Ok(mut connection) = Connection::open(shop) {
            while visit(&mut connection, &mut rng, customer).is_ok() {}
        }
        rng.pause(100);
    }
}

/// What one visit does: look around, fill the cart, check out, pay.
fn visit(connection: &mut Connection, rng: &mut Rng, customer: u64) -> io::Result<()> {
    get(connection, rng, customer, "/")?;
    rng.pause(20);
    for _ in 0..=rng.below(3) {
        let product = 1 + rng.below(64);
        get(connection, rng, customer, &format!("/products/{product}?ref=home"))?;
        rng.pause(30);
    }
    get(connection, rng, customer, "/cart")?;
    rng.pause(20);
    let body = format!(r#"{{"cart":{customer},"coupon":null,"ship_to":{{"city":"Delft","zip":"2611"}}}}"#);
    ask(connection, rng, customer, "POST", "/checkout", &body)?;
    rng.pause(10);
    let amount = 10 + rng.below(9000);
    let body = format!(r#"{{"cart":{customer},"amount":{amount},"currency":"EUR"}}"#);
    ask(connection, rng, customer, "POST", "/pay", &body)?;
    rng.pause(30);
    Ok(())
}

fn get(connection: &mut Connection, rng: &mut Rng, customer: u64, target: &str) -> io::Result<()> {
    ask(connection, rng, customer, "GET", target, "")
}

fn ask(
    connection: &mut Connection,
    rng: &mut Rng,
    customer: u64,
    method: &str,
    target: &str,
    body: &str,
) -> io::Result<()> {
    let trace = format!("00-{:016x}{:016x}-{:016x}-01", rng.next(), rng.next(), rng.next());
    let cookie = format!("sid=c{customer}a7f03be4419d2{customer}; theme=dark");
    let headers = [
        ("Host", "shop.example"),
        ("User-Agent", "browser/1.0"),
        ("Accept", "application/json"),
        ("Cookie", cookie.as_str()),
        ("traceparent", trace.as_str()),
    ];
    connection.ask(method, target, &headers, body)?;
    Ok(())
}

/// A health check that has not heard of keep-alive.
fn probe(shop: SocketAddr, mut rng: Rng) -> io::Result<()> {
    loop {
        let mut connection = Connection::open(shop)?;
        connection.ask("GET", "/health", &[("Host", "shop.example"), ("User-Agent", "probe/0.3")], "")?;
        drop(connection);
        rng.pause(200);
    }
}

/// Customers that keep their connections.
const KEEPING: u64 = 4;
