//! Writes the C headers: `platform/wasmtime-platform.h` from Wasmtime's own definitions, as cargo has them, and
//! `embedding/include/cwasm-embedding.h` from ours. With `--check` it compares.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use cbindgen::{Builder, Config, EnumConfig, Language, RenameRule};

/// What Wasmtime's build calls what a platform may have, and what C does.
const WASMTIME_DEFINES: [(&str, &str); 4] = [
    ("has_virtual_memory", "WASMTIME_VIRTUAL_MEMORY"),
    ("has_native_signals", "WASMTIME_NATIVE_SIGNALS"),
    ("has_custom_sync", "WASMTIME_CUSTOM_SYNC"),
    ("has_custom_fiber", "WASMTIME_CUSTOM_FIBER"),
];

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("the headers can't be made: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Fallible<bool> {
    let check = match env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => return Err(format!("'{other}' is neither nothing nor --check").into()),
    };
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut fresh = true;
    for (header, bindings) in [
        ("platform/wasmtime-platform.h", wasmtime_header(&home)?),
        ("embedding/include/cwasm-embedding.h", our_header(&home)?),
    ] {
        let path = home.join(header);
        let mut made = Vec::new();
        bindings.write(&mut made);
        if fs::read(&path).is_ok_and(|committed| committed == made) {
            continue;
        }
        if check {
            tell(&format!(
                "{header} is not as its source says: run `cargo run --package cwasm-headers` in crates/min-platform"
            ));
            fresh = false;
        } else {
            fs::write(&path, made)?;
        }
    }
    Ok(fresh)
}

fn wasmtime_header(home: &Path) -> Fallible<cbindgen::Bindings> {
    let (version, source) = wasmtime(home)?;
    let about = format!(
        "// What Wasmtime {version} asks of a platform that it does not know. Made from its source by\n\
         // `cargo run --package cwasm-headers`: do not edit.\n\
         //\n\
         // Which parts are needed depends on how it was built: WASMTIME_VIRTUAL_MEMORY and WASMTIME_NATIVE_SIGNALS with the embedding's\n\
         // feature `signals`, WASMTIME_CUSTOM_SYNC with `sync`."
    );
    let config = Config {
        include_guard: Some("WASMTIME_PLATFORM_H".into()),
        defines: WASMTIME_DEFINES.map(|(a, b)| (a.into(), b.into())).into(),
        ..shared(about)
    };
    let file = source.join("src/runtime/vm/sys/custom/capi.rs");
    Ok(Builder::new().with_config(config).with_src(file).generate()?)
}

fn our_header(home: &Path) -> Fallible<cbindgen::Bindings> {
    let about = "// Wasmtime for platforms without an operating system. Made from embedding/src by\n\
                 // `cargo run --package cwasm-headers`: do not edit.\n\
                 //\n\
                 // Functions that can fail return CWASM_OK or another code, and fill in a cwasm_error if they are given one. Handles\n\
                 // that are null are errors, and so is what an instance is asked while it runs.";
    let config = Config {
        include_guard: Some("CWASM_EMBEDDING_H".into()),
        enumeration: EnumConfig {
            rename_variants: RenameRule::QualifiedScreamingSnakeCase,
            ..EnumConfig::default()
        },
        ..shared(about.into())
    };
    let mut builder = Builder::new().with_config(config);
    for name in [
        "error",
        "allocator",
        "engine",
        "value",
        "module",
        "linker",
        "instance",
        "caller",
        "platform",
    ] {
        builder = builder.with_src(home.join(format!("embedding/src/{name}.rs")));
    }
    Ok(builder.generate()?)
}

/// What both headers have in common.
fn shared(about: String) -> Config {
    Config {
        language: Language::C,
        cpp_compat: true,
        header: Some(about),
        usize_is_size_t: true,
        ..Config::default()
    }
}

/// Version and source of the Wasmtime that the workspace is built with.
fn wasmtime(home: &Path) -> Fallible<(String, PathBuf)> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--manifest-path"])
        .arg(home.join("Cargo.toml"))
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    let found = packages
        .iter()
        .find(|package| package["name"] == "wasmtime")
        .ok_or("there is no wasmtime")?;
    let text = |name: &str| found[name].as_str().ok_or("a package has no such text");
    let manifest = PathBuf::from(text("manifest_path")?);
    Ok((
        text("version")?.into(),
        manifest.parent().ok_or("a manifest is in no folder")?.into(),
    ))
}

#[expect(clippy::print_stderr, reason = "a command, whose output it is")]
fn tell(text: &str) {
    eprintln!("{text}");
}
