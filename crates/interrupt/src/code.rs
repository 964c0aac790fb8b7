//! The pass, of functions: checks at the heads of loops and at entries, tight loops several times, and memories by their new index.

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{BlockType, Encode, Instruction};
use wasmparser::{FunctionBody, Operator};

use crate::Error;
use crate::check::Writer;
use crate::rewrite::Shift;

/// How large a function may be.
const MOST: usize = 7_654_321;
const NOP: u8 = 0x01;

/// A code section that is being rewritten.
pub struct Section<'a, 'w> {
    old: &'a [u8],
    shift: Shift,
    writer: &'w Writer,
    pub code: Vec<u8>,
    /// Offsets in `code`.
    pub positions: Vec<Position>,
    /// Of the body under way, and how many checks that has.
    places: Vec<Place<'a>>,
    checks: u32,
}
pub enum Position {
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

impl<'a, 'w> Section<'a, 'w> {
    /// Of a module up to the section's end, which has so many bytes.
    pub fn new(old: &'a [u8], bytes: usize, shift: Shift, writer: &'w Writer) -> Section<'a, 'w> {
        Section {
            old,
            shift,
            writer,
            code: Vec::with_capacity(bytes + bytes / 6),
            positions: Vec::new(),
            places: Vec::new(),
            checks: 0,
        }
    }
    /// Rewrites the next function.
    pub fn body(&mut self, function: usize, body: &FunctionBody<'a>) -> Result<(), Error> {
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
