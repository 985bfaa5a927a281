use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use super::Desk;

/// A verb without verbs below it, and what its help offers to paste.
struct Verb {
    words: Vec<String>,
    example: String,
}

/// Every verb, found by following the help. A verb without an example fails.
async fn verbs(desk: &Desk) -> Vec<Verb> {
    let mut found = Vec::new();
    let mut open = vec![Vec::<String>::new()];
    while let Some(words) = open.pop() {
        let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let done = desk.provost(&arguments).await;
        assert_eq!(done.code, Some(0), "{words:?}");
        let below = verbs_of(&done.stdout);
        if below.is_empty() {
            let example = example_of(&done.stdout).unwrap_or_else(|| panic!("{words:?} shows no example"));
            found.push(Verb { words, example });
        } else {
            open.extend(below.into_iter().map(|verb| [words.clone(), vec![verb]].concat()));
        }
    }
    found
}

/// The names in the list of commands.
fn verbs_of(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    // Descriptions that run over are indented further.
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let names = names.filter_map(|rest| rest.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// What stands below "Example".
fn example_of(help: &str) -> Option<String> {
    let mut lines = help.lines().skip_while(|line| !line.starts_with("Example"));
    lines.next()?;
    let pasted: Vec<&str> = lines.map(str::trim).collect();
    Some(pasted.join("\n")).filter(|example| example.contains("provost"))
}

#[tokio::test]
async fn every_verb_has_an_example_that_works_when_pasted_after_the_quickstart() {
    let first = Desk::after_quickstart().await;
    let all = verbs(&first).await;
    assert!(all.len() >= 35, "only {} verbs were found", all.len());
    // Much of it is waiting for polls: some at a time, all on this thread.
    let turns = Arc::new(Semaphore::new(6));
    let pasting = LocalSet::new();
    let pasted: Vec<_> = all
        .into_iter()
        .map(|verb| {
            let turns = Arc::clone(&turns);
            pasting.spawn_local(async move {
                let _turn = turns.acquire().await.unwrap();
                paste(&verb).await;
            })
        })
        .collect();
    let ended = async {
        for verb in pasted {
            verb.await.unwrap();
        }
    };
    pasting.run_until(ended).await;
}

async fn paste(verb: &Verb) {
    let words = verb.words.join(" ");
    let example: Vec<&str> = verb
        .example
        .lines()
        // These go on until they are stopped: the server runs here, `monitor` has a test of its own.
        // The method needs a device that answers: `quickstart` has one.
        .filter(|line| !line.starts_with("provost serve") && !line.contains("monitor --device-id"))
        .filter(|line| !line.contains("method invoke"))
        .collect();
    let desk = Desk::after_quickstart().await;
    let done = desk.shell(&example.join("\n")).await;
    assert_eq!(
        done.code,
        Some(0),
        "{words}: {}\n{}{}",
        example.join("\n"),
        done.stdout,
        done.stderr
    );
}
