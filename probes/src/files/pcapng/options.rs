//! What blocks of a pcapng share: byte order, options, and the clocks of interfaces.

use protocols::event::Timestamp;

/// Options that are looked at.
pub(super) mod option {
    /// Of a section: operating system.
    pub(in super::super) const SYSTEM: u16 = 3;
    /// Of an interface: length of its clock's tick.
    pub(in super::super) const RESOLUTION: u16 = 9;
    /// Of an interface: seconds to add to its clock.
    pub(in super::super) const OFFSET: u16 = 14;
}

/// Byte order of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Endian {
    #[default]
    Little,
    Big,
}

impl Endian {
    /// By the magic in a section header.
    pub(super) fn by_magic(bytes: [u8; 4]) -> Option<Self> {
        match bytes {
            [0x4d, 0x3c, 0x2b, 0x1a] => Some(Self::Little),
            [0x1a, 0x2b, 0x3c, 0x4d] => Some(Self::Big),
            _ => None,
        }
    }

    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == Self::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn i64(self, bytes: [u8; 8]) -> i64 {
        if self == Self::Big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }
    }
}

/// Code and value of each option, up to the end of them or the first that makes no sense. Records of name blocks have the
/// same form.
pub(super) fn options_of(endian: Endian, mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let ([c0, c1, l0, l1], after) = rest.split_first_chunk::<4>()?;
        let code = endian.u16([*c0, *c1]);
        let len = usize::from(endian.u16([*l0, *l1]));
        let value = after.get(..len)?;
        rest = after.get(len.next_multiple_of(4)..).unwrap_or_default();
        (code != 0).then_some((code, value))
    })
}

/// How an interface counts time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// Ticks in a second.
    frequency: u128,
    /// Seconds to add.
    offset: i64,
}

impl Clock {
    pub(super) fn of<'a>(options: impl Iterator<Item = (u16, &'a [u8])>, endian: Endian) -> Self {
        let mut clock = Self { frequency: 1_000_000, offset: 0 };
        for (code, value) in options {
            match (code, value) {
                (option::RESOLUTION, [resolution, ..]) => clock.frequency = frequency(*resolution),
                (option::OFFSET, value) => clock.offset = value.first_chunk().map_or(0, |bytes| endian.i64(*bytes)),
                _ => {}
            }
        }
        clock
    }

    pub(super) fn time(self, ticks: u64) -> Timestamp {
        let nanoseconds = i128::try_from(u128::from(ticks) * 1_000_000_000 / self.frequency).unwrap_or(i128::MAX);
        let time = nanoseconds.saturating_add(i128::from(self.offset) * 1_000_000_000).max(0);
        Timestamp(u64::try_from(time).unwrap_or(u64::MAX))
    }
}

/// The lower seven bits are a negative exponent, of 2 with the highest bit, else of 10.
fn frequency(resolution: u8) -> u128 {
    let exponent = u32::from(resolution & 0x7f);
    let base: u128 = if resolution & 0x80 != 0 { 2 } else { 10 };
    base.checked_pow(exponent).unwrap_or(u128::MAX)
}
