//! What a `.cwasm` says of itself, read without handing it to Wasmtime's loader. [`check`] says why one does not load.

mod check;

use std::fs::File;
use std::io::Read;

use napi_derive::napi;
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};
use object::read::{ReadCache, ReadRef};
use serde::Deserialize;

use crate::bytes::Bytes;
use crate::config::{Config, ModuleVersion, Settings};
use crate::error::{Error, Result, guard, io_error};
use crate::features::WASMTIME_VERSION;
use crate::js::Js;
use crate::metadata::{self, Block};
use crate::options::Options;
use crate::profile::Profile;
use crate::target::Target;

const WASMTIME_OS_ABI: u8 = 200;
const ENGINE_SECTION: &[u8] = b".wasmtime.engine";
const UNWIND_SECTION: &[u8] = b".eh_frame";
const WASM_MAGIC: &[u8] = b"\0asm";
const COMPONENT: u32 = 2;

/// An artifact whose head makes sense.
pub struct Artifact<'a> {
    /// What it was stamped with when it was compiled: for ours the version of Wasmtime, `+`, and the profile.
    stamp: &'a str,
    /// What Wasmtime has written behind the stamp.
    engine: &'a [u8],
    /// Ours, if it has one.
    block: Option<Block<'a>>,
    /// What is wrong with it, where its checksums say so.
    damage: Option<&'static str>,
    sections: Vec<(&'a [u8], u64)>,
    is_component: bool,
    len: u64,
}

/// The first members of what Wasmtime compares, as this version writes them.
#[derive(Deserialize)]
pub struct Compiled<'a> {
    target: &'a str,
    #[serde(borrow)]
    _shared: Vec<(&'a str, Flag<'a>)>,
    #[serde(borrow)]
    isa: Vec<(&'a str, Flag<'a>)>,
}
#[derive(Deserialize)]
enum Flag<'a> {
    #[allow(dead_code, reason = "Wasmtime's, and none of ours")]
    Enum(&'a str),
    #[allow(dead_code, reason = "Wasmtime's, and none of ours")]
    Num(u8),
    Bool(bool),
}

impl<'a> Artifact<'a> {
    /// Reads the head. `data` may be bytes or a file.
    pub fn read<R: ReadRef<'a>>(data: R) -> Result<Artifact<'a>> {
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
        let (mut artifact, head) = Artifact::elf(data).ok_or_else(|| {
            refusal(
                "notAnArtifact",
                "these bytes are no artifact of Wasmtime, or a damaged one",
            )
            .with(
                "hint",
                "make a .cwasm with `cwasm compile`, and copy it as a binary file",
            )
        })?;
        match metadata::find(data, crc32fast::hash) {
            Ok(Some(found)) if found.head == head => artifact.block = Some(found.block),
            Ok(Some(_)) => artifact.damage = Some("its header was changed"),
            Ok(None) if artifact.is_exact() => artifact.damage = Some("its end is missing"),
            Ok(None) => {}
            Err(()) => artifact.damage = Some("what is behind its code was changed"),
        }
        Ok(artifact)
    }

    /// What Wasmtime writes, and the checksum of what is read of it here.
    pub fn elf<R: ReadRef<'a>>(data: R) -> Option<(Artifact<'a>, u32)> {
        let header = FileHeader64::<Endianness>::parse(data).ok()?;
        if header.e_ident().os_abi != WASMTIME_OS_ABI {
            return None;
        }
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, data).ok()?;
        // Wasmtime takes the last of several, and has looked at the first.
        for name in [&b".text"[..], ENGINE_SECTION, UNWIND_SECTION] {
            let is_named = |section: &&_| sections.section_name(endian, *section) == Ok(name);
            if sections.iter().filter(is_named).count() > 1 {
                return None;
            }
        }
        // What to unwind with is registered with the system, which looks at nothing.
        let unwind = sections.section_by_name(endian, UNWIND_SECTION);
        if unwind.is_some_and(|(_, section)| section.sh_offset(endian) % 4096 != 0 || section.sh_size(endian) < 4) {
            return None;
        }
        let (_, section) = sections.section_by_name(endian, ENGINE_SECTION)?;
        let engine = section.data(endian, data).ok()?;
        // A format version, a length, and so many bytes of text.
        let [0, len, rest @ ..] = engine else { return None };
        let (stamp, after) = rest.split_at_checked(usize::from(*len))?;
        let table_len = u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian));
        let mut parts = vec![(0, 64), (header.e_shoff(endian), table_len)];
        parts.extend(sections.iter().filter_map(|section| section.file_range(endian)));
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(data.read_bytes_at(0, 64).ok()?);
        checksum.update(data.read_bytes_at(header.e_shoff(endian), table_len).ok()?);
        checksum.update(engine);
        let named = |section: &_| {
            let name = sections.section_name(endian, section).ok()?;
            (!name.is_empty()).then(|| (name, section.sh_size(endian)))
        };
        let artifact = Artifact {
            stamp: std::str::from_utf8(stamp).ok()?,
            engine: after,
            block: None,
            damage: overlap(parts).then_some("its parts overlap"),
            sections: sections.iter().filter_map(named).collect(),
            is_component: header.e_flags(endian) & COMPONENT != 0,
            len: data.len().ok()?,
        };
        Some((artifact, checksum.finalize()))
    }

    /// What Wasmtime compares, if it is this version that has written it: others have other things there.
    pub fn compiled(&self) -> Option<Compiled<'a>> {
        postcard::take_from_bytes(self.engine)
            .ok()
            .map(|(compiled, _)| compiled)
    }
    /// The same of one without a block, where the stamp says that it is this version.
    fn compiled_here(&self) -> Option<Compiled<'a>> {
        let stock = ModuleVersion::Wasmtime.stamp(Profile::DEFAULT);
        let ours = self.version() == WASMTIME_VERSION || self.stamp == stock;
        ours.then(|| self.compiled()).flatten()
    }

    /// Whether it is one of ours, of this very version: those have a block.
    fn is_exact(&self) -> bool {
        self.version() == WASMTIME_VERSION && self.profile().is_some()
    }
    /// The Wasmtime that made it, if that is one whose code this one does not run.
    fn foreign(&self) -> Option<&'a str> {
        if let Some((version, _)) = self.stamp.split_once('+') {
            return (version != WASMTIME_VERSION).then_some(version);
        }
        let version = match self.block {
            Some(block) => block.setting("wasmtime")?,
            // As stock Wasmtime stamps; anything else is somebody's own.
            None => Some(self.stamp).filter(|stamp| stamp.bytes().all(|byte| byte.is_ascii_digit()))?,
        };
        let ours = ModuleVersion::Wasmtime.stamp(Profile::DEFAULT);
        (version.split('.').next() != Some(&ours)).then_some(version)
    }
    /// Refuses one that was changed. What other versions have written may just be unknown to this one.
    fn is_whole(&self) -> Result<()> {
        match self.damage.filter(|_| self.foreign().is_none()) {
            None => Ok(()),
            Some(what) => Err(refusal("damaged", format!("this artifact is damaged: {what}"))
                .with("hint", "copy it again, whole and as a binary file, or compile it again")
                .into()),
        }
    }
    /// The features of the CPU that its code needs, where that is known.
    fn cpu(&self) -> Option<Vec<&'a str>> {
        match self.block {
            Some(block) => Some(
                block
                    .setting("cpu")?
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .collect(),
            ),
            None => Some(self.compiled_here()?.cpu()),
        }
    }
    /// The triple of what it was compiled for, where that is known.
    fn target(&self) -> Option<&'a str> {
        match self.block {
            Some(block) => block.setting("target"),
            None => Some(self.compiled_here()?.target),
        }
    }
    /// What stands in the stamp before a profile.
    fn version(&self) -> &'a str {
        self.stamp.split_once('+').map_or(self.stamp, |(version, _)| version)
    }
    /// The profile that it says it was compiled with, if that is one of ours.
    pub fn profile(&self) -> Option<Profile> {
        let stamped = self.stamp.split_once('+').map(|(_, name)| name);
        stamped
            .or_else(|| self.block?.setting("profile"))
            .and_then(Profile::named)
    }

    /// The options of an engine that can load it, as far as it says.
    fn config(&self, env: napi::sys::napi_env) -> Result<Js> {
        self.is_whole()?;
        let Some(profile) = self.profile() else {
            self.check_stamp(&ModuleVersion::Exact, Profile::DEFAULT)?;
            return Err(Error::internal("the stamp of an engine names its profile").into());
        };
        // Nobody has said here that another version will do.
        let version = self.block.and_then(|block| block.setting("wasmtime"));
        if version != Some(WASMTIME_VERSION) || ["", "exact", "wasmtime"].contains(&self.stamp) {
            return Err(made_by(version.unwrap_or(self.version())).into());
        }
        let config = Js::object(env)?;
        config.set("profile", Js::string(env, &profile.name())?)?;
        let target = self
            .block
            .and_then(|block| block.setting("target"))
            .and_then(Target::named);
        if let Some(target) = target.filter(|target| target.is_pulley() && target.runs_here()) {
            config.set("target", Js::string(env, &target.to_string())?)?;
        }
        if !self.stamp.contains('+') {
            config.set("moduleVersion", Js::string(env, self.stamp)?)?;
        }
        Ok(config)
    }

    /// All that is known.
    fn to_js(&self, env: napi::sys::napi_env) -> Result<Js> {
        self.is_whole()?;
        let object = Js::object(env)?;
        let text = |text: &str| Js::string(env, text);
        let pair = |(name, len): (&[u8], u64)| {
            Js::array(env, [text(&String::from_utf8_lossy(name)), Js::number(env, len as f64)])
        };
        object.set("stamp", text(self.stamp)?)?;
        object.set("isComponent", Js::bool(env, self.is_component)?)?;
        object.set("bytes", Js::number(env, self.len as f64)?)?;
        object.set("sections", Js::array(env, self.sections.iter().copied().map(pair))?)?;
        if let Some(block) = self.block {
            object.set("settings", text(block.settings())?)?;
            object.set("facts", text(block.facts())?)?;
            let customs = block.customs().map(|(name, len)| pair((name, len as u64)));
            object.set("customs", Js::array(env, customs)?)?;
        } else if let Some((target, cpu)) = self.target().zip(self.cpu()) {
            let lines = format!("target={target}\ncpu={}\n", cpu.join(","));
            object.set("settings", text(&lines)?)?;
        }
        Ok(object)
    }
}

impl<'a> Compiled<'a> {
    /// The features of the CPU that are used.
    pub fn cpu(&self) -> Vec<&'a str> {
        let on = |(name, flag): &(&'a str, Flag<'a>)| match flag {
            Flag::Bool(true) => name.strip_prefix("has_"),
            _ => None,
        };
        self.isa.iter().filter_map(on).collect()
    }
}

/// Whether two parts of a file, each a place and a length, overlap: then one of them is elsewhere. What is not what to unwind with, but
/// registered as that, ends the process when it next unwinds.
fn overlap(mut parts: Vec<(u64, u64)>) -> bool {
    parts.retain(|(_, len)| *len > 0);
    parts.sort_unstable();
    let mut end = 0;
    parts.into_iter().any(|(at, len)| {
        let overlaps = at < end;
        end = at.saturating_add(len);
        overlaps
    })
}

/// Reads what an artifact says of itself; `read` does it with bytes or a path.
pub fn with<T>(artifact: Js, read: impl FnOnce(&Artifact<'_>) -> Result<T>) -> Result<T> {
    if artifact.is_string() {
        return with_file(&open(&artifact.to_str("path")?)?, read);
    }
    read(&Artifact::read(&*Bytes::read(artifact, "bytes")?)?)
}
/// The same of a file.
pub fn with_file<T>(file: &File, read: impl FnOnce(&Artifact<'_>) -> Result<T>) -> Result<T> {
    read(&Artifact::read(&ReadCache::new(file))?)
}
pub fn open(path: &str) -> Result<File> {
    let mut file = File::open(path).map_err(|error| io_error(&error, path))?;
    // A folder can be opened like a file, and says what it is when it is read.
    file.read(&mut [0]).map_err(|error| io_error(&error, path))?;
    Ok(file)
}

pub fn refusal(reason: &str, message: impl Into<String>) -> Error {
    Error::new("IncompatibleModuleError", message).with("reason", reason)
}
fn made_by(found: &str) -> Error {
    let known = if found.is_empty() { "an unknown version" } else { found };
    let hint =
        format!("compile it again with the version that loads it, of the package or of Wasmtime ({WASMTIME_VERSION})");
    refusal(
        "version",
        format!("this artifact was made by Wasmtime {known}; this is {WASMTIME_VERSION}"),
    )
    .with("setting", "moduleVersion")
    .with("expected", WASMTIME_VERSION)
    .with("found", found)
    .with("hint", hint)
}
/// What an artifact (bytes, or the path of a file) says of itself: stamp, sections, and what our block has.
#[napi(skip_typescript)]
pub fn parts(artifact: Js) -> napi::Result<Js> {
    guard(artifact.env, || with(artifact, |found| found.to_js(artifact.env)))
}

/// The options of an engine for an artifact (bytes, or the path of a file), from which `run` makes its own.
#[napi(skip_typescript)]
pub fn config_for(artifact: Js) -> napi::Result<Js> {
    guard(artifact.env, || with(artifact, |found| found.config(artifact.env)))
}

/// Throws what an engine with this config would, given the artifact.
#[napi(skip_typescript)]
pub fn check_artifact(artifact: Js, config: Js) -> napi::Result<()> {
    guard(artifact.env, || {
        let _: Options<Config> = Options::new(config, "config")?;
        let settings = Settings::read(config)?;
        with(artifact, |found| found.check(&settings))
    })
}
