//! [feature `cranelift`] Compiles modules, with checks that a guest can be stopped by where its profile has them (crates/interrupt).

use cwasm_interrupt::{Form, Options, interruptible};
use wasmtime::Engine;

use crate::addresses;
use crate::compiler::{compile_error, compiled};
use crate::config::{ModuleVersion, Settings};
use crate::error::{Error, Result};
use crate::interruption::{Interruption, MODULE, NAME, PAGE};

const _: () = assert!(PAGE == cwasm_interrupt::PAGE, "one page for both");

/// An image, and what there is to know of its code.
pub struct Compiled {
    pub image: Vec<u8>,
    pub interruption: Interruption,
    /// Where in the wasm its functions begin, where that has checks.
    pub starts: Vec<u32>,
}

impl Settings {
    /// Compiles, as the cache has it where there is one.
    fn image(&self, engine: &wasmtime::Engine, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
        if self.cache.is_on() {
            return wasmtime::Module::from_binary(engine, wasm)?.serialize();
        }
        engine.precompile_module(wasm)
    }
    /// What code has that is compiled with them.
    fn interruption(&self) -> Interruption {
        let usual = self.module_version == ModuleVersion::Exact;
        match self.profile.interruption(&self.target) {
            checks if checks.has_checks() && !self.compiler.interruptible.unwrap_or(usual) => Interruption::None,
            interruption => interruption,
        }
    }
}

pub fn compile(settings: &Settings, engine: &Engine, wasm: &[u8]) -> Result<Compiled> {
    let interruption = settings.interruption();
    let form = match interruption {
        Interruption::Page => Form::Fault,
        Interruption::Flag => Form::Flag,
        Interruption::None | Interruption::Epochs => {
            return Ok(Compiled {
                image: compiled(wasm, settings.profile, |wasm| settings.image(engine, wasm))?,
                interruption,
                starts: Vec::new(),
            });
        }
    };
    // As its author wrote it, with no more proposals than the engine has.
    wasmtime::Module::validate(engine, wasm).map_err(compile_error)?;
    let options = Options {
        form,
        import: (MODULE, NAME),
    };
    let checked = interruptible(wasm, options).map_err(no_checks)?;
    let mut image = settings.image(engine, &checked.wasm).map_err(compile_error)?;
    addresses::translate(&mut image, &checked.positions)?;
    Ok(Compiled {
        image,
        interruption,
        starts: checked.starts,
    })
}

fn no_checks(error: cwasm_interrupt::Error) -> Error {
    let message = format!("{error}; compile it with the profile 'sandbox', or with compiler.interruptible: false");
    Error::new("CompileError", message)
}
