use provost_model::query::MAX_HEIGHT;

use super::token::{Placed, Token, tokens};
use super::{MAX_QUERY, QueryError};

/// The words of a text, read from front to back.
#[derive(Debug)]
pub(super) struct Tokens {
    words: Vec<Placed>,
    next: usize,
    end: usize,
    nesting: usize,
}

impl Tokens {
    pub(super) fn read(text: &str) -> Result<Self, QueryError> {
        let length = text.chars().count();
        if length > MAX_QUERY {
            let message = format!("there are more than {MAX_QUERY} characters");
            return Err(QueryError::new(message, MAX_QUERY + 1));
        }
        // No store keeps one, so nothing can be equal to it.
        if let Some(before) = text.chars().position(|c| c == '\0') {
            return Err(QueryError::new("there is a NUL character", before + 1));
        }
        Ok(Self {
            words: tokens(text)?,
            next: 0,
            end: length + 1,
            nesting: 0,
        })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.ahead(0)
    }

    /// The word so many behind the next.
    pub(super) fn ahead(&self, count: usize) -> Option<&Token> {
        self.words.get(self.next + count).map(|placed| &placed.token)
    }

    /// Where the next word begins.
    pub(super) fn position(&self) -> usize {
        self.words
            .get(self.next)
            .map_or(self.end, |placed| placed.position)
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        is_keyword(self.peek(), keyword)
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.is_keyword(keyword);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Symbol(next)) if *next == symbol);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn keyword(&mut self, keyword: &str) -> Result<(), QueryError> {
        if self.take_keyword(keyword) {
            Ok(())
        } else {
            Err(self.expected(keyword))
        }
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> Result<(), QueryError> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.expected(&format!("'{symbol}'")))
        }
    }

    pub(super) fn end(&self) -> Result<(), QueryError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end")),
        }
    }

    pub(super) fn expected(&self, what: &str) -> QueryError {
        QueryError::new(format!("{what} is expected"), self.position())
    }

    /// Reads something that may hold itself, only so deep.
    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        if self.nesting >= MAX_HEIGHT {
            return Err(self.too_deep());
        }
        self.nesting += 1;
        let read = read(self);
        self.nesting -= 1;
        read
    }

    pub(super) fn too_deep(&self) -> QueryError {
        let message = format!("there are more than {MAX_HEIGHT} levels");
        QueryError::new(message, self.position())
    }
}

pub(super) fn is_keyword(token: Option<&Token>, keyword: &str) -> bool {
    matches!(token, Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
}
