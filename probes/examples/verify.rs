//! Prints what loading each BPF program takes on this kernel: `cargo run -p probes --example verify [PROGRAM …]`, as root.

#![expect(clippy::print_stdout, reason = "printing is its purpose")]

fn main() -> Result<(), probes::SourceError> {
    println!("{:20} {:>12} {:>10}", "program", "instructions", "load ms");
    let only: Vec<String> = std::env::args().skip(1).collect();
    for program in probes::live::verify(&only)? {
        let instructions = program.instructions.map_or_else(|| "-".to_owned(), |count| count.to_string());
        let load = program.load.as_secs_f64() * 1e3;
        println!("{:20} {instructions:>12} {load:>10.1} {}", program.program, program.reason.unwrap_or_default());
    }
    Ok(())
}
