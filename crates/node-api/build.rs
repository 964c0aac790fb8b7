//! Tells the crate which variant it is built as, and sets napi's linker flags.

fn main() {
    println!("cargo::rerun-if-env-changed=CWASM_VARIANT_NAME");
    let variant = std::env::var("CWASM_VARIANT_NAME").unwrap_or_else(|_| "custom".into());
    println!("cargo::rustc-env=CWASM_VARIANT={variant}");
    // napi tags each class's objects with the crate's name and version, and two variants can be loaded side by side: an
    // object of one must be a stranger to the other, whose structures have other fields. (The name is what napi's command
    // finds the crate's types by.)
    let version = std::env::var("CARGO_PKG_VERSION").expect("cargo sets it");
    println!("cargo::rustc-env=CWASM_VERSION={version}");
    println!("cargo::rustc-env=CARGO_PKG_VERSION={version}+{variant}");
    // The exact Wasmtime version, which Wasmtime itself does not tell, is the one the workspace pins.
    let manifest = "../../Cargo.toml";
    println!("cargo::rerun-if-changed={manifest}");
    let text = std::fs::read_to_string(manifest).expect("the workspace's Cargo.toml");
    let pin = text
        .split("\nwasmtime = { version = \"=")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    println!(
        "cargo::rustc-env=CWASM_WASMTIME_VERSION={}",
        pin.expect("wasmtime is pinned exactly")
    );
    let target = std::env::var("TARGET").expect("cargo sets it");
    if links_with_lld(&target) {
        // It folds functions with the same code, as Microsoft's linker does by default.
        println!("cargo::rustc-cdylib-link-arg=-Wl,--icf=all,-O2");
    }
    println!("cargo::rustc-env=CWASM_TARGET={target}");
    napi_build::setup();
}

/// Whether the linker is LLD: Rust's own on x86-64 Linux, where it comes with one (Debian's Rust has none), or one that was asked for.
fn links_with_lld(target: &str) -> bool {
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if flags.contains("-fuse-ld=lld") {
        return true;
    }
    let rustc = std::env::var("RUSTC").expect("cargo sets it");
    let sysroot = std::process::Command::new(rustc).args(["--print", "sysroot"]).output();
    let Ok(sysroot) = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()) else {
        return false;
    };
    let own = format!("{sysroot}/lib/rustlib/{target}/bin/gcc-ld/ld.lld");
    target == "x86_64-unknown-linux-gnu" && std::path::Path::new(&own).exists()
}
