//! A column of texts or bytes under construction: views into one buffer, as Arrow's `Utf8View` has them.
//!
//! Long values that came shortly before are not written again: header values and user agents repeat. What is finished has
//! no room to spare, because it stays for as long as the budget allows.

use polars_arrow::array::{BinaryViewArrayGeneric, View, ViewType};
use polars_arrow::bitmap::{Bitmap, MutableBitmap};
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;

use polars::prelude::PolarsResult;

/// Where a value that came before may be found.
const RECENT: usize = 256;
/// Longer values (bodies) are hardly ever the same.
const LONGEST_RECENT: usize = 256;
const VIEW: usize = size_of::<View>();

#[derive(Debug, Default)]
pub(super) struct Texts {
    views: Vec<View>,
    /// Null where every value is valid so far.
    validity: Option<MutableBitmap>,
    bytes: Vec<u8>,
    /// Buffers that are full: a view counts bytes in 32 bits.
    full: Vec<Buffer<u8>>,
    recent: Vec<Option<View>>,
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.views.len()
    }

    /// Appends a value or null; returns how many bytes that took.
    pub(super) fn push(&mut self, value: Option<&[u8]>) -> usize {
        match (&mut self.validity, value) {
            (Some(validity), value) => validity.push(value.is_some()),
            (none, None) => {
                let mut validity = MutableBitmap::from_len_set(self.views.len());
                validity.push(false);
                *none = Some(validity);
            }
            (None, Some(_)) => {}
        }
        let (view, bytes) = value.map_or((View::default(), 0), |value| self.view(value));
        self.views.push(view);
        VIEW + bytes
    }

    fn view(&mut self, value: &[u8]) -> (View, usize) {
        if value.len() <= View::MAX_INLINE_SIZE as usize {
            return (View::new_inline(value), 0);
        }
        let slot = (value.len() <= LONGEST_RECENT).then(|| slot(value));
        if let Some(known) = slot.and_then(|slot| self.recent.get(slot).copied().flatten())
            && self.value_of(known) == Some(value)
        {
            return (known, 0);
        }
        if u32::try_from(self.bytes.len() + value.len()).is_err() {
            self.full.push(Buffer::from_vec(std::mem::take(&mut self.bytes)));
        }
        let number = u32::try_from(self.full.len()).unwrap_or(u32::MAX);
        let view = View::new_from_bytes(value, number, u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        self.bytes.extend_from_slice(value);
        if let Some(slot) = slot {
            if self.recent.is_empty() {
                self.recent.resize(RECENT, None);
            }
            if let Some(place) = self.recent.get_mut(slot) {
                *place = Some(view);
            }
        }
        (view, value.len())
    }

    fn value_of(&self, view: View) -> Option<&[u8]> {
        if view.buffer_idx as usize != self.full.len() {
            return None;
        }
        let start = view.offset as usize;
        self.bytes.get(start..start + view.length as usize)
    }

    pub(super) fn finish<T: ViewType + ?Sized>(
        mut self,
        dtype: ArrowDataType,
    ) -> PolarsResult<BinaryViewArrayGeneric<T>> {
        self.views.shrink_to_fit();
        self.bytes.shrink_to_fit();
        if !self.bytes.is_empty() {
            self.full.push(Buffer::from_vec(self.bytes));
        }
        let validity = self.validity.map(Bitmap::from);
        BinaryViewArrayGeneric::try_new(dtype, Buffer::from_vec(self.views), Buffer::from_vec(self.full), validity)
    }
}

/// From length, beginning and end.
fn slot(value: &[u8]) -> usize {
    let word = |bytes: &[u8]| bytes.iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
    let first = value.first_chunk::<8>().map_or(0, |bytes| word(bytes));
    let last = value.last_chunk::<8>().map_or(0, |bytes| word(bytes));
    let mixed = (first ^ last.rotate_left(29) ^ value.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 56).unwrap_or(0) % RECENT
}
