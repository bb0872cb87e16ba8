//! Reads templates.

use serde_json::Value;

use super::{Block, Expression, Node};

/// Blocks and parentheses in each other at most.
const MAX_DEPTH: usize = 50;

pub(super) fn template(text: &str) -> Result<Vec<Node>, String> {
    let pieces = pieces(text)?;
    let mut reader = Blocks {
        pieces: &pieces,
        at: 0,
    };
    let (nodes, end) = reader.body(0)?;
    match end {
        None => Ok(nodes),
        Some((line, word)) => Err(format!("line {line}: unexpected {{{{{word}}}}}")),
    }
}

/// A text, or what is between `{{` and `}}` with its line.
enum Piece {
    Text(String),
    Action(usize, String),
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let (mut rest, mut line) = (text, 1);
    let mut trim = false;
    loop {
        let (before, action) = match rest.split_once("{{") {
            Some((before, after)) => (before, Some(after)),
            None => (rest, None),
        };
        let trims_before = action.is_some_and(|action| action.starts_with("- "));
        let mut shown = if trim { before.trim_start() } else { before };
        if trims_before {
            shown = shown.trim_end();
        }
        pieces.push(Piece::Text(shown.to_owned()));
        line += before.matches('\n').count();
        let Some(action) = action else {
            return Ok(pieces);
        };
        let Some(end) = end_of_action(action) else {
            return Err(format!("line {line}: unclosed action"));
        };
        let inner = &action[..end];
        trim = inner.ends_with(" -");
        let inner = inner.strip_prefix("- ").unwrap_or(inner);
        let code = inner.strip_suffix(" -").unwrap_or(inner).trim();
        if !(code.starts_with("/*") && code.ends_with("*/")) {
            pieces.push(Piece::Action(line, code.to_owned()));
        }
        line += inner.matches('\n').count();
        rest = &action[end + 2..];
    }
}

/// Where `}}` is, outside of texts in quotes.
fn end_of_action(action: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in action.char_indices() {
        match (quote, character) {
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), close) if open == close && !escaped => quote = None,
            (None, '"' | '`') => quote = Some(character),
            (None, '}') if action[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
        escaped = false;
    }
    None
}

/// The line and the words of an action that ends a body.
type End = (usize, String);

struct Blocks<'p> {
    pieces: &'p [Piece],
    at: usize,
}

impl Blocks<'_> {
    /// Nodes up to the word that ends them: `end` or `else`.
    fn body(&mut self, depth: usize) -> Result<(Vec<Node>, Option<End>), String> {
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} blocks in each other"));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.at) {
            self.at += 1;
            let (line, code) = match piece {
                Piece::Text(text) if text.is_empty() => continue,
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.clone()));
                    continue;
                }
                Piece::Action(line, code) => (*line, code),
            };
            let (word, rest) = code.split_once(char::is_whitespace).unwrap_or((code, ""));
            let block = match word {
                "end" | "else" => return Ok((nodes, Some((line, code.clone())))),
                "range" => Block::Range,
                "if" => Block::If,
                "with" => Block::With,
                "define" | "template" | "block" | "break" | "continue" => {
                    return Err(format!("line {line}: {word} is not supported"));
                }
                _ => {
                    nodes.push(Node::Print(expression(line, code)?));
                    continue;
                }
            };
            nodes.push(self.block(line, block, rest, depth)?);
        }
        Ok((nodes, None))
    }

    fn block(&mut self, line: usize, block: Block, condition: &str, depth: usize) -> Result<Node, String> {
        let condition = expression(line, condition)?;
        let (body, end) = self.body(depth + 1)?;
        let unclosed = || format!("line {line}: a block without {{{{end}}}}");
        let (end_line, word) = end.ok_or_else(unclosed)?;
        let other = match word.strip_prefix("else") {
            None => Vec::new(),
            Some("") => match self.body(depth + 1)? {
                (other, Some((_, word))) if word == "end" => other,
                _ => return Err(unclosed()),
            },
            Some(rest) => match rest.trim_start().split_once(char::is_whitespace) {
                Some(("if", condition)) => vec![self.block(end_line, Block::If, condition, depth + 1)?],
                Some(("with", condition)) => vec![self.block(end_line, Block::With, condition, depth + 1)?],
                _ => return Err(format!("line {end_line}: unexpected {{{{{word}}}}}")),
            },
        };
        Ok(Node::Block(block, condition, body, other))
    }
}

fn expression(line: usize, code: &str) -> Result<Expression, String> {
    let located = |why: String| format!("line {line}: {why}");
    let tokens = tokens(code).map_err(located)?;
    let mut at = 0;
    let expression = pipeline(&tokens, &mut at, 0).map_err(located)?;
    match tokens.get(at) {
        None => Ok(expression),
        Some(token) => Err(located(format!("unexpected {token:?} in {{{{{code}}}}}"))),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Pipe,
    Word(String),
    Literal(Value),
}

fn tokens(code: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | '|' => {
                tokens.push(match first {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Pipe,
                });
                1
            }
            '"' => {
                let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                let Some(Ok(text)) = stream.next() else {
                    return Err("a text in quotes that doesn't end".into());
                };
                let length = stream.byte_offset();
                tokens.push(Token::Literal(text.into()));
                length
            }
            '`' => {
                let end = rest[1..].find('`').ok_or("a text in quotes that doesn't end")?;
                tokens.push(Token::Literal(rest[1..=end].into()));
                end + 2
            }
            _ => {
                let end = rest
                    .find(|character: char| character.is_whitespace() || "()|\"`".contains(character))
                    .unwrap_or(rest.len());
                tokens.push(word(&rest[..end])?);
                end
            }
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn word(text: &str) -> Result<Token, String> {
    Ok(match text {
        "true" => Token::Literal(true.into()),
        "false" => Token::Literal(false.into()),
        "nil" => Token::Literal(Value::Null),
        _ if text.contains(":=")
            || text.contains(',')
            || text.starts_with('$') && text.len() > 1 && !text.starts_with("$.") =>
        {
            return Err("variables are not supported".into());
        }
        _ => match text.parse::<serde_json::Number>() {
            Ok(number) => Token::Literal(Value::Number(number)),
            Err(_) => Token::Word(text.to_owned()),
        },
    })
}

/// Commands with `|` between them: each gets the value before it as its last argument.
fn pipeline(tokens: &[Token], at: &mut usize, depth: usize) -> Result<Expression, String> {
    let mut value = command(tokens, at, None, depth)?;
    while tokens.get(*at) == Some(&Token::Pipe) {
        *at += 1;
        value = command(tokens, at, Some(value), depth)?;
    }
    Ok(value)
}

fn command(
    tokens: &[Token],
    at: &mut usize,
    piped: Option<Expression>,
    depth: usize,
) -> Result<Expression, String> {
    if let Some(Token::Word(name)) = tokens.get(*at)
        && !name.starts_with(['.', '$'])
    {
        *at += 1;
        let mut arguments = Vec::new();
        while matches!(
            tokens.get(*at),
            Some(Token::Open | Token::Word(_) | Token::Literal(_))
        ) {
            arguments.push(operand(tokens, at, depth)?);
        }
        arguments.extend(piped);
        return Ok(Expression::Call(name.clone(), arguments));
    }
    if piped.is_some() {
        return Err("after | comes a function".into());
    }
    operand(tokens, at, depth)
}

fn operand(tokens: &[Token], at: &mut usize, depth: usize) -> Result<Expression, String> {
    let token = tokens.get(*at).ok_or("a value is missing")?;
    *at += 1;
    match token {
        Token::Literal(value) => Ok(Expression::Literal(value.clone())),
        Token::Word(word) if word.starts_with(['.', '$']) => {
            let fields = word
                .trim_start_matches('$')
                .split('.')
                .filter(|field| !field.is_empty());
            let fields: Vec<String> = fields.map(str::to_owned).collect();
            let plain = |field: &String| {
                field
                    .chars()
                    .all(|character| character.is_alphanumeric() || character == '_')
            };
            if !fields.iter().all(plain) {
                return Err(format!("{word} is no path of fields: use index for other keys"));
            }
            let root = word.starts_with('$');
            Ok(Expression::Path { root, fields })
        }
        // A function without arguments.
        Token::Word(word) => Ok(Expression::Call(word.clone(), Vec::new())),
        Token::Open if depth < MAX_DEPTH => {
            let inner = pipeline(tokens, at, depth + 1)?;
            if tokens.get(*at) != Some(&Token::Close) {
                return Err("a parenthesis that doesn't end".into());
            }
            *at += 1;
            Ok(inner)
        }
        other => Err(format!("unexpected {other:?}")),
    }
}
