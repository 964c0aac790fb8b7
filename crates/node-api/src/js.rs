//! A JavaScript value of the current handle scope, and the few Node-API calls we make on one.
//!
//! napi-rs gives us the classes and `binding.d.ts`. Arguments are taken as [`Js`] and checked here, so that misuse is a
//! `TypeError` that names the argument, and user code (getters, `valueOf`) runs where we expect it.

use std::ffi::c_void;
use std::ptr;

use napi::JsValue;
use napi::bindgen_prelude::{FromNapiValue, Function, ToNapiValue, TypeName, TypeTag, ValidateNapiValue};
use napi::sys;

use crate::error::{Error, Failure, Result};

/// A JavaScript value. Valid until the native call that received or made it returns.
#[derive(Clone, Copy)]
pub struct Js {
    pub env: sys::napi_env,
    pub raw: sys::napi_value,
}

/// Handles made while it is there go with it: for what a guest may do often in one call.
pub struct Scope {
    env: sys::napi_env,
    scope: sys::napi_handle_scope,
}

impl Scope {
    /// Inside of a native call of the environment.
    pub fn open(env: sys::napi_env) -> Scope {
        let mut scope = ptr::null_mut();
        // SAFETY: by the contract; `drop` closes it.
        unsafe { sys::napi_open_handle_scope(env, &mut scope) };
        Scope { env, scope }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, and the innermost one.
        unsafe { sys::napi_close_handle_scope(self.env, self.scope) };
    }
}

/// Turns a Node-API status into our result.
pub fn check(status: sys::napi_status) -> Result<()> {
    match status {
        sys::Status::napi_ok => Ok(()),
        // JavaScript threw, or the environment is going away and nothing can be thrown any more.
        sys::Status::napi_pending_exception | sys::Status::napi_cannot_run_js | sys::Status::napi_closing => {
            Err(Failure::Thrown)
        }
        other => Err(Error::internal(format!("Node-API call failed with status {other}")).into()),
    }
}

macro_rules! make {
    ($env:expr, $call:ident $(, $arg:expr)*) => {{
        let mut raw = ptr::null_mut();
        // SAFETY: `env` is the environment of the running native call, and `raw` is a place for one handle.
        check(unsafe { sys::$call($env $(, $arg)*, &mut raw) })?;
        Js { env: $env, raw }
    }};
}

impl Js {
    pub fn undefined(env: sys::napi_env) -> Result<Js> {
        Ok(make!(env, napi_get_undefined))
    }
    pub fn null(env: sys::napi_env) -> Result<Js> {
        Ok(make!(env, napi_get_null))
    }
    pub fn bool(env: sys::napi_env, value: bool) -> Result<Js> {
        Ok(make!(env, napi_get_boolean, value))
    }
    pub fn number(env: sys::napi_env, value: f64) -> Result<Js> {
        Ok(make!(env, napi_create_double, value))
    }
    pub fn bigint(env: sys::napi_env, value: i64) -> Result<Js> {
        Ok(make!(env, napi_create_bigint_int64, value))
    }
    pub fn biguint(env: sys::napi_env, value: u64) -> Result<Js> {
        Ok(make!(env, napi_create_bigint_uint64, value))
    }
    pub fn string(env: sys::napi_env, value: &str) -> Result<Js> {
        Ok(make!(
            env,
            napi_create_string_utf8,
            value.as_ptr().cast(),
            value.len() as isize
        ))
    }
    pub fn object(env: sys::napi_env) -> Result<Js> {
        Ok(make!(env, napi_create_object))
    }
    pub fn array(env: sys::napi_env, items: impl IntoIterator<Item = Result<Js>>) -> Result<Js> {
        let array = make!(env, napi_create_array);
        for (i, item) in items.into_iter().enumerate() {
            array.set_index(i as u32, item?)?;
        }
        Ok(array)
    }
    /// A Node `Buffer` with a copy of `bytes`.
    pub fn buffer(env: sys::napi_env, bytes: &[u8]) -> Result<Js> {
        let mut data = ptr::null_mut();
        Ok(make!(
            env,
            napi_create_buffer_copy,
            bytes.len(),
            bytes.as_ptr().cast(),
            &mut data
        ))
    }

    /// A new `Uint8Array`.
    pub fn bytes(env: sys::napi_env, bytes: &[u8]) -> Result<Js> {
        let mut data = ptr::null_mut();
        let buffer = make!(env, napi_create_arraybuffer, bytes.len(), &mut data);
        // SAFETY: the new buffer has so many bytes of its own.
        unsafe { data.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(make!(
            env,
            napi_create_typedarray,
            sys::TypedarrayType::uint8_array,
            bytes.len(),
            buffer.raw,
            0
        ))
    }

    /// A function that hears its first argument, and returns nothing.
    pub fn function(env: sys::napi_env, hear: impl Fn(Js) + 'static) -> Result<Js> {
        let napi_env = napi::Env::from_raw(env);
        let function: napi::Result<Function<'_, (), ()>> =
            napi_env.create_function_from_closure("hear", move |context| {
                hear(
                    context
                        .get::<Js>(0)
                        .or_else(|_| Js::undefined(env).map_err(|failure| failure.into_napi(env)))?,
                );
                Ok(())
            });
        let raw = function
            .map_err(|error| Error::internal(format!("no function could be made: {}", error.reason)))?
            .raw();
        Ok(Js { env, raw })
    }

    pub fn kind(self) -> sys::napi_valuetype {
        let mut kind = sys::ValueType::napi_undefined;
        // SAFETY: `self` is a live handle of `env`.
        unsafe { sys::napi_typeof(self.env, self.raw, &mut kind) };
        kind
    }
    pub fn is_undefined(self) -> bool {
        self.kind() == sys::ValueType::napi_undefined
    }
    pub fn is_nullish(self) -> bool {
        matches!(self.kind(), sys::ValueType::napi_undefined | sys::ValueType::napi_null)
    }
    pub fn is_object(self) -> bool {
        matches!(self.kind(), sys::ValueType::napi_object | sys::ValueType::napi_function)
    }
    pub fn is_string(self) -> bool {
        self.kind() == sys::ValueType::napi_string
    }
    pub fn is_array(self) -> bool {
        let mut yes = false;
        // SAFETY: `self` is a live handle of `env`.
        unsafe { sys::napi_is_array(self.env, self.raw, &mut yes) };
        yes
    }

    /// Reads a property; getters run.
    pub fn get(self, name: &str) -> Result<Js> {
        let key = Js::string(self.env, name)?;
        Ok(make!(self.env, napi_get_property, self.raw, key.raw))
    }
    pub fn set(self, name: &str, value: Js) -> Result<()> {
        let key = Js::string(self.env, name)?;
        // SAFETY: three live handles of one environment.
        check(unsafe { sys::napi_set_property(self.env, self.raw, key.raw, value.raw) })
    }
    pub fn index(self, i: u32) -> Result<Js> {
        Ok(make!(self.env, napi_get_element, self.raw, i))
    }
    pub fn set_index(self, i: u32, value: Js) -> Result<()> {
        // SAFETY: live handles of one environment.
        check(unsafe { sys::napi_set_element(self.env, self.raw, i, value.raw) })
    }
    pub fn len(self) -> Result<u32> {
        let mut len = 0;
        // SAFETY: `self` is a live handle of `env`; Node-API refuses what is no array.
        check(unsafe { sys::napi_get_array_length(self.env, self.raw, &mut len) })?;
        Ok(len)
    }
    /// The object's own enumerable string keys.
    pub fn keys(self) -> Result<Vec<String>> {
        let keys = make!(
            self.env,
            napi_get_all_property_names,
            self.raw,
            sys::KeyCollectionMode::own_only,
            sys::KeyFilter::enumerable | sys::KeyFilter::skip_symbols,
            sys::KeyConversion::numbers_to_strings
        );
        (0..keys.len()?).map(|i| keys.index(i)?.to_str("a key")).collect()
    }
    pub fn call(self, this: Js, args: &[Js]) -> Result<Js> {
        let raws: Vec<_> = args.iter().map(|a| a.raw).collect();
        Ok(make!(
            self.env,
            napi_call_function,
            this.raw,
            self.raw,
            raws.len(),
            raws.as_ptr()
        ))
    }
    /// Calls a method by name.
    pub fn invoke(self, method: &str, args: &[Js]) -> Result<Js> {
        self.get(method)?.call(self, args)
    }

    /// What a message calls this value: its type, or its class.
    pub fn describe(self) -> String {
        match self.kind() {
            sys::ValueType::napi_undefined => "undefined".into(),
            sys::ValueType::napi_null => "null".into(),
            sys::ValueType::napi_boolean => "a boolean".into(),
            sys::ValueType::napi_number => "a number".into(),
            sys::ValueType::napi_string => "a string".into(),
            sys::ValueType::napi_symbol => "a symbol".into(),
            sys::ValueType::napi_bigint => "a bigint".into(),
            sys::ValueType::napi_function => "a function".into(),
            _ if self.is_array() => "an array".into(),
            _ => "an object".into(),
        }
    }
    fn expected<T>(self, what: &str, wanted: &str) -> Result<T> {
        Err(Error::type_error(format!("{what} must be {wanted}, got {}", self.describe())).into())
    }

    pub fn to_str(self, what: &str) -> Result<String> {
        if !self.is_string() {
            return self.expected(what, "a string");
        }
        let mut len = 0;
        // SAFETY: `self` is a string; a null buffer asks for the length.
        check(unsafe { sys::napi_get_value_string_utf8(self.env, self.raw, ptr::null_mut(), 0, &mut len) })?;
        let mut bytes = vec![0u8; len + 1];
        // SAFETY: `bytes` has room for the string and the NUL that Node-API adds.
        check(unsafe {
            sys::napi_get_value_string_utf8(self.env, self.raw, bytes.as_mut_ptr().cast(), bytes.len(), &mut len)
        })?;
        bytes.truncate(len);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
    pub fn to_bool(self, what: &str) -> Result<bool> {
        let mut value = false;
        // SAFETY: `self` is a live handle; Node-API refuses what is no boolean.
        match unsafe { sys::napi_get_value_bool(self.env, self.raw, &mut value) } {
            sys::Status::napi_ok => Ok(value),
            _ => self.expected(what, "a boolean"),
        }
    }
    pub fn to_f64(self, what: &str) -> Result<f64> {
        let mut value = 0.0;
        // SAFETY: `self` is a live handle; Node-API refuses what is no number.
        match unsafe { sys::napi_get_value_double(self.env, self.raw, &mut value) } {
            sys::Status::napi_ok => Ok(value),
            _ => self.expected(what, "a number"),
        }
    }
    /// A whole number from 0 to `max`, given as a number or as a bigint.
    pub fn to_u64(self, what: &str, max: u64) -> Result<u64> {
        let range = || Error::range_error(format!("{what} must be a whole number from 0 to {max}"));
        if self.kind() == sys::ValueType::napi_bigint {
            let (mut value, mut lossless) = (0, false);
            // SAFETY: `self` is a bigint.
            check(unsafe { sys::napi_get_value_bigint_uint64(self.env, self.raw, &mut value, &mut lossless) })?;
            return if lossless && value <= max {
                Ok(value)
            } else {
                Err(range().into())
            };
        }
        let value = self.to_f64(what)?;
        if value.fract() != 0.0 || !(0.0..=9007199254740991.0).contains(&value) || value as u64 > max {
            return Err(range().into());
        }
        Ok(value as u64)
    }
    pub fn to_u32(self, what: &str) -> Result<u32> {
        Ok(self.to_u64(what, u32::MAX.into())? as u32)
    }
    /// A bigint from 0 to 2⁶⁴-1.
    pub fn to_biguint(self, what: &str) -> Result<u64> {
        if self.kind() != sys::ValueType::napi_bigint {
            return self.expected(what, "a bigint");
        }
        self.to_u64(what, u64::MAX)
    }
    /// The bits of a bigint that the facade has already cut to 64.
    pub fn to_i64(self, what: &str) -> Result<i64> {
        let (mut value, mut lossless) = (0, false);
        // SAFETY: `self` is a live handle; Node-API refuses what is no bigint.
        match unsafe { sys::napi_get_value_bigint_int64(self.env, self.raw, &mut value, &mut lossless) } {
            sys::Status::napi_ok => Ok(value),
            _ => self.expected(what, "a bigint"),
        }
    }
    pub fn to_object(self, what: &str) -> Result<Js> {
        if self.is_object() {
            Ok(self)
        } else {
            self.expected(what, "an object")
        }
    }
    pub fn to_function(self, what: &str) -> Result<Js> {
        if self.kind() == sys::ValueType::napi_function {
            Ok(self)
        } else {
            self.expected(what, "a function")
        }
    }

    /// The native part of an object of one of our classes, of this copy of the addon; a `TypeError` for anything else.
    pub fn class<T: TypeTag + TypeName>(&self, what: &str) -> Result<&T> {
        let mut ours = false;
        let mut data: *mut c_void = ptr::null_mut();
        // SAFETY: the tag is set by napi only on objects that wrap a `T` of this build (see build.rs), so the pointer is
        // one to a `T`; it lives as long as the object, which `self` keeps alive.
        unsafe {
            if self.is_object() {
                sys::napi_check_object_type_tag(self.env, self.raw, &T::type_tag(), &mut ours);
            }
            if ours && sys::napi_unwrap(self.env, self.raw, &mut data) == sys::Status::napi_ok && !data.is_null() {
                return Ok(&*data.cast::<T>());
            }
        }
        let name = T::type_name();
        let article = if name.starts_with(['A', 'E', 'I', 'O', 'U']) {
            "an"
        } else {
            "a"
        };
        self.expected(what, &format!("{article} {name}"))
    }
}

/// Refuses a constructor that is called without `new`, which Node-API does not.
pub fn constructing<T>(this: Js) -> Result<()>
where
    T: TypeName,
    for<'a> &'a T: ValidateNapiValue,
{
    let mut data: *mut c_void = ptr::null_mut();
    // SAFETY: `this` is a live handle; napi compares it with the class it has registered. What is wrapped already is an
    // object that was made before.
    let (new, made) = unsafe {
        (
            <&T>::validate(this.env, this.raw).is_ok(),
            sys::napi_unwrap(this.env, this.raw, &mut data),
        )
    };
    if new && made != sys::Status::napi_ok {
        return Ok(());
    }
    Err(Error::type_error(format!("class {} can't be called without 'new'", T::type_name())).into())
}

impl FromNapiValue for Js {
    unsafe fn from_napi_value(env: sys::napi_env, raw: sys::napi_value) -> napi::Result<Self> {
        Ok(Js { env, raw })
    }
}
impl ToNapiValue for Js {
    unsafe fn to_napi_value(_: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        Ok(value.raw)
    }
}
impl TypeName for Js {
    fn type_name() -> &'static str {
        "unknown"
    }
    fn value_type() -> napi::ValueType {
        napi::ValueType::Unknown
    }
}

/// Anything that is turned into a value to return.
pub trait IntoJs {
    fn into_js(self, env: sys::napi_env) -> Result<Js>;
}
impl<T: napi::bindgen_prelude::JavaScriptClassExt> IntoJs for T {
    fn into_js(self, env: sys::napi_env) -> Result<Js> {
        let env = napi::Env::from_raw(env);
        let instance = self
            .into_instance(&env)
            .map_err(|e| Error::internal(format!("no instance of a class could be made: {}", e.reason)))?;
        Ok(Js {
            env: env.raw(),
            raw: instance.value,
        })
    }
}
