//! Parse arguments, run, map the error to an exit code; nothing else.

fn main() -> std::process::ExitCode {
    netdiag::cli::main()
}
