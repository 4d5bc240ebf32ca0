//! Where the members of kernel structures are: a reader of the running kernel's type information.
//!
//! Format: Linux Documentation/bpf/btf.rst. Only what a member's offset needs is read.

use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Where the kernel shows its type information.
pub(crate) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
/// How deep types may nest before the data is taken for damaged.
const DEPTH: usize = 16;

const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_TYPEDEF: u32 = 8;

/// Type information.
pub(crate) struct Btf {
    /// Type section.
    types: Vec<u8>,
    /// String section.
    strings: Vec<u8>,
    /// Byte offset of each type; number 0 is `void`.
    index: Vec<usize>,
    /// Structures and unions by name.
    structures: HashMap<String, Vec<u32>>,
    /// Raw tracepoints: each has a type `btf_trace_NAME`.
    tracepoints: HashSet<String>,
}

/// Why type information could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BtfError(pub(crate) String);

impl Btf {
    /// The running kernel's.
    pub(crate) fn of_kernel() -> Result<Self, BtfError> {
        let data = std::fs::read(Path::new(VMLINUX)).map_err(|error| BtfError(format!("{VMLINUX}: {error}")))?;
        Self::parse(&data)
    }

    /// Reads the raw form.
    pub(crate) fn parse(data: &[u8]) -> Result<Self, BtfError> {
        let damaged = || BtfError("type information is damaged".to_owned());
        let half = |at: usize| data.get(at..at + 2).map(|b| u16::from_ne_bytes([b[0], b[1]]));
        if half(0).ok_or_else(damaged)? != MAGIC {
            return Err(BtfError("not type information of this machine's byte order".to_owned()));
        }
        let field = |at: usize| word(data, at).map(|value| value as usize);
        let header = field(4).ok_or_else(damaged)?;
        let section = |offset: Option<usize>, len: Option<usize>| {
            let start = header.checked_add(offset?)?;
            data.get(start..start.checked_add(len?)?).map(<[u8]>::to_vec)
        };
        let types = section(field(8), field(12)).ok_or_else(damaged)?;
        let strings = section(field(16), field(20)).ok_or_else(damaged)?;
        let mut btf = Self { types, strings, index: vec![0], structures: HashMap::new(), tracepoints: HashSet::new() };
        btf.build_index().ok_or_else(damaged)?;
        Ok(btf)
    }

    /// Byte offset of a member of a structure; `path` has dots between nested members, and goes through anonymous
    /// structures and unions by itself.
    pub(crate) fn offset(&self, structure: &str, path: &str) -> Option<u32> {
        self.structures.get(structure)?.iter().find_map(|&id| {
            let (mut id, mut bits) = (id, 0u32);
            for name in path.split('.') {
                let (offset, member) = self.member(id, name, DEPTH)?;
                bits = bits.checked_add(offset)?;
                id = member;
            }
            Some(bits / 8)
        })
    }

    /// Whether this kernel has a tracepoint of that name.
    pub(crate) fn has_tracepoint(&self, name: &str) -> bool {
        self.tracepoints.contains(name)
    }

    fn build_index(&mut self) -> Option<()> {
        let mut at = 0;
        while at < self.types.len() {
            let info = word(&self.types, at + 4)?;
            let (kind, members) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
            if matches!(kind, KIND_STRUCT | KIND_UNION) {
                let id = u32::try_from(self.index.len()).ok()?;
                let name = self.string(word(&self.types, at)?)?.to_owned();
                self.structures.entry(name).or_default().push(id);
            }
            if kind == KIND_TYPEDEF
                && let Some(name) = self.string(word(&self.types, at)?)?.strip_prefix("btf_trace_")
            {
                self.tracepoints.insert(name.to_owned());
            }
            self.index.push(at);
            at += 12 + extra(kind, members)?;
        }
        (at == self.types.len()).then_some(())
    }

    /// Offset in bits and type of a member.
    fn member(&self, id: u32, name: &str, depth: usize) -> Option<(u32, u32)> {
        let depth = depth.checked_sub(1)?;
        let at = *self.index.get(self.resolve(id)? as usize)?;
        let info = word(&self.types, at + 4)?;
        if !matches!(info >> 24 & 0x1f, KIND_STRUCT | KIND_UNION) {
            return None;
        }
        let bit_fields = info >> 31 != 0;
        for nth in 0..(info & 0xffff) as usize {
            let member = at + 12 + nth * 12;
            let own = self.string(word(&self.types, member)?)?;
            let kind = word(&self.types, member + 4)?;
            let raw = word(&self.types, member + 8)?;
            let offset = if bit_fields { raw & 0x00ff_ffff } else { raw };
            if own == name {
                return Some((offset, kind));
            }
            if own.is_empty()
                && let Some((inner, kind)) = self.member(kind, name, depth)
            {
                return Some((offset.checked_add(inner)?, kind));
            }
        }
        None
    }

    /// Looks through names and qualifiers.
    fn resolve(&self, mut id: u32) -> Option<u32> {
        for _ in 0..DEPTH {
            let at = *self.index.get(id as usize)?;
            if id == 0 {
                return None;
            }
            let kind = word(&self.types, at + 4)? >> 24 & 0x1f;
            // typedef, volatile, const, restrict, type tag
            if !matches!(kind, 8..=11 | 18) {
                return Some(id);
            }
            id = word(&self.types, at + 8)?;
        }
        None
    }

    fn string(&self, offset: u32) -> Option<&str> {
        let rest = self.strings.get(offset as usize..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }
}

/// Bytes behind a type's first twelve.
fn extra(kind: u32, members: usize) -> Option<usize> {
    Some(match kind {
        1 | 14 | 17 => 4,
        2 | 7..=12 | 16 | 18 => 0,
        3 => 12,
        4 | 5 | 15 | 19 => members * 12,
        6 | 13 => members * 8,
        _ => return None,
    })
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `struct outer { int a; union { int b; struct inner { int c:8; int d; } i; }; }` by hand.
    fn sample() -> Vec<u8> {
        let strings = b"\0outer\0a\0b\0inner\0d\0int\0i\0";
        let name = |text: &str| {
            let needle = format!("\0{text}\0");
            let found = strings.windows(needle.len()).position(|window| window == needle.as_bytes());
            u32::try_from(found.expect("in the strings") + 1).expect("small")
        };
        let mut types = Vec::new();
        let mut push = |words: &[u32]| words.iter().for_each(|word| types.extend(word.to_ne_bytes()));
        push(&[name("int"), 1 << 24, 4, 32]); // 1
        push(&[name("inner"), 4 << 24 | 1 << 31 | 1, 8, name("d"), 1, 32]); // 2
        push(&[0, 5 << 24 | 2, 8, name("b"), 1, 0, name("i"), 4, 0]); // 3
        push(&[0, 10 << 24, 2]); // 4: const inner
        push(&[name("outer"), 4 << 24 | 2, 12, name("a"), 1, 0, 0, 3, 32]); // 5
        let mut data = Vec::new();
        data.extend(MAGIC.to_ne_bytes());
        data.extend([1, 0]);
        let lengths = [24, 0, types.len(), types.len(), strings.len()];
        lengths.iter().for_each(|len| data.extend(u32::try_from(*len).expect("small").to_ne_bytes()));
        data.extend(types);
        data.extend(strings);
        data
    }

    #[test]
    fn members_are_found_through_unions_and_qualifiers() {
        let btf = Btf::parse(&sample()).expect("whole");
        assert_eq!(btf.offset("outer", "a"), Some(0));
        assert_eq!(btf.offset("outer", "b"), Some(4));
        assert_eq!(btf.offset("outer", "i"), Some(4));
        assert_eq!(btf.offset("outer", "i.d"), Some(8));
        assert_eq!(btf.offset("outer", "d"), None);
        assert_eq!(btf.offset("int", "a"), None);
    }

    #[test]
    fn damage_is_an_error_never_a_panic() {
        let whole = sample();
        for cut in 0..whole.len() {
            assert!(Btf::parse(&whole[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            if let Ok(btf) = Btf::parse(&changed) {
                let _ = btf.offset("outer", "i.d");
            }
        }
    }
}
