//! The steps of a seed: printed when it fails, and hashed to check that it plays the same again.

/// The steps of one seed.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Vec<String>,
    hash: u64,
}

impl Trace {
    pub fn note(&mut self, line: String) {
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        if std::env::var_os("ORDERLOG_SIMULATION_TELL").is_some() {
            println!("{line}");
        }
        self.lines.push(line);
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}
