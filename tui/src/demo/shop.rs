//! The shop itself. Every connection has a thread with its own connections to the database and the services behind.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use super::http::{Answer, Connection, Message, listen, serve as serve_http};
use super::rng::Rng;
use super::{Peers, dns, grpc, listens_on, pgsql};

/// Listens and serves.
pub(super) fn serve(seed: u64, peers: &Peers) -> io::Result<()> {
    let (listener, address) = listen(Ipv4Addr::LOCALHOST)?;
    let peers = Behind {
        database: peers.address("shop-db")?,
        resolver: peers.address("shop-dns")?,
        inventory: peers.address("inventory")?,
        payments: peers.address("payments")?,
    };
    listens_on(address)?;
    serve_http(&listener, |connection| {
        let mut counter =
            Counter { behind: peers, rng: Rng::new(seed, 1000 + connection), database: None, inventory: None };
        move |request| counter.serve(request)
    })
}

/// Where the services behind the shop are.
#[derive(Debug, Clone, Copy)]
struct Behind {
    database: SocketAddr,
    resolver: SocketAddr,
    inventory: SocketAddr,
    payments: SocketAddr,
}

/// What serves one connection.
struct Counter {
    behind: Behind,
    rng: Rng,
    database: Option<pgsql::Client>,
    inventory: Option<grpc::Client>,
}

impl Counter {
    fn serve(&mut self, request: &Message) -> Answer {
        let path = request.word(1).split('?').next().unwrap_or_default().to_owned();
        let served = match path.as_str() {
            "/" => self.home(),
            "/health" => Ok(Answer { status: 200, media: "text/plain", body: "ok\n".to_owned() }),
            "/cart" => self.cart(),
            "/checkout" => self.checkout(),
            "/pay" => self.pay(request),
            path => match path.strip_prefix("/products/") {
                Some(product) => self.product(product),
                None => Ok(Answer::json(404, r#"{"error":"no such page"}"#)),
            },
        };
        served.unwrap_or_else(|error| {
            // A broken connection behind the shop is made anew for the next request.
            self.database = None;
            self.inventory = None;
            Answer::json(500, format!(r#"{{"error":"{error}"}}"#))
        })
    }

    fn home(&mut self) -> io::Result<Answer> {
        self.sql("SELECT id, name, price FROM products WHERE featured ORDER BY rank LIMIT $1", &["12"])?;
        self.rng.pause(1);
        let body = "<!doctype html><title>Shop</title><h1>Twelve things that you do not need</h1>".to_owned();
        Ok(Answer { status: 200, media: "text/html", body })
    }

    fn product(&mut self, product: &str) -> io::Result<Answer> {
        self.sql("SELECT id, name, price, stock FROM products WHERE id = $1", &[product])?;
        if product.parse::<u64>().is_ok_and(|id| id > 60) {
            return Ok(Answer::json(404, format!(r#"{{"error":"no product {product}"}}"#)));
        }
        Ok(Answer::json(200, format!(r#"{{"id":{product},"name":"Thing {product}","price":{product}99}}"#)))
    }

    fn cart(&mut self) -> io::Result<Answer> {
        self.sql(
            "SELECT i.product, i.count FROM cart_items i JOIN carts c ON c.id = i.cart WHERE c.customer = $1",
            &["7"],
        )?;
        Ok(Answer::json(200, r#"{"items":[{"product":3,"count":1},{"product":17,"count":2}]}"#))
    }

    /// Slow: one query for every item where one for all would do.
    fn checkout(&mut self) -> io::Result<Answer> {
        self.simple("BEGIN")?;
        let items = 12 + self.rng.below(14);
        self.sql("SELECT product, count FROM cart_items WHERE cart = $1", &["7"])?;
        for item in 0..items {
            self.sql("SELECT stock, price FROM products WHERE id = $1", &[&(item * 5 % 60 + 1).to_string()])?;
        }
        let reserved = self.reserve(items)?;
        let order = self.rng.below(1_000_000).to_string();
        let stored = self.sql("INSERT INTO orders (id, cart, total) VALUES ($1, $2, $3)", &[&order, "7", "4990"])?;
        if !stored || !reserved {
            self.simple("ROLLBACK")?;
            return Ok(Answer::json(409, r#"{"error":"please try again"}"#));
        }
        self.simple("COMMIT")?;
        Ok(Answer::json(201, format!(r#"{{"order":{order},"items":{items}}}"#)))
    }

    fn pay(&mut self, request: &Message) -> io::Result<Answer> {
        dns::resolve(self.behind.resolver, PAYMENTS, &mut self.rng)?;
        let mut payments = Connection::open(self.behind.payments)?;
        let trace = request.header("traceparent").unwrap_or_default().to_owned();
        let headers = [
            ("Host", PAYMENTS),
            ("User-Agent", "shop/1.0"),
            ("Authorization", "Bearer sk_demo_4eC39HqLyjWDarjtT1zdp7dc"),
            ("traceparent", trace.as_str()),
        ];
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let charged = payments.ask("POST", "/charge", &headers, &body)?;
        if charged.status() >= 500 {
            return Ok(Answer::json(503, r#"{"error":"payment is not possible at the moment"}"#));
        }
        self.sql("UPDATE orders SET paid = now() WHERE cart = $1", &["7"])?;
        Ok(Answer::json(200, String::from_utf8_lossy(&charged.body)))
    }

    fn reserve(&mut self, items: u64) -> io::Result<bool> {
        let client = match &mut self.inventory {
            Some(client) => client,
            none => none.insert(grpc::Client::open(self.behind.inventory)?),
        };
        client.call("/shop.Inventory/Reserve", items).map(|status| status == 0)
    }

    /// A statement with parameters; false when the database refused it.
    fn sql(&mut self, text: &str, params: &[&str]) -> io::Result<bool> {
        self.database()?.execute(text, params)
    }

    fn simple(&mut self, text: &str) -> io::Result<bool> {
        self.database()?.simple(text)
    }

    fn database(&mut self) -> io::Result<&mut pgsql::Client> {
        match &mut self.database {
            Some(database) => Ok(database),
            none => Ok(none.insert(pgsql::Client::open(self.behind.database)?)),
        }
    }
}

/// The name of the service that charges cards.
const PAYMENTS: &str = "payments.shop.example";
