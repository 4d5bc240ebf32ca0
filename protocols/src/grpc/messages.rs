//! Length-prefixed messages in a body.
//!
//! ```text
//!  flags (8): 0 plain, 1 compressed, gRPC-Web 0x80 trailers | length (32) | message
//! ```

/// Bytes of trailers that are kept.
const TRAILERS: usize = 64 << 10;

/// Counts the messages of one direction of one call, in whatever pieces its body comes.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    prefix: Vec<u8>,
    left: u64,
    /// What `left` is left of are trailers.
    in_trailers: bool,
    count: u32,
    compressed: u32,
    /// The framing was lost, or never was there.
    broken: bool,
    trailers: Option<Vec<u8>>,
}

impl Messages {
    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.broken {
            if self.left > 0 {
                let piece = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                let (message, rest) = bytes.split_at_checked(piece).unwrap_or_default();
                self.keep_trailers(message);
                self.pass(piece as u64);
                bytes = rest;
                continue;
            }
            let missing = 5_usize.saturating_sub(self.prefix.len()).min(bytes.len());
            let (start, rest) = bytes.split_at_checked(missing).unwrap_or_default();
            self.prefix.extend_from_slice(start);
            bytes = rest;
            if let Some([flags, length @ ..]) = self.prefix.first_chunk::<5>() {
                self.begin(*flags, u32::from_be_bytes(*length));
            }
        }
    }

    /// That many bytes are not there: within a message the count goes on behind them.
    pub fn hole(&mut self, length: u64) {
        if length == 0 {
            return;
        }
        if length > self.left {
            self.broken = true;
        } else {
            if self.in_trailers {
                self.trailers = None;
            }
            self.pass(length);
        }
    }

    /// Any number of bytes may be missing: from here on nothing can be counted.
    pub fn lose(&mut self) {
        self.broken = true;
    }

    /// Messages that came whole; null where the framing was lost.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        (!self.broken).then_some(self.count)
    }

    /// Of these, compressed ones.
    #[must_use]
    pub fn compressed(&self) -> Option<u32> {
        (!self.broken).then_some(self.compressed)
    }

    /// Nothing but whole messages, so far.
    #[must_use]
    pub fn is_at_boundary(&self) -> bool {
        !self.broken && self.left == 0 && self.prefix.is_empty()
    }

    /// gRPC-Web: the block of trailers at the end, as it came.
    #[must_use]
    pub fn trailers(&self) -> Option<&[u8]> {
        self.trailers.as_deref().filter(|_| self.is_at_boundary())
    }

    fn begin(&mut self, flags: u8, length: u32) {
        self.prefix.clear();
        if flags & !0x81 != 0 {
            self.broken = true;
            return;
        }
        self.in_trailers = flags & 0x80 != 0;
        if self.in_trailers {
            self.trailers = Some(Vec::new());
        } else if flags & 1 != 0 {
            self.compressed = self.compressed.saturating_add(1);
        }
        self.left = length.into();
        self.pass(0);
    }

    fn pass(&mut self, length: u64) {
        self.left = self.left.saturating_sub(length);
        if self.left == 0 && !self.in_trailers {
            self.count = self.count.saturating_add(1);
        }
    }

    fn keep_trailers(&mut self, bytes: &[u8]) {
        if let Some(trailers) = self.trailers.as_mut().filter(|_| self.in_trailers) {
            let room = TRAILERS.saturating_sub(trailers.len());
            trailers.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }
}
