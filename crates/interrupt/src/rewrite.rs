//! The pass, section by section; [`crate::code`] has what it does to functions. What it does not have to change it copies byte by byte.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{Encode, EntityType, MemoryType};
use wasmparser::{
    BinaryReader, CodeSectionReader, DataKind, DataSectionReader, ExportSectionReader, ExternalKind,
    ImportSectionReader, Parser, Payload, TypeRef,
};

use crate::check::Writer;
use crate::code::{Position, Section};
use crate::{Error, Interruptible, Options, Positions};

const MAGIC: usize = 8;
/// Ids of sections.
const TYPE: u8 = 1;
const IMPORT: u8 = 2;
const EXPORT: u8 = 7;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// A module that is being rewritten.
struct Rewrite<'a> {
    old: &'a [u8],
    new: Vec<u8>,
    options: Options,
    shift: Shift,
    positions: Positions,
    starts: Vec<u32>,
    has_imports: bool,
}

/// The memories a module defines have an index more than before: what is imported comes first.
#[derive(Clone, Copy)]
pub struct Shift {
    /// The index of the new memory.
    memory: u32,
}

impl Shift {
    fn shifted(self, memory: u32) -> u32 {
        if memory < self.memory { memory } else { memory + 1 }
    }
}
impl Reencode for Shift {
    type Error = Infallible;
    fn memory_index(&mut self, memory: u32) -> Result<u32, reencode::Error<Infallible>> {
        Ok(self.shifted(memory))
    }
}

impl From<reencode::Error<Infallible>> for Error {
    fn from(error: reencode::Error<Infallible>) -> Error {
        Error::Invalid(error.to_string())
    }
}

pub fn module(wasm: &[u8], options: Options) -> Result<Interruptible, Error> {
    let mut rewrite = Rewrite {
        old: wasm,
        new: Vec::with_capacity(wasm.len() + wasm.len() / 8),
        options,
        shift: Shift {
            memory: imported_memories(wasm, options)?,
        },
        positions: Positions::default(),
        starts: Vec::new(),
        has_imports: false,
    };
    rewrite.copy(0, MAGIC)?;
    let mut end = MAGIC;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        let header = std::mem::replace(&mut end, range.end);
        // Before every section that comes after the types and is no custom one.
        if !rewrite.has_imports && !matches!(id, 0 | TYPE | IMPORT) {
            rewrite.add_imports();
        }
        match payload {
            Payload::ImportSection(imports) => rewrite.imports(&imports)?,
            Payload::ExportSection(exports) => rewrite.exports(exports)?,
            Payload::DataSection(data) => rewrite.data(data)?,
            Payload::CodeSectionStart { range, .. } => {
                rewrite.keep_back(range.start);
                rewrite.code(CodeSectionReader::new(BinaryReader::new(
                    rewrite.bytes(range.start, range.end)?,
                    range.start,
                ))?)?;
            }
            _ => rewrite.copy(header, range.end)?,
        }
    }
    if !rewrite.has_imports {
        rewrite.add_imports();
    }
    Ok(Interruptible {
        wasm: rewrite.new,
        positions: rewrite.positions,
        starts: rewrite.starts,
    })
}

fn imported_memories(wasm: &[u8], options: Options) -> Result<u32, Error> {
    let mut memories = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    if import.module == options.import.0 {
                        return Err(Error::Invalid(format!(
                            "nothing can be imported from '{}'",
                            import.module
                        )));
                    }
                    memories += u32::from(matches!(import.ty, TypeRef::Memory(_)));
                }
                break;
            }
            Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    Ok(memories)
}

impl<'a> Rewrite<'a> {
    fn bytes(&self, from: usize, to: usize) -> Result<&'a [u8], Error> {
        let bytes = self.old.get(from..to);
        bytes.ok_or_else(|| Error::Invalid("a section is not where it says".into()))
    }
    fn copy(&mut self, from: usize, to: usize) -> Result<(), Error> {
        self.new.extend_from_slice(self.bytes(from, to)?);
        Ok(())
    }
    /// A section of so many entries.
    fn section(&mut self, id: u8, count: u32, entries: &[u8]) {
        let mut head = Vec::new();
        count.encode(&mut head);
        self.new.push(id);
        (head.len() + entries.len()).encode(&mut self.new);
        self.new.extend(head);
        self.new.extend(entries);
    }

    fn import(&self) -> Vec<u8> {
        let mut entry = Vec::new();
        let (module, name) = self.options.import;
        module.encode(&mut entry);
        name.encode(&mut entry);
        let memory = EntityType::Memory(MemoryType {
            minimum: 1,
            maximum: Some(1),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        memory.encode(&mut entry);
        entry
    }
    fn add_imports(&mut self) {
        self.has_imports = true;
        let import = self.import();
        self.section(IMPORT, 1, &import);
    }
    fn imports(&mut self, imports: &ImportSectionReader<'a>) -> Result<(), Error> {
        self.has_imports = true;
        // Behind the count, as they are.
        let (from, to) = (imports.original_position(), imports.range().end);
        let mut entries = self.bytes(from, to)?.to_vec();
        entries.extend(self.import());
        self.section(IMPORT, imports.count() + 1, &entries);
        Ok(())
    }

    fn exports(&mut self, exports: ExportSectionReader<'a>) -> Result<(), Error> {
        let (count, mut entries) = (exports.count(), Vec::new());
        for export in exports.into_iter_with_offsets() {
            let (at, export) = export?;
            if export.kind != ExternalKind::Memory {
                // The kind may be newer than the encoder.
                entries.extend(self.entry(at, export.name, export.index)?);
                continue;
            }
            export.name.encode(&mut entries);
            entries.push(0x02);
            self.shift.shifted(export.index).encode(&mut entries);
        }
        self.section(EXPORT, count, &entries);
        Ok(())
    }
    /// Another export, which has the kind that stands behind its name.
    fn entry(&self, at: usize, name: &str, index: u32) -> Result<Vec<u8>, Error> {
        let mut entry = Vec::new();
        name.encode(&mut entry);
        let mut reader = BinaryReader::new(self.bytes(at, self.old.len())?, at);
        reader.read_string()?;
        entry.push(reader.read_u8()?);
        index.encode(&mut entry);
        Ok(entry)
    }

    fn data(&mut self, data: DataSectionReader<'a>) -> Result<(), Error> {
        let (count, mut entries) = (data.count(), Vec::new());
        for segment in data {
            let segment = segment?;
            match segment.kind {
                DataKind::Passive => entries.push(0x01),
                DataKind::Active {
                    memory_index,
                    offset_expr,
                } => {
                    match self.shift.shifted(memory_index) {
                        0 => entries.push(0x00),
                        index => {
                            entries.push(0x02);
                            index.encode(&mut entries);
                        }
                    }
                    let range = offset_expr.get_binary_reader().range();
                    entries.extend(self.bytes(range.start, range.end)?);
                }
            }
            segment.data.encode(&mut entries);
        }
        self.section(DATA, count, &entries);
        Ok(())
    }

    /// What comes next may not be nearer to the start of the module than that: sections before it may have got shorter.
    fn keep_back(&mut self, from: usize) {
        let missing = from.saturating_sub(self.new.len());
        if missing > 0 {
            // A custom section without a name.
            self.new.push(0);
            (missing + 1).encode(&mut self.new);
            self.new.extend(vec![0; missing + 1]);
        }
    }
    fn code(&mut self, bodies: CodeSectionReader<'a>) -> Result<(), Error> {
        let count = bodies.count();
        let writer = Writer::new(self.options, self.shift.memory);
        let range = bodies.range();
        let mut section = Section::new(self.bytes(0, range.end)?, range.len(), self.shift, &writer);
        for (function, body) in bodies.into_iter().enumerate() {
            let body = body?;
            self.starts.push(body.range().start as u32);
            section.body(function, &body)?;
        }
        self.section(CODE, count, &section.code);
        let begin = self.new.len() - section.code.len();
        for place in section.positions {
            match place {
                Position::Moved { new, old } => self.positions.moved(begin + new, old),
                Position::Added { new, old } => self.positions.added(begin + new, old),
            }
        }
        Ok(())
    }
}
