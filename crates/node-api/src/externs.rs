//! Which memories, tables, globals and tags JavaScript has seen: each has one object for as long as its store lives.

use std::cell::RefCell;
use std::ptr;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use wasmtime::{Extern, StoreContextMut};

use crate::error::{Error, Result};
use crate::global::Global;
use crate::js::{IntoJs, Js};
use crate::memory::{Kind, Memory};
use crate::store_core::{Core, Data, same_store};
use crate::table::Table;
use crate::tag::Tag;

/// Numbers of externs, from 0; the host table has the objects.
#[derive(Default)]
pub struct Externs {
    numbers: RefCell<FxHashMap<Identity, u32>>,
    list: RefCell<Vec<Item>>,
}

impl Core {
    /// Makes the object of an extern that has none: the facade asks for it, and adopts it.
    pub fn extern_object(self: &Rc<Core>, number: u32) -> Result<Js> {
        let item = self.externs.with(number, Item::clone);
        item.ok_or_else(|| Error::internal("there is no extern of this number"))?
            .make(self)
    }
}

impl Externs {
    pub fn with<R>(&self, number: u32, body: impl FnOnce(&Item) -> R) -> Option<R> {
        self.list.borrow().get(number as usize).map(body)
    }
}

/// Kind, and where in the store it is.
type Identity = (&'static str, u64, u64);

/// Something that can be imported or exported, on its way to or from JavaScript: a function is its number in the store.
#[derive(Clone)]
pub enum Item {
    Func(u32),
    Global(wasmtime::Global),
    Table(wasmtime::Table),
    Memory(wasmtime::Memory),
    Shared(wasmtime::SharedMemory),
    Tag(wasmtime::Tag),
}

impl Item {
    pub fn from_extern(core: &Core, context: &mut StoreContextMut<'_, Data>, item: Extern) -> Item {
        match item {
            Extern::Func(func) => Item::Func(core.funcs.number(context, func, None)),
            Extern::Global(global) => Item::Global(global),
            Extern::Table(table) => Item::Table(table),
            Extern::Memory(memory) => Item::Memory(memory),
            Extern::SharedMemory(memory) => Item::Shared(memory),
            Extern::Tag(tag) => Item::Tag(tag),
        }
    }

    /// As imports and exports are described.
    fn kind(&self) -> &'static str {
        match self {
            Item::Func(_) => "function",
            Item::Global(_) => "global",
            Item::Table(_) => "table",
            Item::Memory(_) | Item::Shared(_) => "memory",
            Item::Tag(_) => "tag",
        }
    }
    fn identity(&self) -> Identity {
        match self {
            Item::Func(number) => (self.kind(), (*number).into(), 0),
            Item::Global(global) => handle(self.kind(), global),
            Item::Table(table) => handle(self.kind(), table),
            Item::Memory(memory) => handle(self.kind(), memory),
            Item::Tag(tag) => handle(self.kind(), tag),
            Item::Shared(memory) => ("shared", memory.data().as_ptr().addr() as u64, 0),
        }
    }

    /// The JavaScript object, the same one each time; a function is its number.
    pub fn to_js(&self, core: &Rc<Core>) -> Result<Js> {
        let env = core.env;
        if let Item::Func(number) = *self {
            return Js::number(env, number.into());
        }
        let known = core.externs.numbers.borrow().get(&self.identity()).copied();
        if let Some(number) = known {
            let known = core.table()?.invoke("extern", &[Js::number(env, number.into())?])?;
            if !known.is_undefined() {
                return Ok(known);
            }
        }
        self.adopt(core, self.make(core)?)
    }
    fn make(&self, core: &Rc<Core>) -> Result<Js> {
        let (env, core) = (core.env, core.clone());
        match self {
            Item::Func(_) => Js::undefined(env),
            Item::Global(global) => Global { core, global: *global }.into_js(env),
            Item::Table(table) => Table { core, table: *table }.into_js(env),
            Item::Memory(memory) => Memory::of(core, Kind::Own(*memory)).into_js(env),
            Item::Shared(memory) => Memory::of(core, Kind::Shared(memory.clone())).into_js(env),
            Item::Tag(tag) => Tag { core, tag: *tag }.into_js(env),
        }
    }

    /// Its number, given to it now if it has none.
    pub fn number(&self, core: &Core) -> u32 {
        let mut list = core.externs.list.borrow_mut();
        *core
            .externs
            .numbers
            .borrow_mut()
            .entry(self.identity())
            .or_insert_with(|| {
                list.push(self.clone());
                list.len() as u32 - 1
            })
    }

    /// Makes an object the one of this extern, with an edge to the host table that the garbage collector sees: as long as it
    /// lives, what it may call or give back lives.
    pub fn adopt(&self, core: &Core, object: Js) -> Result<Js> {
        let kind = Js::string(core.env, self.kind())?;
        let number = Js::number(core.env, self.number(core).into())?;
        core.table()?.invoke("adopt", &[object, kind, number])?;
        Ok(object)
    }

    /// The extern behind a value of JavaScript, which must be of this store. Functions are numbers here too.
    pub fn from_js(core: &Rc<Core>, value: Js, kind: &str, what: &str) -> Result<Item> {
        let (item, of) = match kind {
            "function" => return Ok(Item::Func(value.to_u32(what)?)),
            "global" => value.class::<Global>(what).map(|g| (Item::Global(g.global), &g.core))?,
            "table" => value.class::<Table>(what).map(|t| (Item::Table(t.table), &t.core))?,
            "memory" => value.class::<Memory>(what).map(|m| (m.item(), &m.core))?,
            "tag" => value.class::<Tag>(what).map(|t| (Item::Tag(t.tag), &t.core))?,
            other => return Err(Error::internal(format!("{what}: a {other} is no extern")).into()),
        };
        same_store(core, of, what)?;
        Ok(item)
    }
    pub fn to_extern(&self, core: &Core) -> Result<Extern> {
        Ok(match self {
            Item::Func(number) => core.funcs.get(*number)?.into(),
            Item::Global(global) => (*global).into(),
            Item::Table(table) => (*table).into(),
            Item::Memory(memory) => (*memory).into(),
            Item::Shared(memory) => memory.clone().into(),
            Item::Tag(tag) => (*tag).into(),
        })
    }
}

/// Where in its store an extern is. Wasmtime's handles are that, and the C API's headers fix their layout: the store (eight
/// bytes), the instance (four), and which of the instance's (four at 16; of globals, eight at 12).
fn handle<T: Copy>(kind: &'static str, handle: &T) -> Identity {
    const { assert!(size_of::<T>() == 24) };
    let words = ptr::from_ref(handle).cast::<u32>();
    // SAFETY: within the handle, and not its padding.
    let (instance, which, of_global) = unsafe {
        let of_global = if kind == "global" { words.add(3).read() } else { 0 };
        (words.add(2).read(), words.add(4).read(), of_global)
    };
    (kind, u64::from(instance), u64::from(of_global) << 32 | u64::from(which))
}
