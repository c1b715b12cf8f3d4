"""What is made from the code: catalogs, dbt sources, answers to questions, settings, and tables of pages."""
