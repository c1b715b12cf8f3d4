"""The README's recipes and the files of examples/recipes, run as they stand there."""
