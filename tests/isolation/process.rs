//! The process of a child: what it inherits, and who it is.

use super::*;

#[test]
fn nothing_that_the_proxy_inherited_reaches_a_child() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inherited");
    let open = fs::File::create(&path).unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    let own = std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
    let own = String::from_utf8(own.stdout).unwrap();
    assert!(own.contains(path.to_str().unwrap()), "whatever this test starts has it: {own}");
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    let pid = pid(&proxy, "a");
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|fd| fd.unwrap().path());
    let targets: Vec<_> = fds.map(|fd| fs::read_link(fd).unwrap()).collect();
    assert_eq!(targets.len(), 3, "{targets:?}");
    assert!(targets.iter().all(|target| target.to_string_lossy().starts_with("pipe:")), "{targets:?}");
}

#[test]
fn a_child_begins_clean_and_gains_no_privileges() {
    let site = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio().toml("allow_privileges = true"));
    let folder = site.folder().to_path_buf();
    // Ignored as by a shell's `&`, and by who knows what; the proxy handles neither.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' QUIT USR1; exec \"$@\"", "sh"]);
    let proxy = site.start_by(command);
    let ignored = |pid| u64::from_str_radix(&status(pid, "SigIgn"), 16).unwrap() & (1 << 2 | 1 << 9);
    assert_eq!(ignored(proxy.pid().into()), 1 << 2 | 1 << 9, "SIGQUIT is 3, SIGUSR1 is 10");
    for (name, no_new_privs) in [("a", "1"), ("b", "0")] {
        let pid = pid(&proxy, name);
        assert_eq!(status(pid, "NoNewPrivs"), no_new_privs);
        assert_eq!(status(pid, "Umask"), "0077");
        assert_eq!(status(pid, "SigBlk"), "0000000000000000");
        assert_eq!(ignored(pid), 0);
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
        assert_eq!(cwd, folder.join("servers").join(name).canonicalize().unwrap());
    }
}

/// The files of a process that may be looked into are its user's; of another, root's (proc(5)). To tell them apart the
/// proxy must not be root's itself.
#[test]
fn the_proxy_itself_cannot_be_looked_into() {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;
    let site = Site::new();
    site.write("servers/a/server.toml", &script(""));
    open_to_all(&site);
    let program = site.folder().join("program");
    fs::copy(env!("CARGO_BIN_EXE_mcp-proxy"), &program).unwrap();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "shift; exec \"$0\" \"$@\""]).arg(&program);
    let user = if is_root() { 65534 } else { rustix::process::geteuid().as_raw() };
    if is_root() {
        chown(site.folder(), Some(user), Some(user)).unwrap();
        command.uid(user).gid(user);
    }
    let proxy = site.start_by(command);
    let owner = |pid: u64| fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid();
    assert_eq!((owner(pid(&proxy, "a")), owner(proxy.pid().into())), (user, 0));
}

#[test]
fn a_server_may_have_a_user_of_its_own() {
    let site = Site::new();
    site.write("servers/a/server.toml", &(script("") + "user = 'nobody'\nmax_processes = 50\n"));
    open_to_all(&site);
    let proxy = site.start();
    if !is_root() {
        let trouble = trouble(&proxy, "a");
        assert!(trouble.contains("only root can run a server as another user"), "{trouble}");
        return;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let entry = passwd.lines().find(|line| line.starts_with("nobody:")).unwrap();
    let fields: Vec<&str> = entry.split(':').collect();
    let pid = pid(&proxy, "a");
    assert_eq!(status(pid, "Uid").split_whitespace().collect::<Vec<_>>(), [fields[2]; 4]);
    assert_eq!(status(pid, "Gid").split_whitespace().collect::<Vec<_>>(), [fields[3]; 4]);
    assert_eq!(status(pid, "Groups"), "");
    let environ = String::from_utf8(fs::read(format!("/proc/{pid}/environ")).unwrap()).unwrap();
    let variables: Vec<&str> = environ.split('\0').collect();
    for expected in [format!("HOME={}", fields[5]), "USER=nobody".into(), "LOGNAME=nobody".into()] {
        assert!(variables.contains(&expected.as_str()), "{expected}: {variables:?}");
    }
    assert_eq!(limit(pid, "Max processes"), "50");
}

/// Not even a change of user keeps a child from ending with the proxy: nobody else is left to end this one.
#[test]
fn a_child_ends_with_the_proxy() {
    let site = Site::new();
    let user = if is_root() { "user = 'nobody'\n" } else { "" };
    site.write(
        "servers/a/server.toml",
        &format!("command = 'sleep'\nargs = ['600']\ntransport = 'stdio'\n{user}"),
    );
    open_to_all(&site);
    let mut proxy = site.start();
    let alone = |(_, line): &(i32, String)| line.starts_with("sleep 600");
    eventually(DEADLINE, || proxy.descendants().iter().any(alone));
    let guard =
        wait_for(DEADLINE, || proxy.descendants().into_iter().find(|(_, line)| line.contains("__guard")));
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(guard.0).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    proxy.kill();
    eventually(DEADLINE, || proxy.descendants().is_empty());
}

/// The test's folder is this user's alone; another one has to get through.
fn open_to_all(site: &Site) {
    use std::os::unix::fs::PermissionsExt;
    for folder in ["", "servers", "servers/a"] {
        fs::set_permissions(site.folder().join(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn an_unknown_user_is_told_before_and_at_the_start() {
    let site = Site::new().fake("a", Fake::stdio().toml("user = 'no-such-user'"));
    let check = site.run(&["check"]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert!(
        text.contains("problem   user = \"no-such-user\": there is no such user in /etc/passwd"),
        "{text}"
    );
    let proxy = site.start();
    assert!(trouble(&proxy, "a").contains("no such user"), "{}", trouble(&proxy, "a"));
}

fn limit(pid: u64, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let values: Vec<&str> = line.split_whitespace().take(2).collect();
    assert_eq!(values[0], values[1], "soft and hard");
    values[0].to_string()
}

#[test]
fn open_files_are_limited() {
    let proxy = Site::new().fake("a", Fake::stdio().toml("max_open_files = 77")).start();
    assert_eq!(limit(pid(&proxy, "a"), "Max open files"), "77");
}
