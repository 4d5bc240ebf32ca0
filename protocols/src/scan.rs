//! Fields off the front of bytes, read by nom. Nothing of it panics; a read beyond the end is null and moves nothing.

use nom::bytes::complete::{take, take_until};
use nom::number::complete::{be_u8, be_u16, be_u24, be_u32};
use nom::sequence::terminated;
use nom::{IResult, Parser};

/// What has not been read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scan<'a> {
    rest: &'a [u8],
}

/// What nom's parsers say here: only whether they fit is of interest.
type Read<'a, T> = IResult<&'a [u8], T, ()>;

impl<'a> Scan<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn read<T>(&mut self, mut parser: impl FnMut(&'a [u8]) -> Read<'a, T>) -> Option<T> {
        let (rest, value) = parser(self.rest).ok()?;
        self.rest = rest;
        Some(value)
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        self.read(take(count))
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.read(be_u8)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.read(be_u16)
    }

    pub(crate) fn u24(&mut self) -> Option<u32> {
        self.read(be_u24)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.read(be_u32)
    }

    /// Bytes up to a NUL, which is read too.
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        self.read(|bytes| terminated(take_until(&b"\0"[..]), be_u8).parse(bytes))
    }

    /// As [`Self::text`], or all that is left where the NUL was cut off.
    pub(crate) fn text_or_rest(&mut self) -> &'a [u8] {
        self.text().unwrap_or_else(|| std::mem::take(&mut self.rest))
    }
}
