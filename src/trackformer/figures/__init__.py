"""The pictures of docs/how-it-works.md: `python -m trackformer.figures OUT` draws them."""
