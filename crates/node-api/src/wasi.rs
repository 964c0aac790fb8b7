//! [feature `wasi`] WASI preview 1: what a store grants its guests, read from `WasiOptions`.

use napi::bindgen_prelude::This;
use napi_derive::napi;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder, WasiView};

use crate::bytes::Bytes;
use crate::error::{Error, Result, guard};
use crate::js::Js;
use crate::linker::{Linker, link_error};
use crate::options::{Options, known};
use crate::preview1;
use crate::store::Store;

/// What WASI grants a guest. Nothing is granted that is not named here.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct WasiOptions {
    /// Arguments after argv[0]. Default none.
    pub args: Option<Vec<String>>,
    /// argv[0], the program's own name. Default empty; `run` takes the base name of the file.
    pub argv0: Option<String>,
    /// Environment variables, or `'inherit'` for those of this process. Default none.
    #[napi(ts_type = "Record<string, string> | 'inherit'")]
    pub env: Option<Js>,
    /// What the guest reads: `'inherit'` (this process's stdin), `'ignore'` (nothing), bytes, or any other
    /// string, which is given as UTF-8.
    #[napi(ts_type = "'inherit' | 'ignore' | string | Uint8Array")]
    pub stdin: Option<Js>,
    /// Where the guest's output goes: `'inherit'`, `'ignore'`, or `'capture'` to keep it.
    #[napi(ts_type = "'inherit' | 'ignore' | 'capture'")]
    pub stdout: Option<String>,
    /// The same for errors.
    #[napi(ts_type = "'inherit' | 'ignore' | 'capture'")]
    pub stderr: Option<String>,
    /// Bytes of each captured stream that are kept; beyond, the guest's writes fail. Default 64 MiB.
    pub max_output_bytes: Option<f64>,
    /// Files and directories that the guest may have open at once. Default 1,000.
    pub max_descriptors: Option<f64>,
    /// Directories the guest sees, by the path it sees them under. A bare string is a host path and read-only.
    #[napi(ts_type = "Record<string, string | Required<WasiDir>>")]
    pub dirs: Option<Js>,
}
known!(WasiOptions {
    args,
    argv0,
    env,
    stdin,
    stdout,
    stderr,
    max_output_bytes,
    max_descriptors,
    dirs
});

/// A directory that a guest sees.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct WasiDir {
    /// Its path on the host.
    pub host: Option<String>,
    /// Whether the guest may change what is in it.
    #[napi(ts_type = "'read' | 'read-write'")]
    pub access: Option<String>,
}
known!(WasiDir { host, access });

/// What a guest may do through WASI, and what it has written.
#[derive(Default)]
pub struct State {
    context: Option<Box<WasiP1Ctx>>,
    given: bool,
    stdout: Option<MemoryOutputPipe>,
    stderr: Option<MemoryOutputPipe>,
}

/// Where one of the guest's streams goes.
enum Output {
    Inherit,
    Ignore,
    Capture(MemoryOutputPipe),
}

impl Output {
    fn read(options: &Options<WasiOptions>, name: &str, default: &str, limit: usize) -> Result<Output> {
        let choices = [("inherit", "inherit"), ("ignore", "ignore"), ("capture", "capture")];
        Ok(match options.choice(name, &choices)?.unwrap_or(default) {
            "inherit" => Output::Inherit,
            "capture" => Output::Capture(MemoryOutputPipe::new(limit)),
            _ => Output::Ignore,
        })
    }
}

impl State {
    /// Reads a store's `wasi` option: stdio is ignored unless named.
    pub fn read(options: Js) -> Result<State> {
        if options.is_undefined() {
            return Ok(State::default());
        }
        State::build(&Options::new(options, "wasi")?, "ignore")
    }

    /// The same where stdio that is not named is inherited.
    pub fn read_for_run(options: Js) -> Result<State> {
        State::build(&Options::new(options, "options")?, "inherit")
    }

    fn build(options: &Options<WasiOptions>, default: &str) -> Result<State> {
        let mut builder = WasiCtxBuilder::new();
        // Synchronous calls wait for files where they are: no detour over another thread.
        builder.allow_blocking_current_thread(true);
        builder.arg(text(options.string("argv0")?.unwrap_or_default(), "argv0")?);
        if let Some(args) = options.some("args")? {
            if !args.is_array() {
                return Err(Error::type_error(format!("args must be an array, got {}", args.describe())).into());
            }
            for i in 0..args.len()? {
                let what = format!("args[{i}]");
                builder.arg(text(args.index(i)?.to_str(&what)?, &what)?);
            }
        }
        if let Some(env) = options.some("env")? {
            read_env(&mut builder, env)?;
        }
        read_stdin(&mut builder, options, default)?;
        let limit = options.number("max_output_bytes", 1 << 40)?.unwrap_or(64 << 20) as usize;
        let stdout = match Output::read(options, "stdout", default, limit)? {
            Output::Inherit => {
                builder.inherit_stdout();
                None
            }
            Output::Ignore => None,
            Output::Capture(pipe) => {
                builder.stdout(pipe.clone());
                Some(pipe)
            }
        };
        let stderr = match Output::read(options, "stderr", default, limit)? {
            Output::Inherit => {
                builder.inherit_stderr();
                None
            }
            Output::Ignore => None,
            Output::Capture(pipe) => {
                builder.stderr(pipe.clone());
                Some(pipe)
            }
        };
        if let Some(dirs) = options.some("dirs")? {
            read_dirs(&mut builder, dirs)?;
        }
        let mut context = Box::new(builder.build_p1());
        // Descriptors are the process's, which would be left without.
        let most = options.number("max_descriptors", 1 << 24)?.unwrap_or(1000) as usize;
        context.ctx().table.set_max_capacity(most);
        Ok(State {
            context: Some(context),
            given: true,
            stdout,
            stderr,
        })
    }

    /// What the guest wrote so far, of captured streams: stdout, stderr.
    pub fn output(&self) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let contents = |pipe: &Option<MemoryOutputPipe>| pipe.as_ref().map(|pipe| pipe.contents().to_vec());
        (contents(&self.stdout), contents(&self.stderr))
    }

    pub fn context(&mut self) -> &mut WasiP1Ctx {
        self.context
            .get_or_insert_with(|| Box::new(WasiCtxBuilder::new().build_p1()))
    }
}

/// A string that C programs can have: without NUL.
fn text(text: String, what: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(Error::type_error(format!("{what} must not contain NUL")).into());
    }
    Ok(text)
}

fn read_env(builder: &mut WasiCtxBuilder, env: Js) -> Result<()> {
    if env.is_string() {
        if env.to_str("env")? != "inherit" {
            return Err(Error::type_error("env must be 'inherit' or an object of strings").into());
        }
        builder.inherit_env();
        return Ok(());
    }
    let env = env.to_object("env")?;
    for key in env.keys()? {
        let what = format!("env.{key}");
        let value = text(env.get(&key)?.to_str(&what)?, &what)?;
        if key.is_empty() || key.contains(['=', '\0']) {
            return Err(Error::type_error(format!("'{key}' can't be the name of an environment variable")).into());
        }
        builder.env(key, value);
    }
    Ok(())
}

fn read_stdin(builder: &mut WasiCtxBuilder, options: &Options<WasiOptions>, default: &str) -> Result<()> {
    let Some(stdin) = options.some("stdin")? else {
        if default == "inherit" {
            builder.inherit_stdin();
        }
        return Ok(());
    };
    if stdin.is_string() {
        match stdin.to_str("stdin")?.as_str() {
            "inherit" => _ = builder.inherit_stdin(),
            "ignore" => {}
            text => _ = builder.stdin(MemoryInputPipe::new(text.to_owned())),
        }
        return Ok(());
    }
    let bytes = Bytes::read(stdin, "stdin")?;
    builder.stdin(MemoryInputPipe::new(bytes.to_vec()));
    Ok(())
}

fn read_dirs(builder: &mut WasiCtxBuilder, dirs: Js) -> Result<()> {
    let dirs = dirs.to_object("dirs")?;
    for guest in dirs.keys()? {
        let what = format!("dirs['{guest}']");
        let dir = dirs.get(&guest)?;
        let (host, perms) = if dir.is_string() {
            (dir.to_str(&what)?, FsPerms::ReadOnly)
        } else {
            let dir = Options::<WasiDir>::new(dir, &what)?;
            let choices = [("read", FsPerms::ReadOnly), ("read-write", FsPerms::ReadWrite)];
            let missing = |name| Error::type_error(format!("{what}.{name} is missing"));
            let perms = dir.choice("access", &choices)?.ok_or_else(|| missing("access"))?;
            (dir.string("host")?.ok_or_else(|| missing("host"))?, perms)
        };
        text(guest.clone(), "a key of dirs")?;
        builder
            .preopened_dir(&host, &guest, perms)
            .map_err(|error| match error.downcast_ref::<std::io::Error>() {
                Some(io) => crate::error::io_error(io, &host),
                None => Error::type_error(format!("{what}: {error:#}")).into(),
            })?;
    }
    Ok(())
}

/// The code of a guest that has called `proc_exit`.
pub fn exit_code(error: &wasmtime::Error) -> Option<i32> {
    error.downcast_ref::<I32Exit>().map(|exit| exit.0)
}

#[napi]
impl Store {
    /// What the guest has written to captured streams so far; `undefined` for a store without the option `wasi`.
    #[napi(
        getter,
        ts_return_type = "{ readonly stdout?: Buffer, readonly stderr?: Buffer } | undefined"
    )]
    pub fn wasi(&self, env: napi::Env) -> napi::Result<Js> {
        let env = env.raw();
        guard(env, || {
            let state = self.core.enter(|context| {
                let wasi = &context.data().wasi;
                wasi.given.then(|| wasi.output())
            })?;
            let Some((stdout, stderr)) = state else {
                return Js::undefined(env);
            };
            let object = Js::object(env)?;
            for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
                if let Some(bytes) = bytes {
                    object.set(name, Js::buffer(env, &bytes)?)?;
                }
            }
            Ok(object)
        })
    }
}

#[napi]
impl Linker {
    /// Defines WASI preview 1 (`wasi_snapshot_preview1`). What it grants is the store's matter: one made without the option
    /// `wasi` grants nothing.
    #[napi(ts_args_type = "", ts_return_type = "this")]
    pub fn define_wasi(&self, env: napi::Env, this: This<Js>) -> napi::Result<Js> {
        guard(env.raw(), || {
            preview1::add_to_linker(&mut *self.definitions()?)
                .map_err(|e| link_error("wasi_snapshot_preview1", "", e))?;
            Ok(this.object)
        })
    }
}
