//! One check: how it is written, and how it is told from other code.

use wasm_encoder::{Encode, Instruction, MemArg};
use wasmparser::{Operator, OperatorsReader};

use crate::{Error, Form, Options, PAGE};

/// How many checks of a function read a byte of their own. A compiler may take two loads of the same address for one where nothing
/// between them writes: then a loop would be left without.
const OWN: u32 = PAGE as u32 - 1;
/// The byte that is written where checks use the same one again.
const BARRIER: u64 = OWN as u64;

/// Writes checks that read from the memory of index `memory`.
pub struct Writer {
    options: Options,
    memory: u32,
}

impl Writer {
    pub fn new(options: Options, memory: u32) -> Writer {
        Writer { options, memory }
    }
    /// The check number `number` of a function.
    pub fn write(&self, number: u32, code: &mut Vec<u8>) {
        let byte = |offset| MemArg {
            offset,
            align: 0,
            memory_index: self.memory,
        };
        let mut put = |instruction: Instruction<'_>| instruction.encode(code);
        if number >= OWN {
            put(Instruction::I32Const(0));
            put(Instruction::I32Const(0));
            put(Instruction::I32Store8(byte(BARRIER)));
        }
        put(Instruction::I32Const(0));
        put(Instruction::I32Load8U(byte(u64::from(number % OWN))));
        match self.options.form {
            Form::Fault => put(Instruction::Drop),
            Form::Flag => {
                put(Instruction::If(wasm_encoder::BlockType::Empty));
                put(Instruction::Unreachable);
                put(Instruction::End);
            }
        }
    }
}

/// Whether the check number `number` of a function is next; if so it is read.
pub fn read(code: &mut OperatorsReader<'_>, form: Form, memory: u32, number: u32) -> Result<bool, Error> {
    let mut ahead = code.clone();
    let is_check = is_next(&mut ahead, form, memory, number)?;
    if is_check {
        *code = ahead;
    }
    Ok(is_check)
}
fn is_next(code: &mut OperatorsReader<'_>, form: Form, memory: u32, number: u32) -> Result<bool, Error> {
    let mut next = || code.read();
    let zero = |operator: Operator<'_>| matches!(operator, Operator::I32Const { value: 0 });
    let byte = |found: wasmparser::MemArg, offset: u64| found.memory == memory && found.offset == offset;
    if number >= OWN {
        let is_barrier = zero(next()?)
            && zero(next()?)
            && matches!(next()?, Operator::I32Store8 { memarg } if byte(memarg, BARRIER));
        if !is_barrier {
            return Ok(false);
        }
    }
    let is_load =
        zero(next()?) && matches!(next()?, Operator::I32Load8U { memarg } if byte(memarg, u64::from(number % OWN)));
    if !is_load {
        return Ok(false);
    }
    Ok(match form {
        Form::Fault => matches!(next()?, Operator::Drop),
        Form::Flag => {
            matches!(
                next()?,
                Operator::If {
                    blockty: wasmparser::BlockType::Empty
                }
            ) && matches!(next()?, Operator::Unreachable)
                && matches!(next()?, Operator::End)
        }
    })
}
