//! Asks Wasmtime's loader which settings it compares, by changing one after the other in an artifact.

use std::fs;
use std::ops::Range;
use std::path::Path;

use object::elf::{FileHeader64, SectionHeader64};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, U64, pod};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasmtime::error::Context;
use wasmtime::{Engine, Module, OperatorCost, Result, ensure};
use wasmtime_environ::{FlagValue, Tunables, obj};

/// What Wasmtime writes behind its version (`engine/serialization.rs`), in a struct of its own.
#[derive(Serialize, Deserialize)]
struct Metadata<'a> {
    target: String,
    #[serde(borrow)]
    shared_flags: Vec<(&'a str, FlagValue<'a>)>,
    #[serde(borrow)]
    isa_flags: Vec<(&'a str, FlagValue<'a>)>,
    tunables: Tunables,
    features: u64,
}

/// An artifact, and where in it the settings are.
struct Artifact<'a> {
    bytes: &'a [u8],
    /// The header of their section.
    header: Range<usize>,
    section: Range<usize>,
    /// From the start of the section to the metadata: a format, a length and the version.
    head: usize,
}

/// The names that the engine refuses `bytes` for when their values are others, and the rest. `bytes` is what it loads as it is.
pub fn ask(engine: &Engine, bytes: &[u8], folder: Option<&Path>) -> Result<Value> {
    let artifact = Artifact::parse(bytes)?;
    let tunables = serde_json::to_value(artifact.metadata()?.tunables)?;
    let mut all = vec![
        (
            "target".to_owned(),
            vec![artifact.with(|metadata| metadata.target = "s390x".into())?],
        ),
        (
            "features".to_owned(),
            vec![artifact.with(|metadata| metadata.features = u64::MAX)?],
        ),
    ];
    for (name, value) in tunables.as_object().context("settings have names")? {
        let others = others(&tunables, name, value);
        ensure!(!others.is_empty(), "no other value is known for {name} than {value}");
        let changed = others
            .into_iter()
            .map(|other| artifact.with(|metadata| metadata.tunables = other));
        all.push((name.clone(), changed.collect::<Result<_>>()?));
    }
    // SAFETY: it was made for this, and nothing of it is run.
    let loads = |bytes: &[u8]| unsafe { Module::deserialize(engine, bytes) };
    // Written anew, and the same: so what is refused below is refused for what was changed.
    loads(&artifact.with(|_| ())?)?;
    let (mut compared, mut free) = (Vec::new(), Vec::new());
    for (name, changed) in all {
        match changed.iter().find(|changed| loads(changed).is_err()) {
            None => free.push(name),
            Some(refused) => {
                if let Some(folder) = folder {
                    fs::write(folder.join(format!("{name}.cwasm")), refused)?;
                }
                compared.push(name);
            }
        }
    }
    Ok(json!({ "compared": compared, "free": free }))
}

/// The same settings with other values for one of them.
fn others(all: &Value, name: &str, value: &Value) -> Vec<Tunables> {
    let candidates = match value {
        Value::Bool(on) => vec![json!(!on)],
        Value::Number(n) => vec![json!(n.as_u64().map(|n| n + 1))],
        // An option or an enum, which takes some of these.
        _ => vec![
            Value::Null,
            json!(1),
            json!("Null"),
            json!("Copying"),
            json!("Yes"),
            json!("Intrinsics"),
            json!({ "Table": OperatorCost::new() }),
        ],
    };
    let other = |candidate: Value| {
        let mut changed = all.clone();
        changed[name] = candidate;
        (&changed != all)
            .then(|| serde_json::from_value(changed).ok())
            .flatten()
    };
    candidates.into_iter().filter_map(other).collect()
}

impl<'a> Artifact<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Artifact<'a>> {
        let elf = FileHeader64::<Endianness>::parse(bytes)?;
        let endian = elf.endian()?;
        let (index, header) = elf
            .sections(endian, bytes)?
            .section_by_name(endian, obj::ELF_WASM_ENGINE.as_bytes())
            .context("it has no settings")?;
        let at = usize::try_from(elf.e_shoff(endian))? + index.0 * size_of::<SectionHeader64<Endianness>>();
        let (offset, size) = header.file_range(endian).context("its settings have no bytes")?;
        let section = usize::try_from(offset)?..usize::try_from(offset + size)?;
        Ok(Artifact {
            bytes,
            header: at..at + size_of::<SectionHeader64<Endianness>>(),
            head: 2 + usize::from(bytes[section.start + 1]),
            section,
        })
    }

    fn metadata(&self) -> Result<Metadata<'a>> {
        Ok(postcard::from_bytes(&self.bytes[self.section.clone()][self.head..])?)
    }

    /// The artifact with other metadata, which stand at its end.
    fn with(&self, change: impl FnOnce(&mut Metadata<'a>)) -> Result<Vec<u8>> {
        let mut metadata = self.metadata()?;
        change(&mut metadata);
        let section = [
            &self.bytes[self.section.clone()][..self.head],
            &postcard::to_stdvec(&metadata)?,
        ]
        .concat();
        let mut changed = [self.bytes, &section].concat();
        let (header, _) = pod::from_bytes_mut::<SectionHeader64<Endianness>>(&mut changed[self.header.clone()])
            .ok()
            .context("the header is not where it was")?;
        header.sh_offset = U64::new(Endianness::default(), self.bytes.len() as u64);
        header.sh_size = U64::new(Endianness::default(), section.len() as u64);
        Ok(changed)
    }
}
