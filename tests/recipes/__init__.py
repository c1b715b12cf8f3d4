"""The recipes of docs/running.md and the files of examples/recipes, run as they stand there."""
