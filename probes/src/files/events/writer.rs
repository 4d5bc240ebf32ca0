//! Writes recordings.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use protocols::event::{SocketEvent, Timestamp};

use super::wire::put_int;
use super::{Header, MAGIC, MAX_RECORD, VERSION, codec};
use crate::SourceError;

/// Bytes that wait in memory before they are written.
const BUFFER: usize = 256 << 10;
/// Plain bytes of a compressed block, and the time that it spans at most.
const BLOCK: usize = 128 << 10;
const BLOCK_SPAN: u64 = 1_000_000_000;
/// zstd's fastest level of the ordinary ones: recording must not slow what is watched.
const LEVEL: i32 = 1;

/// Whether a recording is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Every event before a cut can be read.
    #[default]
    None,
    /// Smaller by far; what a cut block held is lost.
    Zstd,
}

/// A recording under way.
///
/// When writing fails (the disk is full) that is told once; what follows is let go, so that capture goes on. Dropping it
/// writes what is buffered; only [`Writer::finish`] marks the recording as whole.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: Option<W>,
    name: String,
    compression: Compression,
    /// Records ready to be written.
    buffer: Vec<u8>,
    /// Records of the block that is being filled, and the time of its first event.
    block: Vec<u8>,
    block_start: Option<Timestamp>,
    /// The body under way.
    body: Vec<u8>,
    events: u64,
    written: u64,
    failure: Option<SourceError>,
}

impl Writer<File> {
    /// Makes the file with mode 0600 and writes the header. An existing file is only replaced with `overwrite`.
    ///
    /// # Errors
    /// When the file exists, or cannot be made or written.
    pub fn create(
        path: &Path,
        header: &Header,
        compression: Compression,
        overwrite: bool,
    ) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        let mut options = OpenOptions::new();
        options.write(true);
        let file = match std::fs::metadata(path) {
            // A pipe or device is written to as it is.
            Ok(there) if !there.is_file() && !there.is_dir() => options.open(path),
            there => {
                if overwrite && there.is_ok_and(|there| there.is_file()) {
                    // The old file may have another mode and other readers: a new one takes its place.
                    std::fs::remove_file(path).map_err(|error| failed(&name, &error))?;
                }
                options.create_new(true).mode(0o600).open(path)
            }
        };
        let file = file.map_err(|error| failed(&name, &error))?;
        Self::new(file, &name, header, compression)
    }
}

impl<W: Write> Writer<W> {
    /// Writes the header to `output`; `name` is for messages.
    ///
    /// # Errors
    /// When that fails.
    pub fn new(output: W, name: &str, header: &Header, compression: Compression) -> Result<Self, SourceError> {
        let mut writer = Self {
            output: Some(output),
            name: name.to_owned(),
            compression,
            buffer: Vec::with_capacity(BUFFER),
            block: Vec::new(),
            block_start: None,
            body: Vec::new(),
            events: 0,
            written: 0,
            failure: None,
        };
        writer.buffer.extend_from_slice(MAGIC);
        writer.buffer.extend_from_slice(&VERSION.to_le_bytes());
        codec::put_header(&mut writer.body, header);
        put_record(&mut writer.buffer, &writer.body);
        writer.flush()?;
        Ok(writer)
    }

    /// Takes one event.
    ///
    /// # Errors
    /// The first time that writing fails; later events are let go in silence ([`Writer::failure`] still tells).
    pub fn record(&mut self, event: &SocketEvent) -> Result<(), SourceError> {
        if self.output.is_none() {
            return Ok(());
        }
        self.body.clear();
        codec::put_event(&mut self.body, event);
        if self.body.len() > MAX_RECORD {
            let what = format!("{}: an event of {} bytes is too large to be recorded", self.name, self.body.len());
            return Err(self.fail(SourceError { what, offset: None, advice: None, unsupported: false }));
        }
        self.events += 1;
        match self.compression {
            Compression::None => put_record(&mut self.buffer, &self.body),
            Compression::Zstd => self.put_in_block(event.time())?,
        }
        if self.buffer.len() >= BUFFER { self.write_out() } else { Ok(()) }
    }

    /// Hands everything to the system that can be without cutting a compressed block short.
    ///
    /// # Errors
    /// As [`Writer::record`].
    pub fn flush(&mut self) -> Result<(), SourceError> {
        self.write_out()?;
        let Some(output) = &mut self.output else { return Ok(()) };
        let Err(error) = output.flush() else { return Ok(()) };
        let error = failed(&self.name, &error);
        Err(self.fail(error))
    }

    /// Marks the recording as whole and hands it to the system.
    ///
    /// # Errors
    /// When writing fails now, or has failed before.
    pub fn finish(mut self) -> Result<(), SourceError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.end_block()?;
        self.body.clear();
        self.body.push(codec::END);
        put_int(&mut self.body, self.events);
        put_record(&mut self.buffer, &self.body);
        self.flush()
    }

    /// Why writing stopped, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&SourceError> {
        self.failure.as_ref()
    }

    /// Bytes handed to the system so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    fn put_in_block(&mut self, time: Timestamp) -> Result<(), SourceError> {
        let start = *self.block_start.get_or_insert(time);
        put_record(&mut self.block, &self.body);
        if self.block.len() >= BLOCK || time.since(start) >= BLOCK_SPAN { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), SourceError> {
        self.block_start = None;
        if self.block.is_empty() {
            return Ok(());
        }
        match zstd::bulk::compress(&self.block, LEVEL) {
            Ok(frame) => {
                self.body.clear();
                self.body.push(codec::ZSTD);
                put_int(&mut self.body, self.block.len() as u64);
                self.body.extend_from_slice(&frame);
                put_record(&mut self.buffer, &self.body);
                self.block.clear();
                Ok(())
            }
            Err(error) => {
                let error = failed(&self.name, &error);
                Err(self.fail(error))
            }
        }
    }

    fn write_out(&mut self) -> Result<(), SourceError> {
        let Some(output) = &mut self.output else { return Ok(()) };
        if let Err(error) = output.write_all(&self.buffer) {
            let error = failed(&self.name, &error);
            return Err(self.fail(error));
        }
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn fail(&mut self, error: SourceError) -> SourceError {
        self.output = None;
        self.buffer = Vec::new();
        self.block = Vec::new();
        self.failure = Some(error.clone());
        error
    }
}

impl<W: Write> Drop for Writer<W> {
    fn drop(&mut self) {
        if self.failure.is_none() && self.end_block().is_ok() {
            // Nobody is left to be told of a failure.
            let _unheard = self.flush();
        }
    }
}

fn put_record(out: &mut Vec<u8>, body: &[u8]) {
    put_int(out, body.len() as u64);
    out.extend_from_slice(&super::checksum(body).to_le_bytes());
    out.extend_from_slice(body);
}

fn failed(name: &str, error: &std::io::Error) -> SourceError {
    use std::io::ErrorKind;
    let (what, advice) = match error.kind() {
        ErrorKind::AlreadyExists => ("it exists".to_owned(), Some("choose another name, or say --force")),
        ErrorKind::StorageFull => ("the disk is full".to_owned(), Some("the recording ends here")),
        ErrorKind::QuotaExceeded => ("the disk quota is used up".to_owned(), Some("the recording ends here")),
        _ => (error.to_string(), None),
    };
    SourceError {
        what: format!("cannot write {name}: {what}"),
        offset: None,
        advice: advice.map(str::to_owned),
        unsupported: false,
    }
}
