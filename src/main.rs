//! The program: see the library's documentation for how it is built.

fn main() -> std::process::ExitCode {
    mcp_proxy::cli::main()
}
