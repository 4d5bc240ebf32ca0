//! Which trace a span belongs to, and under which span it stands.
//!
//! 1. The trace context that the request carried: trace and parent are those of its header.
//! 2. Else the chain that explore knows for certain: a client's request stands under the server exchange during which it
//!    was made (`parent`), and where both ends are watched, the server's side under the client's (`twin`).
//! 3. Else it begins a trace.
//!
//! An inner exchange ends before the outer one, and only that one's headers say which trace it is: until it comes, spans
//! of a chain wait here, so many and so long at most.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;

use super::attributes::{Value, key_value, own};
use super::resource::{self, Owner};
use super::sample::{Decision, Keep, Sampler};

/// A span that does not know its trace yet.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) id: u64,
    /// When the exchange began, ns since the epoch.
    pub(super) time: u64,
    /// The exchange under which it stands, if the request said nothing.
    pub(super) above: Option<u64>,
    /// What the request said.
    pub(super) said: Said,
    /// Null where the exchange itself is not exported; those below it are.
    pub(super) span: Option<Span>,
    pub(super) owner: Owner,
    pub(super) error: bool,
    pub(super) latency: u64,
    /// The request came in from elsewhere.
    pub(super) server: bool,
}

/// Trace context of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) trace: Option<[u8; 16]>,
    /// The caller's span.
    pub(super) caller: Option<[u8; 8]>,
    /// The caller's decision.
    pub(super) sampled: Option<bool>,
}

/// A span to be sent.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) owner: Owner,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy)]
struct Context {
    trace: [u8; 16],
    sampled: Option<bool>,
}

/// Finds the traces of spans.
#[derive(Debug)]
pub(super) struct Joiner {
    /// Makes the ids of different runs, and of different files, differ. Null until the first row of a file says it.
    seed: Option<u64>,
    sampler: Sampler,
    keep: Keep,
    known: HashMap<u64, Context>,
    /// In which order, to forget the oldest.
    order: VecDeque<u64>,
    /// By the exchange that they wait for.
    waiting: HashMap<u64, Vec<Draft>>,
    /// Which exchanges are waited for, and since when.
    since: VecDeque<(Instant, u64)>,
    held: usize,
}

impl Joiner {
    /// Without a `seed` the first span says it: a file gives the same ids each time that it is exported.
    pub(super) fn new(seed: Option<u64>, sampler: Sampler, keep: Keep) -> Self {
        Self {
            seed,
            sampler,
            keep,
            known: HashMap::new(),
            order: VecDeque::new(),
            waiting: HashMap::new(),
            since: VecDeque::new(),
            held: 0,
        }
    }

    /// Takes a span; gives those whose trace is now known, as far as they are to be sent.
    pub(super) fn take(&mut self, draft: Draft, now: Instant, out: &mut Vec<Joined>) {
        self.seed.get_or_insert_with(|| {
            let [a, b, c, d, e, f, g, h, ..] = resource::hash(&(draft.time, draft.owner.instance()));
            u64::from_be_bytes([a, b, c, d, e, f, g, h])
        });
        let context = match (draft.said.trace, draft.above) {
            (Some(trace), _) => Some(Context { trace, sampled: draft.said.sampled }),
            (None, Some(above)) => self.known.get(&above).copied(),
            (None, None) => Some(Context { trace: self.trace(draft.id), sampled: draft.said.sampled }),
        };
        match (context, draft.above) {
            (Some(context), _) => self.settle(draft, context, out),
            (None, Some(above)) => {
                self.held += 1;
                let those = self.waiting.entry(above).or_default();
                if those.is_empty() {
                    self.since.push_back((now, above));
                }
                those.push(draft);
            }
            (None, None) => {}
        }
        self.wait_no_longer(now, out);
    }

    /// Gives up on exchanges that have not come in time, or of which too much waits.
    pub(super) fn wait_no_longer(&mut self, now: Instant, out: &mut Vec<Joined>) {
        while let Some((since, above)) = self.since.front().copied() {
            if now.duration_since(since) < WAIT && self.held <= MOST_HELD {
                return;
            }
            self.since.pop_front();
            self.assume(above, out);
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, out: &mut Vec<Joined>) {
        while let Some((_, above)) = self.since.pop_front() {
            self.assume(above, out);
        }
    }

    /// An exchange that is waited for carried no context, as far as we know.
    fn assume(&mut self, above: u64, out: &mut Vec<Joined>) {
        if self.waiting.contains_key(&above) {
            let context = Context { trace: self.trace(above), sampled: None };
            self.remember(above, context);
            self.release(above, context, out);
        }
    }

    fn settle(&mut self, draft: Draft, context: Context, out: &mut Vec<Joined>) {
        let id = draft.id;
        self.remember(id, context);
        out.extend(self.join(draft, context));
        self.release(id, context, out);
    }

    /// Those that waited for it, and those that waited for them.
    fn release(&mut self, id: u64, context: Context, out: &mut Vec<Joined>) {
        let mut ready = self.waiting.remove(&id).unwrap_or_default();
        while let Some(draft) = ready.pop() {
            self.held = self.held.saturating_sub(1);
            self.remember(draft.id, context);
            ready.extend(self.waiting.remove(&draft.id).unwrap_or_default());
            out.extend(self.join(draft, context));
        }
    }

    fn remember(&mut self, id: u64, context: Context) {
        if self.known.insert(id, context).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > MOST_KNOWN {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// The whole span; null if it is not sent.
    fn join(&self, draft: Draft, context: Context) -> Option<Joined> {
        let mut span = draft.span?;
        let decision = match self.sampler.samples(context.trace, context.sampled) {
            true => Decision::Send,
            false => self.keep.why(draft.error, draft.latency).map_or(Decision::Drop, Decision::Kept),
        };
        span.flags = HAS_IS_REMOTE;
        match decision {
            Decision::Drop => return None,
            Decision::Send => span.flags |= SAMPLED,
            Decision::Kept(why) => span.attributes.push(key_value(own::KEPT, Value::Text(why.to_owned()))),
        }
        span.trace_id = context.trace.to_vec();
        span.span_id = self.span(draft.id).to_vec();
        // A context without a span (B3 may leave it out) still says which trace.
        let parent = draft.said.caller.filter(|_| draft.said.trace.is_some());
        if let Some(parent) = parent.or_else(|| draft.above.map(|above| self.span(above))) {
            span.parent_span_id = parent.to_vec();
            if draft.server {
                span.flags |= IS_REMOTE;
            }
        }
        Some(Joined { owner: draft.owner, span })
    }

    fn trace(&self, id: u64) -> [u8; 16] {
        resource::hash(&("trace", self.seed, id))
    }

    fn span(&self, id: u64) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = resource::hash(&("span", self.seed, id));
        // All zeros means none.
        if [a, b, c, d, e, f, g, h] == [0; 8] { [1; 8] } else { [a, b, c, d, e, f, g, h] }
    }
}

/// `SpanFlags` of the protocol: the W3C flag, and whether the next bit says something.
const SAMPLED: u32 = 0x1;
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// How long a span waits for the exchange above it.
const WAIT: Duration = Duration::from_secs(30);
/// Spans that wait, at most.
const MOST_HELD: usize = 10_000;
/// Exchanges whose trace is remembered.
const MOST_KNOWN: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use protocols::record::Identity;

    fn draft(id: u64, above: Option<u64>, trace: Option<u8>) -> Draft {
        let said = match trace {
            Some(byte) => Said { trace: Some([byte; 16]), caller: Some([byte; 8]), sampled: Some(true) },
            None => Said::default(),
        };
        Draft {
            id,
            time: 0,
            above,
            said,
            span: Some(Span { name: id.to_string(), ..Span::default() }),
            owner: Owner::process(&Identity::default()),
            error: false,
            latency: 0,
            server: false,
        }
    }

    fn joiner(sampler: &str) -> Joiner {
        Joiner::new(Some(7), Sampler::read(Some(sampler), None).unwrap(), Keep::default())
    }

    fn names(out: &[Joined]) -> Vec<&str> {
        out.iter().map(|joined| joined.span.name.as_str()).collect()
    }

    fn of<'a>(out: &'a [Joined], name: &str) -> &'a Span {
        &out.iter().find(|joined| joined.span.name == name).unwrap().span
    }

    #[test]
    fn what_the_header_says_is_kept() {
        let (mut joiner, mut out) = (joiner("parentbased_always_on"), Vec::new());
        joiner.take(draft(1, Some(9), Some(0xab)), Instant::now(), &mut out);
        let span = of(&out, "1");
        assert_eq!((span.trace_id.as_slice(), span.parent_span_id.as_slice()), (&[0xab; 16][..], &[0xab; 8][..]));
    }

    #[test]
    fn a_chain_waits_for_the_outermost_and_takes_its_trace() {
        let (mut joiner, mut out) = (joiner("parentbased_always_on"), Vec::new());
        let now = Instant::now();
        // A statement, made while a request was served, whose other side is the client's, made while 1 was served.
        joiner.take(draft(4, Some(3), None), now, &mut out);
        joiner.take(draft(3, Some(2), None), now, &mut out);
        joiner.take(draft(2, Some(1), None), now, &mut out);
        assert!(out.is_empty());
        joiner.take(draft(1, None, Some(0xcd)), now, &mut out);
        assert_eq!(names(&out), ["1", "2", "3", "4"]);
        for (inner, outer) in [("2", "1"), ("3", "2"), ("4", "3")] {
            assert_eq!(of(&out, inner).trace_id, [0xcd; 16]);
            assert_eq!(of(&out, inner).parent_span_id, of(&out, outer).span_id);
        }
        assert_eq!(joiner.held, 0);
    }

    #[test]
    fn without_any_context_each_begins_a_trace_of_its_own() {
        let (mut joiner, mut out) = (joiner("always_on"), Vec::new());
        joiner.take(draft(1, None, None), Instant::now(), &mut out);
        joiner.take(draft(2, None, None), Instant::now(), &mut out);
        assert_ne!(of(&out, "1").trace_id, of(&out, "2").trace_id);
        assert_ne!(of(&out, "1").span_id, of(&out, "2").span_id);
        assert!(of(&out, "1").parent_span_id.is_empty());
    }

    #[test]
    fn what_never_comes_is_not_waited_for_for_ever() {
        let (mut joiner, mut out) = (joiner("always_on"), Vec::new());
        let now = Instant::now();
        joiner.take(draft(2, Some(1), None), now, &mut out);
        joiner.take(draft(3, Some(1), None), now, &mut out);
        joiner.wait_no_longer(now + WAIT, &mut out);
        assert_eq!(names(&out), ["3", "2"]);
        assert_eq!(of(&out, "2").trace_id, of(&out, "3").trace_id);
        // It comes after all, and joins them.
        joiner.take(draft(1, None, None), now, &mut out);
        assert_eq!(of(&out, "1").trace_id, of(&out, "2").trace_id);
        assert_eq!(of(&out, "2").parent_span_id, of(&out, "1").span_id);
    }

    #[test]
    fn the_number_of_those_that_wait_is_bounded() {
        let (mut joiner, mut out) = (joiner("always_on"), Vec::new());
        let now = Instant::now();
        for id in 0..30_000_u64 {
            joiner.take(draft(1_000_000 + id, Some(id), None), now, &mut out);
        }
        assert_eq!((joiner.held, out.len()), (MOST_HELD, 20_000));
        joiner.finish(&mut out);
        assert_eq!((joiner.held, out.len()), (0, 30_000));
    }

    #[test]
    fn kept_ones_say_why() {
        let mut joiner =
            Joiner::new(Some(7), Sampler::read(Some("always_off"), None).unwrap(), Keep::parse("errors").unwrap());
        let mut out = Vec::new();
        joiner.take(Draft { error: true, ..draft(1, None, None) }, Instant::now(), &mut out);
        joiner.take(draft(2, None, None), Instant::now(), &mut out);
        assert_eq!(names(&out), ["1"]);
        assert_eq!(of(&out, "1").attributes[0].key, "explore.kept");
        assert_eq!(of(&out, "1").flags & SAMPLED, 0);
    }
}
