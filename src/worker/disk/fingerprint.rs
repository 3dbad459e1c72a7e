//! Who renders, as far as it decides the bits of a note: notes on the disk are kept apart by it.
//!
//! A note from the disk stands in for one that would be rendered now, and a bounce is the same every time, so the two must
//! be the same bits. These depend on this build's own arithmetic (`build.rs` hashes its sources), on the build of ONNX
//! Runtime, on the instructions that it and the FFT find on the processor, and on the device.

use sha2::{Digest, Sha256};

/// The name of what renders in this process on `device`: 16 hexadecimal digits. ONNX Runtime must have been loaded.
pub fn fingerprint(device: &str) -> String {
    let parts = [env!("TIMBREL_NOTE_SOURCES"), ort::info(), std::env::consts::OS, std::env::consts::ARCH, device];
    let text = format!("{}\n{}", parts.join("\n"), instructions().join(" "));
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The instruction sets that ONNX Runtime or the FFT choose their kernels by.
fn instructions() -> Vec<&'static str> {
    let mut found = Vec::new();
    macro_rules! look_for {
        ($detected:ident: $($name:tt)*) => {
            $(if std::arch::$detected!($name) {
                found.push($name);
            })*
        };
    }
    #[cfg(target_arch = "x86_64")]
    look_for!(is_x86_feature_detected: "sse4.1" "avx" "avx2" "fma" "f16c" "avx512f" "avx512bw" "avx512dq" "avx512vl"
        "avx512vnni" "avx512bf16" "avx512fp16" "avxvnni");
    #[cfg(target_arch = "aarch64")]
    look_for!(is_aarch64_feature_detected: "neon" "dotprod" "fp16" "i8mm" "bf16" "sve" "sve2");
    found
}
