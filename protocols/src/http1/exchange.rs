//! One exchange while its two halves are being read.

use super::body::Body;
use super::head;
use super::target::{RequestLine, StatusLine};
use crate::event::Timestamp;
use crate::record::{Header, Http, Record};
use crate::session::{Exchange, Timing};
use crate::tracker::Config;
use crate::{content, grpc};

/// What a pending exchange takes beside its strings, roughly.
const ENTRY_BYTES: usize = 1024;

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: u64,
    pub(super) http: Http,
    pub(super) timing: Timing,
    pub(super) request_done: bool,
    pub(super) response_done: bool,
    /// The final response's head has come.
    pub(super) answered: bool,
    /// Requests before it may have gone by unseen: a response that came earlier is theirs.
    pub(super) after_missed: bool,
    /// The request was seen.
    pub(super) asked: bool,
    /// HTTP/0.9: the response has no head.
    pub(super) simple: bool,
    /// `Expect: 100-continue`: the body may never be sent.
    pub(super) expects_continue: bool,
    /// Protocols that the client offers to change to.
    pub(super) upgrade: Option<String>,
    pub(super) weight: usize,
    /// Messages of request and response, if they are gRPC-Web.
    web: [Option<Box<grpc::web::Body>>; 2],
}

impl Pending {
    pub(super) fn new(id: u64, start: Timestamp) -> Self {
        Self {
            id,
            http: Http::default(),
            timing: Timing { request_start: start, ..Timing::default() },
            request_done: false,
            response_done: false,
            answered: false,
            after_missed: false,
            asked: true,
            simple: false,
            expects_continue: false,
            upgrade: None,
            weight: ENTRY_BYTES,
            web: [None, None],
        }
    }

    pub(super) fn is_connect(&self) -> bool {
        self.http.method.as_deref() == Some("CONNECT")
    }

    pub(super) fn take_request(&mut self, line: RequestLine, headers: Vec<Header>, secure: bool) {
        let http = &mut self.http;
        let connect = line.method == "CONNECT";
        http.method = Some(line.method);
        // An answer that came first may have told it.
        http.version = line.version.or(http.version.take());
        // RFC 9112, 3.2.2: the target's authority overrides the Host field.
        http.host = line.target.authority.or_else(|| head::value(&headers, "host").map(str::to_owned));
        let observed = if secure { "https" } else { "http" };
        http.scheme = line.target.scheme.or_else(|| (!connect).then(|| observed.to_owned()));
        http.path = line.target.path;
        http.query = line.target.query;
        http.req_type = media_type(&headers);
        http.user_agent = head::value(&headers, "user-agent").map(str::to_owned);
        self.expects_continue = head::lists(&headers, "expect", "100-continue");
        self.upgrade = head::lists(&headers, "connection", "upgrade")
            .then(|| head::value(&headers, "upgrade").map(str::to_owned))
            .flatten();
        self.http.req_headers = Some(headers);
    }

    pub(super) fn take_response(&mut self, line: StatusLine, headers: Vec<Header>) {
        let http = &mut self.http;
        http.version = http.version.or(Some(line.version));
        http.status = Some(line.status);
        http.reason = line.reason;
        http.resp_type = media_type(&headers);
        http.resp_headers = Some(headers);
        self.answered = true;
    }

    pub(super) fn take_request_body(&mut self, mut body: Body) {
        self.web[0] = body.web.take();
        self.http.common.truncated |= body.cut;
        self.http.common.gap |= body.lost;
        self.http.req_bytes = body.length;
        self.weight = self.weight.saturating_add(body.kept.len());
        self.http.req_body = (!body.kept.is_empty()).then_some(body.kept);
    }

    pub(super) fn take_response_body(&mut self, mut body: Body) {
        self.web[1] = body.web.take();
        self.http.common.truncated |= body.cut;
        self.http.common.gap |= body.lost;
        self.http.resp_bytes = body.length;
        self.weight = self.weight.saturating_add(body.kept.len());
        self.http.resp_body = (!body.kept.is_empty()).then_some(body.kept);
    }

    pub(super) fn into_exchange(mut self, cut_short: bool, config: &Config) -> Exchange {
        let http = &mut self.http;
        for (body, headers) in [(&mut http.req_body, &http.req_headers), (&mut http.resp_body, &http.resp_headers)] {
            if let Some(body) = body {
                let encoding = headers.as_deref().and_then(|headers| head::value(headers, "content-encoding"));
                let decoded = content::decode(encoding, body, config.body.saturating_add(1));
                http.common.truncated |= decoded.len() > config.body;
                *body = decoded;
                body.truncate(config.body);
            }
        }
        let timing = if self.asked {
            self.timing
        } else {
            Timing { request_start: self.timing.request_start, ..Timing::default() }
        };
        let record = match &self.web {
            [None, None] => Record::Http(Box::new(self.http)),
            [request, response] => {
                Record::Grpc(Box::new(grpc::web::call(self.http, request.as_deref(), response.as_deref())))
            }
        };
        Exchange { id: self.id, timing, cut_short, record }
    }
}

/// The media type without parameters, lower case.
fn media_type(headers: &[Header]) -> Option<String> {
    let value = head::value(headers, "content-type")?;
    let kind = value.split(';').next().unwrap_or_default().trim();
    (!kind.is_empty()).then(|| kind.to_ascii_lowercase())
}
