//! `mcp-proxy passwd`: sets the owner's password.

use crate::auth::Password;
use crate::config::{Loaded, environment, state_dir};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, BufRead, Stdin, Write};

/// Asks twice at a terminal, else takes the first line of stdin.
///
/// # Errors
/// No password came, the two differ, it is too short, or it cannot be kept.
pub(super) fn set(loaded: &Loaded) -> Result<&'static str, String> {
    let folder = state_dir(&loaded.config, &loaded.dir, &environment()).map_err(|error| error.to_string())?;
    let stdin = io::stdin();
    let password = match tcgetattr(&stdin) {
        Ok(terminal) => twice(&stdin, terminal)?,
        Err(_) => line(&stdin)?,
    };
    let kept = Password::of_folder(&folder);
    kept.set(&password)?;
    Ok("the password is set, also for a proxy that runs; what clients were allowed before stays allowed")
}

fn twice(stdin: &Stdin, terminal: Termios) -> Result<String, String> {
    let _silence = Silence::of(terminal)?;
    let [password, again] = ["New password: ", "The same again: "].map(|question| ask(stdin, question));
    let password = password?;
    if password != again? {
        return Err("the two are not the same; nothing was changed".into());
    }
    Ok(password)
}

fn ask(stdin: &Stdin, question: &str) -> Result<String, String> {
    let say = |text: &str| drop(io::stderr().write_all(text.as_bytes())); // nobody sees it: nothing lost
    say(question);
    let answer = line(stdin);
    say("\n");
    answer
}

fn line(stdin: &Stdin) -> Result<String, String> {
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(|error| format!("no password can be read: {error}"))?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err("no password was given; nothing was changed".into()),
        password => Ok(password.to_string()),
    }
}

/// The terminal shows nothing that is typed, until this is dropped or Ctrl-C ends the program.
struct Silence(Termios);

impl Silence {
    fn of(terminal: Termios) -> Result<Silence, String> {
        let fault = |error: &dyn std::fmt::Display| format!("the terminal would show the password: {error}");
        let silence = Silence(terminal.clone());
        let mut quiet = terminal.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        ctrlc::set_handler(move || {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &terminal); // it ends anyway
            std::process::exit(130)
        })
        .map_err(|error| fault(&error))?;
        tcsetattr(io::stdin(), OptionalActions::Now, &quiet).map_err(|error| fault(&error))?;
        Ok(silence)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0); // gone: then nothing is to be restored
    }
}
