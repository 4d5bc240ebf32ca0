//! LOC (RFC 1876): a place on earth.

use crate::dns::wire::{Fault, Reader};
use crate::dns::zone_text::Text;

/// The equator and the prime meridian.
const MIDDLE: i64 = 1 << 31;
/// Altitudes count centimetres from 100 km below the WGS 84 spheroid.
const LOWEST_CM: i64 = 10_000_000;

pub(super) fn write(reader: &mut Reader<'_>, text: &mut Text) -> Result<(), Fault> {
    if reader.u8()? != 0 {
        return Err(Fault::Invalid);
    }
    let (size, horizontal, vertical) = (reader.u8()?, reader.u8()?, reader.u8()?);
    angle(reader.u32()?, 90, ['N', 'S'], text)?;
    angle(reader.u32()?, 180, ['E', 'W'], text)?;
    let altitude = i64::from(reader.u32()?).saturating_sub(LOWEST_CM);
    let sign = if altitude < 0 { "-" } else { "" };
    let (metres, centimetres) = split(altitude.unsigned_abs(), 100);
    text.word(&format!("{sign}{metres}.{centimetres:02}m"));
    for distance in [size, horizontal, vertical] {
        text.word(&precision(distance)?);
    }
    Ok(())
}

/// Thousandths of a second of arc as degrees, minutes and seconds.
fn angle(value: u32, limit: u64, sides: [char; 2], text: &mut Text) -> Result<(), Fault> {
    let from_middle = i64::from(value).saturating_sub(MIDDLE);
    let [positive, negative] = sides;
    let side = if from_middle < 0 { negative } else { positive };
    let (seconds, thousandths) = split(from_middle.unsigned_abs(), 1000);
    let (minutes, seconds) = split(seconds, 60);
    let (degrees, minutes) = split(minutes, 60);
    if degrees > limit {
        return Err(Fault::Invalid);
    }
    text.word(&format!("{degrees} {minutes} {seconds}.{thousandths:03} {side}"));
    Ok(())
}

/// Four bits of mantissa, four of a power of ten, in centimetres.
fn precision(byte: u8) -> Result<String, Fault> {
    let (mantissa, exponent) = (u64::from(byte >> 4), u32::from(byte & 0xf));
    if mantissa > 9 || exponent > 9 {
        return Err(Fault::Invalid);
    }
    let centimetres = mantissa.saturating_mul(10_u64.saturating_pow(exponent));
    Ok(match split(centimetres, 100) {
        (metres, 0) if exponent > 1 => format!("{metres}m"),
        (metres, centimetres) => format!("{metres}.{centimetres:02}m"),
    })
}

fn split(value: u64, by: u64) -> (u64, u64) {
    (value.checked_div(by).unwrap_or_default(), value.checked_rem(by).unwrap_or_default())
}
