use anyhow::{Result, bail};
pub fn run() -> Result<()> {
    bail!("not yet")
}
pub fn instances(_n: usize) -> Result<()> {
    bail!("not yet")
}
pub fn fluidsynth() -> Result<()> {
    bail!("not yet")
}
