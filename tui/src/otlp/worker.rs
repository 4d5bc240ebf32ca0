//! The exporter's thread: joins, batches and sends spans, and sends metrics at intervals.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use opentelemetry_semantic_conventions::SCHEMA_URL;
use prost::Message as _;
use tokio::sync::{mpsc, watch};

use super::join::{Draft, Joined, Joiner};
use super::listen;
use super::losses;
use super::metrics::Saying;
use super::resource::{self, Owner};
use super::send::{Delivered, Deliverer, Message, Patience};
use super::settings::Settings;
use super::tap::Shared;
use crate::output;

/// Everything that the thread needs.
pub(super) struct Worker {
    settings: Settings,
    saying: Saying,
    shared: Arc<Shared>,
    drafts: mpsc::Receiver<Draft>,
    until: watch::Receiver<Option<Instant>>,
    listener: Option<TcpListener>,
    patience: Patience,
    file: bool,
}

impl Worker {
    /// # Errors
    /// When the address for Prometheus cannot be listened on.
    pub(super) fn new(
        settings: Settings,
        shared: Arc<Shared>,
        drafts: mpsc::Receiver<Draft>,
        until: watch::Receiver<Option<Instant>>,
        file: bool,
    ) -> Result<Self, String> {
        let listener = settings.listen.map(listen::bind).transpose()?;
        let saying = Saying {
            temporality: settings.temporality,
            added: settings.attributes.clone(),
            own_name: settings.own_name.clone(),
            file,
        };
        let timeout =
            settings.traces.as_ref().or(settings.metrics.as_ref()).map_or(Duration::ZERO, |target| target.timeout);
        let patience = match file {
            true => Patience { one: timeout.saturating_mul(2), once: true },
            false => LIVE_PATIENCE,
        };
        Ok(Self { settings, saying, shared, drafts, until, listener, patience, file })
    }
}

/// Runs until everything was sent, or the time is over.
pub(super) fn run(worker: Worker) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(export(worker)),
        Err(error) => output::note(&format!("otlp: nothing is exported: {error}")),
    }
}

async fn export(worker: Worker) {
    let Worker { settings, saying, shared, drafts, until, listener, patience, file } = worker;
    let (ended, all_sent) = watch::channel(false);
    let served = listener.map(|listener| tokio::spawn(listen::serve(listener, Arc::clone(&shared), saying.clone())));
    let deliverer = |target| match Deliverer::new(target, patience, until.clone()) {
        Ok(deliverer) => Some(deliverer),
        Err(why) => {
            output::note(&format!("otlp: {why}"));
            None
        }
    };
    let spans = Spans {
        deliverer: settings.traces.as_ref().and_then(deliverer),
        shared: Arc::clone(&shared),
        saying: saying.clone(),
        waiting: Vec::new(),
        size: settings.batch.size,
        trouble: Trouble::default(),
    };
    let series = Series {
        deliverer: settings.metrics.as_ref().and_then(deliverer),
        shared,
        saying,
        trouble: Trouble::default(),
    };
    let joiner = Joiner::new(seed(file), settings.sampler, settings.keep);
    let traces = async {
        spans.run(drafts, joiner, settings.batch.delay).await;
        let _nobody_waits = ended.send(true);
    };
    tokio::join!(traces, series.run(settings.interval, all_sent, until.clone(), file));
    if let Some(served) = served {
        served.abort();
    }
}

/// A file says itself what makes its ids differ from those of others.
fn seed(file: bool) -> Option<u64> {
    (!file).then(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), std::process::id()))
}

/// The way of spans.
struct Spans {
    deliverer: Option<Deliverer>,
    shared: Arc<Shared>,
    saying: Saying,
    waiting: Vec<Joined>,
    size: usize,
    trouble: Trouble,
}

impl Spans {
    async fn run(mut self, mut drafts: mpsc::Receiver<Draft>, mut joiner: Joiner, delay: Duration) {
        let mut due = Instant::now() + delay;
        loop {
            tokio::select! {
                draft = drafts.recv() => match draft {
                    Some(draft) => joiner.take(draft, Instant::now(), &mut self.waiting),
                    None => break,
                },
                () = tokio::time::sleep_until(due.into()) => {}
            }
            let now = Instant::now();
            if now >= due {
                joiner.wait_no_longer(now, &mut self.waiting);
                self.send(1).await;
                due = Instant::now() + delay;
            } else {
                self.send(self.size).await;
            }
        }
        joiner.finish(&mut self.waiting);
        self.send(1).await;
    }

    /// Sends what waits, while there is so much of it.
    async fn send(&mut self, least: usize) {
        while self.waiting.len() >= least {
            let part: Vec<Joined> = self.waiting.drain(..first(&self.waiting, self.size)).collect();
            let count = u64::try_from(part.len()).unwrap_or(u64::MAX);
            let Some(deliverer) = &mut self.deliverer else {
                self.shared.losses.add(losses::REFUSED, count);
                continue;
            };
            let message = Message::Traces(request(part, &self.saying.added));
            let delivered = deliverer.deliver(&message).await;
            let (lost, cause) = match &delivered {
                Delivered::Arrived { rejected, .. } => ((*rejected).min(count), losses::REJECTED),
                Delivered::Refused(_) => (count, losses::REFUSED),
                Delivered::GivenUp(_) => (count, losses::UNREACHABLE),
                Delivered::TooLate(_) => (count, losses::UNSENT),
            };
            self.shared.losses.add(cause, lost);
            self.shared.sent.fetch_add(count.saturating_sub(lost), Ordering::Relaxed);
            self.trouble.note("spans", &delivered);
        }
    }
}

/// How many of them make one request: `size`, or fewer where they are large. At least one, if there is one.
fn first(waiting: &[Joined], size: usize) -> usize {
    let mut bytes = 0_usize;
    let fits = waiting.iter().take(size).take_while(|joined| {
        bytes = bytes.saturating_add(joined.span.encoded_len());
        bytes <= LARGEST_REQUEST
    });
    fits.count().max(1).min(waiting.len())
}

/// Spans by the process that they belong to.
fn request(spans: Vec<Joined>, added: &[(String, String)]) -> ExportTraceServiceRequest {
    let mut by_owner: HashMap<Owner, Vec<Span>> = HashMap::new();
    for Joined { owner, span } in spans {
        by_owner.entry(owner).or_default().push(span);
    }
    let resource_spans = by_owner.into_iter().map(|(owner, spans)| ResourceSpans {
        resource: Some(owner.resource(added)),
        scope_spans: vec![ScopeSpans { scope: Some(resource::scope()), spans, schema_url: SCHEMA_URL.to_owned() }],
        schema_url: SCHEMA_URL.to_owned(),
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

/// The way of metrics.
struct Series {
    deliverer: Option<Deliverer>,
    shared: Arc<Shared>,
    saying: Saying,
    trouble: Trouble,
}

impl Series {
    async fn run(
        mut self,
        interval: Duration,
        mut all_sent: watch::Receiver<bool>,
        until: watch::Receiver<Option<Instant>>,
        file: bool,
    ) {
        // A file's metrics are whole when it has been read.
        while !*all_sent.borrow_and_update() {
            tokio::select! {
                _ = all_sent.changed() => {}
                () = tokio::time::sleep(interval) => if !file { self.send().await },
            }
        }
        let over = until.borrow().is_some_and(|until| until <= Instant::now());
        if !over {
            self.send().await;
        }
    }

    async fn send(&mut self) {
        let Some(deliverer) = &mut self.deliverer else { return };
        let (request, sent) = {
            let Ok(metrics) = self.shared.metrics.lock() else { return };
            metrics.request(&self.saying, crate::time::now())
        };
        let delivered = deliverer.deliver(&Message::Metrics(request)).await;
        if matches!(delivered, Delivered::Arrived { .. })
            && let Ok(mut metrics) = self.shared.metrics.lock()
        {
            metrics.arrived(sent, &self.saying);
        }
        self.trouble.note("metrics", &delivered);
    }
}

/// Says once what goes wrong, and again when it has changed.
#[derive(Debug, Default)]
struct Trouble(Option<String>);

impl Trouble {
    fn note(&mut self, what: &str, delivered: &Delivered) {
        let why = match delivered {
            Delivered::Arrived { rejected: 0, .. } => None,
            Delivered::Arrived { rejected, why } => {
                Some(format!("the collector did not take {rejected} of them: {why}"))
            }
            Delivered::Refused(why) => Some(format!("refused: {why}")),
            Delivered::GivenUp(why) | Delivered::TooLate(why) => Some(format!("not sent: {why}")),
        };
        // What a collector says may hold anything.
        let why = why.map(|why| why.chars().filter(|char| !char.is_control()).take(300).collect::<String>());
        if why != self.0
            && let Some(why) = &why
        {
            output::note(&format!("otlp: {what} {why}"));
        }
        self.0 = why;
    }
}

/// Live: a minute; what comes meanwhile waits in the queue. Somebody waits for the end of a file: two time-outs.
const LIVE_PATIENCE: Patience = Patience { one: Duration::from_secs(60), once: false };
/// Half of what gRPC servers take by default (4 MiB): statements and addresses may be long.
const LARGEST_REQUEST: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use protocols::record::Identity;

    #[test]
    fn large_spans_make_small_requests() {
        let joined = |length: usize| Joined {
            owner: Owner::process(&Identity::default()),
            span: Span { name: "x".repeat(length), ..Span::default() },
        };
        let small: Vec<Joined> = (0..600).map(|_| joined(100)).collect();
        assert_eq!(first(&small, 512), 512);
        assert_eq!(first(&small, 1_000), 600);
        let large: Vec<Joined> = (0..600).map(|_| joined(16 << 10)).collect();
        assert_eq!(first(&large, 512), 127);
        assert_eq!(first(&[joined(8 << 20)], 512), 1);
        assert_eq!(first(&[], 512), 0);
    }
}
