"""OpenAI's images API over Darkroom's jobs: the words of that API in, ours inside, theirs out (docs/openai.md)."""
