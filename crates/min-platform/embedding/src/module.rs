//! Modules: what is loaded, and what it imports and exports.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};
use core::ptr;

use wasmtime::{ExternType, Module};

use crate::engine::cwasm_engine;
use crate::error::{CWASM_ARGUMENT, CWASM_INCOMPATIBLE, Failure, cwasm_error, report};
use crate::handle::{free, given, hand_out, put, values};
use crate::value::kind;

/// A function.
pub const CWASM_FUNC: u32 = 0;
/// A table.
pub const CWASM_TABLE: u32 = 1;
/// A memory.
pub const CWASM_MEMORY_TYPE: u32 = 2;
/// A global.
pub const CWASM_GLOBAL: u32 = 3;
/// A tag.
pub const CWASM_TAG: u32 = 4;

/// What a module imports or exports. All that it points to is the module's.
#[repr(C)]
pub struct cwasm_extern {
    /// Where it is imported from; null of an export. Ends in a zero byte, like `name`, and may have others in it.
    pub module: *const c_char,
    /// Bytes of `module`.
    pub module_len: usize,
    /// Its name.
    pub name: *const c_char,
    /// Bytes of `name`.
    pub name_len: usize,
    /// `CWASM_FUNC` and those after it.
    pub kind: u32,
    /// Types of a function's parameters, `CWASM_I32` and those after it. Of a global: its type.
    pub params: *const u32,
    /// How many there are.
    pub params_len: usize,
    /// Types of its results.
    pub results: *const u32,
    /// How many there are.
    pub results_len: usize,
    /// A memory's pages, or a table's elements, at first.
    pub minimum: u64,
    /// The most of them; `UINT64_MAX` if nothing is said.
    pub maximum: u64,
}

struct External {
    module: Option<Box<[u8]>>,
    name: Box<[u8]>,
    kind: u32,
    params: Box<[u32]>,
    results: Box<[u32]>,
    minimum: u64,
    maximum: u64,
}

impl External {
    fn new(module: Option<&str>, name: &str, ty: &ExternType) -> External {
        let mut external = External {
            module: module.map(terminated),
            name: terminated(name),
            kind: CWASM_FUNC,
            params: Box::default(),
            results: Box::default(),
            minimum: 0,
            maximum: u64::MAX,
        };
        match ty {
            ExternType::Func(func) => {
                external.params = func.params().map(|ty| kind(&ty)).collect();
                external.results = func.results().map(|ty| kind(&ty)).collect();
            }
            ExternType::Table(table) => {
                external.kind = CWASM_TABLE;
                external.minimum = table.minimum();
                external.maximum = table.maximum().unwrap_or(u64::MAX);
            }
            ExternType::Memory(memory) => {
                external.kind = CWASM_MEMORY_TYPE;
                external.minimum = memory.minimum();
                external.maximum = memory.maximum().unwrap_or(u64::MAX);
            }
            ExternType::Global(global) => {
                external.kind = CWASM_GLOBAL;
                external.params = Box::new([kind(global.content())]);
            }
            ExternType::Tag(_) => external.kind = CWASM_TAG,
        }
        external
    }
    fn told(&self) -> cwasm_extern {
        let start = |text: &[u8]| text.as_ptr().cast::<c_char>();
        cwasm_extern {
            module: self.module.as_ref().map_or(ptr::null(), |module| start(module)),
            module_len: self.module.as_ref().map_or(0, |module| module.len() - 1),
            name: start(&self.name),
            name_len: self.name.len() - 1,
            kind: self.kind,
            params: self.params.as_ptr(),
            params_len: self.params.len(),
            results: self.results.as_ptr(),
            results_len: self.results.len(),
            minimum: self.minimum,
            maximum: self.maximum,
        }
    }
}

fn terminated(text: &str) -> Box<[u8]> {
    [text.as_bytes(), &[0]].concat().into()
}

/// A loaded artifact. Threads may share it, in builds with the feature `sync`.
pub struct cwasm_module {
    pub module: Module,
    /// The engine's.
    pub stack: usize,
    imports: Vec<External>,
    exports: Vec<External>,
}

/// Loads an artifact. Its bytes are copied. **It must come from whom you trust**: what is checked is whether it fits, and whether its
/// head and its end are as they were made, not its code, which can do whatever the embedding can.
///
/// # Safety
/// `engine` is null or a living handle, there are `len` bytes at `bytes`, whose code the compiler has made, and `out` points to
/// where the handle goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_module_load(
    engine: *const cwasm_engine,
    bytes: *const u8,
    len: usize,
    out: *mut *mut cwasm_module,
    error: *mut cwasm_error,
) -> c_int {
    report(error, || {
        // SAFETY: the caller's contract.
        let (engine, bytes) = unsafe { (given(engine, "engine")?, values(bytes, len, "bytes")?) };
        engine.wanted().check(bytes)?;
        // SAFETY: the caller's contract: where nothing was found changed, it is what the compiler has made.
        let module = unsafe { Module::deserialize(&engine.engine, bytes) };
        let module = module.map_err(|error| Failure::Wasmtime(CWASM_INCOMPATIBLE, error))?;
        let import = |ty: wasmtime::ImportType<'_>| External::new(Some(ty.module()), ty.name(), &ty.ty());
        let export = |ty: wasmtime::ExportType<'_>| External::new(None, ty.name(), &ty.ty());
        let imports = module.imports().map(import).collect();
        let exports = module.exports().map(export).collect();
        let handle = cwasm_module {
            module,
            stack: engine.stack,
            imports,
            exports,
        };
        // SAFETY: the caller's contract.
        unsafe { hand_out(out, handle) }
    })
}

/// How many exports a module has; 0 of null.
///
/// # Safety
/// `module` is null or a living handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_module_exports(module: *const cwasm_module) -> usize {
    // SAFETY: the caller's contract.
    unsafe { given(module, "module") }.map_or(0, |module| module.exports.len())
}

/// How many imports it has; 0 of null.
///
/// # Safety
/// `module` is null or a living handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_module_imports(module: *const cwasm_module) -> usize {
    // SAFETY: the caller's contract.
    unsafe { given(module, "module") }.map_or(0, |module| module.imports.len())
}

/// One of its exports.
///
/// # Safety
/// `module` is null or a living handle, and `out` points to where it is told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_module_export(
    module: *const cwasm_module,
    index: usize,
    out: *mut cwasm_extern,
    error: *mut cwasm_error,
) -> c_int {
    // SAFETY: the caller's contract.
    report(error, || unsafe { tell(&given(module, "module")?.exports, index, out) })
}

/// One of its imports.
///
/// # Safety
/// `module` is null or a living handle, and `out` points to where it is told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_module_import(
    module: *const cwasm_module,
    index: usize,
    out: *mut cwasm_extern,
    error: *mut cwasm_error,
) -> c_int {
    // SAFETY: the caller's contract.
    report(error, || unsafe { tell(&given(module, "module")?.imports, index, out) })
}

/// # Safety
/// As for [`put`].
unsafe fn tell(all: &[External], index: usize, out: *mut cwasm_extern) -> Result<(), Failure> {
    let found = all
        .get(index)
        .ok_or(Failure::Text(CWASM_ARGUMENT, "there are not so many"))?;
    // SAFETY: the caller's.
    unsafe { put(out, found.told(), "out") }
}

/// Frees a module; its instances live on.
///
/// # Safety
/// `module` is null or a handle that is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cwasm_module_free(module: *mut cwasm_module) {
    // SAFETY: the caller's contract.
    unsafe { free(module) }
}
