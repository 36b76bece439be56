//! A child that takes too much.

use super::*;

fn answering(then: &str) -> String {
    let text = script("");
    text.replace("while read", &format!("{then}; while read"))
}

#[test]
fn a_greedy_child_is_ended_and_told_why() {
    let site = Site::new();
    let greedy = answering("x=$(head -c 60000000 /dev/zero | tr \"\\\\0\" a)");
    let limit = "memory_limit_bytes = 20000000\n";
    site.write("servers/greedy/server.toml", &(greedy.clone() + limit));
    site.write("servers/free/server.toml", &greedy);
    let proxy = site.start();
    let trouble = proxy.trouble("greedy");
    assert!(trouble.starts_with("was over its memory_limit_bytes = 20000000 (it used "), "{trouble}");
    proxy.wait_log(|line| line.contains("greedy: ") && line.contains("over-limit(memory_limit_bytes)"));
    let free = proxy.wait_server("free", |entry| entry["state"] == "ready");
    assert_eq!(free["restarts"], 0);
}

#[test]
fn a_child_with_too_many_processes_is_ended_with_all_of_them() {
    let site = Site::new();
    let many = answering("for i in 1 2 3 4; do sleep 600 & done");
    site.write("servers/many/server.toml", &(many.clone() + "max_processes = 4\n"));
    site.write("servers/few/server.toml", &(many + "max_processes = 5\n"));
    let proxy = site.start();
    let trouble = proxy.trouble("many");
    assert_eq!(trouble, "was over its max_processes = 4 (it had 5) and was ended");
    let few = proxy.wait_server("few", |entry| entry["state"] == "ready");
    assert_eq!(few["restarts"], 0);
}

#[test]
fn one_that_leaves_its_parents_is_counted_all_the_same() {
    let site = Site::new();
    let away = answering("setsid sh -c \"(for i in 1 2 3 4; do sleep 600 & done; wait) &\"");
    site.write("servers/away/server.toml", &(away + "max_processes = 3\n"));
    let proxy = site.start();
    let trouble = proxy.trouble("away");
    assert!(trouble.starts_with("was over its max_processes = 3 (it had "), "{trouble}");
}
