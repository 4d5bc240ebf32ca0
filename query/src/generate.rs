//! Rows for tests and benches: every kind of record, with nulls, from a seed.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use protocols::event::{Address, ProcessNames, Source, Timestamp, Transport};
use protocols::record::{
    Common, Conn, ConnState, Dns, Ends, Grpc, Header, Http, Identity, ParentBy, Pgsql, Record, Role, Tls,
};

/// A stream of made-up rows that is the same for the same seed.
#[derive(Debug)]
pub struct Generator {
    state: u64,
    next_id: u64,
    names: Vec<Arc<ProcessNames>>,
    node: Arc<str>,
}

/// 2026-11-22T10:00:00Z, ns.
pub const START: u64 = 1_795_341_600_000_000_000;

impl Generator {
    /// Starts at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let process = |name: &str| {
            let name: Arc<str> = name.into();
            let exe: Arc<str> = format!("/usr/bin/{name}").into();
            let service = Some(name.clone());
            Arc::new(ProcessNames { process: Some(name), exe: Some(exe), service, ..ProcessNames::default() })
        };
        let names = ["shop", "nginx", "worker"].map(process).to_vec();
        Self { state: seed.wrapping_mul(2).wrapping_add(1), next_id: 1, names, node: "test".into() }
    }

    /// Its rows are of this machine.
    #[must_use]
    pub fn on(self, node: &str) -> Self {
        Self { node: node.into(), ..self }
    }

    /// A number below `bound` (xorshift64*).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let mixed = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        mixed.checked_rem(bound).unwrap_or(0)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len() as u64);
        from.get(usize::try_from(at).unwrap_or(0)).cloned()
    }

    fn text(&mut self, from: &[&str]) -> Option<String> {
        self.pick(from).map(str::to_owned)
    }

    fn latency(&mut self) -> Option<u64> {
        let scale = self.pick(&[1_000_000, 10_000_000, 400_000_000]).unwrap_or(1);
        (!self.chance(3)).then(|| self.below(scale).saturating_add(10_000))
    }

    fn ends(&mut self) -> Ends {
        let local = Ipv4Addr::new(10, 0, 0, 1);
        let remote = match self.below(4) {
            0 => Address::Ip(IpAddr::V6("fd00::7".parse().unwrap_or(std::net::Ipv6Addr::LOCALHOST))),
            1 => Address::Unix("/run/shop.sock".into()),
            2 => Address::Ip(Ipv4Addr::new(192, 168, 1, 9).into()),
            _ => Address::Ip(Ipv4Addr::new(10, 0, 0, 2).into()),
        };
        let ip = matches!(remote, Address::Ip(_));
        Ends {
            local_addr: Some(Address::Ip(local.into())),
            local_port: Some(8080),
            remote_port: ip.then(|| 30_000_u16.saturating_add(u16::try_from(self.below(20_000)).unwrap_or(0))),
            remote_addr: Some(remote),
            remote_name: self.chance(30).then(|| Arc::from("client.test")),
        }
    }

    fn common(&mut self, error: Option<bool>) -> Common {
        let id = self.next_id;
        self.next_id = id.saturating_add(1);
        let parent = (id > 1 && self.chance(40)).then(|| id.saturating_sub(self.below(id.min(9)).max(1)));
        Common {
            time: Timestamp(START.saturating_add(id.saturating_mul(1_000_000)).saturating_add(self.below(500_000))),
            latency: self.latency(),
            ttfb: self.latency(),
            id,
            parent,
            parent_by: parent.map(|_| ParentBy::Thread),
            twin: None,
            role: Some(if self.chance(70) { Role::Server } else { Role::Client }),
            identity: Identity {
                pid: Some(4242),
                names: self.pick(&self.names.clone()),
                node: Some(self.node.clone()),
            },
            ends: self.ends(),
            conn: self.below(50).saturating_add(1),
            tls: self.chance(20),
            source: Some(Source::Socket),
            trace_id: self.chance(50).then(|| format!("{:032x}", u128::from(self.state))),
            span_id: None,
            error,
            truncated: self.chance(2),
            gap: false,
            midstream: false,
        }
    }

    /// An `http` row.
    pub fn http(&mut self) -> Record {
        let status = (!self.chance(2)).then(|| self.pick(&[200, 200, 200, 201, 304, 404, 500, 503])).flatten();
        let path = self.text(&["/", "/cart", "/checkout", "/users/1", "/users/2", "/pay"]);
        let route = path.as_deref().map(|path| if path.starts_with("/users/") { "/users/{id}" } else { path });
        let header = |name: &str, value: &str| Header { name: Some(name.into()), value: Some(value.into()) };
        let tenant = self.text(&["acme", "globex", "initech"]);
        Record::Http(Box::new(Http {
            common: self.common(status.map(|status| status >= 500)),
            version: Some("1.1"),
            method: self.text(&["GET", "GET", "POST"]),
            scheme: Some("http".to_owned()),
            host: Some("shop.test".to_owned()),
            route: route.map(str::to_owned),
            path,
            query: self.chance(20).then(|| "q=1".to_owned()),
            status,
            req_type: None,
            resp_type: Some("application/json".to_owned()),
            user_agent: Some("curl/8.0".to_owned()),
            req_bytes: Some(0),
            resp_bytes: status.map(|_| self.below(1_000_000)),
            req_headers: Some(vec![
                header("host", "shop.test"),
                header("x-tenant", tenant.as_deref().unwrap_or("acme")),
                Header { name: Some("x-unknown".into()), value: None },
            ]),
            resp_headers: status.map(|_| vec![header("content-type", "application/json")]),
            resp_body: self.chance(50).then(|| br#"{"order":{"id":7},"ok":true}"#.to_vec()),
            ..Http::default()
        }))
    }

    /// A `grpc` row.
    pub fn grpc(&mut self) -> Record {
        let status = self.pick(&[(0, "OK"), (0, "OK"), (5, "NOT_FOUND"), (13, "INTERNAL")]);
        Record::Grpc(Box::new(Grpc {
            common: self.common(status.map(|(code, _)| code == 13)),
            rpc_service: Some("shop.Cart".to_owned()),
            method: self.text(&["Get", "Add"]),
            path: Some("/shop.Cart/Get".to_owned()),
            status: status.map(|(code, _)| code),
            status_name: status.map(|(_, name)| name.to_owned()),
            kind: Some("unary"),
            req_messages: Some(1),
            resp_messages: Some(1),
            ..Grpc::default()
        }))
    }

    /// A `pgsql` row.
    pub fn pgsql(&mut self) -> Record {
        let failed = self.chance(5);
        Record::Pgsql(Box::new(Pgsql {
            common: self.common(Some(failed)),
            operation: Some("SELECT".to_owned()),
            query: Some(format!("SELECT * FROM orders WHERE id = {}", self.below(1000))),
            shape: self.text(&["SELECT * FROM orders WHERE id = ?", "SELECT * FROM users WHERE name = ?"]),
            params: Some(vec![Some("7".to_owned()), None]),
            rows: Some(self.below(10)),
            tag: (!failed).then(|| "SELECT 1".to_owned()),
            sqlstate: failed.then(|| "23505".to_owned()),
            txn: Some("idle"),
            ..Pgsql::default()
        }))
    }

    /// A `dns` row.
    pub fn dns(&mut self) -> Record {
        let rcode = self.text(&["NOERROR", "NOERROR", "NXDOMAIN", "SERVFAIL"]);
        Record::Dns(Box::new(Dns {
            common: self.common(rcode.as_deref().map(|rcode| rcode == "SERVFAIL")),
            name: self.text(&["example.com", "shop.test", "."]),
            r#type: self.text(&["A", "AAAA"]),
            class: Some("IN".to_owned()),
            answers: Some(vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()]),
            answer_types: Some(vec!["A".to_owned(), "A".to_owned()]),
            rcode,
            ttl: Some(60),
            transport: Some(Transport::Udp),
            ..Dns::default()
        }))
    }

    /// A `tls` row.
    pub fn tls(&mut self) -> Record {
        let decrypted = self.chance(50);
        Record::Tls(Box::new(Tls {
            common: self.common(Some(false)),
            version: Some("1.3".to_owned()),
            sni: self.text(&["a.test", "b.test"]),
            cert_not_after: self
                .chance(60)
                .then(|| Timestamp(START.saturating_add(self.below(60).saturating_mul(86_400_000_000_000)))),
            decrypted,
            reason: (!decrypted).then(|| "no library found".to_owned()),
            ..Tls::default()
        }))
    }

    /// A `conns` row.
    pub fn conn(&mut self) -> Record {
        let common = self.common(None);
        let state = self.pick(&[ConnState::Open, ConnState::Closed]);
        Record::Conn(Box::new(Conn {
            time: common.time,
            conn: common.conn,
            identity: common.identity,
            ends: common.ends,
            transport: Some(Transport::Tcp),
            protocol: Some("http"),
            role: common.role,
            state,
            bytes_sent: self.below(1 << 30),
            bytes_received: self.below(1 << 30),
            requests: self.below(100),
            ..Conn::default()
        }))
    }

    /// A row of any table.
    pub fn any(&mut self) -> Record {
        match self.below(10) {
            0 => self.grpc(),
            1 | 2 => self.pgsql(),
            3 => self.dns(),
            4 => self.tls(),
            5 => self.conn(),
            _ => self.http(),
        }
    }
}
