//! [feature `cranelift`] Describes a module where it is compiled: the block that stands behind its artifact.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wasmparser::{
    CompositeInnerType, ExternalKind, GlobalType, Import, MemoryType, Parser, Payload, TableType, TypeRef, ValType,
};

use crate::artifact::Artifact;
use crate::checks::Compiled;
use crate::config::Settings;
use crate::error::{Error, Result};
use crate::interruption::Starts;
use crate::metadata::{FOOTER, FORMAT, Kind, MAGIC};

/// What there is to say about a module.
pub struct Description {
    facts: Value,
    /// Bytes that its own shared memories may grow by, for which nobody is asked.
    shared_growth: u64,
    customs: Vec<(String, Vec<u8>)>,
}

/// A module as it was parsed.
#[derive(Default)]
struct Module {
    types: Vec<CompositeInnerType>,
    functions: Vec<u32>,
    imported: u32,
    tables: Vec<TableType>,
    memories: Vec<MemoryType>,
    own_memories: usize,
    globals: Vec<GlobalType>,
    tags: Vec<u32>,
    imports: Vec<Value>,
    exports: Vec<Value>,
    name: Option<String>,
    customs: Vec<(String, Vec<u8>)>,
}

impl Description {
    /// Of a module that has been compiled, so it is valid. `customs`: whether its custom sections are kept.
    pub fn of(wasm: &[u8], customs: bool) -> Description {
        let mut module = Module::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let Ok(payload) = payload else { break };
            // What can't be described is left out.
            let _ = module.read(payload);
        }
        let own = module.memories.get(module.own_memories..).unwrap_or(&[]);
        let most = |memory: &MemoryType| {
            let pages = memory.maximum.unwrap_or(0).saturating_sub(memory.initial);
            pages.saturating_mul(1 << memory.page_size_log2.unwrap_or(16))
        };
        let shared = own.iter().filter(|memory| memory.shared);
        let shared_growth = shared.map(most).fold(0, u64::saturating_add);
        let facts = json!({
            "wasm": { "sha256": format!("{:x}", Sha256::digest(wasm)), "bytes": wasm.len() },
            "name": module.name,
            "functions": module.functions.len() - module.imported as usize,
            "imports": module.imports,
            "exports": module.exports,
        });
        Description {
            facts,
            shared_growth,
            customs: if customs { module.customs } else { Vec::new() },
        }
    }

    /// The block: what is known of the module, of the settings, and of the code.
    pub fn block(self, settings: &Settings, compiled: &Compiled) -> Result<Vec<u8>> {
        let (_, cpu) = head(&compiled.image)?;
        let mut lines = settings.lines();
        lines.push(("cpu".into(), cpu.join(",")));
        lines.push(("interruption".into(), compiled.interruption.name().into()));
        lines.push(("sharedMemoryGrowth".into(), self.shared_growth.to_string()));
        let lines: String = lines.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let mut facts = self.facts;
        if let Value::Object(facts) = &mut facts {
            facts.insert("package".into(), env!("CWASM_VERSION").into());
            facts.insert("compiler".into(), settings.compiler.facts());
        }
        let mut writer = Writer::default();
        writer.add(Kind::Settings, "", lines.as_bytes());
        writer.add(Kind::Facts, "", facts.to_string().as_bytes());
        for (name, data) in &self.customs {
            writer.add(Kind::Custom, name, data);
        }
        if compiled.interruption.has_checks() {
            writer.add(Kind::Starts, "", &Starts::written(&compiled.starts));
        }
        Ok(writer.finish())
    }
}

/// The checksum of an image's head, and the features of the CPU that it needs.
fn head(image: &[u8]) -> Result<(u32, Vec<&str>)> {
    let found = Artifact::elf(image).and_then(|(artifact, head)| Some((head, artifact.compiled()?.cpu())));
    found.ok_or_else(|| Error::internal("Wasmtime has written what we can't read").into())
}

/// The artifact: an image, and the block of its module behind it.
pub fn artifact(image: Vec<u8>, block: &[u8]) -> Result<Vec<u8>> {
    let (checksum, _) = head(&image)?;
    Ok(append(image, block, checksum))
}

/// Wasm without the custom sections of these names.
pub fn without(wasm: &[u8], dropped: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut rest = Vec::with_capacity(wasm.len());
    // What is kept so far, and where the last section ended: there the next one's header begins.
    let (mut kept, mut end) = (0, 8);
    for payload in Parser::new(0).parse_all(wasm) {
        // It will not compile either.
        let Ok(payload) = payload else { return wasm.to_vec() };
        let Some((_, range)) = payload.as_section() else {
            continue;
        };
        let header = std::mem::replace(&mut end, range.end);
        if matches!(payload, Payload::CustomSection(custom) if dropped(custom.name())) {
            rest.extend_from_slice(wasm.get(kept..header).unwrap_or(&[]));
            kept = end;
        }
    }
    rest.extend_from_slice(wasm.get(kept..).unwrap_or(&[]));
    rest
}

/// Whether a custom section is debug information, which is the compiler's to use, and may be most of a module.
pub fn is_debug_info(name: &str) -> bool {
    name.starts_with(".debug_")
}

/// What is wanted of each entry of a section.
fn read_all<T, U>(
    list: &mut Vec<U>,
    section: impl IntoIterator<Item = wasmparser::Result<T>>,
    wanted: impl Fn(T) -> U,
) -> wasmparser::Result<()> {
    for entry in section {
        list.push(wanted(entry?));
    }
    Ok(())
}

impl Module {
    fn read(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    self.types.extend(group?.into_types().map(|ty| ty.composite_type.inner));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.import(import?);
                }
                self.imported = self.functions.len() as u32;
                self.own_memories = self.memories.len();
            }
            Payload::FunctionSection(functions) => read_all(&mut self.functions, functions, |index| index)?,
            Payload::TableSection(tables) => read_all(&mut self.tables, tables, |table| table.ty)?,
            Payload::MemorySection(memories) => read_all(&mut self.memories, memories, |memory| memory)?,
            Payload::GlobalSection(globals) => read_all(&mut self.globals, globals, |global| global.ty)?,
            Payload::TagSection(tags) => read_all(&mut self.tags, tags, |tag| tag.func_type_idx)?,
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    let described = self.extern_at(export.kind, export.index as usize);
                    self.exports
                        .extend(described.map(|(kind, ty)| json!({ "name": export.name, "kind": kind, "type": ty })));
                }
            }
            Payload::CustomSection(custom) => self.custom(custom.name(), custom.data()),
            _ => {}
        }
        Ok(())
    }

    /// What is needed of debug information is in the image.
    fn custom(&mut self, name: &str, data: &[u8]) {
        if name == "name" {
            let names = wasmparser::NameSectionReader::new(wasmparser::BinaryReader::new(data, 0));
            for sub in names.into_iter().flatten() {
                if let wasmparser::Name::Module { name, .. } = sub {
                    self.name = Some(name.into());
                }
            }
        } else if !is_debug_info(name) {
            self.customs.push((name.into(), data.into()));
        }
    }

    fn import(&mut self, import: Import<'_>) {
        let (kind, ty) = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                ("function", self.func(index))
            }
            TypeRef::Table(ty) => {
                self.tables.push(ty);
                ("table", self.table(&ty))
            }
            TypeRef::Memory(ty) => {
                self.memories.push(ty);
                ("memory", memory(&ty))
            }
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                ("global", self.global(&ty))
            }
            TypeRef::Tag(ty) => {
                self.tags.push(ty.func_type_idx);
                ("tag", self.tag(ty.func_type_idx))
            }
        };
        let described = json!({ "module": import.module, "name": import.name, "kind": kind, "type": ty });
        self.imports.push(described);
    }

    fn extern_at(&self, kind: ExternalKind, index: usize) -> Option<(&'static str, Value)> {
        Some(match kind {
            ExternalKind::Func | ExternalKind::FuncExact => ("function", self.func(*self.functions.get(index)?)),
            ExternalKind::Table => ("table", self.table(self.tables.get(index)?)),
            ExternalKind::Memory => ("memory", memory(self.memories.get(index)?)),
            ExternalKind::Global => ("global", self.global(self.globals.get(index)?)),
            ExternalKind::Tag => ("tag", self.tag(*self.tags.get(index)?)),
        })
    }

    fn func(&self, index: u32) -> Value {
        let Some(CompositeInnerType::Func(ty)) = self.types.get(index as usize) else {
            return Value::Null;
        };
        json!({ "parameters": self.vals(ty.params()), "results": self.vals(ty.results()) })
    }
    fn tag(&self, index: u32) -> Value {
        let Some(CompositeInnerType::Func(ty)) = self.types.get(index as usize) else {
            return Value::Null;
        };
        json!({ "parameters": self.vals(ty.params()) })
    }
    fn table(&self, ty: &TableType) -> Value {
        let mut table = limits(ty.initial, ty.maximum, ty.table64);
        table.insert("element".into(), self.val(&ValType::Ref(ty.element_type)).into());
        table.into()
    }
    fn global(&self, ty: &GlobalType) -> Value {
        json!({ "type": self.val(&ty.content_type), "mutable": ty.mutable })
    }
    fn vals(&self, types: &[ValType]) -> Vec<String> {
        types.iter().map(|ty| self.val(ty)).collect()
    }
    /// As `Module.imports` has it where it is a name; of what a module has defined only what kind it is.
    fn val(&self, ty: &ValType) -> String {
        let ValType::Ref(reference) = ty else {
            return ty.to_string();
        };
        let Some(index) = reference.type_index().and_then(|index| index.as_module_index()) else {
            return ty.to_string();
        };
        let kind = match self.types.get(index as usize) {
            Some(CompositeInnerType::Func(_)) => "func",
            Some(CompositeInnerType::Array(_)) => "array",
            Some(CompositeInnerType::Struct(_)) => "struct",
            _ => "…",
        };
        let null = if reference.is_nullable() { "null " } else { "" };
        format!("(ref {null}({kind} …))")
    }
}

fn memory(ty: &MemoryType) -> Value {
    let mut memory = limits(ty.initial, ty.maximum, ty.memory64);
    memory.insert("shared".into(), ty.shared.into());
    memory.insert("pageSize".into(), (1u64 << ty.page_size_log2.unwrap_or(16)).into());
    memory.into()
}
fn limits(initial: u64, maximum: Option<u64>, is_64: bool) -> Map<String, Value> {
    let mut limits = Map::new();
    limits.insert("initial".into(), initial.into());
    if let Some(maximum) = maximum {
        limits.insert("maximum".into(), maximum.into());
    }
    limits.insert("address".into(), if is_64 { "i64" } else { "i32" }.into());
    limits
}

/// Writes a block.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn add(&mut self, kind: Kind, name: &str, data: &[u8]) {
        let bytes = &mut self.0;
        bytes.extend((kind as u32).to_le_bytes());
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((data.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(data);
    }
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// The artifact: an image with its block behind it. `head` is the checksum of the image's head.
pub fn append(mut image: Vec<u8>, block: &[u8], head: u32) -> Vec<u8> {
    let len = image.len() as u64;
    image.reserve_exact(block.len() + FOOTER);
    image.extend(block);
    image.extend(len.to_le_bytes());
    image.extend((block.len() as u64).to_le_bytes());
    image.extend(crc32fast::hash(block).to_le_bytes());
    image.extend(head.to_le_bytes());
    image.extend(FORMAT.to_le_bytes());
    image.extend(0u32.to_le_bytes());
    image.extend(MAGIC);
    image
}
