//! The user that a child runs as, from `/etc/passwd` and `/etc/group`: a static binary has no other source of names.

use crate::config::{Confinement, Environment};
use std::fs;

/// An account, resolved.
#[derive(Debug, PartialEq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// HOME, USER, LOGNAME and SHELL of that user.
    pub(super) variables: Environment,
}

/// The account that is asked for, if one is.
///
/// # Errors
/// There is no such user or group, or the proxy may not become one: in words, with the remedy.
pub(super) fn account(confinement: &Confinement) -> Result<Option<Account>, String> {
    let group = confinement.group.as_deref();
    let Some(user) = confinement.user.as_deref() else {
        return match group {
            Some(group) => Err(format!("group = \"{group}\" needs a user; add user = \"NAME\"")),
            None => Ok(None),
        };
    };
    let read = |file| fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}"));
    let account = resolve(user, group, &read("/etc/passwd")?, &read("/etc/group")?)?;
    if !rustix::process::geteuid().is_root() {
        let remedy = "start mcp-proxy as root, or leave user and group out";
        return Err(format!("user = \"{user}\": only root can run a server as another user; {remedy}"));
    }
    Ok(Some(account))
}

fn resolve(user: &str, group: Option<&str>, passwd: &str, groups: &str) -> Result<Account, String> {
    let entry = entry(passwd, user, 2);
    let number = |field: Option<&&str>| field.and_then(|field| field.parse::<u32>().ok());
    let uid = entry.as_ref().map_or_else(|| user.parse().ok(), |entry| number(entry.get(2)));
    let uid = uid.ok_or_else(|| format!("user = \"{user}\": there is no such user in /etc/passwd"))?;
    let gid = match (group, &entry) {
        (Some(group), _) => group_number(group, groups)?,
        (None, Some(entry)) => number(entry.get(3)).ok_or("its line in /etc/passwd has no group")?,
        (None, None) => {
            return Err(format!(
                "user = {user} has no line in /etc/passwd that would tell its group; add group = NUMBER"
            ));
        }
    };
    Ok(Account { uid, gid, variables: entry.map(|entry| variables(&entry)).unwrap_or_default() })
}

fn group_number(group: &str, groups: &str) -> Result<u32, String> {
    let known = entry(groups, group, 2).and_then(|entry| entry.get(2)?.parse().ok());
    known
        .or_else(|| group.parse().ok())
        .ok_or_else(|| format!("group = \"{group}\": there is no such group in /etc/group"))
}

/// The line of a name or a number, in fields.
fn entry<'t>(text: &'t str, wanted: &str, number: usize) -> Option<Vec<&'t str>> {
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.len() > number && (fields[0] == wanted || fields[number] == wanted))
}

/// `name:password:uid:gid:comment:home:shell` (passwd(5)).
fn variables(entry: &[&str]) -> Environment {
    let field = |at: usize| entry.get(at).map(|field| field.to_string());
    let all = [("USER", field(0)), ("LOGNAME", field(0)), ("HOME", field(5)), ("SHELL", field(6))];
    all.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnotes:x:501:502::/srv/notes:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nmedia:x:700:notes\n";

    fn ids(user: &str, group: Option<&str>) -> Result<(u32, u32), String> {
        resolve(user, group, PASSWD, GROUPS).map(|account| (account.uid, account.gid))
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(ids("notes", None), Ok((501, 502)));
        assert_eq!(ids("501", None), Ok((501, 502)));
        assert_eq!(ids("notes", Some("media")), Ok((501, 700)));
        assert_eq!(ids("4000", Some("4001")), Ok((4000, 4001)));
        assert!(ids("4000", None).unwrap_err().contains("add group = NUMBER"));
        assert!(ids("none", None).unwrap_err().contains("no such user in /etc/passwd"));
        assert!(ids("notes", Some("none")).unwrap_err().contains("no such group in /etc/group"));
    }

    #[test]
    fn the_variables_are_that_users() {
        let account = resolve("notes", None, PASSWD, GROUPS).unwrap();
        let all: Vec<&str> = account.variables.values().map(String::as_str).collect();
        assert_eq!(all, ["/srv/notes", "notes", "/bin/sh", "notes"]); // HOME LOGNAME SHELL USER
        assert!(resolve("4000", Some("0"), PASSWD, GROUPS).unwrap().variables.is_empty());
    }

    #[test]
    fn a_group_alone_is_a_mistake() {
        let alone = Confinement { group: Some("media".into()), ..Confinement::default() };
        assert!(account(&alone).unwrap_err().contains("needs a user"));
        assert_eq!(account(&Confinement::default()), Ok(None));
    }
}
