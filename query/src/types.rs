//! The types of columns and expressions (INTERFACES section 2).

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// Nanoseconds since the epoch, UTC.
    Time,
    /// Nanoseconds, signed.
    Duration,
    /// A count of bytes.
    Bytes,
    /// 16-bit number.
    U16,
    /// 32-bit number.
    U32,
    /// 64-bit number.
    U64,
    /// Signed 64-bit number.
    I64,
    /// Floating-point number.
    F64,
    /// True or false.
    Bool,
    /// Text.
    String,
    /// IPv4 or IPv6 address, or the path of a Unix socket.
    Ip,
    /// A list of texts.
    ListString,
    /// Header fields in wire order: name and value.
    Headers,
    /// Bytes.
    Blob,
    /// The literal `null`, which goes with every type.
    Null,
}

impl Type {
    /// As users write and read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Ip => "ip",
            Self::ListString => "list<string>",
            Self::Headers => "headers",
            Self::Blob => "blob",
            Self::Null => "null",
        }
    }

    /// As in "this is a duration, that an ip".
    #[must_use]
    pub fn described(self) -> String {
        match self {
            Self::Bytes | Self::Headers | Self::Null => self.name().to_owned(),
            Self::I64 | Self::F64 | Self::Ip => format!("an {self}"),
            _ => format!("a {self}"),
        }
    }

    /// In which unit values are stored and written; none for plain numbers and text.
    #[must_use]
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::Time | Self::Duration => Some("ns"),
            Self::Bytes => Some("By"),
            _ => None,
        }
    }

    /// Whether it is a number, a count of bytes or a duration: right-aligned on screens.
    #[must_use]
    pub fn is_numeric(self) -> bool {
        self.is_number() || matches!(self, Self::Duration | Self::Bytes)
    }

    /// Whether it is a plain number, without unit.
    #[must_use]
    pub fn is_number(self) -> bool {
        self.is_integer() || self == Self::F64
    }

    /// Whether it is a whole number without unit.
    #[must_use]
    pub fn is_integer(self) -> bool {
        matches!(self, Self::U16 | Self::U32 | Self::U64 | Self::I64)
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
