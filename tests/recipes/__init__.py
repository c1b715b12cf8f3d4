"""The README's recipes and the files of catalog/recipes, run as they stand there."""
