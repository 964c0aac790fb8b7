//! Whether an artifact fits, and if not why: before Wasmtime looks at it, which says so in words alone.

use alloc::string::String;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use object::Endianness;
use object::elf::{FileHeader64, SHT_SYMTAB};
use object::read::elf::{FileHeader, SectionHeader, SectionTable, Sym};

use crate::config::WASMTIME;
use crate::cpu;
use crate::error::{
    CWASM_CPU, CWASM_DAMAGED, CWASM_NOT_AN_ARTIFACT, CWASM_PROFILE, CWASM_TARGET, CWASM_VERSION, Failure,
};
use crate::metadata;

/// The one of zip and gzip.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
const WASMTIME_OS_ABI: u8 = 200;
const COMPONENT: u32 = 2;
const ENGINE_SECTION: &[u8] = b".wasmtime.engine";

/// What an engine runs.
pub struct Wanted<'a> {
    /// The version of Wasmtime, `+`, and the profile.
    pub stamp: &'a str,
    pub target: &'a str,
    pub pulley: bool,
}

/// What the ELF image before our own block says.
struct Image<'a> {
    stamp: &'a str,
    checksum: u32,
    is_component: bool,
    /// Whether it calls functions of Wasmtime that take floats.
    floats: bool,
}

impl Wanted<'_> {
    /// Whether an engine can load it, as far as its head and our block tell.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Failure> {
        let fail = |code, text| Err(Failure::Text(code, text));
        if bytes.starts_with(b"\0asm") {
            return fail(
                CWASM_NOT_AN_ARTIFACT,
                "this is a .wasm: compile it with `cwasm compile`",
            );
        }
        let Some(image) = Image::read(bytes) else {
            return fail(CWASM_NOT_AN_ARTIFACT, "these bytes are no artifact, or a damaged one");
        };
        let named = |code, text, name| Err(Failure::Named(code, text, String::from(name)));
        let (version, profile) = image.stamp.split_once('+').unwrap_or((image.stamp, ""));
        if version != WASMTIME || profile.is_empty() {
            return named(
                CWASM_VERSION,
                "this runs Wasmtime 48.0.8's artifacts, stamped by cwasm, not",
                image.stamp,
            );
        }
        let Ok(Some(found)) = metadata::find(bytes, |block| CRC.checksum(block)) else {
            return fail(
                CWASM_DAMAGED,
                "the artifact is damaged: its end is missing or was changed",
            );
        };
        if found.head != image.checksum {
            return fail(CWASM_DAMAGED, "the artifact is damaged: its head was changed");
        }
        if image.is_component {
            return fail(CWASM_NOT_AN_ARTIFACT, "this is a component, not a module");
        }
        if image.stamp != self.stamp {
            return named(
                CWASM_PROFILE,
                "the artifact has another profile than this engine",
                profile,
            );
        }
        let target = found.block.setting("target").unwrap_or("");
        if target != self.target {
            return named(CWASM_TARGET, "the artifact is for another target", target);
        }
        let needs = found.block.setting("cpu").unwrap_or("").split(',');
        let missing = |name: &&str| !self.pulley && !name.is_empty() && !cpu::has(name);
        if let Some(name) = needs.into_iter().find(missing) {
            return named(CWASM_CPU, "the CPU lacks what the artifact needs", name);
        }
        if image.floats && !self.pulley {
            return fail(
                CWASM_CPU,
                "the artifact rounds floats by calls: compile it with `--cpu x86-64-v2`",
            );
        }
        Ok(())
    }
}

impl<'a> Image<'a> {
    fn read(bytes: &'a [u8]) -> Option<Image<'a>> {
        let header = FileHeader64::<Endianness>::parse(bytes).ok()?;
        if header.e_ident().os_abi != WASMTIME_OS_ABI {
            return None;
        }
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, bytes).ok()?;
        let is_engine = |section: &&_| sections.section_name(endian, *section) == Ok(ENGINE_SECTION);
        // Wasmtime takes the last of several.
        if sections.iter().filter(is_engine).count() != 1 {
            return None;
        }
        let (_, section) = sections.section_by_name(endian, ENGINE_SECTION)?;
        let engine = section.data(endian, bytes).ok()?;
        // A format version, a length, and so many bytes of text.
        let [0, len, rest @ ..] = engine else { return None };
        let stamp = core::str::from_utf8(rest.get(..usize::from(*len))?).ok()?;
        let table = usize::try_from(header.e_shoff(endian)).ok()?;
        let table_len = usize::from(header.e_shnum(endian)) * usize::from(header.e_shentsize(endian));
        let mut checksum = CRC.digest();
        checksum.update(bytes.get(..64)?);
        checksum.update(bytes.get(table..)?.get(..table_len)?);
        checksum.update(engine);
        Some(Image {
            stamp,
            checksum: checksum.finalize(),
            is_component: header.e_flags(endian) & COMPONENT != 0,
            floats: floats(endian, &sections, bytes)?,
        })
    }
}

/// Whether any of its symbols is one of [`cpu::FLOATS`]: the compiler writes those that are called. Profiles don't leave symbols out.
fn floats(endian: Endianness, sections: &SectionTable<'_, FileHeader64<Endianness>>, bytes: &[u8]) -> Option<bool> {
    if cpu::FLOATS.is_empty() {
        return Some(false);
    }
    let symbols = sections.symbols(endian, bytes, SHT_SYMTAB).ok()?;
    let is_float = |name: &[u8]| cpu::FLOATS.iter().any(|known| known.as_bytes() == name);
    for symbol in symbols.iter() {
        if is_float(symbol.name(endian, symbols.strings()).ok()?) {
            return Some(true);
        }
    }
    Some(false)
}
