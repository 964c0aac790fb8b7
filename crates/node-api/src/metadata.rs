//! What we write behind an artifact's ELF image, where Wasmtime does not look: what it was compiled from and with, readable
//! without loading it, and by any version. docs/artifacts.md describes the format.

use core::ops::Range;

use object::read::ReadRef;

/// The end of every artifact of ours.
pub const MAGIC: &[u8; 8] = b"\0cwasm\r\n";
pub const FORMAT: u32 = 1;
pub const FOOTER: usize = 40;

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `name=value` lines: what decides whether the artifact loads.
    Settings = 1,
    /// JSON: what else is known of it.
    Facts = 2,
    /// A custom section of the module, with its name.
    Custom = 3,
    /// Where the functions begin in a module whose code has moved ([`crate::interruption::Starts`]).
    Starts = 4,
}

/// Entries, one after the other: kind, length of the name, length of the data, name, data.
#[derive(Clone, Copy)]
pub struct Block<'a>(&'a [u8]);

/// A block as it stands in an artifact.
pub struct Found<'a> {
    pub block: Block<'a>,
    /// The checksum of the header, the sections and the stamp of the ELF image before it.
    pub head: u32,
}

impl<'a> Block<'a> {
    /// Entries until the first that makes no sense.
    fn entries(self) -> impl Iterator<Item = (u32, &'a [u8], &'a [u8])> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (kind, after) = rest.split_first_chunk::<4>()?;
            let (name_len, after) = after.split_first_chunk::<4>()?;
            let (len, after) = after.split_first_chunk::<8>()?;
            let name_len = u32::from_le_bytes(*name_len) as usize;
            let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
            let (name, after) = after.split_at_checked(name_len)?;
            let (data, after) = after.split_at_checked(len)?;
            rest = after;
            Some((u32::from_le_bytes(*kind), name, data))
        })
    }
    fn all(self, kind: Kind) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.entries()
            .filter(move |(found, ..)| *found == kind as u32)
            .map(|(_, name, data)| (name, data))
    }
    fn text(self, kind: Kind) -> &'a str {
        let data = self.all(kind).next().map_or(&[][..], |(_, data)| data);
        core::str::from_utf8(data).unwrap_or("")
    }
    /// All `name=value` lines.
    pub fn settings(self) -> &'a str {
        self.text(Kind::Settings)
    }
    /// The value of one of them.
    pub fn setting(self, name: &str) -> Option<&'a str> {
        let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix('=');
        self.settings().lines().find_map(value)
    }
    /// JSON.
    pub fn facts(self) -> &'a str {
        self.text(Kind::Facts)
    }
    pub fn starts(self) -> Option<&'a [u8]> {
        self.all(Kind::Starts).next().map(|(_, data)| data)
    }
    /// The data of each custom section of this name.
    pub fn custom(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.all(Kind::Custom)
            .filter(move |(found, _)| *found == name.as_bytes())
            .map(|(_, data)| data)
    }
    /// Name and length of every custom section.
    pub fn customs(self) -> impl Iterator<Item = (&'a [u8], usize)> {
        self.all(Kind::Custom).map(|(name, data)| (name, data.len()))
    }
}

/// Finds the block at the end of an artifact. `checksum` is CRC-32, which crates/min-platform has without a table. None where there is none, `Err` where there was one.
pub fn find<'a, R: ReadRef<'a>>(data: R, checksum: impl Fn(&[u8]) -> u32) -> Result<Option<Found<'a>>, ()> {
    let len = data.len()?;
    let Some(start) = len.checked_sub(FOOTER as u64) else {
        return Ok(None);
    };
    let footer = data.read_bytes_at(start, FOOTER as u64)?;
    let number = |at: Range<usize>| footer.get(at).ok_or(());
    let long = |at: usize| Ok::<_, ()>(u64::from_le_bytes(number(at..at + 8)?.try_into().map_err(drop)?));
    let short = |at: usize| Ok::<_, ()>(u32::from_le_bytes(number(at..at + 4)?.try_into().map_err(drop)?));
    if number(32..40)? != MAGIC {
        return Ok(None);
    }
    let (image, length) = (long(0)?, long(8)?);
    if short(24)? != FORMAT || short(28)? != 0 || image.checked_add(length) != Some(start) {
        return Err(());
    }
    let block = data.read_bytes_at(image, length)?;
    if checksum(block) != short(16)? {
        return Err(());
    }
    Ok(Some(Found {
        block: Block(block),
        head: short(20)?,
    }))
}

/// The block in an artifact that was checked when it was loaded.
pub fn in_image(image: &[u8]) -> Option<Block<'_>> {
    let (rest, footer) = image.split_last_chunk::<FOOTER>()?;
    if footer.get(32..)? != MAGIC {
        return None;
    }
    let start = u64::from_le_bytes(footer.get(..8)?.try_into().ok()?);
    Some(Block(rest.get(usize::try_from(start).ok()?..)?))
}
