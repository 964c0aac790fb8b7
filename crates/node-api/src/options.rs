//! Options objects: their interfaces in `binding.d.ts`, and how they are read. An option nobody knows is refused:
//! ignoring a misspelt limit would leave a guest without one.

use std::marker::PhantomData;

use crate::error::{Error, Result};
use crate::js::Js;

/// Lists the members of an interface, which is a struct that napi puts into `binding.d.ts`. Names are written as Rust's and
/// read as JavaScript's (`memory_bytes` is `memoryBytes`). A list that is not complete does not compile.
macro_rules! known {
    ($name:ident { $($field:ident),* }) => {
        impl crate::options::Known for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];
        }
        const _: fn($name) = |$name { $($field: _),* }| {};
    };
}
pub(crate) use known;

/// The names an interface has.
pub trait Known {
    const NAMES: &'static [&'static str];
}

/// An options object of interface `I`; `undefined` is an empty one.
pub struct Options<I> {
    object: Js,
    given: bool,
    what: String,
    interface: PhantomData<I>,
}

impl<I: Known> Options<I> {
    pub fn new(object: Js, what: &str) -> Result<Options<I>> {
        let given = !object.is_undefined();
        if given {
            let known: Vec<_> = I::NAMES.iter().map(|name| camel(name)).collect();
            if let Some(key) = object.to_object(what)?.keys()?.iter().find(|key| !known.contains(key)) {
                let message = format!("{what} has no option '{key}'; it has {}", known.join(", "));
                return Err(Error::type_error(message).into());
            }
        }
        Ok(Options {
            object,
            given,
            what: what.into(),
            interface: PhantomData,
        })
    }
    /// The option as it is given, `undefined` where it is not. `name` is Rust's. A getter runs once for each call.
    pub fn get(&self, name: &str) -> Result<Js> {
        debug_assert!(I::NAMES.contains(&name));
        if self.given {
            self.object.get(&camel(name))
        } else {
            Ok(self.object)
        }
    }
    /// The option if it is given.
    pub fn some(&self, name: &str) -> Result<Option<Js>> {
        let value = self.get(name)?;
        Ok((!value.is_undefined()).then_some(value))
    }
    pub fn bool(&self, name: &str) -> Result<Option<bool>> {
        self.some(name)?
            .map(|value| value.to_bool(&self.path(name)))
            .transpose()
    }
    pub fn string(&self, name: &str) -> Result<Option<String>> {
        self.some(name)?.map(|value| value.to_str(&self.path(name))).transpose()
    }
    pub fn number(&self, name: &str, max: u64) -> Result<Option<u64>> {
        self.some(name)?
            .map(|value| value.to_u64(&self.path(name), max))
            .transpose()
    }
    /// One of several names.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.string(name)? else {
            return Ok(None);
        };
        if let Some((_, value)) = choices.iter().find(|(choice, _)| *choice == text) {
            return Ok(Some(*value));
        }
        let names: Vec<_> = choices.iter().map(|(choice, _)| format!("'{choice}'")).collect();
        let message = format!("{} must be one of {}, got '{text}'", self.path(name), names.join(", "));
        Err(Error::type_error(message).into())
    }
    /// What a message calls the option.
    pub fn path(&self, name: &str) -> String {
        format!("{}.{}", self.what, camel(name))
    }
}

/// `memory_bytes` as JavaScript writes it.
pub fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut up = false;
    for c in name.trim_start_matches("r#").chars() {
        match c {
            '_' => up = true,
            c if up => {
                camel.push(c.to_ascii_uppercase());
                up = false;
            }
            c => camel.push(c),
        }
    }
    camel
}
