//! What a `.cwasm` says of itself, read without handing it to Wasmtime's loader; and why one does not load.

use std::io::Read;

use napi_derive::napi;
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};
use object::read::{ReadCache, ReadRef};

use crate::bytes::Bytes;
use crate::engine::EngineParts;
use crate::error::{Error, Failure, Result, guard, io_error};
use crate::features::WASMTIME_VERSION;
use crate::js::Js;
use crate::profile::Profile;

const WASMTIME_OS_ABI: u8 = 200;
const ENGINE_SECTION: &[u8] = b".wasmtime.engine";
const WASM_MAGIC: &[u8] = b"\0asm";

/// What an artifact was stamped with when it was compiled.
pub struct Stamp(String);

impl Stamp {
    /// Reads the stamp. `data` may be bytes or a file.
    pub fn read<'data, R: ReadRef<'data>>(data: R) -> Result<Stamp> {
        if data.read_bytes_at(0, 4) == Ok(WASM_MAGIC) {
            return Err(refusal(
                "wasm",
                "these bytes are a .wasm, not an artifact compiled ahead of time",
            )
            .with(
                "hint",
                "compile it with Module.compile, or ahead of time with `cwasm compile`",
            )
            .into());
        }
        let damaged = || {
            refusal(
                "notAnArtifact",
                "these bytes are no artifact of Wasmtime, or a damaged one",
            )
            .with(
                "hint",
                "make a .cwasm with `cwasm compile`, and copy it as a binary file",
            )
        };
        let section = engine_section(data).ok_or_else(damaged)?;
        // A format version, a length, and so many bytes of text.
        let stamp = match section {
            [0, len, rest @ ..] => rest
                .get(..usize::from(*len))
                .and_then(|text| std::str::from_utf8(text).ok()),
            _ => None,
        };
        let stamp = stamp.ok_or_else(damaged)?;
        Ok(Stamp(stamp.to_owned()))
    }

    pub fn read_file(path: &str) -> Result<Stamp> {
        let mut file = std::fs::File::open(path).map_err(|error| io_error(&error, path))?;
        // A folder can be opened like a file, and says what it is when it is read.
        file.read(&mut [0]).map_err(|error| io_error(&error, path))?;
        Stamp::read(&ReadCache::new(file))
    }

    /// The profile, if the stamp is one of ours.
    pub fn profile(&self) -> Option<Profile> {
        self.0.split_once('+').and_then(|(_, name)| Profile::named(name))
    }

    /// Refuses an artifact that was made by another Wasmtime or with another profile.
    pub fn check(&self, engine: &EngineParts) -> Result<()> {
        let expected = engine.profile().stamp();
        if self.0 == expected {
            return Ok(());
        }
        let (version, profile) = self.0.split_once('+').unwrap_or((&self.0, ""));
        let error = if version != WASMTIME_VERSION {
            refusal(
                "version",
                format!("this artifact was made by Wasmtime {version}; this is {WASMTIME_VERSION}"),
            )
            .with("expected", WASMTIME_VERSION)
            .with("found", version)
            .with(
                "hint",
                "compile it again with the same version of the package that loads it",
            )
        } else {
            let ours = engine.profile().name();
            refusal(
                "profile",
                format!("this artifact has the profile '{profile}', the engine '{ours}'"),
            )
            .with("expected", ours.as_str())
            .with("found", profile)
            .with(
                "hint",
                format!("use new Engine({{ profile: '{profile}' }}), or compile it with --profile {ours}"),
            )
        };
        Err(error.into())
    }
}

fn engine_section<'data, R: ReadRef<'data>>(data: R) -> Option<&'data [u8]> {
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    if header.e_ident().os_abi != WASMTIME_OS_ABI {
        return None;
    }
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    // Wasmtime takes the last of several texts, and has looked at the first.
    let is_text = |section: &&_| sections.section_name(endian, *section) == Ok(b".text");
    if sections.iter().filter(is_text).count() > 1 {
        return None;
    }
    let (_, section) = sections.section_by_name(endian, ENGINE_SECTION)?;
    section.data(endian, data).ok()
}

fn refusal(reason: &str, message: impl Into<String>) -> Error {
    Error::new("IncompatibleModuleError", message).with("reason", reason)
}

/// Wasmtime's own refusal of an artifact whose stamp is right: one of the settings it compares, or damaged bytes.
pub fn refused(error: wasmtime::Error) -> Failure {
    let text = format!("{error:#}");
    let reason = if text.contains("Module was compiled") || text.contains("compilation settings") {
        "setting"
    } else {
        "notAnArtifact"
    };
    refusal(reason, format!("this artifact does not load: {text}"))
        .with(
            "hint",
            "compile it again for this machine: `cwasm compile`, without --native",
        )
        .into()
}

/// What an artifact (bytes, or the path of a file) is stamped with: Wasmtime's version, `+`, and a profile of ours, from which
/// `run` makes its engine.
#[napi(skip_typescript)]
pub fn stamp(artifact: Js) -> napi::Result<String> {
    guard(artifact.env, || {
        let stamp = if artifact.is_string() {
            let path = artifact.to_str("path")?;
            Stamp::read_file(&path)?
        } else {
            Stamp::read(&*Bytes::read(artifact, "bytes")?)?
        };
        if stamp.profile().is_some() {
            return Ok(stamp.0);
        }
        let message = format!(
            "this artifact is stamped '{}', which names no profile of this version",
            stamp.0
        );
        Err(refusal("profile", message)
            .with("found", stamp.0.as_str())
            .with(
                "hint",
                "compile it again with the same version of the package that loads it",
            )
            .into())
    })
}
