//! The pass. What it does not have to change it copies byte by byte.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{BlockType, Encode, EntityType, Instruction, MemoryType};
use wasmparser::{
    BinaryReader, CodeSectionReader, DataKind, DataSectionReader, ExportSectionReader, ExternalKind, FunctionBody,
    ImportSectionReader, Operator, Parser, Payload, TypeRef,
};

use crate::check::Writer;
use crate::{Error, Interruptible, Options, Positions};

/// How large a function may be.
const MOST: usize = 7_654_321;
const MAGIC: usize = 8;
const NOP: u8 = 0x01;
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
struct Shift {
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
        let mut section = Section {
            old: self.bytes(0, range.end)?,
            shift: self.shift,
            writer: &writer,
            code: Vec::with_capacity(range.len() + range.len() / 6),
            positions: Vec::new(),
            places: Vec::new(),
            checks: 0,
        };
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

/// A code section that is being rewritten.
struct Section<'a, 'w> {
    old: &'a [u8],
    shift: Shift,
    writer: &'w Writer,
    code: Vec<u8>,
    /// Offsets in `code`.
    positions: Vec<Position>,
    /// Of the body under way, and how many checks that has.
    places: Vec<Place<'a>>,
    checks: u32,
}
enum Position {
    Moved { new: usize, old: usize },
    Added { new: usize, old: usize },
}
/// What has to be changed, from one place to another.
enum Place<'a> {
    /// A check comes behind what begins a loop.
    Loop {
        from: usize,
        to: usize,
    },
    /// Another memory is named.
    Memory {
        from: usize,
        to: usize,
        operator: Operator<'a>,
    },
    Tight(Tight<'a>),
}
/// A loop of few instructions without any branch but the one at its end, which goes back. There a check would cost most, so it is
/// made for several times around at once: the body stands there so many times.
struct Tight<'a> {
    /// What begins the loop.
    from: usize,
    body: usize,
    /// The branch at its end.
    branch: usize,
    to: usize,
    /// What has to be changed in the body.
    places: Vec<Place<'a>>,
}
/// How many times the body of a tight loop stands there.
const TIMES: usize = 4;
/// Up to so many bytes a loop is tight. Small enough that an offset to any place in it takes one byte, in Wasmtime's map of addresses
/// too: what comes of our positions must have room where it was.
const TIGHT: usize = 60;

impl<'a> Section<'a, '_> {
    fn body(&mut self, function: usize, body: &FunctionBody<'a>) -> Result<(), Error> {
        let range = body.range();
        let begin = body.get_operators_reader()?.original_position();
        let calls = self.find(body)?;
        // Behind a size, which is not known yet: so much room has the largest.
        let head = self.code.len();
        self.code.extend([0; 5]);
        let start = self.code.len();
        self.is_from(range.start);
        self.checks = 0;
        let mut copied = range.start;
        if calls {
            self.copy(copied, begin);
            self.check(begin);
            self.is_from(begin);
            copied = begin;
        }
        let places = std::mem::take(&mut self.places);
        copied = self.change(copied, &places)?;
        self.places = places;
        self.places.clear();
        self.copy(copied, range.end);
        let len = self.code.len() - start;
        if len > MOST {
            return Err(Error::TooLarge { function });
        }
        // The size, written with as many bytes as there is room for.
        let size: [u8; 5] = std::array::from_fn(|i| {
            let more = if i < 4 { 0x80 } else { 0 };
            ((len >> (7 * i)) & 0x7f) as u8 | more
        });
        if let Some(room) = self.code.get_mut(head..start) {
            room.copy_from_slice(&size);
        }
        Ok(())
    }

    /// Copies up to the last of these places, which are changed, and says where that ends.
    fn change(&mut self, from: usize, places: &[Place<'a>]) -> Result<usize, Error> {
        let mut copied = from;
        for place in places {
            copied = match place {
                Place::Loop { from, to } => {
                    self.copy(copied, *to);
                    self.check(*from);
                    *to
                }
                Place::Memory { from, to, operator } => {
                    self.copy(copied, *from);
                    let begin = self.code.len();
                    self.shift.instruction(operator.clone())?.encode(&mut self.code);
                    // Its numbers may have been longer than they had to be, and code must not come nearer.
                    let missing = (to - from).saturating_sub(self.code.len() - begin);
                    self.code.extend(vec![NOP; missing]);
                    *to
                }
                Place::Tight(tight) => {
                    self.copy(copied, tight.from);
                    self.tight(tight)?;
                    tight.to
                }
            };
            self.is_from(copied);
        }
        Ok(copied)
    }
    fn tight(&mut self, tight: &Tight<'a>) -> Result<(), Error> {
        let Tight {
            from,
            body,
            branch,
            to,
            ref places,
        } = *tight;
        self.positions.push(Position::Added {
            new: self.code.len(),
            old: from,
        });
        Instruction::Block(BlockType::Empty).encode(&mut self.code);
        self.copy(from, body);
        self.check(from);
        for left in (0..TIMES).rev() {
            self.is_from(body);
            let copied = self.change(body, places)?;
            self.copy(copied, branch);
            if left > 0 {
                self.positions.push(Position::Added {
                    new: self.code.len(),
                    old: branch,
                });
                Instruction::I32Eqz.encode(&mut self.code);
                Instruction::BrIf(1).encode(&mut self.code);
            }
        }
        self.is_from(branch);
        self.copy(branch, to);
        Instruction::End.encode(&mut self.code);
        Ok(())
    }

    fn copy(&mut self, from: usize, to: usize) {
        self.code.extend_from_slice(self.old.get(from..to).unwrap_or(&[]));
    }
    fn check(&mut self, old: usize) {
        self.positions.push(Position::Added {
            new: self.code.len(),
            old,
        });
        self.writer.write(self.checks, &mut self.code);
        self.checks += 1;
    }
    /// What comes next stood there.
    fn is_from(&mut self, old: usize) {
        self.positions.push(Position::Moved {
            new: self.code.len(),
            old,
        });
    }

    /// Finds the places of a body, and says whether it calls.
    fn find(&mut self, body: &FunctionBody<'a>) -> Result<bool, Error> {
        let mut calls = false;
        // A loop that may be a tight one: which of the places it is, and its branch, once that is there.
        let mut tight: Option<(usize, Option<usize>)> = None;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let from = operators.original_position();
            let operator = operators.read()?;
            let to = operators.original_position();
            match operator {
                Operator::Loop { blockty } => {
                    let is_plain = blockty == wasmparser::BlockType::Empty;
                    tight = is_plain.then_some((self.places.len(), None));
                    self.places.push(Place::Loop { from, to });
                }
                Operator::BrIf { relative_depth: 0 } => {
                    tight = tight.and_then(|(place, branch)| branch.is_none().then_some((place, Some(from))));
                }
                Operator::End => {
                    if let Some((place, Some(branch))) = tight.take() {
                        self.tighten(place, branch, to);
                    }
                }
                _ if is_call(&operator) => (calls, tight) = (true, None),
                _ => {
                    if !self.is_plain(from) || tight.is_some_and(|(_, branch)| branch.is_some()) {
                        tight = None;
                    }
                    if self.may_name_memory(from) {
                        self.places.push(Place::Memory { from, to, operator });
                    }
                }
            }
        }
        Ok(calls)
    }
    /// Makes a tight loop of the one at a place, if it is small enough.
    fn tighten(&mut self, place: usize, branch: usize, to: usize) {
        let Some(Place::Loop { from, to: body }) = self.places.get(place) else {
            return;
        };
        let (from, body) = (*from, *body);
        if to - from > TIGHT {
            return;
        }
        let places = self.places.split_off(place + 1);
        self.places.pop();
        self.places.push(Place::Tight(Tight {
            from,
            body,
            branch,
            to,
            places,
        }));
    }
    /// Whether the instruction there does no more than to compute: with locals, globals, memory and numbers.
    fn is_plain(&self, at: usize) -> bool {
        matches!(self.old.get(at), Some(0x1a | 0x1b | 0x20..=0x24 | 0x28..=0xc4 | 0xfd))
    }
    /// Whether the instruction there is one of those that may name a memory: loads, stores, `memory.size` and `memory.grow`, and what
    /// has a prefix, except for that of garbage collected objects.
    fn may_name_memory(&self, at: usize) -> bool {
        matches!(self.old.get(at), Some(0x28..=0x40 | 0xfc..=0xfe))
    }
}

/// Whether an instruction goes to another function.
pub fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}
