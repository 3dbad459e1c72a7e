//! A product and a sum in one operation, where the processor has it.

/// `a * b + c`: rounded once if `FUSED`, and else twice. Give `true` only in code for a processor that has the instruction
/// ([`is_fused`]): others would call a library for each number.
#[inline(always)]
pub fn mul_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Whether the processor that a version of a `multiversion` function is for multiplies and adds in one operation.
macro_rules! is_fused {
    () => {
        multiversion::target::target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"))
    };
}
pub(crate) use is_fused;
