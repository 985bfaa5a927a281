use clap::CommandFactory;

use super::*;

#[test]
fn flags_and_verbs_agree_with_each_other() {
    CommandLine::command().debug_assert();
}

#[test]
fn every_verb_has_an_example() {
    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        let has_verbs = command.get_subcommands().next().is_some();
        // What is hidden is started by the program itself.
        if !has_verbs && !command.is_hide_set() {
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            assert!(help.contains("Example"), "{path} has no example");
            assert!(help.contains("  provost "), "{path}: {help}");
        }
        for verb in command.get_subcommands() {
            check(verb, &path);
        }
    }
    check(&CommandLine::command(), "");
}

#[test]
fn every_example_is_a_command_line_that_parses() {
    fn examples(command: &clap::Command, into: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        // Longer lines are wrapped, and cannot be pasted then.
        assert!(help.lines().all(|line| line.len() <= 98), "{help}");
        // A line that ends in a backslash goes on in the next one.
        let pieces: Vec<&str> = help.split('\\').map(str::trim).collect();
        into.extend(
            pieces
                .join(" ")
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with("provost "))
                .map(str::to_owned),
        );
        for verb in command.get_subcommands() {
            examples(verb, into);
        }
    }
    let mut all = Vec::new();
    examples(&CommandLine::command(), &mut all);
    assert!(all.len() > 40, "{}", all.len());
    for example in all {
        let words = words(example.split(" | ").next().unwrap());
        if let Err(error) = CommandLine::try_parse_from(words) {
            panic!("{example}: {error}");
        }
    }
}

/// Splits like a shell, as far as the examples need it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in line.chars() {
        match letter {
            '\'' | '"' if quote.is_none() => quote = Some(letter),
            letter if quote == Some(letter) => quote = None,
            ' ' if quote.is_none() => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words
}

#[test]
fn global_options_may_follow_the_verb() {
    let line = "provost dps enrollment list --data /d --output json --root-ca r.pem";
    let line = CommandLine::parse_from(line.split(' '));
    assert_eq!(line.global.data, Some(PathBuf::from("/d")));
    assert_eq!(line.global.output, Some(Format::Json));
}

#[test]
fn serve_takes_the_data_folder_itself() {
    let line = CommandLine::parse_from(["provost", "serve", "--data", "/d", "--https-port", "0"]);
    let Command::Serve(arguments) = line.command else {
        panic!("another verb")
    };
    assert_eq!(arguments.data, Some(PathBuf::from("/d")));
    assert_eq!(arguments.https_port, Some(0));
}

#[test]
fn wrong_usage_is_noticed_before_anything_is_done() {
    for line in [
        "provost",
        "provost dps",
        "provost dps enrollment show",
        "provost connection-string adr",
        "provost hub monitor --count many",
    ] {
        let error = CommandLine::try_parse_from(line.split(' ')).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}
