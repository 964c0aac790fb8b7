//! Target triples: what an artifact is compiled for, and what an engine runs.

use std::fmt;

use napi_derive::napi;
use target_lexicon::{
    Aarch64Architecture, Architecture, Endianness, OperatingSystem, PointerWidth, Riscv64Architecture, Triple,
};

use crate::error::{Error, Result, guard};
use crate::features;
use crate::js::Js;

/// A target that there is a compiler for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target(Triple);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The interpreter runs on no vendor's system.
        if self.is_pulley() {
            self.0.architecture.fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

impl Target {
    /// What this build runs on.
    pub fn host() -> Target {
        Target(env!("CWASM_TARGET").parse().expect("rustc's triple is one"))
    }
    /// The target of this name, if it is one that Wasmtime has a compiler for.
    pub fn named(name: &str) -> Option<Target> {
        let triple: Triple = name.parse().ok()?;
        if triple.is_pulley() {
            // The interpreter runs on no vendor's system.
            return triple.architecture.to_string().parse().ok().map(Target);
        }
        let architecture = matches!(
            triple.architecture,
            Architecture::X86_64
                | Architecture::Aarch64(Aarch64Architecture::Aarch64)
                | Architecture::Riscv64(Riscv64Architecture::Riscv64gc)
                | Architecture::S390x
        );
        let system = matches!(
            triple.operating_system,
            OperatingSystem::Linux
                | OperatingSystem::Darwin(_)
                | OperatingSystem::MacOSX(_)
                | OperatingSystem::Windows
                | OperatingSystem::None_
        );
        (architecture && system).then_some(Target(triple))
    }
    pub fn read(name: &str, what: &str) -> Result<Target> {
        Target::named(name).ok_or_else(|| {
            let message = format!(
                "{what} must be a target triple of x86_64, aarch64, riscv64gc or s390x, such as \
                 'aarch64-unknown-linux-gnu', or 'pulley64' or 'pulley32', got '{name}'"
            );
            Error::type_error(message).into()
        })
    }

    /// Whether it is Wasmtime's interpreter: one artifact for every machine with pointers of that width.
    pub fn is_pulley(&self) -> bool {
        self.0.is_pulley()
    }
    pub fn is_x64(&self) -> bool {
        matches!(self.0.architecture, Architecture::X86_64)
    }
    /// Whether there is no operating system.
    pub fn is_bare(&self) -> bool {
        matches!(self.0.operating_system, OperatingSystem::None_)
    }
    pub fn is_32_bit(&self) -> bool {
        matches!(self.0.pointer_width(), Ok(PointerWidth::U32))
    }
    /// Whether an engine of this machine runs it.
    pub fn runs_here(&self) -> bool {
        let host = Target::host();
        if self.is_pulley() {
            return features::PULLEY && self.width_and_order() == host.width_and_order();
        }
        self.same_code(&host)
    }
    pub fn same_architecture(&self, other: &Target) -> bool {
        self.0.architecture == other.0.architecture
    }
    fn width_and_order(&self) -> (Option<PointerWidth>, Option<Endianness>) {
        (self.0.pointer_width().ok(), self.0.endianness().ok())
    }
    /// Whether what is compiled for one runs on the other: the C library makes no difference.
    pub fn same_code(&self, other: &Target) -> bool {
        self.same_architecture(other) && self.0.operating_system == other.0.operating_system
    }
}

trait Pulley {
    fn is_pulley(&self) -> bool;
}
impl Pulley for Triple {
    fn is_pulley(&self) -> bool {
        matches!(
            self.architecture,
            Architecture::Pulley32 | Architecture::Pulley64 | Architecture::Pulley32be | Architecture::Pulley64be
        )
    }
}

/// Whether an artifact for one target runs on the other.
#[napi(skip_typescript)]
pub fn same_code(a: Js, b: Js) -> napi::Result<bool> {
    guard(a.env, || {
        let (a, b) = (Target::named(&a.to_str("a")?), Target::named(&b.to_str("b")?));
        Ok(a.zip(b).is_some_and(|(a, b)| a.same_code(&b)))
    })
}
