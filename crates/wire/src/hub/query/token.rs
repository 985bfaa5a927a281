use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Number, Value};

use super::QueryError;

/// A word of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword, a function or a name.
    Word(String),
    /// `[[a-b]]`: a name no word can be.
    Bracketed(String),
    /// `'..'` or `".."`.
    Text(String),
    /// A number without sign.
    Number(Value),
    /// An operator or a bracket.
    Symbol(&'static str),
}

/// A word and where it begins; the first character is 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) position: usize,
}

/// Longer ones first.
const SYMBOLS: [&str; 17] = [
    "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "*", "+", "-", "/",
];

/// Cuts a text into words.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, QueryError> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        position: 1,
    };
    let mut found = Vec::new();
    loop {
        while reader.next_if(char::is_whitespace).is_some() {}
        let position = reader.position;
        match reader.token()? {
            Some(token) => found.push(Placed { token, position }),
            None => return Ok(found),
        }
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    position: usize,
}

impl Reader<'_> {
    fn token(&mut self) -> Result<Option<Token>, QueryError> {
        let Some(&first) = self.rest.peek() else {
            return Ok(None);
        };
        match first {
            '\'' | '"' => self.text(first).map(Some),
            '0'..='9' => self.number().map(Some),
            first if is_word_start(first) => Ok(Some(Token::Word(self.run(is_word)))),
            _ if self.starts_with("[[") => self.bracketed().map(Some),
            '%' => Ok(self.next().map(|_| Token::Symbol("%"))),
            _ => match SYMBOLS.iter().find(|symbol| self.starts_with(symbol)) {
                Some(symbol) => {
                    for _ in symbol.chars() {
                        self.next();
                    }
                    Ok(Some(Token::Symbol(symbol)))
                }
                None => Err(QueryError::new("there is an unexpected character", self.position)),
            },
        }
    }

    /// A quote inside is doubled or follows a backslash; before anything but a quote and itself a
    /// backslash stands for itself.
    fn text(&mut self, quote: char) -> Result<Token, QueryError> {
        let begin = self.position;
        let mut text = String::new();
        self.next();
        while let Some(next) = self.next() {
            if next == quote && self.next_if(|c| c == quote).is_none() {
                return Ok(Token::Text(text));
            }
            let escaped = |c| matches!(c, '\'' | '"' | '\\');
            match next {
                '\\' => text.push(self.next_if(escaped).unwrap_or('\\')),
                other => text.push(other),
            }
        }
        Err(QueryError::new("there is a text without an end", begin))
    }

    fn number(&mut self) -> Result<Token, QueryError> {
        let begin = self.position;
        let mut digits = self.run(|c| c.is_ascii_digit());
        if self.second().is_some_and(|c| c.is_ascii_digit())
            && let Some(point) = self.next_if(|c| c == '.')
        {
            digits.push(point);
            digits += &self.run(|c| c.is_ascii_digit());
        }
        if let Some(exponent) = self.next_if(|c| matches!(c, 'e' | 'E')) {
            digits.push(exponent);
            digits.extend(self.next_if(|c| matches!(c, '+' | '-')));
            digits += &self.run(|c| c.is_ascii_digit());
        }
        let number = match digits.parse::<i64>() {
            Ok(integer) => Some(Number::from(integer)),
            Err(_) => digits.parse().ok().and_then(Number::from_f64),
        };
        let is_end = !self.rest.peek().is_some_and(|next| is_word(*next));
        number
            .filter(|_| is_end)
            .map(|number| Token::Number(Value::Number(number)))
            .ok_or_else(|| QueryError::new("there is something that is no number", begin))
    }

    fn bracketed(&mut self) -> Result<Token, QueryError> {
        let begin = self.position;
        self.next();
        self.next();
        let mut name = String::new();
        while self.rest.peek().is_some() && !self.starts_with("]]") {
            name.extend(self.next());
        }
        self.next();
        match self.next() {
            Some(_) if !name.is_empty() => Ok(Token::Bracketed(name)),
            _ => Err(QueryError::new(
                "there is a name in brackets without an end",
                begin,
            )),
        }
    }

    fn run(&mut self, belongs: fn(char) -> bool) -> String {
        std::iter::from_fn(|| self.next_if(belongs)).collect()
    }

    fn next(&mut self) -> Option<char> {
        self.next_if(|_| true)
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let next = self.rest.next_if(|next| wanted(*next))?;
        self.position += 1;
        Some(next)
    }

    fn second(&self) -> Option<char> {
        self.rest.clone().nth(1)
    }

    fn starts_with(&self, symbol: &str) -> bool {
        let mut rest = self.rest.clone();
        symbol.chars().all(|wanted| rest.next() == Some(wanted))
    }
}

pub(super) fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '$')
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}
