//! Text to tokens to tree, and back: lexer, parser, formatter and the diagnostic type of plat.
