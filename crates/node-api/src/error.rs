//! What can go wrong, as a value; the class it becomes; and the one place where it is thrown.
//!
//! The classes are lib/errors.ts's, handed to us at load ([`crate::env`]).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::Unknown;
use napi::sys;

use crate::env::EnvData;
use crate::exception::Raised;
use crate::js::{Js, check};

pub type Result<T> = std::result::Result<T, Failure>;

/// Why a native call ends without a value.
pub enum Failure {
    /// To be made into an instance of its class and thrown.
    Error(Error),
    /// A JavaScript exception is pending in the environment already: leave it alone, it will come out as the same object.
    Thrown,
    /// A wasm exception that nobody has caught, to be made into a value and thrown.
    Raised(Box<Raised>),
}

/// An error of one of our classes, or one of JavaScript's own. It is made in hundreds of places, so making one takes little code
/// there: it is one pointer, and its functions are calls.
#[derive(Debug)]
pub struct Error(Box<Parts>);

#[derive(Debug)]
struct Parts {
    class: &'static str,
    message: String,
    fields: Vec<(&'static str, Field)>,
}

/// The value of an error's field.
#[derive(Debug)]
pub enum Field {
    Text(String),
    Number(f64),
    List(Vec<Field>),
    Object(Vec<(&'static str, Field)>),
}

impl Error {
    #[cold]
    #[inline(never)]
    pub fn new(class: &'static str, message: impl Into<String>) -> Error {
        Error(Box::new(Parts {
            class,
            message: message.into(),
            fields: Vec::new(),
        }))
    }
    #[cold]
    #[inline(never)]
    pub fn with(mut self, name: &'static str, field: impl Into<Field>) -> Error {
        self.0.fields.push((name, field.into()));
        self
    }
    #[cold]
    #[inline(never)]
    pub fn type_error(message: impl Into<String>) -> Error {
        Error::new("TypeError", message)
    }
    #[cold]
    #[inline(never)]
    pub fn range_error(message: impl Into<String>) -> Error {
        Error::new("RangeError", message)
    }
    #[cold]
    #[inline(never)]
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new("InternalError", message)
    }
    /// Whether the class has `frames`.
    pub fn is_trap(&self) -> bool {
        matches!(
            self.0.class,
            "Trap" | "DeadlineError" | "OutOfFuelError" | "MemoryLimitError"
        )
    }
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Makes the instance: `new Class(message, fields)`.
    pub fn into_js(self, env: sys::napi_env) -> Result<Js> {
        let data = EnvData::of(env)?;
        let Parts {
            class,
            message,
            fields: given,
        } = *self.0;
        let class = data.errors(env)?.get(class)?;
        let fields = Js::object(env)?;
        for (name, field) in given {
            fields.set(name, field.into_js(env)?)?;
        }
        let args = [Js::string(env, &message)?.raw, fields.raw];
        let mut raw = ptr::null_mut();
        // SAFETY: `class` is a constructor the facade handed over, `args` two live handles.
        check(unsafe { sys::napi_new_instance(env, class.raw, args.len(), args.as_ptr(), &mut raw) })?;
        Ok(Js { env, raw })
    }
}

impl Field {
    fn into_js(self, env: sys::napi_env) -> Result<Js> {
        match self {
            Field::Text(text) => Js::string(env, &text),
            Field::Number(number) => Js::number(env, number),
            Field::List(items) => Js::array(env, items.into_iter().map(|item| item.into_js(env))),
            Field::Object(fields) => {
                let object = Js::object(env)?;
                for (name, field) in fields {
                    object.set(name, field.into_js(env)?)?;
                }
                Ok(object)
            }
        }
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Field {
        Field::Text(text.into())
    }
}
impl From<String> for Field {
    fn from(text: String) -> Field {
        Field::Text(text)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl Failure {
    /// Throws, so that the native call can return.
    pub fn throw(self, env: sys::napi_env) {
        if let Ok(value) = match self {
            Failure::Error(error) => error.into_js(env),
            Failure::Raised(raised) => raised.into_js(),
            Failure::Thrown => return,
        } {
            // SAFETY: a live handle. Where it can't be thrown the environment is ending, and nobody is left to catch it.
            unsafe { sys::napi_throw(env, value.raw) };
        }
    }
}

impl Failure {
    /// As what napi rejects a promise with: the same object.
    pub fn into_napi(self, env: sys::napi_env) -> napi::Error {
        let value = match self {
            Failure::Error(error) => error.into_js(env).map(|instance| instance.raw),
            Failure::Raised(raised) => raised.into_js().map(|value| value.raw),
            Failure::Thrown => {
                let mut raw = ptr::null_mut();
                // SAFETY: takes the pending exception, of which there is one.
                check(unsafe { sys::napi_get_and_clear_last_exception(env, &mut raw) }).map(|()| raw)
            }
        };
        match value {
            // SAFETY: a live handle of this environment.
            Ok(raw) => unsafe { Unknown::from_raw_unchecked(env, raw) }.into(),
            Err(_) => napi::Error::from_reason("the environment is ending"),
        }
    }
}

/// Runs the body of a native function: what it returns as an error is thrown, and a panic is an `InternalError` instead of
/// the end of the process. Every `#[napi]` body is one call of this (`errors.spec.ts` reads the source to hold us to it).
pub fn guard<T>(env: sys::napi_env, body: impl FnOnce() -> Result<T>) -> napi::Result<T> {
    // One copy of the code for all bodies.
    #[inline(never)]
    fn erased(env: sys::napi_env, body: &mut dyn FnMut() -> Result<()>) -> napi::Result<()> {
        let failure = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure,
            Err(panic) => panicked(panic).into(),
        };
        failure.throw(env);
        // napi throws nothing of its own for this status: the exception is pending already.
        Err(napi::Error::new(napi::Status::PendingException, ""))
    }
    let (mut body, mut result) = (Some(body), None);
    erased(env, &mut || {
        result = body.take().map(|body| body()).transpose()?;
        Ok(())
    })?;
    result.ok_or_else(|| napi::Error::from_reason("the body did not run"))
}

/// The error that stands for a caught panic.
pub fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    Error::internal(format!("a Rust panic was caught: {text}"))
}

/// The error that Node itself would throw.
pub fn io_error(error: &std::io::Error, path: &str) -> Failure {
    use std::io::ErrorKind;
    let (code, text) = match error.kind() {
        ErrorKind::NotFound => ("ENOENT", "no such file or directory"),
        ErrorKind::PermissionDenied => ("EACCES", "permission denied"),
        ErrorKind::IsADirectory => ("EISDIR", "illegal operation on a directory"),
        ErrorKind::NotADirectory => ("ENOTDIR", "not a directory"),
        _ => ("EIO", "the file can't be read"),
    };
    Error::new("Error", format!("{code}: {text}, open '{path}'"))
        .with("code", code)
        .with("syscall", "open")
        .with("path", path)
        .with("errno", Field::Number(-f64::from(error.raw_os_error().unwrap_or(5))))
        .into()
}
