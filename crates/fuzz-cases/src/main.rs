//! Makes random modules for `fuzz/` to run: `cwasm-fuzz-cases differential|any SEED FROM TO` writes those with the numbers from
//! FROM to before TO to standard output, each behind its length (four bytes, little endian). A module depends on nothing but
//! its kind, the seed and its number.

mod dice;
mod shape;

use std::io::{self, BufWriter, Write};

use anyhow::{Context, Result, bail};
use arbitrary::Unstructured;
use lexopt::ValueExt;
use wasm_smith::{Config, Module};

use crate::dice::Dice;

/// How often wasm-smith may check before the guest ends: at each loop's head, each function's, and for each byte of a bulk
/// operation. Enough to do something, and too little to go deeper than any stack.
const FUEL: u32 = 1500;

fn main() -> Result<()> {
    let mut args = lexopt::Parser::from_env();
    let kind = args
        .value()
        .context("which modules? Give a kind, a seed and two numbers")?;
    let [seed, from, to] = [
        number(&mut args, "a seed")?,
        number(&mut args, "a number")?,
        number(&mut args, "a number")?,
    ];
    let make: fn(&mut Dice) -> Result<Vec<u8>> = match kind.string()?.as_str() {
        "differential" => |dice| {
            let mut module = module(shape::differential, dice)?;
            module.ensure_termination(FUEL)?;
            Ok(module.to_bytes())
        },
        "any" => |dice| Ok(module(shape::any, dice)?.to_bytes()),
        kind => bail!("no modules of kind '{kind}' are made here"),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for number in from..to {
        let bytes = make(&mut Dice::new(seed, number))?;
        out.write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    out.flush()?;
    Ok(())
}

fn number(args: &mut lexopt::Parser, what: &str) -> Result<u64> {
    Ok(args.value().context(format!("{what} is missing"))?.parse()?)
}

/// Draws until wasm-smith can make something of it: what is drawn may ask for functions of types that are not there.
fn module(shape: fn(&mut Dice) -> Config, dice: &mut Dice) -> Result<Module> {
    loop {
        let config = shape(dice);
        let size = 1 << dice.between(10, 15);
        let dna = dice.bytes(size);
        match Module::new(config, &mut Unstructured::new(&dna)) {
            Err(arbitrary::Error::IncorrectFormat) => {}
            made => return Ok(made?),
        }
    }
}
