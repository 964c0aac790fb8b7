//! `WasiOptions`, and how it is read.

use std::time::Duration;

use napi_derive::napi;
use rand::SeedableRng;
use rand::rngs::StdRng;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, WasiView};

use super::fixed::FixedClock;
use super::output::Output;
use super::stdio::{Callbacks, Stdio, Streamed};
use super::streams::Streams;
use super::{Descriptors, Run, State};
use crate::error::{Error, Result, io_error};
use crate::js::Js;
use crate::options::{Options, known};

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
    /// What the guest reads: `'inherit'` (this process's stdin), `'ignore'` (nothing), bytes, any other string, which is given as
    /// UTF-8, a file, an open file of this process by its number (not on Windows), or, in `run` alone, a Node stream. What the guest has not read of one stays in it.
    #[napi(ts_type = "'inherit' | 'ignore' | string | Uint8Array | number | Readable | { file: string }")]
    pub stdin: Option<Js>,
    /// Where the guest's output goes: `'inherit'`, `'ignore'`, `'capture'` to keep it, a file (which is emptied first, unless it is
    /// to be appended to), an open file of this process by its number (not on Windows), a function that is called with each piece of it, or a Node stream, which is not ended. `run` calls and
    /// writes on the JavaScript thread while the guest runs elsewhere, which waits where they are slow, and whose end they are if
    /// they fail: `run` rejects with their error. In `runSync` and calls of a store the guest's thread is that one, and streams a
    /// `TypeError`.
    #[napi(ts_type = "'inherit' | 'ignore' | 'capture' | number | WasiFile | ((chunk: Buffer) => void) | Writable")]
    pub stdout: Option<Js>,
    /// The same for errors.
    #[napi(ts_type = "'inherit' | 'ignore' | 'capture' | number | WasiFile | ((chunk: Buffer) => void) | Writable")]
    pub stderr: Option<Js>,
    /// Bytes of each captured stream that are kept; beyond, the guest's writes fail. Default 64 MiB.
    pub max_output_bytes: Option<f64>,
    /// Files and directories that the guest may have open at once. Default 1,000.
    pub max_descriptors: Option<f64>,
    /// Directories the guest sees, by the path it sees them under. A bare string is a host path and read-only.
    #[napi(ts_type = "Record<string, string | Required<WasiDir>>")]
    pub dirs: Option<Js>,
    /// `'system'` (default), or a time at which the guest's clocks stand still, in milliseconds since 1970; the monotonic one
    /// then stands at 0. Waiting takes the time that it takes.
    #[napi(ts_type = "'system' | Required<WasiClock>")]
    pub clock: Option<Js>,
    /// Makes the guest's random numbers the same each time: below 2^64. For tests, and never where they are to be secret. Default:
    /// the system's random numbers.
    #[napi(ts_type = "bigint")]
    pub random_seed: Option<Js>,
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
    dirs,
    clock,
    random_seed
});

/// A file of the host that is a guest's stdin, stdout or stderr. The guest has no path to it.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct WasiFile {
    /// Its path.
    #[napi(ts_type = "string")]
    pub file: String,
    /// Write behind what is in it. Default false.
    pub append: Option<bool>,
}
known!(WasiFile { file, append });

/// A clock that stands still.
#[napi(object, object_from_js = false, object_to_js = false)]
#[allow(dead_code, reason = "it declares the interface; values are read by name")]
pub struct WasiClock {
    /// Milliseconds since 1970.
    pub now_ms: Option<f64>,
}
known!(WasiClock { now_ms });

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

impl State {
    /// Reads a store's `wasi` option: stdio is ignored unless named.
    pub fn read(options: Js) -> Result<(State, Callbacks)> {
        let mut callbacks = Callbacks([None, None]);
        if options.is_undefined() {
            return Ok((State::default(), callbacks));
        }
        let state = State::build(&Options::new(options, "wasi")?, Stdio::Store(&mut callbacks))?;
        Ok((state, callbacks))
    }
    /// The same for a run, on another thread or on this: stdio that is not named is inherited.
    pub fn read_for_run(options: Js, number: u32, streamed: Streamed, away: bool) -> Result<State> {
        let env = options.env;
        let wanted = away && streamed.0 != 0;
        let streams = wanted.then(|| Streams::new(env, number)).transpose()?;
        let stdio = if away {
            Stdio::RunAway(streamed, streams.clone())
        } else {
            Stdio::RunHere(streamed)
        };
        let mut state = State::build(&Options::new(options, "options")?, stdio)?;
        state.streams = streams;
        state.here = (!away).then_some(Run { env, number });
        Ok(state)
    }

    fn build(options: &Options<WasiOptions>, mut stdio: Stdio<'_>) -> Result<State> {
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
        stdio.input(&mut builder, options)?;
        let limit = options.number("max_output_bytes", 1 << 40)?.unwrap_or(64 << 20) as usize;
        let stdout = Output::new(stdio.output(options, 1, limit)?);
        let stderr = Output::new(stdio.output(options, 2, limit)?);
        builder.stdout(stdout.clone()).stderr(stderr.clone());
        let mut descriptors = Descriptors::default();
        if let Some(dirs) = options.some("dirs")? {
            descriptors.open += read_dirs(&mut builder, dirs)?;
        }
        read_clock(&mut builder, options)?;
        if let Some(seed) = options.some("random_seed")? {
            let seed = seed.to_biguint("randomSeed")?;
            builder
                .secure_random(StdRng::seed_from_u64(seed))
                .insecure_random(StdRng::seed_from_u64(seed))
                .insecure_random_seed(seed.into());
        }
        let mut context = Box::new(builder.build_p1());
        // Descriptors are the process's, which would be left without. What calls wait for and read is in the same table while
        // they last.
        if let Some(most) = options.number("max_descriptors", 1 << 24)? {
            descriptors.most = most as usize;
        }
        context
            .ctx()
            .table
            .set_max_capacity(descriptors.most.saturating_add(1 << 16));
        Ok(State {
            context: Some(context),
            outputs: Some([stdout, stderr]),
            descriptors,
            ..State::default()
        })
    }
}

fn read_clock(builder: &mut WasiCtxBuilder, options: &Options<WasiOptions>) -> Result<()> {
    let Some(clock) = options.some("clock")? else {
        return Ok(());
    };
    if clock.is_string() {
        return match clock.to_str("clock")?.as_str() {
            "system" => Ok(()),
            other => Err(Error::type_error(format!("clock must be 'system' or {{ nowMs }}, got '{other}'")).into()),
        };
    }
    let options = Options::<WasiClock>::new(clock, "clock")?;
    let now = options.get("now_ms")?.to_f64("clock.nowMs")?;
    // WASI counts nanoseconds in 64 bits.
    if !(0.0..=u64::MAX as f64 / 1e6).contains(&now) {
        return Err(Error::range_error(format!("clock.nowMs must be from 0 to 1.8e13, got {now}")).into());
    }
    let clock = FixedClock(Duration::from_secs_f64(now / 1e3));
    builder.wall_clock(clock).monotonic_clock(clock);
    Ok(())
}

/// A string that C programs can have: without NUL.
pub fn text(text: String, what: &str) -> Result<String> {
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
        // What is no Unicode can't be given to a guest.
        for (name, value) in std::env::vars_os() {
            if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) {
                builder.env(name, value);
            }
        }
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

/// Returns how many there are.
fn read_dirs(builder: &mut WasiCtxBuilder, dirs: Js) -> Result<usize> {
    let dirs = dirs.to_object("dirs")?;
    let guests = dirs.keys()?;
    for guest in &guests {
        let what = format!("dirs['{guest}']");
        let dir = dirs.get(guest)?;
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
            .preopened_dir(&host, guest, perms)
            .map_err(|error| match error.downcast_ref::<std::io::Error>() {
                Some(io) => io_error(io, &host),
                None => Error::type_error(format!("{what}: {error:#}")).into(),
            })?;
    }
    Ok(guests.len())
}
