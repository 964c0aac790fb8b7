//! Whether a module has all the checks that it must have, whoever has put them in.

use wasmparser::{Operator, Parser, Payload, TypeRef};

use crate::{Error, Form, check, code};

/// How many checks there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checks {
    /// One at the head of each loop.
    pub loops: usize,
    /// One at the entry of each function that calls another.
    pub entries: usize,
}

/// Counts the checks of a module of this form; `Err` says where one is missing.
pub fn checks(wasm: &[u8], form: Form) -> Result<Checks, Error> {
    let mut all = Checks::default();
    let mut memories: u32 = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    memories += u32::from(matches!(import?.ty, TypeRef::Memory(_)));
                }
            }
            Payload::CodeSectionEntry(body) => {
                // The last one that is imported.
                let memory = memories.wrapping_sub(1);
                function(&body, form, memory, &mut all)?;
            }
            _ => {}
        }
    }
    Ok(all)
}

fn function(body: &wasmparser::FunctionBody<'_>, form: Form, memory: u32, all: &mut Checks) -> Result<(), Error> {
    let mut operators = body.get_operators_reader()?;
    let missing = |at: usize| Err(Error::Invalid(format!("there is no check at offset {at:#x}")));
    let mut number = u32::from(check::read(&mut operators, form, memory, 0)?);
    let has_entry = number > 0;
    all.entries += usize::from(has_entry);
    while !operators.eof() {
        let at = operators.original_position();
        match operators.read()? {
            Operator::Loop { .. } => {
                if !check::read(&mut operators, form, memory, number)? {
                    return missing(at);
                }
                number += 1;
                all.loops += 1;
            }
            operator if code::is_call(&operator) && !has_entry => return missing(at),
            _ => {}
        }
    }
    Ok(())
}
