//! Engines: what modules are loaded into.

use alloc::string::String;
use core::ffi::c_int;

use wasmtime::Engine;

use crate::allocator;
use crate::artifact::Wanted;
use crate::config::Choice;
use crate::error::{CWASM_ARGUMENT, CWASM_FAILED, CWASM_UNSUPPORTED, Failure, cwasm_error, report};
use crate::handle::{free, given, hand_out};

/// Machine code of this target. Needs the feature `native`.
pub const CWASM_NATIVE: u32 = 0;
/// Artifacts for `pulley64`, interpreted. Needs the feature `pulley`.
pub const CWASM_PULLEY: u32 = 1;
/// A flag: guests use fuel (`…+fuel` in their profile).
pub const CWASM_FUEL: u32 = 1;
/// A flag: guests look at the engine's epoch (`…+epochs`).
pub const CWASM_EPOCHS: u32 = 2;

/// The interpreter ends in a panic where the frame that a call begins with has no space, which is smaller.
const LEAST_STACK: usize = 4 << 10;
/// More is a mistake.
const MOST_STACK: usize = 256 << 20;

/// The target of this build, as `cwasm compile --target` names it.
const TARGET: &str = if cfg!(target_arch = "x86_64") {
    "x86_64-unknown-none"
} else if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-none"
} else {
    ""
};

/// What an engine is for.
#[repr(C)]
pub struct cwasm_options {
    /// `CWASM_NATIVE` or `CWASM_PULLEY`.
    pub kind: u32,
    /// `CWASM_FUEL` and `CWASM_EPOCHS`, or 0.
    pub flags: u32,
    /// Bytes of stack that one call of a guest may use, host functions in it included; the thread that calls must have that and
    /// some 64 KiB. 0 is 128 KiB, 4 KiB the least, and 256 MiB the most.
    pub max_wasm_stack: usize,
}

/// Loads modules. Threads may share it, in builds with the feature `sync`.
pub struct cwasm_engine {
    pub engine: Engine,
    /// Bytes of stack that a call may use.
    pub stack: usize,
    stamp: String,
    pulley: bool,
}

impl cwasm_engine {
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted {
            stamp: &self.stamp,
            target: if self.pulley { "pulley64" } else { TARGET },
            pulley: self.pulley,
        }
    }
}

/// Makes an engine. One is enough for all modules of a kind.
///
/// # Safety
/// `options` points to some, and `out` to where the handle goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_engine_new(
    options: *const cwasm_options,
    out: *mut *mut cwasm_engine,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        allocator::check()?;
        // SAFETY: the caller's contract.
        let options = unsafe { given(options, "options") }?;
        let pulley = match options.kind {
            CWASM_NATIVE if cfg!(feature = "native") && !TARGET.is_empty() => false,
            CWASM_PULLEY if cfg!(feature = "pulley") => true,
            CWASM_NATIVE | CWASM_PULLEY => {
                return Err(Failure::Text(
                    CWASM_UNSUPPORTED,
                    "this build does not run this kind of artifacts",
                ));
            }
            _ => {
                return Err(Failure::Text(
                    CWASM_ARGUMENT,
                    "options.kind is CWASM_NATIVE or CWASM_PULLEY",
                ));
            }
        };
        if options.flags & !(CWASM_FUEL | CWASM_EPOCHS) != 0 {
            return Err(Failure::Text(CWASM_ARGUMENT, "options.flags has a flag that is none"));
        }
        if options.max_wasm_stack != 0 && !(LEAST_STACK..=MOST_STACK).contains(&options.max_wasm_stack) {
            return Err(Failure::Text(
                CWASM_ARGUMENT,
                "options.max_wasm_stack is 0, or 4 KiB to 256 MiB",
            ));
        }
        let choice = Choice {
            pulley,
            fuel: options.flags & CWASM_FUEL != 0,
            epochs: options.flags & CWASM_EPOCHS != 0,
            max_wasm_stack: options.max_wasm_stack,
        };
        let made = choice.config().and_then(|config| Engine::new(&config));
        let engine = made.map_err(|error| Failure::Wasmtime(CWASM_FAILED, error))?;
        let handle = cwasm_engine {
            engine,
            stack: choice.stack(),
            stamp: choice.stamp(),
            pulley,
        };
        // SAFETY: the caller's contract.
        unsafe { hand_out(out, handle) }
    })
}

/// Moves the engine's epoch: guests that were given fewer ticks trap. May be called from interrupts and other threads.
///
/// # Safety
/// `engine` is null or a living handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_engine_tick(engine: *const cwasm_engine) -> c_int {
    report(core::ptr::null_mut(), || {
        // SAFETY: the caller's contract.
        unsafe { given(engine, "engine") }?.engine.increment_epoch();
        Ok(())
    })
}

/// Frees an engine; its modules and instances live on.
///
/// # Safety
/// `engine` is null or a handle that is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_engine_free(engine: *mut cwasm_engine) {
    // SAFETY: the caller's contract.
    unsafe { free(engine) }
}
