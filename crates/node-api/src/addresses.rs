//! [feature `cranelift`] Wasmtime's map from machine code to places in the wasm, which frames of traps and debuggers have from it: where
//! code has moved before it was compiled, the map is made to say where it was.
//!
//! The format is Wasmtime's own (`AddressMapSection` in wasmtime-environ): how many entries and blocks there are, the offset of each
//! block's first entry in the code and its place in what follows, and the blocks, of 128 entries each. An entry is the distance to the
//! one before in the code, doubled, plus one where it has no place in the wasm; else that follows, the first of a block as it is, the
//! others as distances.

use std::ops::Range;

use cwasm_interrupt::Positions;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, elf};

use crate::error::{Error, Result};

const SECTION: &[u8] = b".wasmtime.addrmap";
const BLOCK: usize = 128;

/// Rewrites the map of an image, in which distances only get shorter.
pub fn translate(image: &mut [u8], positions: &Positions) -> Result<()> {
    let wrong = || Error::internal("Wasmtime has written a map of addresses that we can't read");
    let Some(range) = section(image).ok_or_else(wrong)? else {
        return Ok(());
    };
    let section = image.get_mut(range).ok_or_else(wrong)?;
    let written = translated(section, positions).ok_or_else(wrong)?;
    match section.split_at_mut_checked(written.len()) {
        Some((new, rest)) => {
            new.copy_from_slice(&written);
            rest.fill(0);
        }
        // A map without entries: rather no places than a module that does not compile.
        None => section.fill(0),
    }
    Ok(())
}

/// Where the map is; a stripped image has none.
fn section(image: &[u8]) -> Option<Option<Range<usize>>> {
    let header = FileHeader64::<Endianness>::parse(image).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, image).ok()?;
    let Some((_, found)) = sections.section_by_name(endian, SECTION) else {
        return Some(None);
    };
    debug_assert_ne!(found.sh_type(endian), elf::SHT_NOBITS);
    let (start, len) = found.file_range(endian)?;
    let start = usize::try_from(start).ok()?;
    Some(Some(start..start + usize::try_from(len).ok()?))
}

fn translated(section: &[u8], positions: &Positions) -> Option<Vec<u8>> {
    let number = |at: usize| Some(u32::from_le_bytes(*section.get(at..)?.first_chunk::<4>()?));
    let (entries, blocks) = (number(0)? as usize, number(4)? as usize);
    let bodies = 8 + 8 * blocks;
    let mut all = section.get(..bodies)?.to_vec();
    all.reserve(section.len() - bodies);
    for block in 0..blocks {
        let mut from = section.get(bodies + number(8 + 8 * block + 4)? as usize..)?;
        let at = u32::try_from(all.len() - bodies).ok()?;
        all.get_mut(8 + 8 * block + 4..)?
            .first_chunk_mut::<4>()?
            .copy_from_slice(&at.to_le_bytes());
        let (mut old, mut new): (Option<u32>, Option<u32>) = (None, None);
        for _ in 0..BLOCK.min(entries.checked_sub(BLOCK * block)?) {
            let token = read(&mut from)?;
            write(&mut all, token);
            if token & 1 != 0 {
                continue;
            }
            let found = match old {
                None => u32::try_from(read(&mut from)?).ok()?,
                Some(last) => last.checked_add_signed(i32::try_from(read_signed(&mut from)?).ok()?)?,
            };
            let place = positions.original(found);
            match new {
                None => write(&mut all, place.into()),
                Some(last) => write_signed(&mut all, i64::from(place) - i64::from(last)),
            }
            (old, new) = (Some(found), Some(place));
        }
    }
    Some(all)
}

fn read(from: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
}
fn read_signed(from: &mut &[u8]) -> Option<i64> {
    let before = *from;
    let number = read(from)? as i64;
    let unused = 64u32.saturating_sub(7 * (before.len() - from.len()) as u32);
    Some((number << unused) >> unused)
}
fn write(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
fn write_signed(to: &mut Vec<u8>, mut number: i64) {
    while !(-0x40..0x40).contains(&number) {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8 & 0x7f);
}
