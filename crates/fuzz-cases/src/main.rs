//! Makes random modules for `fuzz/` to run: `cwasm-fuzz-cases differential|any SEED FROM TO` writes those with the numbers from
//! FROM to before TO to standard output, each behind its length (four bytes, little endian). A module depends on nothing but
//! its kind, the seed and its number.

mod dice;
mod shape;

use std::env;
use std::io::{self, BufWriter, Write};

use anyhow::{Context, Result, bail};
use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

use crate::dice::Dice;

/// How often wasm-smith may check before the guest ends: at each loop's head, each function's, and for each byte of a bulk
/// operation. Enough to do something, and too little to go deeper than any stack.
const FUEL: u32 = 1500;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [kind, seed, from, to] = args.as_slice() else {
        bail!("which modules? Give a kind, a seed and two numbers");
    };
    let make: fn(&mut Dice) -> Result<Vec<u8>> = match kind.as_str() {
        "differential" => |dice| {
            let mut module = module(shape::differential, dice)?;
            module.ensure_termination(FUEL)?;
            Ok(module.to_bytes())
        },
        "any" => |dice| Ok(module(shape::any, dice)?.to_bytes()),
        _ => bail!("no modules of kind '{kind}' are made here"),
    };
    let seed: u64 = seed.parse().context("the seed is no number")?;
    let mut out = BufWriter::new(io::stdout().lock());
    for number in from.parse::<u64>()?..to.parse()? {
        let bytes = make(&mut Dice::new(seed, number))?;
        out.write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
        out.write_all(&bytes)?;
    }
    out.flush()?;
    Ok(())
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
