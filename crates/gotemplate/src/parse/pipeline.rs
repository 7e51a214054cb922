//! Pipelines, commands and operands.

use super::ast::{Chain, Command, Expr, ExprKind, Pipe, Quoted, Shown, Span};
use super::{Parse, Parser, closed, number};
use crate::Value;
use crate::lex::Kind;
use crate::quote::{quote, unquote};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parse<Pipe> {
        let pos = self.peek_non_space().pos;
        let mut decl = Vec::new();
        let assign = self.declarations(context, &mut decl)?;
        let from = self.commands.len();
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    self.check(&self.commands[from..], context)?;
                    let commands = closed(&mut self.commands, from);
                    return Ok(Pipe { pos, assign, decl: decl.into(), commands });
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    self.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    /// The variables that a pipeline sets; true if they were declared before.
    fn declarations(&mut self, context: &str, decl: &mut Vec<Span>) -> Parse<bool> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(false);
            }
            self.next();
            let after = self.peek().clone();
            let next = self.peek_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    self.next_non_space();
                    decl.push(variable.span());
                    self.vars.push(variable.text.into_owned());
                    return Ok(next.kind == Kind::Assign);
                }
                Kind::Char if next.text == "," => {
                    self.next_non_space();
                    decl.push(variable.span());
                    self.vars.push(variable.text.into_owned());
                    if context == "range" && decl.len() < 2 {
                        match self.peek_non_space().kind {
                            Kind::Variable | Kind::RightDelim | Kind::RightParen => continue,
                            _ => return self.error("range can only initialize variables"),
                        }
                    }
                    return self.error(format!("too many declarations in {context}"));
                }
                _ if after.kind == Kind::Space => self.backup3(variable, after),
                _ => self.backup2(variable),
            }
            return Ok(false);
        }
    }

    fn check(&self, commands: &[Command], context: &str) -> Parse<()> {
        if commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (index, command) in commands.iter().enumerate().skip(1) {
            if let Some(first) = command.args.first()
                && is_constant(&first.kind)
            {
                return self.error(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parse<Command> {
        let pos = self.peek_non_space().pos;
        let from = self.exprs.len();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                self.exprs.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.backup(),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if self.exprs.len() == from {
            return self.error("empty command");
        }
        Ok(Command { pos, args: closed(&mut self.exprs, from) })
    }

    fn operand(&mut self) -> Parse<Option<Expr>> {
        let Some(term) = self.term()? else { return Ok(None) };
        if self.peek().kind != Kind::Field {
            return Ok(Some(term));
        }
        let pos = self.peek().pos;
        let mut end = pos;
        // Fields stand behind each other without a gap, so the first and the last tell them all.
        while self.peek().kind == Kind::Field {
            end = self.next().span().end;
        }
        let kind = match term.kind {
            ExprKind::Field(first) => ExprKind::Field(Span { end, ..first }),
            ExprKind::Variable(first) => ExprKind::Variable(Span { end, ..first }),
            ref kind if is_constant(kind) => {
                let term = Shown(&self.text, &term).to_string();
                return self.error(format!("unexpected . after term {}", quote(&term)));
            }
            _ => ExprKind::Chain(Box::new(Chain { node: term, fields: Span { start: pos, end } })),
        };
        Ok(Some(Expr { pos, kind }))
    }

    fn term(&mut self) -> Parse<Option<Expr>> {
        let token = self.next_non_space();
        let kind = match token.kind {
            Kind::Identifier => {
                if !(self.known)(&token.text) {
                    return self.error(format!("function {} not defined", quote(&token.text)));
                }
                ExprKind::Identifier(token.span())
            }
            Kind::Dot => ExprKind::Dot,
            Kind::Nil => ExprKind::Nil,
            Kind::Bool => ExprKind::Bool(token.text == "true"),
            Kind::Variable => {
                if !self.vars.iter().any(|known| *known == token.text) {
                    return self.error(format!("undefined variable {}", quote(&token.text)));
                }
                ExprKind::Variable(token.span())
            }
            Kind::Field => ExprKind::Field(token.span()),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                match number::number(&token, token.kind == Kind::CharConstant) {
                    Ok(number) => ExprKind::Number(Box::new(number)),
                    Err(message) => return self.error(message),
                }
            }
            Kind::String | Kind::RawString => match unquote(&token.text) {
                Some(value) => ExprKind::String(Box::new(Quoted { quoted: token.span(), value: Value::from(value) })),
                None => return self.error("invalid syntax"),
            },
            Kind::LeftParen => {
                self.deeper()?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.nesting -= 1;
                ExprKind::Pipe(Box::new(pipe))
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Expr { pos: token.pos, kind }))
    }
}

fn is_constant(kind: &ExprKind) -> bool {
    matches!(kind, ExprKind::Bool(_) | ExprKind::Dot | ExprKind::Nil | ExprKind::Number(_) | ExprKind::String(_))
}
