//! The elements that records are made of: integers, strings, options, lists.

use std::sync::Arc;

/// The bytes are no such thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Result of taking an element.
pub(super) type Taken<T> = Result<T, Malformed>;

/// Appends `value`, seven bits a byte, lowest first.
pub(super) fn put_int(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends length and bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_int(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends 0, or 1 and the value.
pub(super) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

/// Appends an optional string.
pub(super) fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    put_option(out, text, |out, text| put_bytes(out, text.as_bytes()));
}

/// What is left of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// One byte.
    pub(super) fn byte(&mut self) -> Taken<u8> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    /// `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Taken<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Taken<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    /// An integer of up to 64 bits.
    pub(super) fn int(&mut self) -> Taken<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// An integer that fits `T`.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Taken<T> {
        T::try_from(self.int()?).map_err(|_| Malformed)
    }

    /// Length and bytes.
    pub(super) fn bytes(&mut self) -> Taken<&'a [u8]> {
        let length = self.small()?;
        self.take(length)
    }

    /// A string.
    pub(super) fn text(&mut self) -> Taken<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// False or true.
    pub(super) fn flag(&mut self) -> Taken<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// 0, or 1 and a value.
    pub(super) fn option<T>(&mut self, take: impl FnOnce(&mut Self) -> Taken<T>) -> Taken<Option<T>> {
        if self.flag()? { take(self).map(Some) } else { Ok(None) }
    }

    /// An optional string.
    pub(super) fn shared(&mut self) -> Taken<Option<Arc<str>>> {
        self.option(|cursor| cursor.text().map(Arc::from))
    }

    /// How many and the items, each of at least one byte.
    pub(super) fn list<T>(&mut self, mut take: impl FnMut(&mut Self) -> Taken<T>) -> Taken<Vec<T>> {
        let count: usize = self.small()?;
        if count > self.0.len() {
            return Err(Malformed);
        }
        (0..count).map(|_| take(self)).collect()
    }
}
