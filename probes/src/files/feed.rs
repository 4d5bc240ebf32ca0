//! Bytes of a file, read and decompressed on a thread of their own, so that a pipe without news blocks nobody.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

/// Bytes read at a time, and how many such chunks wait at most.
const CHUNK: usize = 128 << 10;
const WAITING: usize = 4;

/// How far a file has been read, in bytes as they lie on disk. Cheap to clone; moves on as the file is read.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Progress {
    pub(super) fn new(total: Option<u64>) -> Self {
        Self { read: Arc::default(), total }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes in all, where known: null for pipes.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

/// Counts what is read through it.
pub(super) struct Counted<R> {
    pub(super) inner: R,
    pub(super) progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What became of a [`Feed::fill`].
pub(super) enum Fill {
    /// There are new bytes.
    More,
    /// None came in time.
    Idle,
    /// None will come.
    End,
    /// Reading or decompressing failed; none will come.
    Failed(String),
}

/// A window on the bytes of a file that moves forward.
pub(super) struct Feed {
    chunks: Receiver<Result<Vec<u8>, String>>,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
}

impl Feed {
    /// Starts to read `input`.
    pub(super) fn start(input: Box<dyn Read + Send>) -> std::io::Result<Self> {
        let (sender, chunks) = bounded(WAITING);
        std::thread::Builder::new().name("read file".to_owned()).spawn(move || pump(input, &sender))?;
        Ok(Self { chunks, buffer: Vec::new(), start: 0, offset: 0 })
    }

    /// What has come and is not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Offset of the first of [`Self::bytes`] in the decompressed file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves on.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.bytes().len());
        self.start += count;
        self.offset += count as u64;
    }

    /// Waits at most `wait` for more bytes.
    pub(super) fn fill(&mut self, wait: Duration) -> Fill {
        match self.chunks.recv_timeout(wait) {
            Ok(Ok(chunk)) => {
                self.buffer.drain(..self.start);
                self.start = 0;
                self.buffer.extend_from_slice(&chunk);
                Fill::More
            }
            Ok(Err(error)) => Fill::Failed(error),
            Err(RecvTimeoutError::Timeout) => Fill::Idle,
            Err(RecvTimeoutError::Disconnected) => Fill::End,
        }
    }
}

fn pump(mut input: Box<dyn Read + Send>, sender: &Sender<Result<Vec<u8>, String>>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let message = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(buffer.get(..count).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error.to_string()),
        };
        let failed = message.is_err();
        if sender.send(message).is_err() || failed {
            return;
        }
    }
}
