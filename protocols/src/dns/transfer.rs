//! Where a zone transfer ends: AXFR (RFC 5936, 2.2) and IXFR (RFC 1995, 4).

use super::message::Message;
use super::registry::{AXFR, IXFR, SOA};

/// A transfer under way. Its first record is the zone's SOA; counting that SOA's later copies tells the end.
#[derive(Debug)]
pub(super) struct Transfer {
    incremental: bool,
    /// The new serial, once seen.
    serial: Option<u32>,
    records: u64,
    /// Records that are a SOA with the new serial.
    copies: u32,
    /// IXFR: the second record is an older SOA, so that differences follow rather than the whole zone.
    differences: bool,
}

impl Transfer {
    /// Null if `rtype` asks for no transfer.
    pub(super) fn begin(rtype: u16) -> Option<Self> {
        let incremental = match rtype {
            AXFR => false,
            IXFR => true,
            _ => return None,
        };
        Some(Self { incremental, serial: None, records: 0, copies: 0, differences: false })
    }

    /// Counts a message; whether more belong to the transfer.
    pub(super) fn goes_on(&mut self, message: &Message<'_>) -> bool {
        if message.rcode() != 0 || (self.records == 0 && message.answers.is_empty()) {
            return false;
        }
        for answer in &message.answers {
            let serial = if answer.rtype == SOA { message.serial(answer) } else { None };
            match self.records {
                0 => self.serial = serial,
                1 => self.differences = self.incremental && serial.is_some() && serial != self.serial,
                _ => {}
            }
            if serial.is_some() && serial == self.serial {
                self.copies = self.copies.saturating_add(1);
            }
            self.records = self.records.saturating_add(1);
        }
        // IXFR, up to date: the SOA alone. Differences: the new SOA also stands before the last additions.
        let up_to_date = self.incremental && self.records == 1;
        let last = if self.differences { 3 } else { 2 };
        self.serial.is_some() && !up_to_date && self.copies < last
    }
}
